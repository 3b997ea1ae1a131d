/**
 * A whole shop in one process: trustee and issuer over HTTP, and for each shop a terminal with its bridge, for each user a
 * token. What people do (hold a token to a reader, press its button) is done by the functions here.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtBundle } from '../../flash-scripts/built-bundles.js';
import { TERMINAL_TERMS, terminalFiles, tokenFiles, TOKEN_LIMITS, type IssuerFacts } from '../../flash-scripts/board-files.js';
import type { IssuerOffice, IssuerService, Remote } from '../actors/services.js';
import type { Signer } from '../actors/signer.js';
import { createPresence, type Presence } from './presence.js';
import { createRadioField, type RadioField } from '../emulator/radio-field.js';
import { createRealScheduler, type Scheduler } from '../emulator/scheduler.js';
import { failure, refusal, type Result } from '../errors.js';
import { createIssuerClient, createOfficeCall, createOfficeClient, createTrusteeClient } from '../http/client.js';
import { serviceKey } from '../http/key-file.js';
import { startIssuer, startTrustee, type RunningService } from '../http/start.js';
import { startBridge, type Bridge, type BridgeEvent } from '../relay/bridge.js';
import { emulatedBoards, interpreterBoards, type BoardMaker, type NfcBoard } from './nfc-boards.js';
import { createRandom, type Random } from './random.js';

export interface WorldOptions {
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
  /** Told of each step of making the world. */
  onStep(name: string, ms: number): void;
  onConsole?(board: string, line: string): void;
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
  /** PKU, once registered. */
  pku: Uint8Array | null;
}

/** The world. */
export interface World {
  scheduler: Scheduler;
  maker: BoardMaker;
  /** ES5 as boards are flashed with it. */
  bundles: { token: string; terminal: string };
  facts: IssuerFacts;
  issuer: RunningService<unknown>;
  trustee: RunningService<unknown>;
  issuerClient: Remote<IssuerService>;
  office: Remote<IssuerOffice>;
  operator: Signer;
  shops: Shop[];
  tokens: Token[];
  /** A second token with a copy of the first one's memory. */
  clone(token: Token, name: string): Promise<Token>;
  /** Ends bridges, boards and services, in this order. */
  close(): Promise<void>;
}

/** How long a terminal may take to connect. The real interpreter computes for seconds at its first start. */
const LINK_MS = 60_000;

/** Unwraps a named result. @throws TapcashError of its code */
export function must<T>(what: string, result: Result<T>): Extract<Result<T>, { ok: true }> {
  if (!result.ok) throw failure(result.code, result.detail ? `${what}: ${result.detail}` : what);
  return result as Extract<Result<T>, { ok: true }>;
}

async function timed<T>(options: WorldOptions, name: string, run: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await run();
  options.onStep(name, performance.now() - startMs);
  return result;
}

/** Starts services, boards and bridges. @throws TapcashError; what was started is ended again */
export async function startWorld(options: WorldOptions): Promise<World> {
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

async function start(options: WorldOptions, closers: (() => Promise<void> | void)[], close: () => Promise<void>): Promise<World> {
  const { dataDir, seed } = options;
  const scheduler = createRealScheduler();
  const maker = options.interpreter ? interpreterBoards(scheduler, options.interpreter, options.watchMemory) : emulatedBoards(scheduler);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });

  const bundles = await timed(options, 'build firmware', async () => ({ token: await builtBundle('user-token'), terminal: await builtBundle('shop-terminal') }));

  const services = await timed(options, 'start trustee and issuer', () => startServices(dataDir, seed));
  closers.push(() => services.issuer.close(), () => services.trustee.close());
  const { facts } = services;

  /** Powers a board up with this world's bundle. */
  async function powerUp(role: 'user-token' | 'shop-terminal', name: string, files: Record<string, Uint8Array>): Promise<NfcBoard> {
    const bundle = role === 'user-token' ? bundles.token : bundles.terminal;
    const device = await maker.make({
      name,
      role,
      files,
      bundle,
      entropy: createRandom(seed, `entropy ${name}`),
      onConsole: (line) => options.onConsole?.(name, line),
    });
    closers.push(() => device.close());
    await device.ready();
    return device;
  }

  async function openShop(name: string): Promise<Shop> {
    const random = createRandom(seed, `shop ${name}`);
    const terminalId = random(4);
    const files = terminalFiles(maker.config, facts, { ...TERMINAL_TERMS, shop: name, terminalId }, random(32));
    const device = await powerUp('shop-terminal', name, files);
    const field = createRadioField(scheduler);
    device.chip.enterAsReader(field);
    let online = !options.offline?.includes(name);
    const bridge = await startBridge({
      port: () => device.openPort(),
      services: { ...services.forBridge, issuer: throughGate(services.forBridge.issuer, () => online) },
      dataDir: join(dataDir, `bridge-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`),
      issuerKey: facts.issuerKey,
      registrarKey: facts.registrarKey,
      random,
      denyPollMs: 2000,
      onEvent: (event) => options.onEvent?.(name, event),
    });
    closers.push(() => bridge.close());
    await bridge.terminal.waitUp(LINK_MS);
    const { status } = must('terminal status', await bridge.terminal.status());
    must('open account', await services.office.openAccount(name, null));
    must('register terminal', await services.office.registerTerminal(name, status.terminalId, status.terminalKey));
    return { name, device, field, bridge, terminalId, setOnline: (now) => void (online = now) };
  }

  async function issueToken(name: string): Promise<Token> {
    const files = tokenFiles(maker.config, facts, TOKEN_LIMITS, createRandom(seed, `token ${name}`)(32));
    const device = await powerUp('user-token', name, files);
    return { name, device, presence: createPresence(device.chip.card), pku: null };
  }

  const shops: Shop[] = [];
  const tokens: Token[] = [];
  await timed(options, `start ${options.shops.length === 1 ? 'terminal and bridge' : `${options.shops.length} terminals and bridges`}`, async () => {
    for (const name of options.shops) shops.push(await openShop(name));
  });
  await timed(options, `start ${options.users.length} tokens`, async () => {
    for (const name of options.users) tokens.push(await issueToken(name));
  });

  return {
    scheduler,
    maker,
    bundles,
    ...services,
    shops,
    tokens,
    async clone(token, name) {
      const device = await token.device.clone(name, createRandom(seed, `entropy ${name}`));
      closers.push(() => device.close());
      await device.ready();
      return { name, device, presence: createPresence(device.chip.card), pku: token.pku };
    },
    close,
  };
}

/** Keys, services, clients. Each service is told the other's public key, so both keys come first. */
async function startServices(dataDir: string, seed: number | null) {
  const random = (label: string): Random => createRandom(seed, label);
  const issuerKey = serviceKey(dataDir, 'issuer', random('issuer')).publicKey;
  const registrarKey = serviceKey(dataDir, 'trustee', random('trustee')).publicKey;
  const operator = serviceKey(dataDir, 'operator', random('operator'));
  const issuer = await startIssuer({ dataDir, registrarKey, operatorKeys: [operator.publicKey] });
  const trustee = await startTrustee({ dataDir, issuerKey }).catch(async (thrown) => {
    await issuer.close();
    throw thrown;
  });
  const facts: IssuerFacts = issuer.parameters;
  const officeOptions = { url: issuer.url, operator, issuer: facts.issuer };
  const issuerClient = createIssuerClient({ url: issuer.url });
  const office = createOfficeClient(officeOptions);
  const forBridge = {
    issuer: issuerClient,
    trustee: createTrusteeClient({ url: trustee.url }),
    office: (requestId: Uint8Array) => createOfficeCall(officeOptions, requestId),
  };
  return { facts, issuer, trustee, operator, issuerClient, office, forBridge };
}

/** The issuer as a bridge sees it whose network may be down. */
function throughGate(issuer: Remote<IssuerService>, isOnline: () => boolean): Remote<IssuerService> {
  const gate = (name: string | symbol) => (...values: unknown[]) => {
    if (!isOnline()) return Promise.resolve(refusal('SERVICE_DOWN', 'the shop is offline'));
    return (issuer as unknown as Record<string | symbol, (...given: unknown[]) => unknown>)[name](...values);
  };
  return new Proxy(issuer, { get: (_, name) => gate(name) });
}
