/**
 * A token endpoint for the desk's tests: speaks the real messages with real signatures, and keeps what a token keeps.
 * Left out: payment by radio, flash, timing. The firmware's own token is tested elsewhere.
 */
import { concat, equal } from '../../firmware/core/bytes.js';
import type { Code } from '../../firmware/core/codes.js';
import { challenge, chargeId, history, license, licenseBody, payment } from '../../firmware/wire/payment.js';
import { registration, registrationBody } from '../../firmware/wire/registration.js';
import { REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import {
  amountRequest,
  debitAnswer,
  debitRequest,
  identity,
  INS,
  licenseGrant,
  nameRequest,
  receiptAnswer,
  requestPart,
  tokenStatus,
} from '../../firmware/wire/token-commands.js';
import { receipt, receiptBody, withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { createSigner, isSigned } from '../../host-bridge/base/crypto/signer.js';
import { ISSUER, issuerKey, registrarKey, seedOf } from '../kit/histories.js';

export interface FakeToken {
  balance: number;
  receiptNumber: number;
  name: string;
  license: Uint8Array | null;
  /** Whether the button was pressed. */
  open: boolean;
  /** Whether its owner agrees to every withdrawal. */
  agrees: boolean;
  /** x as its owner has entered it; 0: not yet; null: it has no keys. */
  entered: number | null;
  pku: Uint8Array;
  accountKey: Uint8Array;
  /** Its journal: payments by place, with whether the shop acknowledged them. */
  debits: { challenge: Uint8Array; signature: Uint8Array; settled: boolean }[];
  /** Signs a payment as if it had been tapped. @returns the encoded history */
  pay(challengeBytes: Uint8Array): Uint8Array;
  command(ins: number, data: Uint8Array): { code: Code; data: Uint8Array };
}

const NOTHING = new Uint8Array(0);
const no = (code: Code) => ({ code, data: NOTHING });
const yes = (data: Uint8Array) => ({ code: 'OK' as Code, data });
const whole = (amount: number, part: Uint8Array) =>
  yes(requestPart.encode({ kind: REQUEST.open, amount, length: part.length, part }));

export function createFakeToken(seed: string): FakeToken {
  const account = createSigner(seedOf(`${seed} account`));
  const pseudonym = createSigner(seedOf(`${seed} pseudonym`));
  const pku = pseudonym.publicKey;
  const token: FakeToken = {
    balance: 0,
    receiptNumber: 0,
    name: '',
    license: null,
    open: true,
    agrees: true,
    entered: 0,
    pku,
    accountKey: account.publicKey,
    debits: [],
    pay,
    command,
  };

  const historyOf = ({ challenge, signature }: FakeToken['debits'][number]) =>
    history.encode({ license: token.license!, signature, challenge });
  function pay(challengeBytes: Uint8Array): Uint8Array {
    const debit = {
      challenge: challengeBytes,
      signature: pseudonym.sign(SIGNED.payment, challengeBytes),
      settled: false,
    };
    token.debits.push(debit);
    token.balance -= challenge.decode(challengeBytes)!.amount;
    return historyOf(debit);
  }
  /** Above 1000 it wants its button first; the same challenge has the same answer. */
  function answerChallenge(data: Uint8Array) {
    const asked = challenge.decode(data)!;
    if (asked.amount > token.balance) return no('REFUSED');
    if (asked.amount > 1000 && !token.open) return no('CONFIRM_NEEDED');
    const known =
      token.debits.find((debit) => equal(debit.challenge, data)) ?? (pay(data), token.debits[token.debits.length - 1]!);
    return yes(payment.encode({ amount: asked.amount, signature: known.signature }));
  }
  function readDebit(data: Uint8Array) {
    const { slot } = debitRequest.decode(data)!;
    const debit = token.debits[slot];
    return debit
      ? yes(debitAnswer.encode({ slot, settled: debit.settled ? 1 : 0, history: historyOf(debit) }))
      : no('NO_CHARGE');
  }
  function ack(data: Uint8Array) {
    const { rs, shop } = chargeId.decode(data)!;
    const found = token.debits.find((debit) => {
      const asked = challenge.decode(debit.challenge)!;
      return equal(asked.rs, rs) && asked.shop === shop;
    });
    if (!found) return no('NO_CHARGE');
    found.settled = true;
    return yes(NOTHING);
  }
  function register(data: Uint8Array) {
    const request = nameRequest.decode(data);
    if (!request) return no('BAD_REQUEST');
    if (token.license && request.name !== token.name) return no('WRONG_NAME');
    token.name = request.name;
    const body = registrationBody.encode({ pku, accountKey: account.publicKey, name: token.name });
    return whole(
      0,
      registration.encode({
        accountSignature: account.sign(SIGNED.registration, body),
        proof: pseudonym.sign(SIGNED.registrationProof, body),
        body,
      }),
    );
  }
  function takeLicense(data: Uint8Array) {
    const grant = licenseGrant.decode(data);
    const offered = grant && license.decode(grant.license);
    const body = offered && licenseBody.decode(offered.body);
    if (!grant || !offered || !body) return no('BAD_REQUEST');
    if (!equal(body.pku, pku) || !isSigned(registrarKey.publicKey, SIGNED.license, offered.body, offered.signature))
      return no('LICENSE_INVALID');
    token.license = grant.license;
    return yes(NOTHING);
  }
  function withdraw(data: Uint8Array) {
    const request = amountRequest.decode(data);
    if (!request) return no('BAD_REQUEST');
    if (!token.license) return no('NOT_LICENSED');
    if (request.amount === 0) {
      const { entered } = token;
      if (entered === null) return no('NO_KEYS');
      if (entered === 0) return no('NO_CHARGE');
      token.entered = 0;
      return requestFor(entered);
    }
    if (!token.agrees) return no('CONFIRM_NEEDED');
    return requestFor(request.amount);
  }
  function requestFor(amount: number) {
    const body = withdrawalBody.encode({
      issuer: ISSUER,
      currency: 'EUR',
      pku,
      number: token.receiptNumber + 1,
      amount,
      name: token.name,
    });
    return whole(
      amount,
      withdrawal.encode({
        accountSignature: account.sign(SIGNED.withdrawal, body),
        proof: pseudonym.sign(SIGNED.withdrawalProof, body),
        body,
      }),
    );
  }
  function takeReceipt(data: Uint8Array) {
    const offered = receipt.decode(data);
    const body = offered && receiptBody.decode(offered.body);
    if (!offered || !body) return no('BAD_REQUEST');
    if (!equal(body.pku, pku) || !isSigned(issuerKey.publicKey, SIGNED.receipt, offered.body, offered.signature))
      return no('RECEIPT_INVALID');
    if (body.number > token.receiptNumber + 1) return no('RECEIPT_GAP');
    if (body.number === token.receiptNumber + 1) {
      token.receiptNumber++;
      token.balance += body.amount;
    }
    return yes(receiptAnswer.encode({ receiptNumber: token.receiptNumber }));
  }
  function command(ins: number, data: Uint8Array) {
    if (ins === INS.receipt) return takeReceipt(data);
    if (ins === INS.ack) return ack(data);
    if (ins === INS.open) return token.license ? yes(concat([token.license, new Uint8Array(1)])) : no('NOT_LICENSED');
    if (ins === INS.challenge) return answerChallenge(data);
    if (token.license && !token.open) return no('DESK_CLOSED');
    const licensed = token.license ? 1 : 0;
    if (ins === INS.identity)
      return yes(identity.encode({ accountKey: account.publicKey, pku, receiptNumber: token.receiptNumber, licensed }));
    if (ins === INS.register) return register(data);
    if (ins === INS.license) return takeLicense(data);
    if (ins === INS.withdraw) return withdraw(data);
    if (ins === INS.missed) return token.license ? requestFor(0) : no('NOT_LICENSED');
    if (ins === INS.debit) return readDebit(data);
    if (ins === INS.status) {
      return yes(
        tokenStatus.encode({
          balance: token.balance,
          receiptNumber: token.receiptNumber,
          unacknowledged: 0,
          nonces: 8,
          variablesUsed: 1,
          variablesTotal: 2,
          flashWrites: 3,
        }),
      );
    }
    return no('BAD_REQUEST');
  }
  return token;
}
