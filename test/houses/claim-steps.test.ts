/**
 * Issuer, bank and trustee step by step, as claims 1 to 13 and 22 to 27, and as programs claims 33 to 38, have it: what
 * each house reads, writes and sends on. The user is the reference wallet; the token's own side is
 * test/user-token/claim-steps.test.ts.
 */
import { createHash } from 'node:crypto';
import { toHex } from '../../firmware/core/bytes.js';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { bankMessage, issuerReply, packBoxes, unpackBoxes } from '../../firmware/wire/institutions.js';
import { history, license, licenseBody } from '../../firmware/wire/payment.js';
import { grantPlain, keyedRequest, ownedRequest, replyPlain, REQUEST, TO_TOKEN } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { receipt, receiptBody } from '../../firmware/wire/withdrawal.js';
import { isSigned } from '../../host-bridge/base/crypto/signer.js';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import { ebcOf as ebcOfPku } from '../../host-bridge/ledger/rules.js';
import { exercises } from '../kit/exercises.js';
import { codeOf, flipped, good, issuerSigner, registrarSigner, rsOf, signerOf, START_S } from '../kit/people.js';
import {
  bankSigner,
  conservation,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  userOf,
  withdraw,
  type Houses,
} from './houses-rig.js';
import { readBox, type ReferenceWallet, type Waiting } from './reference-wallet.js';

const THROUGH_BANK = SCHEMES.filter(({ registration }) => registration === 'sealed').map(
  ({ number, pseudonymsMax }): [number, number] => [number, pseudonymsMax > 1 ? 3 : 1],
);
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

let houses: Houses;
afterEach(() => {
  expect(conservation(houses).ok).toBe(true);
  houses.close();
});

const ebcOf = (wallet: ReferenceWallet) => good(houses.office.counterOf(wallet.pku)).ebc;
const accountOf = (wallet: ReferenceWallet) => ebcOfPku(toHex(wallet.pku));
const abcOf = (name: string) => good(houses.accounts.balanceOf(name)).balance;
/** Whether a receipt is SKI(PKU, x). */
function isCash(bytes: Uint8Array, pku: Uint8Array, amount: number): boolean {
  const { body, signature } = receipt.decode(bytes)!;
  const { pku: owner, amount: x } = receiptBody.decode(body)!;
  return (
    toHex(owner) === toHex(pku) && x === amount && isSigned(issuerSigner.publicKey, SIGNED.receipt, body, signature)
  );
}
/** Whether a license is SKR(PKU) or SKI(PKU). */
function isLicense(bytes: Uint8Array, pku: Uint8Array, signer: Uint8Array): boolean {
  const { body, signature } = license.decode(bytes)!;
  return toHex(licenseBody.decode(body)!.pku) === toHex(pku) && isSigned(signer, SIGNED.license, body, signature);
}

test('scheme 1: the issuer keeps the accounts: (PKU, IdU, x) draws x, EBC + x, SKI(PKU, x)', async () => {
  houses = await createHouses(1);
  const [ada, bob] = [userOf(houses, 'Ada', 100), userOf(houses, 'Bob', 100)];
  const { certificate } = good(houses.accounts.openAccount('Ada', ada.account.publicKey));
  const given = good(houses.trustee!.register((await ada.startRegistration()).bytes, certificate!));
  expect(houses.trusteeStore!.registration(ada.pku)).toMatchObject({ name: 'Ada' });
  exercises('3.1');
  expect(isLicense(given.license, ada.pku, registrarSigner.publicKey)).toBe(true);
  expect(ada.takeLicenses([given.license])).toBe('OK');
  exercises('3.3', '34.1');
  expect(await register(houses, bob)).toBe('OK');

  const { bytes } = await ada.startWithdrawal(30);
  const cash = good(houses.issuer.withdraw(bytes)).receipt;
  expect(abcOf('Ada')).toBe(70);
  exercises('15.1', '23.1', '23.2', '34.2', '34.3');
  expect(isCash(cash, ada.pku, 30)).toBe(true);
  expect(houses.issuerStore.pseudonym(ada.pku)).not.toBeNull();
  exercises('1.2', '3.5', '22.2', '22.3', '22.9', '22.10', '33.2', '33.3');
  expect([ebcOf(ada), houses.issuerStore.balance(accountOf(bob))]).toEqual([30, 0]);
  exercises('1.1', '1.3', '22.4', '22.6', '33.4');
  expect(codeOf(houses.issuer.withdraw((await bob.startWithdrawal(101)).bytes))).toBe('FUNDS_INSUFFICIENT');
  exercises('22.11');
});

test('scheme 2: a blind coupon out of the account, SKI(PKU, x) and EBC + x for the coupon', async () => {
  houses = await createHouses(2);
  const ada = userOf(houses, 'Ada', 100);
  expect(abcOf('Ada')).toBe(100);
  exercises('35.2');
  const { certificate } = good(houses.accounts.openAccount('Ada', ada.account.publicKey));
  const given = good(houses.trustee!.register((await ada.startRegistration()).bytes, certificate!));
  expect(houses.trusteeStore!.registration(ada.pku)).toMatchObject({ name: 'Ada' });
  expect(isLicense(given.license, ada.pku, registrarSigner.publicKey)).toBe(true);
  expect(ada.takeLicenses([given.license])).toBe('OK');
  exercises('6.2', '6.4', '35.1');
  const { bytes } = await ada.startCoupon(10);
  const { boxes } = good(await houses.bank!.request(bytes));
  expect([abcOf('Ada'), await ada.takeCoupon(boxes), ada.coupons.length]).toEqual([90, 'OK', 1]);
  exercises('6.1', '6.5');

  // A signature of the bank, but for another amount, or none at all: nothing is issued.
  const [coupon] = ada.coupons;
  for (const [paper, amount] of [
    [coupon!, 5],
    [{ ...coupon!, signature: flipped(coupon!.signature, 9) }, 10],
  ] as const) {
    await ada.startRedemption(paper, amount);
    expect(await finish(houses, ada)).toBe('COUPON_INVALID');
    expect(houses.issuerStore.balance(accountOf(ada))).toBe(0);
  }
  exercises('24.1', '35.4');
  const { bytes: redemption, k, kind, kid, sequence } = await ada.startRedemption(coupon!);
  const answer = good(await houses.issuer.redeem(redemption));
  const inside = readBox(k, { direction: TO_TOKEN, kind, kid, sequence, index: 0 }, answer.boxes[0]!)!;
  expect(isCash(replyPlain.decode(inside)!.body, ada.pku, 10)).toBe(true);
  exercises('6.7', '6.9', '24.3', '35.3', '35.5');
  expect([ada.takeCash(answer.boxes), ebcOf(ada)]).toEqual(['OK', 10]);
  exercises('6.8', '24.2', '35.6');
});

/** What went from the bank to the issuer, and back. */
interface Passed {
  message: Uint8Array;
  signature: Uint8Array | null;
  reply: Uint8Array;
  replySignature: Uint8Array | null;
  boxes: Uint8Array[];
}

/** Houses whose channel between bank and issuer is written down. */
async function watched(number: number): Promise<Passed[]> {
  const passed: Passed[] = [];
  const between = (issuer: Issuer) => ({
    ...issuer,
    receive: async (message: Uint8Array, signature: Uint8Array | null) => {
      const given = await issuer.receive(message, signature);
      if (given.ok) {
        const { reply, signature: replySignature, boxes } = given;
        passed.push({ message, signature, reply, replySignature, boxes });
      }
      return given;
    },
  });
  houses = await createHouses(number, { between: between as never });
  return passed;
}

describe.each(THROUGH_BANK)('scheme %i with %i pseudonyms', (number, n) => {
  const isKeyed = SCHEMES[number - 1]!.issue === 'keyed';
  const shows = (sealed: string[], keyed: string[]) => exercises(...(isKeyed ? keyed : sealed));

  /** Registration: what the bank keeps and hands on, what the issuer opens, keeps and answers. */
  async function registers(passed: Passed[], ada: ReferenceWallet, asked: Waiting, pkus: Uint8Array[]): Promise<void> {
    const { request } = ownedRequest.decode(asked.bytes)!;
    const licensed = good(await houses.bank!.request(asked.bytes));
    expect(houses.bankStore!.request(sha256(request))).toMatchObject({ name: 'Ada', owned: asked.bytes });
    shows(['8.4'], ['10.4']);
    expect(bankMessage.decode(passed[0]!.message)).toMatchObject({ kind: REQUEST.register, amount: 0, request });
    shows(['8.5'], ['10.5']);

    // What the issuer has of it: PKU1..n as one set, with PKI(PKU1..n, K).
    const counter = houses.issuerStore.counterOfRegistration(request)!;
    expect(toHex(counter)).toBe(toHex(pkus[0]!));
    expect(new Set(houses.issuerStore.pseudonymsOfCounter(counter).map(toHex))).toEqual(new Set(pkus.map(toHex)));
    const shared = houses.issuerStore.sharedKeyOfCounter(counter)!;
    expect(toHex(shared.registration)).toBe(toHex(request));
    shows(['8.6', '8.7', '25.1', '25.2', '36.1', '36.2'], ['10.6', '10.8', '26.1', '37.1']);
    if (isKeyed) {
      expect(toHex(shared.k!)).toBe(toHex(asked.k));
      expect(houses.issuerStore.sharedKey(shared.kid)).toEqual(shared);
      exercises('10.7', '10.9', '26.2', '26.3', '37.2', '37.3');
      exercises('13.4', '13.5', '27.1', '27.2', '38.1');
    } else {
      expect(shared.k).toBeNull();
      exercises('25.3');
    }
    // n licenses under K, and with a KID where there is one.
    const infoOf = (index: number) => ({ direction: TO_TOKEN, kind: asked.kind, kid: asked.kid, sequence: 0, index });
    const grants = licensed.boxes.map((box, index) =>
      grantPlain.decode(replyPlain.decode(readBox(asked.k, infoOf(index), box)!)!.body)!,
    );
    expect(grants.map(({ license: paper }, i) => isLicense(paper, pkus[i]!, issuerSigner.publicKey))).toEqual(
      pkus.map(() => true),
    );
    expect(readBox(new Uint8Array(16), infoOf(0), licensed.boxes[0]!)).toBeNull();
    expect(grants.map(({ kid }) => toHex(kid))).toEqual(pkus.map(() => toHex(shared.kid)));
    shows(['8.8', '8.9', '25.4', '25.5', '36.3'], ['10.10', '10.11', '26.4', '26.5', '37.4']);
    if (isKeyed) exercises('13.6', '13.7', '27.3', '27.4', '38.2', '38.3');
    expect(licensed.boxes).toEqual(passed[0]!.boxes);
    expect(ada.takeLicenses(licensed.boxes)).toBe('OK');
    shows(['8.10', '25.6', '36.4'], ['10.12', '10.13', '26.6', '37.5']);
    if (isKeyed) exercises('27.5', '38.4');
  }

  test('registration and withdrawal through the bank: what it keeps and hands on, what the issuer opens, keeps and answers', async () => {
    const passed = await watched(number);
    const ada = userOf(houses, 'Ada', 100, n);
    const pkus = ada.pseudonyms.map(({ publicKey }) => publicKey);
    const asked = await ada.startRegistration();
    await registers(passed, ada, asked, pkus);

    // [0114]: any of the set asks.
    const which = n - 1;
    const drawing = await ada.startWithdrawal(30, which);
    const draw = ownedRequest.decode(drawing.bytes)!;
    const cash = good(await houses.bank!.request(drawing.bytes));
    expect(abcOf('Ada')).toBe(70);
    shows(['8.13'], ['10.17']);
    expect(bankMessage.decode(passed[1]!.message)).toMatchObject({ amount: 30, request: draw.request });
    shows(['8.14'], ['10.18']);
    if (isKeyed) {
      const { kid } = keyedRequest.decode(draw.request)!;
      expect(toHex(houses.issuerStore.sharedKey(kid)!.k!)).toBe(toHex(asked.k));
      exercises('10.19', '26.7', '37.6');
    }
    const { k, kind, kid, sequence } = drawing;
    const inside = readBox(k, { direction: TO_TOKEN, kind, kid, sequence, index: 0 }, cash.boxes[0]!)!;
    expect(isCash(replyPlain.decode(inside)!.body, pkus[which]!, 30)).toBe(true);
    shows(
      ['8.15', '8.16', '8.17', '25.7', '25.10', '25.11', '36.5', '36.7', '36.8'],
      ['10.20', '10.21', '10.22', '26.8', '26.11', '26.12', '37.7', '37.9', '37.10'],
    );
    if (isKeyed) exercises('13.11', '13.12', '13.13', '27.6', '27.7', '27.8', '38.5', '38.6');
    expect(good(houses.office.counterOf(pkus[which]!)).ebc).toBe(30);
    expect(ebcOf(ada)).toBe(30);
    shows(['8.18', '25.9'], ['10.23', '26.10']);
    if (isKeyed) exercises('13.14');
    expect([cash.boxes, ada.takeCash(cash.boxes)]).toEqual([passed[1]!.boxes, 'OK']);
    shows(['8.19', '8.20', '25.12', '36.9'], ['10.24', '10.25', '26.13', '37.11']);
    if (isKeyed) exercises('13.15', '27.9', '38.7');

    // Drawn is another x than the one that is sealed: compared, and nothing is issued.
    const { bytes } = await ada.startWithdrawal(10, 0, 11);
    good(await houses.bank!.request(bytes));
    expect([ebcOf(ada), abcOf('Ada')]).toEqual([30, 70]);
    expect(issuerReply.decode(passed[2]!.reply)!.code).not.toBe(0);
    shows(['25.8', '36.6'], ['26.9', '37.8']);
  });
});

test.each([
  [5, '11'],
  [6, '12'],
])(
  'scheme %i: SKB over what the bank brings, SKI over what the issuer answers, both verified',
  async (number, claim) => {
    const passed = await watched(number);
    const ada = userOf(houses, 'Ada', 100);
    for (const [at, start] of [() => ada.startRegistration(), () => ada.startWithdrawal(10)].entries()) {
      const { bytes } = await start();
      const { request, kind, amount } = ownedRequest.decode(bytes)!;
      // Under another key the issuer does not even look at it.
      const message = bankMessage.encode({ kind, issuer: houses.facts.issuer, amount, request });
      const forged = signerOf('Mallory').sign(SIGNED.bankMessage, message);
      expect(codeOf(await houses.issuer.receive(message, forged))).toBe('SIGNATURE_INVALID');
      exercises(`${claim}.${4 * at + 2}`);
      const { boxes } = good(await houses.bank!.request(bytes));
      const { signature, reply, replySignature, ...went } = passed[at]!;
      expect(toHex(went.message)).toBe(toHex(message));
      expect(isSigned(bankSigner.publicKey, SIGNED.bankMessage, message, signature!)).toBe(true);
      exercises(`${claim}.${4 * at + 1}`);
      expect(isSigned(issuerSigner.publicKey, SIGNED.issuerReply, reply, replySignature!)).toBe(true);
      expect(toHex(issuerReply.decode(reply)!.boxesHash)).toBe(toHex(sha256(packBoxes(boxes))));
      exercises(`${claim}.${4 * at + 3}`);
      expect(at === 0 ? ada.takeLicenses(boxes) : ada.takeCash(boxes)).toBe('OK');
      // The bank keeps both as evidence.
      const row = houses.bankStore!.request(sha256(request))!;
      expect([row.messageSignature, row.replySignature]).toEqual([signature, replySignature]);
      expect(unpackBoxes(row.boxes!)).toEqual(boxes);
    }
    houses.close();

    // An issuer whose SKI is not right: the bank hands nothing on.
    let isSpoilt = false;
    const between = (issuer: Issuer) => ({
      ...issuer,
      receive: async (message: Uint8Array, signature: Uint8Array | null) => {
        const given = await issuer.receive(message, signature);
        return given.ok && isSpoilt ? { ...given, signature: flipped(given.signature!, 5) } : given;
      },
    });
    houses = await createHouses(number, { between: between as never });
    const [bob, carl] = [userOf(houses, 'Bob', 100), userOf(houses, 'Carl')];
    expect(await register(houses, bob)).toBe('OK');
    isSpoilt = true;
    for (const [at, { bytes }] of [await carl.startRegistration(), await bob.startWithdrawal(10)].entries()) {
      expect((await houses.bank!.request(bytes)).ok).toBe(false);
      exercises(`${claim}.${4 * at + 4}`);
    }
    isSpoilt = false;
    expect([await register(houses, carl), await finish(houses, bob), bob.balance]).toEqual(['OK', 'OK', 10]);
  },
);

test.each(SCHEMES.map(({ number }) => number))(
  'scheme %i: H to who keeps the accounts, and to the issuer',
  async (number) => {
    houses = await createHouses(number);
    const ada = userOf(houses, 'Ada', 100);
    expect(await register(houses, ada)).toBe('OK');
    expect(await withdraw(houses, ada, 30)).toBe('OK');
    const h = ada.pay(SHOP, 12, rsOf(1), START_S);
    const { bank, scheme } = houses;
    const shows = (atIssuer: string[], coupon: string[], throughBank: string[]) =>
      exercises(...(!bank ? atIssuer : scheme.issue === 'coupon' ? coupon : throughBank));

    // The license by its key, SKU by the license's PKU; with either wrong nothing moves.
    const decoded = history.decode(h)!;
    const bad = [
      [history.encode({ ...decoded, license: flipped(decoded.license, 100) }), /LICENSE_INVALID/],
      [history.encode({ ...decoded, signature: flipped(decoded.signature, 40) }), /SIGNATURE_INVALID/],
    ] as const;
    for (const [each, code] of bad) {
      expect(codeOf(deposit(houses, each))).toMatch(code);
      if (bank) expect(good(houses.issuer.returnCash([each])).codes).toEqual([expect.stringMatching(code)]);
      expect([ebcOf(ada), abcOf(SHOP)]).toEqual([30, 0]);
    }
    shows(['4.4', '5.4', '22.5', '23.3', '33.5'], ['7.5', '7.8'], ['9.5', '9.8']);

    expect(good(deposit(houses, h))).toMatchObject({ amount: 12, repeated: false });
    expect(abcOf(SHOP)).toBe(12);
    shows([], ['7.4', '7.6'], ['9.4', '9.6']);
    if (bank) expect(ebcOf(ada)).toBe(30);
    await returnAll(houses);
    if (bank) expect(houses.issuerStore.history(ada.pku, SHOP, rsOf(1))).not.toBeNull();
    shows([], ['7.7'], ['9.7']);
    expect(ebcOf(ada)).toBe(18);
    shows(['1.4', '2.4', '4.5', '5.5', '22.8', '33.6'], ['7.9'], ['9.9']);
    expect(houses.issuerStore.history(ada.pku, SHOP, rsOf(1))).toMatchObject({ amount: 12, history: h });
    shows(['4.6', '5.6', '22.7', '33.7'], ['7.10'], ['9.10']);
  },
);
