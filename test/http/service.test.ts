/**
 * The services over HTTP: the whole of scheme 1, and everything malformed that can arrive.
 */
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { ERRORS, errorBody, isErrorCode, type ErrorCode } from '../../host-bridge/base/errors.js';
import { boundedStream, createLog, silentLog } from '../../host-bridge/base/log.js';
import {
  ISSUER_ENDPOINTS,
  OPERATOR_HEADERS,
  TRUSTEE_ENDPOINTS,
  type Endpoint,
} from '../../host-bridge/http/schemas.js';
import { DEPOSITS_MAX } from '../../host-bridge/base/services/procedures.js';
import { createHttpServer, hasOddNumber } from '../../host-bridge/http/http-server.js';
import { signOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import {
  codeOf,
  good,
  historyOf,
  ISSUER,
  person,
  registrationOf,
  rsOf,
  seedOf,
  START_S,
  tombstoneOf,
  withdrawalOf,
} from '../kit/people.js';
import { operator, startServices, terminal, type Services } from './services-rig.js';

const ada = person('Ada');
const bob = person('Bob');
const lines: string[] = [];

let at: Services;
beforeAll(async () => {
  at = await startServices({
    log: createLog('test', { level: 'trace', destination: { write: (line) => void lines.push(line) } }),
  });
});
afterAll(() => at.end());

async function raw(path: string, init: RequestInit = {}): Promise<{ status: number; body: any }> {
  const response = await fetch(at.issuer.url + path, init);
  return { status: response.status, body: await response.json() };
}

const post = (path: string, body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  raw(path, { method: 'POST', body, headers });

/** Sends a body to an office address with a good signature. */
function office(path: string, body: string, id = seedOf(path + body).subarray(0, 16)) {
  return post(path, body, {
    'content-type': 'application/json',
    ...signOperatorRequest(operator, ISSUER, id, 'POST', path, body),
  });
}

test('scheme 1 over HTTP, from account to trace', async () => {
  const certificate = await at.open(ada, 100);
  await at.open(bob, 100);
  await at.shop('Shop');
  const { license } = good(await at.trusteeClient.register(registrationOf(ada), certificate));
  expect(good(await at.trusteeClient.register(registrationOf(ada), certificate))).toEqual({
    ok: true,
    license,
    repeated: true,
  });
  const { receipt } = good(await at.issuerClient.withdraw(withdrawalOf(ada, 1, 30)));
  expect(good(await at.issuerClient.withdraw(withdrawalOf(ada, 1, 30)))).toEqual({ ok: true, receipt, repeated: true });
  expect(good(await at.issuerClient.receipts(withdrawalOf(ada, 1, 5))).receipts).toEqual([receipt]);
  const h = historyOf(ada, 'Shop', 20, rsOf(1), {}, { license });
  expect(good(await at.issuerClient.deposit(h))).toEqual({ ok: true, amount: 20, repeated: false });
  expect(good(await at.issuerClient.tombstone(tombstoneOf(terminal, 'Shop', rsOf(2))))).toEqual({
    ok: true,
    repeated: false,
  });
  expect(codeOf(await at.issuerClient.deposit(historyOf(ada, 'Shop', 5, rsOf(2), {}, { license })))).toBe('TOMBSTONED');
  expect(good(await at.issuerClient.signedTime(new Uint8Array(8))).time.length).toBe(80);
  expect(good(await at.issuerClient.denyList(0)).version).toBe(1);
  expect(codeOf(await at.office.trace(ada.pku, 'curious'))).toBe('NOT_OVERSPENT');
  good(await at.issuerClient.deposit(historyOf(ada, 'Shop', 20, rsOf(3), {}, { license })));
  expect(good(await at.office.trace(ada.pku, 'overspent'))).toMatchObject({
    name: 'Ada',
    ebc: -10,
    proof: 'PROVEN',
    request: withdrawalOf(ada, 1, 30),
    certificate,
  });
  expect(good(await at.issuerClient.denyList(0))).toMatchObject({ version: 2 });
  expect(good(await at.office.overspends()).overspends).toEqual([{ pku: ada.pku, ebc: -10, timeS: START_S }]);
  expect(good(await at.office.deny(bob.pku, 'stolen'))).toEqual({ ok: true, version: 3, repeated: false });
  expect(good(await at.office.payments({ limit: 1 })).payments).toEqual([
    { pku: ada.pku, shop: 'Shop', rs: rsOf(3), amount: 20, refunded: 0, arrivedS: START_S },
  ]);
  expect(good(await at.office.balanceOf('Shop'))).toMatchObject({ balance: 40 });
  expect(good(await at.office.setLicenseClass(ada.account.publicKey, 2)).repeated).toBe(false);
  expect(good(await at.office.licenseClassOf('Ada'))).toEqual({
    ok: true,
    licenseClass: 2,
    accountKey: ada.account.publicKey,
  });
  expect(good(await at.office.counterOf(ada.pku))).toMatchObject({ ebc: -10, receiptNumber: 1 });
  expect(good(await at.office.numbers()).numbers).toMatchObject({ in: 200, held: 200, overspent: 1 });
  const known = good(await at.issuerClient.parameters()).parameters;
  expect(known).toEqual(at.issuer.parameters);
  expect(good(await at.trusteeClient.parameters()).parameters).toEqual(known);
  expect(equal(known.issuerKey, at.issuer.publicKey) && equal(known.registrarKey, at.trustee.publicKey)).toBe(true);
});

test('health', async () => {
  const well = { ok: true, wireVersion: 2, clock: { timeS: START_S, doubt: null, estimateS: null }, restored: null };
  expect(good(await at.issuerClient.health())).toEqual({ ...well, role: 'issuer' });
  expect(good(await at.trusteeClient.health())).toEqual({ ...well, role: 'trustee' });
});

test('refusals are lines of the table, with their status', async () => {
  const { status, body } = await post(
    '/v2/withdrawals',
    JSON.stringify({ request: toHex(withdrawalOf(person('Eve'), 1, 5)) }),
  );
  expect(status).toBe(404);
  expect(body).toEqual(errorBody('ACCOUNT_UNKNOWN'));
});

const REQUEST = toHex(withdrawalOf(person('Mallory'), 1, 5));
const FUND = '/v2/office/funds';
const malformed: [what: string, code: ErrorCode, send: () => Promise<{ status: number; body: any }>][] = [
  ['no body', 'BAD_REQUEST', () => post('/v2/withdrawals', '')],
  ['not JSON', 'BAD_REQUEST', () => post('/v2/withdrawals', '{"request":')],
  ['JSON of another kind', 'BAD_REQUEST', () => post('/v2/withdrawals', '[]')],
  ['null', 'BAD_REQUEST', () => post('/v2/withdrawals', 'null')],
  ['a missing field', 'BAD_REQUEST', () => post('/v2/withdrawals', '{}')],
  ['a field too many', 'BAD_REQUEST', () => post('/v2/withdrawals', JSON.stringify({ request: REQUEST, more: 1 }))],
  [
    'a poisoned prototype',
    'BAD_REQUEST',
    () => post('/v2/withdrawals', `{"request":"${REQUEST}","__proto__":{"x":1}}`),
  ],
  ['a number for bytes', 'BAD_REQUEST', () => post('/v2/withdrawals', '{"request":5}')],
  ['an array for bytes', 'BAD_REQUEST', () => post('/v2/withdrawals', JSON.stringify({ request: [REQUEST] }))],
  [
    'upper-case digits',
    'BAD_REQUEST',
    () => post('/v2/withdrawals', JSON.stringify({ request: REQUEST.toUpperCase() })),
  ],
  ['half a byte', 'BAD_REQUEST', () => post('/v2/withdrawals', JSON.stringify({ request: REQUEST.slice(1) }))],
  ['too few bytes', 'BAD_REQUEST', () => post('/v2/withdrawals', '{"request":"00"}')],
  [
    'too many bytes',
    'BAD_REQUEST',
    () => post('/v2/withdrawals', JSON.stringify({ request: REQUEST + '00'.repeat(40) })),
  ],
  [
    'bytes that are no message',
    'BAD_REQUEST',
    () => post('/v2/withdrawals', JSON.stringify({ request: '00'.repeat(190) })),
  ],
  ['a body too large', 'BODY_TOO_LARGE', () => post('/v2/withdrawals', JSON.stringify({ request: '0'.repeat(20000) }))],
  [
    'another media type',
    'MEDIA_TYPE_UNKNOWN',
    () => post('/v2/withdrawals', 'request=00', { 'content-type': 'application/x-www-form-urlencoded' }),
  ],
  ['no media type', 'MEDIA_TYPE_UNKNOWN', () => post('/v2/withdrawals', '{}', { 'content-type': '' })],
  ['an unknown address', 'NOT_FOUND', () => raw('/v2/withdrawals')],
  ['an address of an older version', 'UPDATE_NEEDED', () => post('/v1/withdrawals', '{}')],
  ['an address of a newer version', 'UPDATE_NEEDED', () => raw('/v3/parameters')],
  ['another method', 'NOT_FOUND', () => raw('/v2/withdrawals', { method: 'DELETE' })],
  ['an address that is none', 'BAD_REQUEST', () => raw('/%')],
  ['no operator', 'OPERATOR_UNKNOWN', () => post(FUND, '{"name":"Ada","amount":5}')],
  ['no operator, and nonsense', 'OPERATOR_UNKNOWN', () => post(FUND, '{"nonsense":1}')],
  ['amount 0', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":0}')],
  ['amount -1', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":-1}')],
  ['amount -0', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":-0}')],
  ['amount 0.1', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":0.1}')],
  ['amount 5.0', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":5.0}')],
  ['a key twice', 'BAD_REQUEST', () => office(FUND, '{"name":"Ada","amount":350,"amount":1}')],
  ['a key twice, once escaped', 'BAD_REQUEST', () => office(FUND, '{"name":"Ada","amount":350,"\\u0061mount":1}')],
  [
    'a key twice for anybody',
    'BAD_REQUEST',
    () => post(ISSUER_ENDPOINTS.deposit.path, '{"history":"00","history":"01"}'),
  ],
  ['amount 1e3', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":1e3}')],
  ['amount "1e3"', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":"1e3"}')],
  ['amount "5"', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":"5"}')],
  [
    'amount null, which NaN becomes',
    'AMOUNT_INVALID',
    () => office(FUND, JSON.stringify({ name: 'Ada', amount: NaN })),
  ],
  ['amount NaN', 'BAD_REQUEST', () => office(FUND, '{"name":"Ada","amount":NaN}')],
  ['amount 2^53', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":9007199254740992}')],
  [
    'amount 2^53 - 0.6, which rounds',
    'AMOUNT_INVALID',
    () => office(FUND, '{"name":"Ada","amount":9007199254740991.4}'),
  ],
  ['amount 2^63', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":9223372036854775808}')],
  ['amount true', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":true}')],
  ['amount [5]', 'AMOUNT_INVALID', () => office(FUND, '{"name":"Ada","amount":[5]}')],
  [
    'a name in normal form D',
    'NAME_INVALID',
    () => office('/v2/office/accounts', '{"name":"Zoe\u0308","accountKey":null}'),
  ],
  ['no reason', 'REASON_MISSING', () => office('/v2/office/denials', JSON.stringify({ pku: toHex(ada.pku), why: '' }))],
];

test.each(malformed)('%s: %s', async (_what, code, send) => {
  const before = good(at.issuer.actor.office('test').numbers()).numbers;
  const { status, body } = await send();
  expect({ status, ...body }).toEqual({
    status: ERRORS[code].http,
    code,
    message: expect.stringContaining(ERRORS[code].cause),
    remedy: ERRORS[code].remedy,
  });
  expect(good(at.issuer.actor.office('test').numbers()).numbers).toEqual(before);
});

test('numbers in JSON are plain whole numbers', () => {
  for (const text of [
    '{"a":1.0}',
    '[1e3]',
    '{"a":-1E2}',
    '[9007199254740992]',
    '[01]',
    '[1.]',
    '[-]'.replace('-', '-0.0'),
  ])
    expect([text, hasOddNumber(text)]).toEqual([text, true]);
  for (const text of [
    '{"a":1}',
    '[-5,0]',
    '{"1.5":"1e3 \\" 2.5"}',
    '["\\\\",7]',
    '{"a":true,"b":null,"c":false}',
    '[9007199254740991]',
  ])
    expect([text, hasOddNumber(text)]).toEqual([text, false]);
});

/** CPU time of looking for odd numbers, in us; the least of some, since the collector may come in between. */
function lookingUs(json: string): number {
  const once = () => {
    const began = process.cpuUsage();
    hasOddNumber(json);
    return process.cpuUsage(began).user;
  };
  return Math.min(...Array.from({ length: 5 }, once));
}

test('no body holds the event loop: a longer one takes as much longer as it is longer', () => {
  // 64 times the text took 4,096 times as long, where a string had no end.
  for (const [head, part, tail] of [
    ['{"a":"', '\\"', ''],
    ['"', '\\"', '\\'],
    ['', '"', '\\'],
    ['[', '1-', ''],
  ] as const)
    expect(lookingUs(head + part.repeat(64 * 256) + tail)).toBeLessThan(
      300 * (lookingUs(head + part.repeat(256) + tail) + 100),
    );
});

test('slow headers and bodies are cut within 11 s', async () => {
  const app = createHttpServer({ log: silentLog() });
  const { headersTimeout, requestTimeout } = app.server;
  const { connectionsCheckingInterval } = app.server as unknown as { connectionsCheckingInterval: number };
  expect({ headersTimeout, requestTimeout, connectionsCheckingInterval }).toEqual({
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
  });
  await app.close();
});

test('a log that nobody reads costs lines, and says how many when it is read again', () => {
  let read = (): void => {};
  const taken: string[] = [];
  const pipe = new Writable({
    highWaterMark: 1,
    write(line, _encoding, done) {
      taken.push(String(line));
      read = done;
    },
  });
  const log = createLog('test', { destination: boundedStream(pipe) });
  for (let n = 0; n < 20_000; n++) log.info({ n }, 'request');
  expect(pipe.writableLength).toBeLessThan(1.1 * 2 ** 20);
  while (pipe.writableLength > 0) read();
  log.info('again');
  while (pipe.writableLength > 0) read();
  const [note, last] = taken.slice(-2).map((line) => JSON.parse(line) as { leftOut?: number; msg: string });
  expect([note!.leftOut! + taken.length - 2, last!.msg]).toEqual([20_000, 'again']);
  pipe.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
  log.info('to nobody');
});

test('bytes that are not HTTP are answered once and cut; the service goes on', async () => {
  for (const bytes of [
    Buffer.from([0, 255, 3, 16]),
    'GET\r\n\r\n',
    `POST /v2/time HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}`,
    'x'.repeat(100000),
  ]) {
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(at.issuer.port, '127.0.0.1', () => socket.write(bytes));
      socket
        .setEncoding('utf8')
        .on('data', (chunk) => (text += chunk))
        .on('close', () => resolve(text))
        .on('error', () => undefined);
    });
    expect(answer).toContain('HTTP/1.1 400');
    expect(answer).toContain('"code":"BAD_REQUEST"');
  }
  good(await at.issuerClient.health());
});

test('OpenAPI describes every address that is served, and no other', async () => {
  for (const [service, endpoints] of [
    [at.issuer, ISSUER_ENDPOINTS],
    [at.trustee, TRUSTEE_ENDPOINTS],
  ] as const) {
    const page = (await (await fetch(`${service.url}/v2/openapi.json`)).json()) as any;
    expect(page.openapi).toBe('3.1.0');
    const described = Object.entries(page.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method} ${path}`),
    );
    const served = Object.values(endpoints as Record<string, Endpoint>).map(
      ({ method, path }) => `${method.toLowerCase()} ${path}`,
    );
    expect(described.sort()).toEqual(served.sort());
    if (service === at.issuer)
      expect(
        page.paths['/v2/office/funds'].post.requestBody.content['application/json'].schema.properties.amount,
      ).toMatchObject({ type: 'integer', minimum: 1, maximum: 9007199254740991 });
    if (service === at.issuer)
      expect(page.paths['/v2/office/funds'].post.parameters.map((header: any) => header.name).sort()).toEqual(
        Object.values(OPERATOR_HEADERS).sort(),
      );
  }
});

test('the log says how requests ended, and holds no body, signature, key or header', () => {
  const text = lines.join('');
  expect(text).toContain('"route":"/v2/withdrawals"');
  expect(text).toContain('"code":"AMOUNT_INVALID"');
  const secrets = [
    seedOf('issuer'),
    seedOf('registrar'),
    seedOf('token Ada'),
    withdrawalOf(ada, 1, 30).subarray(0, 64),
    ada.pku,
    historyOf(ada, 'Shop', 20, rsOf(1)).subarray(124, 188),
  ];
  for (const secret of secrets) expect(text).not.toContain(toHex(secret));
  expect(text).not.toContain('tapcash-signature');
  expect(text).not.toContain('Ada');
  for (const line of lines) expect(isErrorCode(JSON.parse(line).code ?? 'OK')).toBe(true);
});

test('a field that could hold a secret is cut out even where a mistake logs it', () => {
  const written: string[] = [];
  const log = createLog('test', { destination: { write: (line) => void written.push(line) } });
  log.info(
    { seed: 'abc123', inner: { secretKey: 'abc123', deep: { nonce: 'abc123' } }, headers: { a: 'abc123' } },
    'mistake',
  );
  expect(written.join('')).toContain('mistake');
  expect(written.join('')).not.toContain('abc123');
});

test('many deposits in one call: a result for each, and no more than the house takes', async () => {
  await at.shop('Kiosk');
  const many = Array.from({ length: DEPOSITS_MAX }, (_, i) =>
    historyOf(person('Many'), i === 7 ? 'Nobody' : 'Kiosk', 1, rsOf(1000 + (i % 200))),
  );
  const { results } = good(await at.issuerClient.depositMany(many));
  expect(results.map((result) => codeOf(result))).toEqual(many.map((_, i) => (i === 7 ? 'ACCOUNT_UNKNOWN' : 'OK')));
  expect(results.map((result) => result.ok && result.repeated)).toEqual(many.map((_, i) => i >= 200 && i !== 207));
  expect(good(await at.office.balanceOf('Kiosk')).balance).toBe(200);
  expect(codeOf(await at.issuerClient.depositMany([...many, many[0]!]))).toBe('BAD_REQUEST');
  expect(codeOf(await at.issuerClient.depositMany([]))).toBe('BAD_REQUEST');
  const tooLarge = JSON.stringify({ histories: Array(1000).fill('0'.repeat(600)) });
  expect((await post(ISSUER_ENDPOINTS.depositMany.path, tooLarge)).body.code).toBe('BODY_TOO_LARGE');
});
