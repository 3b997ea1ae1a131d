/**
 * A bridge whose database was restored: the charge in it is compared with the terminal's last before anything is shown,
 * and never asked for again. Before, the terminal opened it anew, and the next customer paid it.
 */
import { join } from 'node:path';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { makeBackup } from '../../host-bridge/backup/backup.js';
import { restore } from '../../host-bridge/backup/restore.js';
import { createRig, type Rig } from './bridge-rig.js';
import { pass, run } from '../kit/virtual-time.js';

let rig: Rig;
afterEach(() => rig.stop());
const go = <T>(promise: Promise<T>) => run(rig.scheduler, promise);
const ms = (time: number) => pass(rig.scheduler, time);

/** A charge of 3.50 is open at the terminal; then the backup is made. */
async function backedUp(): Promise<{ id: string; to: string }> {
  rig = await createRig();
  const opened = await go(rig.bridge.charge(350));
  if (!opened.ok) throw new Error(opened.code);
  const to = join(rig.dataDir, 'backup');
  await makeBackup({ data: rig.dataDir, to, passphrase: null, nowS: Math.floor(rig.nowS()) });
  return { id: opened.charge.id, to };
}

async function restored(to: string): Promise<void> {
  await go(rig.bridge.close());
  await ms(30_000);
  const nowS = Math.floor(rig.nowS());
  restore({ from: to, data: rig.dataDir, replace: true, passphrase: null, nowS });
  await go(rig.start());
}

test('a charge that was paid since the backup is not asked for again, when the terminal has gone on to another', async () => {
  const { id, to } = await backedUp();
  rig.terminal.tap('paid');
  await ms(1000);
  expect(await go(rig.bridge.charge(120))).toMatchObject({ ok: true, charge: { state: 'open' } });
  rig.terminal.tap('paid');
  await ms(1000);
  const { opened } = rig.terminal;
  await restored(to);
  await ms(60_000);
  expect(rig.terminal.opened).toBe(opened);
  expect(rig.terminal.charge).toMatchObject({ amount: 120 });
  const status = await go(rig.bridge.status());
  expect(status.charge).toMatchObject({ id, state: 'lost', code: 'CHARGE_FORGOTTEN' });
  expect(status.restored).toMatchObject({ backupS: expect.any(Number) });
  // The next one is asked for as ever.
  expect(await go(rig.bridge.charge(80))).toMatchObject({ ok: true, charge: { state: 'open' } });
});

test('a charge that the terminal says was paid is shown as paid', async () => {
  const { id, to } = await backedUp();
  rig.terminal.tap('paid');
  await ms(1000);
  await restored(to);
  await ms(2000);
  expect((await go(rig.bridge.status())).charge).toMatchObject({ id, state: 'paid' });
});

test('a charge that is still open is given up, and nobody is shown it before the terminal has answered', async () => {
  const { id, to } = await backedUp();
  rig.terminal.refuseWith = (kind) => (kind === KIND.cancel ? 'BUSY' : null);
  await restored(to);
  await ms(3000);
  expect((await go(rig.bridge.status())).charge).toBeNull();
  rig.terminal.refuseWith = null;
  await ms(3000);
  expect((await go(rig.bridge.status())).charge).toMatchObject({ id, state: 'cancelled', code: 'CHARGE_FORGOTTEN' });
  expect(rig.terminal.opened).toBe(1);
});

test('without a restore an open charge goes on', async () => {
  const { id } = await backedUp();
  await go(rig.bridge.close());
  await go(rig.start());
  await ms(2000);
  expect(await go(rig.bridge.status())).toMatchObject({ charge: { id, state: 'open' }, restored: null });
});
