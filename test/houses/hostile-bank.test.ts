/**
 * A bank that cheats: it changes x, swaps two users' ciphertexts, replays, skips, or attaches a pseudonym to another
 * name. The issuer or the token refuses with a named result, and no money is made. Schemes 3 to 6, whose requests pass
 * through the bank.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { allCodes } from '../../firmware/core/codes.js';
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { bankMessage, issuerReply } from '../../firmware/wire/institutions.js';
import { ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { createUnsealer } from '../../host-bridge/base/crypto/sealed-box.js';
import type { BankReply } from '../../host-bridge/base/services/procedures.js';
import {
  bankSigner,
  conservation,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  traceOf,
  userOf,
  withdraw,
  type Houses,
} from './houses-rig.js';
import { seal, type ReferenceWallet } from './reference-wallet.js';
import { codeOf, flipped, good, rsOf, seedOf, signerOf, START_S } from '../kit/people.js';
import { extent } from '../kit/extent.js';

const THROUGH_BANK = SCHEMES.filter((scheme) => scheme.registration === 'sealed').map(({ number }) => number);
const SEALED = SCHEMES.filter((scheme) => scheme.issue === 'sealed').map(({ number }) => number);
const KEYED = SCHEMES.filter((scheme) => scheme.issue === 'keyed').map(({ number }) => number);

let houses: Houses;
let ada: ReferenceWallet;
let bob: ReferenceWallet;

async function open(number: number, folder?: string): Promise<void> {
  houses = await createHouses(number, folder ? { folder } : {});
  [ada, bob] = [userOf(houses, 'Ada', 100), userOf(houses, 'Bob', 100)];
  expect([await register(houses, ada), await register(houses, bob)]).toEqual(['OK', 'OK']);
}
afterEach(() => houses.close());

const requestOf = (owned: Uint8Array) => ownedRequest.decode(owned)!.request;
const ebc = (wallet: ReferenceWallet) => good(houses.office.counterOf(wallet.pku)).ebc;
const codeIn = ({ reply }: BankReply) => allCodes()[issuerReply.decode(reply)!.code];

/** What a bank that owns SKB may say to the issuer. */
async function say(kind: number, amount: number, request: Uint8Array): Promise<BankReply> {
  const message = bankMessage.encode({ kind, issuer: houses.facts.issuer, amount, request });
  const signature = houses.scheme.signedBetweenInstitutions ? bankSigner.sign(SIGNED.bankMessage, message) : null;
  return good(await houses.issuer.receive(message, signature));
}

test.each(THROUGH_BANK)('scheme %i: a changed x is refused for good, whatever comes after', async (number) => {
  await open(number);
  for (const [i, x] of [11, 9, 0, 1, AMOUNT_MAX].entries()) {
    const { kind, bytes } = await ada.startWithdrawal(10);
    const code = x === 0 ? 'FUNDS_INSUFFICIENT' : 'AMOUNT_MISMATCH';
    expect([i, codeIn(await say(kind, x, requestOf(bytes)))]).toEqual([i, code]);
    // The right x afterwards: other bytes under the same id. The token is told nothing that it could take for an end.
    const late = await say(kind, 10, requestOf(bytes));
    expect([codeIn(late), late.boxes]).toEqual(['SEQ_REFUSED', []]);
    expect(ebc(ada)).toBe(0);
    const { boxes } = await say(kind, x, requestOf(bytes));
    expect(ada.takeCash(boxes)).toBe(code);
  }
  expect(await withdraw(houses, ada, 10)).toBe('OK');
  expect([ebc(ada), ada.balance]).toEqual([10, 10]);
});

test.each(THROUGH_BANK)('scheme %i: a draw with a registration is refused', async (number) => {
  await open(number);
  const carl = userOf(houses, 'Carl');
  const { kind, bytes } = await carl.startRegistration();
  const answer = await say(kind, 5, requestOf(bytes));
  expect(codeIn(answer)).toBe('AMOUNT_MISMATCH');
  expect(carl.takeLicenses(answer.boxes)).toBe('AMOUNT_MISMATCH');
});

test.each(THROUGH_BANK)(
  'scheme %i: replayed 20 times, in any order with others, a request is credited once',
  async (number) => {
    await open(number);
    const first = await ada.startWithdrawal(10);
    expect(await finish(houses, ada)).toBe('OK');
    const second = await ada.startWithdrawal(7);
    for (let i = 0; i < 20; i++) {
      const replies = [
        await say(first.kind, 10, requestOf(first.bytes)),
        await say(second.kind, 7, requestOf(second.bytes)),
      ];
      expect(replies.map(codeIn)).toEqual(['OK', 'OK']);
      expect(replies.map(({ repeated }) => repeated)).toEqual([true, i > 0]);
    }
    expect(ebc(ada)).toBe(17);
    // The reply to the first is nothing to a token that waits for the second.
    expect(ada.takeCash((await say(first.kind, 10, requestOf(first.bytes))).boxes)).toBe('RECEIPT_INVALID');
    expect(await finish(houses, ada)).toBe('OK');
    expect(ada.balance).toBe(17);
  },
);

test.each(THROUGH_BANK)(
  "scheme %i: two users' ciphertexts swapped: the amounts tell, or the tokens do",
  async (number) => {
    await open(number);
    const from = await ada.startWithdrawal(10);
    // Drawn 20 from Bob, and Ada's ciphertext sent along.
    expect(codeIn(await say(from.kind, 20, requestOf(from.bytes)))).toBe('AMOUNT_MISMATCH');
    expect([ebc(ada), ebc(bob)]).toEqual([0, 0]);
    // The same amount: each EBC gets what its own token asked for, and neither token takes the other's box.
    const [fromAda, fromBob] = [await userStarts(ada, 20), await userStarts(bob, 20)];
    const answers = [
      await say(fromAda.kind, 20, requestOf(fromAda.bytes)),
      await say(fromBob.kind, 20, requestOf(fromBob.bytes)),
    ];
    expect(bob.takeCash(answers[0]!.boxes)).toBe('RECEIPT_INVALID');
    expect(ada.takeCash(answers[1]!.boxes)).toBe('RECEIPT_INVALID');
    expect([ada.takeCash(answers[0]!.boxes), bob.takeCash(answers[1]!.boxes)]).toEqual(['OK', 'OK']);
    expect([ebc(ada), ebc(bob), ada.balance, bob.balance]).toEqual([20, 20, 20, 20]);
  },
);

/** A new request; what waits was refused for good. */
async function userStarts(wallet: ReferenceWallet, amount: number) {
  if (wallet.waiting && houses.scheme.issue === 'keyed' && wallet === ada)
    wallet.takeCash((await say(wallet.waiting.kind, 20, requestOf(wallet.waiting.bytes))).boxes);
  return wallet.startWithdrawal(amount);
}

test.each(KEYED)('scheme %i: a request refused out of turn stays refused when its turn comes', async (number) => {
  await open(number);
  const ahead = ada.owned(REQUEST.keyedIssue, 50, ada.keyedRequest(ada.issueSecret(50, 0, 2), 2));
  const refusedReply = await say(REQUEST.keyedIssue, 50, requestOf(ahead));
  expect([codeIn(refusedReply), refusedReply.boxes]).toEqual(['SEQ_REFUSED', []]);
  // The bank has posted the 50 back. Sequence 1 is done; now 2 would be the next.
  expect(await withdraw(houses, ada, 1)).toBe('OK');
  const replay = await say(REQUEST.keyedIssue, 50, requestOf(ahead));
  expect([replay.repeated, codeIn(replay), ebc(ada)]).toEqual([true, 'SEQ_REFUSED', 1]);
  // An honest bank posts the draw back, once.
  expect(good(await houses.bank!.request(ahead)).boxes).toEqual([]);
  expect(good(houses.accounts.balanceOf('Ada')).balance).toBe(99);
  expect(conservation(houses).ok).toBe(true);
  // The next in turn goes on.
  expect(await withdraw(houses, ada, 2)).toBe('OK');
  expect([ebc(ada), good(houses.accounts.balanceOf('Ada')).balance]).toEqual([3, 97]);
});

test.each(KEYED)(
  'scheme %i: of two requests with one sequence the first counts; the draw of the other goes back',
  async (number) => {
    await open(number);
    const [one, other] = [1, 1].map((sequence) =>
      ada.owned(REQUEST.keyedIssue, 10, ada.keyedRequest(ada.issueSecret(10), sequence)),
    );
    const answers = await Promise.all([houses.bank!.request(one!), houses.bank!.request(other!)]);
    expect(answers.map((answer) => good(answer).boxes.length)).toEqual([1, 0]);
    expect([ebc(ada), good(houses.accounts.balanceOf('Ada')).balance]).toEqual([10, 90]);
    expect(conservation(houses).ok).toBe(true);
  },
);

test.each(KEYED)("scheme %i: K of one set does not speak for another's pseudonym", async (number) => {
  await open(number);
  const request = ada.owned(REQUEST.keyedIssue, 10, ada.keyedRequest(bob.issueSecret(10), 1));
  expect(good(await houses.bank!.request(request)).boxes).toHaveLength(1);
  expect([ebc(ada), ebc(bob), good(houses.accounts.balanceOf('Ada')).balance]).toEqual([0, 0, 100]);
});

test.each(KEYED)('scheme %i: a KID that nobody has', async (number) => {
  await open(number);
  const keyed = requestOf((await ada.startWithdrawal(10)).bytes);
  expect(codeIn(await say(REQUEST.keyedIssue, 10, flipped(keyed, 0)))).toBe('KID_UNKNOWN');
  expect(codeIn(await say(REQUEST.keyedIssue, 10, keyed.subarray(0, 20)))).toBe('BAD_REQUEST');
});

test.each(THROUGH_BANK)('scheme %i: every byte of what the bank passes on is covered', async (number) => {
  await open(number);
  const before = good(houses.office.numbers()).numbers;
  const carl = userOf(houses, 'Carl');
  for (const { kind, bytes, amount } of [await ada.startWithdrawal(10), await carl.startRegistration()]) {
    const request = requestOf(bytes);
    for (let at = 0; at < request.length; at += extent(5, 1)) {
      const answer = await say(kind, amount, flipped(request, at));
      expect([at, codeIn(answer), answer.boxes]).toEqual([
        at,
        expect.stringMatching(/BAD_REQUEST|KID_UNKNOWN|SEQ_REFUSED/),
        [],
      ]);
    }
    for (const kindOfAnother of [REQUEST.coupon, REQUEST.redeem, REQUEST.open, 0, 200]) {
      const message = bankMessage.encode({ kind: kindOfAnother, issuer: houses.facts.issuer, amount, request });
      const signature = houses.scheme.signedBetweenInstitutions ? bankSigner.sign(SIGNED.bankMessage, message) : null;
      expect(codeOf(await houses.issuer.receive(message, signature))).toBe('BAD_REQUEST');
    }
  }
  expect(good(houses.office.numbers()).numbers).toEqual(before);
  expect(await finish(houses, ada)).toBe('OK');
});

test.each(THROUGH_BANK)('scheme %i: who is not the bank, or speaks to another issuer', async (number) => {
  await open(number);
  const { kind, bytes } = await ada.startWithdrawal(10);
  const message = bankMessage.encode({ kind, issuer: houses.facts.issuer, amount: 10, request: requestOf(bytes) });
  const elsewhere = bankMessage.encode({ kind, issuer: new Uint8Array(4), amount: 10, request: requestOf(bytes) });
  const { signedBetweenInstitutions: signs } = houses.scheme;
  const right = bankSigner.sign(SIGNED.bankMessage, message);
  // "Plain" means that no signature stands in the message; the channel knows the bank (test/services/served-schemes).
  for (const wrong of signs
    ? [null, signerOf('Mallory').sign(SIGNED.bankMessage, message), flipped(right, 3)]
    : [right]) {
    expect(codeOf(await houses.issuer.receive(message, wrong))).toBe('SIGNATURE_INVALID');
  }
  expect(
    codeOf(await houses.issuer.receive(elsewhere, signs ? bankSigner.sign(SIGNED.bankMessage, elsewhere) : null)),
  ).toBe('ISSUER_UNKNOWN');
  expect(codeOf(await houses.issuer.receive(message.subarray(0, 12), right))).toBe('BAD_REQUEST');
  expect(ebc(ada)).toBe(0);
});

test.each(SEALED)(
  'scheme %i: sealed to another issuer, the request is refused and the draw posted back',
  async (number) => {
    await open(number);
    const elsewhere = userOf(houses, 'Carl', 10);
    const { publicKey } = await createUnsealer(seedOf('another issuer'));
    const sealed = await seal(publicKey, number, REQUEST.sealedIssue, new Uint8Array(180));
    expect(good(await houses.bank!.request(elsewhere.owned(REQUEST.sealedIssue, 10, sealed))).boxes).toEqual([]);
    expect(good(houses.accounts.balanceOf('Carl')).balance).toBe(10);
    expect(conservation(houses)).toMatchObject({ ok: true });
  },
);

describe('a bank frames somebody', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const sql = (text: string, ...values: unknown[]) => {
    const database = new Sqlite(join(folder, 'bank.db'));
    expect(database.prepare(text).run(...values).changes).toBeGreaterThan(0);
    database.close();
  };
  async function overspend(): Promise<Uint8Array> {
    expect(await withdraw(houses, ada, 10)).toBe('OK');
    good(deposit(houses, ada.pay(SHOP, 11, rsOf(1), START_S)));
    await returnAll(houses);
    return new Uint8Array(
      new Sqlite(join(folder, 'bank.db'))
        .prepare(`SELECT owned FROM requests WHERE name = 'Ada' AND kind = ${REQUEST.register}`)
        .pluck()
        .get() as Buffer,
    );
  }
  const outcome = () => {
    const { name, proof } = good(traceOf(houses, ada.pku));
    return [name, proof];
  };

  test.each(THROUGH_BANK)("scheme %i: Ada's pseudonym under Bob's name comes out UNPROVEN", async (number) => {
    await open(number, folder);
    const registration = await overspend();
    expect(outcome()).toEqual(['Ada', 'PROVEN']);
    sql(`UPDATE requests SET name = 'Bob' WHERE owned = ?`, registration);
    expect(outcome()).toEqual(['Bob', 'UNPROVEN']);
    // Bob's own signature is about another ciphertext, and cannot be made about this one.
    const { request, ...ours } = ownedRequest.decode(registration)!;
    const bobs = bob.owned(REQUEST.register, 0, new Uint8Array([1, 2, 3]));
    sql(`UPDATE requests SET owned = ? WHERE owned = ?`, bobs, registration);
    expect(outcome()).toEqual(['Bob', 'UNPROVEN']);
    const glued = ownedRequest.encode({ ...ownedRequest.decode(bobs)!, request });
    sql(`UPDATE requests SET owned = ? WHERE owned = ?`, glued, bobs);
    expect(outcome()).toEqual(['Bob', 'UNPROVEN']);
    // A withdrawal that Bob signed is no registration.
    const asWithdrawal = bob.owned(
      houses.scheme.issue === 'keyed' ? REQUEST.keyedIssue : REQUEST.sealedIssue,
      5,
      request,
    );
    sql(`UPDATE requests SET owned = ? WHERE owned = ?`, asWithdrawal, glued);
    expect(outcome()).toEqual(['Bob', 'UNPROVEN']);
    sql(`UPDATE requests SET owned = ? WHERE owned = ?`, ownedRequest.encode({ ...ours, request }), asWithdrawal);
    sql(`UPDATE requests SET name = 'Ada' WHERE owned = ?`, registration);
    expect(outcome()).toEqual(['Ada', 'PROVEN']);
  });

  test.each(THROUGH_BANK)('scheme %i: no name without the order of the issuer', async (number) => {
    await open(number, folder);
    await overspend();
    const { order } = good(houses.office.traceOrder(ada.pku, 'overspent'));
    for (let at = 0; at < order.length; at++)
      expect([at, codeOf(houses.bankOffice!.trace(flipped(order, at)))]).toEqual([
        at,
        expect.stringMatching(/SIGNATURE_INVALID|BAD_REQUEST/),
      ]);
    expect(codeOf(houses.bankOffice!.trace(order.subarray(0, 100)))).toBe('BAD_REQUEST');
    houses.clock.nowS += 7 * 86400 + 1;
    expect(codeOf(houses.bankOffice!.trace(order))).toBe('ORDER_EXPIRED');
    houses.clock.nowS -= 1;
    expect(houses.bankStore!.traces()).toEqual([]);
    expect(good(houses.bankOffice!.trace(order)).name).toBe('Ada');
    expect(houses.bankStore!.traces()).toMatchObject([
      { operator: 'clerk', why: 'overspent', ebc: -1, name: 'Ada', order },
    ]);
  });
});
