/**
 * What `tapcash bench --write` makes of a report: docs/performance.md, the picture of a tap, README's five numbers. The
 * report here (report.json) is the one that the documents were first made of; nothing is measured.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchReport } from '../../host-bridge/bench/bench-report.js';
import { OPERATIONS } from '../../host-bridge/bench/interpreter-programs.js';
import {
  figuresBlock,
  MARKERS,
  performancePage,
  wholeReport,
  withFigures,
  writePerformance,
} from '../../host-bridge/bench/performance-page.js';
import { tapSvg } from '../../host-bridge/bench/tap-plot.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

const report = JSON.parse(readFileSync(join(__dirname, 'report.json'), 'utf8')) as BenchReport;
const whole = wholeReport(report);
const repositoryFile = (name: string): string => readFileSync(join(packageRoot(), name), 'utf8');

const between = (text: string): string => text.slice(text.indexOf(MARKERS[0]), text.indexOf(MARKERS[1]));

describe('the page', () => {
  const page = performancePage(whole);

  test('has every figure of the report, with machine, build and commit', () => {
    for (const said of ['AMD EPYC x 2', 'Espruino 2v29.277 LINUX', 'v20.20.2', '6edf1a5', '0.40 us'])
      expect(page).toContain(said);
    for (const [name, words] of OPERATIONS)
      expect(page).toContain(`| ${words} | ${whole.operations[name].ms.toFixed(name === 'signAtTap' ? 2 : 1)} ms |`);
    expect(page).toContain('| sign at the tap (nonce ready) | 0.21 ms | 19,451 | 8,056 | 0.012 ms | 501 | 192 |');
    const { p50Ms, p99Ms } = whole.tap.i2c.withBridge;
    expect(page).toContain(`| I2C, with a bridge | ${p50Ms} ms | ${p99Ms} ms |`);
    for (const count of ['4,259', '5,520', '7,289', '35,383 bytes', '26,701 bytes', '129,184 bytes'])
      expect(page).toContain(`| ${count} |`);
    expect(page).toContain('t = 0.5, and -22 with a planted leak');
    expect(page).not.toMatch(/undefined|NaN|null/);
  });

  test('a figure that is missing is named, never left out', () => {
    expect(() => wholeReport({ ...report, timing: null, memory: null })).toThrow(/memory, timing/);
  });
});

describe('the picture', () => {
  const svg = tapSvg([
    { title: 'HSU', ...whole.tap },
    { title: 'I2C', ...whole.tap.i2c },
  ]);

  test("says the page's figures, and has an axis", () => {
    const { withBridge, alone, i2c } = whole.tap;
    expect(svg).toContain(`PAID after ${withBridge.p50Ms} ms (p99 ${withBridge.p99Ms})`);
    expect(svg).toContain(`PAID after ${i2c.withBridge.p50Ms} ms (p99 ${i2c.withBridge.p99Ms})`);
    expect(svg).toContain(`PAID after ${alone.p50Ms} ms</text>`);
    for (const tick of [0, 100, 200, 300, 400]) expect(svg).toContain(`>${tick}</text>`);
  });

  test('draws all bars on one scale: the same phase with the same width in each', () => {
    const scaleOf = (color: string): number[] =>
      [...svg.matchAll(new RegExp(`width="([\\d.]+)" height="24" fill="${color}"`, 'g'))].map(([, width]) =>
        Number(width),
      );
    const taps = [whole.tap.withBridge, whole.tap.i2c.withBridge, whole.tap.alone, whole.tap.i2c.alone];
    const widths = scaleOf('#4e79a7');
    expect(widths).toHaveLength(4);
    const pixelsPerMs = widths.map((width, index) => width / taps[index]!.phases.select);
    for (const each of pixelsPerMs) expect(each).toBeCloseTo(pixelsPerMs[0]!, 1);
  });
});

describe('in the repository', () => {
  test("README and docs/performance.md have the same five numbers, and README's stand between the markers", () => {
    const readme = repositoryFile('README.md');
    expect(
      between(readme)
        .split('\n')
        .filter((line) => line.startsWith('| ')),
    ).toHaveLength(2 + 5);
    expect(between(readme)).toBe(between(repositoryFile('docs/performance.md')));
    expect(withFigures(readme, between(readme) + MARKERS[1])).toBe(readme);
  });

  test('--write changes these three files and nothing of README but the numbers', () => {
    const root = mkdtempSync(join(tmpdir(), 'tapcash-bench-'));
    try {
      mkdirSync(join(root, 'docs'));
      writeFileSync(join(root, 'README.md'), `# a\n\n${MARKERS[0]}\nold\n${MARKERS[1]}\n\nb\n`);
      expect(writePerformance(report, root)).toEqual(['docs/performance.md', 'docs/tap.svg', 'README.md']);
      expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(`# a\n\n${figuresBlock(whole)}\n\nb\n`);
      expect(readFileSync(join(root, 'docs/performance.md'), 'utf8')).toBe(performancePage(whole));
      writeFileSync(join(root, 'README.md'), 'no markers\n');
      expect(() => writePerformance(report, root)).toThrow(/no line <!-- figures/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
