/**
 * Starting and ending: keys, folders, ports, databases that do not fit, and what a client makes of silence and
 * nonsense.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type AddressInfo } from 'node:net';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { createIssuerClient } from '../../host-bridge/http/client.js';
import { couponKeys, readKeyFile, sealSeed, serviceKey, writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import * as start from '../../host-bridge/services/start.js';
import type { IssuerPlace, TrusteePlace } from '../../host-bridge/services/start.js';
import { exercises } from '../kit/exercises.js';
import { codeOf, good, seedOf, signerOf } from '../kit/people.js';
import { failed } from '../kit/failed.js';
import { tempFolder } from '../kit/temp-folder.js';
import { PATIENT_MS } from '../kit/patience.js';

const key = signerOf('some key').publicKey;
const running: { close(): Promise<void> }[] = [];
async function startIssuer(options: IssuerPlace) {
  const service = await start.startIssuer(options);
  running.push(service);
  return service;
}
async function startTrustee(options: TrusteePlace) {
  const service = await start.startTrustee(options);
  running.push(service);
  return service;
}
afterEach(async () => {
  for (const service of running.splice(0)) await service.close();
});

const place = (dataDir: string, more: Partial<IssuerPlace> = {}): IssuerPlace => ({
  dataDir,
  registrarKey: key,
  operatorKeys: [],
  ...more,
});

describe('keys', () => {
  test('are made at first start, for their owner alone, and stay', async () => {
    const dataDir = join(tempFolder(), 'not', 'yet');
    const first = await startIssuer(place(dataDir));
    await first.close();
    const file = join(dataDir, 'issuer.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(readFileSync(file, 'utf8')).toContain('BEGIN PRIVATE KEY');
    exercises('22.1');
    const second = await startIssuer(place(dataDir));
    expect(equal(second.publicKey, first.publicKey)).toBe(true);
    await second.close();
  });

  test('follow from the random source that is given, and are never the same by chance', () => {
    const [a, b, c] = [tempFolder(), tempFolder(), tempFolder()];
    const fixed = serviceKey(a, 'issuer', () => seedOf('issuer'));
    expect(toHex(fixed.publicKey)).toBe(toHex(signerOf('issuer').publicKey));
    expect(equal(serviceKey(b, 'issuer').publicKey, serviceKey(c, 'issuer').publicKey)).toBe(false);
  });

  test('a file that others may read, or that is damaged, is refused without being shown', () => {
    const folder = tempFolder();
    const file = join(folder, 'issuer.key');
    writeKeyFile(file, seedOf('issuer'));
    const pem = readFileSync(file, 'utf8');
    chmodSync(file, 0o640);
    expect(() => readKeyFile(file)).toThrow(failed('KEY_FILE_INVALID', /mode 640/));
    writeFileSync(file, pem.slice(0, 60));
    chmodSync(file, 0o600);
    expect(() => readKeyFile(file)).toThrow(failed('KEY_FILE_INVALID', /not an Ed25519/));
    try {
      readKeyFile(file);
    } catch (thrown) {
      expect(String((thrown as Error).stack) + String((thrown as Error).cause)).not.toContain(pem.slice(40, 50));
    }
  });

  test('an existing file is never written over', () => {
    const file = join(tempFolder(), 'issuer.key');
    writeKeyFile(file, seedOf('one'));
    writeKeyFile(file, seedOf('two'));
    expect(toHex(readKeyFile(file).publicKey)).toBe(toHex(signerOf('one').publicKey));
  });

  test('no new key where a database was made with the old one', async () => {
    const dataDir = tempFolder();
    await (await startIssuer(place(dataDir))).close();
    rmSync(join(dataDir, 'issuer.key'));
    await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('KEY_FILE_INVALID', /issuer\.db/));
    expect(existsSync(join(dataDir, 'issuer.key'))).toBe(false);
  });

  test('a database of other books is refused', async () => {
    const dataDir = tempFolder();
    await (await startIssuer(place(dataDir))).close();
    await expect(startIssuer(place(dataDir, { registrarKey: seedOf('x') }))).rejects.toEqual(
      failed('KEY_MISMATCH', /registrar/),
    );
    await expect(startIssuer(place(dataDir, { currency: 'USD' }))).rejects.toEqual(failed('KEY_MISMATCH', /currency/));
    rmSync(join(dataDir, 'issuer.key'));
    writeKeyFile(join(dataDir, 'issuer.key'), seedOf('other'));
    await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('KEY_MISMATCH', /issuer key/));
    await (await startTrustee({ dataDir, issuerKey: key })).close();
    await expect(startTrustee({ dataDir, issuerKey: seedOf('x') })).rejects.toEqual(
      failed('KEY_MISMATCH', /issuer key/),
    );
  });
});

describe('places', () => {
  test('a port that is taken says so, and leaves nothing open', async () => {
    const first = await startIssuer(place(tempFolder()));
    const dataDir = tempFolder();
    await expect(startIssuer(place(dataDir, { port: first.port }))).rejects.toEqual(
      failed('PORT_IN_USE', RegExp(`:${first.port}`)),
    );
    expect(existsSync(join(dataDir, 'issuer.db'))).toBe(true);
    expect(existsSync(join(dataDir, 'issuer.db-wal'))).toBe(false); // the database is closed again
    await first.close();
    const again = await startIssuer(place(dataDir, { port: first.port }));
    expect(again.port).toBe(first.port);
    await again.close();
  });

  test('an address that is not this machine’s', async () => {
    await expect(startIssuer(place(tempFolder(), { host: '192.0.2.1' }))).rejects.toEqual(
      failed('ADDRESS_INVALID', /192\.0\.2\.1/),
    );
  });

  test('a folder that cannot be made', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    await expect(startIssuer(place(join(file, 'inside')))).rejects.toEqual(failed('DATA_DIR_FAILED', /ENOTDIR/));
  });

  test('a database that is none', async () => {
    const dataDir = tempFolder();
    serviceKey(dataDir, 'issuer');
    writeFileSync(join(dataDir, 'issuer.db'), 'nonsense '.repeat(1000));
    await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_CORRUPT', /issuer\.db/));
    rmSync(join(dataDir, 'issuer.db'));
    mkdirSync(join(dataDir, 'issuer.db'));
    await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_UNREACHABLE', /EISDIR/));
  });

  test('close may be called twice, ends what is under way, and cuts nobody off', async () => {
    const service = await startIssuer(place(tempFolder()));
    const client = createIssuerClient({ url: service.url, timeoutMs: PATIENT_MS });
    const underWay = Array.from({ length: 50 }, () => client.signedTime(new Uint8Array(8)));
    // Not after a time: on a busy machine nothing has reached the service after 30 ms.
    await Promise.race(underWay);
    const idle = connect(service.port, '127.0.0.1').on('error', () => undefined);
    await Promise.all([service.close(), service.close()]);
    for (const result of await Promise.all(underWay)) expect(['OK', 'SERVICE_DOWN']).toContain(codeOf(result));
    expect(codeOf(await client.health())).toBe('SERVICE_DOWN');
    idle.destroy();
    await service.close();
  });

  test('the database is whole in one file after close', async () => {
    const dataDir = tempFolder();
    const service = await startIssuer(place(dataDir));
    good(service.actor.office('test').openAccount('Ada', null));
    await service.close();
    expect(existsSync(join(dataDir, 'issuer.db-wal'))).toBe(false);
    expect(statSync(join(dataDir, 'issuer.db')).mode & 0o777).toBe(0o600);
  });
});

describe('a client', () => {
  let server: Server;
  let answer: (response: import('node:http').ServerResponse) => void;
  let url: string;
  beforeAll(async () => {
    server = createServer((_request, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const nonce = new Uint8Array(8);

  test.each<[string, string, (response: import('node:http').ServerResponse) => void]>([
    ['silence', 'SERVICE_SILENT', () => undefined],
    [
      'half an answer',
      'SERVICE_SILENT',
      (response) => void response.writeHead(200, { 'content-length': 100 }).write('{'),
    ],
    ['a cut connection', 'SERVICE_DOWN', (response) => void response.destroy()],
    ['a page', 'REPLY_INVALID', (response) => void response.end('<html>')],
    ['other JSON', 'REPLY_INVALID', (response) => void response.end('{"time":"zz"}')],
    ['a field too many', 'REPLY_INVALID', (response) => void response.end(`{"time":"${'00'.repeat(80)}","more":1}`)],
    ['an error page', 'REPLY_INVALID', (response) => void response.writeHead(500).end('oops')],
    ['a code that is none', 'REPLY_INVALID', (response) => void response.writeHead(400).end('{"code":"toString"}')],
    ['OK as a refusal', 'REPLY_INVALID', (response) => void response.writeHead(400).end('{"code":"OK"}')],
    ['a proxy without its service', 'SERVICE_DOWN', (response) => void response.writeHead(502).end('bad gateway')],
    [
      'a redirection',
      'SERVICE_DOWN',
      (response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    ],
    [
      'a refusal of the table',
      'DENIED',
      (response) => void response.writeHead(403).end('{"code":"DENIED","message":"x (why)","remedy":"y"}'),
    ],
  ])('%s is %s', async (_what, code, respond) => {
    answer = respond;
    expect(codeOf(await createIssuerClient({ url, timeoutMs: 200 }).signedTime(nonce))).toBe(code);
  });

  test('keeps the detail of a refusal', async () => {
    answer = (response) =>
      void response
        .writeHead(422)
        .end('{"code":"SIGNATURE_INVALID","message":"A signature does not verify. (account key)","remedy":"y"}');
    expect(await createIssuerClient({ url, timeoutMs: PATIENT_MS }).signedTime(nonce)).toEqual({
      ok: false,
      code: 'SIGNATURE_INVALID',
      detail: 'account key',
    });
  });

  test('nobody there, or no address at all', async () => {
    expect(codeOf(await createIssuerClient({ url: 'http://127.0.0.1:1' }).signedTime(nonce))).toBe('SERVICE_DOWN');
    expect(codeOf(await createIssuerClient({ url: 'not an address' }).signedTime(nonce))).toBe('SERVICE_DOWN');
  });
});

test('the keys that tokens seal to, and that coupons are signed with, are not made anew beside a database that had them', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const seed = sealSeed(dataDir);
  expect(sealSeed(dataDir)).toEqual(seed);
  expect(couponKeys(dataDir, [5]).get(5)!.asymmetricKeyType).toBe('rsa');
  for (const name of ['issuer-seal.key', 'coupon-5.key'])
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
  for (const [name, database, read] of [
    ['issuer-seal.key', 'issuer.db', () => sealSeed(dataDir)],
    ['coupon-5.key', 'bank.db', () => couponKeys(dataDir, [5])],
  ] as const) {
    chmodSync(join(dataDir, name), 0o644);
    expect(read).toThrow(
      expect.objectContaining({ code: 'KEY_FILE_INVALID', message: expect.stringContaining('mode 644') }),
    );
    writeFileSync(join(dataDir, database), '');
    rmSync(join(dataDir, name));
    expect(read).toThrow(
      expect.objectContaining({ code: 'KEY_FILE_INVALID', message: expect.stringContaining('missing') }),
    );
  }
  rmSync(dataDir, { recursive: true, force: true });
});
