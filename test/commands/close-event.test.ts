/**
 * `tapcash office close-event`: nothing is paid while a row is wrong, everybody is paid once whatever breaks off, and
 * the bank's file says the same as the books.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { parse } from 'csv-parse/sync';
import { toHex } from '../../firmware/core/bytes.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { makePlan } from '../../host-bridge/commands/closing-plan.js';
import { sepaName, transferDocument } from '../../host-bridge/commands/sepa-transfer.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { createOperatorsClient } from '../../host-bridge/http/client.js';
import { register, withdraw } from '../houses/houses-rig.js';
import { CUTS, startLossyProxy, type LossyProxy } from '../kit/lossy-proxy.js';
import { good, ISSUER, rsOf, seedOf, signerOf, START_S } from '../kit/people.js';
import { endHouses, operator, startHouses, userAt } from '../services/served-houses-rig.js';
import { tapcashHere } from './command-runs.js';

const [PAYER, ADA, SHOP] = ['DE89370400440532013000', 'FR1420041010050500013M02606', 'NL91ABNA0417164300'] as const;
let folder: string;
let proxy: LossyProxy | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-closing-'));
  writeKeyFile(join(folder, 'operator.key'), seedOf('operator'));
});
afterEach(async () => {
  await proxy?.close();
  proxy = null;
  await endHouses();
  rmSync(folder, { recursive: true });
});

/** Ada has 86 in her account and 10 on her token, of which the shop got 4; Bob has 50; Eve has nothing. */
async function festival(number: number) {
  const at = await startHouses(number);
  const { clients } = at;
  good(await clients.accounts.openAccount('Shop', null));
  const ada = await userAt(clients, at.facts, 'Ada', 100);
  await userAt(clients, at.facts, 'Bob', 50);
  await userAt(clients, at.facts, 'Eve', 0);
  expect(await register(clients, ada)).toBe('OK');
  expect(await withdraw(clients, ada, 14)).toBe('OK');
  good(await (clients.bank ?? clients.issuer).deposit(ada.pay('Shop', 4, rsOf(1), START_S)));
  // The bank brings it to the issuer.
  for (let tries = 0; tries < 10_000 && good(await clients.accounts.numbers()).numbers.unreturned > 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const accountsAt = at.services.bank ?? at.services.issuer;
  proxy = await startLossyProxy(accountsAt.url);
  const urls = at.services.bank
    ? ['--issuer-url', at.services.issuer.url, '--bank-url', proxy.url]
    : ['--issuer-url', proxy.url];
  const close = (...more: string[]) =>
    tapcashHere([
      ...['office', 'close-event', '--ibans', join(folder, 'ibans.csv'), '--closing', join(folder, 'monday')],
      ...['--payer-iban', PAYER, '--payer-name', 'Fest GmbH & Co', '--data', folder, '--json', ...urls, ...more],
    ]);
  const balances = async () =>
    Promise.all(['Ada', 'Bob', 'Shop'].map(async (name) => good(await clients.accounts.balanceOf(name)).balance));
  return { at, ada, close, balances, database: accountsAt.database, pkus: [toHex(ada.pku)] };
}
const list = (...rows: string[]) =>
  writeFileSync(join(folder, 'ibans.csv'), ['account,iban,name', ...rows, ''].join('\n'));
const rowsIn = (name: string): Record<string, string>[] =>
  parse(readFileSync(join(folder, 'monday', name), 'utf8'), { columns: true });
const valuesOf = (xml: string, element: string) =>
  [...xml.matchAll(new RegExp(`<${element}(?: [^>]*)?>([^<]*)</${element}>`, 'g'))].map((found) => found[1]);
const GOOD = [`Ada,${ADA},Ada Müller`, `Shop;${SHOP};"Café Roma, Köln"`.replaceAll(';', ',')];

/** The bank's file, by its structure. */
function expectTransfers(id: string, references: string[]): void {
  const xml = readFileSync(join(folder, 'monday', 'pain.001.xml'), 'utf8');
  expect(xml).toContain('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"');
  expect(valuesOf(xml, 'MsgId')).toEqual([`TAPCASH-${id}`]);
  expect(valuesOf(xml, 'NbOfTxs')).toEqual(['2', '2']);
  expect(valuesOf(xml, 'CtrlSum')).toEqual(['0.90', '0.90']);
  expect(valuesOf(xml, 'EndToEndId')).toEqual(references);
  expect(valuesOf(xml, 'InstdAmt')).toEqual(['0.86', '0.04']);
  expect(valuesOf(xml, 'IBAN')).toEqual([PAYER, ADA, SHOP]);
  expect(valuesOf(xml, 'Nm')).toEqual(['Fest GmbH + Co', 'Fest GmbH + Co', 'Ada Muller', 'Cafe Roma, Koln']);
  expect(xml.match(/Ccy="EUR"/g)).toHaveLength(2);
  // In the order of the schema.
  expect(xml.replace(/<\/?([A-Za-z]+)[^>]*>[^<]*/g, '$1 ')).toMatch(/GrpHdr .*PmtInf PmtInfId .*CdtTrfTxInf PmtId /);
}

test.each(['JPY', 'BHD'])('in %s there is no SEPA: refused with a payer, and a list without one', async (currency) => {
  const at = await startHouses(1, { currency });
  good(await at.clients.accounts.openAccount('Shop', null));
  good(await at.clients.accounts.fundAccount('Shop', 1500));
  list(`Shop,${SHOP},Shop`);
  const close = (...payer: string[]) =>
    tapcashHere([
      ...['office', 'close-event', '--ibans', join(folder, 'ibans.csv'), '--closing', join(folder, 'monday')],
      ...[...payer, '--data', folder, '--json', '--issuer-url', at.services.issuer.url],
    ]);
  const refused = await close('--payer-iban', PAYER, '--payer-name', 'Fest');
  expect([refused.status, refused.err]).toEqual([2, expect.stringContaining('SEPA carries EUR alone')]);
  expect(good(await at.clients.accounts.balanceOf('Shop')).balance).toBe(1500);
  expect((await close()).status).toBe(0);
  expect(good(await at.clients.accounts.balanceOf('Shop')).balance).toBe(0);
  expect(existsSync(join(folder, 'monday', 'pain.001.xml'))).toBe(false);
  expect(readFileSync(join(folder, 'monday', 'payouts.csv'), 'utf8')).toContain(',1500,');
});

test.each([1, 2, 3])('scheme %i: from the rehearsal to the closed account, through lost answers', async (number) => {
  const { at, ada, close, balances, database } = await festival(number);
  const before = await balances();
  expect(before).toEqual([86, 50, 4]);
  list(...GOOD);
  const rehearsed = JSON.parse((await close('--dry-run')).out);
  expect(rehearsed).toMatchObject({
    ...{ ok: true, dryRun: true, paid: 90, listed: [{ name: 'Bob', amount: 50 }] },
    unclaimed: [{ licenseClass: 1, sets: 1, ebc: 10 }],
  });
  expect([existsSync(join(folder, 'monday')), await balances()]).toEqual([false, before]);

  // Each way to lose the second payout's answer, and then the same command.
  const lost = { count: 0 };
  for (const cut of CUTS) {
    proxy!.cut = (path) => (path === '/v2/office/payouts' && ++lost.count % 2 === 0 ? cut : null);
    const ended = await close();
    expect([ended.status, ended.err]).toEqual([3, expect.stringMatching(/1 of 2 are paid: the same command/)]);
    expect(existsSync(join(folder, 'monday', 'pain.001.xml'))).toBe(false);
    expect((await balances())[0]).toBe(0);
  }
  proxy!.cut = null;
  // What the list says by now does not matter: the plan is kept.
  list('Nobody,XX,');
  const done = await close();
  expect([done.status, done.err]).toEqual([0, '']);
  const report = JSON.parse(done.out);
  expect(report).toMatchObject({ ok: true, continues: true, paid: 90, listed: [{ name: 'Bob', amount: 50 }] });
  expect(await balances()).toEqual([0, 50, 0]);

  const references = [1, 2].map((row) => `TAPCASH-${report.id}-0000${row}`);
  const books = new Sqlite(database, { readonly: true });
  expect(books.prepare('SELECT name, amount, reference FROM payouts ORDER BY name').all()).toEqual([
    { name: 'Ada', amount: 86, reference: references[0] },
    { name: 'Shop', amount: 4, reference: references[1] },
  ]);
  books.close();

  expectTransfers(report.id, references);
  expect(rowsIn('payouts.csv').map(({ account, amount, state }) => [account, amount, state])).toEqual([
    ['Ada', '86', 'paid'],
    ['Shop', '4', 'paid'],
  ]);
  expect(rowsIn('listed.csv')).toEqual([{ name: 'Bob', balance: '50' }]);
  expect(rowsIn('unclaimed.csv')).toEqual([{ class: '1', pseudonym: toHex(ada.pku), ebc: '10' }]);

  // Once more: nobody is paid, and the files are the same to the byte.
  const files = () =>
    readdirSync(join(folder, 'monday')).map((name) => readFileSync(join(folder, 'monday', name), 'utf8'));
  const first = files();
  expect(JSON.parse((await close()).out)).toMatchObject({ ok: true, paid: 90 });
  expect([files(), await balances()]).toEqual([first, [0, 50, 0]]);
  good(await at.clients.accounts.closeAccount('Shop'));
  await at.close();
  const { issuer, bank, trustee } = at.services;
  const report2 = audit({
    issuerDatabase: issuer.database,
    ...(bank ? { bankDatabase: bank.database } : {}),
    ...(trustee ? { trusteeDatabase: trustee.database } : {}),
  });
  expect(report2).toMatchObject({ ok: true, broken: [] });
  at.end();
});

test('one wrong row, and nobody is paid', async () => {
  const { at, close, balances } = await festival(1);
  const before = await balances();
  const wrong: [string, RegExp][] = [
    ['Bob,DE88370400440532013000,Bob', /line 4: DE88370400440532013000 is no IBAN/],
    // Mod 97 is right, and the length is not.
    ['Bob,DE0337040044053201300,Bob', /line 4: .* is no IBAN/],
    ['Bob,,Bob', /line 4: nothing is no IBAN/],
    [`Bob,${ADA},`, /line 4: nothing is no name/],
    [`Bob,${ADA},Боб`, /line 4: Боб is no name that SEPA can spell/],
    [`Bob,${ADA},${'B'.repeat(71)}`, /line 4: B+ is no name/],
    [`Nobody,${ADA},Nobody`, /Nobody: the house has no such account/],
    [`Ada,${ADA},Ada`, /line 4: Ada stands twice/],
    [`,${ADA},Ada`, /line 4: no account/],
    ['Bob', /Invalid Record Length/],
  ];
  for (const [row, expected] of wrong) {
    list(...GOOD, row);
    for (const more of [[], ['--dry-run']]) {
      const ended = await close(...more);
      expect([row, ended.status, ended.err]).toEqual([row, 2, expect.stringMatching(expected)]);
      expect(ended.err).toMatch(/PAYOUT_LIST_INVALID/);
    }
  }
  writeFileSync(join(folder, 'ibans.csv'), `who,iban\nAda,${ADA}\n`);
  expect((await close()).err).toMatch(/columns account, iban and name/);
  expect([existsSync(join(folder, 'monday')), await balances()]).toEqual([false, before]);
  list(...GOOD);
  // Who may look and not pay can rehearse it, and pays nothing.
  const auditor = signerOf('auditor');
  const roots = createOperatorsClient({ url: at.services.issuer.url, operator, issuer: ISSUER });
  good(await roots.add({ name: 'Ines', role: 'auditor', key: toHex(auditor.publicKey), limit: null }));
  rmSync(join(folder, 'operator.key'));
  writeKeyFile(join(folder, 'operator.key'), seedOf('auditor'));
  expect(JSON.parse((await close('--dry-run')).out)).toMatchObject({ paid: 90 });
  expect((await close()).err).toMatch(/ROLE_FORBIDDEN/);
  expect(await balances()).toEqual(before);
  await at.close();
  at.end();
});

test('what was spent after the plan is refused, said, and goes out with the next closing', async () => {
  const { at, ada, close, balances } = await festival(1);
  list(...GOOD);
  proxy!.cut = (path) => (path === '/v2/office/payouts' ? 'request' : null);
  expect((await close()).status).toBe(3);
  proxy!.cut = null;
  expect(await withdraw(at.clients, ada, 6)).toBe('OK');
  const ended = await close();
  expect([ended.status, JSON.parse(ended.out)]).toEqual([1, expect.objectContaining({ ok: false, paid: 4 })]);
  expect(valuesOf(readFileSync(join(folder, 'monday', 'pain.001.xml'), 'utf8'), 'CtrlSum')).toEqual(['0.04', '0.04']);
  expect(rowsIn('payouts.csv').map(({ account, code }) => [account, code])).toEqual([
    ['Ada', 'FUNDS_INSUFFICIENT'],
    ['Shop', ''],
  ]);
  const next = await close('--closing', join(folder, 'tuesday'));
  expect(JSON.parse(next.out)).toMatchObject({ ok: true, paid: 80, continues: false });
  expect(await balances()).toEqual([0, 50, 0]);
  await at.close();
  at.end();
});

test('names in the letters of SEPA, and sums that are exact with many fractions', () => {
  expect(['Zoë Søren-Straße', 'Łukasz Ærø', "O’Neill & 'Sons'"].map(sepaName)).toEqual([
    'Zoe Soren-Strasse',
    'Lukasz AEro',
    "O'Neill + 'Sons'",
  ]);
  expect(['', ' ', '北京', '/x', 'a<b', 'x\ny'].map(sepaName)).toEqual([null, null, null, null, null, null]);
  const transfers = Array.from({ length: 3000 }, (_, at) => ({
    ...{ name: 'Ada', iban: ADA, amount: 10 + (at % 97), reference: `R-${at}` },
  }));
  const sum = transfers.reduce((before, { amount }) => before + amount, 0);
  const xml = transferDocument('M', START_S, { name: 'Fest', iban: PAYER }, transfers);
  expect(valuesOf(xml, 'CtrlSum')).toEqual([(sum / 100).toFixed(2), (sum / 100).toFixed(2)]);
  expect(() =>
    transferDocument('M', START_S, { name: 'F', iban: PAYER }, [{ ...transfers[0]!, amount: 100_000_000_000 }]),
  ).toThrow(/one transfer/);
});

test('a sum too large for one transfer is named as people read it', async () => {
  const accounts = [{ name: 'Ada', balance: 100_000_000_000 }];
  const facts = { id: 'ab', issuer: '00', currency: 'EUR', madeS: 0, payer: null, accounts, known: async () => true };
  await expect(makePlan({ ...facts, list: `account,iban,name\nAda,${ADA},Ada` })).rejects.toMatchObject({
    code: 'PAYOUT_LIST_INVALID',
    message: expect.stringContaining('Ada: 1000000000.00 EUR is too much for one transfer'),
  });
});
