/**
 * The outbox of a bridge that is killed (SIGKILL) at each of its steps, and at random moments: nothing acknowledged is
 * lost, and the issuer, who takes each history once, has each exactly once at the end. The short form takes every third
 * step.
 */
import { extent } from '../kit/extent.js';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createOutbox } from '../../host-bridge/bridge/outbox.js';
import { compile } from '../kit/compile.js';
import { makeHistory } from '../kit/histories.js';

/** An issuer that outlives the bridge: effect once by identity, here the bytes. */
let server: Server;
let url = '';
let child = '';
let effects = new Map<string, number>();
let drop = () => false;
beforeAll(async () => {
  child = compile(join(__dirname, 'outbox-child.ts'));
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const seen = effects.get(body) ?? 0;
      effects.set(body, seen + 1);
      if (drop()) request.socket.destroy();
      else response.end(seen > 0 ? 'repeated' : 'first');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

interface Ended {
  kept: Set<number>;
  done: boolean;
}

function runChild(dataDir: string, file: string, at: number, killAfterMs = 0): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const args = [child, dataDir, url, file, String(at)];
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    running.stdout.on('data', (chunk) => {
      // The clock for a random kill starts when the child does.
      if (out === '' && killAfterMs > 0) setTimeout(() => running.kill('SIGKILL'), killAfterMs);
      out += chunk;
    });
    running.stderr.on('data', (chunk) => (errors += chunk));
    running.on('close', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) return reject(new Error(errors));
      const kept = new Set([...out.matchAll(/kept (\d+) OK\n/g)].map((match) => Number(match[1])));
      resolve({ kept, done: out.includes('done') });
    });
  });
}

function prepare(count: number): { dataDir: string; file: string; messages: string[] } {
  effects = new Map();
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-kill-'));
  const file = join(dataDir, 'messages');
  const messages = Array.from({ length: count }, (_, i) => toHex(makeHistory(i)));
  writeFileSync(file, messages.join('\n'));
  return { dataDir, file, messages };
}

/** What the database of a dead bridge holds. */
function countsOf(dataDir: string) {
  const database = openBridgeStore(dataDir);
  const counts = createOutbox(database, () => 0).counts();
  database.close();
  return counts;
}

test('killed at every step, and started again', async () => {
  let killed = 0;
  for (let at = 1; ; at += extent(3, 1)) {
    const { dataDir, file, messages } = prepare(2);
    const first = await runChild(dataDir, file, at);
    const after = countsOf(dataDir);
    expect(after.pending + after.credited + after.duplicate).toBeGreaterThanOrEqual(first.kept.size);
    if (first.done) break;
    killed++;
    // The terminal sends again what was not acknowledged; here all of it, which must be no difference.
    const second = await runChild(dataDir, file, 0);
    expect(second.done).toBe(true);
    const counts = countsOf(dataDir);
    expect([counts.pending, counts.credited + counts.duplicate]).toEqual([0, 2]);
    expect([...effects.keys()].sort()).toEqual([...messages].sort());
    // Credited twice by name: once it was a repetition for the issuer.
    const deliveries = [...effects.values()].reduce((sum, count) => sum + count, 0);
    expect(deliveries).toBeLessThanOrEqual(3);
    expect(counts.duplicate).toBe(deliveries - 2);
  }
  expect(killed).toBeGreaterThanOrEqual(extent(5, 14));
});

test('killed at random moments while the service drops connections', async () => {
  const { dataDir, file, messages } = prepare(120);
  let dice = 7;
  drop = () => (dice = (dice * 75) % 65537) % 10 === 0;
  const kept = new Set<number>();
  for (const killAfterMs of [1, 5, 15, 40, 80]) {
    const ended = await runChild(dataDir, file, 0, killAfterMs);
    ended.kept.forEach((i) => kept.add(i));
    const counts = countsOf(dataDir);
    expect(counts.pending + counts.credited + counts.duplicate).toBeGreaterThanOrEqual(kept.size);
    if (ended.done) break;
  }
  drop = () => false;
  expect((await runChild(dataDir, file, 0)).done).toBe(true);
  const counts = countsOf(dataDir);
  expect([counts.pending, counts.credited + counts.duplicate, counts.refused]).toEqual([0, 120, 0]);
  expect([...effects.keys()].sort()).toEqual([...messages].sort());
});
