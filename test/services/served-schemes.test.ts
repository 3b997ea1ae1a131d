/**
 * Every scheme over HTTP with SQLite on disk: the life of some money, parallel requests, a channel that only bank and
 * issuer can use, an issuer that is away for a while, and logs without secrets.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { SCHEMES, schemeOf } from '../../firmware/core/scheme.js';
import { toHex } from '../../firmware/core/bytes.js';
import { REQUEST } from '../../firmware/wire/request.js';
import { createBankChannel, createBankClient } from '../../host-bridge/http/client.js';
import { createLog } from '../../host-bridge/base/log.js';
import { startBank, startIssuer } from '../../host-bridge/services/start.js';
import { fixedLine } from '../../host-bridge/base/keys/key-line.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { exercises } from '../kit/exercises.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import { bankSigner, register, withdraw } from '../houses/houses-rig.js';
import { codeOf, good, ISSUER, issuerSigner, rsOf, seedOf, signerOf, START_S } from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';
import { clientsOf, endHouses, houseFolder, placeOf, startHouses, userAt, type Clients } from './served-houses-rig.js';

afterEach(endHouses);

/** Waits until the bank has nothing left for the issuer. */
async function settled(clients: Clients): Promise<void> {
  for (let tries = 0; clients.bank && tries < 10_000; tries++) {
    const { unreturned, drawsPending } = good(await clients.accounts.numbers()).numbers;
    if (unreturned + drawsPending === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function conservation(clients: Clients): Promise<boolean> {
  const numbers = good(await clients.accounts.numbers()).numbers;
  return conservationOf(numbers, clients.bank ? good(await clients.office.numbers()).numbers : null).ok;
}

test.each(SCHEMES.map(({ number }) => number))(
  'scheme %i: register, withdraw, pay, deposit, return, trace; nothing secret in log or reply',
  async (number) => {
    const lines: string[] = [];
    const destination = new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) });
    const at = await startHouses(number, { log: createLog('houses', { level: 'trace', destination }) });
    const { clients } = at;
    good(await clients.accounts.openAccount('Shop', null));
    const n = Math.min(3, schemeOf(number).pseudonymsMax);
    const ada = await userAt(clients, at.facts, 'Ada', 100, n);
    expect(await register(clients, ada)).toBe('OK');
    expect(await withdraw(clients, ada, 16)).toBe('OK');
    const depositary = clients.bank ?? clients.issuer;
    for (let i = 0; i < 30; i++) good(await depositary.deposit(ada.pay('Shop', 1, rsOf(i), START_S, i % n)));
    await settled(clients);
    expect(good(await clients.office.counterOf(ada.pku)).ebc).toBe(-14);
    expect(await conservation(clients)).toBe(true);
    const { traceBy } = clients.scheme;
    const traced =
      traceBy === 'issuer'
        ? await clients.office.trace(ada.pku, 'Überzogen')
        : await (async (order: Uint8Array) =>
            traceBy === 'bank' ? clients.bankOffice!.trace(order) : clients.trustee!.trace(order))(
            good(await clients.office.traceOrder(ada.pku, 'Überzogen')).order,
          );
    expect(good(traced)).toMatchObject({ name: 'Ada', proof: 'PROVEN', ebc: -14 });
    // While the services run, and afterwards.
    const { issuer, bank, trustee } = at.services;
    const books = {
      issuerDatabase: issuer.database,
      ...(bank ? { bankDatabase: bank.database } : {}),
      ...(trustee ? { trusteeDatabase: trustee.database } : {}),
    };
    expect(audit(books)).toMatchObject({ broken: [], in: 100, held: 100 });
    exercises('33.1');
    await at.close();
    expect(audit(books).broken).toEqual([]);

    // Keys are their owner's alone; what they hold is in no log line.
    const secrets = [ada.account, ...ada.pseudonyms].map((key) => toHex(key.seed));
    for (const file of readdirSync(at.dataDir)) {
      expect([file, (statSync(join(at.dataDir, file)).mode & 0o077) === 0 || /-(wal|shm)$/.test(file)]).toEqual([
        file,
        true,
      ]);
      if (file.endsWith('.key'))
        secrets.push(
          ...readFileSync(join(at.dataDir, file), 'utf8')
            .split('\n')
            .filter((line) => line.length > 30 && !line.startsWith('-')),
        );
    }
    secrets.push(toHex(seedOf('issuer')), toHex(seedOf('bank')), ...ada.secrets().map(toHex));
    const log = lines.join('');
    expect(lines.length).toBeGreaterThan(20);
    for (const secret of secrets) expect(log.toLowerCase().includes(secret.toLowerCase())).toBe(false);
    for (const field of ['"request":"', '"boxes"', '"history"', '"message":"0', '"signature"'])
      expect(log.includes(field)).toBe(false);
    at.end();
  },
);

test('scheme 2: over HTTP, 100 withdrawals at once with funds for 37: exactly 37', async () => {
  const at = await startHouses(2);
  const { clients } = at;
  const ada = await userAt(clients, at.facts, 'Ada', 37);
  const blinded = (i: number) => new Uint8Array([1, ...seedOf(`${i}`), ...new Uint8Array(223)]);
  const requests = Array.from({ length: 100 }, (_, i) => ada.owned(REQUEST.coupon, 1, blinded(i)));
  const replies = await Promise.all(requests.map((bytes) => clients.bank!.request(bytes)));
  expect(replies.every((reply) => reply.ok && reply.boxes.length === 1)).toBe(true);
  expect(good(await clients.accounts.numbers()).numbers).toMatchObject({ couponsSigned: 37 });
  expect(await conservation(clients)).toBe(true);
  await at.close();
  at.end();
});

test.each([3, 6])(
  'scheme %i: only the bank reaches the bank addresses, and only the issuer is believed',
  async (number) => {
    const at = await startHouses(number);
    const { clients } = at;
    const ada = await userAt(clients, at.facts, 'Ada', 100);
    const { bytes } = await ada.startRegistration();
    const url = at.services.issuer.url;
    const options = { url, issuerLine: fixedLine(issuerSigner.publicKey), issuer: ISSUER };
    const stranger = createBankChannel({ ...options, signer: signerOf('Mallory') });
    expect(codeOf(await stranger.returnCash([]))).toBe('BANK_UNKNOWN');
    const elsewhere = createBankChannel({ ...options, issuer: new Uint8Array(4), signer: bankSigner });
    expect(codeOf(await elsewhere.returnCash([]))).toBe('BANK_UNKNOWN');
    // Somebody who is not the issuer answers in its place.
    const deceived = createBankChannel({
      ...options,
      issuerLine: fixedLine(signerOf('Mallory').publicKey),
      signer: bankSigner,
    });
    expect(codeOf(await deceived.returnCash([]))).toBe('WRONG_SERVICE');
    expect(good(await createBankChannel({ ...options, signer: bankSigner }).returnCash([])).codes).toEqual([]);
    // The public addresses of a token are open to all, and the office to operators alone.
    expect(
      (
        await fetch(`${url}/v2/bank/requests`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
      ).status,
    ).toBe(401);
    expect(
      (
        await fetch(`${at.services.bank!.url}/v2/office/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
      ).status,
    ).toBe(401);
    expect(good(await clients.bank!.request(bytes)).boxes).toHaveLength(1);
    await at.close();
    at.end();
  },
);

test('an issuer that is away: draws wait, are passed on when it is back, and the same request gets its reply', async () => {
  const scheme = schemeOf(5);
  const dataDir = houseFolder(scheme);
  const place = placeOf(scheme, dataDir);
  const bankKey = bankSigner.publicKey;
  const first = await startIssuer({ ...place, bankKey });
  const { port } = first;
  const bank = await startBank({
    ...place,
    forwardMs: 20,
    issuerChannel: (signer, issuerLine) => createBankChannel({ url: first.url, signer, issuerLine, issuer: ISSUER }),
  });
  const clients = clientsOf(scheme, { issuer: first.url, bank: bank.url });
  const ada = await userAt(clients, first.parameters, 'Ada', 100);
  good(await clients.accounts.openAccount('Shop', null));
  expect(await register(clients, ada)).toBe('OK');
  await first.close();

  const { bytes } = await ada.startWithdrawal(10);
  expect(codeOf(await clients.bank!.request(bytes))).toBe('SERVICE_DOWN');
  expect(codeOf(await clients.bank!.request(bytes))).toBe('SERVICE_DOWN');
  expect(good(await clients.accounts.balanceOf('Ada')).balance).toBe(90);
  good(await clients.bank!.deposit(ada.pay('Shop', 3, rsOf(1), START_S)));
  const waiting = good(await clients.accounts.numbers()).numbers;
  expect([waiting.drawsPending, waiting.unreturned]).toEqual([10, 3]);

  const again = await startIssuer({ ...place, bankKey, port });
  await settled(clients);
  expect(good(await clients.office.counterOf(ada.pku)).ebc).toBe(7);
  expect(ada.takeCash(good(await clients.bank!.request(bytes)).boxes)).toBe('OK');
  expect([ada.balance, good(await clients.accounts.balanceOf('Ada')).balance]).toEqual([7, 90]);
  expect(await conservation(clients)).toBe(true);
  await bank.close();
  await again.close();
});

test('the bank does not start with the books of another scheme, bank or issuer', async () => {
  const scheme = schemeOf(3);
  const dataDir = houseFolder(scheme);
  const place = { ...placeOf(scheme, dataDir), forwardMs: 20, issuerChannel: () => ({}) as never };
  await (await startBank(place)).close();
  await expect(startBank({ ...place, scheme: 4 })).rejects.toMatchObject({
    code: 'KEY_MISMATCH',
    message: expect.stringContaining('another scheme'),
  });
  await expect(startBank({ ...place, issuerKey: signerOf('Mallory').publicKey })).rejects.toMatchObject({
    code: 'KEY_MISMATCH',
  });
  const service = await startBank(place);
  expect(good(await createBankClient({ url: service.url, timeoutMs: PATIENT_MS }).parameters()).parameters.scheme).toBe(
    3,
  );
  await service.close();
});
