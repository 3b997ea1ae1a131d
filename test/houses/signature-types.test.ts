/**
 * No signature of one type is valid as another: each place that takes a signature, in any house, on a terminal or at a
 * user, is offered over the very same bytes a signature of every type by the right key. It takes the one that belongs
 * there.
 */
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { constants, createHash, sign as signRsa } from 'node:crypto';
import { copy, toHex } from '../../firmware/core/bytes.js';
import { parseManifest, signManifest } from '../../flash-scripts/provision/manifest.js';
import { makeImage, readImage } from '../../flash-scripts/provision/program-image.js';
import { provedKeys } from '../../flash-scripts/provision/provision-board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { areaAt, HALF_BYTES, openNotices } from '../kit/deny-lists.js';
import { bankMessage, releaseOrder, signedReleaseOrder, signedTraceOrder } from '../../firmware/wire/institutions.js';
import { LICENSE_BODY_BYTES } from '../../firmware/wire/payment.js';
import { ownedRequest } from '../../firmware/wire/request.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { HOUSE } from '../../firmware/wire/succession.js';
import { isSigned, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { fixedLine } from '../../host-bridge/base/keys/key-line.js';
import { writeSuccession } from '../../host-bridge/base/keys/succession.js';
import type { Result } from '../../host-bridge/base/errors.js';
import {
  BANK_HEADERS,
  checkBankRequest,
  isAnswer,
  signAnswer,
  signBankRequest,
} from '../../host-bridge/http/bank-channel.js';
import { encodeOperatorRequest, operatorIdOf, readOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import { OPERATOR_HEADERS } from '../../host-bridge/http/schemas.js';
import {
  bankSigner,
  couponKeyPairs,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  terminal,
  userOf,
  withdraw,
  type Houses,
} from './houses-rig.js';
import { Key, type ReferenceWallet } from './reference-wallet.js';
import {
  good,
  ISSUER,
  issuerSigner,
  refundOf,
  registrarSigner,
  rsOf,
  signerOf,
  START_S,
  tombstoneOf,
} from '../kit/people.js';
import { spread } from '../kit/extent.js';

const operator = signerOf('operator');
const TYPES = Object.values(SIGNED);

/** A key that signs messages of one type as another. */
class MistakenKey extends Key {
  constructor(
    key: Key,
    private readonly right: number,
    private readonly wrong: number,
  ) {
    super(key.seed);
  }
  override sign(type: number, body: Uint8Array): Uint8Array {
    return super.sign(type === this.right ? this.wrong : type, body);
  }
}

/** The same of a house's key. */
const mistaken = (signer: Signer, right: number, wrong: number): Signer => ({
  publicKey: signer.publicKey,
  sign: (type, body) => signer.sign(type === right ? wrong : type, body),
});

/** `bytes` with the signature at `at` made anew, of `type`, over the `signed` part. */
function resigned(
  bytes: Uint8Array,
  at: number,
  signer: Pick<Signer, 'sign'>,
  type: number,
  signed: Uint8Array,
): Uint8Array {
  const out = copy(bytes, 0, bytes.length);
  out.set(signer.sign(type, signed), at);
  return out;
}

interface Scene {
  houses: Houses;
  /** Registered, with 10 on her token. */
  ada: ReferenceWallet;
  /** Has an account. */
  bob: ReferenceWallet;
}

interface Place {
  /** Row of the scheme table where it stands. */
  scheme: number;
  /** The type that belongs there. */
  type: number;
  /** Offers a signature of `type`; whether it was taken. */
  offer(type: number, scene: Scene): Promise<boolean> | boolean;
}

const taken = (result: Result<unknown>): boolean => result.ok;
const isTaken = (read: () => unknown): boolean => {
  try {
    read();
    return true;
  } catch {
    return false;
  }
};

/** A user's request with one mistaken key, brought to its end. */
async function asked(
  wallet: ReferenceWallet,
  which: 'account' | 'token',
  right: number,
  type: number,
  run: () => Promise<string>,
): Promise<boolean> {
  const [account, token] = [wallet.account, wallet.pseudonyms[0]!];
  const set = (a: Key, t: Key) => void (Object.assign(wallet, { account: a }), (wallet.pseudonyms[0] = t));
  set(
    which === 'account' ? new MistakenKey(account, right, type) : account,
    which === 'token' ? new MistakenKey(token, right, type) : token,
  );
  const outcome = await run();
  set(account, token);
  wallet.waiting = null;
  return outcome === 'OK';
}

async function registered(houses: Houses, wallet: ReferenceWallet): Promise<string> {
  const { bytes } = await wallet.startRegistration();
  if (houses.scheme.registration === 'open') {
    const { certificate } = good(houses.accounts.openAccount(wallet.options.name, wallet.account.publicKey));
    const given = houses.trustee!.register(bytes, certificate!);
    return given.ok ? wallet.takeLicenses([given.license]) : given.code;
  }
  const given = await houses.bank!.request(bytes);
  return given.ok ? wallet.takeLicenses(given.boxes) : given.code;
}

async function withdrawn(houses: Houses, wallet: ReferenceWallet): Promise<string> {
  await wallet.startWithdrawal(5);
  return finish(houses, wallet);
}

/** Time and deny list at a terminal with empty flash. */
function terminalNotices() {
  const records = {
    put: () => undefined,
    place: () => undefined as never,
    reserve: () => undefined,
    get: () => null,
    slots: () => [],
    freeBytes: () => 1e6,
  };
  const notices = openNotices(
    records,
    { issuer: ISSUER, terminalId: Uint8Array.of(9, 8, 7, 6), timeMaxAgeS: 1, denyMaxAgeS: 1, staleListLimit: 1 },
    () => 0,
    areaAt(createEmulatedFlash({ address: 0, bytes: 2 * HALF_BYTES, pageBytes: 4096 }), 0),
  );
  const verify = (type: number, message: Uint8Array, signature: Uint8Array) =>
    isSigned(issuerSigner.publicKey, type, message, signature);
  return { notices, verify };
}

/** Places that several rows share, so that each house is asked. */
const historyPlaces = (scheme: number, where: string): Record<string, Place> => ({
  [`license in a history, ${where}`]: {
    scheme,
    type: SIGNED.license,
    offer(type, { houses, ada }) {
      const paper = ada.licenses[0]!;
      const signer = houses.trustee ? registrarSigner : issuerSigner;
      ada.licenses[0] = resigned(paper, LICENSE_BODY_BYTES, signer, type, paper.subarray(0, LICENSE_BODY_BYTES));
      const h = ada.pay(SHOP, 1, rsOf(type), START_S);
      ada.licenses[0] = paper;
      return taken(deposit(houses, h));
    },
  },
  [`payment in a history, ${where}`]: {
    scheme,
    type: SIGNED.payment,
    offer: (type, { houses, ada }) =>
      asked(ada, 'token', SIGNED.payment, type, async () =>
        deposit(houses, ada.pay(SHOP, 1, rsOf(type), START_S)).ok ? 'OK' : 'refused',
      ),
  },
  [`refund, ${where}`]: {
    scheme,
    type: SIGNED.refund,
    async offer(type, { houses, ada }) {
      good(deposit(houses, ada.pay(SHOP, 1, rsOf(type), START_S)));
      await returnAll(houses);
      const sound = refundOf(terminal, ada.pseudonyms[0]!.publicKey, SHOP, rsOf(type), 1, type);
      return taken(await (houses.bank ?? houses.issuer).refund(resigned(sound, 0, terminal, type, sound.subarray(64))));
    },
  },
  [`payment in a claim, ${where}`]: {
    scheme,
    type: SIGNED.payment,
    offer: (type, { houses, ada }) =>
      asked(ada, 'token', SIGNED.payment, type, async () =>
        (await (houses.bank ?? houses.issuer).claim(ada.pay(SHOP, 1, rsOf(type), START_S))).ok ? 'OK' : 'refused',
      ),
  },
  [`tombstone, ${where}`]: {
    scheme,
    type: SIGNED.tombstone,
    offer(type, { houses }) {
      const stone = tombstoneOf(terminal, SHOP, rsOf(type));
      return taken((houses.bank ?? houses.issuer).tombstone(resigned(stone, 0, terminal, type, stone.subarray(64))));
    },
  },
});

const userPlaces: Record<string, Place> = {
  'account signature of a registration': {
    scheme: 1,
    type: SIGNED.registration,
    offer: (type, { houses, bob }) => asked(bob, 'account', SIGNED.registration, type, () => registered(houses, bob)),
  },
  'proof of a registration': {
    scheme: 1,
    type: SIGNED.registrationProof,
    offer: (type, { houses, bob }) =>
      asked(bob, 'token', SIGNED.registrationProof, type, () => registered(houses, bob)),
  },
  'account signature of a withdrawal': {
    scheme: 1,
    type: SIGNED.withdrawal,
    offer: (type, { houses, ada }) => asked(ada, 'account', SIGNED.withdrawal, type, () => withdrawn(houses, ada)),
  },
  'proof of a withdrawal': {
    scheme: 1,
    type: SIGNED.withdrawalProof,
    offer: (type, { houses, ada }) => asked(ada, 'token', SIGNED.withdrawalProof, type, () => withdrawn(houses, ada)),
  },
  'account certificate, signed by the issuer': accountCertificate(1, issuerSigner),
  'account certificate, signed by the bank': accountCertificate(2, bankSigner),
  'owner of a sealed registration': {
    scheme: 3,
    type: SIGNED.ownedRequest,
    offer: (type, { houses, bob }) => asked(bob, 'account', SIGNED.ownedRequest, type, () => registered(houses, bob)),
  },
  'owner of a sealed withdrawal': {
    scheme: 3,
    type: SIGNED.ownedRequest,
    offer: (type, { houses, ada }) => asked(ada, 'account', SIGNED.ownedRequest, type, () => withdrawn(houses, ada)),
  },
  'owner of a keyed withdrawal': {
    scheme: 4,
    type: SIGNED.ownedRequest,
    offer: (type, { houses, ada }) => asked(ada, 'account', SIGNED.ownedRequest, type, () => withdrawn(houses, ada)),
  },
  'owner of a coupon': {
    scheme: 2,
    type: SIGNED.ownedRequest,
    offer: (type, { houses, ada }) =>
      asked(ada, 'account', SIGNED.ownedRequest, type, async () => (await ada.startCoupon(1), finish(houses, ada))),
  },
  'proof of possession in a sealed registration': {
    scheme: 3,
    type: SIGNED.pseudonymProof,
    offer: (type, { houses, bob }) => asked(bob, 'token', SIGNED.pseudonymProof, type, () => registered(houses, bob)),
  },
  'SKU in a sealed withdrawal': {
    scheme: 5,
    type: SIGNED.issue,
    offer: (type, { houses, ada }) => asked(ada, 'token', SIGNED.issue, type, () => withdrawn(houses, ada)),
  },
  'SKU in a keyed withdrawal': {
    scheme: 6,
    type: SIGNED.issue,
    offer: (type, { houses, ada }) => asked(ada, 'token', SIGNED.issue, type, () => withdrawn(houses, ada)),
  },
  'SKU in a redemption': {
    scheme: 2,
    type: SIGNED.issue,
    async offer(type, { houses, ada }) {
      await ada.startCoupon(1);
      await finish(houses, ada);
      const coupon = ada.coupons.pop()!;
      return asked(
        ada,
        'token',
        SIGNED.issue,
        type,
        async () => (await ada.startRedemption(coupon), finish(houses, ada)),
      );
    },
  },
};

function accountCertificate(scheme: number, signer: Signer): Place {
  return {
    scheme,
    type: SIGNED.account,
    async offer(type, { houses, bob }) {
      const { certificate } = good(houses.accounts.openAccount('Bob', bob.account.publicKey));
      return taken(
        houses.trustee!.register(
          (await bob.startRegistration()).bytes,
          resigned(certificate!, 0, signer, type, certificate!.subarray(64)),
        ),
      );
    },
  };
}

/** Between houses. */
const housePlaces: Record<string, Place> = {
  'SKB over what the bank passes on': {
    scheme: 5,
    type: SIGNED.bankMessage,
    async offer(type, { houses, ada }) {
      const { kind, bytes, amount } = await ada.startWithdrawal(5);
      const message = bankMessage.encode({
        kind,
        issuer: ISSUER,
        amount,
        request: ownedRequest.decode(bytes)!.request,
      });
      return taken(await houses.issuer.receive(message, bankSigner.sign(type, message)));
    },
  },
  "SKI over the issuer's reply": {
    scheme: 6,
    type: SIGNED.issuerReply,
    async offer(type) {
      const wrong = mistaken(issuerSigner, SIGNED.issuerReply, type);
      const houses = await createHouses(6, {
        between: (issuer) => ({
          ...issuer,
          async receive(message, signature) {
            const given = await issuer.receive(message, signature);
            return given.ok ? { ...given, signature: wrong.sign(SIGNED.issuerReply, given.reply) } : given;
          },
        }),
      });
      const carl = userOf(houses, 'Carl');
      const outcome = taken(await houses.bank!.request((await carl.startRegistration()).bytes));
      houses.close();
      return outcome;
    },
  },
  "the bank's HTTP request": {
    scheme: 3,
    type: SIGNED.bankRequest,
    offer(type) {
      const headers = signBankRequest(
        mistaken(bankSigner, SIGNED.bankRequest, type),
        ISSUER,
        new Uint8Array(16),
        'POST',
        '/v2/bank/returns',
        '{}',
      );
      return (
        checkBankRequest(fixedLine(bankSigner.publicKey), START_S, ISSUER, {
          method: 'POST',
          url: '/v2/bank/returns',
          headers,
          body: '{}',
        }) === null
      );
    },
  },
  "the issuer's HTTP reply": {
    scheme: 3,
    type: SIGNED.issuerAnswer,
    offer(type) {
      const header = signAnswer(mistaken(issuerSigner, SIGNED.issuerAnswer, type), '00'.repeat(16), 200, '{}')[
        BANK_HEADERS.answer
      ]!;
      return isAnswer(fixedLine(issuerSigner.publicKey), START_S, '00'.repeat(16), 200, '{}', header);
    },
  },
  'release order at the bank': {
    scheme: 2,
    type: SIGNED.release,
    offer(type, { houses }) {
      const body = releaseOrder.encode({
        issuer: ISSUER,
        currency: 'EUR',
        subject: new Uint8Array(32),
        amount: 1,
        number: type,
        timeS: START_S,
      });
      return taken(
        houses.bankOffice!.creditRelease(
          'Ada',
          signedReleaseOrder.encode({ signature: issuerSigner.sign(type, body), body }),
        ),
      );
    },
  },
  'trace order at the trustee': traceOrder(2, (houses, order) => houses.trustee!.trace(order)),
  'trace order at the bank': traceOrder(4, (houses, order) => houses.bankOffice!.trace(order)),
  "operator's request": {
    scheme: 1,
    type: SIGNED.operatorRequest,
    offer(type) {
      const id = new Uint8Array(16).fill(7);
      const signature = operator.sign(type, encodeOperatorRequest(ISSUER, id, 'POST', '/v2/office/numbers', '{}'));
      const headers = {
        [OPERATOR_HEADERS.requestId]: toHex(id),
        [OPERATOR_HEADERS.operator]: operatorIdOf(operator.publicKey),
        [OPERATOR_HEADERS.signature]: toHex(signature),
      };
      return taken(
        readOperatorRequest([operator.publicKey], ISSUER, {
          method: 'POST',
          url: '/v2/office/numbers',
          headers,
          body: '{}',
        }),
      );
    },
  },
  'license in a history that the bank returns': {
    scheme: 3,
    type: SIGNED.license,
    offer(type, { houses, ada }) {
      const paper = ada.licenses[0]!;
      ada.licenses[0] = resigned(paper, LICENSE_BODY_BYTES, issuerSigner, type, paper.subarray(0, LICENSE_BODY_BYTES));
      const h = ada.pay(SHOP, 1, rsOf(type), START_S);
      ada.licenses[0] = paper;
      return good(houses.issuer.returnCash([h])).codes[0] === 'OK';
    },
  },
};

function traceOrder(scheme: number, trace: (houses: Houses, order: Uint8Array) => Result<unknown>): Place {
  return {
    scheme,
    type: SIGNED.traceOrder,
    async offer(type, { houses, ada }) {
      if (good(houses.office.counterOf(ada.pku)).ebc >= 0) {
        good(deposit(houses, ada.pay(SHOP, 20, rsOf(99), START_S)));
        await returnAll(houses);
      }
      const { body } = signedTraceOrder.decode(good(houses.office.traceOrder(ada.pku, 'overspent')).order)!;
      return taken(trace(houses, signedTraceOrder.encode({ signature: issuerSigner.sign(type, body), body })));
    },
  };
}

/**
 * What boards take: the terminal's own code for the issuer's notices, the reference wallet for receipts, licenses and
 * keys.
 */
const boardPlaces: Record<string, Place> = {
  'signed time at a terminal': {
    scheme: 1,
    type: SIGNED.time,
    offer(type, { houses }) {
      const { notices, verify } = terminalNotices();
      const nonce = new Uint8Array(8).fill(9);
      notices.askTime(nonce);
      const { time } = good(houses.issuer.signedTime(nonce));
      return notices.acceptTime(resigned(time, 0, issuerSigner, type, time.subarray(64)), verify) === 'OK';
    },
  },
  'deny list at a terminal': {
    scheme: 1,
    type: SIGNED.denyList,
    offer(type, { houses }) {
      const { notices, verify } = terminalNotices();
      const [list] = good(houses.issuer.denyList(0)).messages as [Uint8Array];
      return notices.accept(KIND.denyList, resigned(list, 0, issuerSigner, type, list.subarray(64)), verify) === 'OK';
    },
  },
  'retirement at a terminal': {
    scheme: 1,
    type: SIGNED.retired,
    offer(type, { houses }) {
      const { notices, verify } = terminalNotices();
      const id = Uint8Array.of(9, 8, 7, 6);
      good(houses.office.retireTerminal(id, true, 'replaced'));
      const notice = good(houses.issuer.terminalNotice(id)).notice!;
      const offered = resigned(notice, 0, issuerSigner, type, notice.subarray(64));
      return notices.accept(KIND.retired, offered, verify) === 'OK';
    },
  },
  'receipt at a token': {
    scheme: 1,
    type: SIGNED.receipt,
    async offer(type, { houses, ada }) {
      const { receipt } = good(houses.issuer.withdraw((await ada.startWithdrawal(5)).bytes));
      ada.waiting = null;
      return ada.takeReceipt(resigned(receipt, 52, issuerSigner, type, receipt.subarray(0, 52))) === 'OK';
    },
  },
  'license at a token': {
    scheme: 1,
    type: SIGNED.license,
    async offer(type, { houses, bob }) {
      const { certificate } = good(houses.accounts.openAccount('Bob', bob.account.publicKey));
      const { license } = good(houses.trustee!.register((await bob.startRegistration()).bytes, certificate!));
      return (
        bob.takeLicenses([
          resigned(license, LICENSE_BODY_BYTES, registrarSigner, type, license.subarray(0, LICENSE_BODY_BYTES)),
        ]) === 'OK'
      );
    },
  },
  'manifest of keys and tables for boards': {
    scheme: 1,
    type: SIGNED.institutions,
    offer(type, { houses }) {
      const manifest = signManifest(houses.facts, mistaken(issuerSigner, SIGNED.institutions, type), null);
      return isTaken(() => parseManifest(JSON.stringify(manifest)));
    },
  },
  'image of a program for boards': {
    scheme: 1,
    type: SIGNED.image,
    offer(type) {
      const image = makeImage(
        { role: 'user-token', board: 'emulated', program: '01234567', roots: '' },
        { '.bootcde': Uint8Array.of(1) },
        mistaken(issuerSigner, SIGNED.image, type),
      );
      return isTaken(() => readImage(image));
    },
  },
  'proof of a key at provisioning': {
    scheme: 1,
    type: SIGNED.possession,
    offer(type) {
      const asked = new Uint8Array(32).fill(5);
      return isTaken(() =>
        provedKeys([`keys ${toHex(terminal.publicKey)}${toHex(terminal.sign(type, asked))}`], asked),
      );
    },
  },
  'a succession at a house': {
    scheme: 3,
    type: SIGNED.succession,
    offer(type, { houses }) {
      const { issuer } = houses.facts;
      const notice = writeSuccession(mistaken(issuerSigner, SIGNED.succession, type), {
        house: HOUSE.issuer,
        issuer,
        number: 1,
        newKey: signerOf('issuer 2').publicKey,
        sealKey: new Uint8Array(32),
        fromS: START_S,
        untilS: START_S + 1,
      });
      return houses.bank!.succeed(notice).ok;
    },
  },
  'coupon keys at a token': {
    scheme: 2,
    type: SIGNED.couponKeys,
    offer(type, { houses, ada }) {
      const { list, moduli } = good(houses.issuer.couponKeys());
      return ada.takeCouponKeys(resigned(list, 0, issuerSigner, type, list.subarray(64)), moduli) === 'OK';
    },
  },
};

/** By the bank's RSA key of the amount, at the user. */
const refusalPlace: Record<string, Place> = {
  "the bank's refusal of a coupon": {
    scheme: 2,
    type: SIGNED.couponRefusal,
    offer: async (type, { ada }) => {
      const { bytes } = await ada.startCoupon(10);
      const hash = new Uint8Array(createHash('sha256').update(ownedRequest.decode(bytes)!.request).digest());
      const key = { key: couponKeyPairs().get(10)!, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
      return (
        (await ada.takeCoupon([new Uint8Array(signRsa('sha384', signedBytes(type, hash), key))])) !== 'COUPON_INVALID'
      );
    },
  },
};

const places: Record<string, Place> = {
  ...userPlaces,
  ...housePlaces,
  ...boardPlaces,
  ...refusalPlace,
  ...historyPlaces(1, 'at the issuer'),
  ...historyPlaces(2, "at the bank, the trustee's"),
  ...historyPlaces(6, "at the bank, the issuer's"),
};

test.each(Object.keys(places))('%s', async (name) => {
  const { scheme, type: right, offer } = places[name]!;
  const houses = await createHouses(scheme);
  const ada = userOf(houses, 'Ada', 1000);
  const bob = userOf(houses, 'Bob', 1000);
  expect(await register(houses, ada)).toBe('OK');
  expect(await withdraw(houses, ada, 10)).toBe('OK');
  // The right one last, so that nothing is refused for having been there before.
  const accepted: number[] = [];
  // Coupons are slow to make: in the short form some types.
  const wrong = TYPES.filter((each) => each !== right);
  for (const type of [...(scheme === 2 ? spread(wrong, 5) : wrong), right])
    if (await offer(type, { houses, ada, bob })) accepted.push(type);
  expect(accepted).toEqual([right]);
  houses.close();
});

test('every type stands in some place', () => {
  expect(new Set(Object.values(places).map(({ type }) => type))).toEqual(new Set(TYPES));
});
