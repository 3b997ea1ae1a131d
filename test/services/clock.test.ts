/**
 * Clocks of houses that are wrong for a moment, at start and while they run: nothing ends and nothing is granted by
 * them, and payments are credited once an operator has confirmed the time. The inputs are what real shops reported.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { createClockClient, createIssuerClient, createOfficeClient } from '../../host-bridge/http/client.js';
import { isFinal } from '../../host-bridge/base/services/finality.js';
import { startIssuer, startTrustee, type RunningService } from '../../host-bridge/services/start.js';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import {
  codeOf,
  good,
  historyOf,
  ISSUER,
  issuerSigner,
  person,
  registrarSigner,
  registrationOf,
  rsOf,
  START_S,
  withdrawalOf,
} from '../kit/people.js';
import { dataDirWithKeys, operator } from '../http/services-rig.js';
import { PATIENT_MS } from '../kit/patience.js';

const DAY_S = 86400;
const YEAR_S = 365 * DAY_S;

/** An issuer whose two clocks are the test's. */
async function clockedIssuer(dataDir = dataDirWithKeys(), startS = START_S) {
  const clock = { wallS: startS, monotonicS: 1000 };
  const service: RunningService<Issuer> = await startIssuer({
    dataDir,
    clock: () => clock.wallS,
    monotonic: () => clock.monotonicS,
    registrarKey: registrarSigner.publicKey,
    operatorKeys: [operator.publicKey],
  });
  const client = createIssuerClient({ url: service.url, timeoutMs: PATIENT_MS });
  return {
    ...{ dataDir, clock, service, client },
    office: createOfficeClient({ url: service.url, operator, issuer: ISSUER, timeoutMs: PATIENT_MS }),
    clocks: createClockClient({ url: service.url, operator, issuer: ISSUER, timeoutMs: PATIENT_MS }),
    /** Time goes by as it does. */
    pass(seconds: number): void {
      clock.wallS += seconds;
      clock.monotonicS += seconds;
    },
    /** For a moment the machine's clock is another one. */
    async jumped<T>(seconds: number, during: () => Promise<T>): Promise<T> {
      clock.wallS += seconds;
      clock.monotonicS += 2;
      const done = await during();
      clock.wallS += 2 - seconds;
      return done;
    },
    doubt: async () => good(await client.health()).clock.doubt,
  };
}
type Clocked = Awaited<ReturnType<typeof clockedIssuer>>;

const running: Clocked[] = [];
const ada = person('Ada');
async function withAda(): Promise<Clocked> {
  const at = await clockedIssuer();
  running.push(at);
  good(await at.office.openAccount('Shop', null));
  good(await at.office.openAccount('Ada', ada.account.publicKey));
  good(await at.office.fundAccount('Ada', 100));
  good(await at.client.withdraw(withdrawalOf(ada, 1, 50)));
  return at;
}
/** Other services, closed whatever a test comes to. */
const ended: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const service of ended.splice(0)) await service.close();
  const services = running.splice(0);
  for (const { service } of services) await service.close();
  for (const { dataDir } of services) {
    expect(audit({ issuerDatabase: join(dataDir, 'issuer.db') })).toMatchObject({ ok: true });
    rmSync(dataDir, { recursive: true, force: true });
  }
});

const confirm = (at: Clocked, why = 'the time server was wrong') => at.clocks.confirm(Math.floor(at.clock.wallS), why);

test('12 years ahead for some seconds while a history arrives: no final answer, and credited once it is confirmed', async () => {
  const at = await withAda();
  const history = historyOf(ada, 'Shop', 20, rsOf(1));
  const code = await at.jumped(12 * YEAR_S, async () => codeOf(await at.client.deposit(history)));
  expect(code).toBe('CLOCK_DOUBTED');
  expect(isFinal('history', 'CLOCK_DOUBTED')).toBe(false);
  // The clock is right again, but has shown that it cannot be relied on.
  expect(await at.doubt()).toBe('jumped');
  expect(codeOf(await at.client.deposit(history))).toBe('CLOCK_DOUBTED');
  expect(good(await confirm(at))).toMatchObject({ doubt: 'jumped', timeS: START_S + 2 });
  expect(good(await at.client.deposit(history))).toMatchObject({ amount: 20, repeated: false });
  expect(await at.doubt()).toBeNull();
});

test('30 days ahead for a moment while a payer claims: nothing is granted, and the shop is credited', async () => {
  const at = await withAda();
  const history = historyOf(ada, 'Shop', 20, rsOf(1));
  expect(good(await at.client.claim(history))).toMatchObject({ state: 'open' });
  const code = await at.jumped(30 * DAY_S, async () => codeOf(await at.client.claim(history)));
  expect(code).toBe('CLOCK_DOUBTED');
  good(await confirm(at));
  expect(good(await at.client.deposit(history))).toMatchObject({ repeated: false });
  expect(codeOf(await at.client.claim(history))).toBe('ALREADY_PAID');
});

test('500 days ahead when a terminal asks for the time: it gets none, and later the true one', async () => {
  const at = await withAda();
  const nonce = rsOf(1).subarray(0, 8);
  const code = await at.jumped(500 * DAY_S, async () => codeOf(await at.client.signedTime(nonce)));
  expect(code).toBe('CLOCK_DOUBTED');
  good(await confirm(at));
  const { time } = good(await at.client.signedTime(nonce));
  expect(timeBody.decode(signedTime.decode(time)!.body)!.timeS).toBe(START_S + 2);
});

test('while the clock is doubted, rows have the time that passed; what needs no clock goes on', async () => {
  const at = await withAda();
  at.clock.wallS += 12 * YEAR_S;
  at.clock.monotonicS += 60;
  expect(good(await at.client.withdraw(withdrawalOf(ada, 2, 10))).repeated).toBe(false);
  const history = historyOf(ada, 'Shop', 20, rsOf(1));
  expect(codeOf(await at.client.deposit(history))).toBe('CLOCK_DOUBTED');
  expect(good(await at.client.health()).clock).toEqual({
    timeS: START_S + 12 * YEAR_S,
    doubt: 'jumped',
    estimateS: START_S + 60,
  });
  const books = new Sqlite(at.service.database, { readonly: true });
  expect(books.prepare('SELECT max(time_s) AS newest FROM transactions').get()).toEqual({ newest: START_S + 60 });
  books.close();
  // A license would be refused by the clock as it is; the estimate is not asked either.
  at.clock.wallS = START_S + 60;
  good(await confirm(at));
  expect(good(await at.client.deposit(history)).repeated).toBe(false);
});

test('a confirmation needs an operator, whose own clock agrees; it is on record', async () => {
  const at = await withAda();
  at.clock.wallS += 30 * DAY_S;
  expect(await at.doubt()).toBe('jumped');
  expect(codeOf(await at.clocks.confirm(START_S, 'no'))).toBe('CLOCK_DIFFERS');
  expect(await at.doubt()).toBe('jumped');
  const stranger = createClockClient({ url: at.service.url, operator: registrarSigner, issuer: ISSUER });
  expect(codeOf(await stranger.confirm(at.clock.wallS, 'no'))).toBe('OPERATOR_UNKNOWN');
  good(await confirm(at, 'the machine slept for a month'));
  const books = new Sqlite(at.service.database, { readonly: true });
  expect(books.prepare('SELECT time_s, why, doubt, estimate_s FROM clock_confirmations').all()).toEqual([
    { time_s: START_S + 30 * DAY_S, why: 'the machine slept for a month', doubt: 'jumped', estimate_s: START_S },
  ]);
  expect(books.prepare(`SELECT count(*) AS signed FROM operator_requests WHERE reply LIKE '%jumped%'`).get()).toEqual({
    signed: 1,
  });
  books.close();
});

test.each([
  ['ahead', 31 * DAY_S],
  ['behind', -400],
])('a house that starts with its clock %s of the books doubts it until it is confirmed', async (doubt, offS) => {
  const at = await withAda();
  running.pop();
  await at.service.close();
  const again = await clockedIssuer(at.dataDir, START_S + offS);
  running.push(again);
  expect(await again.doubt()).toBe(doubt);
  expect(good(await again.client.health()).clock.estimateS).toBe(START_S);
  expect(codeOf(await again.client.deposit(historyOf(ada, 'Shop', 20, rsOf(1))))).toBe('CLOCK_DOUBTED');
  good(await confirm(again));
  expect(good(await again.client.deposit(historyOf(ada, 'Shop', 20, rsOf(1)))).repeated).toBe(false);
});

test('a house that stands still for 29 days, or runs for a year, doubts nothing', async () => {
  const at = await withAda();
  at.pass(YEAR_S - 60);
  expect(await at.doubt()).toBeNull();
  good(await at.office.fundAccount('Ada', 1));
  running.pop();
  await at.service.close();
  const again = await clockedIssuer(at.dataDir, START_S + YEAR_S + 29 * DAY_S);
  running.push(again);
  expect(await again.doubt()).toBeNull();
});

test('a trustee gives no license by a clock that it doubts, and is confirmed by an operator', async () => {
  const dataDir = dataDirWithKeys();
  const clock = { wallS: START_S };
  const issuer = await withAda();
  const { certificate } = good(await issuer.office.openAccount('Ada', ada.account.publicKey));
  const trustee = await startTrustee({
    ...{ dataDir, issuerKey: issuerSigner.publicKey, operatorKeys: [operator.publicKey] },
    clock: () => clock.wallS,
    monotonic: () => 0,
  });
  ended.push(trustee);
  const request = registrationOf(ada);
  clock.wallS += 500 * DAY_S;
  expect(codeOf(trustee.actor.register(request, certificate!))).toBe('CLOCK_DOUBTED');
  clock.wallS = START_S;
  expect(codeOf(trustee.actor.register(request, certificate!))).toBe('CLOCK_DOUBTED');
  good(
    await createClockClient({ url: trustee.url, operator, issuer: ISSUER, timeoutMs: PATIENT_MS }).confirm(
      START_S,
      'right again',
    ),
  );
  good(trustee.actor.register(request, certificate!));
});
