/**
 * Operators' requests: who may, what is signed, and that each request id acts once.
 */
import { toHex } from '../../firmware/core/bytes.js';
import { createOfficeCall, createOfficeClient } from '../../host-bridge/http/client.js';
import { operatorIdOf, signOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import { OPERATOR_HEADERS } from '../../host-bridge/http/schemas.js';
import { codeOf, good, ISSUER, person, seedOf, signerOf } from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';
import { operator, startServices, type Services } from './services-rig.js';

const PATH = '/v2/office/funds';
const BODY = '{"name":"Ada","amount":5}';
let at: Services;
let counter = 0;
const newId = () => seedOf(`id ${counter++}`).subarray(0, 16);
const balance = () => good(at.issuer.actor.office('test').balanceOf('Ada')).balance;

beforeAll(async () => {
  at = await startServices();
  await at.open(person('Ada'), 100);
});
afterAll(() => at.end());

async function send(headers: Record<string, string>, body = BODY, path = PATH, method = 'POST'): Promise<string> {
  const response = await fetch(at.issuer.url + path, {
    method,
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const reply = (await response.json()) as { code?: string };
  return reply.code ?? 'OK';
}

const signed = (id = newId(), signer = operator, issuer = ISSUER, path = PATH, body = BODY, method = 'POST') =>
  signOperatorRequest(signer, issuer, id, method, path, body);

test.each<[string, string, () => Promise<string>]>([
  ['a good signature', 'OK', () => send(signed())],
  ['no headers', 'OPERATOR_UNKNOWN', () => send({})],
  ['a stranger', 'OPERATOR_UNKNOWN', () => send(signed(newId(), signerOf('stranger')))],
  [
    "a stranger under the operator's id",
    'OPERATOR_UNKNOWN',
    () =>
      send({ ...signed(newId(), signerOf('stranger')), [OPERATOR_HEADERS.operator]: operatorIdOf(operator.publicKey) }),
  ],
  ['another issuer', 'OPERATOR_UNKNOWN', () => send(signed(newId(), operator, new Uint8Array(4)))],
  ['another address', 'OPERATOR_UNKNOWN', () => send(signed(newId(), operator, ISSUER, '/v2/office/accounts'))],
  ['a query that was not signed', 'OPERATOR_UNKNOWN', () => send(signed(), BODY, PATH + '?x=1')],
  ['another method', 'OPERATOR_UNKNOWN', () => send(signed(newId(), operator, ISSUER, PATH, BODY, 'PUT'))],
  ['another body', 'OPERATOR_UNKNOWN', () => send(signed(), '{"name":"Ada","amount":6}')],
  ['the same body with another space', 'OPERATOR_UNKNOWN', () => send(signed(), '{"name":"Ada", "amount":5}')],
  ['another request id', 'OPERATOR_UNKNOWN', () => send({ ...signed(), [OPERATOR_HEADERS.requestId]: toHex(newId()) })],
  [
    'a request id that is too short',
    'OPERATOR_UNKNOWN',
    () => send({ ...signed(), [OPERATOR_HEADERS.requestId]: '00' }),
  ],
  [
    'a signature that is no hexadecimal',
    'OPERATOR_UNKNOWN',
    () => send({ ...signed(), [OPERATOR_HEADERS.signature]: 'x'.repeat(128) }),
  ],
])('%s: %s', async (_what, expected, act) => {
  const before = balance();
  expect(await act()).toBe(expected);
  expect(balance()).toBe(before + (expected === 'OK' ? 5 : 0));
});

test('the same request again acts once and gets the stored reply, also at the same time', async () => {
  const before = balance();
  const call = createOfficeCall({ url: at.issuer.url, operator, issuer: ISSUER }, newId());
  const replies = await Promise.all(Array.from({ length: 20 }, () => call.fundAccount('Ada', 7)));
  for (const reply of replies) expect(reply).toEqual({ ok: true, balance: before + 7 });
  good(await at.office.fundAccount('Ada', 1));
  expect(await call.fundAccount('Ada', 7)).toEqual({ ok: true, balance: before + 7 });
  expect(balance()).toBe(before + 8);
});

test('another request under a used id is refused, also by another operator', async () => {
  const before = balance();
  const id = newId();
  const call = createOfficeCall({ url: at.issuer.url, operator, issuer: ISSUER }, id);
  good(await call.fundAccount('Ada', 7));
  expect(codeOf(await call.fundAccount('Ada', 8))).toBe('REQUEST_ID_REUSED');
  expect(codeOf(await call.balanceOf('Ada'))).toBe('REQUEST_ID_REUSED');
  expect(balance()).toBe(before + 7);
});

test('a refusal is a stored reply too', async () => {
  const call = createOfficeCall({ url: at.issuer.url, operator, issuer: ISSUER }, newId());
  expect(codeOf(await call.fundAccount('Late', 7))).toBe('ACCOUNT_UNKNOWN');
  good(await at.office.openAccount('Late', null));
  expect(codeOf(await call.fundAccount('Late', 7))).toBe('ACCOUNT_UNKNOWN');
  good(await at.office.fundAccount('Late', 7));
});

test('a trace is recorded under the operator who asked', async () => {
  const eve = person('Eve');
  const office = createOfficeClient({ url: at.issuer.url, operator, issuer: ISSUER, timeoutMs: PATIENT_MS });
  expect(codeOf(await office.trace(eve.pku, 'curious'))).toBe('PSEUDONYM_UNKNOWN');
  good(await office.deny(eve.pku, 'stolen'));
  expect(operatorIdOf(operator.publicKey)).toMatch(/^[0-9a-f]{16}$/);
});
