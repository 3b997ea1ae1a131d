/**
 * Lives of houses, a shop and its users by seed, in all six schemes: cash, charges, torn taps, refunds, claims, money
 * in and out, while requests and replies are lost, clocks of every machine jump, keys are rotated and heard of late,
 * terminals are exchanged and come back, houses end and start, and the bridge's database is restored. At the end of
 * each life everything is delivered, every unit of money is accounted for, and nobody is accused. Restores of an
 * issuer: test/backup/lives.test.ts; radio and boards: simulation.test.ts.
 *
 * A few seeds here; a campaign: npm run test:long -- simulation-houses --seeds 200 --first-seed 1, or --minutes 30
 */
import { seedsFor } from '../kit/extent.js';
import { ACTS, begin, type Life } from './lived-acts.js';
import { end } from './lived-end.js';

const STEPS = 60;

async function live(scheme: number, seed: number): Promise<{ paid: number; counts: Life['counts'] }> {
  const life = await begin(scheme, seed);
  const log: string[] = [];
  try {
    for (let i = 0; i < STEPS; i++) {
      await life.rig.pass(1 + life.dice(60));
      const [name, act] = ACTS[life.dice(ACTS.length)]!;
      log.push(`${name}: `);
      log[i] += await act(life);
      const { charge } = life.rig.till.fake;
      expect(charge?.state === 1 && life.paid.has(Buffer.from(charge.id).toString('hex'))).toBe(false);
    }
    return { paid: await end(life), counts: life.counts };
  } catch (thrown) {
    const { message, stack } = thrown as Error;
    throw new Error(`scheme ${scheme}, seed ${seed}: ${message}\n${log.join('\n')}\n${stack}`, { cause: thrown });
  } finally {
    await life.rig.close();
  }
}

test.each([1, 2, 3, 4, 5, 6])('scheme %i: lives by seed, everything delivered and accounted for', async (scheme) => {
  const sums = { lives: 0, paid: 0 } as Record<string, number>;
  for (const seed of seedsFor(1, 5)) {
    const { paid, counts } = await live(scheme, seed);
    for (const [what, count] of Object.entries({ lives: 1, paid, ...counts })) sums[what] = (sums[what] ?? 0) + count;
  }
  expect(sums['paid']).toBeGreaterThan(0);
  console.log(`scheme ${scheme}: ${JSON.stringify(sums)}`);
});
