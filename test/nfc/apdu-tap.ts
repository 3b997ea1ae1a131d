/** A terminal and a token at the level of APDUs, on the bench: the token gives back what it gets, reversed. */
import { createApduClient, INS_SELECT } from '../../firmware/nfc/iso-dep-client.js';
import { createApduServer } from '../../firmware/nfc/iso-dep-server.js';
import { answerFrames, createPn532Card } from '../../firmware/nfc/pn532-card.js';
import type { NfcFailure, Pn532Link } from '../../firmware/nfc/pn532-link.js';
import { apduBytesMax, commandDataBytesMax } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader } from '../../firmware/nfc/pn532-reader.js';
import type { RadioField } from '../../host-bridge/emulator/radio-field.js';
import { createRadioField } from '../../host-bridge/emulator/radio-field.js';
import type { VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import type { Board, Wiring } from './nfc-rig.js';
import { await1, clockOf, createBoard } from './nfc-rig.js';

export const AID = Uint8Array.of(0xf0, 0x74, 0x61, 0x70, 0x63, 0x61, 0x73, 0x68);

export interface TapOptions {
  wiring?: Wiring;
  burstBytesMax?: number;
  /** How long the token thinks about each command. */
  thinkMs?: number;
  /** A tap whose boards lost power (`power.on = false`): its clock, field and chips go on. */
  before?: Tap;
}

/** What goes on when boards lose power. */
export interface Tap {
  scheduler: VirtualScheduler;
  field: RadioField;
  shop: Board;
  user: Board;
}

export function createTap(options: TapOptions = {}) {
  const wiring = options.wiring ?? 'HSU';
  const burst = options.burstBytesMax ?? 64;
  const thinkMs = options.thinkMs ?? 0;
  const before = options.before;
  const power = { on: true };
  const scheduler: VirtualScheduler = before?.scheduler ?? createVirtualScheduler();
  const clock = clockOf(scheduler, power);
  const field: RadioField = before?.field ?? createRadioField(scheduler);
  const shop: Board = createBoard(scheduler, wiring, burst, clock, before?.shop);
  const user: Board = createBoard(scheduler, wiring, burst, clock, before?.user);
  if (!before) shop.chip.enterAsReader(field);

  const reader = createPn532Reader(shop.link, clock, { exchangeTimeoutMs: 3000 });
  const client = createApduClient({ radio: reader, responseBytesMax: apduBytesMax(burst) });

  const log = {
    activated: 0,
    released: [] as NfcFailure[],
    errors: [] as NfcFailure[],
    commands: [] as Uint8Array[],
    apdus: 0,
  };
  // Thinking is what comes before the answer is sent.
  const thinking: Pn532Link = {
    ...user.link,
    exchange: (command) => {
      const isAnswer = command.frame[6] === 0x8e;
      if (!isAnswer || thinkMs === 0) user.link.exchange(command);
      else clock.setTimeout(() => user.link.exchange(command), thinkMs);
    },
  };
  const server = createApduServer({
    aid: AID,
    respond: answerFrames(user.link),
    handlers: {
      selectAnswer: Uint8Array.of(1, Math.min(255, commandDataBytesMax(burst))),
      select: () => undefined,
      command: (ins, data) => {
        log.commands.push(data.slice());
        return ins === 0x02 ? { sw: 0x9000, data: data.slice().reverse() } : { sw: 0x6d00 };
      },
    },
  });
  let uid = 0;
  const card = createPn532Card(thinking, clock, {
    random: (n) => Uint8Array.from({ length: n }, () => ++uid & 255),
    onActivated: () => {
      log.activated++;
      server.reset();
    },
    onReleased: (reason) => log.released.push(reason),
    onError: (failure) => log.errors.push(failure),
    onCommand: (apdu) => {
      log.apdus++;
      return server.handle(apdu);
    },
  });

  /** A whole tap: find, select, one command, release. The first failure, or the command's answer. */
  function tap(data: Uint8Array, findMs = 2000) {
    type Outcome = { step: string; code?: string; data?: Uint8Array; sw?: number };
    return await1<Outcome>(scheduler, 60_000, (done) => {
      const end = (outcome: Outcome) => reader.release(() => done(outcome));
      reader.findCard((found) => {
        if (!found.ok) return end({ step: 'find', code: found.code });
        client.command(0x00, INS_SELECT, 0x04, 0x00, AID, (selected) => {
          if (!selected.ok) return end({ step: 'select', code: selected.code });
          if (selected.sw !== 0x9000) return end({ step: 'select', sw: selected.sw });
          client.setLimits(selected.data[1]);
          client.command(0x80, 0x02, 0, 0, data, (result) =>
            end(
              result.ok ? { step: 'done', data: result.data, sw: result.sw } : { step: 'command', code: result.code },
            ),
          );
        });
      }, findMs);
    });
  }

  return { power, scheduler, clock, field, shop, user, reader, client, server, card, log, tap };
}
