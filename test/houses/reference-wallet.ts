/**
 * A user's equipment on the host, for every scheme: what a token does, written a second time from docs/protocol.md with
 * node:crypto, @hpke/core and @cloudflare/blindrsa-ts. Of the project's code it uses the encodings and the table of
 * schemes.
 *
 * Each step of a procedure is chosen by a column of the scheme's row. A request is made once and kept until its reply
 * is taken, so that a caller can lose, repeat or alter whatever travels. EP 0926637 [0014]-[0025], [0039]-[0044],
 * [0062]-[0069], [0084]-[0091], [0110]-[0117]. Left out: radio, journal, limits, and whatever else a token does for its
 * own safety.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { RSABSSA } from '@cloudflare/blindrsa-ts';
import { codeOf } from '../../firmware/core/codes.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { challenge, history, license, licenseBody, type Challenge } from '../../firmware/wire/payment.js';
import { registration, registrationBody } from '../../firmware/wire/registration.js';
import * as wire from '../../firmware/wire/request.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { receipt, receiptBody, withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import type { PublicParameters } from '../../host-bridge/base/services/procedures.js';

const { REQUEST, TO_ISSUER, TO_TOKEN } = wire;
const hpke = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const rsa = RSABSSA.SHA384.PSS.Randomized({ supportsRSARAW: false });
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer;
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));

/** An Ed25519 key by its seed. */
export class Key {
  private readonly secret: KeyObject;
  readonly publicKey: Uint8Array;

  constructor(readonly seed: Uint8Array = random(32)) {
    this.secret = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
      format: 'der',
      type: 'pkcs8',
    });
    this.publicKey = new Uint8Array(createPublicKey(this.secret).export({ format: 'der', type: 'spki' }).subarray(-32));
  }

  sign(type: number, body: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, signedBytes(type, body), this.secret));
  }
}

/** Whether a signature is a key's, by node:crypto alone. */
function isBy(publicKey: Uint8Array, type: number, body: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, signedBytes(type, body), key, signature);
}

/** Whether RSASSA-PSS with SHA-384 and 48 bytes of salt is a bank's for an amount: its refusal of a coupon. */
function isRefusal(modulus: Uint8Array, request: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({
    key: { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' },
    format: 'jwk',
  });
  const refused = signedBytes(SIGNED.couponRefusal, new Uint8Array(createHash('sha256').update(request).digest()));
  return verify('sha384', refused, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }, signature);
}

function boxKeys(k: Uint8Array, salt: Uint8Array, info: wire.BoxInfo): [key: Buffer, nonce: Buffer] {
  const bytes = Buffer.from(hkdfSync('sha256', k, salt, wire.boxInfo.encode(info), 28));
  return [bytes.subarray(0, 16), bytes.subarray(16)];
}

/** K(plain). */
export function closeBox(k: Uint8Array, info: wire.BoxInfo, plain: Uint8Array): Uint8Array {
  const salt = randomBytes(16);
  const cipher = createCipheriv('aes-128-gcm', ...boxKeys(k, salt, info), { authTagLength: 16 });
  return join(salt, cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** The plaintext of a box, or null. */
export function readBox(k: Uint8Array, info: wire.BoxInfo, bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < 32) return null;
  const decipher = createDecipheriv('aes-128-gcm', ...boxKeys(k, bytes.subarray(0, 16), info), { authTagLength: 16 });
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return join(decipher.update(bytes.subarray(16, -16)), decipher.final());
  } catch {
    return null;
  }
}

/** PKI(plain). */
export async function seal(sealKey: Uint8Array, scheme: number, kind: number, plain: Uint8Array): Promise<Uint8Array> {
  const recipientPublicKey = await hpke.kem.deserializePublicKey(bufferOf(sealKey));
  const { enc, ct } = await hpke.seal(
    { recipientPublicKey, info: bufferOf(wire.sealInfo(scheme, kind)) },
    bufferOf(plain),
  );
  return join(new Uint8Array(enc), new Uint8Array(ct));
}

/** A request that waits for its reply. */
export interface Waiting {
  kind: number;
  amount: number;
  /** What bank, issuer or trustee gets. */
  bytes: Uint8Array;
  k: Uint8Array;
  kid: Uint8Array;
  sequence: number;
}

/** A coupon on its way or in hand [0041]. */
interface Coupon {
  amount: number;
  prepared: Uint8Array;
  signature: Uint8Array;
}

export interface WalletOptions {
  scheme: Scheme;
  facts: PublicParameters;
  name: string;
  pseudonyms?: number;
  /** Default: a new one. A user may have several tokens with one account. */
  account?: Key;
}

const NO_KID: Uint8Array = new Uint8Array(8);

/** What a reply came to at the wallet: a code of the issuer's, or RECEIPT_INVALID for what no issuer said to it. */
export type Outcome = string;

/** A user's equipment 300. */
export class ReferenceWallet {
  readonly account: Key;
  readonly pseudonyms: Key[];
  readonly licenses: (Uint8Array | null)[];
  readonly coupons: Coupon[] = [];
  /** PKBx by amount, as the issuer signed them for everybody. */
  couponKeys = new Map<number, Uint8Array>();
  /** The keys that it was given: what an update adds to. */
  readonly issuerKeys: Uint8Array[];
  readonly registrarKeys: Uint8Array[];
  balance = 0;
  receiptNumber = 0;
  /** Signed debits, for the invariant EBC = Balance + payments not yet returned + receipts not taken up. */
  paid = 0;
  waiting: Waiting | null = null;
  private k: Uint8Array | null = null;
  private kid = NO_KID;
  private sequence = 0;
  private unblind: ((blindSignature: Uint8Array) => Promise<Uint8Array | null>) | null = null;

  constructor(readonly options: WalletOptions) {
    this.account = options.account ?? new Key();
    this.pseudonyms = Array.from({ length: options.pseudonyms ?? 1 }, () => new Key());
    this.licenses = this.pseudonyms.map(() => null);
    this.issuerKeys = [options.facts.issuerKey];
    this.registrarKeys = [options.facts.registrarKey];
  }

  get pku(): Uint8Array {
    return this.pseudonyms[0]!.publicKey;
  }

  /** What must never stand in a log: the shared key, the one of the request that waits, coupons in hand. */
  secrets(): Uint8Array[] {
    return [this.k, this.waiting?.k ?? null, ...this.coupons.map(({ signature }) => signature)].filter(
      (secret): secret is Uint8Array => secret !== null,
    );
  }

  /** Wraps what the bank passes on; the account key signs its hash. */
  owned(kind: number, amount: number, request: Uint8Array): Uint8Array {
    const { facts, name } = this.options;
    const { issuer, currency } = facts;
    const head = { kind, issuer, currency, accountKey: this.account.publicKey, amount, name };
    const body = wire.ownedBody.encode({
      ...head,
      requestHash: new Uint8Array(createHash('sha256').update(request).digest()),
    });
    return wire.ownedRequest.encode({
      ...head,
      accountSignature: this.account.sign(SIGNED.ownedRequest, body),
      request,
    });
  }

  /** [0014], [0062], [0110]: the registration, kept until its licenses are there. */
  async startRegistration(): Promise<Waiting> {
    const { scheme, facts, name } = this.options;
    if (scheme.registration === 'open') {
      const body = registrationBody.encode({ pku: this.pku, accountKey: this.account.publicKey, name });
      const bytes = registration.encode({
        accountSignature: this.account.sign(SIGNED.registration, body),
        proof: this.pseudonyms[0]!.sign(SIGNED.registrationProof, body),
        body,
      });
      return (this.waiting = { kind: REQUEST.open, amount: 0, bytes, k: NO_KID, kid: NO_KID, sequence: 0 });
    }
    const [requestId, k] = [random(16), random(16)];
    const proofs = this.pseudonyms.map((key) => {
      const pku = key.publicKey;
      return join(
        pku,
        key.sign(
          SIGNED.pseudonymProof,
          wire.proofBody.encode({ issuer: facts.issuer, currency: facts.currency, requestId, pku }),
        ),
      );
    });
    const sealed = await seal(facts.sealKey!, scheme.number, REQUEST.register, join(requestId, k, ...proofs));
    return (this.waiting = {
      kind: REQUEST.register,
      amount: 0,
      bytes: this.owned(REQUEST.register, 0, sealed),
      k,
      kid: NO_KID,
      sequence: 0,
    });
  }

  /** [0016], [0065], [0087]: licenses are verified, then kept. @param papers a license, or boxes */
  takeLicenses(papers: Uint8Array[]): Outcome {
    const waiting = this.waiting!;
    const grants = papers.map((bytes, index) => {
      if (waiting.kind === REQUEST.open) return { license: bytes, kid: NO_KID };
      const plain = this.readReply(waiting, index, bytes);
      if (!plain || plain.code !== 0) return plain ? codeOf(plain.code) : null;
      return wire.grantPlain.decode(plain.body);
    });
    for (const grant of grants) if (typeof grant === 'string') return this.finished(grant);
    if (grants.length !== this.pseudonyms.length) return 'LICENSE_INVALID';
    for (const [index, grant] of grants.entries()) {
      const paper = grant && typeof grant !== 'string' ? license.decode(grant.license) : null;
      const body = paper && licenseBody.decode(paper.body);
      if (!paper || !body || Buffer.compare(body.pku, this.pseudonyms[index]!.publicKey) !== 0)
        return 'LICENSE_INVALID';
      if (!this.registrarKeys.some((key) => isBy(key, SIGNED.license, paper.body, paper.signature)))
        return 'LICENSE_INVALID';
    }
    for (const [index, grant] of grants.entries()) this.licenses[index] = (grant as wire.GrantPlain).license;
    if (waiting.kind === REQUEST.register) {
      this.k = waiting.k;
      this.kid = (grants[0] as wire.GrantPlain).kid;
      this.sequence = 0;
    }
    return this.finished('OK');
  }

  private finished(outcome: Outcome): Outcome {
    this.waiting = null;
    return outcome;
  }

  private readReply(waiting: Waiting, index: number, bytes: Uint8Array): wire.ReplyPlain | null {
    const { k, kind, kid, sequence } = waiting;
    const plain = readBox(k, { direction: TO_TOKEN, kind, kid, sequence, index }, bytes);
    return plain && wire.replyPlain.decode(plain);
  }

  /** (PKUi, x) under the next receipt number, signed by SKUi. @param amount 0 asks for a receipt that was missed */
  issueSecret(amount: number, which = 0, number = this.receiptNumber + 1): Uint8Array {
    const key = this.pseudonyms[which]!;
    const { issuer, currency } = this.options.facts;
    const body = wire.issueBody.encode({ issuer, currency, pku: key.publicKey, number, amount });
    return join(key.sign(SIGNED.issue, body), body);
  }

  /**
   * [0017], [0067], [0089], [0114]: a withdrawal.
   * @param which pseudonym that asks
   * @param drawn what the bank is told, if not x
   */
  async startWithdrawal(amount: number, which = 0, drawn = amount): Promise<Waiting> {
    const { scheme } = this.options;
    if (scheme.issue === 'direct') return this.startDirect(amount);
    if (scheme.issue === 'sealed') {
      const [requestId, k] = [random(16), random(16)];
      const sealed = await seal(
        this.options.facts.sealKey!,
        scheme.number,
        REQUEST.sealedIssue,
        join(requestId, k, this.issueSecret(amount, which)),
      );
      return (this.waiting = {
        kind: REQUEST.sealedIssue,
        amount,
        bytes: this.owned(REQUEST.sealedIssue, drawn, sealed),
        k,
        kid: NO_KID,
        sequence: 0,
      });
    }
    const sequence = this.sequence + 1;
    const keyed = this.keyedRequest(this.issueSecret(amount, which), sequence);
    return (this.waiting = {
      kind: REQUEST.keyedIssue,
      amount,
      bytes: this.owned(REQUEST.keyedIssue, drawn, keyed),
      k: this.k!,
      kid: this.kid,
      sequence,
    });
  }

  keyedRequest(secret: Uint8Array, sequence: number): Uint8Array {
    const info = { direction: TO_ISSUER, kind: REQUEST.keyedIssue, kid: this.kid, sequence, index: 0 };
    return wire.keyedRequest.encode({ kid: this.kid, sequence, box: closeBox(this.k!, info, secret) });
  }

  private startDirect(amount: number): Waiting {
    const { facts, name } = this.options;
    const { issuer, currency } = facts;
    const body = withdrawalBody.encode({
      issuer,
      currency,
      pku: this.pku,
      number: this.receiptNumber + 1,
      amount,
      name,
    });
    const bytes = withdrawal.encode({
      accountSignature: this.account.sign(SIGNED.withdrawal, body),
      proof: this.pseudonyms[0]!.sign(SIGNED.withdrawalProof, body),
      body,
    });
    return (this.waiting = { kind: REQUEST.open, amount, bytes, k: NO_KID, kid: NO_KID, sequence: 0 });
  }

  /** The one list of PKBx, signed by the issuer, with the moduli that it names. */
  takeCouponKeys(list: Uint8Array, moduli: Uint8Array[]): Outcome {
    const paper = wire.signedCouponKeys.decode(list);
    const body = paper && wire.couponKeysBody.decode(paper.body);
    if (!paper || !body || body.keys.length !== moduli.length * wire.COUPON_KEY_BYTES) return 'BAD_REQUEST';
    if (!this.issuerKeys.some((key) => isBy(key, SIGNED.couponKeys, paper.body, paper.signature)))
      return 'SIGNATURE_INVALID';
    const rows = moduli.map((_, i) =>
      wire.couponKey.decode(body.keys.slice(i * wire.COUPON_KEY_BYTES, (i + 1) * wire.COUPON_KEY_BYTES))!,
    );
    if (rows.some((row, i) => Buffer.compare(row.modulusHash, createHash('sha256').update(moduli[i]!).digest()) !== 0))
      return 'COUPON_INVALID';
    this.couponKeys = new Map(rows.map((row, i) => [row.amount, moduli[i]!]));
    return 'OK';
  }

  /** [0039]: PKU blinded, with r kept for what comes back. */
  async startCoupon(amount: number): Promise<Waiting> {
    const modulus = this.couponKeys.get(amount)!;
    const jwk = { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB', alg: 'PS384', ext: true };
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'RSA-PSS', hash: 'SHA-384' }, true, ['verify']);
    const prepared = rsa.prepare(this.pku);
    const { blindedMsg, inv } = await rsa.blind(key, prepared);
    this.unblind = async (blindSignature) => {
      try {
        const signature = new Uint8Array(await rsa.finalize(key, prepared, blindSignature, inv));
        this.coupons.push({ amount, prepared, signature });
        return signature;
      } catch {
        return null;
      }
    };
    return (this.waiting = {
      kind: REQUEST.coupon,
      amount,
      bytes: this.owned(REQUEST.coupon, amount, join(createHash('sha256').update(modulus).digest(), blindedMsg)),
      k: NO_KID,
      kid: NO_KID,
      sequence: 0,
    });
  }

  /** [0041]: unblinded and verified, a coupon. */
  async takeCoupon(boxes: Uint8Array[]): Promise<Outcome> {
    const [blindSignature] = boxes;
    const { bytes, amount } = this.waiting!;
    if (!blindSignature) return 'COUPON_INVALID';
    if (await this.unblind!(blindSignature)) return this.finished('OK');
    const { request } = wire.ownedRequest.decode(bytes)!;
    return isRefusal(this.couponKeys.get(amount)!, request, blindSignature)
      ? this.finished('FUNDS_INSUFFICIENT')
      : 'COUPON_INVALID';
  }

  /** [0042]: a coupon with what it pays for, sealed to the issuer. @param coupon one of `coupons` */
  async startRedemption(coupon: Coupon, amount = coupon.amount): Promise<Waiting> {
    const [requestId, k] = [random(16), random(16)];
    const plain = join(requestId, k, this.issueSecret(amount), coupon.prepared.subarray(0, 32), coupon.signature);
    return (this.waiting = {
      kind: REQUEST.redeem,
      amount,
      bytes: await seal(this.options.facts.sealKey!, this.options.scheme.number, REQUEST.redeem, plain),
      k,
      kid: NO_KID,
      sequence: 0,
    });
  }

  /** In a scheme with coupons, asks for a receipt that was missed: the way of a redemption, without a coupon. */
  async startQuestion(amount = 0): Promise<Waiting> {
    const [requestId, k] = [random(16), random(16)];
    const bytes = await seal(
      this.options.facts.sealKey!,
      this.options.scheme.number,
      REQUEST.redeem,
      join(requestId, k, this.issueSecret(amount)),
    );
    return (this.waiting = { kind: REQUEST.redeem, amount: 0, bytes, k, kid: NO_KID, sequence: 0 });
  }

  /**
   * [0019], [0044], [0069], [0091]: the issuer's signature is verified, then Balance + x.
   * @param papers a receipt, or one box
   */
  takeCash(papers: Uint8Array[]): Outcome {
    const waiting = this.waiting!;
    const [bytes] = papers;
    if (!bytes) return 'RECEIPT_INVALID';
    if (waiting.kind === REQUEST.open)
      return this.takeReceipt(bytes) === 'OK' ? this.finished('OK') : 'RECEIPT_INVALID';
    const plain = this.readReply(waiting, 0, bytes);
    if (!plain) return 'RECEIPT_INVALID';
    const code = codeOf(plain.code);
    if (plain.body.length > 0) {
      const taken = this.takeReceipt(plain.body);
      if (taken !== 'OK') return taken;
    }
    if (waiting.kind === REQUEST.keyedIssue) this.sequence = waiting.sequence;
    if (code === 'OK' && waiting.kind === REQUEST.redeem && waiting.amount > 0)
      this.coupons.splice(
        this.coupons.findIndex((coupon) => coupon.amount === waiting.amount),
        1,
      );
    return this.finished(code);
  }

  /** The next receipt of this EBC and no other. */
  takeReceipt(bytes: Uint8Array): Outcome {
    const paper = receipt.decode(bytes);
    const body = paper && receiptBody.decode(paper.body);
    const isOwn = body && this.pseudonyms.some((key) => Buffer.compare(key.publicKey, body.pku) === 0);
    if (
      !paper ||
      !body ||
      !isOwn ||
      !this.issuerKeys.some((key) => isBy(key, SIGNED.receipt, paper.body, paper.signature))
    )
      return 'RECEIPT_INVALID';
    if (body.number !== this.receiptNumber + 1) return 'RECEIPT_GAP';
    this.receiptNumber = body.number;
    this.balance += body.amount;
    return 'OK';
  }

  /** [0023]-[0026]: H of a payment with pseudonym `which`; Balance - y. */
  pay(
    shop: string,
    amount: number,
    rs: Uint8Array,
    timeS: number,
    which = 0,
    changes: Partial<Challenge> = {},
  ): Uint8Array {
    const { issuer, currency } = this.options.facts;
    const paid = challenge.encode({ issuer, currency, amount, timeS, counter: 1, rs, shop, ...changes });
    this.balance -= amount;
    this.paid += amount;
    return history.encode({
      license: this.licenses[which]!,
      signature: this.pseudonyms[which]!.sign(SIGNED.payment, paid),
      challenge: paid,
    });
  }
}
