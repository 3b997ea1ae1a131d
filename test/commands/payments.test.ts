/**
 * Lists of payments, at the shop and for an operator: every search by its index, pages to the end, CSV that a
 * spreadsheet reads as it is meant, and refunds by what such a list shows.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { toHex } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge } from '../../firmware/wire/payment.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { createFakeToken } from '../bridge/fake-token.js';
import { createRig, T0, type Rig } from '../bridge/bridge-rig.js';
import { startServices } from '../http/services-rig.js';
import { ISSUER, rsOf, SHOP } from '../kit/histories.js';
import { good, historyOf, person, rsOf as personRs, seedOf } from '../kit/people.js';
import { tapcashHere } from './command-runs.js';

interface Listed {
  payments: { id: string; rs: string; amount: number; refunded: number; token: string; arrivedS: number }[];
  more: string | null;
}

/** The lines of a plan that read a whole table, or sort what they read. */
const slow = (path: string, sql: string): string[] =>
  (new Sqlite(path, { readonly: true }).prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
    .map(({ detail }) => detail)
    .filter((detail) => /^SCAN (o|histories)$|TEMP B-TREE/.test(detail));

describe('at the shop', () => {
  let rig: Rig;
  let control: Control;
  beforeAll(async () => {
    rig = await createRig({ scheduler: createRealScheduler(), baud: 0 });
    control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
    rig.terminal.token = createFakeToken('alice');
    await tapcash('teller', 'register', 'Alice', '--funding', '1000.00');
    await tapcash('teller', 'withdraw', '900.00');
    for (let i = 1; i <= 125; i++) {
      if (i === 120) charge = (await tapcash('charge', '1.20', '--json')).id;
      const asked = { issuer: ISSUER, currency: 'EUR', amount: i, timeS: T0 + i, counter: i, rs: rsOf(i), shop: SHOP };
      const h = rig.terminal.token.pay(challenge.encode(asked));
      expect((await rig.terminal.request(KIND.history, h)).code).toBe('OK');
      // The report of the one charge names the Rs that the rig's terminal counts: its first.
      if (i === 120) rig.terminal.tap('paid');
    }
    expect(await rig.bridge.drained(30_000)).toBe(true);
  });
  afterAll(async () => {
    await control.close();
    await rig.stop();
  });
  let charge: string;
  const said = (...args: string[]) => tapcashHere([...args, '--data', rig.dataDir]);
  const tapcash = async (...args: string[]) => JSON.parse((await said(...args, '--json')).out || '{}');
  const list = (...args: string[]): Promise<Listed> => tapcash('payments', ...args);

  test('pages to the end, none twice; all at once', async () => {
    const seen: number[] = [];
    let page = await list('--limit', '50');
    for (; page.more !== null; page = await list('--limit', '50', '--before', page.more))
      seen.push(...page.payments.map(({ amount }) => amount));
    seen.push(...page.payments.map(({ amount }) => amount));
    expect(seen).toEqual(Array.from({ length: 125 }, (_, i) => 125 - i));
    expect((await list('--all-pages')).payments).toHaveLength(125);
    expect((await said('payments', '--limit', '2')).out).toMatch(
      /^\S.*Corner Shop +1\.25 EUR +credited +[0-9a-f]{32}\n[^]*There are more: --before [0-9]+\.[0-9]+, or --all-pages\n$/,
    );
  });

  test('by amount, token, charge and time', async () => {
    expect((await list('--amount', '0.07')).payments).toMatchObject([{ amount: 7, rs: toHex(rsOf(7)) }]);
    expect((await list('--token', toHex(rig.terminal.token!.pku), '--limit', '3')).payments).toHaveLength(3);
    expect((await list('--token', '00'.repeat(32))).payments).toEqual([]);
    // A charge of this bridge's is listed by its id, and found by it.
    expect((await list('--charge', charge)).payments).toMatchObject([{ id: charge, rs: toHex(rsOf(1)) }]);
    expect((await list('--charge', toHex(rsOf(9)))).payments).toMatchObject([{ id: toHex(rsOf(9)), amount: 9 }]);
    expect((await said('payments', '--charge', 'ff'.repeat(8))).err).toMatch(/CHARGE_UNKNOWN/);
    const day = new Date((T0 + 1) * 1000);
    const text = [day.getFullYear(), day.getMonth() + 1, day.getDate()]
      .map((n) => String(n).padStart(2, '0'))
      .join('-');
    expect((await list('--since', text, '--until', text, '--all-pages')).payments).toHaveLength(125);
    expect((await list('--until', '2020-01-01')).payments).toEqual([]);
    expect((await said('payments', '--since', 'yesterday')).err).toMatch(/USAGE.*write 2026-11-29/);
    expect((await said('payments', '--limit', '1000')).err).toMatch(/USAGE/);
    expect((await said('payments', '--before', '7')).err).toMatch(/USAGE/);
  });

  test('refunds by the id as it is listed', async () => {
    const [one] = (await list('--amount', '0.30')).payments;
    expect(await tapcash('refund', one!.id, '0.10')).toMatchObject({ ok: true, amount: 10, state: 'refunded' });
    expect((await list('--amount', '0.30')).payments).toMatchObject([{ refunded: 10 }]);
    expect(await tapcash('refund', charge)).toMatchObject({ ok: true, state: 'refunded', rs: toHex(rsOf(1)) });
    expect(rig.store.numbers()).toMatchObject({ in: 100_000, held: 100_000 });
  });

  test('CSV has every row, and no cell that a spreadsheet takes for a formula', async () => {
    const { out } = await said('payments', '--all-pages', '--csv');
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toBe('id,arrived,paid,shop,amount,refunded,state,code,token,rs');
    expect(lines).toHaveLength(126);
    expect(lines.slice(1).every((line) => line.split(',').length === 10)).toBe(true);
    // A spreadsheet and a program read the moment that was paid, whatever the zone.
    const there = await said('payments', '--all-pages', '--csv', '--zone', 'Asia/Kathmandu');
    const paid = (each: string) =>
      each
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => Date.parse(line.split(',')[2]!));
    expect(paid(there.out)).toEqual(paid(out));
    expect(paid(out).at(-1)).toBe((T0 + 1) * 1000);
    expect(there.out.split('\n')[1]).toMatch(/^[^,]*,[-0-9]{10}T[0-9:]{8}\+05:45,[-0-9]{10}T[0-9:]{8}\+05:45,/);
    const text = (await said('payments', '--limit', '1', '--zone', 'Asia/Kathmandu')).out;
    expect(text).toMatch(/^2027-01-15 [^]*\b13:45\b[^]*^Times of Asia\/Kathmandu$/m);
    expect((await said('payments', '--zone', 'Nowhere')).err).toMatch(/USAGE.*Europe\/Berlin/);
  });

  test('each search reads by an index', () => {
    const path = join(rig.dataDir, 'bridge.db');
    const order = 'ORDER BY o.arrived_s DESC, o.sequence DESC LIMIT 51';
    for (const where of [
      '',
      'AND (o.arrived_s, o.sequence) < (5, 5)',
      'AND o.arrived_s >= 5 AND o.arrived_s < 9',
      'AND o.amount = 5 AND (o.arrived_s, o.sequence) < (5, 5)',
      "AND substr(o.identity, 1, 32) = x'00'",
    ])
      expect([where, slow(path, `SELECT o.bytes FROM outbox o WHERE o.kind = 'history' ${where} ${order}`)]).toEqual([
        where,
        [],
      ]);
  });
});

test('for an operator: pages to the end, of one shop, each search by an index, and nothing of it is kept', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tapcash-payments-'));
  const services = await startServices();
  writeKeyFile(join(data, 'operator.key'), seedOf('operator'));
  const said = (...args: string[]) =>
    tapcashHere(['office', 'payments', ...args, '--data', data, '--issuer-url', services.issuer.url]);
  const list = async (...args: string[]): Promise<Listed> => JSON.parse((await said(...args, '--json')).out);
  const ada = person('Ada');
  try {
    await services.open(ada, 10_000);
    for (const shop of ['Cafe', '-1 Cafe']) await services.shop(shop);
    for (let i = 1; i <= 103; i++)
      good(await services.issuerClient.deposit(historyOf(ada, i === 50 ? '-1 Cafe' : 'Cafe', i, personRs(i))));
    // More than the house gives in one page.
    expect((await list('--shop', 'Cafe', '--limit', '101')).payments).toHaveLength(101);
    const first = await list('--shop', 'Cafe', '--limit', '100');
    expect(first.payments).toHaveLength(100);
    const rest = await list('--shop', 'Cafe', '--before', first.more!);
    expect([rest.payments.map(({ amount }) => amount), rest.more]).toEqual([[2, 1], null]);
    expect((await list('--all-pages')).payments).toHaveLength(103);
    expect((await list('--amount', '7')).payments).toMatchObject([
      { id: toHex(personRs(7)), token: toHex(ada.pku), refunded: 0 },
    ]);
    expect((await list('--charge', toHex(personRs(8)))).payments).toMatchObject([{ amount: 8 }]);
    // What a shop is called is a text to a spreadsheet, too.
    expect((await said('--amount', '50', '--csv')).out).toMatch(/,'-1 Cafe,50,/);
    const path = services.issuer.database;
    const order = 'ORDER BY arrived_s DESC, transaction_id DESC LIMIT 51';
    for (const where of [
      '',
      'WHERE (arrived_s, transaction_id) < (5, 5)',
      'WHERE arrived_s >= 5 AND arrived_s < 9',
      "WHERE shop = 'Cafe' AND (arrived_s, transaction_id) < (5, 5)",
      'WHERE amount = 5',
      "WHERE pku = x'00'",
    ])
      expect([where, slow(path, `SELECT * FROM histories ${where} ${order}`)]).toEqual([where, []]);
    const { count } = new Sqlite(path, { readonly: true })
      .prepare("SELECT count(*) AS count FROM operator_requests WHERE reply LIKE '%payments%'")
      .get() as { count: number };
    expect(count).toBe(0);
  } finally {
    await services.end();
    rmSync(data, { recursive: true });
  }
});
