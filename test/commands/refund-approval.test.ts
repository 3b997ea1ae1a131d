/**
 * A refund above the clerk's limit, at a bridge that goes on running: a supervisor approves this one, and the house
 * says each time whether who approved it may.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge } from '../../firmware/wire/payment.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { CONTROL_FILE } from '../../host-bridge/control/control-file.js';
import { approveRefund, createApprovalCheck, createOperatorsClient } from '../../host-bridge/http/client.js';
import { createFakeToken } from '../bridge/fake-token.js';
import { createRig, T0, type Rig } from '../bridge/bridge-rig.js';
import { operator, startServices, type Services } from '../http/services-rig.js';
import { ISSUER, rsOf, SHOP } from '../kit/histories.js';
import { good, seedOf, signerOf } from '../kit/people.js';
import { tapcashHere } from './command-runs.js';

let rig: Rig;
let house: Services;
let control: Control;
let data: string;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'tapcash-approval-'));
  rig = await createRig({ scheduler: createRealScheduler(), baud: 0, refundMax: 50 });
  house = await startServices();
  rig.services.checkApproval = createApprovalCheck({ url: house.issuer.url });
  control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
  writeFileSync(join(data, CONTROL_FILE), readFileSync(join(rig.dataDir, CONTROL_FILE)));
});
afterEach(async () => {
  await control.close();
  await house.end();
  await rig.stop();
  rmSync(data, { recursive: true });
});
const roots = () => createOperatorsClient({ url: house.issuer.url, operator, issuer: ISSUER });

/** A folder with somebody's key, who is of a role; null: a root. */
async function folderOf(name: string, role: 'clerk' | 'supervisor' | 'auditor' | null, limit: number | null = null) {
  const folder = join(data, name);
  mkdirSync(folder, { mode: 0o700 });
  writeKeyFile(join(folder, 'operator.key'), seedOf(name));
  if (role) good(await roots().add({ name, role, limit, key: toHex(signerOf(name).publicKey) }));
  return folder;
}

/** 300 of a token are paid at the shop, and delivered. */
async function paid(): Promise<string> {
  rig.terminal.token = createFakeToken('alice');
  expect(await rig.bridge.teller.registerUser({ name: 'Alice', funding: 1000 })).toMatchObject({ ok: true });
  expect(await rig.bridge.teller.withdraw({ amount: 500 })).toMatchObject({ ok: true });
  const opened = await rig.bridge.charge(300);
  const terms = { issuer: ISSUER, currency: 'EUR', amount: 300, timeS: T0, counter: 1, rs: rsOf(1), shop: SHOP };
  const h = rig.terminal.token.pay(challenge.encode(terms));
  rig.terminal.tap('paid');
  expect((await rig.terminal.request(KIND.history, h)).code).toBe('OK');
  expect(await rig.bridge.drained(5000)).toBe(true);
  return (opened as { charge: { id: string } }).charge.id;
}
const shopHas = () => (rig.office.balanceOf(SHOP) as { balance: number }).balance;

test('the role that the house knows decides, for exactly the refund that was approved', async () => {
  const charge = await paid();
  const refund = (...more: string[]) => tapcashHere(['refund', charge, ...more, '--data', data]);
  expect((await refund('1.00')).err).toMatch(/ROLE_FORBIDDEN.*clerk: refund above 50/);

  const [auditor, clerk, stranger] = [
    await folderOf('an auditor', 'auditor'),
    await folderOf('a clerk', 'clerk', 99),
    await folderOf('a stranger', null),
  ];
  expect((await refund('1.00', '--supervisor', auditor)).err).toMatch(/ROLE_FORBIDDEN.*auditor: refund/);
  expect((await refund('1.00', '--supervisor', clerk)).err).toMatch(/ROLE_FORBIDDEN.*clerk: refund above 99/);
  expect((await refund('1.00', '--supervisor', stranger)).err).toMatch(/OPERATOR_UNKNOWN/);
  expect((await refund('1.00', '--supervisor', join(data, 'nothing'))).err).toMatch(/FILE_MISSING/);
  expect(shopHas()).toBe(300);

  const supervisor = await folderOf('a supervisor', 'supervisor');
  const done = await refund('1.00', '--supervisor', supervisor);
  expect([done.status, done.out]).toEqual([0, expect.stringMatching(/1\.00 EUR is given back/)]);
  expect(shopHas()).toBe(200);
  // It was of that one: the clerk's next is judged by the clerk's limit, of all that went back.
  expect((await refund('0.10')).err).toMatch(/ROLE_FORBIDDEN.*clerk: refund above 50/);
  good(await roots().remove('a supervisor'));
  expect((await refund('1.00', '--supervisor', supervisor)).err).toMatch(/OPERATOR_UNKNOWN/);
  const all = await refund('--supervisor', await folderOf('operator', null), '2.00');
  expect([all.status, shopHas()]).toEqual([0, 0]);
});

test('an approval of another amount, payment or id is none', async () => {
  const payment = await paid();
  const right = { payment, amount: 100, id: '0a0b0c0d0e0f1011' };
  const approval = approveRefund({ operator, issuer: ISSUER }, right);
  const refund = ({ amount, id, payment: of }: Partial<Record<'payment' | 'id', string>> & { amount?: number }) =>
    rig.bridge.refund(of ?? payment, amount ?? 100, id ?? right.id, approval);
  const unknown = { ok: false, code: 'OPERATOR_UNKNOWN' };
  expect(await refund({ amount: 101 })).toMatchObject(unknown);
  expect(await refund({ payment: toHex(rsOf(1)) })).toMatchObject(unknown);
  expect(await refund({ id: '0a0b0c0d0e0f1012' })).toMatchObject(unknown);
  expect(await rig.bridge.refund(payment, 100, undefined, approval)).toMatchObject({ ok: false, code: 'BAD_REQUEST' });
  expect(shopHas()).toBe(300);
  // Brought twice it is the same refund.
  for (let times = 0; times < 2; times++) expect(await refund({})).toMatchObject({ ok: true, refund: { amount: 100 } });
  expect(shopHas()).toBe(200);
});
