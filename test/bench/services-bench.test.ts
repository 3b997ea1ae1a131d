/** `tapcash bench --services` in small: every row is there, and what was answered is in the books. No time is told. */
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPostgres } from '../../host-bridge/bench/services/postgres-cluster.js';
import { benchServices } from '../../host-bridge/bench/services/services-bench.js';
import { servicesText } from '../../host-bridge/bench/services/services-report.js';

/** Compiled, since it is a process of its own. */
const HOUSE = join(__dirname, '../../dist/host-bridge/bench/services/house-process.js');
const small = { seconds: 0.05, clients: [1, 2], processes: [1], payers: 16, houseFile: HOUSE };
const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('tapcash-services-'));

test('each engine, number of clients, batch and number of processes has its row', async () => {
  expect(existsSync(HOUSE)).toBe(true);
  const lines: string[] = [];
  const report = await benchServices({ ...small, growth: [10], say: (line) => lines.push(line) });
  const rows = (engine: string) =>
    report.results
      .filter((row) => row.engine === engine)
      .map(({ clients, batch, processes }) => [clients, batch, processes]);
  const wanted = [1, 64].flatMap((batch) => [1, 2].map((clients) => [clients, batch, 1]));
  expect(rows('sqlite')).toEqual(wanted);
  expect(rows('postgres')).toEqual(wanted);
  const hasPostgres = findPostgres() !== null;
  for (const row of report.results.filter(({ engine }) => engine === 'sqlite' || hasPostgres)) {
    const { perSecond, ofVerify, ofEmptyPost, p50Ms, p99Ms, p999Ms } = row;
    for (const value of [perSecond, ofVerify, ofEmptyPost, p50Ms, p99Ms, p999Ms]) expect(value).toBeGreaterThan(0);
    expect(p99Ms!).toBeGreaterThanOrEqual(p50Ms!);
  }
  for (const row of report.results.filter(({ engine }) => engine === 'postgres' && !hasPostgres))
    expect(row).toMatchObject({ perSecond: null, skipped: expect.any(String) });
  expect(report.growth.map(({ engine, pseudonyms }) => [engine, pseudonyms])).toEqual([
    ['sqlite', 10],
    ['postgres', 10],
  ]);
  expect(report.growth[0]!.medianMs).toBeGreaterThan(0);
  const text = servicesText(report);
  expect(text.includes('skipped: ')).toBe(!hasPostgres);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(leftovers()).toEqual([]);
}, 600_000);

test('an interruption ends it, and leaves nothing behind', async () => {
  const signal = AbortSignal.abort();
  await expect(benchServices({ ...small, growth: [], say: () => undefined, signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  expect(leftovers()).toEqual([]);
}, 600_000);
