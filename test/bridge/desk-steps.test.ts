/**
 * How long a desk waits for a token: for each part of a work that says how far it is, and no longer for one that does
 * not. In virtual time, with a token as slow as a modelled ESP32.
 */
import type { Code } from '../../firmware/core/codes.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createDeskSteps, type DeskEvent } from '../../host-bridge/bridge/desk/desk-steps.js';
import { run } from '../kit/virtual-time.js';

const none = new Uint8Array(0);
const STEP_MS = 90_000;
/** Four proofs with nonces to be made, and the seal of 32 (host-bridge/emulator/work-meter.ts). */
const CALL_MS = 12_000;
const SEAL_MS = 18_000;

/** REGISTER at a token that answers so, each time after so long. */
function registering(answers: (call: number) => { code: Code; body: Uint8Array; ms: number }) {
  const scheduler = createVirtualScheduler();
  const events: DeskEvent['wait'][] = [];
  let calls = 0;
  const terminal = {
    async desk() {
      const { code, body, ms } = answers(++calls);
      await new Promise<void>((resolve) => void scheduler.setTimer(resolve, ms));
      return { code, body };
    },
    leaveDesk: async () => undefined,
  };
  const steps = createDeskSteps({ terminal, scheduler }, ({ wait }) => void events.push(wait), STEP_MS);
  const result = run(
    scheduler,
    steps.token('register', INS.register, none, (bytes) => bytes),
  );
  return result.then((ended) => ({ code: ended.ok ? 'OK' : ended.code, calls, events, ms: scheduler.nowMs() }));
}

test('32 pseudonyms take longer than a step, and end: nine calls, told once', async () => {
  const ended = await registering((call) =>
    call <= 8
      ? { code: 'BUSY', body: Uint8Array.of(4 * call, 32), ms: CALL_MS }
      : { code: 'OK', body: Uint8Array.of(1), ms: SEAL_MS },
  );
  expect(ended).toEqual({ code: 'OK', calls: 9, events: ['tap', 'work'], ms: 8 * CALL_MS + SEAL_MS });
  expect(ended.ms).toBeGreaterThan(STEP_MS);
});

test.each<[what: string, body: (call: number) => Uint8Array]>([
  ['nothing of how far it is', () => none],
  ['the same again and again', () => Uint8Array.of(4, 32)],
  ['less and less', (call) => Uint8Array.of(Math.max(0, 32 - call), 32)],
  ['more than there is', (call) => Uint8Array.of(33 + call, 32)],
  ['something else', (call) => Uint8Array.of(call, 32, 0)],
])('a token that says %s is given up after a step', async (_what, body) => {
  const ended = await registering((call) => ({ code: 'BUSY', body: body(call), ms: 1000 }));
  expect(ended.code).toBe('BUSY');
  expect(ended.ms).toBeLessThanOrEqual(STEP_MS + 2000);
});

test('a token that says one more each time ends too: there are 255 at most', async () => {
  const ended = await registering((call) => ({ code: 'BUSY', body: Uint8Array.of(Math.min(255, call), 255), ms: 1 }));
  expect([ended.code, ended.events]).toEqual(['BUSY', ['tap', 'work', 'link']]);
  expect(ended.ms).toBeLessThanOrEqual(STEP_MS + 2000);
});
