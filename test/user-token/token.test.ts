/**
 * The token behind its APDU server: commands by radio, what its owner sees, hostile bytes, idle work.
 */
import { fc } from '../kit/properties.js';
import { codeOfStatusWord } from '../../firmware/core/codes.js';
import { createDisplay } from '../../firmware/panel/display.js';
import { blinkPattern, createIndicator } from '../../firmware/panel/indicator.js';
import { spell } from '../../firmware/panel/spell.js';
import { createApduServer } from '../../firmware/nfc/iso-dep-server.js';
import { createDesk } from '../../firmware/user-token/desk/desk.js';
import { createPaperDesk } from '../../firmware/user-token/desk/paper-desk.js';
import { createToken } from '../../firmware/user-token/token.js';
import { AID, amountRequest, INS, selectAnswer, tokenStatus } from '../../firmware/wire/token-commands.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import {
  challengeBytes,
  chargeBytes,
  COMMAND_ID,
  isPaymentFor,
  licenseBytes,
  multiplesFor,
  pseudonym,
  ready,
  receiptBytes,
  type TestPurse,
} from './purse-rig.js';

function board(parts: TestPurse, display: 'console' | 'none' = 'console') {
  const scheduler = createVirtualScheduler();
  // On a board time passes within a command too: whoever looks twice sees two times.
  let looks = 0;
  const clock = {
    setTimeout: (callback: () => void, delayMs: number) => scheduler.setTimer(callback, delayMs),
    clearTimeout: (id: any) => scheduler.clearTimer(id),
    nowMs: () => scheduler.nowMs() + looks++,
  };
  const shown: string[] = [];
  const leds: [number, number][] = [];
  const devices = {
    bus: () => undefined,
    createGraphics: () => {
      throw new Error('no');
    },
    crc32: () => 0,
    print: (text: string) => void shown.push(text),
  };
  const pins = {
    digitalWrite: (pin: string, level: number) => void (pin === 'D2' && leds.push([scheduler.nowMs(), level])),
    analogWrite: () => undefined,
    poke32: () => undefined,
  };
  const work = { left: 3, done: 0 };
  const token = createToken(parts.purse, {
    clock,
    display: createDisplay(devices, display === 'console' ? { type: 'console' } : undefined),
    indicator: createIndicator(pins, clock, { pin: 'D2', active: 1 }, { pin: 'D4', active: 1 }),
    spell,
    openKeys: () => null,
    makeRoom: () => undefined,
    loadDesk: () => createDesk(parts.purse.state, null),
    loadPapers: () => createPaperDesk(parts.purse.state),
    commandBytesMax: 48,
    work: () => (work.done++, --work.left > 0),
    nonces: () => 5,
    memory: () => ({ used: 100, total: 1000 }),
    flashWrites: () => 42,
  });
  const server = createApduServer({ aid: AID, handlers: token.handlers });
  const send = (ins: number, data: Uint8Array, cla = 0x80) => {
    const answer = server.handle(new Uint8Array([cla, ins, 0, 0, ...(data.length ? [data.length, ...data] : []), 0]));
    token.finish();
    const sw = answer[answer.length - 2] * 256 + answer[answer.length - 1];
    return { sw, code: codeOfStatusWord(sw), data: answer.slice(0, -2) };
  };
  const select = () => server.handle(new Uint8Array([0, 0xa4, 4, 0, AID.length, ...AID, 0]));
  return { scheduler, token, server, send, select, shown, leds, work };
}

test('a tap as the reader and the owner see it', () => {
  const parts = ready(5000);
  const { scheduler, token, send, select, shown } = board(parts);
  token.start();
  scheduler.advance(10);
  expect(shown.pop()).toBe('[display] BALANCE | 50.00 EUR');
  expect(selectAnswer.decode(select().slice(0, -2))).toEqual({ version: 2, commandBytesMax: 48 });
  expect(send(INS.open, chargeBytes(1)).data).toEqual(new Uint8Array([...licenseBytes({}), 0]));
  // 512 bytes: the first part of them, and that there are more.
  const multiples = send(INS.multiples, new Uint8Array(0));
  expect([multiples.sw >> 8, multiples.data]).toEqual([
    0x61,
    multiplesFor(pseudonym.publicKey).subarray(0, multiples.data.length),
  ]);
  const bytes = challengeBytes({});
  expect(isPaymentFor(send(INS.challenge, bytes).data, bytes)).toBe(true);
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] PAY 3.50 EUR | to Cafe');
  expect(send(INS.ack, chargeBytes(1))).toMatchObject({ sw: 0x9000, data: new Uint8Array(0) });
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] PAID 3.50 EUR | BALANCE | 46.50 EUR');
  scheduler.advance(6000);
  expect(shown.pop()).toBe('[display] BALANCE | 46.50 EUR');
});

test('CONFIRM_NEEDED shows y and the shop, and the button answers', () => {
  const { scheduler, token, send, select, shown } = board(ready(5000));
  token.start();
  select();
  const bytes = challengeBytes({ amount: 2000, shop: 'A long name of a shop' });
  expect(send(INS.challenge, bytes).code).toBe('CONFIRM_NEEDED');
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] CONFIRM? | PAY 20.00 EUR | to A long name o | f a shop | press, tap again');
  token.press();
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] TAP AGAIN | PAY 20.00 EUR | to A long name o | f a shop');
  expect(send(INS.challenge, bytes).sw).toBe(0x9000);
});

test('without a display the LED blinks y', () => {
  const { scheduler, token, send, select, leds } = board(ready(5000), 'none');
  token.start();
  select();
  send(INS.challenge, challengeBytes({ amount: 2103 }));
  scheduler.advance(30_000);
  const on = leds.filter(([, level]) => level === 1).map(([ms]) => ms);
  const off = leds.filter(([ms, level]) => level === 0 && ms > 0).map(([ms]) => ms);
  // Two to ask, then 2, 1, "." as a longer pause, one long for 0, 3.
  expect(on.length).toBe(2 + 2 + 1 + 1 + 3);
  const flashes = on.map((ms, i) => off[i] - ms);
  expect(flashes.slice(2)).toEqual([200, 200, 200, 800, 200, 200, 200]);
  expect(blinkPattern('1.0')).toEqual([200, 1800, 800, 900]);
});

test('receipts, refusals and status', () => {
  const { scheduler, token, send, select, shown } = board(ready(5000));
  token.start();
  select();
  expect(send(INS.receipt, receiptBytes({ number: 2, amount: 123 })).sw).toBe(0x9000);
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] RECEIVED | +1.23 EUR | BALANCE | 51.23 EUR');
  expect(send(INS.challenge, challengeBytes({ currency: 'USD' })).code).toBe('REFUSED');
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] REFUSED | REFUSED');
  // The same code as above a limit; the owner alone is told why.
  expect(send(INS.challenge, challengeBytes({ amount: 6000 })).code).toBe('CONFIRM_NEEDED');
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] NOT ENOUGH | to PAY 60.00 EUR | BALANCE | 51.23 EUR');
  expect(send(INS.status, new Uint8Array(0)).code).toBe('DESK_CLOSED');
  // Nothing is left to confirm: the press opens the desk, and the payment stays what it is.
  token.press();
  scheduler.advance(1);
  expect(tokenStatus.decode(send(INS.status, new Uint8Array(0)).data)).toEqual({
    balance: 5123,
    receiptNumber: 2,
    unacknowledged: 0,
    nonces: 5,
    variablesUsed: 100,
    variablesTotal: 1000,
    flashWrites: 42,
  });
  scheduler.advance(200);
  expect(shown.pop()).toBe('[display] BALANCE | 51.23 EUR | DESK OPEN');
  expect(send(INS.challenge, challengeBytes({ amount: 6000 })).code).toBe('CONFIRM_NEEDED');
});

const x = (amount: number, id = COMMAND_ID) => amountRequest.encode({ commandId: id, amount });

test('a desk that asks for x: the display names it, told once, and a press for that x signs it', () => {
  const parts = ready(5000);
  const { scheduler, token, send, select, shown, leds } = board(parts);
  token.start();
  select();
  expect(send(INS.withdraw, x(5000)).code).toBe('DESK_CLOSED');
  token.press();
  const blinks = () => leds.filter(([, level]) => level === 1).length;
  for (let asked = 0; asked < 3; asked++) {
    expect(send(INS.withdraw, x(5000)).code).toBe('CONFIRM_NEEDED');
    scheduler.advance(1000);
    expect([shown.at(-1), blinks()]).toEqual(['[display] WITHDRAW | 50.00 EUR? | press, tap again', 2]);
  }
  const [signed, image] = [parts.keys.signed, parts.flash.image()];
  // Another x than the one that stands there: asked anew, by a press for the first as little as without one.
  expect(send(INS.withdraw, x(6000)).code).toBe('CONFIRM_NEEDED');
  scheduler.advance(200);
  expect(shown.at(-1)).toBe('[display] WITHDRAW | 60.00 EUR? | press, tap again');
  token.press();
  scheduler.advance(200);
  expect(shown.at(-1)).toBe('[display] TAP AGAIN | WITHDRAW | 60.00 EUR');
  expect(send(INS.withdraw, x(5000)).code).toBe('CONFIRM_NEEDED');
  expect(send(INS.withdraw, x(6000)).code).toBe('CONFIRM_NEEDED');
  expect([parts.keys.signed, Buffer.compare(parts.flash.image(), image)]).toEqual([signed, 0]);
  // The press for x also keeps the desk open: the first one is 59 s ago by then.
  scheduler.advance(55_000);
  token.press();
  scheduler.advance(30_000);
  expect(send(INS.withdraw, x(6000)).sw).toBe(0x9000);
  expect(parts.keys.signed).toBe(signed + 2);
  // It was for one withdrawal.
  expect(send(INS.withdraw, x(6000, new Uint8Array(8))).code).toBe('CONFIRM_NEEDED');
});

test.each<[string, (t: TestPurse, b: ReturnType<typeof board>) => void]>([
  ['paid meanwhile what needs no press', (_, { send }) => send(INS.challenge, challengeBytes({ number: 2 }))],
  ['refused what followed', (_, { send }) => send(INS.challenge, challengeBytes({ number: 2, currency: 'USD' }))],
  [
    'had not enough for what followed',
    (_, { send }) => send(INS.challenge, challengeBytes({ number: 2, amount: 9000 })),
  ],
])('a press that follows when the token has %s opens the desk', (_what, next) => {
  const parts = ready(5000);
  const made = board(parts);
  const { scheduler, token, send, select } = made;
  token.start();
  select();
  const big = challengeBytes({ amount: 2000 });
  expect(send(INS.challenge, big).code).toBe('CONFIRM_NEEDED');
  next(parts, made);
  scheduler.advance(5000);
  token.press();
  expect(send(INS.status, new Uint8Array(0)).sw).toBe(0x9000);
  expect(send(INS.challenge, big).code).toBe('CONFIRM_NEEDED');
});

test.each<[string, number, Uint8Array]>([
  ['the desk', INS.identity, new Uint8Array(0)],
  ['another charge', INS.open, chargeBytes(7)],
])(
  'a question of a payment leaves the display when a reader comes for %s, and a press at once says nothing',
  (_, ins, data) => {
    const { scheduler, token, send, select, shown } = board(ready(5000));
    token.start();
    select();
    const big = challengeBytes({ amount: 2000 });
    expect(send(INS.challenge, big).code).toBe('CONFIRM_NEEDED');
    scheduler.advance(200);
    send(ins, data);
    scheduler.advance(300);
    expect(shown.at(-1)).toBe('[display] BALANCE | 50.00 EUR');
    // It was meant for what stood there.
    token.press();
    expect(send(INS.status, new Uint8Array(0)).code).toBe('DESK_CLOSED');
    expect(send(INS.challenge, big).code).toBe('CONFIRM_NEEDED');
    send(ins, data);
    scheduler.advance(1000);
    token.press();
    expect(send(INS.status, new Uint8Array(0)).sw).toBe(0x9000);
  },
);

test('the same charge opened again goes on waiting for its press, and a desk that asks for x for its own', () => {
  const parts = ready(5000);
  const { token, send, select } = board(parts);
  token.start();
  select();
  const big = challengeBytes({ amount: 2000 });
  expect(send(INS.challenge, big).code).toBe('CONFIRM_NEEDED');
  token.press();
  send(INS.open, chargeBytes(1));
  expect(send(INS.challenge, big).sw).toBe(0x9000);
  token.press();
  expect(send(INS.withdraw, x(100)).code).toBe('CONFIRM_NEEDED');
  token.press();
  expect(send(INS.identity, new Uint8Array(0)).sw).toBe(0x9000);
  expect(send(INS.withdraw, x(100)).sw).toBe(0x9000);
});

test('unknown instructions and parameters get the status words of ISO 7816-4', () => {
  const { server, send, select } = board(ready(5000));
  select();
  expect(send(0x77, new Uint8Array(0)).sw).toBe(0x6d00);
  expect([...server.handle(new Uint8Array([0x80, INS.identity, 1, 0]))]).toEqual([0x6a, 0x86]);
});

test('hostile APDUs never throw, and change nothing', () => {
  const parts = ready(5000);
  const { server, select } = board(parts);
  const before = parts.flash.image();
  const ins = fc.constantFrom(...Object.values(INS).filter((value) => value !== INS.challenge));
  const apdu = fc.oneof(
    fc.uint8Array({ maxLength: 270 }),
    fc
      .tuple(fc.constantFrom(0x80, 0x90, 0), ins, fc.uint8Array({ maxLength: 255 }))
      .map(([cla, code, data]) => new Uint8Array([cla, code, 0, 0, ...(data.length ? [data.length, ...data] : []), 0])),
    // A true message with one byte changed; the challenge's own amount may not be.
    fc
      .tuple(
        fc.constantFrom(licenseBytes({}), receiptBytes({ number: 2 }), chargeBytes(1)),
        ins,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
      )
      .map(([message, code, at, change]) => {
        const bytes = new Uint8Array([0x80, code, 0, 0, message.length, ...message, 0]);
        bytes[5 + (at % message.length)] ^= change;
        return bytes;
      }),
  );
  fc.assert(
    fc.property(fc.array(apdu, { maxLength: 20 }), (list) => {
      select();
      for (const bytes of list) {
        const answer = server.handle(bytes);
        expect(answer.length).toBeGreaterThanOrEqual(2);
        expect(answer[answer.length - 2]).not.toBe(0x6f); // no handler failed
      }
    }),
    { numRuns: 300 },
  );
  expect(Buffer.compare(parts.flash.image(), before)).toBe(0);
  expect(parts.purse.state.fault).toBe('');
});

test('idle work runs between taps only, and not at once after one', () => {
  const { scheduler, token, work } = board(ready(5000));
  token.start();
  token.setInField(true);
  const before = work.done;
  scheduler.advance(5000);
  expect(work.done).toBe(before);
  // Nonces are left: the next customer's tap would be held up.
  token.setInField(false);
  const left = work.done;
  scheduler.advance(2500);
  expect(work.done).toBe(left);
  scheduler.advance(2000);
  expect(work.done).toBeGreaterThanOrEqual(before + 2);
  expect(work.left).toBeLessThanOrEqual(0);
});
