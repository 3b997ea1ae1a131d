/**
 * A running demo as a user has it: charges and taps of other shells, a teller's command that is refused or given up, a
 * second demo, and the first one's books when it has ended.
 *
 * Runs what `npm run prepare` has built, as `npm test` does first. Every wait is for a word of the demo's.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unreadable } from '../kit/readable.js';
import { CLI, tapcashHere, tapcashProcess, type Ended } from './command-runs.js';

const parent = mkdtempSync(join(tmpdir(), 'tapcash-demo-'));
const data = ['--data', join(parent, 'demo')];
let shown = '';
let demo: { child: ChildProcess; ended: Promise<Ended> };

/** Resolves once a process has said something. */
const said = (child: ChildProcess, stream: 'stdout' | 'stderr', words: string): Promise<void> =>
  new Promise((resolve, reject) => {
    let text = '';
    child[stream]!.on('data', (part: Buffer) => {
      text += part.toString();
      if (text.includes(words)) resolve();
    });
    child.on('close', () => reject(new Error(`ended without ${words}: ${text}`)));
  });

const there = (args: string[]) => tapcashProcess([...args, ...data], parent);
const tapcash = (args: string[]): Promise<Ended> => tapcashHere([...args, ...data]);

beforeAll(async () => {
  demo = there(['demo']);
  demo.child.stdout!.on('data', (part: Buffer) => (shown += part.toString()));
  await said(demo.child, 'stdout', 'Ctrl-C ends it');
});
afterAll(async () => {
  await tapcash(['stop']);
  await demo.ended;
  rmSync(parent, { recursive: true });
});

test('what a demo shows fits 80 columns, with amounts as money', () => {
  expect(shown).toContain('withdraw 50.00 EUR for Alice');
  expect(shown).toContain('The shop stays open.');
  expect(unreadable(shown).filter((line) => !line.includes(parent))).toEqual([]);
});

test('a token that the demo does not have, and those that it has', async () => {
  const ended = await tapcash(['tap', 'Mallory']);
  expect([ended.status, ended.err]).toEqual([
    1,
    expect.stringMatching(/TOKEN_UNKNOWN.*Mallory; there are Alice and Bob/),
  ]);
});

test('charge 3.50 is echoed, followed, and PAID is said once', async () => {
  const { child, ended } = there(['charge', '3.50', '--wait']);
  await said(child, 'stderr', 'open');
  expect((await tapcash(['tap', 'Alice'])).out).toMatch(/^PAID: Alice/);
  const { status, out, err } = await ended;
  expect([status, err.split('\n')[0]]).toEqual([0, 'Charge of 3.50 EUR']);
  expect(`${out}${err}`.match(/paid/g)).toHaveLength(1);
  expect(out).toMatch(/\ncharge [0-9a-f]{16}\n$/);
});

/** util-linux's: gives a program a terminal, and ends with its exit code. */
const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;

(hasScript ? test : test.skip)(
  'at a terminal, a second demo ends by itself, and leaves nobody waiting',
  async () => {
    const program = [process.execPath, CLI, 'demo', ...data].map((word) => `'${word}'`).join(' ');
    // Its input stays open, as a person's does.
    const child = spawn('script', ['-qec', program, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (part: Buffer) => (out += part.toString()));
    const [status] = await once(child, 'close');
    expect([status, out]).toEqual([3, expect.stringContaining('DEMO_RUNS')]);
  },
  60_000,
);

test("tap ends as the teller's command does", async () => {
  const teller = there(['teller', 'withdraw', '9999999.00']);
  await said(teller.child, 'stderr', 'Hold the token');
  await tapcash(['press', 'Alice']);
  // The token shows the amount, and asks.
  const asked = await tapcash(['tap', 'Alice']);
  expect([asked.status, asked.out]).toEqual([0, expect.stringContaining('asks for its button')]);
  await tapcash(['press', 'Alice']);
  const tapped = await tapcash(['tap', 'Alice']);
  const told = await teller.ended;
  const code = /^tapcash: ([A-Z_]+):/m.exec(told.err)?.[1];
  expect([told.status, code]).toEqual([1, expect.stringMatching(/./)]);
  expect([tapped.status, tapped.err]).toEqual([1, expect.stringContaining(`tapcash: ${code}:`)]);
});

test("Ctrl-C on a teller's command leaves the terminal free for a charge", async () => {
  const teller = there(['teller', 'status']);
  await said(teller.child, 'stderr', 'Hold the token');
  teller.child.kill('SIGINT');
  expect(await teller.ended).toMatchObject({ status: 3, err: expect.stringContaining('INTERRUPTED') });
  const charged = await tapcash(['charge', '1.00', '--json']);
  expect([charged.status, charged.err]).toEqual([0, '']);
  // The terminal's reader serves the charge at once, not when the desk's time is over.
  const tapped = await tapcash(['tap', 'Bob']);
  expect([tapped.status, tapped.out]).toEqual([0, expect.stringMatching(/^PAID: Bob/)]);
});

test('a second demo says which folder and port are taken, and what to do', async () => {
  const { status, err } = await tapcash(['demo']);
  expect([status, err]).toEqual([3, expect.stringMatching(/DEMO_RUNS.*demo, at http:\/\/127\.0\.0\.1:\d+/)]);
  expect(err).toMatch(/tapcash stop.*--data/);
});

test('books of an ended demo are not erased unless somebody says so', async () => {
  await tapcash(['stop']);
  await demo.ended;
  const { status, err } = await tapcash(['demo', '--once']);
  expect([status, err]).toEqual([1, expect.stringMatching(/DEMO_KEPT[^]*--fresh/)]);
  expect((await tapcash(['audit'])).status).toBe(0);
});
