/**
 * Power cut at every flash operation from the clerk's request to the delivered history: after each, the shop boots, and
 * tapping the same token again ends with one debit, one history at the bridge, and never PAID before H was durable.
 */
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { createToken, createWorld, type Token, type World } from './terminal-rig.js';

/** From the request to the delivered history; steps that a power cut prevented fail quietly. */
function sale(world: World, token: Token, other: Token | null): void {
  world.charge(1, 350);
  if (other) {
    world.field.tear = { left: 2, when: 'after' };
    world.tap(other);
  }
  world.tap(token);
  world.run(500);
}

function prepare(online: boolean): World {
  const world = createWorld();
  world.link(true);
  world.run(200);
  if (!online) world.link(false);
  return world;
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
      const world = prepare(online);
      const token = createToken(1);
      const other = withOther ? createToken(2) : null;
      world.flash.cutAfter(operation, place);
      sale(world, token, other);
      world.boot();
      world.flash.cutAfter(Infinity, 'before');
      world.run(500);
      if (online) world.link(true);
      // The clerk asks again under the same id; the customer taps again.
      const code = world.charge(1, 350);
      if (code === 'OK') expect(world.tap(token)).toBe('paid');
      else expect(code).toBe('ALREADY_PAID');
      world.link(true);
      world.run(2000);
      expect([...world.bridge.amounts.values()]).toEqual([350]);
      expect(token.debits.size).toBe(1);
      expect(world.charge(2, 10)).toBe('OK');
      expect(world.tap(token)).toBe('paid');
      expect([...token.debits.values()].every((d) => d.settled)).toBe(true);
      if (other && other.debits.size > 0) {
        // The other one's debit is buried, never paid.
        const [rs] = other.debits.keys();
        expect(world.bridge.tombstones.has(rs)).toBe(true);
      }
    }
  }
});
