/**
 * The trustee 500: registers (PKU, IdU) and signs the license SKR(PKU). EP 0926637 [0013]-[0016], [0035]-[0038],
 * [0056].
 *
 * Beyond the patent, the request must prove three things: that the name has this account key (the account certificate),
 * that the name's owner asks (account signature), and that the asker holds SKU (proof of possession).
 */
import { equal, toHex } from '../../../firmware/core/bytes.js';
import { CLASS_FULL } from '../../../firmware/core/license-class.js';
import { schemeOf, type Scheme } from '../../../firmware/core/scheme.js';
import { license, licenseBody } from '../../../firmware/wire/payment.js';
import {
  accountCertificate,
  registration,
  registrationBody,
  type RegistrationBody,
} from '../../../firmware/wire/registration.js';
import { readAccount } from '../../base/account-paper.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { refusal, type HostRefusal, type Result } from '../../base/errors.js';
import { ruleRegister } from '../../ledger/rules.js';
import type { TrusteeStore } from '../../ledger/store.js';
import { isLicensable } from '../../base/crypto/ed25519-verify.js';
import { LICENSE_VALID_S, quarterEnd, renewal, signLicense } from '../licensing.js';
import type { IssuerService, Service, Trace, TrusteeService } from '../../base/services/procedures.js';
import { checkAt, checkNow, everyKey, linesOf, type KeyLine, type KeyLines } from '../../base/keys/key-line.js';
import { followDenyList, isListed, readDenyMessage, type HeldList } from '../../base/deny-lists.js';
import { acceptSuccession, everySuccession } from '../../base/keys/succession.js';
import { isSigned, type Signer } from '../../base/crypto/signer.js';
import { readTraceOrder } from '../trace-order.js';
import { proofOf } from '../../base/services/trace-proof.js';

export interface TrusteeOptions {
  store: TrusteeStore;
  /** SKR; where it has succeeded another, `registrarKey` is the first. */
  signer: Signer;
  registrarKey?: Uint8Array;
  /** PKI, for whose cash licenses are: the first one. */
  issuerKey: Uint8Array;
  /** Whose signature account certificates carry: the first key of the bank that keeps the accounts; default PKI. */
  accountsKey?: Uint8Array;
  currency: string;
  /** Unix time, seconds. */
  clock: () => number;
  /** Whether `clock` is doubted; default: never. */
  clockDoubted?: () => boolean;
  licenseValidS?: number;
  /**
   * Of new licenses where the account says no class of its own (firmware/core/license-class.ts); a renewed one keeps
   * its own there. Default: without bound.
   */
  licenseClass?: number;
  /** Whose deny list is asked before a license is renewed. */
  issuer?: Service<Pick<IssuerService, 'denyList'>>;
  scheme?: Scheme;
}

/** What the trustee's procedures work with. */
interface TrusteeContext {
  options: TrusteeOptions;
  lines: KeyLines;
  /** The keys of who certifies account keys. */
  accounts: KeyLine;
  scheme: Scheme;
  licenseClass: number;
  validS: number;
  nowS(): number;
  clockDoubted(): boolean;
  /** The issuer's deny list as it was seen last: only what has changed since is asked for. */
  denied: HeldList;
}

function contextOf(options: TrusteeOptions): TrusteeContext {
  const { store, signer, issuerKey, clock, scheme = schemeOf(1), licenseClass = CLASS_FULL } = options;
  const registrarKey = options.registrarKey ?? signer.publicKey;
  const lines = linesOf(store, { issuerKey, registrarKey, bankKey: options.accountsKey ?? null });
  const validS = options.licenseValidS ?? LICENSE_VALID_S;
  const nowS = () => Math.floor(clock());
  const clockDoubted = options.clockDoubted ?? (() => false);
  return {
    options,
    lines,
    accounts: lines.bank ?? lines.issuer,
    scheme,
    licenseClass,
    validS,
    nowS,
    clockDoubted,
    denied: { version: 0, prefixes: new Uint32Array(0) },
  };
}

/** Makes a trustee. */
export function createTrustee(options: TrusteeOptions): TrusteeService {
  const context = contextOf(options);
  const { store, signer, issuerKey, currency } = options;
  const { lines, scheme, nowS } = context;
  return {
    parameters: () => ({
      ok: true,
      parameters: {
        issuer: lines.issuerId,
        issuerKey,
        registrarKey: options.registrarKey ?? signer.publicKey,
        currency,
        scheme: scheme.number,
        sealKey: null,
        successions: everySuccession(store),
      },
    }),
    register: (request, certificate) => register(context, request, certificate),
    renew: (request, certificate) => renew(context, request, certificate),
    licenseOf(pku) {
      const known = store.registration(pku);
      return known ? { ok: true, license: known.license } : refusal('PSEUDONYM_UNKNOWN', 'not registered here');
    },
    succeed: (notice) => acceptSuccession(store, lines, notice, nowS(), 'trustee'),
    trace: (order) => trace(context, order),
  };
}

/** [0014]-[0015]: (PKU, IdU) to the license. */
function register(
  context: TrusteeContext,
  requestBytes: Uint8Array,
  certificateBytes: Uint8Array,
): Result<{ license: Uint8Array; repeated: boolean }> {
  const { accounts, scheme, licenseClass, validS, nowS } = context;
  const { store, signer, currency } = context.options;
  const issuer = context.lines.issuerId;
  const { pseudonymsMax } = scheme;
  const read = readRegistration(accounts, nowS(), requestBytes, certificateBytes);
  if (!read.ok) return read;
  const { body, keyIsLicensable, ownClass } = read;
  return store.transaction(() => {
    const stored = store.registration(body.pku);
    const facts = {
      name: body.name,
      registeredName: stored?.name ?? null,
      pseudonymsOfName: store.pseudonymsOf(body.name),
    };
    const ruling = ruleRegister({ ...facts, keyIsLicensable, pseudonymsMax });
    if (!ruling.ok) return ruling;
    if (stored) return { ok: true, license: stored.license, repeated: true };
    if (context.clockDoubted()) return refusal('CLOCK_DOUBTED');
    // [0015]: store PKU and IdU, sign the license, send it.
    const timeS = nowS();
    const signed = signLicense(
      signer,
      { issuer, currency, validUntilS: quarterEnd(timeS, validS), licenseClass: ownClass ?? licenseClass },
      body.pku,
    );
    store.addRegistration({
      pku: body.pku,
      name: body.name,
      accountKey: body.accountKey,
      certificate: certificateBytes,
      request: requestBytes,
      license: signed,
      timeS,
    });
    return { ok: true, license: signed, repeated: false };
  });
}

/** A license for longer, of the account's class or the same as before, for who is not denied. */
async function renew(
  context: TrusteeContext,
  requestBytes: Uint8Array,
  certificateBytes: Uint8Array,
): Promise<Result<{ license: Uint8Array; repeated: boolean }>> {
  const { lines, accounts, validS, nowS } = context;
  const { store, signer, currency } = context.options;
  const issuer = lines.issuerId;
  const read = readRegistration(accounts, nowS(), requestBytes, certificateBytes);
  if (!read.ok) return read;
  const { ownClass } = read;
  const { pku, name } = read.body;
  const known = store.registration(pku);
  if (!known) return refusal('PSEUDONYM_UNKNOWN', 'not registered here');
  if (known.name !== name) return refusal('PSEUDONYM_TAKEN');
  if (context.clockDoubted()) return refusal('CLOCK_DOUBTED');
  const denied = await checkDenied(context, pku);
  if (denied) return denied;
  return store.transaction(() => {
    const timeS = nowS();
    const { license: held } = store.registration(pku)!;
    const { validUntilS, licenseClass: heldClass } = licenseBody.decode(license.decode(held)!.body)!;
    const when = renewal(validUntilS, timeS, validS);
    if (when === 'over') return refusal('LICENSE_EXPIRED');
    if (when === 'early') return { ok: true, license: held, repeated: true };
    const signed = signLicense(
      signer,
      { issuer, currency, validUntilS: quarterEnd(timeS, validS), licenseClass: ownClass ?? heldClass },
      pku,
    );
    store.renewLicense(pku, signed);
    return { ok: true, license: signed, repeated: false };
  });
}

/** [0056]: the issuer says whose EBC is negative; the trustee, which cannot see counters, gives the name. */
function trace(context: TrusteeContext, orderBytes: Uint8Array): Result<Trace> {
  const { lines, accounts, nowS } = context;
  const { store } = context.options;
  const read = readTraceOrder(lines.issuer, nowS(), orderBytes);
  if (!read.ok) return read;
  const { subject, operator, reason, missing } = read.order;
  return store.transaction(() => {
    const row = store.registration(subject);
    if (!row) return refusal('OWNER_UNKNOWN');
    const { name, request, certificate } = row;
    const proof = proofOf('trustee', everyKey(accounts), { subject, name, request, certificate });
    const ebc = -missing;
    store.addTrace({
      pku: subject,
      operator: toHex(operator),
      why: reason,
      ebc,
      name,
      proof,
      timeS: nowS(),
      order: orderBytes,
    });
    return { ok: true, name, ebc, proof, request, certificate };
  });
}

/**
 * Checks encodings and signatures of a registration. Codes: BAD_REQUEST, CERTIFICATE_INVALID, KEY_RETIRED,
 * SIGNATURE_INVALID.
 */
function readRegistration(
  accounts: KeyLine,
  nowS: number,
  requestBytes: Uint8Array,
  certificateBytes: Uint8Array,
): Result<{ body: RegistrationBody; keyIsLicensable: boolean; ownClass: number | null }> {
  const request = registration.decode(requestBytes);
  const body = request && registrationBody.decode(request.body);
  if (!request || !body) return refusal('BAD_REQUEST', 'registration');
  const certificate = accountCertificate.decode(certificateBytes);
  const account = certificate && readAccount(certificate.body);
  if (!certificate || !account) return refusal('BAD_REQUEST', 'account certificate');
  const uncertified = checkNow(
    accounts,
    nowS,
    { type: SIGNED.account, message: certificate.body, signature: certificate.signature },
    'account certificate',
  );
  if (uncertified)
    return uncertified.code === 'KEY_RETIRED' ? uncertified : refusal('CERTIFICATE_INVALID', 'signature');
  if (account.name !== body.name || !equal(account.accountKey, body.accountKey))
    return refusal('CERTIFICATE_INVALID', 'other name or key');
  if (!isSigned(body.accountKey, SIGNED.registration, request.body, request.accountSignature))
    return refusal('SIGNATURE_INVALID', 'account key');
  const keyIsLicensable = isLicensable(body.pku);
  // A key that cannot be licensed is named as such; its proof would only fail.
  if (keyIsLicensable && !isSigned(body.pku, SIGNED.registrationProof, request.body, request.proof))
    return refusal('SIGNATURE_INVALID', 'proof of possession');
  return { ok: true, body, keyIsLicensable, ownClass: account.licenseClass };
}

/**
 * A denial ends with the license that it was about, so who is denied gets no new one. The trustee sees no counters: it
 * asks for the issuer's list, which is signed. Codes: DENIED, REPLY_INVALID, SERVICE_DOWN and those of the service.
 */
async function checkDenied(context: TrusteeContext, pku: Uint8Array): Promise<HostRefusal | null> {
  const { issuer } = context.options;
  if (!issuer) return refusal('SERVICE_DOWN', 'no issuer to ask for its deny list');
  for (const from of [context.denied.version, 0]) {
    const given = await issuer.denyList(from);
    if (!given.ok) return given;
    const isSame = given.messages.length === 0 && from > 0 && given.version === from;
    const list = isSame ? context.denied : readDenyList(context, given.messages);
    if (!list) continue;
    context.denied = list;
    return isListed(list.prefixes, pku) ? refusal('DENIED') : null;
  }
  return refusal('REPLY_INVALID', 'deny list');
}

/** The list that the issuer's messages lead to from the one seen last; null where they do not. */
function readDenyList({ lines, denied, nowS }: TrusteeContext, messages: readonly Uint8Array[]): HeldList | null {
  const read = messages.map(readDenyMessage);
  const good = read.filter(
    (message) =>
      message !== null &&
      !checkAt(
        lines.issuer,
        message.body.timeS,
        nowS(),
        { type: SIGNED.denyList, message: message.signed, signature: message.signature },
        'deny list',
      ),
  );
  return good.length === read.length
    ? followDenyList(
        denied,
        good.map((message) => message!.body),
      )
    : null;
}
