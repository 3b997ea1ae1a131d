/**
 * The user token's program: makes the token from the board, its provisioned file, its keys and its tables.
 *
 * Boot order: natives and configuration, raw flash, entropy (board/espruino-board.ts); then random numbers, keys,
 * purse, PN532. A fault stops the board with its name on display, LED and console. Left out: every rule; they are in
 * the modules that this one puts together.
 */
// Before anything else: the cable alone has the console.
import '../board/espruino-consoles.js';
import { amountText } from '../core/amount-text.js';
import { isAmount } from '../core/amount.js';
import { equal, fromHex, toHex, writeU32 } from '../core/bytes.js';
import { PSEUDONYMS_MAX } from '../core/scheme.js';
import { TEST_NAME } from '../core/self-test-name.js';
import type { Scheme } from '../core/scheme.js';
import { isAcceptablePoint } from '../crypto/acceptable-point.js';
import { createAnyVerifier } from '../crypto/any-verifier.js';
import type { KeyChecks } from '../crypto/any-verifier.js';
import { openCombTable } from '../crypto/comb-table.js';
import { createCurveParts } from '../crypto/curve-parts.js';
import type { CurveParts } from '../crypto/curve-parts.js';
import { createNonceMaker } from '../crypto/nonce-maker.js';
import type { NonceMaker } from '../crypto/nonce-maker.js';
import { createScalars } from '../crypto/scalar.js';
import type { Scalars } from '../crypto/scalar.js';
import { verifierOf } from '../crypto/verifier.js';
import type { Verifier } from '../crypto/verifier.js';
import { createSigner } from '../crypto/signer.js';
import { createHealthTest, ONE_BIT } from '../crypto/health.js';
import { createHmacDrbg } from '../crypto/hmac-drbg.js';
import type { HmacDrbg } from '../crypto/hmac-drbg.js';
import type { Natives } from '../core/crypto-natives.js';
import { createNoncePool } from '../crypto/nonce-pool.js';
import { createNonceSource } from '../crypto/nonce-source.js';
import { watchButton } from '../panel/buttons.js';
import { spell } from '../panel/spell.js';
import { espruinoPins, openPn532, startBoard } from '../board/espruino-board.js';
import type { RunningBoard } from '../board/espruino-board.js';
import { createEspruinoCiphers, createEspruinoNatives } from '../board/espruino-natives.js';
import { createApduServer } from '../nfc/iso-dep-server.js';
import { PLAIN } from '../panel/display.js';
import { answerFrames, createPn532Card } from '../nfc/pn532-card.js';
import { commandDataBytesMax } from '../nfc/pn532-link.js';
import { institutionsFault, readTable } from '../board/institutions.js';
import { openTest, testBoard } from '../board/self-test.js';
import { forget, openResident } from '../board/startup.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { AID, CLA } from '../wire/token-commands.js';
import { openAmountKeys } from './amount-keys.js';
import { createDesk, needsTools } from './desk/desk.js';
import { createDeskTools } from './desk/desk-tools.js';
import { createPaperDesk } from './desk/paper-desk.js';
import { createSealedDesk } from './desk/sealed-desk.js';
import { keySecret, makeKey, missingKey, openPurseKeys } from './keys.js';
import type { Policy } from './policy.js';
import { openPurse, PSEUDONYM_KEY } from './purse.js';
import type { PurseConfig } from './purse.js';
import { DEBIT_SLOTS } from './token-records.js';
import { createToken } from './token.js';

/** A token's part of 'tapcash.cfg'; keys and ids in hexadecimal. */
interface TokenProvision {
  issuer: string;
  currency: string;
  registrarKey: string;
  issuerKey: string;
  registrarBefore?: string;
  issuerBefore?: string;
  limits: { paymentMax: number; sumMax: number };
  scheme: number;
  registration: Scheme['registration'];
  issue: Scheme['issue'];
  pseudonyms: number;
  policy: Policy;
}

/** Between two keys in the making: time for the button and the display. */
const KEY_GAP_MS = 10;

/**
 * Nonces held ready: for taps in a row, each of which takes one; two share an inversion. A payment without one takes an
 * ESP32 seconds (estimate). Each takes some 20 variables.
 */
const NONCES_MAX = 8;
const NONCES_BATCH = 2;

/** Between two looks whether the first nonce is ready. */
const LISTEN_GAP_MS = 20;

/** Samples of fresh entropy in one draw, and to begin with: the health test believes in one bit a sample. */
const FRESH_SAMPLES = 64;
const FIRST_SAMPLES = 256;

/** What 'tapcash.cfg' says of `name` is not right. */
function refuse(name: string): never {
  throw new Error('tapcash.cfg: provision.' + name);
}

function keyOf(hex: unknown, bytes: number, name: string): Uint8Array {
  const key = typeof hex === 'string' ? fromHex(hex) : null;
  if (!key || key.length !== bytes) refuse(name);
  return key;
}

function purseConfig(provision: TokenProvision): PurseConfig {
  const limits = provision.limits;
  if (!limits || !isAmount(limits.paymentMax) || !isAmount(limits.sumMax)) refuse('limits');
  if (typeof provision.currency !== 'string' || provision.currency.length !== 3) refuse('currency');
  const n = provision.pseudonyms;
  if (!(n >= 1 && n <= PSEUDONYMS_MAX && Math.floor(n) === n)) refuse('pseudonyms');
  return {
    issuer: keyOf(provision.issuer, 4, 'issuer'),
    currency: provision.currency,
    registrarKey: keyOf(provision.registrarKey, 32, 'registrarKey'),
    issuerKey: keyOf(provision.issuerKey, 32, 'issuerKey'),
    registrarBefore: fromHex(provision.registrarBefore || ''),
    issuerBefore: fromHex(provision.issuerBefore || ''),
    limits: limits,
    debitSlots: DEBIT_SLOTS,
    pseudonyms: n,
    policy: provision.policy,
    scheme: provision.scheme,
    registration: provision.registration,
    issue: provision.issue,
  };
}

/**
 * The generator of this boot, for keys and for what everybody may see.
 * @throws Error when the source of entropy fails
 */
function createGenerator(board: RunningBoard<TokenProvision>, natives: Natives): HmacDrbg {
  const entropy = board.takeEntropy(FIRST_SAMPLES);
  if (!entropy) throw new Error('entropy: the source fails');
  const boot = new Uint8Array(4);
  writeU32(boot, 0, board.bootCount);
  return createHmacDrbg(natives, entropy, boot, board.seed);
}

/**
 * Makes the keys that are missing, one after another with the display counting: 33 take an ESP32 a minute (estimate).
 */
function makeKeys(
  board: RunningBoard<TokenProvision>,
  count: number,
  make: (index: number) => void,
  done: () => void,
): void {
  board.attempt(
    atStart(function () {
      const index = missingKey(board.records, count);
      if (index < 0) return done();
      board.display.show(['MAKING KEYS', index + ' of ' + count], PLAIN);
      make(index);
      board.clock.setTimeout(
        atStart(function () {
          makeKeys(board, count, make, done);
        }),
        KEY_GAP_MS,
      );
    }),
  );
}

/**
 * Arithmetic on the curve, in overlays: a payment with a nonce ready does without any, and has their room. What makes
 * keys and nonces and what checks signatures stand on 'curve.js', and are never there at once.
 */
interface Curve {
  /** Makes public keys and nonces, 'nonces.js'. */
  maker(): NonceMaker;
  /** Checks signatures of keys that have a table, 'check.js'. */
  verifier(): Verifier;
  /** Checks any key's, 'anykey.js', which stands on 'check.js'. */
  ed25519(): KeyChecks;
  /** What they stand on. */
  parts(): CurveParts;
  drop(): void;
}

function openCurve(board: RunningBoard<TokenProvision>, natives: Natives, scalars: Scalars): Curve {
  function open<T>(file: string, id: string, evaluate: (text: string) => void): Resident<T> {
    return openResident(board.storage, global, file, id, evaluate);
  }
  const curve = resident(open, 'curve.js', function () {
    return createCurveParts;
  });
  const nonces = resident(open, 'nonces.js', function () {
    return createNonceMaker;
  });
  const check = resident(open, 'check.js', function () {
    return verifierOf;
  });
  const any = resident(open, 'anykey.js', function () {
    return createAnyVerifier;
  });
  let parts: CurveParts | null = null;
  let maker: NonceMaker | null = null;
  let verifier: Verifier | null = null;
  let ed25519: KeyChecks | null = null;

  function getParts(): CurveParts {
    parts = parts || curve.load()(natives, scalars, readTable(board.storage, 'tab.base'));
    return parts;
  }

  function dropChecks(): void {
    if (ed25519) any.drop();
    if (verifier) check.drop();
    ed25519 = verifier = null;
  }

  function dropMaker(): void {
    if (maker) nonces.drop();
    maker = null;
  }

  function getVerifier(): Verifier {
    dropMaker();
    verifier = verifier || check.load()(natives, getParts());
    return verifier;
  }

  return {
    maker: function () {
      dropChecks();
      maker = maker || nonces.load()(natives, getParts());
      return maker;
    },
    verifier: getVerifier,
    parts: getParts,
    ed25519: function () {
      const known = getVerifier();
      ed25519 = ed25519 || any.load()(natives, known);
      return ed25519;
    },
    drop: function () {
      dropMaker();
      dropChecks();
      if (parts) curve.drop();
      parts = null;
    },
  };
}

/** What must stand in a table that was made at provisioning. @throws Error when it does not */
function checkTable(board: RunningBoard<TokenProvision>, name: string): void {
  if (!isAcceptablePoint(openCombTable(readTable(board.storage, name)).key, 0))
    throw new Error(name + ': not an acceptable key');
}

function run(board: RunningBoard<TokenProvision>): void {
  const config = purseConfig(board.config.provision);
  const natives = createEspruinoNatives(E, require('crypto'));
  const scalars = createScalars(natives);
  const curve = openCurve(board, natives, scalars);
  const fault = institutionsFault(board, board.records, natives.sha256, curve.ed25519, board.config.provision);
  if (fault) throw new Error('provision: ' + fault);
  const generator = createGenerator(board, natives);
  const draw = atStart(function (count: number): Uint8Array | null {
    const entropy = board.takeEntropy(FRESH_SAMPLES);
    return entropy && generator.generate(count, entropy);
  });
  if (global[TEST_NAME]) {
    const test = overlay(openTest(global), 'test.js', function () {
      return testBoard;
    })();
    return test(
      board,
      {
        maker: curve.maker,
        signer: createSigner(natives, scalars),
        checks: curve.ed25519,
        random: draw as (count: number) => Uint8Array,
      },
      getTime,
      print,
    );
  }
  makeKeys(
    board,
    PSEUDONYM_KEY + config.pseudonyms,
    atStart(function (index: number): void {
      makeKey(board.records, index, draw, curve.maker().publicKeyOf);
    }),
    atStart(function () {
      runWithKeys(board, config, natives, scalars, curve, generator);
    }),
  );
}

/** The rest, once all keys are there. */
function runWithKeys(
  board: RunningBoard<TokenProvision>,
  config: PurseConfig,
  natives: Natives,
  scalars: Scalars,
  curve: Curve,
  generator: HmacDrbg,
): void {
  const records = board.records;
  const signer = createSigner(natives, scalars);
  const secret = keySecret(records, signer, PSEUDONYM_KEY + config.pseudonyms);
  const source = createNonceSource({
    natives: natives,
    secret: secret,
    bootCounter: board.bootCount,
    // Drawn ahead, in idle time; in a payment only where its nonce cannot be made without.
    entropy: function () {
      return board.takeEntropy(FRESH_SAMPLES);
    },
  });
  const pool = createNoncePool({ ed: curve.maker, source: source, size: NONCES_MAX, batch: NONCES_BATCH });
  const tables = ['tab.issuer'];
  if (!equal(config.registrarKey, config.issuerKey)) tables.push('tab.registrar');
  for (let i = 0; i < tables.length; i++) checkTable(board, tables[i]);
  // All that follows is made without it: the first nonce loads it again.
  curve.drop();
  const keys = openPurseKeys(records, config.pseudonyms, {
    signer: signer,
    verifier: curve.verifier,
    ed25519: curve.ed25519,
    tables: function () {
      return tables.map(function (name) {
        return readTable(board.storage, name);
      });
    },
    secret: secret,
    nonce: pool.take,
    sha256: natives.sha256,
  });
  const purse = openPurse(records, keys, config);
  // Named at boot, not at the desk: what this build lacks.
  const ciphers = needsTools(config) ? createEspruinoCiphers(require('crypto')) : null;
  const burst = board.config.board.pn532.burstBytesMax;
  // What only the desk uses lies in Storage's 'desk.js', and is loaded when the desk is.
  const loadDesk = overlay(board.openOverlay, 'desk.js', function () {
    return createDesk;
  });
  // What of it only sealed and blind requests use.
  const loadSealed = overlay(board.openOverlay, 'sealed.js', function () {
    return { createDesk: createSealedDesk, createTools: createDeskTools };
  });
  const loadPapers = overlay(board.openOverlay, 'papers.js', function () {
    return createPaperDesk;
  });

  // Of a board with keys, while amounts are entered.
  const loadKeys = overlay(board.openOverlay, 'keys.js', function () {
    return openAmountKeys;
  });

  // Most names are in ASCII and short: they are shown as they are.
  const loadSpell = overlay(board.openOverlay, 'spell.js', function () {
    return spell;
  });

  function spellName(chars: string, most: number): string {
    return chars.length > most || /[^ -~]/.test(chars) ? loadSpell()(chars, most) : chars;
  }

  const token = createToken(purse, {
    clock: board.clock,
    display: board.display,
    indicator: board.indicator,
    spell: spellName,
    commandBytesMax: Math.min(255, commandDataBytesMax(burst)),
    work: function () {
      if (board.records.tidy()) return true;
      const hadNone = pool.level() === 0;
      // After the first nonces a rest: a tap may have waited for them, and the next piece would hold it up.
      return pool.fillStep() ? source.freshen() : !(hadNone && pool.level() > 0);
    },
    loadDesk: function (progress) {
      return loadDesk()(
        purse.state,
        ciphers &&
          function (requests) {
            const program = loadSealed();
            const tools = program.createTools({
              natives: natives,
              aes: ciphers.aes,
              sha384: ciphers.sha384,
              curve: curve.parts(),
              sealTable: readTable(board.storage, 'tab.seal'),
              random: source.draw,
            });
            return program.createDesk(purse.state, requests, tools, progress);
          },
      );
    },
    loadPapers: function () {
      return loadPapers()(purse.state);
    },
    openKeys: function (screens) {
      return loadKeys()(
        {
          devices: espruinoPins(),
          clearWatch: clearWatch,
          touches: E,
          storage: board.storage,
          clock: board.clock,
          display: board.display,
          spell: spellName,
        },
        screens,
        purse.state,
      );
    },
    nonces: pool.level,
    makeRoom: function () {
      // With no nonce left the payment makes its own.
      if (pool.level() > 0) curve.drop();
    },
    memory: board.memory,
    flashWrites: function () {
      return board.records.writes() + board.records.erases();
    },
  });
  const link = openPn532(board);
  const server = createApduServer({ aid: AID, cla: CLA, respond: answerFrames(link), handlers: token.handlers });
  const card = createPn532Card(link, board.clock, {
    onCommand: server.handle,
    onWaiting: function () {
      if (!server.hasMore()) token.finish();
    },
    onActivated: function () {
      server.reset();
      token.setInField(true);
    },
    onReleased: function () {
      token.setInField(false);
    },
    onError: function (failure, final) {
      if (final) board.fail('PN532: ' + failure.code);
    },
    random: function (count) {
      return generator.generate(count, new Uint8Array(0));
    },
  });
  watchButton(espruinoPins(), board.config.board.buttons.user, token.press);
  // Where registration is sealed, the desk sees the account key alone.
  const shown = config.registration === 'sealed' ? PSEUDONYM_KEY : PSEUDONYM_KEY + 1;
  const open = purse.state.journal.unsettledCount();
  if (open > 0)
    print('tapcash: unacknowledged ' + open + ' ' + amountText(purse.state.journal.unsettledSum(), config.currency));
  board.prove(
    atStart(function (asked: Uint8Array): string {
      let proofs = '';
      for (let i = 0; i < shown; i++) {
        const signature = keys.sign(i, signedBytes(SIGNED.possession, asked));
        if (!signature) throw new Error('entropy: no nonce can be made');
        proofs += toHex(keys.publicKey(i)) + toHex(signature);
      }
      return proofs;
    }),
  );
  board.introduce();
  // The start is over, but for the first nonce. What it alone used makes room: it takes some 350 variables.
  board.config.board = board.config.provision = null as never;
  forget(global, startNames);
  token.start();
  /**
   * No reader sees the token before a nonce is ready: to make one at its first tap would take an ESP32 over a second.
   */
  function listen(): void {
    if (pool.level() > 0) card.start();
    else board.clock.setTimeout(listen, LISTEN_GAP_MS);
  }
  listen();
}

startBoard<TokenProvision>('user-token', createHealthTest(ONE_BIT), atStart(run));
