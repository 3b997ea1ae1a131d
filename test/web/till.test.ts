/**
 * The till in a real browser: a clerk charges, cancels, gives back, counts the day; a customer gets cash; a lost answer
 * charges nothing twice. `TAPCASH_SCREENS=docs` makes the picture of the README.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { tillAddress } from '../../host-bridge/control/control-file.js';
import { browserTest, keepScreen, openBench, openBrowser, openPage, seriousFaults } from './bench-rig.js';

/** Waits for what a page shows; a busy machine is slow, so it is long. */
const PATIENCE_MS = 60_000;

let bench: Awaited<ReturnType<typeof openBench>>;
let control: Control;
let browser: Browser | null = null;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  bench = await openBench();
  const bridge = bench.rig.shops[0]!.bridge;
  control = await startControl({ bridge, dataDir: bench.dataDir, currency: bench.rig.currency });
  browser = await openBrowser();
  if (!browser) return;
  page = await openPage(browser, { width: 1100, height: 800 }, problems);
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(tillAddress(bench.dataDir)!);
});
afterAll(async () => {
  await browser?.close();
  await control.close();
  await bench.close();
});

const says = (text: string, of: Page = page) =>
  of.locator('.now').filter({ hasText: text }).waitFor({ timeout: PATIENCE_MS });
const press = (name: string, of: Page = page) => of.getByRole('button', { name, exact: true }).click();
const field = () => page.getByLabel('Amount', { exact: true });
/** The customer holds a token to the reader, and takes it away. */
async function tap(name: string): Promise<void> {
  await bench.bench.act({ do: 'tap', board: name });
}
const leave = () => bench.bench.act({ do: 'leave' });

test('files are for all on this computer, everything else for who has the token', async () => {
  const { url } = control;
  expect((await fetch(url)).status).toBe(200);
  for (const path of ['/status', '/events', '/payments', '/assets/none.js'])
    expect([path, (await fetch(url + path)).status]).toEqual([path, 401]);
  const { status } = await fetch(url, { headers: { origin: 'http://evil.example' } });
  expect(status).toBe(401);
});

browserTest('charges what was typed on the keypad, and says that it is paid', async () => {
  for (const key of ['3', '.', '5']) await press(key);
  expect(await page.locator('.echo').textContent()).toBe('€3.50');
  await press('Charge');
  await says('Customer: hold your token to the reader.');
  await tap('Alice');
  await says('Paid');
  await keepScreen(page, 'till');
  await leave();
});

browserTest('is worked by keys alone: a charge, and cancelled', async () => {
  await field().focus();
  await page.keyboard.type('2');
  await page.keyboard.press('Enter');
  await says('€2.00');
  await page.getByRole('button', { name: 'Cancel the charge' }).focus();
  await page.keyboard.press('Enter');
  await says('Cancelled. Nothing was paid.');
});

browserTest.each(['0', '1,000', '3.505', '-1', 'x', '1.2.3'])('takes %s for no amount', async (text) => {
  await field().fill(text);
  expect(await page.getByRole('button', { name: 'Charge', exact: true }).isDisabled()).toBe(true);
  expect(await page.locator('.echo').textContent()).toContain('looks like');
  await field().fill('');
});

browserTest('asks again under the same id where the answer is lost: one charge', async () => {
  const before = bench.rig.shops[0]!.bridge.charges(50).length;
  let lost = 0;
  const ids: string[] = [];
  await page.route('**/charge', async (route) => {
    ids.push((route.request().postDataJSON() as { id: string }).id);
    // The bridge has done it; nobody hears of it twice.
    if (lost++ < 2) return void (await route.fetch(), await route.abort());
    return route.continue();
  });
  await field().fill('1.20');
  await page.keyboard.press('Enter');
  await says('€1.20');
  await field().filter({ hasNotText: '1.20' }).waitFor({ timeout: PATIENCE_MS });
  await expectSoon(() => ids.length === 3);
  await page.unroute('**/charge');
  expect(new Set(ids).size).toBe(1);
  expect(bench.rig.shops[0]!.bridge.charges(50)).toHaveLength(before + 1);
  await tap('Bob');
  await says('Paid');
  await leave();
});

browserTest('counts the day, and gives back a part of a payment', async () => {
  await press('Payments');
  const row = page.getByRole('row').filter({ hasText: '€3.50' });
  await row.getByRole('button', { name: 'Refund' }).click();
  await page.getByRole('dialog').getByLabel('Amount').fill('1');
  await page.getByRole('dialog').getByRole('button', { name: 'Refund' }).click();
  await page.locator('.totals').filter({ hasText: '€1.00' }).waitFor({ timeout: PATIENCE_MS });
  expect(await page.locator('.totals').innerText()).toMatch(/Payments: 2\s+€4.70\s+Given back\s+€1.00\s+Left\s+€3.70/);
  const file = page.waitForEvent('download');
  await press('Save as a table (CSV)');
  const path = await (await file).path();
  const lines = readFileSync(path, 'utf8').trim().split('\r\n');
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^[0-9a-f]{16},.*Z,3.50,1.00,EUR,\w+,[0-9a-f]{64}$/);
});

browserTest('brings cash onto a token, and tells the customer what to do', async () => {
  await press('Cash desk');
  await field().fill('5');
  await press('Withdraw');
  await says('Customer');
  await bench.bench.act({ do: 'press', board: 'Bob' });
  await tap('Bob');
  await says('read the amount on your token');
  await bench.bench.act({ do: 'press', board: 'Bob' });
  await says('€5.00 are on the token.');
  await leave();
});

browserTest('speaks German', async () => {
  await press('Deutsch');
  await press('Theke');
  await page.getByLabel('Betrag').fill('1,5');
  expect(await page.locator('.echo').textContent()).toBe('1,50\u00a0€');
  await page.getByLabel('Betrag').fill('');
  await press('English');
});

browserTest.each(['dark', 'light'] as const)('has no serious fault of accessibility, %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  for (const view of ['Counter', 'Payments', 'Cash desk']) {
    await page.getByRole('navigation').getByRole('button', { name: view }).click();
    expect([view, await seriousFaults(page)]).toEqual([view, []]);
  }
});

browserTest('says so when the bridge ends, and what to do', async () => {
  expect(problems.filter((text) => !text.includes('net::ERR_FAILED'))).toEqual([]);
  await control.close();
  await page.getByRole('alert').filter({ hasText: 'The bridge does not answer.' }).waitFor({ timeout: PATIENCE_MS });
});

test('every sentence of the page is there in German', () => {
  const folder = join(packageRoot(), 'host-bridge', 'web', 'till');
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const used = sources.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/\{ id: '([a-z-]+)' \}|^\s+id: '([a-z-]+)',?$/gm)].map(
      ([, one, other]) => one ?? other,
    ),
  );
  const given = [...readFileSync(join(folder, 'locales/de.ts'), 'utf8').matchAll(/^ {2}'?([a-z-]+)'?:/gm)];
  expect(new Set(given.map(([, name]) => name))).toEqual(new Set(used));
  expect(used.length).toBeGreaterThan(50);
});

async function expectSoon(look: () => boolean): Promise<void> {
  for (let tries = 0; !look() && tries < PATIENCE_MS / 20; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(look()).toBe(true);
}
