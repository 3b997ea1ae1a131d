/**
 * Random lives of a shop against what must hold in any of them: charges, taps, torn taps, cancels, resets, power cuts,
 * a link that comes and goes. Afterwards the bridge is there, everything is delivered, and the books are compared.
 */
import { fc } from '../kit/properties.js';
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { createToken, createRig, type Token, type Rig } from './terminal-rig.js';

type Act =
  | { kind: 'charge'; amount: number }
  | { kind: 'tap'; who: number }
  | { kind: 'torn'; who: number; left: number; when: 'before' | 'after' }
  | { kind: 'cancel' }
  | { kind: 'reset' }
  | { kind: 'cut'; operation: number; place: CutPlace }
  | { kind: 'link'; up: boolean }
  | { kind: 'forget'; on: boolean };

const who = fc.integer({ min: 0, max: 2 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('charge' as const), amount: fc.integer({ min: 1, max: 1500 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('tap' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('torn' as const),
      who,
      left: fc.integer({ min: 0, max: 5 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      operation: fc.integer({ min: 0, max: 12 }),
      place: fc.constantFrom<CutPlace>('before', 'during', 'after'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), on: fc.boolean() }) },
);

/** What the clerk knows: the ids he used, with the amounts, and those of which he was told PAID. */
interface Clerk {
  next: number;
  open: number;
  amounts: Map<number, number>;
}

function play(rig: Rig, tokens: Token[], clerk: Clerk, step: Act): void {
  if (step.kind === 'charge') {
    // A clerk goes on with the charge he has, under its own id, until he knows how it ended; no answer tells him
    // nothing.
    if (!clerk.open) {
      clerk.open = ++clerk.next;
      clerk.amounts.set(clerk.open, step.amount);
    }
    const code = rig.charge(clerk.open, clerk.amounts.get(clerk.open)!);
    if (code !== 'OK' && code !== null) clerk.open = 0;
  } else if (step.kind === 'tap') rig.tap(tokens[step.who], 1500);
  else if (step.kind === 'torn') {
    rig.field.tear = { left: step.left, when: step.when };
    rig.tap(tokens[step.who], 1500);
  } else if (step.kind === 'cancel') {
    if (clerk.open) rig.cancel(clerk.open);
  } else if (step.kind === 'reset') rig.boot();
  else if (step.kind === 'cut') rig.flash.cutAfter(step.operation, step.place);
  else if (step.kind === 'link') rig.link(step.up);
  else rig.bridge.forgets = step.on;
  rig.run(100);
}

test('whatever happens, every debit is paid to the shop once, buried, or open', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 5, maxLength: 40 }), (steps) => {
      const rig = createRig();
      const tokens = [createToken(1), createToken(2), createToken(3)];
      const clerk: Clerk = { next: 0, open: 0, amounts: new Map() };
      rig.link(true);
      rig.run(100);
      for (const step of steps) play(rig, tokens, clerk, step);

      rig.flash.cutAfter(Infinity, 'before');
      rig.boot();
      rig.bridge.forgets = false;
      rig.link(true);
      rig.run(20_000);

      const stored = new Map([...rig.bridge.amounts].map(([identity, amount]) => [identity.slice(-32), amount]));
      expect(stored.size).toBe(rig.bridge.amounts.size);
      const openRs = Buffer.from(rig.till.view().rs).toString('hex');
      for (const token of tokens) {
        for (const [rs, debit] of token.debits) {
          const paid = stored.get(rs) === debit.amount;
          const buried = rig.bridge.tombstones.has(rs);
          const isOpen = rs === openRs && rig.state() === 'open';
          expect([paid, buried, isOpen].filter(Boolean).length).toBe(1);
          // Acknowledged only if the shop has it.
          if (debit.settled) expect(paid).toBe(true);
        }
      }
      // Every history at the bridge is a debit of some token: nothing is made from nothing.
      const debits = new Set(tokens.flatMap((token) => [...token.debits.keys()]));
      for (const rs of stored.keys()) expect(debits.has(rs)).toBe(true);
      // One payment for one charge.
      expect(stored.size).toBeLessThanOrEqual(clerk.next);
      // The shop is open.
      const state = rig.state();
      if (state === 'open') expect(rig.cancel(clerk.open)).toBe('OK');
      expect(rig.charge(999, 1)).toBe('OK');
      expect(rig.tap(tokens[0])).toBe('paid');
    }),
    { numRuns: 150 },
  );
});
