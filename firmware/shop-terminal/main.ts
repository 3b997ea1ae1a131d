/**
 * The shop terminal's program: makes the terminal from the board, its provisioned file, its keys and its tables.
 *
 * Boot order: natives and configuration, raw flash, entropy (board/espruino-board.ts); then key, tables, till,
 * reader, link. A fault stops the board with its name on display and console; so does flash that fails later. Left out:
 * every rule; they are in the modules that this one puts together.
 */
// Before anything else: the cable alone has the console.
import '../board/espruino-consoles.js';
import type { BoardConfig } from '../core/board-config.js';
import { copy, equal, readU32, toHex } from '../core/bytes.js';
import { completeVerifier, Ed25519 } from '../crypto/ed25519.js';
import { createHealthTest, ONE_BIT } from '../crypto/health.js';
import { createHmacDrbg } from '../crypto/hmac-drbg.js';
import type { Natives } from '../core/crypto-natives.js';
import { TEST_NAME } from '../core/self-test-name.js';
import { createNoncePool } from '../crypto/nonce-pool.js';
import { createNonceSource } from '../crypto/nonce-source.js';
import { createVerifier, TabledKey, Verifier } from '../crypto/verifier.js';
import { watchButton } from '../panel/buttons.js';
import {
  openPn532,
  espruinoPins,
  espruinoPort,
  RunningBoard,
  serialOptions,
  startBoard,
  textOf,
} from '../board/espruino-board.js';
import { createEspruinoNatives } from '../board/espruino-natives.js';
import { ApduClient, createApduClient } from '../nfc/iso-dep-client.js';
import { watchAmountKeys } from '../panel/keypad.js';
import { apduBytesMax, createPn532Link } from '../nfc/pn532-link.js';
import { createFrameParser } from '../nfc/pn532-frame.js';
import { createHsuPort } from '../nfc/pn532-hsu.js';
import { createPn532Reader, Pn532Reader } from '../nfc/pn532-reader.js';
import type { RecordPlace, RecordLog } from '../records/record-log.js';
import { institutionsFault, readTable } from '../board/institutions.js';
import { openTest, testBoard } from '../board/self-test.js';
import { openResident } from '../board/startup.js';
import { createFrameDecoder } from '../wire/link/link-frame.js';
import { createLinkSession, LinkSession, ROLE } from '../wire/link/link-session.js';
import { createLinkTransport } from '../wire/link/link-transport.js';
import { history, license, licenseBody, MULTIPLES_BYTES, MULTIPLES_HASH_BYTES } from '../wire/payment.js';
import type { LicenseBody } from '../wire/payment.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { BoardVerifier, createChecker } from './checker.js';
import { createEntryKeys } from './entry-keys.js';
import { createOpenAmount } from './open-amount.js';
import { openHistoryLog } from './history-log.js';
import { findDenyArea } from './deny-area.js';
import type { DenyArea } from './deny-store.js';
import { acceptNotice, openDenyList } from './deny-update.js';
import { openIssuerNotices } from './issuer-notices.js';
import { readProvision, TerminalProvision, TerminalSetup } from './terminal-setup.js';
import { Records } from './shop-records.js';
import { createBridgeService } from './bridge-service.js';
import { createDelivery } from './delivery.js';
import { createTerminal, Terminal } from './terminal.js';
import { loadTerminalSeed } from './terminal-key.js';
import { openTill } from './till.js';
import { openTombstoneLog } from './tombstone-log.js';

/** `provision` is null once it has been read. */
type Board = RunningBoard<TerminalProvision | null>;

/** Nonces kept ready: a rebinding and a cancel in one tap. */
const NONCES_MAX = 2;

/** Samples of fresh entropy in one draw: the health test believes in one bit a sample. */
const FRESH_SAMPLES = 64;

/**
 * Longest wait for a token's answer. At the desk its longest step is sealing a registration of 32 pseudonyms: 18 s on a
 * modelled ESP32 (host-bridge/emulator/work-meter.ts). A token that leaves is noticed much sooner; one at work has its
 * chip ask for more time (ISO/IEC 14443-4 7.3, S(WTX)), as often as it takes.
 */
const EXCHANGE_TIMEOUT_MS = 60000;

/** Arithmetic on the curve, in two overlays. */
interface Curve {
  /** What checks signatures of keys with tables, 'check.js': that needs no more, so the rest makes room. */
  verifier(): Verifier;
  /** The rest, 'curve.js', which stands on the other. */
  ed25519(): Ed25519;
  drop(): void;
}

function openCurve(board: Board, natives: Natives): Curve {
  function open<T>(file: string, id: string, evaluate: (text: string) => void): Resident<T> {
    return openResident(board.storage, global, file, id, evaluate);
  }
  const check = resident(open, 'check.js', function () {
    return createVerifier;
  });
  const rest = resident(open, 'curve.js', function () {
    return completeVerifier;
  });
  let verifier: Verifier | null = null;
  let ed25519: Ed25519 | null = null;

  function getVerifier(): Verifier {
    verifier = verifier || check.load()(natives, { base: readTable(board.storage, 'tab.base') });
    return verifier;
  }

  return {
    verifier: function () {
      if (ed25519) rest.drop();
      ed25519 = null;
      return getVerifier();
    },
    ed25519: function () {
      const known = getVerifier();
      ed25519 = ed25519 || rest.load()(natives, known);
      return ed25519;
    },
    drop: function () {
      if (ed25519) rest.drop();
      if (verifier) check.drop();
      ed25519 = verifier = null;
    },
  };
}

/** A known key with its table from Storage. @throws Error when the table is missing or belongs to another key */
function openTable(board: Board, curve: Curve, name: string, publicKey: Uint8Array): TabledKey {
  const prepared = curve.verifier().prepareTable(readTable(board.storage, name));
  if (!prepared || !equal(prepared.publicKey, publicKey))
    throw new Error(name + ': not the table of the provisioned key');
  return prepared;
}

/** Whether a house signed it: with its key, or with the one before that, which has no table. */
function isBy(
  curve: Curve,
  key: TabledKey,
  before: Uint8Array | null,
  type: number,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const bytes = signedBytes(type, message);
  return (
    curve.verifier().verifyTabled(key, bytes, signature) ||
    (!!before && curve.ed25519().verify(before, bytes, signature))
  );
}

/** The log, made so that its failures stop the board: with flash that fails, nothing may go on. */
function guardRecords(log: RecordLog, fail: (fault: string) => void): Records & { tidy(): boolean } {
  function guard(method: (...parts: any[]) => any): any {
    return function (first: number, slot: number, what: Uint8Array | number, place?: RecordPlace) {
      try {
        return method(first, slot, what, place);
      } catch (error) {
        fail('' + ((error as any).message || error));
        throw error;
      }
    };
  }
  return {
    put: guard(log.put),
    place: guard(log.place),
    reserve: guard(log.reserve),
    get: guard(log.get),
    tidy: guard(log.tidy),
    slots: log.slots,
    freeBytes: log.freeBytes,
  };
}

/** Judges by the registrar's key, and by the one before it while its licenses last. */
function createBoardVerifier(
  natives: Natives,
  curve: Curve,
  registrar: TabledKey,
  setup: TerminalSetup,
): BoardVerifier {
  /** The PKU with its multiples; null if they are not those that the registrar made. */
  function keyWith(body: LicenseBody, multiples: Uint8Array): TabledKey | null {
    const hash = copy(natives.sha256(multiples), 0, MULTIPLES_HASH_BYTES);
    const made = multiples.length === MULTIPLES_BYTES && equal(body.multiplesHash, hash);
    return made ? curve.verifier().prepareWithMultiples(body.pku, multiples) : null;
  }

  return {
    license: function (bytes) {
      const signed = license.decode(bytes);
      const body = signed && licenseBody.decode(signed.body);
      if (!signed || !body) return false;
      const before = body.validUntilS <= setup.registrarUntilS ? setup.registrarBefore : null;
      return isBy(curve, registrar, before, SIGNED.license, signed.body, signed.signature);
    },
    payment: function (bytes, multiples) {
      const kept = history.decode(bytes);
      const outer = kept && license.decode(kept.license);
      const body = outer && licenseBody.decode(outer.body);
      if (!kept || !body) return false;
      const message = signedBytes(SIGNED.payment, kept.challenge);
      const key = multiples ? keyWith(body, multiples) : null;
      return key
        ? curve.verifier().verifyTabled(key, message, kept.signature)
        : curve.ed25519().verify(body.pku, message, kept.signature);
    },
  };
}

/** The link to the bridge on its port; `terminal` is asked for when something comes. */
function openLink(board: Board, random: (count: number) => Uint8Array, terminal: () => Terminal): LinkSession {
  const config = board.config.board.link;
  if (!config) throw new Error('board.link: missing');
  const port = espruinoPort(config.port);
  const session = createLinkSession({
    role: ROLE.terminal,
    burstBytesMax: config.burstBytesMax,
    clock: board.clock,
    crc32: E.CRC32,
    chars: {
      toChars: textOf,
      fromChars: function (text) {
        return E.toUint8Array(text);
      },
    },
    write: function (bytes) {
      port.write(bytes);
    },
    random32: function () {
      return readU32(random(4), 0);
    },
    onRequest: function (kind, body, reply) {
      terminal().onRequest(kind, body, reply);
    },
    onUp: function () {
      terminal().onUp();
    },
    onDown: function () {
      terminal().onDown();
    },
  });
  port.setup(config.baud || 115200, serialOptions(config));
  port.on('data', function (data: string) {
    session.receive(data);
  });
  return session;
}

/** The reader of the board's PN532, and the talk with a card. */
function openRadio(board: Board): { reader: Pn532Reader; client: ApduClient } {
  const reader = createPn532Reader(openPn532(board), board.clock, { exchangeTimeoutMs: EXCHANGE_TIMEOUT_MS });
  const bytesMax = apduBytesMax(board.config.board.pn532.burstBytesMax);
  return { reader: reader, client: createApduClient({ radio: reader, responseBytesMax: bytesMax }) };
}

/** What takes amounts at the terminal itself. */
interface Keys {
  createKeys: typeof createEntryKeys;
  watch: typeof watchAmountKeys;
}

/** Null where the bridge says the amount, as on most terminals. */
function openKeys(config: BoardConfig, open: Board['openOverlay']): Keys | null {
  const load = overlay(open, 'keys.js', function (): Keys {
    return { createKeys: createEntryKeys, watch: watchAmountKeys };
  });
  return config.keypad || config.amountKeys || (config.display && config.display.keys) ? load() : null;
}

function watchKeys(board: Board, keys: Keys | null, terminal: Terminal): void {
  const config = board.config.board;
  // A touch would be the button, too, where keys are touched: they have one for each of its meanings.
  if (!config.display || !config.display.keys) watchButton(espruinoPins(), config.buttons.user, terminal.onButton);
  if (keys) keys.watch(espruinoPins(), E, board.clock, config, terminal.onKey);
}

// What is needed once stands in functions of its own: whatever `run` names itself, its own functions keep for ever.

/** Makes the terminal and starts it. */
function run(board: Board, setup: TerminalSetup, denyArea: DenyArea): void {
  let terminal: Terminal | null = null;
  let failed = false;

  function fail(fault: string): void {
    if (failed) return;
    failed = true;
    if (terminal) terminal.stop();
    board.fail(fault);
  }

  function entropy(): Uint8Array {
    const bytes = board.takeEntropy(FRESH_SAMPLES);
    if (bytes) return bytes;
    fail('entropy: the source fails');
    throw new Error('entropy: the source fails');
  }

  const records = guardRecords(board.records, fail);
  const natives = createEspruinoNatives(E, require('crypto'));
  // A payment that the bridge checks does without, and has its room.
  const curve = openCurve(board, natives);

  const unsigned = institutionsFault(board, records, natives.sha256, curve.ed25519, board.config.provision!);
  if (unsigned) return fail('provision: ' + unsigned);
  // Read and checked: 80 variables.
  board.config.provision = null;

  // Two generators: of keys and of what everybody may see, keyed with the host's entropy; and of nonces, with the key.
  const source = createNonceSource({
    natives: natives,
    secret: board.seed,
    bootCounter: board.bootCount,
    entropy: entropy,
  });
  const random = source.draw;
  if (global[TEST_NAME]) {
    const test = overlay(openTest(global), 'test.js', function () {
      return testBoard;
    })();
    return test(
      board,
      { maker: curve.ed25519, signer: curve.ed25519(), checks: curve.ed25519, random: random },
      getTime,
      print,
    );
  }
  const seed = loadTerminalSeed(records, random);
  // It signs what is rare, and not prepared for that: 110 variables.
  const key = curve.ed25519().keyOfPair(seed, curve.ed25519().publicKeyOf(seed), false);
  const nonceSource = createNonceSource({
    natives: natives,
    secret: key.prefix,
    bootCounter: board.bootCount,
    entropy: entropy,
  });
  const nonces = createNoncePool({ ed: curve.ed25519, source: nonceSource, size: NONCES_MAX, batch: NONCES_MAX });
  function sign(type: number, message: Uint8Array): Uint8Array {
    // Its source fails the board where there is none.
    return curve.ed25519().sign(key, nonces.take()!, signedBytes(type, message));
  }
  board.prove(function (asked) {
    return toHex(key.publicKey) + toHex(sign(SIGNED.possession, asked));
  });
  // Before there is a till, a reader and a link, which do not fit beside the curve where memory is short.
  while (!nonces.fillStep());
  const issuer = openTable(board, curve, 'tab.issuer', setup.issuerKey);

  const verifier = createBoardVerifier(
    natives,
    curve,
    openTable(board, curve, 'tab.registrar', setup.registrarKey),
    setup,
  );
  // All that follows is made without it.
  curve.drop();

  const histories = openHistoryLog(records, setup.historiesMax);
  const tombstones = openTombstoneLog(records);
  const notices = openIssuerNotices(
    records,
    setup.limits,
    board.clock.nowMs,
    { records: records, area: denyArea, sha256: natives.sha256 },
    overlay(board.openOverlay, 'deny.js', function () {
      return { open: openDenyList, accept: acceptNotice };
    }),
  );
  const till = openTill(
    {
      records: records,
      histories: histories,
      tombstones: tombstones,
      notices: notices,
      random: random,
      sign: sign,
    },
    setup.till,
  );

  // Before the link: from here on its frames pass where the console was.
  board.introduce();
  const radio = openRadio(board);
  const link = openLink(board, random, function () {
    return terminal as Terminal;
  });
  const keys = openKeys(board.config.board, board.openOverlay);
  terminal = createTerminal({
    createKeys: keys && keys.createKeys,
    loadOpen: overlay(board.openOverlay, 'open.js', function () {
      return createOpenAmount;
    }),
    records: records,
    config: setup.till,
    till: till,
    histories: histories,
    tombstones: tombstones,
    notices: notices,
    reader: radio.reader,
    client: radio.client,
    link: link,
    clock: board.clock,
    display: board.display,
    indicator: board.indicator,
    board: verifier,
    verifyIssuer: function (type, message, signature) {
      return isBy(curve, issuer, setup.issuerBefore, type, message, signature);
    },
    sha256: natives.sha256,
    random: random,
    publicKey: key.publicKey,
    sign: sign,
    work: function () {
      return !nonces.fillStep() || nonceSource.freshen() || source.freshen() || records.tidy();
    },
    makeRoom: curve.drop,
    memory: board.memory,
    flashWrites: function () {
      return board.records.writes() + board.records.erases();
    },
    // All overlays of a build begin with its name, in quotes (flash-scripts/build/overlays.ts, cutOverlays).
    firmware: parseInt(board.storage.read('make.js', 1, 8)!, 16),
  });
  watchKeys(board, keys, terminal);
  // All is made from it.
  board.config.board = board.config.provision = null as never;
  terminal.start();
  link.start();
}

startBoard<TerminalProvision | null>('shop-terminal', createHealthTest(ONE_BIT), function (board) {
  // Needed once: it lies in Storage's 'start.js', and its room is free again.
  const start = overlay(board.openOverlay, 'start.js', function () {
    return { read: readProvision, find: findDenyArea };
  })();
  const flash = board.config.board.flash;
  const area = start.find(require('Flash'), flash.storage!, flash.eraseBytes || flash.pageBytes);
  const read = start.read(board.config.provision!);
  if (!read.ok) board.fail('NOT_PROVISIONED: ' + read.fault);
  else if (!area) board.fail('NOT_PROVISIONED: no room for deny lists, flash again');
  else {
    const making = passing(
      function <T>(file: string, id: string, evaluate: (text: string) => void): Resident<T> {
        return openResident(board.storage, global, file, id, evaluate);
      },
      'make.js',
      function () {
        return {
          run: run,
          makers: [
            openCurve,
            openTable,
            guardRecords,
            createBoardVerifier,
            openLink,
            openRadio,
            openKeys,
            watchKeys,
            institutionsFault,
            createEspruinoNatives,
            createNonceSource,
            createHmacDrbg,
            createNoncePool,
            loadTerminalSeed,
            openHistoryLog,
            openTombstoneLog,
            openIssuerNotices,
            openTill,
            openPn532,
            createHsuPort,
            createPn532Link,
            createFrameParser,
            createPn532Reader,
            createApduClient,
            createLinkSession,
            createLinkTransport,
            createFrameDecoder,
            createTerminal,
            createDelivery,
            createChecker,
            createBridgeService,
            watchButton,
          ],
        };
      },
    );
    making.load().run(board, read.setup, area);
    // What is made stays; the functions that made it were 300 variables.
    making.drop();
  }
});
