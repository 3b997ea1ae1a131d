/**
 * The wallet as a card: a PN532 on a USB serial adapter, driven by the token's own driver (firmware/nfc/pn532-card.ts),
 * so that a laptop held to a terminal's reader pays, registers and withdraws there as a token does.
 */
import { toChars } from '../../firmware/core/bytes.js';
import { createApduServer } from '../../firmware/nfc/iso-dep-server.js';
import { answerFrames, createPn532Card } from '../../firmware/nfc/pn532-card.js';
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { createPn532Link } from '../../firmware/nfc/pn532-link.js';
import { AID, CLA } from '../../firmware/wire/token-commands.js';
import type { BoardPort } from '../serial/port.js';
import { drawBytes } from '../soft-board/soft-parts.js';
import type { SoftToken } from './soft-token.js';

/** A PC's serial port takes whole frames, the longest of which the chip has (UM0701-02 6.2.1.1). */
export const BURST_BYTES_MAX = 280;

/** What a card is made from. */
export interface WalletCardOptions {
  token: SoftToken;
  port: BoardPort;
  /** The chip does not answer, or fails again and again. @param code of firmware/nfc/pn532-link.ts */
  onFailure(code: string): void;
}

/** Starts it; it listens for readers until its port is closed. */
export function startWalletCard({ token, port, onFailure }: WalletCardOptions): void {
  const serial = {
    write: (bytes: Uint8Array) => port.write(bytes),
    on: (_event: 'data', callback: (data: string) => void) => {
      port.onData = (bytes) => callback(toChars(bytes));
    },
  };
  const link = createPn532Link(createHsuPort(serial), token.clock, { burstBytesMax: BURST_BYTES_MAX });
  const server = createApduServer({ aid: AID, cla: CLA, respond: answerFrames(link), handlers: token.handlers });
  const card = createPn532Card(link, token.clock, {
    onCommand: server.handle,
    onWaiting() {
      if (!server.hasMore()) token.finish();
    },
    onActivated() {
      server.reset();
      token.setInField(true);
    },
    onReleased: () => token.setInField(false),
    onError: (failure, final) => {
      if (final) onFailure(failure.code);
    },
    random: drawBytes,
  });
  card.start();
}
