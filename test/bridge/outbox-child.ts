/**
 * Child of outbox-kill.test.ts: a bridge's outbox that ends itself by SIGKILL at a given point.
 * Arguments: data folder, URL of the issuer, file with histories (one hexadecimal line each), point (0: none).
 * Prints `kept N` once message N is acknowledged, `done` when nothing is left to deliver.
 */
import { readFileSync, writeSync } from 'node:fs';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { refusal, type Result } from '../../host-bridge/base/errors.js';
import { silentLog } from '../../host-bridge/base/log.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createOutbox, type Outbox } from '../../host-bridge/bridge/outbox.js';
import { createOutboxDelivery } from '../../host-bridge/bridge/outbox-delivery.js';

const [dataDir, url, file, at] = process.argv.slice(2) as [string, string, string, string];
let points = 0;
function point(): void {
  if (++points === Number(at)) process.kill(process.pid, 'SIGKILL');
}
/** The same function with a point before and after. */
function marked<A extends unknown[], R>(run: (...values: A) => R): (...values: A) => R {
  return (...values) => {
    point();
    const result = run(...values);
    point();
    return result;
  };
}

const plain = createOutbox(openBridgeStore(dataDir), () => Date.now() / 1000);
const outbox: Outbox = { ...plain, add: marked(plain.add), trying: marked(plain.trying), settle: marked(plain.settle) };

async function deposit(bytes: Uint8Array): Promise<Result<{ amount: number; repeated: boolean }>> {
  point();
  try {
    const response = await fetch(url, { method: 'POST', body: toHex(bytes) });
    const repeated = (await response.text()) === 'repeated';
    point();
    return { ok: true, amount: 1, repeated };
  } catch {
    return refusal('SERVICE_DOWN');
  }
}

const delivery = createOutboxDelivery({
  outbox,
  depositary: { deposit, tombstone: deposit, refund: deposit },
  scheduler: createRealScheduler(),
  log: silentLog(),
});
delivery.kick();
const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
for (const [i, line] of lines.entries()) {
  const code = outbox.add('history', fromHex(line) as Uint8Array);
  writeSync(1, `kept ${i} ${code}\n`);
  delivery.kick();
  await new Promise((resolve) => setImmediate(resolve));
}
while (plain.counts().pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
await delivery.stop();
writeSync(1, 'done\n');
process.exit(0);
