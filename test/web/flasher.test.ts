/**
 * The flasher in a real browser, at a model of a board with its loader in ROM, through a fake `navigator.serial`: an
 * empty board is flashed, provisioned and examined; an update keeps its keys; what is wrong is said.
 */
import { execFileSync } from 'node:child_process';
import { createHash, sign as signBytes, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 as nodeCrc32 } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { openRecordLog } from '../../firmware/records/record-log.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { signManifest } from '../../flash-scripts/provision/manifest.js';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { openFlasherPage } from '../../host-bridge/commands/flasher.js';
import {
  createHash as browserHash,
  verify as browserVerify,
} from '../../host-bridge/web/flasher/browser/node-crypto.js';
import { crc32 as browserCrc32 } from '../../host-bridge/web/flasher/browser/node-zlib.js';
import { writeRelease } from '../flash/firmware-kit.js';
import { espRig, type EspRig } from '../flash/flash-rig.js';
import { tempFolder } from '../kit/temp-folder.js';
import { browserTest, openBrowser, openPage, seriousFaults } from './bench-rig.js';

/** Waits for what a page shows; a busy machine is slow, so it is long. */
const PATIENCE_MS = 120_000;
const BOARD = loadBoard('esp32-devkitc-wrover');

let served: Awaited<ReturnType<typeof openFlasherPage>>;
let browser: Browser | null = null;
let page: Page;
let rig: EspRig;
let release: string[];
let manifest: string;
const problems: string[] = [];

beforeAll(async () => {
  execFileSync(process.execPath, [join(packageRoot(), 'host-bridge/web/build-pages.mjs')]);
  served = await openFlasherPage(0);
  const folder = tempFolder();
  release = Object.keys(writeRelease(folder)).map((name) => join(folder, name));
  const root = createSigner(new Uint8Array(32).fill(1));
  const facts = { issuer: issuerIdOf(root.publicKey), currency: 'EUR', issuerKey: root.publicKey };
  const registrarKey = createSigner(new Uint8Array(32).fill(2)).publicKey;
  manifest = join(folder, 'manifest.json');
  writeFileSync(manifest, JSON.stringify(signManifest({ ...facts, registrarKey }, root, null)));
  rig = espRig('esp32', true, BOARD.pn532);
  browser = await openBrowser();
  if (!browser) return;
  page = await openPage(browser, { width: 1300, height: 1000 }, problems);
  page.setDefaultTimeout(PATIENCE_MS);
  // The model takes what is written at once: it needs no rests for a slow line, which would be most of the test's time.
  await page.route('**/boards.json', async (route) => {
    const response = await route.fetch();
    const boards = (await response.json()) as { entry: { link?: { burstBytesMax: number } } }[];
    for (const { entry } of boards) if (entry.link) entry.link.burstBytesMax = 1024;
    return route.fulfill({ response, json: boards });
  });
  await plugIn(page);
});
afterAll(async () => {
  await browser?.close();
  await served.close();
});

/** What stands in the page for Web Serial: its one port is the board's. */
const FAKE_SERIAL = `{
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    let lines = { dataTerminalReady: true, requestToSend: true };
    const port = {
      readable: null, writable: null, getInfo: () => ({}),
      async open() {
        await serialOpen();
        port.readable = new ReadableStream({
          async pull(to) {
            const text = await serialRead();
            if (text === 'lost') throw new Error('The device has been lost.');
            if (text !== null) to.enqueue(bytes(text));
          },
          cancel: () => serialCancel(),
        }, { highWaterMark: 0 });
        port.writable = new WritableStream({ write: (data) => serialWrite(btoa(String.fromCharCode(...data))) });
      },
      close: () => ((port.readable = port.writable = null), serialClose()),
      setSignals(given) {
        lines = { ...lines, ...given };
        return serialSignals(lines.dataTerminalReady, lines.requestToSend);
      },
    };
    Object.defineProperty(navigator, 'serial', { value: { requestPort: async () => port, getPorts: async () => [port] } });
  }`;

/** Puts the board at a port of the page: bytes and control lines pass as they are. */
async function plugIn(of: Page): Promise<void> {
  let arrived: Buffer[] = [];
  let reader: ((text: string | null) => void) | null = null;
  let isLost = false;
  const give = (): void => {
    if (!reader || arrived.length === 0) return;
    const text = Buffer.concat(arrived).toString('base64');
    arrived = [];
    const told = reader;
    reader = null;
    told(text);
  };
  await of.exposeFunction('serialOpen', async () => {
    arrived = [];
    isLost = false;
    await rig.cable.open(115_200);
    rig.cable.onLost = () => {
      isLost = true;
      reader?.('lost');
      reader = null;
    };
    rig.cable.onData = (bytes) => {
      arrived.push(Buffer.from(bytes));
      give();
    };
  });
  await of.exposeFunction('serialRead', () =>
    isLost ? 'lost' : new Promise((resolve) => ((reader = resolve), give())),
  );
  await of.exposeFunction('serialCancel', () => {
    reader?.(null);
    reader = null;
  });
  await of.exposeFunction('serialClose', () => rig.cable.close());
  await of.exposeFunction('serialWrite', (text: string) =>
    rig.cable.write(new Uint8Array(Buffer.from(text, 'base64'))),
  );
  await of.exposeFunction('serialSignals', (dtr: boolean, rts: boolean) => rig.cable.setSignals({ dtr, rts }));
  await of.addInitScript(FAKE_SERIAL);
}

/** The key that signs requests, in the board's flash. */
function keyOf({ esp }: EspRig): Uint8Array {
  const flash = createEmulatedFlash(BOARD.flash);
  flash.restore(esp.records.image());
  const region = { ...BOARD.flash, pages: BOARD.flash.bytes / BOARD.flash.pageBytes };
  const opened = openRecordLog(flash, region, (data) => nodeCrc32(data));
  if (!opened.ok) throw new Error(opened.code);
  return opened.log.get(BOARD_RECORD.key, 0)!;
}

const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
const ends = (text: string | RegExp) => page.locator('.now .note').filter({ hasText: text }).waitFor();

test('what a browser has instead of node: modules says the same as they do', () => {
  const data = new Uint8Array(200).map((_, i) => (i * 37) & 255);
  expect(browserCrc32(data)).toBe(nodeCrc32(data));
  for (const name of ['sha256', 'sha384', 'sha512'] as const)
    expect(Buffer.from(browserHash(name).update(data).digest())).toEqual(createHash(name).update(data).digest());
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signature = new Uint8Array(signBytes(null, data, privateKey));
  expect(browserVerify(null, data, key, signature)).toBe(true);
  for (const at of [0, 31, 32, 63]) {
    const other = signature.map((byte, i) => (i === at ? byte ^ 1 : byte));
    let found: boolean | string = 'not a point';
    try {
      found = browserVerify(null, data, key, other);
    } catch {
      // As node:crypto: its caller takes that for a refusal.
    }
    expect(found).not.toBe(true);
  }
  expect(browserVerify(null, data.slice(1), key, signature)).toBe(false);
});

browserTest('comes in few requests and few bytes, and draws the wiring', async () => {
  const sizes: Promise<number>[] = [];
  page.on('requestfinished', (each) => void sizes.push(each.sizes().then((size) => size.responseBodySize)));
  await page.goto(served.url);
  await page.getByRole('img', { name: 'Wiring of esp32-devkitc-wrover' }).waitFor();
  expect(sizes.length).toBeLessThanOrEqual(12);
  expect((await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(200_000);
});

browserTest('says what is wrong with files, before anything is written', async () => {
  await page.getByLabel('Files of the interpreter').setInputFiles(release[2]!);
  await press('Choose the port and flash');
  await page.getByRole('alert').filter({ hasText: 'must hold bootloader.bin' }).waitFor();
  expect(rig.esp.mode).toBe('blank');
});

browserTest('flashes an empty board: interpreter and program, verified', async () => {
  await page.getByLabel('Files of the interpreter').setInputFiles(release);
  await press('Choose the port and flash');
  await ends('Next: provision it, below.');
  const steps = await page.locator('.steps').textContent();
  expect(steps).toContain('chip ESP32');
  expect(steps).toContain('espruino_esp32.bin: written and verified');
  expect(steps).toContain('.bootcde: written and verified');
  expect(rig.esp.mode).toBe('interpreter');
});

browserTest('gives it its institutions by a signed manifest, and makes its label', async () => {
  await page
    .getByLabel('Manifest')
    .setInputFiles({ name: 'm.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
  await page.getByLabel('Name of its owner').fill('Alice Example');
  await press(/and provision/);
  await page.getByRole('alert').filter({ hasText: 'manifest' }).waitFor();
  await page.getByLabel('Manifest').setInputFiles(manifest);
  await press(/and provision/);
  await ends('proved that it has them');
  const label = await page.getByRole('img', { name: 'Label of the board' }).getAttribute('src');
  expect(decodeURIComponent(label!)).toContain('token, pseudonym PKU');
  // Both together would undo the pseudonym.
  expect(decodeURIComponent(label!)).not.toContain('Alice');
});

browserTest('updates the program, and keeps keys and cash', async () => {
  const before = keyOf(rig);
  await page.getByLabel('Files of the interpreter').setInputFiles([]);
  await press('Choose the port and update the program');
  await ends('It runs.');
  expect(await page.locator('.steps').textContent()).toContain('.bootcde: is there already');
  expect(keyOf(rig)).toEqual(before);
});

browserTest('examines it, and says what it found', async () => {
  await press('Choose the port and examine');
  await page.getByRole('row').filter({ hasText: 'provision' }).filter({ hasText: 'user-token' }).waitFor();
});

browserTest('ends at once when the cable is pulled, and says what to do', async () => {
  rig.cable.pullAfter(5);
  await press('Choose the port and update the program');
  await page.getByRole('alert').filter({ hasText: 'the same again goes on where it was' }).waitFor();
});

browserTest.each(['dark', 'light'] as const)('has no serious fault of accessibility, %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  expect(await seriousFaults(page)).toEqual([]);
  const folder = process.env.TAPCASH_LOOK;
  if (!folder) return;
  for (const width of [1300, 390]) {
    await page.setViewportSize({ width, height: 1000 });
    await page.screenshot({ path: join(folder, `flasher-${colorScheme}-${width}.png`), fullPage: true });
  }
});

browserTest('says plainly which browsers can do it', async () => {
  expect(problems).toEqual([]);
  const other = await browser!.newPage();
  // As Firefox has it.
  await other.addInitScript(`delete Navigator.prototype.serial`);
  await other.goto(served.url);
  await other.getByRole('alert').filter({ hasText: 'This browser has no Web Serial' }).waitFor();
  await other.getByRole('button', { name: 'Choose the port and examine' }).waitFor();
  expect(await other.getByRole('button', { name: 'Choose the port and examine' }).isDisabled()).toBe(true);
});
