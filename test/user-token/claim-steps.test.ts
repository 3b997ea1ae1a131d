/**
 * The user's equipment step by step, as claims 3, 6, 8, 10 and 13 to 20, and as a program claims 28 to 32, have it: the
 * token's own modules, with what each message and each record holds. The desk and the houses opposite are
 * other-side-of-desk.ts; the same on boards: test/system/schemes.test.ts.
 */
import { toHex } from '../../firmware/core/bytes.js';
import {
  couponRecord,
  blindingRecord,
  DESK_RECORD,
  requestHead,
  sharedKey,
} from '../../firmware/user-token/desk/desk-records.js';
import { identityRecord, RECORD } from '../../firmware/user-token/token-records.js';
import { license, licenseBody, payment } from '../../firmware/wire/payment.js';
import { registration, registrationBody } from '../../firmware/wire/registration.js';
import * as wire from '../../firmware/wire/request.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import {
  amountRequest,
  receiptAnswer,
  replyAnswer,
  replyData,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import { receipt, receiptBody, RECEIPT_KINDS, withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { openBox, sealBox } from '../../host-bridge/base/crypto/sealed-box.js';
import { verifyCoupon } from '../../host-bridge/houses/issuer/issuer-cash.js';
import { exercises } from '../kit/exercises.js';
import {
  boot,
  challengeBytes,
  chargeBytes,
  codeOfAnswer,
  COMMAND_ID,
  grantBytes,
  isPaymentFor,
  issuer,
  keyOf,
  licenseBytes,
  multiplesFor,
  must,
  nameBytes,
  newFlash,
  pseudonym,
  pseudonymKey,
  receiptBytes,
  verifyRaw,
} from './purse-rig.js';
import {
  askCoupon,
  configOf,
  couponList,
  finish,
  Houses,
  makeHouseKeys,
  readWhole,
  realTools,
  reboot,
  register,
  withdraw,
  type Dealing,
  type HouseKeys,
} from './other-side-of-desk.js';

const X = 100;
let keys: HouseKeys;
beforeAll(async () => {
  keys = await makeHouseKeys([X, 20]);
});

const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const isNot0 = (bytes: Uint8Array) => bytes.some((byte) => byte !== 0);

/** A token of a scheme as it leaves the factory, its desk open, and who is opposite. */
function dealingOf(scheme: number, pseudonyms = 1): Dealing {
  const config = configOf(scheme, pseudonyms);
  const tools = realTools(keys);
  const token = boot(newFlash(), config, tools);
  token.purse.press(0);
  return { token, houses: new Houses(keys, config), tools };
}

const balanceOf = ({ token }: Dealing) => token.purse.state.journal.balance();
const offer = ({ token }: Dealing, index: number, body: Uint8Array) =>
  token.desk.reply(replyData.encode({ index, body }), 0);

test('scheme 1: PKU to the trustee, its license kept once it is valid; (PKU, x) to the issuer, its cash once it is valid', () => {
  const token = boot(newFlash());
  const asked = registration.decode(requestPart.decode(must(token.desk.register(nameBytes('Ada'), 0)).data)!.part)!;
  const body = registrationBody.decode(asked.body)!;
  expect([toHex(body.pku), body.name]).toEqual([toHex(token.keys.publicKey(1)), 'Ada']);
  // Who asks has SKU of it.
  expect(verifyRaw(body.pku, signedBytes(SIGNED.registrationProof, asked.body), asked.proof)).toBe(true);
  expect(identityRecord.decode(token.log.get(RECORD.identity, 0)!)!.name).toBe('Ada');
  exercises('3.2', '6.3', '14.1', '14.8', '28.2', '28.3');

  // SKR(PKU) under PKR, which the token was provisioned with.
  expect(toHex(token.purse.state.config.registrarKey)).not.toBe(toHex(token.purse.state.config.issuerKey));
  exercises('15.2');
  for (const bad of [
    grantBytes({ by: issuer }),
    grantBytes({ pku: keyOf(0x55).publicKey }),
    flip(grantBytes({}), 123),
  ]) {
    expect(codeOfAnswer(token.desk.license(bad, 0))).toBe('LICENSE_INVALID');
    expect([token.purse.state.licensed, token.log.get(RECORD.license, 0)]).toEqual([false, null]);
  }
  exercises('15.3');
  must(token.desk.license(grantBytes({}), 0));
  expect(toHex(token.log.get(RECORD.license, 0)!)).toBe(toHex(grantBytes({})));
  // After a reset too, with name and keys.
  const later = boot(token.flash);
  expect(later.purse.state.licensed).toBe(true);
  exercises('15.4', '14.4', '14.9', '28.4');

  later.purse.press(0);
  // x is the owner's: nothing is signed before a press for it, and none that a reader changed meanwhile.
  const ask = (amount: number) => later.desk.withdraw(amountRequest.encode({ commandId: COMMAND_ID, amount }), 0);
  expect([codeOfAnswer(ask(X)), later.purse.pending(0)?.amount]).toEqual(['CONFIRM_NEEDED', X]);
  later.purse.press(0);
  expect([codeOfAnswer(ask(X + 1)), codeOfAnswer(ask(X))]).toEqual(['CONFIRM_NEEDED', 'CONFIRM_NEEDED']);
  later.purse.press(0);
  const part = must(ask(X)).data;
  const drawn = withdrawalBody.decode(withdrawal.decode(requestPart.decode(part)!.part)!.body)!;
  expect(drawn).toMatchObject({ pku: pseudonym.publicKey, amount: X, name: 'Ada', number: 1 });
  exercises('3.4', '28.5');
  for (const bad of [
    receiptBytes({ amount: X, by: keyOf(0x55) }),
    receiptBytes({ amount: X, pku: keyOf(0x55).publicKey }),
  ]) {
    expect(codeOfAnswer(later.desk.receipt(bad))).toBe('RECEIPT_INVALID');
    expect(later.purse.state.journal.balance()).toBe(0);
  }
  exercises('28.6');
  expect(receiptAnswer.decode(must(later.desk.receipt(receiptBytes({ amount: X }))).data)).toEqual({
    receiptNumber: 1,
  });
  expect(boot(token.flash).purse.state.journal.balance()).toBe(X);
  exercises('1.5', '1.6', '3.6', '14.5', '28.7');
});

test('a payment: license and PKU, then SKU over the challenge and y, and Balance - y with it', () => {
  const token = boot(newFlash());
  must(token.desk.register(nameBytes('Ada'), 0));
  must(token.desk.license(grantBytes({}), 0));
  must(token.desk.receipt(receiptBytes({ number: 1, amount: 5000 })));
  const shown = license.decode(must(token.purse.open(chargeBytes(1))).data.subarray(0, 124))!;
  expect(toHex(licenseBody.decode(shown.body)!.pku)).toBe(toHex(pseudonym.publicKey));
  expect(toHex(license.encode(shown))).toBe(toHex(licenseBytes({})));
  exercises('16.7', '28.8');
  const challenge = challengeBytes({});
  const { data } = must(token.purse.pay(challenge, 0));
  expect(isPaymentFor(data, challenge)).toBe(true);
  // Not for one bit else of IdS, Rs, Ts or y.
  for (let at = 0; at < challenge.length; at++) {
    const { signature } = payment.decode(data)!;
    expect(verifyRaw(pseudonym.publicKey, signedBytes(SIGNED.payment, flip(challenge, at)), signature)).toBe(false);
  }
  exercises('1.7', '3.7', '3.8', '6.11', '6.12', '14.6', '28.9', '28.10');
  // One record has both: what was signed is debited, whatever happens after it.
  expect(boot(token.flash).purse.state.journal.balance()).toBe(4650);
  exercises('1.8', '14.7', '28.11');
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 4651, number: 2 }), 0))).toBe('CONFIRM_NEEDED');
  exercises('14.10');
});

test('scheme 2: a blinded pseudonym to the bank, a coupon out of its signature, cash for the coupon', async () => {
  const dealing = dealingOf(2);
  const { token, houses } = dealing;
  must(token.desk.register(nameBytes('Ada'), 0));
  const paper = licenseBytes({ by: keyOf(0x22) }); // configOf: the registrar's key
  expect(toHex(token.purse.state.config.registrarKey)).toBe(toHex(issuer.publicKey));
  exercises('16.1');
  const grant = (bytes: Uint8Array) => new Uint8Array([...bytes, ...multiplesFor(pseudonym.publicKey)]);
  expect(codeOfAnswer(token.desk.license(grant(flip(paper, 100)), 0))).toBe('LICENSE_INVALID');
  expect(token.log.get(RECORD.license, 0)).toBeNull();
  exercises('16.2');
  must(token.desk.license(grant(paper), 0));
  expect(toHex(token.log.get(RECORD.license, 0)!.subarray(0, 124))).toBe(toHex(paper));
  exercises('16.3');
  token.purse.press(0);
  must(token.desk.couponKeys(couponList(keys), 0));
  token.purse.press(0);

  const waiting = readWhole(token, askCoupon(dealing, X));
  const { prefix, modulus } = blindingRecord.decode(token.log.get(DESK_RECORD.blinding, 0)!)!;
  expect(isNot0(prefix)).toBe(true);
  exercises('17.1', '29.1');
  const owned = wire.ownedRequest.decode(waiting.bytes)!;
  const { blinded } = wire.couponRequest.decode(owned.request)!;
  expect(toHex(blinded)).not.toContain(toHex(pseudonym.publicKey));
  exercises('17.2', '29.2');
  expect([waiting.kind, owned.name, owned.amount]).toEqual([wire.REQUEST.coupon, 'Ada', X]);
  exercises('17.3', '29.3');

  const [answer] = await houses.answer(waiting.kind, waiting.bytes);
  expect(codeOfAnswer(offer(dealing, 0, flip(answer!, 200)))).toBe('COUPON_INVALID');
  expect(token.log.slots(DESK_RECORD.coupon)).toEqual([]);
  exercises('16.4');
  must(offer(dealing, 0, answer!));
  exercises('29.4');
  // What is kept is a signature by the key of x over PKU, and not what the bank gave.
  const coupon = couponRecord.decode(token.log.get(DESK_RECORD.coupon, 0)!)!;
  expect(verifyCoupon(modulus, new Uint8Array([...prefix, ...pseudonym.publicKey]), coupon.signature)).toBe(true);
  expect([coupon.amount, toHex(coupon.signature) === toHex(answer!)]).toEqual([X, false]);
  exercises('16.5', '17.4', '29.5', '29.6');

  const redemption = readWhole(token, token.desk.redeem(0));
  const opened = wire.sealedPlain.decode((await keys.unsealer.open(redemption.bytes, 2, wire.REQUEST.redeem))!)!;
  const secret = wire.redemptionSecret.decode(opened.body)!;
  expect(toHex(secret.signature)).toBe(toHex(coupon.signature));
  expect(wire.issueBody.decode(secret.body)).toMatchObject({ pku: pseudonym.publicKey, amount: X });
  exercises('6.6', '16.6', '29.7');
  expect(await finish(dealing, token.desk.redeem(0))).toBe('OK');
  expect(balanceOf(dealing)).toBe(X);
  exercises('6.10');
});

describe.each([
  [3, 1],
  [5, 1],
  [4, 3],
  [6, 3],
])('scheme %i with %i pseudonyms', (scheme, n) => {
  const isKeyed = configOf(scheme).issue === 'keyed';
  /** Elements of the claims of a sealed row, or of those of a keyed one. */
  const shows = (sealed: string[], keyed: string[]) => exercises(...(isKeyed ? keyed : sealed));
  const KIND = isKeyed ? wire.REQUEST.keyedIssue : wire.REQUEST.sealedIssue;

  const pkus = Array.from({ length: n }, (_, i) => pseudonymKey(i).publicKey);

  /** Registration, and the licenses. */
  async function registers(dealing: Dealing): Promise<void> {
    const { token, houses } = dealing;
    const asked = readWhole(token, register(token));
    const head = requestHead.decode(token.log.get(DESK_RECORD.request, 0)!)!;
    expect(isNot0(head.k)).toBe(true);
    shows(['8.1', '18.1', '30.1'], ['10.1', '19.1', '31.1']);
    const owned = wire.ownedRequest.decode(asked.bytes)!;
    const opened = wire.sealedPlain.decode((await keys.unsealer.open(owned.request, scheme, wire.REQUEST.register))!)!;
    expect(toHex(opened.k)).toBe(toHex(head.k));
    expect(pkus.map((_, i) => toHex(opened.body.subarray(i * wire.PSEUDONYM_PROOF_BYTES).subarray(0, 32)))).toEqual(
      pkus.map(toHex),
    );
    expect(opened.body).toHaveLength(n * wire.PSEUDONYM_PROOF_BYTES);
    // Neither stands outside the seal.
    for (const hidden of [head.k, ...pkus]) expect(toHex(asked.bytes)).not.toContain(toHex(hidden));
    shows(['8.2', '18.2', '30.2'], ['10.2', '19.2', '31.2']);
    if (n > 1) exercises('13.1', '13.2', '20.1', '20.2', '32.1', '32.2', '32.3');
    expect([asked.kind, owned.name]).toEqual([wire.REQUEST.register, 'Ada']);
    shows(['8.3', '18.3', '30.3'], ['10.3', '19.3', '31.3']);
    if (n > 1) exercises('13.3', '20.3', '32.4');

    const boxes = await houses.answer(asked.kind, asked.bytes);
    expect(boxes).toHaveLength(n);
    expect(codeOfAnswer(offer(dealing, 0, flip(boxes[0]!, 40)))).toBe('REPLY_INVALID');
    expect([token.purse.state.licensed, token.log.get(RECORD.license, 0)]).toEqual([false, null]);
    for (const [i, each] of boxes.entries()) must(offer(dealing, i, each));
    shows(['18.4', '30.4'], ['19.4', '31.4']);
    if (n > 1) exercises('20.4', '32.5');
    const papers = pkus.map((_, i) => license.decode(token.log.get(RECORD.license, i)!.subarray(0, 124))!);
    expect(papers.map(({ body }) => toHex(licenseBody.decode(body)!.pku))).toEqual(pkus.map(toHex));
    for (const { body, signature } of papers)
      expect(verifyRaw(issuer.publicKey, signedBytes(SIGNED.license, body), signature)).toBe(true);
    if (isKeyed) {
      const shared = sharedKey.decode(token.log.get(DESK_RECORD.sharedKey, 0)!)!;
      expect([isNot0(shared.kid), toHex(shared.k)]).toEqual([true, toHex(head.k)]);
    }
    shows(['8.11', '18.6', '30.6'], ['10.14', '19.6', '31.6']);
    if (n > 1) exercises('13.8', '32.7');
  }

  /** Three payments, by whichever pseudonym. */
  function pays(dealing: Dealing): void {
    const { token } = dealing;
    const signers = [1, 2, 3].map((number) => {
      const paid = license.decode(must(token.purse.open(chargeBytes(number))).data.subarray(0, 124))!;
      const { pku } = licenseBody.decode(paid.body)!;
      const challenge = challengeBytes({ number, amount: 5 });
      const { signature } = payment.decode(must(token.purse.pay(challenge, 0)).data)!;
      expect(verifyRaw(pku, signedBytes(SIGNED.payment, challenge), signature)).toBe(true);
      must(token.purse.ack(chargeBytes(number)));
      return toHex(pku);
    });
    expect(balanceOf(dealing)).toBe(X - 15);
    shows(['8.24', '8.25', '8.26'], ['10.29', '10.30', '10.31']);
    expect(new Set(signers)).toEqual(new Set(pkus.map(toHex)));
    if (n > 1) exercises('13.18', '13.19', '13.20', '13.21', '20.9', '32.13');
  }

  test('registers PKU and K under PKI, opens its license under K; withdraws, opens and verifies cash; pays', async () => {
    const dealing = dealingOf(scheme, n);
    await registers(dealing);
    const { token, houses } = dealing;
    token.purse.press(0);
    const drawing = readWhole(token, withdraw(token, X));
    const draw = wire.ownedRequest.decode(drawing.bytes)!;
    expect([drawing.kind, draw.kind, draw.name, draw.amount]).toEqual([KIND, KIND, 'Ada', X]);
    shows(['18.8', '30.8'], ['19.8', '31.8']);
    if (n > 1) exercises('13.10', '20.6', '32.9');
    for (const pku of pkus) expect(toHex(drawing.bytes)).not.toContain(toHex(pku));
    if (isKeyed) {
      const shared = sharedKey.decode(token.log.get(DESK_RECORD.sharedKey, 0)!)!;
      expect(toHex(wire.keyedRequest.decode(draw.request)!.kid)).toBe(toHex(shared.kid));
      exercises('10.15', '10.16', '19.7', '31.7');
    } else {
      const inside = wire.sealedPlain.decode((await keys.unsealer.open(draw.request, scheme, KIND))!)!;
      const { body } = wire.issueSecret.decode(inside.body)!;
      expect([isNot0(inside.k), wire.issueBody.decode(body)]).toMatchObject([true, { pku: pkus[0], amount: X }]);
      exercises('8.12', '18.7', '30.7');
    }
    const [cash] = await houses.answer(drawing.kind, drawing.bytes);
    expect(codeOfAnswer(offer(dealing, 0, flip(cash!, 60)))).toBe('REPLY_INVALID');
    expect(balanceOf(dealing)).toBe(0);
    expect(replyAnswer.decode(must(offer(dealing, 0, cash!)).data)).toMatchObject({ code: 0, receiptNumber: 1 });
    shows(['8.21', '18.9', '30.9', '30.10'], ['10.26', '19.9', '31.9', '31.10']);
    expect([balanceOf(dealing), balanceOf(reboot(dealing))]).toEqual([X, X]);
    shows(['8.23', '18.11'], ['10.28', '19.11']);
    if (n > 1) exercises('13.16', '13.17', '20.7', '20.8', '32.10', '32.11', '32.12');

    pays(dealing);
  });

  test('withdraws by whichever PKUi is its turn: what is sealed and signed names it, and so does the cash', async () => {
    const dealing = dealingOf(scheme, n);
    expect(await finish(dealing, register(dealing.token))).toBe('OK');
    const { token, houses } = dealing;
    const drew: string[] = [];
    for (let number = 1; number <= n; number++) {
      token.purse.press(0);
      const { kind, bytes } = readWhole(token, withdraw(token, X));
      const { proof, body } = await secretOf(token, wire.ownedRequest.decode(bytes)!.request);
      const issue = wire.issueBody.decode(body)!;
      expect(issue).toMatchObject({ number, amount: X });
      expect(verifyRaw(issue.pku, signedBytes(SIGNED.issue, body), proof)).toBe(true);
      // Asked again the same PKUi, also after a reset; and nothing of it stands outside the seal.
      expect(toHex(readWhole(reboot(dealing).token, token.desk.redeem(0)).bytes)).toBe(toHex(bytes));
      for (const pku of pkus) expect(toHex(bytes)).not.toContain(toHex(pku));
      drew.push(toHex(issue.pku));
      const [cash] = await houses.answer(kind, bytes);
      expect(toHex(receiptBody.decode(receipt.decode(houses.receipts[number - 1]!)!.body)!.pku)).toBe(drew.at(-1));
      must(offer(dealing, 0, cash!));
      expect(balanceOf(reboot(dealing))).toBe(number * X);
    }
    expect(new Set(drew)).toEqual(new Set(pkus.map(toHex)));
    if (n > 1) exercises('13.9', '20.5', '32.8');
    // Cash for a pseudonym of nobody's, or of somebody else's set, is none of ours.
    const foreign = houses.give(X, RECEIPT_KINDS.withdrawal, pseudonymKey(n).publicKey);
    expect(codeOfAnswer(token.desk.receipt(foreign))).toBe('RECEIPT_INVALID');
    expect(balanceOf(dealing)).toBe(n * X);
  });

  /** What a request has under its seal, or under K. */
  async function secretOf(token: Dealing['token'], request: Uint8Array): Promise<wire.IssueSecret> {
    if (!isKeyed)
      return wire.issueSecret.decode(
        wire.sealedPlain.decode((await keys.unsealer.open(request, scheme, KIND))!)!.body,
      )!;
    const { k } = sharedKey.decode(token.log.get(DESK_RECORD.sharedKey, 0)!)!;
    const { kid, sequence, box } = wire.keyedRequest.decode(request)!;
    return wire.issueSecret.decode(
      openBox(k, { direction: wire.TO_ISSUER, kind: KIND, kid, sequence, index: 0 }, box)!,
    )!;
  }

  test('a license, and cash, of somebody else than the issuer is not kept, and Balance stays', async () => {
    const dealing = dealingOf(scheme, n);
    expect(await finish(dealing, register(dealing.token))).toBe('OK');
    const { token, houses } = dealing;
    const forger = keyOf(0x77);
    // The right K, and another key than SKI under what is in the box.
    const before = token.log.get(RECORD.license, 0)!;
    token.purse.press(0);
    const again = readWhole(token, register(token));
    const { k } = requestHead.decode(token.log.get(DESK_RECORD.request, 0)!)!;
    expect(again.kind).toBe(wire.REQUEST.register);
    const boxWith = (kind: number, kid: Uint8Array, sequence: number, body: Uint8Array, key: Uint8Array) =>
      sealBox(
        key,
        { direction: wire.TO_TOKEN, kind, kid, sequence, index: 0 },
        wire.replyPlain.encode({ code: 0, body }),
        (count) => new Uint8Array(count).fill(5),
      );
    const grant = wire.grantPlain.encode({
      kid: new Uint8Array(8).fill(1),
      license: licenseBytes({ by: forger, validUntilS: 1_900_000_000 }),
      multiples: multiplesFor(pseudonym.publicKey),
    });
    expect(codeOfAnswer(offer(dealing, 0, boxWith(again.kind, new Uint8Array(8), 0, grant, k)))).toBe(
      'LICENSE_INVALID',
    );
    expect(token.log.get(RECORD.license, 0)).toEqual(before);
    shows(['18.5', '30.5'], ['19.5', '31.5']);
    if (n > 1) exercises('32.6');
    for (const [i, each] of (await houses.answer(again.kind, again.bytes)).entries()) must(offer(dealing, i, each));
    token.purse.press(0);
    const { kind } = readWhole(token, withdraw(token, X));
    const waits = requestHead.decode(token.log.get(DESK_RECORD.request, 0)!)!;
    const forged = boxWith(kind, waits.kid, waits.sequence, receiptBytes({ amount: X, by: forger }), waits.k);
    expect(codeOfAnswer(offer(dealing, 0, forged))).toBe('RECEIPT_INVALID');
    expect(balanceOf(dealing)).toBe(0);
    shows(['8.22', '18.10'], ['10.27', '19.10']);
  });
});
