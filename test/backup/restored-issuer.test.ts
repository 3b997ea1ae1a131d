/**
 * A restored issuer does not accuse on what it has forgotten, and grants no claim that it may have decided already:
 * what came later than the backup waits (docs/restore.md, rules 2 and 9).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { audit } from '../../host-bridge/audit/audit.js';
import { makeBackup } from '../../host-bridge/backup/backup.js';
import { restore } from '../../host-bridge/backup/restore.js';
import { isFinal } from '../../host-bridge/base/services/finality.js';
import { startIssuer } from '../../host-bridge/services/start.js';
import {
  codeOf,
  good,
  historyOf,
  person,
  registrarSigner,
  rsOf,
  seedOf,
  START_S,
  withdrawalOf,
} from '../kit/people.js';

const WEEK_S = 7 * 86400;
const [ada, eve] = [person('Ada'), person('Eve')];
let folder: string;
let clock: { nowS: number };
let issuer: Awaited<ReturnType<typeof startIssuer>>;
const start = async () => {
  issuer = await startIssuer({
    dataDir: join(folder, 'data'),
    clock: () => clock.nowS,
    monotonic: () => clock.nowS,
    random: () => seedOf('issuer'),
    registrarKey: registrarSigner.publicKey,
    operatorKeys: [],
  });
};
const office = () => issuer.actor.office('operator');
const database = () => join(folder, 'data', 'issuer.db');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  clock = { nowS: START_S };
  await start();
  good(office().openAccount('Shop', null));
  for (const { name, account } of [ada, eve]) {
    good(office().openAccount(name, account.publicKey));
    good(office().fundAccount(name, 100));
  }
  good(issuer.actor.withdraw(withdrawalOf(ada, 1, 30)));
  good(issuer.actor.withdraw(withdrawalOf(eve, 1, 10)));
});
afterEach(async () => {
  await issuer.close();
  expect(audit({ issuerDatabase: database() })).toMatchObject({ ok: true, broken: [] });
  rmSync(folder, { recursive: true, force: true });
});

const backUp = () =>
  makeBackup({ data: join(folder, 'data'), to: join(folder, 'backup'), passphrase: null, nowS: clock.nowS });
async function restoreIt(): Promise<void> {
  await issuer.close();
  clock.nowS += 3600;
  restore({
    ...{ from: join(folder, 'backup'), data: join(folder, 'data') },
    ...{ replace: true, passphrase: null, nowS: clock.nowS },
  });
  await start();
  clock.nowS += 1;
}
const whyDenied = (pku: Uint8Array) => {
  const books = new Sqlite(database(), { readonly: true });
  const row = books.prepare<[Uint8Array], { why: string }>('SELECT why FROM denials WHERE pku = ?').get(pku);
  books.close();
  return row?.why ?? null;
};

test('an honest owner whose payment is posted again is not named, and the shop is credited', async () => {
  await backUp();
  good(issuer.actor.withdraw(withdrawalOf(ada, 2, 50)));
  const history = historyOf(ada, 'Shop', 60, rsOf(1));
  good(issuer.actor.deposit(history));
  await restoreIt();
  expect(good(issuer.actor.deposit(history))).toMatchObject({ amount: 60, repeated: false });
  expect(good(office().balanceOf('Shop')).balance).toBe(60);
  expect(good(office().overspends()).overspends).toMatchObject([{ pku: ada.pku, ebc: -30 }]);
  expect(codeOf(office().trace(ada.pku, 'overspent'))).toBe('HELD');
  expect(codeOf(office().traceOrder(ada.pku, 'overspent'))).toBe('HELD');
  expect(whyDenied(ada.pku)).toMatch(/^COME_TO_DESK/);
  expect(isFinal('history', 'HELD')).toBe(false);
});

test('who was below zero in the backup is named as before, with the proof', async () => {
  good(issuer.actor.deposit(historyOf(eve, 'Shop', 10, rsOf(1))));
  good(issuer.actor.deposit(historyOf(eve, 'Shop', 5, rsOf(2))));
  await backUp();
  await restoreIt();
  good(issuer.actor.deposit(historyOf(eve, 'Shop', 7, rsOf(3))));
  expect(good(office().trace(eve.pku, 'spent twice'))).toMatchObject({ name: 'Eve', ebc: -12, proof: 'PROVEN' });
  expect(whyDenied(eve.pku)).toBe('overspent');
});

test('without a restore the same overspend is named', () => {
  good(issuer.actor.deposit(historyOf(ada, 'Shop', 60, rsOf(1))));
  expect(good(office().trace(ada.pku, 'overspent'))).toMatchObject({ name: 'Ada', ebc: -30 });
});

test('a claim that was open in the backup is not granted by time: the shop may have been credited since', async () => {
  const history = historyOf(ada, 'Shop', 20, rsOf(1));
  good(issuer.actor.claim(history));
  await backUp();
  good(issuer.actor.deposit(history));
  await restoreIt();
  clock.nowS += WEEK_S;
  expect(codeOf(issuer.actor.claim(history))).toBe('HELD');
  expect(codeOf(issuer.actor.deposit(history))).toBe('HELD');
  // One that was opened after the restore, too: the shop may have been credited before.
  const other = historyOf(ada, 'Shop', 5, rsOf(2));
  expect(good(issuer.actor.claim(other)).state).toBe('open');
  expect(good(issuer.actor.deposit(other)).repeated).toBe(false);
});

test('the audit finds a name that came out after a restore all the same', async () => {
  await backUp();
  await restoreIt();
  good(issuer.actor.deposit(historyOf(ada, 'Shop', 60, rsOf(1))));
  await issuer.close();
  const books = new Sqlite(database());
  const acts = books.prepare<[], { acts: number }>(`SELECT acts FROM epochs WHERE cause = 'restored'`).get()!;
  books.exec(`UPDATE epochs SET acts = 1000 WHERE cause = 'restored'`);
  books.close();
  await start();
  good(office().trace(ada.pku, 'overspent'));
  await issuer.close();
  const set = (value: number) => {
    const again = new Sqlite(database());
    again.prepare(`UPDATE epochs SET acts = ? WHERE cause = 'restored'`).run(value);
    again.close();
  };
  set(acts.acts);
  expect(audit({ issuerDatabase: database() }).broken).toMatchObject([
    { table: 'traces', problem: expect.stringMatching(/after a restore/) },
  ]);
  set(1000);
});
