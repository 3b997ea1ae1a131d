/**
 * A purse on emulated flash for tests: real record log, real signatures (node:crypto), messages by the shared codecs.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { openRecordLog, type RecordLog } from '../../firmware/records/record-log.js';
import { WITHDRAWAL } from '../../firmware/user-token/confirmation.js';
import type { DeskTools } from '../../firmware/user-token/desk/desk-tools.js';
import { createDesk, needsTools, type Desk } from '../../firmware/user-token/desk/desk.js';
import { createPaperDesk } from '../../firmware/user-token/desk/paper-desk.js';
import { createSealedDesk } from '../../firmware/user-token/desk/sealed-desk.js';
import {
  openPurse,
  type Purse,
  type PurseAnswer,
  type PurseConfig,
  type PurseKeys,
} from '../../firmware/user-token/purse.js';
import { challenge, chargeId, license, licenseBody, payment, type Challenge } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { INS, isPaperCommand, licenseGrant } from '../../firmware/wire/token-commands.js';
import { multiplesHashOf, multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import { receipt, receiptBody, RECEIPT_KINDS, type ReceiptBody } from '../../firmware/wire/withdrawal.js';
import { createEmulatedFlash, type EmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { crc32 } from 'node:zlib';

/** An Ed25519 key of node:crypto from a seed whose bytes are all `fill`. */
export const keyOf = (fill: number) => keyFromSeed(new Uint8Array(32).fill(fill));

/** An Ed25519 key of node:crypto. @param seed 32 bytes */
export function keyFromSeed(seed: Uint8Array) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const open = createPublicKey(secret);
  const raw = new Uint8Array(open.export({ format: 'der', type: 'spki' }).subarray(12));
  return { publicKey: raw, sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, secret)) };
}

/** Verifies with node:crypto. */
export function verifyRaw(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
}

export const ISSUER = new Uint8Array([1, 2, 3, 4]);
export const registrar = keyOf(0x11);
export const issuer = keyOf(0x22);
export const account = keyOf(0x33);
export const pseudonym = keyOf(0x44);

/** Key of pseudonym i; the first is `pseudonym`. */
export const pseudonymKey = (i: number) => (i === 0 ? pseudonym : keyOf(0x80 + i));

/** The token's keys in node:crypto; each is made once. */
const tokenKeys = new Map<number, ReturnType<typeof keyOf>>();
function tokenKey(index: number) {
  if (!tokenKeys.has(index)) tokenKeys.set(index, index === 0 ? account : pseudonymKey(index - 1));
  return tokenKeys.get(index)!;
}

export function testKeys(): PurseKeys & { fail: boolean; signed: number } {
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  const keys = {
    fail: false,
    signed: 0,
    publicKey: (index: number) => tokenKey(index).publicKey,
    sign: (index: number, bytes: Uint8Array) => {
      if (keys.fail) return null;
      keys.signed++;
      return tokenKey(index).sign(bytes);
    },
    sha256,
    secretHash: (bytes: Uint8Array) => sha256(Buffer.concat([Buffer.from('secret'), bytes])),
    verify: verifyRaw,
  };
  return keys;
}

export const CONFIG: PurseConfig = {
  issuer: ISSUER,
  currency: 'EUR',
  registrarKey: registrar.publicKey,
  issuerKey: issuer.publicKey,
  registrarBefore: null,
  issuerBefore: null,
  limits: { paymentMax: 1000, sumMax: 2500 },
  debitSlots: 4,
  pseudonyms: 1,
  policy: 'rotate' as PurseConfig['policy'],
  scheme: 1,
  registration: 'open',
  issue: 'direct',
};

const BASE = 0x310000;
const REGION = { address: BASE, pages: 8, pageBytes: 2048 };

export function newFlash(): EmulatedFlash {
  return createEmulatedFlash({ address: BASE, bytes: REGION.pages * REGION.pageBytes, pageBytes: REGION.pageBytes });
}

export function openLog(flash: EmulatedFlash): RecordLog {
  const opened = openRecordLog(flash, REGION, (bytes) => crc32(bytes));
  if (!opened.ok) throw new Error('flash damaged at ' + opened.address);
  return opened.log;
}

/** Desk commands by their names. */
export function deskOf(answer: (ins: number, data: Uint8Array, nowMs: number) => PurseAnswer) {
  const none = new Uint8Array(0);
  return {
    identity: (nowMs: number) => answer(INS.identity, none, nowMs),
    register: (data: Uint8Array, nowMs: number) => answer(INS.register, data, nowMs),
    license: (data: Uint8Array, nowMs: number) => answer(INS.license, data, nowMs),
    withdraw: (data: Uint8Array, nowMs: number) => answer(INS.withdraw, data, nowMs),
    part: (data: Uint8Array, nowMs: number) => answer(INS.part, data, nowMs),
    reply: (data: Uint8Array, nowMs: number) => answer(INS.reply, data, nowMs),
    couponKeys: (data: Uint8Array, nowMs: number) => answer(INS.couponKeys, data, nowMs),
    couponStart: (data: Uint8Array, nowMs: number) => answer(INS.couponStart, data, nowMs),
    couponBlind: (data: Uint8Array, nowMs: number) => answer(INS.couponBlind, data, nowMs),
    missed: (nowMs: number, commandId = COMMAND_ID) => answer(INS.missed, commandId, nowMs),
    redeem: (nowMs: number, commandId = COMMAND_ID) => answer(INS.redeem, commandId, nowMs),
    debit: (data: Uint8Array, nowMs: number) => answer(INS.debit, data, nowMs),
    receipt: (data: Uint8Array) => answer(INS.receipt, data, 0),
  };
}

export interface TestPurse {
  flash: EmulatedFlash;
  log: RecordLog;
  keys: ReturnType<typeof testKeys>;
  purse: Purse;
  desk: ReturnType<typeof deskOf>;
}

/** Opens whatever the flash holds, as a boot does. */
export function boot(flash: EmulatedFlash, config: PurseConfig = CONFIG, tools: DeskTools | null = null): TestPurse {
  const log = openLog(flash);
  const keys = testKeys();
  const purse = openPurse(log, keys, config);
  if (needsTools(config) && !tools) throw new TypeError('this scheme needs tools');
  const desk = createDesk(
    purse.state,
    tools && ((requests) => createSealedDesk(purse.state, requests, tools, () => undefined)),
  );
  const papers = createPaperDesk(purse.state);
  const answer: Desk['answer'] = (ins, data, nowMs) =>
    isPaperCommand(ins) ? papers(ins, data, nowMs) : desk.answer(ins, data, nowMs);
  return { flash, log, keys, purse, desk: deskOf(answer) };
}

/** A registered and licensed token with `balance`. */
export function ready(balance: number, config: PurseConfig = CONFIG): TestPurse {
  const token = boot(newFlash(), config);
  must(token.desk.register(nameBytes('Ada'), 0));
  must(token.desk.license(grantBytes({}), 0));
  if (balance > 0) must(token.desk.receipt(receiptBytes({ number: 1, amount: balance })));
  return token;
}

export function must<T extends { ok: boolean }>(answer: T): Extract<T, { ok: true }> {
  if (!answer.ok) throw new Error('expected OK, got ' + JSON.stringify(answer));
  return answer as Extract<T, { ok: true }>;
}

/** The owner agrees to a withdrawal before a desk asks for it, as one does who enters it on the token. */
export function agreeTo(token: TestPurse, amount: number, nowMs = 0): void {
  const { confirmation } = token.purse.state;
  confirmation.end();
  confirmation.agreed(WITHDRAWAL, amount, '', nowMs);
  confirmation.press(nowMs);
}

/** 'OK' or the code. */
export function codeOfAnswer(answer: { ok: true } | { ok: false; code: string }): string {
  return answer.ok ? 'OK' : answer.code;
}

/** Of every command of these tests' desk. */
export const COMMAND_ID: Uint8Array = new Uint8Array(8).fill(7);

export function nameBytes(name: string, commandId = COMMAND_ID): Uint8Array {
  return new Uint8Array([...commandId, name.length, ...Buffer.from(name)]);
}

export function rsOf(number: number): Uint8Array {
  const rs = new Uint8Array(16).fill(7);
  new DataView(rs.buffer).setUint32(4, number);
  new DataView(rs.buffer).setUint32(12, Math.imul(number, 2654435761) >>> 0);
  return rs;
}

function challengeOf(fields: Partial<Challenge> & { number?: number }): Challenge {
  const { number = 1, ...rest } = fields;
  return {
    issuer: ISSUER,
    currency: 'EUR',
    amount: 350,
    timeS: 1_700_000_000,
    counter: 9,
    rs: rsOf(number),
    shop: 'Cafe',
    ...rest,
  };
}

export function challengeBytes(fields: Partial<Challenge> & { number?: number }): Uint8Array {
  return challenge.encode(challengeOf(fields));
}

export function chargeBytes(number: number, shop = 'Cafe'): Uint8Array {
  return chargeId.encode({ rs: rsOf(number), shop });
}

const multiples = new Map<string, Uint8Array>();
export function multiplesFor(pku: Uint8Array): Uint8Array {
  const name = Buffer.from(pku).toString('hex');
  if (!multiples.has(name)) multiples.set(name, multiplesOf(pku));
  return multiples.get(name)!;
}

/** What the LICENSE command takes. */
export function grantBytes(fields: Parameters<typeof licenseBytes>[0]): Uint8Array {
  return licenseGrant.encode({
    license: licenseBytes(fields),
    multiples: multiplesFor(fields.pku ?? pseudonym.publicKey),
  });
}

export function licenseBytes(fields: {
  pku?: Uint8Array;
  issuer?: Uint8Array;
  currency?: string;
  licenseClass?: number;
  validUntilS?: number;
  by?: ReturnType<typeof keyOf>;
  type?: number;
}): Uint8Array {
  const body = licenseBody.encode({
    issuer: fields.issuer ?? ISSUER,
    currency: fields.currency ?? 'EUR',
    licenseClass: fields.licenseClass ?? 1,
    validUntilS: fields.validUntilS ?? 1_800_000_000,
    pku: fields.pku ?? pseudonym.publicKey,
    multiplesHash: multiplesHashOf(multiplesFor(fields.pku ?? pseudonym.publicKey)),
  });
  return license.encode({
    body,
    signature: (fields.by ?? registrar).sign(signedBytes(fields.type ?? SIGNED.license, body)),
  });
}

export function receiptBytes(fields: Partial<ReceiptBody> & { by?: ReturnType<typeof keyOf> }): Uint8Array {
  const { by = issuer, ...rest } = fields;
  const body = receiptBody.encode({
    issuer: ISSUER,
    currency: 'EUR',
    pku: pseudonym.publicKey,
    number: 1,
    kind: RECEIPT_KINDS.withdrawal,
    amount: 1000,
    ...rest,
  });
  return receipt.encode({ body, signature: by.sign(signedBytes(SIGNED.receipt, body)) });
}

/** Whether a CHALLENGE answer is the pseudonym's signature over exactly these bytes. */
export function isPaymentFor(data: Uint8Array, bytes: Uint8Array): boolean {
  const answer = payment.decode(data);
  const asked = challenge.decode(bytes);
  if (!answer || !asked || answer.amount !== asked.amount) return false;
  return verifyRaw(pseudonym.publicKey, signedBytes(SIGNED.payment, bytes), answer.signature);
}
