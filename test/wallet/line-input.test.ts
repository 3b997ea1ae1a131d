/**
 * What a wallet and a shop refuse of each other over a line: bytes that were changed, another shop or amount than its
 * owner has confirmed, answers of another conversation, a shop that asks twice, desk commands, requests that are none.
 * Each has its code, and changes nothing.
 */
import { issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { createLineClient, type LineClient, type LineStep } from '../../host-bridge/http/line-client.js';
import { payOverLine, type LinePayment } from '../../host-bridge/wallet/line-payment.js';
import type { ErrorCode, Result } from '../../host-bridge/base/errors.js';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { codeOfStatusWord } from '../../firmware/core/codes.js';
import { encodeApdu } from '../../firmware/nfc/iso-dep-client.js';
import { challenge, chargeId } from '../../firmware/wire/payment.js';
import { AID, CLA, INS } from '../../firmware/wire/token-commands.js';
import { codeOf, good } from '../kit/people.js';
import { leaksOf } from './wallet-secrets.js';
import { openWalletRig, SHOP, WITHDRAWN, type WalletRig } from './wallet-rig.js';

let rig: WalletRig;
beforeAll(async () => {
  rig = await openWalletRig(1);
});
afterAll(() => rig.close());

/** A payment by a client of the test's. */
function paymentBy(client: LineClient, charge: Uint8Array, amount: number, presses = false): LinePayment {
  let known: Uint8Array | null = null;
  return {
    token: rig.wallet().token,
    client,
    charge,
    confirmed: { shop: SHOP, currency: 'EUR', amount },
    presses,
    known: () => known,
    note: (id) => void (known = id),
    pause: async () => undefined,
  };
}

/** The shop's line, with answers changed on their way. */
function tampered(change: (ins: number, answer: Uint8Array) => Uint8Array): LineClient {
  const client = createLineClient({ url: rig.shop().service.url });
  let command: Uint8Array = new Uint8Array(0);
  const seen = (step: Result<LineStep>) => {
    if (step.ok && step.command) command = step.command;
    return step;
  };
  return {
    charge: client.charge,
    arrive: async (id) => seen(await client.arrive(id)),
    answer: async (visit, number, answer) => seen(await client.answer(visit, number, change(command[1]!, answer))),
  };
}

/** Flips a bit of a byte. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at]! ^= 1;
  return out;
}

/** A shop that sends what a test wants, command after command, and ends. */
function scripted(commands: Uint8Array[], answers: Uint8Array[], end: ErrorCode = 'TAP_TORN'): LineClient {
  let at = 0;
  const next = (): Result<LineStep> => {
    const command = commands[at++];
    return { ok: true, visit: '', number: at, command: command ?? null, code: command ? null : end };
  };
  return {
    charge: async () => ({ ok: false, code: 'CHARGE_UNKNOWN' }),
    arrive: async () => next(),
    answer: async (_visit, _number, answer) => {
      answers.push(answer);
      return next();
    },
  };
}

const select = () => encodeApdu(0, 0xa4, 4, 0, AID, 2);
const codeIn = (answer: Uint8Array) => codeOfStatusWord(answer[answer.length - 2]! * 256 + answer[answer.length - 1]!);
const statusNow = () => rig.wallet().status();

test('changed bytes are refused, and the payment is good once they are not', async () => {
  const charge = await rig.charge(100);
  const before = statusNow();
  const license = tampered((ins, answer) => (ins === INS.open ? flipped(answer, 70) : answer));
  expect(codeOf(await payOverLine(paymentBy(license, charge, 100)))).toBe('LICENSE_INVALID');
  expect(statusNow()).toEqual(before);
  const signature = tampered((ins, answer) => (ins === INS.challenge ? flipped(answer, 20) : answer));
  const refused = await payOverLine(paymentBy(signature, charge, 100));
  expect(codeOf(refused)).toBe('SIGNATURE_INVALID');
  const amount = tampered((ins, answer) => (ins === INS.challenge ? flipped(answer, 7) : answer));
  expect(codeOf(await payOverLine(paymentBy(amount, charge, 100)))).toBe('AMOUNT_INVALID');
  expect(good(await rig.shop().bridge.wait(charge, 0, 0)).charge.state).toBe('open');
  // It was signed, so it is unfinished; the same charge is paid by the same signature.
  expect(statusNow()).toMatchObject({ balance: before.balance - 100, unacknowledged: 1 });
  good(await rig.pay(charge, 100));
  await rig.paid(charge);
  expect(statusNow()).toMatchObject({ balance: before.balance - 100, unacknowledged: 0 });
});

test('another shop or amount than was confirmed gets no signature', async () => {
  const charge = await rig.charge(120);
  const before = statusNow();
  expect(codeOf(await rig.pay(charge, 100))).toBe('NOT_CONFIRMED');
  expect(codeOf(await rig.pay(charge, 120, 'Cafe Rom'))).toBe('NOT_CONFIRMED');
  expect(statusNow()).toEqual(before);
  good(await rig.shop().bridge.cancel(charge));
  expect(codeOf(await rig.pay(charge, 120))).toBe('NO_CHARGE');
  expect(codeOf(await rig.pay(fromHex('0011223344556677')!, 120))).toBe('CHARGE_UNKNOWN');
  expect(statusNow()).toEqual(before);
});

test('above the limits without its owner, or above what it holds: nothing is signed', async () => {
  const before = statusNow();
  const large = await rig.charge(4000);
  const client = createLineClient({ url: rig.shop().service.url });
  expect(codeOf(await payOverLine(paymentBy(client, large, 4000)))).toBe('CONFIRM_NEEDED');
  good(await rig.shop().bridge.cancel(large));
  const short = await rig.charge(WITHDRAWN + 1);
  expect(codeOf(await rig.pay(short, WITHDRAWN + 1))).toBe('WALLET_SHORT');
  good(await rig.shop().bridge.cancel(short));
  expect(statusNow()).toEqual(before);
});

test('a shop that asks for one charge twice gets one signature', async () => {
  const before = statusNow();
  const issuer = issuerIdOf(rig.houses.issuer.parameters.issuerKey);
  const asked = (rs: number) => {
    const id = { rs: new Uint8Array(16).fill(rs), shop: SHOP };
    const data = challenge.encode({ issuer, currency: 'EUR', amount: 100, timeS: 1, counter: rs, ...id });
    return [encodeApdu(CLA, INS.open, 0, 0, chargeId.encode(id), 125), encodeApdu(CLA, INS.challenge, 0, 0, data, 72)];
  };
  const answers: Uint8Array[] = [];
  const shop = scripted([select(), ...asked(1), ...asked(2), ...asked(1)], answers);
  const paid = await payOverLine(paymentBy(shop, new Uint8Array(8), 100));
  expect([codeOf(paid), answers.map(codeIn)]).toEqual([
    'TAP_TORN',
    ['OK', 'OK', 'OK', 'OK', 'CHALLENGE_CONFLICT', 'OK', 'OK'],
  ]);
  expect(toHex(answers[6]!)).toBe(toHex(answers[2]!));
  expect(statusNow()).toMatchObject({ balance: before.balance - 100, unacknowledged: before.unacknowledged + 1 });
});

test('desk commands and the status are not for who is on a line', async () => {
  const before = statusNow();
  const answers: Uint8Array[] = [];
  const commands = [INS.identity, INS.register, INS.withdraw, INS.receipt, INS.license, INS.status];
  const shop = scripted(
    [select(), ...commands.map((ins) => encodeApdu(CLA, ins, 0, 0, new Uint8Array(9), 255))],
    answers,
  );
  await payOverLine(paymentBy(shop, new Uint8Array(8), 100));
  expect(answers.slice(1).map(codeIn)).toEqual(commands.map(() => 'DESK_CLOSED'));
  expect(statusNow()).toEqual(before);
});

test('answers of another conversation, and requests that are none, change nothing', async () => {
  const charge = await rig.charge(130);
  const url = rig.shop().service.url;
  const client = createLineClient({ url });
  const first = good(await client.arrive(charge));
  expect(codeOf(await client.answer('00'.repeat(8), 1, Uint8Array.of(0x90, 0)))).toBe('TAP_TORN');
  expect(codeOf(await client.answer(first.visit, first.number + 1, Uint8Array.of(0x90, 0)))).toBe('BAD_REQUEST');
  const second = good(await client.arrive(charge));
  // The first conversation is over, whatever is said in it.
  expect(good(await client.answer(first.visit, first.number, Uint8Array.of(0x90, 0))).code).toBe('TAP_TORN');
  expect(second.command).not.toBeNull();
  const bodies = [
    '',
    'null',
    '{}',
    '{"charge":"00"}',
    '{"charge":7}',
    `{"charge":"${'0'.repeat(16)}","more":1}`,
    '[[[',
  ];
  for (const path of ['/v2/line/charges', '/v2/line/visits', '/v2/line/answers'])
    for (const body of bodies) {
      const reply = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect([path, body, reply.status, Object.keys((await reply.json()) as object)]).toEqual([
        path,
        body,
        400,
        ['code', 'message', 'remedy'],
      ]);
    }
  good(await rig.pay(charge, 130));
  await rig.paid(charge);
});

test('a desk has no reader on a line', async () => {
  await rig.shop().bridge.drained(10_000);
  expect(codeOf(await rig.shop().bridge.teller.tokenStatus())).toBe('REFUSED');
});

test('no key of the wallet is in what it says, or in what the shop and the houses keep', () => {
  expect(leaksOf(rig)).toEqual([]);
});
