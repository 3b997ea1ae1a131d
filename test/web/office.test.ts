/**
 * The office in a real browser: a payout, an overspend traced, an audit that finds what somebody changed; an act whose
 * answer is lost is done once; a house that is down is said. `TAPCASH_SCREENS=docs` makes the picture of the README.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Browser, Page } from 'playwright-core';
import { officeActs } from '../../host-bridge/commands/office-serve.js';
import { openActs } from '../../host-bridge/commands/acts-file.js';
import { databasesIn } from '../../host-bridge/commands/books.js';
import { createOfficeHouses } from '../../host-bridge/office/office-houses.js';
import { openOfficePage, type OfficePage } from '../../host-bridge/office/office-server.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { browserTest, keepScreen, openBench, openBrowser, openPage, seriousFaults } from './bench-rig.js';

/** Waits for what a page shows; a busy machine is slow, so it is long. */
const PATIENCE_MS = 60_000;
const VIEWS = ['Today', 'Accounts', 'Terminals', 'Overspends', 'Lost tokens', 'Keys', 'Books'];

let bench: Awaited<ReturnType<typeof openBench>>;
let control: Control;
let office: OfficePage;
let browser: Browser | null = null;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  bench = await openBench();
  const { rig, dataDir } = bench;
  control = await startControl({ bridge: rig.shops[0]!.bridge, dataDir, currency: rig.currency });
  const urls = { issuerUrl: rig.issuer.url, bankUrl: 'http://127.0.0.1:1', trusteeUrl: rig.trustee!.url };
  office = await openOfficePage({
    houses: createOfficeHouses({ operator: rig.operator, ...urls, bankKey: null }),
    acts: officeActs({ data: dataDir, ...urls }),
    databases: () => databasesIn(dataDir),
    dataDir,
  });
  // Alice pays; Bob's token pays, and so does its copy, with the same money, at a terminal that has not heard of it.
  await pay('Alice', 350);
  await bench.bench.act({ do: 'network', on: false });
  await bench.bench.act({ do: 'clone', board: 'Bob' });
  await pay('Bob', 2500);
  await pay("Bob's clone", 1000);
  await bench.bench.act({ do: 'network', on: true });
  await soon(
    async () => (await bench.rig.office.overspends().then((found) => found.ok && found.overspends.length)) === 1,
  );
  browser = await openBrowser();
  if (!browser) return;
  page = await openPage(browser, { width: 1200, height: 900 }, problems);
  page.setDefaultTimeout(PATIENCE_MS);
});
afterAll(async () => {
  await browser?.close();
  await office.close();
  await control.close();
  await bench.close();
});

async function pay(name: string, amount: number): Promise<void> {
  const bridge = bench.rig.shops[0]!.bridge;
  await bench.bench.act({ do: 'charge', amount });
  await bench.bench.act({ do: 'tap', board: name });
  await soon(async () => (await bridge.status()).charge?.state === 'paid');
  await bench.bench.act({ do: 'leave' });
}

async function soon(look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await look()) && tries < PATIENCE_MS / 20; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await look()).toBe(true);
}

const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
const view = (name: string) => page.getByRole('navigation').getByRole('button', { name }).click();
const dialog = () => page.getByRole('dialog');

/** Opens the dialog of a payout to the shop, and fills it in. */
async function fillPayout(amount: string, reference: string): Promise<void> {
  await view('Accounts');
  await page
    .getByRole('row', { name: /Cafe Roma/ })
    .getByRole('button', { name: 'Pay out' })
    .click();
  await dialog().getByLabel('Amount').fill(amount);
  await dialog()
    .getByLabel(/Reference/)
    .fill(reference);
}
const says = (text: string) => page.getByText(text).first().waitFor({ timeout: PATIENCE_MS });
/** What was asked for is done; the dialog goes at the key that has the focus. */
async function isDone(): Promise<void> {
  await dialog().getByText('Done, and on record.').waitFor();
  await page.keyboard.press('Enter');
  await dialog().waitFor({ state: 'hidden' });
}
/** Leaves the dialog without an act. */
async function leave(): Promise<void> {
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'hidden' });
}
const balanceOf = async (name: string): Promise<number> => {
  const found = await bench.rig.accounts.balanceOf(name);
  return found.ok ? found.balance : NaN;
};

test('files are for all on this computer, everything else for who has the token and comes from the page', async () => {
  const [url, token] = office.url.split('/#') as [string, string];
  expect((await fetch(url)).status).toBe(200);
  const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  for (const path of ['/today', '/audit', '/keys'])
    expect([path, (await fetch(url + path, asked)).status]).toEqual([path, 401]);
  expect((await fetch(`${url}/events`)).status).toBe(401);
  const own = { ...asked.headers, authorization: `Bearer ${token}` };
  expect((await fetch(`${url}/keys`, { ...asked, headers: own })).status).toBe(200);
  expect((await fetch(`${url}/keys`, { ...asked, headers: { ...own, origin: 'http://evil.example' } })).status).toBe(
    401,
  );
  // No act that the page does not have: one of these would read a file.
  const odd = JSON.stringify({ verb: 'set-classes', values: ['/etc/passwd'], id: '0'.repeat(32) });
  expect((await fetch(`${url}/act`, { ...asked, headers: own, body: odd })).status).toBe(400);
});

test('tells nothing private', async () => {
  const [url, token] = office.url.split('/#') as [string, string];
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const told: string[] = [];
  for (const path of ['/today', '/terminals', '/keys', '/linkage'])
    told.push(await (await fetch(url + path, { method: 'POST', headers, body: '{}' })).text());
  const events = await fetch(`${url}/events`, { headers });
  const first = await events.body!.getReader().read();
  told.push(Buffer.from(first.value!).toString());
  const secrets = readdirSync(bench.dataDir)
    .filter((name) => name.endsWith('.key'))
    .flatMap(
      (name) => readFileSync(join(bench.dataDir, name), 'utf8').match(/[0-9a-f]{64}|[A-Za-z0-9+/=]{43,}/g) ?? [],
    );
  expect(secrets.length).toBeGreaterThan(2);
  expect(secrets.filter((secret) => told.join('').includes(secret))).toEqual([]);
  expect(told.join('')).toContain('"holds":true');
});

browserTest('shows what is held, in few requests and few bytes', async () => {
  const sizes: Promise<number>[] = [];
  page.on('requestfinished', (each) => void sizes.push(each.sizes().then((size) => size.responseBodySize)));
  await page.goto(office.url);
  await says('Every cent is accounted for.');
  expect(sizes.length).toBeLessThanOrEqual(12);
  expect((await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(200_000);
  await page.locator('.totals').filter({ hasText: '€38.50' }).waitFor();
  await keepScreen(page, 'office');
});

browserTest('pays out once, though its answer is lost twice', async () => {
  const before = await balanceOf('Cafe Roma');
  await fillPayout('20', 'transfer 117');
  const ids: string[] = [];
  await page.route('**/act', async (route) => {
    ids.push((route.request().postDataJSON() as { id: string }).id);
    if (ids.length < 3) return void (await route.fetch(), await route.abort());
    return route.continue();
  });
  await dialog().getByRole('button', { name: 'Pay out' }).click();
  await dialog().getByText('Done, and on record.').waitFor();
  await page.unroute('**/act');
  expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
  expect(await balanceOf('Cafe Roma')).toBe(before - 2000);
  await leave();
});

browserTest('says what is wrong with an amount, and why a house refuses one', async () => {
  await page
    .getByRole('row', { name: /Cafe Roma/ })
    .getByRole('button', { name: 'Pay out' })
    .click();
  await dialog().getByLabel('Amount').fill('1,000');
  expect(await dialog().getByRole('button', { name: 'Pay out' }).isDisabled()).toBe(true);
  await dialog().getByText('An amount looks like 3.50.').waitFor();
  await dialog().getByLabel('Amount').fill('9999');
  await dialog()
    .getByLabel(/Reference/)
    .fill('too much');
  await page.keyboard.press('Enter');
  await dialog()
    .getByRole('alert')
    .filter({ hasText: /account has less|not enough|less/i })
    .waitFor();
  await leave();
});

browserTest('opens and funds an account by keys alone, and saves a statement', async () => {
  await page.getByLabel('Name of an account').focus();
  await page.keyboard.type('Bar Blu');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await dialog().waitFor();
  await page.keyboard.press('Enter');
  await isDone();
  await page.getByLabel('Name of an account').focus();
  await page.keyboard.press('Enter');
  await page
    .getByRole('row', { name: /Bar Blu/ })
    .getByRole('button', { name: 'Put in' })
    .focus();
  await page.keyboard.press('Enter');
  await dialog().getByLabel('Amount').focus();
  await page.keyboard.type('5');
  await page.keyboard.press('Enter');
  await isDone();
  expect(await balanceOf('Bar Blu')).toBe(500);
  // The list has another row now: what is pressed has its place.
  await page.getByRole('region', { name: 'Accounts' }).getByRole('row').filter({ hasText: 'Bar Blu' }).waitFor();
  const file = page.waitForEvent('download');
  await page
    .getByRole('row', { name: /Cafe Roma/ })
    .getByRole('button', { name: 'Statement (CSV)' })
    .click();
  const lines = readFileSync(await (await file).path(), 'utf8')
    .trim()
    .split('\r\n');
  expect(lines).toHaveLength(4);
  expect(lines[3]).toMatch(/^[0-9a-f]{32},.*Z,3.50,0.00,EUR,[0-9a-f]{64}$/);
});

browserTest('traces who spent twice: the name, proven, for a reason', async () => {
  await view('Overspends');
  await page.getByRole('row').filter({ hasText: '−€5.00' }).getByRole('button', { name: 'Trace' }).click();
  const open = dialog().getByRole('button', { name: 'Open the name' });
  expect(await open.isDisabled()).toBe(true);
  await dialog().getByLabel('Reason, for the record').fill('spent twice');
  await open.click();
  await dialog().filter({ hasText: 'Bob' }).filter({ hasText: 'PROVEN' }).waitFor();
  await leave();
  await view('Lost tokens');
  await page.locator('.prefixes li').waitFor();
});

browserTest('shows the terminal, retires it and takes that back', async () => {
  await view('Terminals');
  const row = page.getByRole('row').filter({ hasText: 'Cafe Roma' });
  await row.filter({ hasText: 'nothing' }).waitFor();
  await row.getByRole('button', { name: 'Retire' }).click();
  await dialog().getByLabel('Reason, for the record').fill('a new board');
  await dialog().getByRole('button', { name: 'Retire it' }).click();
  await isDone();
});

browserTest('shows the keys, and computes who can link what', async () => {
  await view('Keys');
  await page.getByRole('row').filter({ hasText: 'trustee' }).waitFor();
  await view('Books');
  await press('Compute it');
  await page.getByRole('row').filter({ hasText: 'trustee' }).first().waitFor();
});

browserTest('audits, and names the row that somebody changed', async () => {
  await press('Audit now');
  await says('The books are right.');
  const books = new Sqlite(join(bench.dataDir, 'issuer.db'));
  const of = (what: string) => `${what} WHERE name = 'Alice'`;
  const { certificate } = books.prepare(of('SELECT certificate FROM accounts')).get() as { certificate: Buffer };
  const write = books.prepare(of('UPDATE accounts SET certificate = ?'));
  write.run(Buffer.from([0]));
  await press('Audit now');
  await page.getByRole('row').filter({ hasText: 'Alice' }).filter({ hasText: 'does not decode' }).waitFor();
  write.run(certificate);
  books.close();
});

browserTest.each(['dark', 'light'] as const)('has no serious fault of accessibility, %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  for (const name of VIEWS) {
    await view(name);
    await page.locator('.list').first().waitFor();
    expect([name, await seriousFaults(page)]).toEqual([name, []]);
    const folder = process.env.TAPCASH_LOOK;
    if (!folder) continue;
    for (const width of [1200, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(folder, `office-${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 1200, height: 900 });
  }
});

browserTest('says which house is down, and finishes an act of the command line that lost its answer', async () => {
  expect(problems.filter((text) => !/net::ERR_FAILED|status of 4/.test(text))).toEqual([]);
  const before = await balanceOf('Cafe Roma');
  await fillPayout('1', 'transfer 119');
  const acts = openActs(bench.dataDir);
  acts.begin(JSON.stringify(['office payout', ['Cafe Roma', 100, 'transfer 118']]), {}, 16);
  acts.close();
  await bench.rig.stop();
  await dialog().getByRole('button', { name: 'Pay out' }).click();
  await dialog().getByRole('alert').filter({ hasText: 'service' }).waitFor();
  await leave();
  await says('The issuer does not answer.');
  await bench.rig.start();
  await page.getByText('The issuer does not answer.').waitFor({ state: 'hidden' });
  await view('Today');
  await page.locator('.open').filter({ hasText: 'transfer 118' }).getByRole('button', { name: 'Finish' }).click();
  await says('It is done, and was done once.');
  expect(await balanceOf('Cafe Roma')).toBe(before - 100);
});

browserTest('says so when the office ends, and what to do', async () => {
  await office.close();
  await page.locator('.trouble').filter({ hasText: 'Start it again with tapcash office serve' }).waitFor();
});
