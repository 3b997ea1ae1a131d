/**
 * The line's connection is cut after every byte of a payment, headers and bodies of requests and replies: each charge
 * is paid once, and the books agree. The short form cuts at some bytes, the long one at more;
 * `npm run test:long -- line-bytes --all` at each.
 *
 * And the page of a charge, and the web shop of docs/, which are on the same line.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { startControl } from '../../host-bridge/control/control-api.js';
import { createLineClient } from '../../host-bridge/http/line-client.js';
import { payOverLine } from '../../host-bridge/wallet/line-payment.js';
import { toHex } from '../../firmware/core/bytes.js';
import { linkArgument } from '../../host-bridge/commands/wallet.js';
import { startByteProxy } from '../kit/byte-proxy.js';
import { extent } from '../kit/extent.js';
import { codeOf, good } from '../kit/people.js';
import { openWalletRig, SHOP, type WalletRig } from './wallet-rig.js';

let rig: WalletRig;
let spent = 0;
let payments = 0;
beforeAll(async () => {
  rig = await openWalletRig(1);
});
afterAll(() => rig.close());

/** A payment without the pauses between two tries. */
function pay(url: string, charge: Uint8Array, amount: number) {
  let known: Uint8Array | null = null;
  return payOverLine({
    token: rig.wallet().token,
    client: createLineClient({ url }),
    charge,
    confirmed: { shop: SHOP, currency: 'EUR', amount },
    presses: true,
    known: () => known,
    note: (id) => void (known = id),
    pause: async () => undefined,
  });
}

test('the connection is cut after every byte: each charge is paid once', async () => {
  const proxy = await startByteProxy(rig.shop().service.url);
  /** @returns bytes that passed */
  const payCut = async (at: number | null): Promise<number> => {
    const charge = await rig.charge(10);
    proxy.cutAfter(at);
    expect([at, codeOf(await pay(proxy.url, charge, 10))]).toEqual([at, 'OK']);
    await rig.paid(charge);
    spent += 10;
    payments++;
    return proxy.passed();
  };
  try {
    const whole = await payCut(null);
    // SELECT, OPEN, CHALLENGE, ACK, RECALL and how it ended, each with its headers.
    expect(whole).toBeGreaterThan(2000);
    const step = extent(Math.ceil(whole / 8), Math.ceil(whole / 40), 1);
    for (let at = 1; at <= whole; at += step) await payCut(at);
  } finally {
    await proxy.close();
  }
});

test('the page of a charge says shop, amount and how it goes; what is no charge has none', async () => {
  const { url } = rig.shop().service;
  const charge = await rig.charge(1250);
  const link = `${url}/pay/${toHex(charge)}`;
  const page = async () => {
    const reply = await fetch(link);
    return { reply, text: await reply.text() };
  };
  const open = await page();
  expect([open.reply.status, open.reply.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(open.reply.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(open.text).toContain(SHOP);
  expect(open.text).toContain('12.50 EUR');
  expect(open.text).toContain('Not paid yet.');
  expect(open.text).toContain(`tapcash wallet pay ${link}`);
  expect(open.text).not.toContain('<script');
  const { url: line, charge: id } = linkArgument(link);
  good(await pay(line, id, 1250));
  await rig.paid(charge);
  spent += 1250;
  payments++;
  const paid = await page();
  expect(paid.text).toContain('Paid.');
  expect(paid.text).not.toMatch(/http-equiv="refresh"|wallet pay/);
  for (const wrong of ['0'.repeat(16), 'x', toHex(charge).toUpperCase(), `${toHex(charge)}0`, '%3Cb%3E']) {
    const { status } = await fetch(`${url}/pay/${wrong}`);
    expect([wrong, status]).toEqual([wrong, 404]);
  }
});

test('the web shop of the documents charges, waits, and gives its coffee out when it is paid', async () => {
  const dataDir = join(rig.folder, 'control');
  const control = await startControl({
    bridge: rig.shop().bridge,
    dataDir,
    currency: 'EUR',
    line: rig.shop().service.url,
  });
  const shop = spawn(process.execPath, [join(packageRoot(), 'docs', 'web-shop.mjs'), dataDir], {
    env: { ...process.env, TAPCASH: join(packageRoot(), 'tapcash') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const address = await new Promise<string>((resolve) =>
      shop.stdout.once('data', (text: Buffer) => resolve(text.toString().trim())),
    );
    const ordered = await fetch(`${address}/orders`, { method: 'POST' });
    const text = await ordered.text();
    expect([ordered.status, ordered.url]).toEqual([200, `${address}/orders/0`]);
    const { url, charge } = linkArgument(/href="([^"]+)"/.exec(text)![1]!);
    good(await pay(url, charge, 350));
    spent += 350;
    payments++;
    await rig.paid(charge);
    expect(await (await fetch(`${address}/orders/0`)).text()).toContain('Paid. Here is your coffee.');
    expect((await fetch(`${address}/orders/1`)).status).toBe(404);
  } finally {
    shop.kill();
    await control.close();
  }
});

test('the books agree with all of it', () => rig.addsUp(spent, payments));
