/**
 * A shop that is paid over a communication line: its terminal without a board, its bridge, and its address for wallets;
 * and wallets of users. For tests and the demo.
 */
import { join } from 'node:path';
import { currentFacts } from '../../flash-scripts/provision/current-facts.js';
import { TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { startBridge, type Bridge, type BridgeEvent } from '../bridge/bridge.js';
import { openLineTerminal, type LineTerminal } from '../line/line-terminal.js';
import { startLineService, type LineService } from '../line/line-service.js';
import type { Cut } from '../soft-board/soft-store.js';
import { createWallet, openWallet, type Wallet, type WalletOptions } from '../wallet/wallet.js';
import { failure } from '../base/errors.js';
import type { Scheduler } from '../base/scheduler.js';
import { createPn532Chip, type Pn532Chip } from '../emulator/pn532-chip.js';
import { createSerialLine } from '../serial/serial-line.js';
import { createEmulatedPort, type BoardPort } from '../serial/port.js';
import type { Services } from '../base/services/calls.js';
import { must } from './must.js';
import type { WholeShop } from './whole-shop.js';

type Houses = Pick<WholeShop, 'issuer' | 'bank' | 'trustee' | 'issuerClient' | 'forBridge' | 'accounts'>;

/** The shop, open. */
export interface LineShop {
  name: string;
  terminal: LineTerminal;
  bridge: Bridge;
  service: LineService;
  close(): Promise<void>;
}

const LINK_MS = 60_000;
/** How often a terminal is asked whether it has heard of the time, each 50 ms. */
const TIME_TRIES_MAX = 1200;

/** Opens a shop on a line, with its account and its terminal registered. */
export async function openLineShop(options: {
  dataDir: string;
  name: string;
  houses: Houses;
  clock(): number;
  onEvent?(event: BridgeEvent): void;
  onLines?(lines: string[]): void;
  cut?: Cut;
  onFault?(thrown: unknown): void;
}): Promise<LineShop> {
  const { dataDir, name, houses, clock } = options;
  const { parameters } = must('parameters', await houses.issuerClient.parameters());
  const terminal = openLineTerminal({
    path: join(dataDir, 'line.db'),
    shop: name,
    facts: currentFacts(parameters, clock()),
    ...(options.onLines ? { onLines: options.onLines } : {}),
    ...(options.cut ? { cut: options.cut } : {}),
    ...(options.onFault ? { onFault: options.onFault } : {}),
  });
  const closers: (() => Promise<void> | void)[] = [terminal.close];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    const bridge = await startBridge({
      port: terminal.port,
      services: houses.forBridge,
      dataDir: join(dataDir, 'bridge'),
      issuerKey: houses.issuer.parameters.issuerKey,
      registrarKey: houses.issuer.parameters.registrarKey,
      denyPollMs: 2000,
      clock,
      onEvent: options.onEvent,
    });
    closers.push(() => bridge.close());
    await bridge.terminal.waitUp(LINK_MS);
    must('open account', await houses.accounts.openAccount(name, null));
    must('register terminal', await houses.accounts.registerTerminal(name, terminal.terminalId, terminal.terminalKey));
    // Without a signed time it takes no charge.
    for (let tries = 0; must('terminal status', await bridge.terminal.status()).status.timeS === 0; tries++) {
      if (tries === TIME_TRIES_MAX) throw failure('TIME_STALE', 'the terminal has not heard of the time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const service = await startLineService({ terminal });
    closers.push(() => service.close());
    return { name, terminal, bridge, service, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** A PN532 on a USB serial adapter, emulated: the chip, and the PC's end of its cable. */
export function usbReader(scheduler: Scheduler): { chip: Pn532Chip; port: BoardPort } {
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  chip.connectHsu(line.b, (baud) => void (line.baud = baud));
  return { chip, port: createEmulatedPort(line.a, 'USB') };
}

/** How the wallets of a rig are opened. */
export const walletOptions = (
  dataDir: string,
  houses: { forBridge: Services },
  clock: () => number,
): WalletOptions => ({ dataDir, services: () => houses.forBridge, nowS: clock });

/** A user's new wallet. */
export async function makeWallet(
  dataDir: string,
  houses: Pick<WholeShop, 'issuer' | 'bank' | 'trustee' | 'issuerClient'> & { forBridge: Services },
  clock: () => number,
  pseudonyms = 1,
): Promise<Wallet> {
  const { parameters } = must('parameters', await houses.issuerClient.parameters());
  createWallet({
    dataDir,
    urls: { issuer: houses.issuer.url, bank: houses.bank?.url ?? null, trustee: houses.trustee?.url ?? null },
    parameters,
    pseudonyms,
    policy: 'rotate',
    limits: TOKEN_LIMITS,
  });
  return openWallet(walletOptions(dataDir, houses, clock));
}
