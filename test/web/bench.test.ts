/**
 * The bench in a real browser: taps by dragging, torn ones finished, power cut and back; who may call; and what pages
 * and events never hold. `TAPCASH_SCREENS=docs` makes the picture of the README.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { openRecordLog } from '../../firmware/records/record-log.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { browserTest, keepScreen, openBench, openBrowser, openPage, seriousFaults } from './bench-rig.js';

/** Waits for what a page shows; a busy machine is slow, so it is long. */
const PATIENCE_MS = 60_000;

let bench: Awaited<ReturnType<typeof openBench>>;
let browser: Browser | null = null;

beforeAll(async () => {
  bench = await openBench();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await bench.close();
});

/** Asks the page's server, with any headers. */
function ask(path: string, headers: Record<string, string>, body?: string): Promise<{ status: number; text: string }> {
  const { port } = new URL(bench.url);
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, headers, method: body ? 'POST' : 'GET' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    call.on('error', reject).end(body);
  });
}

describe('its server', () => {
  const bearer = () => ({ authorization: `Bearer ${new URL(bench.url).hash.slice(1)}` });
  const act = JSON.stringify({ do: 'audit' });
  const json = { 'content-type': 'application/json' };

  test('does an act for who has the token, and for nobody else', async () => {
    expect((await ask('/act', { ...bearer(), ...json }, act)).status).toBe(200);
    expect((await ask('/act', json, act)).status).toBe(401);
    expect((await ask('/act', { ...json, authorization: 'Bearer 0' }, act)).status).toBe(401);
    expect((await ask('/events', {})).status).toBe(401);
  });

  test('refuses another name than the loopback, and another page', async () => {
    const { port } = new URL(bench.url);
    const given = { ...bearer(), ...json };
    expect((await ask('/act', { ...given, host: `evil.example:${port}` }, act)).status).toBe(401);
    expect((await ask('/', { host: 'evil.example' })).status).toBe(401);
    expect((await ask('/act', { ...given, origin: 'http://evil.example' }, act)).status).toBe(401);
    expect((await ask('/act', { ...given, origin: `http://127.0.0.1:${port}` }, act)).status).toBe(200);
  });

  test('refuses acts that are none', async () => {
    const given = { ...bearer(), ...json };
    for (const [body, status] of [
      ['{"do":"mint"}', 400],
      ['{"do":"charge","amount":-1}', 422],
      ['{"do":"audit","more":1}', 400],
      ['{"do":"tap","board":"Nobody"}', 404],
      ['{"do":"key","key":"x"}', 400],
    ] as const)
      expect([body, (await ask('/act', given, body)).status]).toEqual([body, status]);
  });

  test('has the files of the page, and reaches no other', async () => {
    expect((await ask('/', {})).text).toContain('<tap-bench>');
    for (const path of ['/..%2fpackage.json', '/../package.json', '/assets/', '/built-from'])
      expect((await ask(path, {})).status).toBe(404);
  });
});

test('events hold what is on displays, on the air and in the books, and no secret', async () => {
  const told: string[] = [];
  const end = bench.bench.listen((events) => void told.push(JSON.stringify(events)));
  await bench.bench.act({ do: 'charge', amount: 150 });
  await bench.bench.act({ do: 'tap', board: 'Bob' });
  const all = (): string => told.join('');
  await comes(() => all().includes('"what":"result"') && all().includes('"code":"OK"'));
  await bench.bench.act({ do: 'leave' });
  await comes(() => /"state":"paid"/.test(all()));
  end();
  expect(all()).toContain('"type":"apdu"');
  expect(all()).toContain('"bits":"');
  const secrets = secretsOf();
  // A key and a seed of three boards, each written in two ways, and the houses' keys.
  expect(secrets.length).toBeGreaterThanOrEqual(14);
  expect(secrets.filter((secret) => all().includes(secret))).toEqual([]);
});

/** Secrets of houses and boards, as hexadecimal and in base64: key files, and keys and seeds in boards' flash. */
function secretsOf(): string[] {
  const { rig, dataDir } = bench;
  const secrets = readdirSync(dataDir)
    .filter((name) => name.endsWith('.key'))
    .flatMap((name) => readFileSync(join(dataDir, name), 'utf8').match(/[0-9a-f]{64}|[A-Za-z0-9+/=]{43,}/g) ?? []);
  const region = rig.maker.config.flash;
  for (const { device } of [...rig.shops, ...rig.tokens]) {
    const flash = createEmulatedFlash(region);
    flash.restore(device.flash!.image());
    const opened = openRecordLog(flash, { ...region, pages: region.bytes / region.pageBytes }, (data) => crc32(data));
    if (!opened.ok) throw new Error(opened.code);
    for (const type of [BOARD_RECORD.key, BOARD_RECORD.seed])
      for (const slot of opened.log.slots(type)) {
        const secret = Buffer.from(opened.log.get(type, slot)!.subarray(0, 32));
        secrets.push(secret.toString('hex'), secret.toString('base64').slice(0, 42));
      }
  }
  return secrets;
}

async function comes(look: () => boolean): Promise<void> {
  for (let tries = 0; !look() && tries < PATIENCE_MS / 20; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(look()).toBe(true);
}

describe('its page', () => {
  let page: Page;
  const problems: string[] = [];
  const requests: { url: string; bytes: Promise<number> }[] = [];

  const hint = () => page.locator('.hint');
  const says = (text: string) => hint().filter({ hasText: text }).waitFor({ timeout: PATIENCE_MS });
  /** Drags a token onto the reader, as a hand does. */
  async function drag(name: string): Promise<void> {
    const from = (await page.locator(`[data-token="${name}"] h3`).boundingBox())!;
    const to = (await page.locator('.reader').boundingBox())!;
    await page.mouse.move(from.x + 30, from.y + 5);
    await page.mouse.down();
    await page.mouse.move(to.x + 20, to.y + 20, { steps: 4 });
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2);
    await page.mouse.up();
  }
  async function charge(): Promise<void> {
    await page.getByRole('button', { name: 'Charge', exact: true }).click();
    await says('Now drag a token');
  }
  const balanceOf = (name: string) => page.locator(`[data-token="${name}"] .holds b`).textContent();

  beforeAll(async () => {
    if (!browser) return;
    page = await openPage(browser, { width: 1400, height: 1000 }, problems);
    page.on('requestfinished', (each) => {
      const bytes = each.sizes().then(({ responseBodySize }) => responseBodySize);
      requests.push({ url: each.url(), bytes });
    });
    await page.goto(bench.url);
    await page.locator('[data-token="Alice"]').waitFor({ timeout: PATIENCE_MS });
  });

  browserTest('comes in few requests and few bytes, without an error', async () => {
    const sizes = await Promise.all(requests.map(({ bytes }) => bytes));
    expect(requests.length).toBeLessThanOrEqual(12);
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(200_000);
    expect(problems).toEqual([]);
  });

  browserTest('shows a tour to who is new, by keys, and once', async () => {
    await page.getByRole('region', { name: 'Tour' }).getByRole('button', { name: 'Next' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Tour' }).filter({ hasText: 'The customers' }).waitFor();
    await page.getByRole('button', { name: 'Leave the tour' }).click();
    await page.reload();
    await page.locator('[data-token="Alice"]').waitFor({ timeout: PATIENCE_MS });
    expect(await page.getByRole('region', { name: 'Tour' }).count()).toBe(0);
  });

  browserTest('pays by dragging a token onto the reader', async () => {
    await charge();
    await drag('Alice');
    await says('Paid: €3.50');
    expect(await balanceOf('Alice')).toBe('€46.50');
    await page.getByText('answer to CHALLENGE').click();
    expect(await page.locator('.fields').textContent()).toContain('signature');
  });

  browserTest('finishes a tap that was torn after the token had paid', async () => {
    await charge();
    // On a busy machine a token asks for time, in bytes of its own: by byte 330 it has not paid then. It is torn again.
    const hasPaid = hint().filter({ hasText: 'The token has paid, the shop does not know it yet' });
    for (let tries = 1; (await hasPaid.count()) === 0; tries++) {
      expect(tries).toBeLessThan(6);
      await page.getByLabel('Radio torn').check();
      await page.locator('.place input').fill('330');
      await drag('Alice');
      await says('The radio was cut');
      await hasPaid.waitFor({ timeout: 2000 }).catch(() => undefined);
    }
    await keepScreen(page, 'bench');
    await drag('Alice');
    await says('Paid: €3.50');
    expect(await balanceOf('Alice')).toBe('€43.00');
  });

  browserTest('finishes a tap at which the token lost its power', async () => {
    await charge();
    await page.getByLabel("Token's power cut").check();
    await page.locator('.place input').fill('0');
    await drag('Alice');
    await says('Alice lost its power');
    // It lies where it was, and pays as soon as it has power.
    await says('Paid: €3.50');
    expect(await balanceOf('Alice')).toBe('€39.50');
    expect(await page.locator('.gauge').textContent()).toContain('Every cent is accounted for');
  });

  browserTest.each(['dark', 'light'] as const)('has no serious fault of accessibility, %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await seriousFaults(page)).toEqual([]);
  });

  browserTest('draws once a frame, however much is told', async () => {
    const counted = (await page.evaluate(`(async () => {
      const bench = document.querySelector('tap-bench');
      let renders = 0, frames = 0, isOn = true;
      const render = bench.render.bind(bench);
      bench.render = () => (renders++, render());
      const count = () => isOn && (frames++, requestAnimationFrame(count));
      requestAnimationFrame(count);
      for (let i = 0; i < 1000; i++) {
        bench.takeSoon([{ type: 'tap', what: 'flash', who: 'Alice', at: i, code: 'write' }]);
        if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await new Promise(requestAnimationFrame);
      isOn = false;
      return { renders, frames, marks: bench.model.tap.marks.length };
    })()`)) as { renders: number; frames: number; marks: number };
    expect(counted.renders).toBeLessThanOrEqual(counted.frames + 1);
    expect(counted.marks).toBeLessThanOrEqual(80);
  });

  browserTest('plays a scenario a step at a time, and says what to look at', async () => {
    await page.getByLabel('Show me').selectOption('Without a network');
    for (let step = 1; step <= 6; step++) await page.getByRole('button', { name: `Step ${step} of 6` }).click();
    await page.locator('.story').filter({ hasText: 'delivered, and credited once' }).waitFor({ timeout: PATIENCE_MS });
    await page.getByRole('button', { name: 'All done' }).waitFor({ timeout: PATIENCE_MS });
    expect(await balanceOf('Alice')).toBe('€36.00');
  });

  browserTest('opens a shop of another scheme from a link, and does its steps there', async () => {
    await page.getByRole('button', { name: 'Link to this state' }).click();
    const link = new URL(await page.locator('.link input').inputValue());
    const here = JSON.parse(link.searchParams.get('play')!) as { scheme: number; seed: number; steps: object[] };
    expect([here.scheme, here.seed]).toEqual([1, 7]);
    // What was done since the page was loaded: three taps, and the scenario.
    expect(here.steps.slice(-6)).toEqual([
      { do: 'network', on: false },
      { do: 'charge', amount: 350 },
      { do: 'tap', board: 'Alice' },
      { do: 'leave' },
      { do: 'network', on: true },
      { do: 'deliver' },
    ]);
    link.searchParams.set('play', JSON.stringify({ scheme: 3, seed: 5, steps: here.steps.slice(-6) }));
    await page.goto(link.href);
    await page.getByText('Scheme 3: who can link what').waitFor({ timeout: PATIENCE_MS });
    await page.getByText('Scheme 3: who can link what').click();
    await page.getByRole('button', { name: /Scheme 3, now/ }).waitFor({ timeout: PATIENCE_MS });
    await page.locator('[data-token="Alice"] .holds').filter({ hasText: '€46.50' }).waitFor({ timeout: PATIENCE_MS });
    await page.getByRole('button', { name: 'Link to this state' }).click();
    expect(await seriousFaults(page)).toEqual([]);
    expect(problems).toEqual([]);
    const folder = process.env.TAPCASH_LOOK;
    if (folder) await page.screenshot({ path: join(folder, 'bench-schemes.png'), fullPage: true });
  });
});
