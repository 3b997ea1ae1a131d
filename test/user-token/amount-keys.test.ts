/**
 * x entered on the token (claim 14: input means; [0017], [0067]), on the keys of every kind of board: what shows, what
 * is signed, what ends it, and what changes nothing.
 */
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { readBalance } from '../../firmware/core/amount.js';
import { codeOfStatusWord } from '../../firmware/core/codes.js';
import { createDisplay } from '../../firmware/panel/display.js';
import { createIndicator } from '../../firmware/panel/indicator.js';
import { spell } from '../../firmware/panel/spell.js';
import type { TouchEvent } from '../../firmware/panel/touch-keys.js';
import { openAmountKeys } from '../../firmware/user-token/amount-keys.js';
import { createDesk } from '../../firmware/user-token/desk/desk.js';
import { createPaperDesk } from '../../firmware/user-token/desk/paper-desk.js';
import { createToken } from '../../firmware/user-token/token.js';
import { amountAsk, amountRequest, INS, requestPart, type AmountAsk } from '../../firmware/wire/token-commands.js';
import { withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { tokenFiles } from '../../flash-scripts/provision/board-files.js';
import { clockOf } from '../../host-bridge/soft-board/soft-parts.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { exercises } from '../kit/exercises.js';
import { challengeBytes, chargeBytes, COMMAND_ID, ISSUER, issuer, ready, registrar } from './purse-rig.js';

const KEY_MS = 200;
const none = new Uint8Array(0);

/** The token's entry of a board, as it is provisioned. */
function provisioned(name: string): string {
  const facts = {
    issuer: ISSUER,
    currency: 'EUR',
    registrarKey: registrar.publicKey,
    issuerKey: issuer.publicKey,
  };
  const files = tokenFiles(loadBoard(name), facts, { paymentMax: 1000, sumMax: 2500 }, new Uint8Array(32));
  return Buffer.from(files['tapcash.cfg']!).toString('latin1');
}

/** The keys of a board, as Espruino's pins and touches tell them. */
class Keys {
  readonly watches = new Map<number, [pin: string, callback: () => void]>();
  readonly touches = new Set<(touch: TouchEvent) => void>();
  private readonly rows = new Map<string, number>();
  private next = 0;
  /** One key of a keypad is down at a time. */
  private down: { row: string; column: string } | null = null;
  readonly pins = {
    pinMode: () => undefined,
    digitalWrite: (pin: string, level: number) => void this.rows.set(pin, level),
    digitalRead: (pin: string) => (this.down && pin === this.down.column && !this.rows.get(this.down.row) ? 0 : 1),
    analogWrite: () => undefined,
    poke32: () => undefined,
    setWatch: (callback: () => void, pin: string) => {
      this.watches.set(++this.next, [pin, callback]);
      return this.next;
    },
  };
  readonly events = {
    on: (_: 'touch', callback: (touch: TouchEvent) => void) => void this.touches.add(callback),
    removeListener: (_: 'touch', callback: (touch: TouchEvent) => void) => void this.touches.delete(callback),
  };

  constructor(
    private readonly board: BoardConfig,
    private readonly button: () => void,
  ) {}

  private fire(pin: string): void {
    for (const [at, callback] of [...this.watches.values()]) if (at === pin) callback();
  }

  /** A key by its character, as this board has it; the button is `#` where there is none. */
  press(character: string): void {
    const { keypad, amountKeys = [], touchKeys } = this.board;
    const row = (keypad?.keys ?? touchKeys ?? []).findIndex((line) => line.includes(character));
    const single = amountKeys.find(({ key }) => key === character);
    if (keypad) {
      this.down = { row: keypad.rows[row]!, column: keypad.columns[keypad.keys[row]!.indexOf(character)]! };
      this.fire(this.down.column);
      this.down = null;
    } else if (touchKeys) {
      // A touch is the button, too.
      this.button();
      const [x, y] = [194 + 42 * touchKeys[row]!.indexOf(character) + 20, 60 * row + 30];
      for (const b of [1, 0]) [...this.touches].forEach((touch) => touch({ x, y, b }));
    } else if (single || character === '>') this.fire(single ? single.pin : this.board.buttons.console!.pin);
    else this.button();
  }
}

/** A console for a display, and what it shows. */
function consoleDisplay() {
  const shown: string[] = [];
  const keysShown: (string[] | null)[] = [];
  const devices = {
    bus: () => undefined,
    createGraphics: () => {
      throw new Error('no');
    },
    crc32: () => 0,
    print: (text: string) => void shown.push(text.replace('[display] ', '')),
  };
  const display = createDisplay(devices, { type: 'console' });
  display.showKeys = (keys) => void keysShown.push(keys);
  return { display, shown, keysShown };
}

/** A token whose keys are those of a board. @param change of the board's entry */
function tokenOn(name: string, change: (board: BoardConfig) => void = () => undefined) {
  const parts = ready(5000);
  const { state } = parts.purse;
  const config = JSON.parse(provisioned(name)) as { board: BoardConfig };
  change(config.board);
  const scheduler = createVirtualScheduler();
  const clock = clockOf(scheduler);
  const { display, shown, keysShown } = consoleDisplay();
  const keys = new Keys(config.board, () => token.press());
  const keyParts = {
    devices: keys.pins,
    clearWatch: (id: number) => void keys.watches.delete(id),
    touches: keys.events,
    storage: { read: () => JSON.stringify(config) },
    clock,
    display,
    spell,
  };
  const token = createToken(parts.purse, {
    clock,
    display,
    indicator: createIndicator(keys.pins, clock, undefined, undefined),
    spell,
    makeRoom: () => undefined,
    openKeys: (screens) => openAmountKeys(keyParts, screens, state),
    loadDesk: () => createDesk(state, null),
    loadPapers: () => createPaperDesk(state),
    commandBytesMax: 48,
    work: () => false,
    nonces: () => 5,
    memory: () => ({ used: 100, total: 1000 }),
    flashWrites: () => 42,
  });
  token.start();
  const then = (act: () => void) => (act(), scheduler.advance(KEY_MS));
  const send = (ins: number, data: Uint8Array) => {
    const answer = token.handlers.command(ins, data, 0, 0);
    then(token.finish);
    return { code: codeOfStatusWord(answer.sw), data: answer.data ?? none };
  };
  return {
    ...parts,
    scheduler,
    shown,
    keysShown,
    press: () => then(token.press),
    keys: (text: string) => [...text].forEach((key) => then(() => keys.press(key))),
    send,
    withdraw: (amount = 0, commandId = COMMAND_ID) => send(INS.withdraw, amountRequest.encode({ commandId, amount })),
    watched: () => keys.watches.size + keys.touches.size,
    signed: () => parts.keys.signed,
  };
}

type Rig = ReturnType<typeof tokenOn>;
/** x of the request that a withdrawal answered. */
const xOf = ({ data }: { data: Uint8Array }) => {
  const part = requestPart.decode(data)!;
  return [part.amount, withdrawalBody.decode(withdrawal.decode(part.part)!.body)!.amount];
};

const BOARDS: [what: string, name: string, keys: string, cents: number, ends: string][] = [
  ['a keypad', 'emulated', '1250', 1250, '#'],
  ['three buttons', 'm5stack-core', '+0++0+0', 1210, 'button'],
  ['two buttons', 'esp32-devkitc-wrover', '>>>>>', 2000, 'button'],
  ['a touch panel', 'esp32-cyd', '1250', 1250, '#'],
];

test.each(BOARDS)('with %s (%s) the owner enters x, which counts as the press for it', (_, name, keys, cents, ends) => {
  const token = tokenOn(name);
  expect([token.withdraw().code, token.watched()]).toEqual(['DESK_CLOSED', 0]);
  token.press();
  expect(token.watched()).toBeGreaterThan(0);
  expect(token.shown.at(-1)).toBe('BALANCE | 50.00 EUR | DESK OPEN');
  // The desk asks before anything is entered, and again and again.
  expect([token.withdraw().code, token.withdraw().code]).toEqual(['NO_CHARGE', 'NO_CHARGE']);
  token.scheduler.advance(400);
  token.keys(keys);
  const text = (cents / 100).toFixed(2);
  expect(token.shown.at(-1)).toBe(
    `WITHDRAW | ${text} EUR? | ${name === 'esp32-cyd' ? '# if right' : 'press if right'}`,
  );
  // Not before it is done.
  const [signed, image] = [token.signed(), token.flash.image()];
  expect(token.withdraw().code).toBe('NO_CHARGE');
  if (ends === '#') token.keys('#');
  else token.press();
  expect(token.shown.at(-1)).toBe(`TAP AGAIN | WITHDRAW | ${text} EUR`);
  expect([token.watched(), token.signed(), Buffer.compare(token.flash.image(), image)]).toEqual([0, signed, 0]);
  // No third press.
  const answer = token.withdraw();
  expect([answer.code, xOf(answer)]).toEqual(['OK', [cents, cents]]);
  expect(token.signed()).toBe(signed + 2);
  // It was for one request; the same command again has the same answer.
  expect(token.withdraw()).toEqual(answer);
  expect(token.withdraw(0, new Uint8Array(8)).code).toBe('NO_CHARGE');
  exercises('14.2');
});

test('a board with one button has no keys: told by name, and x of the desk is confirmed as before', () => {
  const token = tokenOn('esp32-devkitc-wrover', (board) => delete board.buttons.console);
  token.press();
  expect([token.withdraw().code, token.watched()]).toEqual(['NO_KEYS', 0]);
  expect(token.withdraw(5000).code).toBe('CONFIRM_NEEDED');
  token.press();
  expect(xOf(token.withdraw(5000))).toEqual([5000, 5000]);
});

test('before its license a token takes no amount, and its keys stay as they are', () => {
  const token = tokenOn('emulated');
  token.purse.state.licensed = false;
  token.press();
  expect([token.watched(), token.withdraw().code]).toEqual([0, 'NOT_LICENSED']);
});

test.each<[what: string, code: string, act: (token: Rig) => void, ask?: number]>([
  ['0', 'NO_CHARGE', (token) => token.keys('0#')],
  ['nothing, done', 'NO_CHARGE', (token) => token.keys('#')],
  ['an amount, cleared', 'NO_CHARGE', (token) => token.keys('500*#')],
  ['an amount, not done', 'NO_CHARGE', (token) => token.keys('500')],
  [
    'an amount, and one more key after it was done',
    'NO_CHARGE',
    (token) => (token.keys('500#'), token.press(), token.keys('1')),
  ],
  [
    'an amount, a minute ago',
    'DESK_CLOSED',
    (token) => {
      token.keys('500#');
      token.scheduler.advance(61_000);
    },
  ],
  [
    'an amount, and then a reader came for a payment',
    'NO_CHARGE',
    (token) => {
      token.keys('500#');
      token.send(INS.open, chargeBytes(1));
    },
  ],
  ['5.00, and the desk asks for another', 'CONFIRM_NEEDED', (token) => token.keys('500#'), 600],
  ['5.00, not done, and the desk asks for as much', 'CONFIRM_NEEDED', (token) => token.keys('500'), 500],
  ['what the purse has no room for', 'REFUSED', (token) => token.keys('500#')],
])('with %s entered nothing is signed (%s)', (what, code, act, ask = 0) => {
  const token = tokenOn('emulated');
  if (code === 'REFUSED') token.purse.state.journal.balance = () => 2 ** 53 - 500;
  token.press();
  act(token);
  const [signed, image] = [token.signed(), token.flash.image()];
  expect([what, token.withdraw(ask).code]).toEqual([what, code]);
  expect([token.signed(), Buffer.compare(token.flash.image(), image)]).toEqual([signed, 0]);
});

test('what shows is what is signed: the first key of another amount ends the one before', () => {
  const token = tokenOn('emulated');
  token.press();
  token.keys('500#');
  token.press();
  token.keys('700');
  expect(token.shown.at(-1)).toBe('WITHDRAW | 7.00 EUR? | press if right');
  expect(token.withdraw().code).toBe('NO_CHARGE');
  token.keys('#');
  expect(xOf(token.withdraw())).toEqual([700, 700]);
});

test('another x than the entered one is asked for anew, and a press for it is a press for that one', () => {
  const token = tokenOn('emulated');
  token.press();
  token.keys('500');
  // The display asks for the desk's amount: the keys have no say any more.
  expect(token.withdraw(900).code).toBe('CONFIRM_NEEDED');
  expect([token.shown.at(-1), token.watched()]).toEqual(['WITHDRAW | 9.00 EUR? | press, tap again', 0]);
  token.press();
  expect(xOf(token.withdraw(900))).toEqual([900, 900]);
});

test.each<[what: string, act: (token: Rig) => void]>([
  ['nobody presses a key for a minute', (token) => token.scheduler.advance(62_000)],
  ['a reader comes for a payment', (token) => token.send(INS.open, chargeBytes(1))],
  ['a payment comes', (token) => token.send(INS.challenge, challengeBytes({}))],
  ['the desk asks for something else', (token) => token.send(INS.identity, none)],
])('the keys are let go of when %s', (_, act) => {
  const token = tokenOn('esp32-cyd');
  token.press();
  token.scheduler.advance(400);
  token.keys('5');
  expect([token.watched(), token.keysShown]).toEqual([1, [['123', '456', '789', '*0#']]]);
  act(token);
  expect([token.watched(), token.keysShown.at(-1)]).toEqual([0, null]);
  token.scheduler.advance(62_000);
  expect(token.shown.at(-1)).toMatch(/^BALANCE/);
});

test('the touch that opens the desk is no key, and while keys show a touch beside them is nothing', () => {
  const token = tokenOn('esp32-cyd');
  token.press();
  token.keys('5');
  token.scheduler.advance(400);
  token.press();
  expect(token.withdraw().code).toBe('NO_CHARGE');
  token.keys('#');
  expect(token.withdraw().code).toBe('NO_CHARGE');
});

const CAFE = { currency: 'EUR', base: 0, min: 100, max: 4000, chargeId: chargeBytes(1) };
const ask = (token: Rig, change: Partial<AmountAsk> = {}) =>
  token.send(INS.amount, amountAsk.encode({ ...CAFE, ...change }));
const yOf = ({ code, data }: { code: string; data: Uint8Array }) => [code, code === 'OK' && readBalance(data, 0)];
const challenged = (amount: number) => challengeBytes({ amount });

test.each(BOARDS)(
  'with %s (%s) the payer enters y, and pays it without another press',
  (_, name, keys, cents, ends) => {
    const token = tokenOn(name);
    const image = token.flash.image();
    expect(ask(token).code).toBe('AMOUNT_NEEDED');
    token.scheduler.advance(400);
    expect(token.shown.at(-1)).toBe('AMOUNT? | 1.00 to | 40.00 EUR | to Cafe');
    token.keys(keys);
    const text = (cents / 100).toFixed(2);
    expect(token.shown.at(-1)).toMatch(`PAY | ${text} EUR? | to Cafe`);
    expect(ask(token).code).toBe('AMOUNT_NEEDED');
    if (ends === '#') token.keys('#');
    else token.press();
    expect(token.shown.at(-1)).toBe(`TAP AGAIN | PAY ${text} EUR | to Cafe`);
    expect(Buffer.compare(token.flash.image(), image)).toBe(0);
    for (let asked = 0; asked < 2; asked++) expect(yOf(ask(token))).toEqual(['OK', cents]);
    token.send(INS.open, chargeBytes(1));
    // Above what the token pays unasked: to enter it was the press. Another y is asked for, whatever it is.
    expect(token.send(INS.challenge, challenged(500)).code).toBe('CONFIRM_NEEDED');
    token.scheduler.advance(2000);
    token.send(INS.open, chargeBytes(1));
    expect(ask(token).code).toBe('AMOUNT_NEEDED');
    token.scheduler.advance(400);
    token.keys(keys);
    if (ends === '#') token.keys('#');
    else token.press();
    expect(yOf(ask(token))).toEqual(['OK', cents]);
    token.send(INS.open, chargeBytes(1));
    const signed = token.signed();
    expect(token.send(INS.challenge, challenged(cents)).code).toBe('OK');
    expect([token.signed(), token.purse.state.journal.balance()]).toEqual([signed + 1, 5000 - cents]);
    exercises('14.3');
  },
);

test.each<[keys: string, y: number | null, lines: string]>([
  ['', null, 'TIP or none | 12.00 EUR? | to Cafe | press if right'],
  ['150', null, 'TIP 1.50 | 13.50 EUR? | to Cafe | press if right'],
  ['#', 1200, 'TAP AGAIN | PAY 12.00 EUR | to Cafe'],
  ['150#', 1350, 'TAP AGAIN | PAY 13.50 EUR | to Cafe'],
  ['501#', null, 'NOT POSSIBLE | 12.00 to | 17.00 EUR'],
  ['501#500#', 1700, 'TAP AGAIN | PAY 17.00 EUR | to Cafe'],
])('a tip: %j', (keys, y, lines) => {
  const token = tokenOn('emulated');
  const tip = { base: 1200, min: 1200, max: 1700 };
  expect(ask(token, tip).code).toBe('AMOUNT_NEEDED');
  token.keys(keys);
  expect(token.shown.at(-1)).toBe(lines);
  expect(yOf(ask(token, tip))).toEqual(y === null ? ['AMOUNT_NEEDED', false] : ['OK', y]);
});

test.each<[what: string, code: string, change: Partial<AmountAsk>, keys?: string]>([
  ['limits that leave nothing', 'BAD_REQUEST', { min: 4001 }],
  ['less than what is due', 'BAD_REQUEST', { base: 200 }],
  ['no charge', 'BAD_REQUEST', { chargeId: none }],
  ['another currency', 'REFUSED', { currency: 'USD' }],
  ['less than the limits', 'AMOUNT_NEEDED', {}, '99#'],
  ['more than the limits', 'AMOUNT_NEEDED', {}, '4001#'],
  ['more than the Balance', 'AMOUNT_NEEDED', { max: 9000 }, '5001#'],
  ['nothing', 'AMOUNT_NEEDED', {}, '#'],
  ['an amount and another key', 'AMOUNT_NEEDED', {}, '500'],
])('%s: %s, and nothing has changed', (_, code, change, keys = '') => {
  const token = tokenOn('emulated');
  const image = token.flash.image();
  ask(token, change);
  token.keys(keys);
  expect(ask(token, change).code).toBe(code);
  expect(Buffer.compare(token.flash.image(), image)).toBe(0);
});

test('y is for one charge: another one asks anew, and so does the desk; a board without keys says 0', () => {
  const token = tokenOn('emulated');
  ask(token);
  token.keys('500#');
  expect(ask(token, { chargeId: chargeBytes(2) }).code).toBe('AMOUNT_NEEDED');
  expect(ask(token).code).toBe('AMOUNT_NEEDED');
  token.keys('600#');
  expect(token.withdraw().code).toBe('DESK_CLOSED');
  expect(ask(token).code).toBe('AMOUNT_NEEDED');
  const keyless = tokenOn('esp32-devkitc-wrover', (board) => delete board.buttons.console);
  expect(yOf(ask(keyless))).toEqual(['OK', 0]);
});
