/**
 * The class of an account's licenses, in all six schemes: who keeps the accounts says it, who signs licenses follows.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLASS_FULL, CLASS_SMALL } from '../../firmware/core/license-class.js';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { bankMessage, CLASS_UNIT } from '../../firmware/wire/institutions.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { readAccount } from '../../host-bridge/base/account-paper.js';
import { codeOf, good } from '../kit/people.js';
import { bankSigner, createHouses, register, stateOf, userOf, withdraw, type Houses } from './houses-rig.js';
import type { ReferenceWallet } from './reference-wallet.js';

let houses: Houses;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
});
afterEach(() => {
  houses.close();
  if (existsSync(houses.databases.issuerDatabase)) expect(audit(houses.databases).broken).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

const bodyOf = (bytes: Uint8Array) => licenseBody.decode(license.decode(bytes)!.body)!;
const classesOf = (wallet: ReferenceWallet): number[] =>
  wallet.licenses.map((bytes) => bodyOf(bytes as Uint8Array).licenseClass);

test.each(SCHEMES.map(({ number, pseudonymsMax }) => [number, Math.min(2, pseudonymsMax)] as const))(
  'scheme %i: an account has licenses of its own class, another the default',
  async (number, n) => {
    houses = await createHouses(number, { folder });
    const [ada, bob] = [userOf(houses, 'Ada', 100, n), userOf(houses, 'Bob', 100, n)];
    const key = ada.account.publicKey;
    expect(good(houses.accounts.licenseClassOf('Ada'))).toMatchObject({ licenseClass: null, accountKey: key });
    expect(good(houses.accounts.setLicenseClass(key, CLASS_SMALL)).repeated).toBe(false);
    expect(good(houses.accounts.setLicenseClass(key, CLASS_SMALL)).repeated).toBe(true);
    expect(good(houses.accounts.licenseClassOf('Ada')).licenseClass).toBe(CLASS_SMALL);
    for (const who of [ada, bob]) expect(await register(houses, who)).toBe('OK');
    expect([classesOf(ada), classesOf(bob)]).toEqual([Array(n).fill(CLASS_SMALL), Array(n).fill(CLASS_FULL)]);
  },
);

test('scheme 1: the issuer issues no more than the class of the account may hold', async () => {
  houses = await createHouses(1, { folder });
  const [ada, bob] = [userOf(houses, 'Ada', 100_000), userOf(houses, 'Bob', 100_000)];
  good(houses.accounts.setLicenseClass(ada.account.publicKey, CLASS_SMALL));
  for (const who of [ada, bob]) expect(await register(houses, who)).toBe('OK');
  expect(await withdraw(houses, ada, 10_000)).toBe('OK');
  const before = stateOf(houses);
  expect(await withdraw(houses, ada, 5001)).toBe('CLASS_LIMIT');
  expect(stateOf(houses)).toEqual(before);
  // Less, under the same number.
  expect(await withdraw(houses, ada, 5000)).toBe('OK');
  expect(await withdraw(houses, ada, 1)).toBe('CLASS_LIMIT');
  expect(await withdraw(houses, bob, 50_000)).toBe('OK');
  good(houses.accounts.setLicenseClass(ada.account.publicKey, CLASS_FULL));
  expect(await withdraw(houses, ada, 50_000)).toBe('OK');
});

test('a class that is not there, a key that is none, a shop', async () => {
  houses = await createHouses(1, { folder });
  const ada = userOf(houses, 'Ada', 0);
  for (const [key, licenseClass] of [
    [ada.account.publicKey, 0],
    [ada.account.publicKey, 9],
    [new Uint8Array(31), CLASS_SMALL],
  ] as const)
    expect(codeOf(houses.accounts.setLicenseClass(key, licenseClass))).toBe('BAD_REQUEST');
  expect(codeOf(houses.accounts.licenseClassOf('Nobody'))).toBe('ACCOUNT_UNKNOWN');
  expect(codeOf(houses.accounts.licenseClassOf('Shop'))).toBe('ACCOUNT_KEY_MISSING');
});

test('a class that is said before the account is there; and a license that is renewed follows a class said later', async () => {
  houses = await createHouses(1, { folder });
  const ada = userOf(houses, 'Ada', 0);
  const bob = userOf(houses, 'Bob', 0);
  const asked = (await ada.startRegistration()).bytes;
  const paperOf = (name: string, key: Uint8Array): Uint8Array =>
    good(houses.accounts.openAccount(name, key)).certificate!;
  const first = good(houses.trustee!.register(asked, paperOf('Ada', ada.account.publicKey))).license;
  expect(bodyOf(first).licenseClass).toBe(CLASS_FULL);
  good(houses.accounts.setLicenseClass(ada.account.publicKey, CLASS_SMALL));
  const paper = paperOf('Ada', ada.account.publicKey);
  expect(readAccount(paper.subarray(64))).toMatchObject({ name: 'Ada', licenseClass: CLASS_SMALL });
  expect(readAccount(paperOf('Bob', bob.account.publicKey).subarray(64))).toMatchObject({ licenseClass: null });
  // The license that is there stays until it is renewed.
  expect(good(houses.trustee!.register(asked, paper)).license).toEqual(first);
  houses.clock.nowS = bodyOf(first).validUntilS - 1;
  expect(bodyOf(good(await houses.trustee!.renew(asked, paper)).license).licenseClass).toBe(CLASS_SMALL);

  const early = new Uint8Array(bob.account.publicKey);
  good(houses.accounts.setLicenseClass(early, CLASS_SMALL));
  expect(good(houses.accounts.licenseClassOf('Bob')).licenseClass).toBe(CLASS_SMALL);
});

test.each([
  ['an unknown class', REQUEST.register + 9 * CLASS_UNIT],
  ['a class with another request', REQUEST.sealedIssue + CLASS_SMALL * CLASS_UNIT],
])('%s in what a bank brings is refused', async (_, kind) => {
  houses = await createHouses(3, { folder });
  const message = bankMessage.encode({ kind, issuer: houses.facts.issuer, amount: 0, request: new Uint8Array(60) });
  const signature = houses.scheme.signedBetweenInstitutions ? bankSigner.sign(SIGNED.bankMessage, message) : null;
  expect(codeOf(await houses.issuer.receive(message, signature))).toBe('BAD_REQUEST');
});
