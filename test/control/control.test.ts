/** The running bridge's address for other processes: real HTTP, real time, a fake terminal behind. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { createControlClient } from '../../host-bridge/control/control-client.js';
import { CONTROL_FILE } from '../../host-bridge/control/control-file.js';
import { createFakeToken } from '../bridge/fake-token.js';
import { createRig, type Rig } from '../bridge/bridge-rig.js';

let rig: Rig;
let control: Control;
let client: ReturnType<typeof createControlClient>;
beforeEach(async () => {
  rig = await createRig({ scheduler: createRealScheduler(), baud: 0 });
  control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
  client = createControlClient(rig.dataDir);
});
afterEach(async () => {
  await control.close();
  await rig.stop();
});
const place = () => JSON.parse(readFileSync(join(rig.dataDir, CONTROL_FILE), 'utf8')) as { url: string; token: string };

test('a charge from another process, followed to its end', async () => {
  const states: string[] = [];
  const following = client.follow(350, (charge) => {
    states.push(charge.state);
    if (charge.state === 'open' && charge.code === null) rig.terminal.tap('open', 'CONFIRM_NEEDED');
    else if (charge.code === 'CONFIRM_NEEDED') rig.terminal.tap('paid');
  });
  expect(await following).toMatchObject({ ok: true, charge: { amount: 350, state: 'paid', tap: { paidMs: 65 } } });
  expect(states).toEqual(['open', 'open', 'paid']);
  expect(await client.status()).toMatchObject({
    ok: true,
    link: { up: true },
    charge: { state: 'paid' },
    terminal: { shop: 'Corner Shop', terminalId: '01020304', firmware: 'fa1b2c3d' },
    outbox: { pending: 0 },
  });
});

test('the same id again is the same charge; cancel; a wait that times out', async () => {
  const first = await client.charge(10, '00'.repeat(8));
  expect(first).toMatchObject({ charge: { state: 'open' } });
  expect(await client.charge(10, '00'.repeat(8))).toEqual(first);
  expect(rig.terminal.opened).toBe(1);
  if (!first.ok) return;
  const startMs = performance.now();
  expect(await client.wait(first.charge.id, first.charge.changes, 100)).toEqual(first);
  expect(performance.now() - startMs).toBeGreaterThan(90);
  expect(await client.cancel()).toMatchObject({ ok: true, charge: { state: 'cancelled' } });
  expect(await client.cancel()).toMatchObject({ code: 'NO_CHARGE' });
  expect(await client.cancel('ff'.repeat(8))).toMatchObject({ code: 'CHARGE_UNKNOWN' });
  expect(await client.wait('ff'.repeat(8), 0, 0)).toMatchObject({ code: 'CHARGE_UNKNOWN' });
  const giveUp = new AbortController();
  const following = client.follow(11, () => giveUp.abort(), giveUp.signal);
  expect(await following).toMatchObject({ code: 'INTERRUPTED' });
  expect(rig.terminal.charge).toMatchObject({ amount: 11, state: 1 });
});

test('register and withdraw with their events; refusals by name', async () => {
  rig.terminal.token = createFakeToken('alice');
  const events: string[] = [];
  const onEvent = (event: { step: string; wait: string }) => void events.push(`${event.step} ${event.wait}`);
  expect(await client.registerUser({ name: 'Alice', funding: 500 }, { onEvent })).toMatchObject({
    ok: true,
    name: 'Alice',
    balance: 500,
    repeated: false,
  });
  expect(await client.withdraw({ amount: 200 }, { onEvent })).toEqual({
    ok: true,
    amount: 200,
    receiptNumber: 1,
    coupons: 0,
    missed: 0,
    repeated: false,
  });
  expect(events).toEqual(['identity tap', 'register tap', 'license tap', 'license tap', 'withdraw tap', 'receipt tap']);
  expect(await client.tokenStatus()).toMatchObject({ ok: true, status: { balance: 200 }, identity: { licensed: 1 } });
  expect(await client.withdraw({ amount: 301 })).toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
  expect(await client.registerUser({ name: '' })).toMatchObject({ code: 'NAME_INVALID' });
});

test('a caller who leaves gives the procedure up, and the desk is free again', async () => {
  rig.terminal.token = createFakeToken('alice');
  await client.registerUser({ name: 'Alice', funding: 500 });
  rig.terminal.token.open = false;
  const giveUp = new AbortController();
  const left = client.withdraw(
    { amount: 5 },
    { signal: giveUp.signal, onEvent: (event) => event.wait === 'button' && giveUp.abort() },
  );
  expect(await left).toMatchObject({ code: 'INTERRUPTED' });
  rig.terminal.token.open = true;
  // The terminal gives the desk up at its next look at the token.
  for (let tries = 0; tries < 200; tries++) {
    const { ok } = await client.withdraw({ amount: 5 });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the desk was never free again');
});

test.each(['{"amount":350,"amount":1}', '{"amount":350,"\\u0061mount":1}', '{"amount":1,"id":"00","id":"00"}'])(
  'a body with a key that stands twice opens nothing: %s',
  async (body) => {
    const { url, token } = place();
    const response = await fetch(`${url}/charge`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'BAD_REQUEST']);
    expect(rig.terminal.opened).toBe(0);
  },
);

test.each([0, -1, 0.1, 1e3 + 0.5, 2 ** 53, '5', null, true])('amount %p is refused', async (amount) => {
  expect(await client.charge(amount as number)).toMatchObject({ code: 'AMOUNT_INVALID' });
  expect(await client.withdraw({ amount: amount as number })).toMatchObject({ code: 'AMOUNT_INVALID' });
  expect(rig.terminal.opened).toBe(0);
});

test('only who has the token is heard; the file is for its owner alone and goes with the bridge', async () => {
  const { url, token } = place();
  expect(statSync(join(rig.dataDir, CONTROL_FILE)).mode & 0o777).toBe(0o600);
  for (const authorization of [
    undefined,
    '',
    'Bearer ',
    `Bearer ${token.slice(1)}`,
    `Bearer ${token}0`,
    token,
    `Bearer ${'0'.repeat(64)}`,
  ]) {
    for (const [method, path] of [
      ['POST', '/charge'],
      ['GET', '/status'],
      ['POST', '/desk/withdraw'],
      ['GET', '/nothing'],
    ] as const) {
      const body = method === 'POST' ? { body: '{"amount":1}', method } : {};
      const response = await fetch(url + path, {
        ...body,
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'CONTROL_DENIED']);
    }
  }
  expect(rig.terminal.opened).toBe(0);
  writeFileSync(join(rig.dataDir, CONTROL_FILE), JSON.stringify({ url, token: '00' }));
  expect(await client.charge(1)).toMatchObject({ code: 'CONTROL_DENIED' });
  writeFileSync(join(rig.dataDir, CONTROL_FILE), JSON.stringify({ url, token }));
  await control.close();
  expect(existsSync(join(rig.dataDir, CONTROL_FILE))).toBe(false);
  expect(await client.status()).toMatchObject({ code: 'SERVICE_DOWN' });
  writeFileSync(join(rig.dataDir, CONTROL_FILE), JSON.stringify({ url, token }));
  expect(await client.charge(1)).toMatchObject({ code: 'SERVICE_DOWN' });
});

test('malformed requests get a clear error and change nothing', async () => {
  const { url, token } = place();
  const send = async (path: string, body: string, type = 'application/json') => {
    const response = await fetch(url + path, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
    });
    return ((await response.json()) as { code: string; remedy: string }).code;
  };
  expect(await send('/charge', '{')).toBe('BAD_REQUEST');
  expect(await send('/charge', '')).toBe('BAD_REQUEST');
  expect(await send('/charge', '{"amount":1e2}')).toBe('AMOUNT_INVALID');
  expect(await send('/charge', '{"amount":1,"id":"xyz"}')).toBe('BAD_REQUEST');
  expect(await send('/charge', `{"amount":1,"more":1,"id":"${'0'.repeat(16)}"}`)).toBe('BAD_REQUEST');
  // Whoever moves money has the id before the first try: without it, a repetition after a lost reply would be another.
  expect(await send('/charge', '{"amount":1}')).toBe('BAD_REQUEST');
  expect(await send('/refund', `{"payment":"${'0'.repeat(16)}"}`)).toBe('BAD_REQUEST');
  expect(await send('/charge', 'amount=1', 'text/plain')).toBe('BAD_REQUEST');
  expect(await send('/charge', `{"amount":1,"id":"${'0'.repeat(10_000)}"}`)).toBe('BAD_REQUEST');
  expect(await send('/nothing', '{}')).toBe('NOT_FOUND');
  expect(rig.terminal.opened).toBe(0);
});

test('a second bridge with the same folder is refused', async () => {
  await expect(startControl({ bridge: rig.bridge, dataDir: rig.dataDir })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  });
  expect(await client.status()).toMatchObject({ ok: true });
});

test('a file left behind by a bridge that was killed is no obstacle', async () => {
  await control.close();
  writeFileSync(join(rig.dataDir, CONTROL_FILE), JSON.stringify({ url: 'http://127.0.0.1:9', token: 'x' }), {
    mode: 0o644,
  });
  control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
  expect(statSync(join(rig.dataDir, CONTROL_FILE)).mode & 0o777).toBe(0o600);
  expect(await client.status()).toMatchObject({ ok: true });
});
