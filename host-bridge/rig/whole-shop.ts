/**
 * A whole shop in one process: the scheme's houses over HTTP, and for each shop a terminal with its bridge, for each
 * user a token. What people do (hold a token to a reader, press its button) is done by the functions here.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import type { CutProgram } from '../../flash-scripts/build/overlays.js';
import {
  TERMINAL_TERMS,
  terminalFiles,
  tokenFiles,
  TOKEN_LIMITS,
  type IssuerFacts,
} from '../../flash-scripts/provision/board-files.js';
import { currentFacts } from '../../flash-scripts/provision/current-facts.js';
import type {
  AccountsOffice,
  BankOffice,
  IssuerOffice,
  IssuerService,
  Remote,
  TrusteeService,
} from '../base/services/procedures.js';
import type { Services } from '../base/services/calls.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import type { Signer } from '../base/crypto/signer.js';
import { STANDARD_CURRENCY } from '../base/money.js';
import { createPresence, type Presence } from './presence.js';
import { createRadioField, type RadioField } from '../emulator/radio-field.js';
import { createRealScheduler, type Scheduler } from '../base/scheduler.js';
import { failure, refusal } from '../base/errors.js';
import type { RunningService } from '../services/start.js';
import { startBridge, type Bridge, type BridgeEvent } from '../bridge/bridge.js';
import { housesOf, startHouses } from './served-houses.js';
import { emulatedBoards, interpreterBoards, type BoardMaker, type NfcBoard } from './nfc-boards.js';
import { createRandom, type Random } from './random.js';
import { must } from './must.js';
import type { Role } from '../../flash-scripts/boards/roles.js';

export interface WholeShopOptions {
  /** Everything on disk lies below. */
  dataDir: string;
  shops: string[];
  /** Shops whose bridge cannot reach the services until `setOnline`. */
  offline?: string[];
  users: string[];
  /** Path of Espruino's Linux build, or null for emulated boards. */
  interpreter: string | null;
  /** Count the boards' variables while they work (nfc-boards.ts). */
  watchMemory?: boolean;
  /** null: keys from the operating system. */
  seed: number | null;
  /** Number of the scheme's row; default 1. */
  scheme?: number;
  /** ISO 4217; default `STANDARD_CURRENCY`. */
  currency?: string;
  /** Pseudonyms of each token; default 1. */
  pseudonyms?: number;
  /** TCP port of the first house, which the others follow; default: any free ones. */
  port?: number | null;
  /** Told of each step of putting it together. */
  onStep(name: string, ms: number): void;
  onConsole?(board: string, line: string): void;
  /** Told when an emulated board may look otherwise. */
  onLook?(): void;
  onEvent?(shop: string, event: BridgeEvent): void;
}

/** A shop: terminal, reader's field, bridge. */
export interface Shop {
  name: string;
  device: NfcBoard;
  field: RadioField;
  bridge: Bridge;
  terminalId: Uint8Array;
  /** Cuts the bridge's way to the services, or mends it. */
  setOnline(online: boolean): void;
}

/** A user's token, and where its owner holds it. */
export interface Token {
  name: string;
  device: NfcBoard;
  presence: Presence;
  /** Its pseudonyms, as far as anybody but the issuer has seen them. */
  pkus: Uint8Array[];
}

/** The shop, with its houses and its people's tokens. */
export interface WholeShop {
  /** Everything on disk lies below. */
  dataDir: string;
  scheduler: Scheduler;
  maker: BoardMaker;
  /** As boards are flashed with them. */
  programs: Record<Role, CutProgram>;
  scheme: Scheme;
  pseudonyms: number;
  currency: string;
  issuer: RunningService<unknown>;
  /** null where the scheme has none. */
  trustee: RunningService<unknown> | null;
  bank: RunningService<unknown> | null;
  issuerClient: Remote<IssuerService>;
  trusteeClient: Remote<TrusteeService> | null;
  office: Remote<IssuerOffice>;
  bankOffice: Remote<BankOffice> | null;
  /** The office of who keeps the accounts. */
  accounts: Remote<AccountsOffice>;
  /** The houses as a bridge calls them. */
  forBridge: Services;
  operator: Signer;
  shops: Shop[];
  tokens: Token[];
  /** Ends the houses' services, and starts them again on their databases and ports. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Sets the clocks of houses and bridges forward, and waits until the terminals have heard of it. */
  advance(seconds: number): Promise<void>;
  /** A house gets another key, now, and the others hear of it. */
  rotateKey(house: 'issuer' | 'trustee' | 'bank'): Promise<void>;
  /** Provisions a board anew, with the houses' keys of now. */
  updateShop(shop: Shop): Promise<void>;
  updateToken(token: Token): Promise<void>;
  /** A second token with a copy of the first one's memory. */
  clone(token: Token, name: string): Promise<Token>;
  /** Ends bridges, boards and services, in this order. */
  close(): Promise<void>;
}

/** A terminal that was told the time is behind by no more; how often it is asked, each 50 ms. */
const TIME_ERROR_S = 60;
const TIME_TRIES_MAX = 400;

/** How long a terminal may take to connect. The real interpreter computes for seconds at its first start. */
const LINK_MS = 60_000;

async function timed<T>(options: WholeShopOptions, name: string, run: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await run();
  options.onStep(name, performance.now() - startMs);
  return result;
}

/** Starts services, boards and bridges. @throws TapcashError; what was started is ended again */
export async function startWholeShop(options: WholeShopOptions): Promise<WholeShop> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    return await start(options, closers, close);
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function start(
  options: WholeShopOptions,
  closers: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<WholeShop> {
  const { dataDir, seed, pseudonyms = 1, currency = STANDARD_CURRENCY } = options;
  const scheme = schemeOf(options.scheme ?? 1);
  const scheduler = createRealScheduler();
  const maker = options.interpreter
    ? interpreterBoards(scheduler, options.interpreter, options.watchMemory)
    : emulatedBoards(scheduler);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });

  const programs = await timed(options, 'build firmware', async () => ({
    'user-token': await builtProgram('user-token'),
    'shop-terminal': await builtProgram('shop-terminal'),
  }));

  let aheadS = 0;
  const clock = () => Date.now() / 1000 + aheadS;
  const services = await timed(options, `start ${housesOf(scheme).join(', ')}`, () =>
    startHouses({ dataDir, seed, scheme, currency, clock, port: options.port ?? null }),
  );
  closers.push(() => services.stop());
  /** What boards are given now. */
  async function factsNow(): Promise<IssuerFacts> {
    return currentFacts(must('parameters', await services.issuerClient.parameters()).parameters, clock());
  }

  /** Powers a board up with this rig's program. */
  async function powerUp(
    role: 'user-token' | 'shop-terminal',
    name: string,
    files: Record<string, Uint8Array>,
  ): Promise<NfcBoard> {
    const device = await maker.make({
      name,
      role,
      files,
      program: programs[role],
      entropy: createRandom(seed, `entropy ${name}`),
      onConsole: (line) => options.onConsole?.(name, line),
      onLook: options.onLook,
    });
    closers.push(() => device.close());
    await device.ready();
    return device;
  }

  async function filesOfShop(
    name: string,
    random: Random,
  ): Promise<{ files: Record<string, Uint8Array>; terminalId: Uint8Array }> {
    const terminalId = random(4);
    return {
      files: terminalFiles(maker.config, await factsNow(), { ...TERMINAL_TERMS, shop: name, terminalId }, random(32)),
      terminalId,
    };
  }

  async function filesOfToken(random: Random): Promise<Record<string, Uint8Array>> {
    return tokenFiles(maker.config, await factsNow(), TOKEN_LIMITS, random(32), { number: scheme.number, pseudonyms });
  }

  /** A terminal's id is new at each provisioning, and is registered again. */
  async function updateShop(shop: Shop): Promise<void> {
    const { files, terminalId } = await filesOfShop(shop.name, createRandom(seed, `shop ${shop.name} again`));
    await shop.bridge.terminal.stop();
    await shop.device.update(files);
    await shop.bridge.terminal.start();
    await shop.bridge.terminal.waitUp(LINK_MS);
    const { status } = must('terminal status', await shop.bridge.terminal.status());
    must(
      'register terminal',
      await services.accounts.registerTerminal(shop.name, status.terminalId, status.terminalKey),
    );
    shop.terminalId = terminalId;
  }

  async function openShop(name: string): Promise<Shop> {
    const random = createRandom(seed, `shop ${name}`);
    const { files, terminalId } = await filesOfShop(name, random);
    const device = await powerUp('shop-terminal', name, files);
    const field = createRadioField(scheduler);
    device.chip.enterAsReader(field);
    let online = !options.offline?.includes(name);
    const bridge = await startBridge({
      port: () => device.openPort(),
      services: {
        ...services.forBridge,
        issuer: throughGate(services.forBridge.issuer, () => online),
        ...(services.forBridge.bank ? { bank: throughGate(services.forBridge.bank, () => online) } : {}),
      },
      dataDir: join(
        dataDir,
        `bridge-${encodeURIComponent(name.toLowerCase().replace(/[^a-z0-9\u0080-\uffff]+/g, '-'))}`,
      ),
      issuerKey: services.issuer.parameters.issuerKey,
      registrarKey: services.issuer.parameters.registrarKey,
      random,
      denyPollMs: 2000,
      clock,
      onEvent: (event) => options.onEvent?.(name, event),
    });
    closers.push(() => bridge.close());
    await bridge.terminal.waitUp(LINK_MS);
    const { status } = must('terminal status', await bridge.terminal.status());
    must('open account', await services.accounts.openAccount(name, null));
    must('register terminal', await services.accounts.registerTerminal(name, status.terminalId, status.terminalKey));
    return { name, device, field, bridge, terminalId, setOnline: (now) => void (online = now) };
  }

  async function issueToken(name: string): Promise<Token> {
    const files = await filesOfToken(createRandom(seed, `token ${name}`));
    const device = await powerUp('user-token', name, files);
    return { name, device, presence: createPresence(device.chip.card), pkus: [] };
  }

  const shops: Shop[] = [];
  const tokens: Token[] = [];
  await timed(
    options,
    `start ${options.shops.length === 1 ? 'terminal and bridge' : `${options.shops.length} terminals and bridges`}`,
    async () => {
      for (const name of options.shops) shops.push(await openShop(name));
    },
  );
  await timed(options, `start ${options.users.length} tokens`, async () => {
    for (const name of options.users) tokens.push(await issueToken(name));
  });

  return {
    dataDir,
    scheduler,
    maker,
    programs,
    ...services,
    updateShop,
    updateToken: async (token) =>
      token.device.update(await filesOfToken(createRandom(seed, `token ${token.name} again`))),
    scheme,
    pseudonyms,
    currency,
    shops,
    tokens,
    async clone(token, name) {
      const device = await token.device.clone(name, createRandom(seed, `entropy ${name}`));
      closers.push(() => device.close());
      await device.ready();
      return { name, device, presence: createPresence(device.chip.card), pkus: token.pkus };
    },
    async advance(seconds) {
      aheadS += seconds;
      await services.confirmClocks();
      for (const { bridge } of shops) {
        // A terminal asks for the time when its link comes up.
        await bridge.terminal.stop();
        await bridge.terminal.start();
        await bridge.terminal.waitUp(LINK_MS);
        const from = clock() - TIME_ERROR_S;
        for (let tries = 0; must('terminal status', await bridge.terminal.status()).status.timeS < from; tries++) {
          if (tries === TIME_TRIES_MAX) throw failure('TIME_STALE', 'the terminal has not heard of the time');
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    },
    close,
  };
}

/** A service as a bridge sees it whose network may be down. */
function throughGate<T extends object>(service: T, isOnline: () => boolean): T {
  const gate =
    (name: string | symbol) =>
    (...values: unknown[]) => {
      if (!isOnline()) return Promise.resolve(refusal('SERVICE_DOWN', 'the shop is offline'));
      return (service as unknown as Record<string | symbol, (...given: unknown[]) => unknown>)[name](...values);
    };
  return new Proxy(service, { get: (_, name) => gate(name) });
}
