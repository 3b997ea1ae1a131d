/**
 * Waits of the host: a timer of Node's has a length that is written down, or is the scheduler's, which caps it. A
 * computed one may pass 2^31 - 1 ms, which Node makes 1 ms: hundreds of timers a second instead of one in a month.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { silentLog } from '../../host-bridge/base/log.js';
import { startForwarding } from '../../host-bridge/http/forwarding.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { pass } from '../kit/virtual-time.js';

const root = join(packageRoot(), 'host-bridge');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** Calls of Node's timers whose delay is neither a number nor a constant. */
function computedDelays(name: string): string[] {
  const source = ts.createSourceFile(name, readFileSync(join(root, name), 'utf8'), ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      /^set(Timeout|Interval)$/.test(node.expression.text)
    ) {
      const delay = node.arguments[1];
      const isFixed =
        !delay || ts.isNumericLiteral(delay) || (ts.isIdentifier(delay) && /^[A-Z][A-Z0-9_]*$/.test(delay.text));
      if (!isFixed) found.push(`${name}: ${node.expression.text}(${delay?.getText(source)})`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test('only the scheduler gives Node a computed delay', () => {
  expect(files.length).toBeGreaterThan(150);
  expect(files.flatMap(computedDelays).filter((found) => !found.startsWith('base/scheduler.ts:'))).toEqual([]);
});

test('the scheduler sets one timer of Node at a time, however long and however many', () => {
  const spy = jest.spyOn(globalThis, 'setTimeout');
  const scheduler = createRealScheduler();
  const timers = Array.from({ length: 50 }, () => scheduler.setTimer(() => undefined, 25 * 86_400_000));
  expect(spy.mock.calls.map(([, delayMs]) => delayMs)).toEqual([2 ** 31 - 1]);
  timers.forEach((timer) => scheduler.clearTimer(timer));
  spy.mockRestore();
});

test("a bank's way to the issuer waits on the scheduler, later and later, one timer at a time", async () => {
  const scheduler = createVirtualScheduler();
  let tries = 0;
  const forwarding = startForwarding(
    async () => (tries++, { ok: false, code: 'SERVICE_DOWN' }),
    silentLog(),
    1000,
    scheduler,
  );
  await pass(scheduler, 1);
  expect([tries, scheduler.pending()]).toEqual([1, 1]);
  await pass(scheduler, 2 + 2000 + 4000 + 8000);
  expect(tries).toBe(4);
  await pass(scheduler, 3_600_000);
  expect(tries).toBeLessThan(4 + 62);
  expect(scheduler.pending()).toBe(1);
  await forwarding.stop();
  expect(scheduler.pending()).toBe(0);
});
