/**
 * A shop's terminal without a board, for payment over a communication line [0011], [0130]: the modules of
 * firmware/shop-terminal on Node, its records in SQLite, its reader a line (line-reader.ts). To its bridge it is a
 * terminal on a port, with an id and a key of its own, and every rule of money is the till's.
 *
 * It has no desk: who holds a token to a reader is seen by a teller, who comes over a line is not.
 */
import { crc32 } from 'node:zlib';
import { copy, equal, fromHex, readU32, toHex } from '../../firmware/core/bytes.js';
import { createApduClient } from '../../firmware/nfc/iso-dep-client.js';
import { acceptNotice, openDenyList } from '../../firmware/shop-terminal/deny-update.js';
import { openHistoryLog } from '../../firmware/shop-terminal/history-log.js';
import { openIssuerNotices } from '../../firmware/shop-terminal/issuer-notices.js';
import { loadTerminalSeed } from '../../firmware/shop-terminal/terminal-key.js';
import {
  readProvision,
  type TerminalProvision,
  type TerminalSetup,
} from '../../firmware/shop-terminal/terminal-setup.js';
import { createOpenAmount } from '../../firmware/shop-terminal/open-amount.js';
import { createTerminal, type Terminal } from '../../firmware/shop-terminal/terminal.js';
import { openTill, type Till } from '../../firmware/shop-terminal/till.js';
import { openTombstoneLog } from '../../firmware/shop-terminal/tombstone-log.js';
import type { BoardVerifier } from '../../firmware/shop-terminal/checker.js';
import { CHARGE_STATES, KIND, tapReport } from '../../firmware/wire/link/link-messages.js';
import { createLinkSession, ROLE, type LinkSession } from '../../firmware/wire/link/link-session.js';
import { history, license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { beforeFields, TERMINAL_TERMS, type IssuerFacts } from '../../flash-scripts/provision/board-files.js';
import { createSigner, isSigned, type Signer } from '../base/crypto/signer.js';
import { sha256 } from '../base/crypto/hash.js';
import { failure, refusal, type ErrorCode, type Result } from '../base/errors.js';
import { createRealScheduler, type Scheduler } from '../base/scheduler.js';
import { codeOf } from '../../firmware/core/codes.js';
import type { BoardPort } from '../serial/port.js';
import { factsFrom, storedFacts, type StoredFacts } from '../soft-board/facts-text.js';
import {
  clockOf,
  displayTo,
  drawBytes,
  endingScheduler,
  SILENT_INDICATOR,
  type EndingScheduler,
} from '../soft-board/soft-parts.js';
import { openSoftStore, type Cut } from '../soft-board/soft-store.js';
import { createLineReader, RESPONSE_BYTES_MAX, type LineReader } from './line-reader.js';
import { settleVisit } from './line-settle.js';
import { createVisit, type VisitReply } from './visit.js';

/** What a line's terminal is made from. */
export interface LineTerminalOptions {
  /** Its store; made where missing. */
  path: string;
  /** IdS. */
  shop: string;
  /** null: those of its last start, where no house answers now. */
  facts: IssuerFacts | null;
  /** How long a charge may wait for a wallet. */
  chargeLifetimeS?: number;
  scheduler?: Scheduler;
  random?(bytes: number): Uint8Array;
  /** What its display would show. */
  onLines?(lines: string[]): void;
  /** Its store failed: it does nothing more, as a board with a fault. */
  onFault?(thrown: unknown): void;
  cut?: Cut;
}

/** What a customer's program is told of a charge. */
export interface LineCharge {
  shop: string;
  currency: string;
  /** Minor units. */
  amount: number;
  state: 'open' | 'accepted' | 'paid' | 'cancelled';
}

/** The terminal, running. */
export interface LineTerminal {
  terminalId: Uint8Array;
  terminalKey: Uint8Array;
  shop: string;
  /** The bridge's end of its cable. */
  port(): Promise<BoardPort>;
  /** @param id 8 bytes. Codes: CHARGE_UNKNOWN. */
  charge(id: Uint8Array): Result<LineCharge>;
  /** A wallet comes for a charge; its first command. Codes: CHARGE_UNKNOWN, BUSY. */
  arrive(id: Uint8Array): Promise<Result<{ reply: VisitReply }>>;
  answer: LineReader['answer'];
  close(): void;
}

/** A line has its bridge beside it: nothing is accepted unchecked, or without a signed time. */
const FLOOR_LIMIT = 0;
/** Two halves of a deny list of 40,000 prefixes, as a board reserves them (docs/wire-2.md). */
const DENY_HALF_BYTES = 163_840;
const PAGE_BYTES = 4096;
const BURST_BYTES_MAX = 512;
const STATE_NAMES = { 1: 'open', 2: 'accepted', 3: 'paid', 4: 'cancelled' } as const;

/** Opens it and starts it. @throws TapcashError LINE_RUNS, DATABASE_*, NOT_PROVISIONED */
export function openLineTerminal(options: LineTerminalOptions): LineTerminal {
  const { random = drawBytes, shop } = options;
  let reader: LineReader | null = null;
  const scheduler = endingScheduler(options.scheduler ?? createRealScheduler(), (thrown) => {
    reader?.fail();
    options.onFault?.(thrown);
  });
  const store = openSoftStore(options.path, { busy: 'LINE_RUNS', mayMake: true, cut: options.cut });
  try {
    const known = store.setting<StoredFacts>('facts');
    const facts = options.facts ?? (known && factsFrom(known));
    if (!facts) throw failure('NOT_PROVISIONED', 'no house answered yet');
    const terminal = run(options, scheduler, random, facts, shop, store, (made) => void (reader = made));
    store.setSetting('facts', storedFacts(facts));
    return terminal;
  } catch (thrown) {
    scheduler.end();
    store.close();
    throw thrown;
  }
}

/** The id of this terminal: made once, and again where the shop or its issuer is another one. */
function terminalIdOf(
  store: ReturnType<typeof openSoftStore>,
  shop: string,
  facts: IssuerFacts,
  random: (bytes: number) => Uint8Array,
): Uint8Array {
  const known = store.setting<{ terminalId: string; shop: string; issuer: string }>('terminal');
  if (known && (known.shop !== shop || known.issuer !== toHex(facts.issuer)))
    throw failure('WRONG_NAME', `${store.path} is the line of ${known.shop}`);
  if (known) return fromHex(known.terminalId)!;
  const terminalId = random(4);
  store.setSetting('terminal', { terminalId: toHex(terminalId), shop, issuer: toHex(facts.issuer) });
  return terminalId;
}

function setupOf(options: LineTerminalOptions, facts: IssuerFacts, terminalId: Uint8Array): TerminalSetup {
  const { shop } = options;
  const given: TerminalProvision = {
    issuer: toHex(facts.issuer),
    currency: facts.currency,
    registrarKey: toHex(facts.registrarKey),
    issuerKey: toHex(facts.issuerKey),
    ...beforeFields(facts),
    shop,
    terminalId: toHex(terminalId),
    ...TERMINAL_TERMS,
    floorLimit: FLOOR_LIMIT,
    chargeLifetimeS: options.chargeLifetimeS ?? TERMINAL_TERMS.chargeLifetimeS,
  };
  const read = readProvision(given);
  if (!read.ok) throw failure('NOT_PROVISIONED', read.fault);
  return read.setup;
}

/** Licenses and payments by the host's check, which has the one rule that boards have (docs/security.md 5). */
function verifierOf(setup: TerminalSetup): BoardVerifier {
  return {
    license(bytes) {
      const signed = license.decode(bytes);
      const body = signed && licenseBody.decode(signed.body);
      if (!signed || !body) return false;
      const before = body.validUntilS <= setup.registrarUntilS ? setup.registrarBefore : null;
      return [setup.registrarKey, before].some(
        (key) => key !== null && isSigned(key, SIGNED.license, signed.body, signed.signature),
      );
    },
    payment(bytes) {
      const kept = history.decode(bytes);
      const outer = kept && license.decode(kept.license);
      const body = outer && licenseBody.decode(outer.body);
      return !!kept && !!body && isSigned(body.pku, SIGNED.payment, kept.challenge, kept.signature);
    },
  };
}

/** What the till stands on, and the till. */
function shopOf(
  store: ReturnType<typeof openSoftStore>,
  setup: TerminalSetup,
  key: Signer,
  nowMs: () => number,
  random: (bytes: number) => Uint8Array,
) {
  const { records } = store;
  const histories = openHistoryLog(records, setup.historiesMax);
  const tombstones = openTombstoneLog(records);
  const area = {
    flash: store.flash(2 * DENY_HALF_BYTES, PAGE_BYTES),
    address: 0,
    halfBytes: DENY_HALF_BYTES,
    eraseBytes: PAGE_BYTES,
  };
  const notices = openIssuerNotices(records, setup.limits, nowMs, { records, area, sha256 }, () => ({
    open: openDenyList,
    accept: acceptNotice,
  }));
  const sign = (type: number, message: Uint8Array) => key.sign(type, message);
  const till = openTill({ records, histories, tombstones, notices, random, sign }, setup.till);
  return { histories, tombstones, notices, till, sign };
}

/** How the conversation of now went, by the terminal's own reports: the wallet is told, too. */
function watchReports(link: LinkSession): { link: LinkSession; outcome(): ErrorCode } {
  let lastCode: ErrorCode = 'TAP_TORN';
  return {
    link: {
      ...link,
      request(kind, body, callback, timeoutMs) {
        const report = kind === KIND.tap ? tapReport.decode(body) : null;
        if (report) lastCode = codeOf(report.code);
        link.request(kind, body, callback, timeoutMs);
      },
    },
    // Told once: where no report comes, as without its bridge, the next conversation has not gone like this one.
    outcome() {
      const code = lastCode;
      lastCode = 'TAP_TORN';
      return code;
    },
  };
}

function run(
  options: LineTerminalOptions,
  scheduler: EndingScheduler,
  random: (bytes: number) => Uint8Array,
  facts: IssuerFacts,
  shop: string,
  store: ReturnType<typeof openSoftStore>,
  onReader: (reader: LineReader) => void,
): LineTerminal {
  const terminalId = terminalIdOf(store, shop, facts, random);
  const setup = setupOf(options, facts, terminalId);
  const key = createSigner(loadTerminalSeed(store.records, random));
  const clock = clockOf(scheduler);
  const parts = shopOf(store, setup, key, clock.nowMs, random);
  const cable = createCable(scheduler, (deliver) => linkOf(scheduler, random, deliver, () => terminal));
  const watched = watchReports(cable.link);
  const reader = createLineReader(scheduler, watched.outcome);
  onReader(reader);
  const terminal: Terminal = createTerminal({
    ...parts,
    ...{ reader, clock, sha256, random, link: watched.link },
    createKeys: null,
    loadOpen: () => createOpenAmount,
    records: store.records,
    config: setup.till,
    client: createApduClient({ radio: reader, responseBytesMax: RESPONSE_BYTES_MAX }),
    display: displayTo(options.onLines),
    indicator: SILENT_INDICATOR,
    board: verifierOf(setup),
    verifyIssuer: (type, message, signature) =>
      [setup.issuerKey, setup.issuerBefore].some((by) => by !== null && isSigned(by, type, message, signature)),
    publicKey: key.publicKey,
    work: () => false,
    makeRoom: () => undefined,
    memory: () => ({ used: 0, total: 0 }),
    flashWrites: store.records.writes,
    firmware: 0,
  });
  terminal.start();
  cable.link.start();
  return {
    terminalId,
    terminalKey: key.publicKey,
    shop,
    port: cable.port,
    ...doorOf(scheduler, reader, parts.till, shop, facts.currency),
    close() {
      terminal.stop();
      cable.link.stop();
      reader.fail();
      scheduler.end();
      store.close();
    },
  };
}

/** What wallets reach of it. */
function doorOf(
  scheduler: EndingScheduler,
  reader: LineReader,
  till: Till,
  shop: string,
  currency: string,
): Pick<LineTerminal, 'charge' | 'arrive' | 'answer'> {
  const isOurs = (id: Uint8Array) => till.view().state !== CHARGE_STATES.none && equal(till.view().id, id);
  return {
    charge(id) {
      if (scheduler.ended()) return refusal('DEVICE_FAULT', 'the terminal of this line');
      if (!isOurs(id)) return refusal('CHARGE_UNKNOWN');
      const { amount, state } = till.view();
      return { ok: true, shop, currency, amount, state: STATE_NAMES[state as 1 | 2 | 3 | 4] };
    },
    async arrive(id) {
      if (scheduler.ended()) return refusal('DEVICE_FAULT', 'the terminal of this line');
      if (isOurs(id) && till.view().state === CHARGE_STATES.open) return reader.arrive();
      return settle(scheduler, reader, till, shop, isOurs(id) ? endOf(till) : 'CHARGE_UNKNOWN');
    },
    answer: reader.answer,
  };
}

/** What a wallet is told that comes for a charge which is over. */
function endOf(till: Till): ErrorCode {
  const { state } = till.view();
  if (state === CHARGE_STATES.paid) return 'ALREADY_PAID';
  return state === CHARGE_STATES.cancelled ? 'NO_CHARGE' : 'BUSY';
}

function settle(scheduler: Scheduler, reader: LineReader, till: Till, shop: string, end: ErrorCode) {
  const visit = createVisit(scheduler);
  reader.admit(visit);
  settleVisit(visit, till, shop, end);
  return visit.next(0);
}

/** The terminal's end of the link to its bridge. */
function linkOf(
  scheduler: Scheduler,
  random: (bytes: number) => Uint8Array,
  deliver: (bytes: Uint8Array) => void,
  terminal: () => Terminal,
): LinkSession {
  return createLinkSession({
    role: ROLE.terminal,
    burstBytesMax: BURST_BYTES_MAX,
    clock: clockOf(scheduler),
    crc32: (bytes) => crc32(bytes),
    write: deliver,
    random32: () => readU32(random(4), 0),
    onRequest(kind, body, reply) {
      if (kind === KIND.desk) reply('REFUSED');
      else terminal().onRequest(kind, body, reply);
    },
    onUp: () => terminal().onUp(),
    onDown: () => terminal().onDown(),
  });
}

/** The cable between terminal and bridge, in one process: bytes arrive later, in order. */
function createCable(scheduler: Scheduler, makeLink: (deliver: (bytes: Uint8Array) => void) => LinkSession) {
  let bridgeEnd: BoardPort | null = null;
  const later = (run: () => void) => void scheduler.setTimer(run, 0);
  const link = makeLink((bytes) => {
    const sent = copy(bytes, 0, bytes.length);
    later(() => bridgeEnd?.onData?.(sent));
  });
  return {
    link,
    async port(): Promise<BoardPort> {
      const end: BoardPort = {
        path: 'line',
        onData: null,
        onLost: null,
        write(bytes) {
          const sent = copy(bytes, 0, bytes.length);
          later(() => {
            if (bridgeEnd === end) link.receive(sent);
          });
        },
        async close() {
          if (bridgeEnd === end) bridgeEnd = null;
        },
      };
      bridgeEnd = end;
      return end;
    },
  };
}
