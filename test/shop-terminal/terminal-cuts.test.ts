/**
 * Power cut at every flash operation from the clerk's request to the delivered history: after each, the shop boots, and
 * tapping the same token again ends with one debit, one history at the bridge, and never PAID before H was durable.
 */
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { createToken, createRig, type Token, type Rig } from './terminal-rig.js';

/** From the request to the delivered history; steps that a power cut prevented fail quietly. */
function sale(rig: Rig, token: Token, other: Token | null): void {
  rig.charge(1, 350);
  if (other) {
    rig.field.tear = { left: 2, when: 'after' };
    rig.tap(other);
  }
  rig.tap(token);
  rig.run(500);
}

function prepare(online: boolean): Rig {
  const rig = createRig();
  rig.link(true);
  rig.run(200);
  if (!online) rig.link(false);
  return rig;
}

const sales: [string, boolean, boolean][] = [
  ['with a bridge', true, false],
  ['without a bridge', false, false],
  ['after another token tore off', true, true],
];
const places: CutPlace[] = ['before', 'during', 'after'];

test.each(sales)('a sale %s survives a power cut at each flash operation', (_name, online, withOther) => {
  const whole = prepare(online);
  const before = whole.flash.counters.writes + whole.flash.counters.erases;
  sale(whole, createToken(1), withOther ? createToken(2) : null);
  const operations = whole.flash.counters.writes + whole.flash.counters.erases - before;
  expect(operations).toBeGreaterThan(6);

  for (let operation = 0; operation < operations; operation++) {
    for (const place of places) {
      const rig = prepare(online);
      const token = createToken(1);
      const other = withOther ? createToken(2) : null;
      rig.flash.cutAfter(operation, place);
      sale(rig, token, other);
      rig.boot();
      rig.flash.cutAfter(Infinity, 'before');
      rig.run(500);
      if (online) rig.link(true);
      // The clerk asks again under the same id; the customer taps again.
      const code = rig.charge(1, 350);
      if (code === 'OK') expect(rig.tap(token)).toBe('paid');
      else expect(code).toBe('ALREADY_PAID');
      rig.link(true);
      rig.run(2000);
      expect([...rig.bridge.amounts.values()]).toEqual([350]);
      expect(token.debits.size).toBe(1);
      expect(rig.charge(2, 10)).toBe('OK');
      expect(rig.tap(token)).toBe('paid');
      expect([...token.debits.values()].every((d) => d.settled)).toBe(true);
      if (other && other.debits.size > 0) {
        // The other one's debit is buried, never paid.
        const [rs] = other.debits.keys();
        expect(rig.bridge.tombstones.has(rs)).toBe(true);
      }
    }
  }
});
