/**
 * Charges whose y their payer says, at the terminal: asked of the token or entered on the terminal's keys, within
 * limits, shown and reported before it is signed; whoever leaves before changes nothing, and what may be signed never
 * changes.
 */
import { codeOf } from '../../firmware/core/codes.js';
import { KIND, openChargeRequest, type OpenTerms } from '../../firmware/wire/link/link-messages.js';
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { extent } from '../kit/extent.js';
import { createRig, createToken, type Rig, type Token } from './terminal-rig.js';
import { idOf } from './till-rig.js';

const OPEN: OpenTerms = { base: 0, min: 100, max: 5000 };
const TIP: OpenTerms = { base: 1200, min: 1200, max: 1700 };

const request = (n: number, terms: OpenTerms) =>
  openChargeRequest.encode({ number: n, id: idOf(n), lifetimeS: 300, ...terms });
const charge = (rig: Rig, n: number, terms: OpenTerms) => rig.ask(KIND.openCharge, request(n, terms)).code;
const keys = (rig: Rig, text: string) => [...text].forEach((key) => rig.terminal.onKey(key));
const shown = (rig: Rig) => rig.screen[rig.screen.length - 1];
const codes = (rig: Rig) => rig.bridge.reports.map(({ code, amount }) => [codeOf(code), amount]);
const debits = (token: Token) => [...token.debits.values()].map(({ amount }) => amount);

function open(terms: OpenTerms): Rig {
  const rig = createRig();
  rig.link(true);
  rig.run(300);
  expect(charge(rig, 1, terms)).toBe('OK');
  return rig;
}

function saying(y: Token['says'], n = 1): Token {
  const token = createToken(n);
  token.says = y;
  return token;
}

test('y of the token: shown and reported before it is signed, then paid, and in the history', () => {
  const rig = open(OPEN);
  expect(shown(rig)).toEqual(['AMOUNT?', '1.00 to', '50.00 EUR', 'on token or here']);
  const token = saying(null);
  expect(rig.tap(token)).toBe('open');
  expect(rig.till.view()).toMatchObject({ amount: 0, isBound: false });
  token.says = 450;
  const before = rig.screen.length;
  expect(rig.tap(token)).toBe('paid');
  rig.run(1000);
  expect(debits(token)).toEqual([450]);
  expect([...rig.bridge.amounts.values()]).toEqual([450]);
  expect(codes(rig).filter(([code]) => code === 'OK')).toEqual([
    ['OK', 450],
    ['OK', 450],
  ]);
  expect(rig.bridge.reports.filter(({ amount }) => amount === 450).map(({ chargeState }) => chargeState)).toEqual([
    1, 3,
  ]);
  const screens = rig.screen.slice(before).map((lines) => lines.join(' '));
  expect(screens.findIndex((text) => text.includes('PAY 4.50 EUR'))).toBeGreaterThanOrEqual(0);
  // Asked again, the bridge hears y again, and it is what was paid.
  const reports = rig.bridge.reports.length;
  expect(charge(rig, 1, OPEN)).toBe('ALREADY_PAID');
  rig.run(500);
  expect(rig.bridge.reports.slice(reports)).toMatchObject([{ amount: 450, chargeState: 3 }]);
});

test.each<[what: string, terms: OpenTerms, says: Token['says'], typed: string, y: number]>([
  ['a token without keys', OPEN, 'keyless', '450#', 450],
  ['a token of before', OPEN, undefined, '450#', 450],
  ['a tip, at a token without keys', TIP, 'keyless', '150#', 1350],
  ['a tip of none, typed', TIP, 'keyless', '#', 1200],
  ['a tip that nobody adds', TIP, undefined, '', 1200],
  ['a tip of the token', TIP, 1350, '', 1350],
])('%s: y from the keys of the terminal', (_, terms, says, typed, y) => {
  const rig = open(terms);
  const token = saying(says);
  if (typed !== '' && terms === OPEN) {
    expect(rig.tap(token)).toBe('open');
    expect(codes(rig).at(-1)).toEqual(['AMOUNT_NEEDED', 0]);
  }
  keys(rig, typed);
  if (typed !== '') expect(rig.till.view().amount).toBe(y);
  expect(rig.tap(token)).toBe('paid');
  expect(debits(token)).toEqual([y]);
});

test.each<[what: string, says: Token['says'], typed: string]>([
  ['the token says too little', 99, ''],
  ['the token says too much', 5001, ''],
  ['too little is typed', 'keyless', '99#'],
  ['too much is typed', 'keyless', '5001#'],
  ['nothing is typed', 'keyless', '#'],
  ['what was typed is cleared', 'keyless', '450*#'],
  ['what was done is taken back', 'keyless', '450#*'],
  ['a minute passes', 'keyless', '450#.'],
])('%s: nothing is signed, and nothing has changed', (_, says, typed) => {
  const rig = open(OPEN);
  const image = rig.flash.image();
  for (const key of typed)
    if (key === '.') rig.run(61_000);
    else keys(rig, key);
  const token = saying(says);
  expect(rig.tap(token)).toBe('open');
  expect(codes(rig).at(-1)).toEqual(['AMOUNT_NEEDED', 0]);
  expect([debits(token), rig.till.view().amount, Buffer.compare(rig.flash.image(), image)]).toEqual([[], 0, 0]);
});

test('who leaves before the challenge has changed nothing, and the next one says another y', () => {
  const rig = open(OPEN);
  const first = saying(450);
  // SELECT, AMOUNT, and OPEN that is not heard.
  rig.field.tear = { left: 2, when: 'before' };
  rig.tap(first);
  expect([rig.till.view().amount, rig.till.view().isBound, debits(first)]).toEqual([0, false, []]);
  const second = saying(700, 2);
  expect(rig.tap(second)).toBe('paid');
  expect([debits(first), debits(second)]).toEqual([[], [700]]);
});

test('once it may be signed y stays: the same token pays it, another one has a new Rs and its own y', () => {
  const rig = open(OPEN);
  const first = saying(450);
  rig.field.tear = { left: 3, when: 'after' };
  rig.tap(first);
  expect([rig.till.view().amount, rig.till.view().isBound, debits(first)]).toEqual([450, true, [450]]);
  keys(rig, '800#');
  expect(rig.till.view().amount).toBe(450);
  rig.boot();
  rig.run(1000);
  expect(rig.till.view().amount).toBe(450);
  first.says = 900;
  expect(rig.tap(first)).toBe('paid');
  expect(debits(first)).toEqual([450]);

  expect(charge(rig, 2, OPEN)).toBe('OK');
  const torn = saying(450, 3);
  rig.field.tear = { left: 3, when: 'after' };
  rig.tap(torn);
  const other = saying(700, 4);
  expect(rig.tap(other)).toBe('paid');
  expect([debits(torn), debits(other)]).toEqual([[450], [700]]);
  rig.run(2000);
  expect([...torn.debits.keys()].map((rs) => rig.bridge.tombstones.has(rs))).toEqual([true]);
});

test('bad requests, the same id with other limits, and the clerk who cancels', () => {
  const rig = createRig();
  rig.link(true);
  rig.run(300);
  for (const bad of [
    { ...OPEN, min: 5001 },
    { ...TIP, min: 1100 },
  ])
    expect(charge(rig, 1, bad)).not.toBe('OK');
  expect(rig.ask(KIND.openCharge, request(1, OPEN).subarray(1)).code).toBe('BAD_REQUEST');
  expect(rig.state()).toBe('none');
  expect(charge(rig, 1, OPEN)).toBe('OK');
  expect([charge(rig, 1, OPEN), charge(rig, 1, TIP), rig.charge(1, 300)]).toEqual(['OK', 'CHARGE_OPEN', 'CHARGE_OPEN']);
  // The button: what is typed is done; with nothing typed it cancels, as `*` does.
  keys(rig, '450');
  rig.terminal.onButton();
  expect(rig.till.view().amount).toBe(450);
  rig.terminal.onButton();
  expect([rig.till.view().amount, rig.state()]).toEqual([0, 'open']);
  rig.terminal.onButton();
  rig.run(500);
  expect(rig.state()).toBe('cancelled');
  expect(rig.charge(2, 300)).toBe('OK');
  expect(rig.tap(saying(450))).toBe('paid');
});

test('a power cut at each flash operation of an open charge: paid once, with the y that its payer said', () => {
  function sale(rig: Rig, token: Token): void {
    charge(rig, 1, OPEN);
    rig.tap(token);
    rig.run(500);
  }
  function prepare(): Rig {
    const rig = createRig();
    rig.link(true);
    rig.run(200);
    return rig;
  }
  const whole = prepare();
  const before = whole.flash.counters.writes + whole.flash.counters.erases;
  sale(whole, saying(450));
  const operations = whole.flash.counters.writes + whole.flash.counters.erases - before;
  expect(operations).toBeGreaterThan(6);
  const places: CutPlace[] = ['before', 'during', 'after'];
  for (let at = 0; at < operations * places.length; at += extent(2, 1)) {
    const rig = prepare();
    const token = saying(450);
    rig.flash.cutAfter(Math.floor(at / places.length), places[at % places.length]!);
    sale(rig, token);
    rig.boot();
    rig.flash.cutAfter(Infinity, 'before');
    rig.run(500);
    rig.link(true);
    const code = charge(rig, 1, OPEN);
    // What was not signed yet is said anew.
    if (debits(token).length === 0) token.says = 600;
    if (code === 'OK') expect([at, rig.tap(token)]).toEqual([at, 'paid']);
    else expect([at, code]).toEqual([at, 'ALREADY_PAID']);
    rig.run(2000);
    expect([at, [...rig.bridge.amounts.values()]]).toEqual([at, debits(token)]);
    expect(debits(token)).toHaveLength(1);
  }
});
