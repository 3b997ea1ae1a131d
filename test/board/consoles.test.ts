/**
 * Nobody but the cable gets a prompt, whatever the board does; and what a board sends by radio: nothing.
 *
 * Both bundles on the emulated board, whose interpreter offers its console by Bluetooth and Telnet, advertises, and
 * opens an access point as Espruino's does.
 */
import { randomBytes } from 'node:crypto';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import type { Role } from '../../flash-scripts/boards/roles.js';
import type { CutProgram } from '../../flash-scripts/build/overlays.js';
import { terminalFiles } from '../../flash-scripts/provision/board-files.js';
import { createBoard, type BoardOptions, type EmulatedBoard } from '../../host-bridge/emulator/board.js';
import type { Interpreter } from '../../host-bridge/emulator/espruino-api.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createVirtualScheduler, type VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine, type SerialEnd } from '../../host-bridge/serial/serial-line.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { keyOf, REGISTRAR } from '../shop-terminal/terminal-rig.js';
import { TERMS } from '../shop-terminal/terminal-board-rig.js';
import { createShop, emulatedToken, filesFor, tapIn, type Answered } from '../user-token/token-board-rig.js';
import { challengeBytes, chargeBytes, grantBytes, nameBytes, receiptBytes } from '../user-token/purse-rig.js';
import { identity } from '../../firmware/wire/token-commands.js';

const ROLES = ['user-token', 'shop-terminal'] as const;
const programs = new Map<Role, CutProgram>();
beforeAll(async () => {
  for (const role of ROLES) programs.set(role, await builtProgram(role));
});

type Files = Record<string, string | Uint8Array>;

function roleFiles(role: Role): Files {
  if (role === 'user-token') return filesFor('emulated');
  const facts = {
    issuer: Uint8Array.of(1, 2, 3, 4),
    currency: 'EUR',
    registrarKey: REGISTRAR.publicKey,
    issuerKey: keyOf(1002).publicKey,
  };
  return { ...terminalFiles(loadBoard('emulated'), facts, TERMS, new Uint8Array(randomBytes(32))) };
}

interface Rig {
  board: EmulatedBoard;
  scheduler: VirtualScheduler;
  lines: string[];
  /** The host's end of the cable. */
  cable: SerialEnd;
}

function rig(role: Role, files: Files, more: Partial<BoardOptions> = {}): Rig {
  const scheduler = createVirtualScheduler();
  const chip = createPn532Chip(scheduler);
  const wire = createSerialLine(scheduler);
  chip.connectHsu(wire.b, (baud) => void (wire.baud = baud));
  const cable = createSerialLine(scheduler);
  const lines: string[] = [];
  const { bundle, overlays } = programs.get(role)!;
  const board = createBoard({
    scheduler,
    name: role,
    bundle,
    files: { ...overlays, ...files },
    flash: createEmulatedFlash(loadBoard('emulated').flash),
    serials: { Serial1: cable.a, Serial2: wire.a },
    entropy: (count) => new Uint8Array(randomBytes(count)),
    onConsole: (line) => void lines.push(line),
    ...more,
  });
  return { board, scheduler, lines, cable: cable.b };
}

/** Connects by everything that there is, and types; whoever got an answer, or had a program run. */
function intrude({ board, scheduler }: Rig): string[] {
  const got: string[] = [];
  for (const by of ['Bluetooth', 'Telnet'] as const) {
    const peer = board.connect(by);
    peer?.type('\x03\x10global.intruder=1;6*7\n');
    scheduler.advance(5);
    peer?.type('global.intruder=1\n');
    scheduler.advance(5);
    if (peer?.received) got.push(`${by} got ${JSON.stringify(peer.received)}`);
    if (board.powered && board.evaluate('global.intruder') !== undefined) got.push(`${by} ran a program`);
  }
  return got;
}

/** Tries for a while after a start, in small steps at first; what anybody got. */
function intrudeFor(given: Rig, totalMs = 8000): string[] {
  const got: string[] = intrude(given);
  for (let step = 10, at = 0; at < totalMs; at += step, step = at < 400 ? 10 : 500) {
    given.scheduler.advance(step);
    got.push(...intrude(given));
  }
  return [...new Set(got)];
}

/** Interpreters as they are found: as our flashing leaves it; a stock one; one that opens its own network. */
const FOUND: [string, Partial<BoardOptions>][] = [
  ['as flashed by us', {}],
  ['with Bluetooth on', { bluetooth: true }],
  ['of before 2v29.271, with its open access point', { interpreter: { version: '2v29' } }],
  ['with both', { bluetooth: true, interpreter: { version: '2v29' } }],
  ['that keeps Telnet on', { bluetooth: true, interpreter: { version: '2v29', stubborn: ['Telnet'] } }],
  ['that keeps Bluetooth on', { bluetooth: true, interpreter: { version: '2v29', stubborn: ['Bluetooth'] } }],
];

describe.each(ROLES)('%s', (role) => {
  test.each(FOUND)(
    'an interpreter %s: only the cable has a prompt, at the first start and at later ones',
    (_, more) => {
      const given = rig(role, roleFiles(role), more);
      given.board.powerOn();
      expect(intrudeFor(given)).toEqual([]);
      given.board.reset();
      expect(intrudeFor(given)).toEqual([]);
      given.board.evaluate('load()');
      expect(intrudeFor(given)).toEqual([]);
      expect(given.board.errors).toEqual([]);
    },
  );

  test('after an update, over the keys that are there, only the cable has a prompt', () => {
    const flash = createEmulatedFlash(loadBoard('emulated').flash);
    const old = rig(role, roleFiles(role), { flash });
    old.board.powerOn();
    old.scheduler.advance(8000);
    old.board.powerOff();
    // An update writes the program again; the seed is in raw flash since the first start.
    const files = Object.fromEntries(Object.entries(roleFiles(role)).filter(([file]) => file !== 'tapcash.seed'));
    const updated = rig(role, files, { flash });
    updated.board.powerOn();
    expect(intrudeFor(updated)).toEqual([]);
    expect(updated.lines.join('\n')).toMatch(/ runs/);
    expect(updated.lines.join('\n')).not.toMatch(/FAULT/);
  });

  test('after a FAULT the cable has the console, and nobody else', () => {
    const files = roleFiles(role);
    const without = (name: string): Files =>
      Object.fromEntries(Object.entries(files).filter(([file]) => file !== name));
    const damaged = createEmulatedFlash(loadBoard('emulated').flash);
    damaged.restore(new Uint8Array(65536).fill(0x5a));
    const faults: [RegExp, Files, Partial<BoardOptions>][] = [
      [/NOT_PROVISIONED: not provisioned/, without('tapcash.cfg'), {}],
      [/NOT_PROVISIONED: tapcash.cfg: damaged/, { ...files, 'tapcash.cfg': '{' }, {}],
      [/NOT_PROVISIONED: no entropy was given/, without('tapcash.seed'), {}],
      [/boot.js: not of this build/, { ...files, 'boot.js': '"x"' }, {}],
      [/entropy.js: not of this build/, { ...files, 'entropy.js': '"x"' }, {}],
      [/no file tab.base|tab.base/, without('tab.base'), {}],
      [/FLASH_DAMAGED/, files, { flash: damaged }],
      [/no crypto.SHA256 in this Espruino/, files, { interpreter: { without: ['crypto'] } }],
      [/entropy: the source fails its health test/, files, { entropy: (count) => new Uint8Array(count).fill(7) }],
      [/Telnet cannot be switched off in this Espruino/, files, { interpreter: { stubborn: ['Telnet'] } }],
      [/Bluetooth cannot be switched off in this/, files, { interpreter: { stubborn: ['Bluetooth'] } }],
      [/Bluetooth is on: tapcash flash switches it off/, files, { bluetooth: true }],
      [/WiFi is on: tapcash flash switches it off/, files, { interpreter: { version: '2v29' } }],
    ];
    for (const [fault, some, more] of faults) {
      const given = rig(role, some, {
        bluetooth: true,
        interpreter: { version: '2v29', ...more.interpreter } as Interpreter,
        ...(String(fault).includes(' on: ') ? { bluetooth: false, interpreter: undefined, ...more } : {}),
        ...('flash' in more || 'entropy' in more ? more : {}),
      });
      // Bluetooth and a network of its own come first where the fault itself is later: then that is what it says.
      given.board.powerOn();
      expect([String(fault), intrudeFor(given, 3000)]).toEqual([String(fault), []]);
      expect(given.lines.join('\n')).toMatch(/FAULT/);
      // The fault itself, on a board whose radios are off.
      const other = rig(role, some, more);
      other.board.powerOn();
      expect([String(fault), intrudeFor(other, 3000)]).toEqual([String(fault), []]);
      expect(other.lines.join('\n')).toMatch(fault);
      let received = '';
      other.cable.onData = (data) => (received += data);
      other.cable.write('6*7\n');
      other.scheduler.advance(50);
      expect([String(fault), received]).toEqual([String(fault), expect.stringContaining('=42')]);
    }
  });

  test.each([
    ['Telnet', { interpreter: { stubborn: ['Telnet'] } }],
    ['Bluetooth', { interpreter: { stubborn: ['Bluetooth'] } }],
    ['Bluetooth on', { bluetooth: true }],
    ['WiFi on', { interpreter: { version: '2v29' } }],
  ] as [string, Partial<BoardOptions>][])('%s that cannot be had otherwise: no key is made', (_, more) => {
    const given = rig(role, roleFiles(role), more);
    const before = Buffer.from(given.board.flash.image());
    given.board.powerOn();
    given.scheduler.advance(10_000);
    expect(given.lines.join('\n')).toMatch(/FAULT/);
    expect(Buffer.compare(given.board.flash.image(), before)).toBe(0);
  });

  test('before anything is opened, read or made, the console is forced to the cable', () => {
    // Everything that the bundle could do before is told of.
    const spy = `(function () {
      var forced = false, set = E.setConsole, old = require;
      function early(what) { if (!forced) print('early ' + what); }
      E.setConsole = function (to, options) { if (to === Serial1 && options.force) forced = true; set(to, options); };
      require = function (name) { early(name); return old(name); };
      ['digitalRead', 'digitalWrite', 'pinMode', 'setWatch', 'peek32', 'poke32', 'setTimeout', 'getTime'].forEach(function (name) {
        var call = global[name];
        global[name] = function (a, b, c) { early(name); return call(a, b, c); };
      });
      [Serial1, Serial2, I2C1].forEach(function (port) { var call = port.setup; port.setup = function (a, b) { early('setup'); return call(a, b); }; });
    })();`;
    const given = rig(role, { ...roleFiles(role), '.boot0': spy });
    given.board.powerOn();
    given.scheduler.advance(3000);
    expect(given.lines.filter((line) => line.startsWith('early'))).toEqual([]);
    expect(given.lines.join('\n')).toContain(`${role} runs`);
  });

  test('no random number is drawn where the source is not healthy: no key, and after a rollback of flash none either', () => {
    const given = rig(role, roleFiles(role));
    given.board.powerOn();
    given.scheduler.advance(8000);
    expect(given.lines.join('\n')).toContain(`${role} runs`);
    given.board.powerOff();
    const image = given.board.flash.image();
    const files = Object.fromEntries(given.board.files);
    const entropies: ((count: number) => Uint8Array)[] = [
      (count) => new Uint8Array(count),
      (count) => new Uint8Array(count).map((_, i) => (i % 4 === 3 ? (randomBytes(1)[0]! & 7 ? 5 : i) : i)),
    ];
    for (const entropy of entropies) {
      const flash = createEmulatedFlash(loadBoard('emulated').flash);
      flash.restore(image);
      const twin = rig(role, files, { flash, entropy });
      twin.board.powerOn();
      twin.scheduler.advance(8000);
      expect(twin.lines.join('\n')).toContain('FAULT: entropy: the source fails its health test');
      expect(twin.board.sent).toEqual([]);
      // Nothing but the boot counter has changed: no key is made.
      expect(twin.lines.join('\n')).not.toContain('runs');
    }
  });

  test('C3 and S3 have no source of entropy without radio, and say so', () => {
    for (const name of ['esp32-c3-devkitm', 'esp32-s3-devkitc']) {
      const files = roleFiles(role);
      const config = JSON.parse(Buffer.from(files['tapcash.cfg'] as Uint8Array).toString('latin1'));
      config.board.entropy = loadBoard(name).entropy;
      const given = rig(role, { ...files, 'tapcash.cfg': JSON.stringify(config) });
      given.board.powerOn();
      given.scheduler.advance(3000);
      expect(given.lines.join('\n')).toContain('board.entropy: no source that works without radio');
    }
  });
});

/** Commands of one tap, and the token's answers. */
type Tap = (commands: [number, Uint8Array][]) => Answered[];

/** The token at the desk: registered as Ada, with 500.00. */
function registerAndWithdraw(tap: Tap): void {
  const [who] = tap([
    [INS.identity, new Uint8Array(0)],
    [INS.register, nameBytes('Ada')],
  ]);
  const pku = identity.decode(who.data)!.pku;
  tap([
    [INS.license, grantBytes({ pku })],
    [INS.receipt, receiptBytes({ pku, number: 1, amount: 50_000 })],
  ]);
}

describe('what is sent', () => {
  test('nothing, at any time: keys are made, the desk and payments, resets, faults; and no draw during a payment', () => {
    const scheduler = createVirtualScheduler();
    const shop = createShop(scheduler);
    const token = emulatedToken(scheduler, programs.get('user-token')!, filesFor('emulated'));
    const { board } = token;
    const tap: Tap = (commands) => tapIn(scheduler, shop, commands);
    board.powerOn();
    scheduler.advance(2000);
    expect(board.noise.length).toBeGreaterThan(2);
    shop.field.present(token.chip.card);
    registerAndWithdraw(tap);
    shop.field.remove();
    scheduler.advance(10_000);
    // Many payments in a row, with hardly a pause: more than are ready.
    const codes: string[] = [];
    for (let number = 1; number <= 30; number++) {
      shop.field.present(token.chip.card);
      const fromMs = scheduler.nowMs();
      const answers = tap([
        [INS.open, chargeBytes(number)],
        [INS.challenge, challengeBytes({ number, amount: 1 })],
        [INS.ack, chargeBytes(number)],
      ]);
      codes.push(...answers.map(({ code }) => code));
      const drawn = board.noise.filter((each) => each.fromMs > fromMs && each.fromMs < scheduler.nowMs());
      expect([number, drawn]).toEqual([number, []]);
      shop.field.remove();
      scheduler.advance(number % 5 === 0 ? 5000 : 30);
    }
    expect(new Set(codes)).toEqual(new Set(['OK']));
    for (const noise of board.noise) expect(noise.toMs).toBe(noise.fromMs);
    board.reset();
    scheduler.advance(3000);
    expect(board.sent).toEqual([]);
    expect(board.errors).toEqual([]);
  });

  test('a token that pays again and again, with no moment for anything else: every payment has its nonce', () => {
    const scheduler = createVirtualScheduler();
    const shop = createShop(scheduler);
    const token = emulatedToken(scheduler, programs.get('user-token')!, filesFor('emulated'));
    const tap: Tap = (commands) => tapIn(scheduler, shop, commands);
    token.board.powerOn();
    scheduler.advance(2000);
    shop.field.present(token.chip.card);
    registerAndWithdraw(tap);
    const nonces = new Set<string>();
    for (let number = 1; number <= 60; number++) {
      const [answer, ack] = tap([
        [INS.challenge, challengeBytes({ number, amount: 1 })],
        [INS.ack, chargeBytes(number)],
      ]);
      expect([number, answer.code, ack.code]).toEqual([number, 'OK', 'OK']);
      nonces.add(Buffer.from(answer.data.subarray(8, 40)).toString('hex'));
    }
    expect(nonces.size).toBe(60);
    expect(token.board.errors).toEqual([]);
  });

  test('a source that breaks while the token runs: payments are refused, then the token says what failed', () => {
    const scheduler = createVirtualScheduler();
    const shop = createShop(scheduler);
    let isBroken = false;
    const token = emulatedToken(scheduler, programs.get('user-token')!, filesFor('emulated'), 'token', (count) =>
      isBroken ? new Uint8Array(count) : new Uint8Array(randomBytes(count)),
    );
    const tap: Tap = (commands) => tapIn(scheduler, shop, commands);
    token.board.powerOn();
    scheduler.advance(2000);
    shop.field.present(token.chip.card);
    registerAndWithdraw(tap);
    shop.field.remove();
    scheduler.advance(10_000);
    isBroken = true;
    const codes: string[] = [];
    const nonces = new Set<string>();
    for (let number = 1; number <= 30; number++) {
      shop.field.present(token.chip.card);
      const [answer] = tap([[INS.challenge, challengeBytes({ number, amount: 1 })]]);
      codes.push(answer.code);
      if (answer.code === 'OK') nonces.add(Buffer.from(answer.data.subarray(8, 40)).toString('hex'));
      shop.field.remove();
      scheduler.advance(50);
    }
    const paid = codes.filter((code) => code === 'OK').length;
    // The pool, and what was drawn ahead for more.
    expect(paid).toBeGreaterThanOrEqual(8);
    expect(paid).toBeLessThanOrEqual(16);
    expect(nonces.size).toBe(paid);
    expect(new Set(codes.slice(paid))).toEqual(new Set(['DEVICE_FAULT']));
    scheduler.advance(10_000);
    expect(token.board.screen()[0]).toBe('FAULT');
    expect(token.board.screen().join(' ')).toContain('entropy');
  });
});
