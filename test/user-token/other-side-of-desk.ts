/**
 * What stands on the other side of a token's desk: desk, bank and issuer in a few lines, with the host's real
 * cryptography. As the real ones they answer the same bytes with the same boxes, and count what they credited.
 */
import { createHash, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import { codeNumber, codeOf, type Code } from '../../firmware/core/codes.js';
import { concat, toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import type { DeskTools } from '../../firmware/user-token/desk/desk-tools.js';
import { createDeskTools } from '../../firmware/user-token/desk/desk-tools.js';
import type { Policy } from '../../firmware/user-token/policy.js';
import type { PurseConfig } from '../../firmware/user-token/purse.js';
import * as wire from '../../firmware/wire/request.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import {
  amountRequest,
  couponStart,
  partRequest,
  replyAnswer,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import { receipt, receiptBody, RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { edwardsOfX25519, makeCombTable, SEAL_SHAPE } from '../../flash-scripts/provision/tables.js';
import { createUnsealer, openBox, sealBox, type Unsealer } from '../../host-bridge/base/crypto/sealed-box.js';
import { blindSign } from '../../host-bridge/base/crypto/coupon-signer.js';
import { verifyCoupon } from '../../host-bridge/houses/issuer/issuer-cash.js';
import { aesBlocks } from '../../host-bridge/base/crypto/node-natives.js';
import { inverseOf } from '../../host-bridge/bridge/desk/desk-requests.js';
import { multiplesHashOf } from '../../host-bridge/base/crypto/key-multiples.js';
import { fastEd, plain } from '../crypto/crypto-kit.js';
import {
  boot,
  COMMAND_ID,
  CONFIG,
  ISSUER,
  issuer,
  multiplesFor,
  must,
  nameBytes,
  newFlash,
  type TestPurse,
  verifyRaw,
} from './purse-rig.js';
import { rsaKey } from '../kit/rsa-keys.js';

const { REQUEST, TO_ISSUER, TO_TOKEN } = wire;
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));

/** The issuer's key for sealed requests, and the bank's for two amounts. */
export interface HouseKeys {
  unsealer: Unsealer;
  coupons: Map<number, { key: KeyObject; modulus: Uint8Array }>;
}

export async function makeHouseKeys(amounts: number[] = []): Promise<HouseKeys> {
  const coupons = new Map(
    amounts.map((amount, i) => {
      const privateKey = rsaKey(i);
      const publicKey = createPublicKey(privateKey);
      return [
        amount,
        {
          key: privateKey,
          modulus: new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).n as string, 'base64url')),
        },
      ];
    }),
  );
  return { unsealer: await createUnsealer(random(32)), coupons };
}

/** Configuration of a token of a scheme. Licenses are the issuer's, also where a trustee would give them. */
export function configOf(scheme: number, pseudonyms = 1, policy: Policy = 'rotate'): PurseConfig {
  const row = schemeOf(scheme);
  return {
    ...CONFIG,
    registrarKey: issuer.publicKey,
    scheme,
    pseudonyms,
    policy,
    registration: row.registration,
    issue: row.issue,
  };
}

/** The desk's real cryptography. @param draws what was drawn, for a test that looks for secrets */
export function realTools(keys: HouseKeys, draw: (count: number) => Uint8Array = random): DeskTools {
  const sealTable = makeCombTable(SEAL_SHAPE, edwardsOfX25519(keys.unsealer.publicKey));
  const sha384 = (data: Uint8Array) => new Uint8Array(createHash('sha384').update(data).digest());
  return createDeskTools({
    natives: plain,
    aes: aesBlocks,
    sha384,
    curve: fastEd(),
    sealTable: sealTable as unknown as ArrayBuffer,
    random: draw,
  });
}

/** The list of coupon keys as the issuer publishes it. */
export function couponList(
  keys: HouseKeys,
  fields: {
    version?: number;
    issuer?: Uint8Array;
    currency?: string;
    by?: typeof issuer;
    type?: number;
    amounts?: number[];
  } = {},
): Uint8Array {
  const amounts = fields.amounts ?? [...keys.coupons.keys()];
  const rows = amounts.map((amount) =>
    wire.couponKey.encode({ amount, modulusHash: sha256(keys.coupons.get(amount)!.modulus) }),
  );
  const body = wire.couponKeysBody.encode({
    issuer: fields.issuer ?? ISSUER,
    currency: fields.currency ?? 'EUR',
    version: fields.version ?? 1,
    keys: concat(rows),
  });
  return wire.signedCouponKeys.encode({
    signature: (fields.by ?? issuer).sign(signedBytes(fields.type ?? SIGNED.couponKeys, body)),
    body,
  });
}

/** A license of the issuer for a pseudonym, with its multiples. */
export function grantFor(pku: Uint8Array, validUntilS = 1_800_000_000): { license: Uint8Array; multiples: Uint8Array } {
  const multiples = multiplesFor(pku);
  const body = licenseBody.encode({
    issuer: ISSUER,
    currency: 'EUR',
    licenseClass: 1,
    validUntilS,
    pku,
    multiplesHash: multiplesHashOf(multiples),
  });
  return { license: license.encode({ body, signature: issuer.sign(signedBytes(SIGNED.license, body)) }), multiples };
}

/** What the houses have of one token. */
export class Houses {
  /** Boxes by request. */
  readonly replies = new Map<string, Uint8Array[]>();
  /** Receipts by number, from 1. */
  readonly receipts: Uint8Array[] = [];
  /** Sum of what was credited, and what the bank drew. */
  credited = 0;
  drawn = 0;
  readonly spent = new Set<string>();
  readonly shared = new Map<string, { k: Uint8Array; sequence: number }>();
  pku: Uint8Array | null = null;
  /** Registrations opened, for what they hold. */
  readonly registered: Uint8Array[][] = [];
  validUntilS = 1_800_000_000;

  constructor(
    readonly keys: HouseKeys,
    readonly config: PurseConfig,
  ) {}

  /** The boxes for a request, the same for the same bytes. */
  async answer(kind: number, bytes: Uint8Array): Promise<Uint8Array[]> {
    const id = toHex(sha256(bytes));
    if (!this.replies.has(id)) this.replies.set(id, await this.decide(kind, bytes));
    return this.replies.get(id)!;
  }

  private async decide(kind: number, bytes: Uint8Array): Promise<Uint8Array[]> {
    if (kind === REQUEST.redeem) return this.redeem(bytes);
    const owned = wire.ownedRequest.decode(bytes)!;
    const body = wire.ownedBody.encode({ ...owned, requestHash: sha256(owned.request) });
    if (
      !verifyRaw(owned.accountKey, signedBytes(SIGNED.ownedRequest, body), owned.accountSignature) ||
      owned.kind !== kind
    )
      throw new Error('not the owner');
    if (kind === REQUEST.coupon) {
      this.drawn += owned.amount;
      const { key, modulus } = this.keys.coupons.get(owned.amount)!;
      const asked = wire.couponRequest.decode(owned.request);
      if (!asked || toHex(asked.modulusHash) !== toHex(sha256(modulus))) throw new Error('blinded for another key');
      return [blindSign(key, asked.blinded)!];
    }
    if (kind === REQUEST.register) return this.register(owned.request);
    this.drawn += owned.amount;
    if (kind === REQUEST.keyedIssue) return this.keyed(owned.request);
    const opened = await this.open(kind, owned.request);
    const { proof, body: issue } = wire.issueSecret.decode(opened.body)!;
    return [this.box(opened.k, kind, this.cash(proof, issue))];
  }

  private async open(kind: number, request: Uint8Array) {
    return wire.sealedPlain.decode((await this.keys.unsealer.open(request, this.config.scheme, kind))!)!;
  }

  private box(
    k: Uint8Array,
    kind: number,
    [code, body]: [Code, Uint8Array],
    index = 0,
    kid: Uint8Array = new Uint8Array(8),
    sequence = 0,
  ): Uint8Array {
    return sealBox(
      k,
      { direction: TO_TOKEN, kind, kid, sequence, index },
      wire.replyPlain.encode({ code: codeNumber(code), body }),
      random,
    );
  }

  private async register(request: Uint8Array): Promise<Uint8Array[]> {
    const { requestId, k, body } = await this.open(REQUEST.register, request);
    const pkus: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += wire.PSEUDONYM_PROOF_BYTES) {
      const { pku, proof } = wire.pseudonymProof.decode(body.slice(at, at + wire.PSEUDONYM_PROOF_BYTES))!;
      const proven = wire.proofBody.encode({ issuer: ISSUER, currency: 'EUR', requestId, pku });
      if (!verifyRaw(pku, signedBytes(SIGNED.pseudonymProof, proven), proof))
        return [this.box(k, REQUEST.register, ['SIGNATURE_INVALID', new Uint8Array(0)])];
      pkus.push(pku);
    }
    this.registered.push(pkus);
    this.pku = pkus[0]!;
    const kid = random(8);
    this.shared.set(toHex(kid), { k, sequence: 0 });
    return pkus.map((pku, i) =>
      this.box(k, REQUEST.register, ['OK', wire.grantPlain.encode({ kid, ...grantFor(pku, this.validUntilS) })], i),
    );
  }

  private keyed(request: Uint8Array): Uint8Array[] {
    const { kid, sequence, box } = wire.keyedRequest.decode(request)!;
    const shared = this.shared.get(toHex(kid))!;
    if (sequence !== shared.sequence + 1) return [];
    const plainText = openBox(
      shared.k,
      { direction: TO_ISSUER, kind: REQUEST.keyedIssue, kid, sequence, index: 0 },
      box,
    )!;
    shared.sequence = sequence;
    const { proof, body } = wire.issueSecret.decode(plainText)!;
    return [this.box(shared.k, REQUEST.keyedIssue, this.cash(proof, body), 0, kid, sequence)];
  }

  private async redeem(bytes: Uint8Array): Promise<Uint8Array[]> {
    const { k, body } = await this.open(REQUEST.redeem, bytes);
    const question = wire.issueSecret.decode(body);
    if (question) return [this.box(k, REQUEST.redeem, this.cash(question.proof, question.body))];
    const { proof, body: issue, prefix, signature } = wire.redemptionSecret.decode(body)!;
    const { pku, amount } = wire.issueBody.decode(issue)!;
    this.pku ??= pku;
    const prepared = concat([prefix, pku]);
    const decided = (): [Code, Uint8Array] => {
      if (!verifyCoupon(this.keys.coupons.get(amount)!.modulus, prepared, signature))
        return ['COUPON_INVALID', new Uint8Array(0)];
      if (this.spent.has(toHex(prepared))) return ['COUPON_SPENT', new Uint8Array(0)];
      const done = this.cash(proof, issue);
      if (done[0] === 'OK') this.spent.add(toHex(prepared));
      return done;
    };
    return [this.box(k, REQUEST.redeem, decided())];
  }

  /** The receipt that is asked for, or the one that has its number. */
  private cash(proof: Uint8Array, bytes: Uint8Array): [Code, Uint8Array] {
    const body = wire.issueBody.decode(bytes)!;
    if (!verifyRaw(body.pku, signedBytes(SIGNED.issue, bytes), proof)) return ['SIGNATURE_INVALID', new Uint8Array(0)];
    if (body.number <= this.receipts.length) return ['RECEIPT_GAP', this.receipts[body.number - 1]!];
    if (body.amount === 0) return ['OK', new Uint8Array(0)];
    this.credited += body.amount;
    // SKI(PKUi, x): for whichever of the set asks [0115].
    return ['OK', this.give(body.amount, RECEIPT_KINDS.withdrawal, body.pku)];
  }

  /** The next receipt, as a refund for example. */
  give(amount: number, kind: number, pku = this.pku!): Uint8Array {
    const body = receiptBody.encode({
      issuer: ISSUER,
      currency: 'EUR',
      pku,
      number: this.receipts.length + 1,
      kind,
      amount,
    });
    const paper = receipt.encode({ body, signature: issuer.sign(signedBytes(SIGNED.receipt, body)) });
    this.receipts.push(paper);
    return paper;
  }
}

type Answer = { ok: true; data: Uint8Array } | { ok: false; code: string };

/** A token with the houses that it deals with. */
export interface Dealing {
  token: TestPurse;
  houses: Houses;
  tools: DeskTools;
}

/** Reads the request that waits, whole. @throws Error with the code where a part is refused */
export function readWhole(token: TestPurse, first: Answer): { kind: number; amount: number; bytes: Uint8Array } {
  const head = requestPart.decode(must(first).data)!;
  let bytes = head.part;
  const start = bytes.slice(0, REQUEST_START_BYTES);
  while (bytes.length < head.length)
    bytes = concat([bytes, must(token.desk.part(partRequest.encode({ start, offset: bytes.length }), 0)).data]);
  return { kind: head.kind, amount: head.amount, bytes };
}

/** Brings the request to the houses and the boxes to the token. @returns code in the last box, or of a refusal */
export async function finish({ token, houses }: Dealing, first: Answer): Promise<string> {
  if (!first.ok) return first.code;
  const { kind, bytes } = readWhole(token, first);
  let code = 'NO_BOX';
  for (const [index, body] of (await houses.answer(kind, bytes)).entries()) {
    const taken = token.desk.reply(replyData.encode({ index, body }), 0);
    if (!taken.ok) return taken.code;
    code = codeOf(replyAnswer.decode(taken.data)!.code);
  }
  return code;
}

/** REGISTER until it no longer is BUSY. */
export function register(token: TestPurse, name = 'Ada'): Answer {
  for (;;) {
    const answer = token.desk.register(nameBytes(name), 0) as Answer;
    if (answer.ok || answer.code !== 'BUSY') return answer;
  }
}

/** What the desk asks for, and once more when its owner has pressed for it. */
export function agreed(token: TestPurse, ask: () => Answer): Answer {
  const answer = ask();
  if (answer.ok || answer.code !== 'CONFIRM_NEEDED') return answer;
  token.purse.press(0);
  return ask();
}

/** WITHDRAW, to which the owner agrees. */
export const withdraw = (token: TestPurse, amount: number): Answer =>
  agreed(token, () => token.desk.withdraw(amountRequest.encode({ commandId: COMMAND_ID, amount }), 0) as Answer);

/** COUPON START, to which the owner agrees, and COUPON BLIND, the desk inverting. */
export function askCoupon({ token, houses }: Dealing, amount: number): Answer {
  const { modulus } = houses.keys.coupons.get(amount)!;
  const masked = agreed(
    token,
    () => token.desk.couponStart(couponStart.encode({ commandId: COMMAND_ID, amount, modulus }), 0) as Answer,
  );
  return masked.ok ? (token.desk.couponBlind(inverseOf(masked.data, modulus)!, 0) as Answer) : masked;
}

/** A new token of a scheme, registered, its desk open. */
export async function registered(keys: HouseKeys, scheme: number, pseudonyms = 1): Promise<Dealing> {
  const config = configOf(scheme, pseudonyms);
  const tools = realTools(keys);
  const dealing = { token: boot(newFlash(), config, tools), houses: new Houses(keys, config), tools };
  const { token } = dealing;
  if (config.registration === 'sealed') {
    const code = await finish(dealing, register(token));
    if (code !== 'OK') throw new Error('registration: ' + code);
  } else {
    must(token.desk.register(nameBytes('Ada'), 0));
    const { license: paper, multiples } = grantFor(token.keys.publicKey(1));
    must(token.desk.license(concat([paper, multiples]), 0));
  }
  if (config.issue === 'coupon') {
    token.purse.press(0);
    must(token.desk.couponKeys(couponList(keys), 0));
  }
  token.purse.press(0);
  return dealing;
}

/** Boots what the flash holds, the desk open. */
export function reboot(dealing: Dealing): Dealing {
  const token = boot(dealing.token.flash, dealing.houses.config, dealing.tools);
  token.purse.press(0);
  return { ...dealing, token };
}
