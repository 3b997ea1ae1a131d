/** A terminal whose place was taken, at its bridge: it is told within a poll, and what it has open is given up. */
import { DENY_POLL_MS } from '../../host-bridge/bridge/notice-push.js';
import { TERMINAL_ID } from '../kit/histories.js';
import { pass, run } from '../kit/virtual-time.js';
import { createRig, type Rig } from './bridge-rig.js';

let rig: Rig;
const go = <T>(promise: Promise<T>) => run(rig.scheduler, promise);
const ms = (count: number) => pass(rig.scheduler, count);
afterEach(() => rig.stop());

const OTHER = Uint8Array.of(7, 7, 7, 7);
const retire = (id: Uint8Array, retired: boolean) => rig.office.retireTerminal(id, retired, 'replaced by a new board');
const state = async () => {
  const { retired } = await go(rig.bridge.status());
  const charge = await go(rig.bridge.charge(100));
  if (charge.ok) await go(rig.bridge.cancel());
  return [retired, charge.ok && charge.charge.state, charge.ok && charge.charge.code];
};

/** Another board on the same cable. */
async function swap(id: Uint8Array): Promise<void> {
  rig.terminal.off();
  rig.line.connected = false;
  await ms(30_000);
  rig.terminal.terminalId = id;
  rig.terminal.notice = { timeS: 0, retired: false };
  rig.line.connected = true;
  rig.terminal.reboot();
  await ms(10_000);
}

test('it is told within a poll, and so again after that was taken back', async () => {
  rig = await createRig();
  await ms(1000);
  expect(await state()).toEqual([false, 'open', null]);
  expect(retire(TERMINAL_ID, true)).toEqual({ ok: true, repeated: false });
  await ms(DENY_POLL_MS + 5000);
  expect(await state()).toEqual([true, 'refused', 'TERMINAL_RETIRED']);
  expect(retire(TERMINAL_ID, true)).toEqual({ ok: true, repeated: true });
  expect(retire(TERMINAL_ID, false)).toEqual({ ok: true, repeated: false });
  await ms(DENY_POLL_MS + 5000);
  expect(await state()).toEqual([false, 'open', null]);
});

test('it is told at its next bridge, and the one that took its place is not', async () => {
  rig = await createRig();
  retire(TERMINAL_ID, true);
  await swap(OTHER);
  expect(await state()).toEqual([false, 'open', null]);
  await swap(TERMINAL_ID);
  expect(await state()).toEqual([true, 'refused', 'TERMINAL_RETIRED']);
});

test('a notice that gets lost is brought again', async () => {
  rig = await createRig();
  await ms(1000);
  retire(TERMINAL_ID, true);
  let lose = 1;
  rig.fault = (call) => (call === 'issuer.terminalNotice' && lose-- > 0 ? 'after' : null);
  await ms(DENY_POLL_MS + 5000);
  expect(rig.terminal.notice.retired).toBe(false);
  await ms(DENY_POLL_MS + 5000);
  expect(rig.terminal.notice.retired).toBe(true);
});

test('an operator must say why, and of what', async () => {
  rig = await createRig();
  expect(rig.office.retireTerminal(TERMINAL_ID, true, ' ')).toMatchObject({ code: 'REASON_MISSING' });
  expect(rig.office.retireTerminal(new Uint8Array(5), true, 'x')).toMatchObject({ code: 'BAD_REQUEST' });
  expect(retire(TERMINAL_ID, false)).toEqual({ ok: true, repeated: true });
  expect(rig.issuer.terminalNotice(TERMINAL_ID)).toEqual({ ok: true, notice: null });
});

test('a charge that was given up while another terminal had its place is not open when it comes back', async () => {
  rig = await createRig();
  await go(rig.bridge.charge(350));
  const left = rig.terminal.charge!;
  await swap(OTHER);
  expect((await go(rig.bridge.status())).charge).toMatchObject({ state: 'lost', code: 'TERMINAL_UNKNOWN' });
  await swap(TERMINAL_ID);
  expect([rig.terminal.charge, left.state]).toEqual([left, 4]);
});
