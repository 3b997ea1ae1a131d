/**
 * Power cut at every flash operation of every command that writes, in every place of the operation, also during
 * recovery.
 *
 * Whatever happens: keys intact, Balance old or new, nothing answered that is not durable, and asking again completes
 * with exactly one effect. Pre-states are chosen so that pages fill, are collected and erased in between. The short
 * form takes every sixth place of the cut, over all operations of all pre-states.
 */
import { extent, isLong } from '../kit/extent.js';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { RECORD } from '../../firmware/user-token/token-records.js';
import type { CutPlace, EmulatedFlash } from '../../host-bridge/emulator/flash.js';
import {
  boot,
  challengeBytes,
  chargeBytes,
  CONFIG,
  isPaymentFor,
  grantBytes,
  must,
  nameBytes,
  newFlash,
  openLog,
  receiptBytes,
  type TestPurse,
} from './purse-rig.js';

const SECRETS = [0, 1].map((slot) => new Uint8Array(32).fill(0xa0 + slot));

interface Command {
  name: string;
  /** Brings a fresh token to where the command begins. */
  prepare(token: TestPurse): void;
  run(token: TestPurse): { ok: boolean; data?: Uint8Array; code?: string };
  /** Balance before and after. */
  balance: [old: number, done: number];
  /** What must hold once the command has answered OK, on the token as booted next. */
  durable(token: TestPurse, data: Uint8Array): boolean;
}

function licensed(token: TestPurse, balance: number): void {
  must(token.desk.register(nameBytes('Ada'), 0));
  must(token.desk.license(grantBytes({}), 0));
  must(token.desk.receipt(receiptBytes({ number: 1, amount: balance })));
  token.purse.press(0);
}

/** Acknowledged payments before, so that the log has gone round its ring. */
const PAYMENTS = 40;
function history(token: TestPurse): void {
  for (let number = 100; number < 100 + PAYMENTS; number++) {
    token.purse.press(0);
    must(token.purse.pay(challengeBytes({ number, amount: 1 }), 0));
    must(token.purse.ack(chargeBytes(number)));
  }
}

const asked = challengeBytes({});
const commands: Command[] = [
  {
    name: 'pay',
    prepare: () => undefined,
    run: (t) => (t.purse.open(chargeBytes(1)), t.purse.expectPayment(0), t.purse.pay(asked, 0)),
    balance: [5000, 4650],
    durable: (t, data) => {
      const journal = t.purse.state.journal;
      const slot = journal.find(chargeBytes(1));
      return (
        slot >= 0 && isPaymentFor(data, asked) && Buffer.from(data.subarray(8)).equals(journal.read(slot).signature)
      );
    },
  },
  {
    name: 'ack',
    prepare: (t) => void must(t.purse.pay(asked, 0)),
    run: (t) => t.purse.ack(chargeBytes(1)),
    balance: [4650, 4650],
    durable: (t) => t.purse.state.journal.unsettledCount() === 0,
  },
  {
    name: 'receipt',
    prepare: () => undefined,
    run: (t) => t.desk.receipt(receiptBytes({ number: 2, amount: 70 })),
    balance: [5000, 5070],
    durable: (t) => t.purse.state.journal.receiptNumber() === 2,
  },
  {
    name: 'license',
    prepare: () => undefined,
    run: (t) => (t.purse.press(0), t.desk.license(grantBytes({ validUntilS: 1_900_000_000 }), 0)),
    balance: [5000, 5000],
    durable: (t) => Buffer.from(t.log.get(RECORD.license, 0)!).equals(grantBytes({ validUntilS: 1_900_000_000 })),
  },
];

/** Every place of a cut in an operation of `words` words; a page's erase is sampled. */
function places(words: number): [CutPlace, number][] {
  const out: [CutPlace, number][] = [
    ['before', 0],
    ['scattered', 0],
    ['after', 0],
  ];
  const step = words > 64 ? 37 : 1;
  for (let word = 0; word < words; word += step) out.push(['during', word]);
  return out;
}

const operations = (flash: EmulatedFlash) => flash.counters.writes + flash.counters.erases;

/** Boots until it succeeds; cuts power at operation `cutAt` of the first boot, if it comes to that. */
function recover(flash: EmulatedFlash, cutAt: number): TestPurse {
  flash.powerOn();
  if (cutAt >= 0) {
    flash.cutAfter(cutAt, 'during', 1);
    try {
      boot(flash, { ...CONFIG, debitSlots: 8 });
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/POWER_LOST|FLASH_WRITE_FAILED/);
    }
    flash.powerOn();
  }
  return boot(flash, { ...CONFIG, debitSlots: 8 });
}

function check(
  token: TestPurse,
  command: Command,
  answer: { ok: boolean; data?: Uint8Array; code?: string },
  where: string,
): void {
  const journal = token.purse.state.journal;
  SECRETS.forEach((secret, slot) => expect([where, token.log.get(BOARD_RECORD.key, slot)]).toEqual([where, secret]));
  expect([where, command.balance.includes(journal.balance())]).toEqual([where, true]);
  if (answer.ok) expect([where, command.durable(token, answer.data!)]).toEqual([where, true]);
  // Asked again, it completes, with one effect.
  const again = command.run(token);
  expect([where, again.ok, journal.balance()]).toEqual([where, true, command.balance[1]]);
  expect([where, command.durable(token, again.data!)]).toEqual([where, true]);
  if (answer.ok) expect([where, again.data]).toEqual([where, answer.data]);
}

function prepared(command: Command): EmulatedFlash {
  const token = boot(newFlash(), { ...CONFIG, debitSlots: 8 });
  SECRETS.forEach((secret, slot) => token.log.put(BOARD_RECORD.key, slot, secret));
  licensed(token, 5000 + PAYMENTS);
  history(token);
  command.prepare(token);
  return token.flash;
}

test.each(commands)('$name: power cut at every flash operation', (command) => {
  let cuts = 0;
  let most = 0;
  let counted = 0;
  const flash = prepared(command);
  const base = flash.image();
  // Small records fill a page step by step, so that its end falls into a record of this command.
  for (let fillers = 0; fillers < 90; fillers++) {
    flash.restore(base);
    const log = openLog(flash);
    for (let i = 0; i < fillers; i++) log.put(BOARD_RECORD.boot, 0, new Uint8Array(4).fill(i));
    const image = flash.image();
    // A dry run tells which operations there are, and their lengths in words.
    const dry = boot(flash, { ...CONFIG, debitSlots: 8 });
    const words: number[] = [];
    const { write, erasePage } = flash;
    flash.write = (data, address) => (write(data, address), void words.push(data.length >> 2));
    flash.erasePage = (address) => (erasePage(address), void words.push(512));
    must(command.run(dry) as { ok: true });
    flash.write = write;
    flash.erasePage = erasePage;
    // All pre-states that collect or erase; of the plain ones, which differ in nothing but addresses, the first.
    if (fillers > 0 && words.length === 2) continue;
    most = Math.max(most, words.length);
    for (let operation = 0; operation < words.length; operation++) {
      for (const [place, word] of places(words[operation])) {
        if (!isLong && counted++ % 6 > 0) continue;
        flash.restore(image);
        const token = boot(flash, { ...CONFIG, debitSlots: 8 });
        flash.cutAfter(operation, place, word);
        const answer = command.run(token);
        const torn = flash.image();
        // The recovery itself is cut at each of its operations, until it needs no more of them.
        for (let cutAt = -1; cutAt < 6; cutAt++) {
          flash.restore(torn);
          const before = operations(flash);
          const later = recover(flash, cutAt);
          if (cutAt >= 0 && operations(flash) - before <= cutAt) break;
          check(
            later,
            command,
            answer,
            `${fillers} fillers, operation ${operation}, ${place} word ${word}, recovery ${cutAt}`,
          );
          cuts++;
        }
      }
    }
  }
  expect(most).toBeGreaterThan(4); // some pre-state did collect and erase
  expect(cuts).toBeGreaterThan(extent(25, 150));
});

test('register: the name is durable before anything is signed in it', () => {
  const flash = newFlash();
  boot(flash);
  const image = flash.image();
  for (let operation = 0; operation < 3; operation++) {
    for (const [place, word] of places(9)) {
      flash.restore(image);
      const token = boot(flash);
      flash.cutAfter(operation, place, word);
      const answer = token.desk.register(nameBytes('Ada'), 0);
      flash.powerOn();
      const later = boot(flash);
      // Also where the power went after it: what may come again is written last.
      if (token.keys.signed > 0) expect(later.purse.state.name).toBe('Ada');
      if (answer.ok) expect(later.purse.state.name).toBe('Ada');
      expect(['', 'Ada']).toContain(later.purse.state.name);
      expect(later.log.slots(RECORD.identity).length).toBe(later.purse.state.name ? 1 : 0);
    }
  }
});
