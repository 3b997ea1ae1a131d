/** What `tapcash bench --services --write` makes of a report; nothing is measured. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepPart } from '../../host-bridge/bench/page-part.js';
import { SERVICES_PART, servicesPart, writeServices } from '../../host-bridge/bench/services/services-page.js';
import type { ServiceResult, ServicesReport } from '../../host-bridge/bench/services/services-report.js';
import { tempFolder } from '../kit/temp-folder.js';

const row: ServiceResult = {
  ...{ engine: 'sqlite', clients: 64, batch: 64, processes: 2, perSecond: 6543.2, ofVerify: 0.876, ofEmptyPost: 0.01 },
  ...{ p50Ms: 8.76, p99Ms: 34.5, p999Ms: 99, houseCpuUs: 210.4, databaseCpuUs: null, clientsCpuUs: 3 },
};
const nothing = { perSecond: null, ofVerify: null, ofEmptyPost: null, p50Ms: null, p99Ms: null, p999Ms: null };
const report: ServicesReport = {
  ...{ node: 'v20.20.2', cpu: 'AMD EPYC', cores: 2, loadBefore: 0.25, seconds: 4 },
  ...{ verifyPerSecond: 8123.4, commitsPerSecond: 4816 },
  results: [
    row,
    { ...row, batch: 1, ofEmptyPost: 0.234 },
    { ...row, ...nothing, engine: 'postgres', houseCpuUs: null, skipped: 'none is installed' },
  ],
  growth: [
    { engine: 'sqlite', pseudonyms: 1000, medianMs: 0.2, batch: 64 },
    { engine: 'sqlite', pseudonyms: 1_000_000, medianMs: 0.23, batch: 64 },
    { engine: 'postgres', pseudonyms: 1000, medianMs: null, batch: 64, skipped: 'none is installed' },
  ],
};

test('every figure stands in the part, with machine and load; what was skipped says so', () => {
  const part = servicesPart(report);
  for (const said of ['AMD EPYC x 2', 'v20.20.2', 'load before: 0.3', '8,123 signatures', '4,816 commits'])
    expect(part).toContain(said);
  expect(part).toContain('| SQLite | 64 | 64 | 2 | 6,543 | 88 % |  | 8.8 | 35 | 99 | 210 |  |');
  expect(part).toContain('| SQLite | 64 | 1 | 2 | 6,543 | 88 % | 23 % |');
  expect(part).toContain('| PostgreSQL | 64 | 64 | 2 | skipped |');
  expect(part).toContain('| SQLite | 1,000,000 | 0.230 | 1.15 |');
  expect(part).toContain('| PostgreSQL | 1,000 | skipped |  |');
  expect(part).not.toMatch(/undefined|NaN|null/);
  // A machine that others use says so.
  expect(part).not.toContain('Other programs');
  expect(servicesPart({ ...report, loadBefore: 7 })).toContain('Other programs');
});

test('it is written before the last section, written again in its place, and kept when the page is made anew', () => {
  const root = tempFolder();
  mkdirSync(join(root, 'docs'));
  const page = join(root, 'docs/performance.md');
  const bare = `# Performance\n\n${SERVICES_PART.before}\n`;
  writeFileSync(page, bare);
  expect(writeServices(report, root)).toBe('docs/performance.md');
  const once = readFileSync(page, 'utf8');
  expect(once.split(servicesPart(report)).length).toBe(2);
  expect(once.indexOf(SERVICES_PART.markers[1])).toBeLessThan(once.indexOf(SERVICES_PART.before));
  writeServices({ ...report, loadBefore: 0.5 }, root);
  const twice = readFileSync(page, 'utf8');
  expect(twice).toBe(once.replace('load before: 0.3', 'load before: 0.5'));
  expect(keepPart(twice, bare, SERVICES_PART)).toBe(twice);
  expect(keepPart(bare, bare, SERVICES_PART)).toBe(bare);
});
