/**
 * Every address of the services, once: validation, types, client and OpenAPI all come from these definitions.
 *
 * Protocol messages inside the JSON are lower-case hexadecimal of their encodings (firmware/wire). Amounts are JSON
 * integers in minor units. A refusal is {code, message, remedy} with the status of its line in
 * host-bridge/base/errors.ts.
 */
import { Type, type Static, type TObject, type TSchema } from '@sinclair/typebox';
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import { LISTED_MAX, PAYMENTS_MAX } from '../base/payment-query.js';
import { DEPOSITS_MAX } from '../base/services/procedures.js';
import { ROLES, type Act } from '../base/services/roles.js';
import { PSEUDONYMS_MAX } from '../../firmware/core/scheme.js';
import { NAME_BYTES_MAX } from '../../firmware/wire/name.js';
import { LICENSE_BYTES } from '../../firmware/wire/payment.js';
import { SUCCESSION_BYTES } from '../../firmware/wire/succession.js';

/** One address of a service. */
export interface Endpoint<B extends TSchema = TSchema, R extends TObject = TObject> {
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  /** Needs an operator's signature (operator-requests.ts) whose role has this act (base/services/roles.ts). */
  act?: Act;
  /** It only looks: no act, whose answer would be kept under its id. */
  looks?: boolean;
  /** Whether it takes the bank's, and its reply carries the issuer's (bank-channel.ts). */
  bank?: boolean;
  /** Body of a POST. */
  body: B;
  /** The longest that it takes; default: of one message. */
  bodyBytesMax?: number;
  /** Body of a 200 reply. */
  reply: R;
}

/** What a caller sends, and what it gets. */
export type BodyOf<E> = E extends Endpoint<infer B, TObject> ? Static<B> : never;
export type ReplyOf<E> = E extends Endpoint<TSchema, infer R> ? Static<R> : never;

/** Bytes as hexadecimal: exactly `bytes`, or `bytes` to `bytesMax`. */
function hex(description: string, bytes: number, bytesMax = bytes) {
  return Type.String({ pattern: `^(?:[0-9a-f]{2}){${bytes},${bytesMax}}$`, maxLength: 2 * bytesMax, description });
}

function object<T extends Record<string, TSchema>>(properties: T) {
  return Type.Object(properties, { additionalProperties: false });
}

const Nothing = Type.Null();
const Amount = Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'minor units' });
const Balance = Type.Integer({ minimum: -AMOUNT_MAX, maximum: AMOUNT_MAX, description: 'minor units' });
const Count = Type.Integer({ minimum: 0 });
const Seconds = Type.Integer({ minimum: 0, description: 'Unix time' });
// What a name may be is the ledger's rule, with its own code; here only its size is bounded.
const Name = Type.String({ maxLength: NAME_BYTES_MAX, description: 'IdU or IdS' });
const Why = Type.String({ maxLength: 200, description: 'the reason, for the record' });
const Pku = hex('PKU', 32);
const Listed = Type.Integer({ minimum: 1, maximum: LISTED_MAX });
const More = Type.Union([Type.String(), Type.Null()]);
const Repeated = Type.Boolean({ description: 'the same was asked before; nothing changed' });
/** Of a message that ends in a name: its bytes with a name of one byte, and with the longest. */
const named = (description: string, bytes: number) => hex(description, bytes, bytes + NAME_BYTES_MAX - 1);
/** With a class of licenses or without. */
const Certificate = hex('account certificate', 64 + 34, 64 + 34 + NAME_BYTES_MAX);
const Withdrawal = named('withdrawal', 128 + 53);
const Boxes = Type.Array(hex('box or blind signature', 1, 1024), { maxItems: PSEUDONYMS_MAX });
const History = named('history', LICENSE_BYTES + 64 + 41);
/** Of the longest names, with some room for how the JSON is written. */
const DEPOSITS_BODY_BYTES_MAX = DEPOSITS_MAX * (2 * (LICENSE_BYTES + 64 + 41 + NAME_BYTES_MAX) + 8) + 1024;
const Tombstone = named('tombstone', 64 + 18);
const Signature = Type.Union([hex('signature', 64), Type.Null()]);
const SEALED_BYTES_MAX = 4096;

/** Messages of a deny list in one reply: 207 kB in hexadecimal. */
export const DENY_MESSAGES_MAX = 32;

/** Body of every refusal. */
export const ErrorReply = object({ code: Type.String(), message: Type.String(), remedy: Type.String() });

/** Headers of a request that takes an operator; operator-requests.ts says what is signed. */
export const OPERATOR_HEADERS = {
  requestId: 'tapcash-request-id',
  operator: 'tapcash-operator',
  signature: 'tapcash-signature',
} as const;
export const OperatorHeaders = Type.Object({
  [OPERATOR_HEADERS.requestId]: hex('random; the same request again under the same id acts once', 16),
  [OPERATOR_HEADERS.operator]: hex("the operator's key id", 8),
  [OPERATOR_HEADERS.signature]: hex('signature of type operatorRequest', 64),
});

const Succession = hex('signed succession', SUCCESSION_BYTES);

const Parameters = object({
  issuer: hex('issuer id', 4),
  issuerKey: hex('the first PKI', 32),
  registrarKey: hex('the first PKR', 32),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  scheme: Type.Integer({ minimum: 1, maximum: 6 }),
  sealKey: Type.Union([hex("the issuer's key for sealed requests, X25519", 32), Type.Null()]),
  successions: Type.Array(Succession, { description: 'which keys followed PKI, PKR and PKB, each line in order' }),
});

function get<R extends TObject>(path: string, summary: string, reply: R) {
  return { method: 'GET' as const, path, summary, body: Nothing, reply };
}

function post<B extends TSchema, R extends TObject>(path: string, summary: string, body: B, reply: R) {
  return { method: 'POST' as const, path, summary, body, reply };
}

function office<B extends TSchema, R extends TObject>(act: Act, path: string, summary: string, body: B, reply: R) {
  return { ...post(path, summary, body, reply), act };
}

/** What an operator looks at: it changes nothing, so nothing of it is kept. */
function look<B extends TSchema, R extends TObject>(act: Act, path: string, summary: string, body: B, reply: R) {
  return { ...office(act, path, summary, body, reply), looks: true };
}

function fromBank<B extends TSchema, R extends TObject>(path: string, summary: string, body: B, reply: R) {
  return { ...post(path, summary, body, reply), bank: true };
}

const ClockState = object({
  timeS: Type.Integer({ description: "the machine's, Unix time" }),
  doubt: Type.Union([Type.Literal('jumped'), Type.Literal('behind'), Type.Literal('ahead'), Type.Null()]),
  estimateS: Type.Union([Type.Integer({ description: 'what the house goes by while it doubts' }), Type.Null()]),
});
const Restored = Type.Union([
  object({ epoch: Count, beganS: Seconds, backupS: Type.Union([Seconds, Type.Null()]) }),
  Type.Null(),
]);

/** For operators, in every house. */
const CLOCK_ENDPOINTS = {
  confirmClock: office(
    'confirmClock',
    '/v2/office/clock',
    "An operator's clock agrees with the house's, which doubts its own",
    object({ timeS: Seconds, why: Why }),
    object({
      timeS: Seconds,
      doubt: Type.Union([Type.Literal('jumped'), Type.Literal('behind'), Type.Literal('ahead'), Type.Null()]),
    }),
  ),
};

const OPERATOR = {
  name: Name,
  role: Type.Union(ROLES.map((role) => Type.Literal(role))),
  limit: Type.Union([Amount, Type.Null()], { description: 'most that one limited act may move' }),
};
const KeyId = Type.String({ description: "an operator's key id, or settings" });

/** For operators, in every house. */
const OPERATOR_ENDPOINTS = {
  self: look('self', '/v2/office/self', 'Who one is here', object({}), object({ ...OPERATOR, isRoot: Type.Boolean() })),
  operators: look(
    'read',
    '/v2/office/operators',
    'Who is an operator, and who was, beside the root keys that the house is started with',
    object({}),
    object({
      roots: Type.Array(hex('key', 32)),
      operators: Type.Array(
        object({
          ...OPERATOR,
          key: hex('key', 32),
          id: KeyId,
          addedS: Seconds,
          addedBy: KeyId,
          removedS: Type.Union([Seconds, Type.Null()]),
          removedBy: Type.Union([KeyId, Type.Null()]),
          isForgotten: Type.Boolean({ description: 'waits for a root key since the books were restored' }),
        }),
      ),
    }),
  ),
  addOperator: office(
    'operators',
    '/v2/office/operators/additions',
    'Somebody is an operator, or still one after a restore',
    object({ ...OPERATOR, key: hex('key', 32) }),
    object({ repeated: Repeated }),
  ),
  removeOperator: office(
    'operators',
    '/v2/office/operators/removals',
    'Somebody is an operator no longer, from this moment on and for good',
    object({ name: Name }),
    object({ repeated: Repeated }),
  ),
};

/** Served by all alike. */
export const COMMON_ENDPOINTS = {
  health: get(
    '/healthz',
    'Whether the service and its database work',
    object({ role: Type.String(), wireVersion: Count, clock: ClockState, restored: Restored }),
  ),
  parameters: get('/v2/parameters', 'Public keys, issuer id and currency', Parameters),
  succeed: post(
    '/v2/successions',
    'Another key of a house, by a notice under its old one; anybody may bring it',
    object({ notice: Succession }),
    object({ house: Type.String(), number: Count, repeated: Repeated }),
  ),
};

/** Wherever accounts are kept: for shops, and for what comes back from them. */
const SHOP_ENDPOINTS = {
  deposit: post(
    '/v2/histories',
    'A history H, credited once [0029]-[0030]',
    object({ history: History }),
    object({ amount: Amount, repeated: Repeated }),
  ),
  depositMany: {
    ...post(
      '/v2/deposits',
      'Many histories H, each credited once; a result for each, in their order',
      object({ histories: Type.Array(History, { minItems: 1, maxItems: DEPOSITS_MAX }) }),
      object({
        results: Type.Array(
          object({
            code: Type.String({ description: 'OK, or why it was refused' }),
            detail: Type.Union([Type.String(), Type.Null()]),
            amount: Type.Union([Amount, Type.Null()]),
            repeated: Repeated,
          }),
          { maxItems: DEPOSITS_MAX },
        ),
      }),
    ),
    bodyBytesMax: DEPOSITS_BODY_BYTES_MAX,
  },
  tombstone: post(
    '/v2/tombstones',
    'A charge that the shop cancelled',
    object({ tombstone: Tombstone }),
    object({ repeated: Repeated }),
  ),
  checkUnload: post(
    '/v2/unloadings/check',
    'Whether cash can go from a token to its owner, before it is debited',
    object({
      name: Name,
      accountKey: hex('account key', 32),
      license: hex('license', LICENSE_BYTES),
      amount: Amount,
    }),
    object({}),
  ),
  refund: post(
    '/v2/refunds',
    'A payment that the shop gives back, in part or whole',
    object({ refund: named('refund', 64 + 77) }),
    object({ amount: Amount, repeated: Repeated }),
  ),
  findPayment: post(
    '/v2/histories/find',
    'A payment of the shop, for one of its terminals; without a question only whether there is one',
    object({
      shop: Name,
      rs: hex('Rs', 16),
      question: Type.Union([named('signed refund that names no pseudonym', 64 + 77), Type.Null()]),
    }),
    object({ history: Type.Union([History, Type.Null()]) }),
  ),
  claim: post(
    '/v2/claims',
    'A debit that no shop deposited, claimed back by its payer',
    object({ history: History }),
    object({ state: Type.Union([Type.Literal('open'), Type.Literal('granted')]), dueS: Seconds, repeated: Repeated }),
  ),
};

const TraceReply = object({
  name: Type.String(),
  ebc: Balance,
  proof: Type.Union([Type.Literal('PROVEN'), Type.Literal('UNPROVEN')]),
  request: hex('what binds the pseudonym to the name', 0, 4096),
  certificate: hex('account certificate', 0, 4096),
});
const TraceOrder = object({ order: hex('signed trace order', 64 + 52, 64 + 52 + 800) });

const ReleaseOrder = hex('signed release order', 64 + 55);

const Class = Type.Integer({ minimum: 1, maximum: 15, description: 'class of a license' });

/** Wherever accounts are kept: for operators. */
const ACCOUNT_ENDPOINTS = {
  openAccount: office(
    'register',
    '/v2/office/accounts',
    'Opens an account; with an account key, certifies it',
    object({ name: Name, accountKey: Type.Union([hex('account key', 32), Type.Null()]) }),
    object({
      certificate: Type.Union([Certificate, Type.Null()]),
      repeated: Repeated,
    }),
  ),
  fundAccount: office(
    'fund',
    '/v2/office/funds',
    'Puts money into an account',
    object({ name: Name, amount: Amount }),
    object({ balance: Balance }),
  ),
  payOut: office(
    'payOut',
    '/v2/office/payouts',
    'Takes money out of an account, under a reference',
    object({ name: Name, amount: Amount, reference: Why }),
    object({ balance: Balance }),
  ),
  closeAccount: office(
    'closeAccount',
    '/v2/office/closings',
    'Closes an account that is empty, for good',
    object({ name: Name }),
    object({ repeated: Repeated }),
  ),
  registerTerminal: office(
    'terminal',
    '/v2/office/terminals',
    "Registers a terminal's key for its tombstones",
    object({ shop: Name, terminalId: hex('terminal id', 4), key: hex('key', 32) }),
    object({ repeated: Repeated }),
  ),
  licenseClassOf: look(
    'read',
    '/v2/office/license-classes/find',
    'The class that licenses of an account get',
    object({ name: Name }),
    object({ licenseClass: Type.Union([Class, Type.Null()]), accountKey: hex('account key', 32) }),
  ),
  setLicenseClass: office(
    'licenseClass',
    '/v2/office/license-classes',
    'Says the class of the licenses under an account key, given or renewed from then on',
    object({ accountKey: hex('account key', 32), licenseClass: Class }),
    object({ repeated: Repeated }),
  ),
  balanceOf: office(
    'read',
    '/v2/office/balance',
    'ABC of a name',
    object({ name: Name }),
    object({ balance: Balance }),
  ),
  heldAccounts: look(
    'read',
    '/v2/office/accounts/held',
    'A page of the accounts that hold money, by name',
    object({ limit: Listed, after: Type.String({ maxLength: 64, description: 'the name before, or nothing' }) }),
    object({ accounts: Type.Array(object({ name: Type.String(), balance: Amount })), more: More }),
  ),
  numbers: office(
    'read',
    '/v2/office/numbers',
    "Sums over this house's books",
    object({}),
    object({
      in: Type.Number(),
      paidOut: Type.Number(),
      held: Type.Number(),
      abc: Type.Number(),
      ebc: Type.Number(),
      out: Type.Number(),
      bank: Type.Number(),
      drawsPending: Type.Number(),
      couponsSigned: Type.Number(),
      couponsRedeemed: Type.Number(),
      released: Type.Number(),
      unreturned: Type.Number(),
      accounts: Count,
      pseudonyms: Count,
      receipts: Count,
      histories: Count,
      tombstones: Count,
      overspent: Count,
    }),
  ),
  payments: look(
    'read',
    '/v2/office/payments',
    'A page of payments, newest first',
    object({
      limit: Type.Integer({ minimum: 1, maximum: PAYMENTS_MAX }),
      before: Type.Optional(Type.String({ maxLength: 32 })),
      sinceS: Type.Optional(Seconds),
      untilS: Type.Optional(Seconds),
      amount: Type.Optional(Amount),
      token: Type.Optional(Pku),
      charge: Type.Optional(hex('Rs', 16)),
      shop: Type.Optional(Name),
    }),
    object({
      payments: Type.Array(
        object({
          pku: Pku,
          shop: Type.String(),
          rs: hex('Rs', 16),
          amount: Amount,
          refunded: Balance,
          arrivedS: Seconds,
        }),
      ),
      more: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
};

/** The bank's addresses. */
export const BANK_ENDPOINTS = {
  ...COMMON_ENDPOINTS,
  ...CLOCK_ENDPOINTS,
  ...OPERATOR_ENDPOINTS,
  ...SHOP_ENDPOINTS,
  ...ACCOUNT_ENDPOINTS,
  request: post(
    '/v2/requests',
    'A registration or withdrawal for the issuer, or a blinded coupon',
    object({ request: hex('owned request', 64 + 48 + 1, SEALED_BYTES_MAX) }),
    object({
      boxes: Boxes,
      refused: Type.Boolean({ description: 'it ended without effect; the box says why' }),
      repeated: Repeated,
    }),
  ),
  couponKeys: get(
    '/v2/coupon-keys',
    'PKBx by amount',
    object({ keys: Type.Array(object({ amount: Amount, modulus: hex('modulus', 256) })) }),
  ),
  registrationsOf: office(
    'read',
    '/v2/office/registrations',
    'Sealed registrations of a name',
    object({ name: Name }),
    object({ registrations: Type.Array(hex('sealed registration', 1, SEALED_BYTES_MAX)) }),
  ),
  creditRelease: office(
    'release',
    '/v2/office/releases',
    'Credits what was left of a lost token to its owner',
    object({ name: Name, order: ReleaseOrder }),
    object({ amount: Amount, repeated: Repeated }),
  ),
  trace: office(
    'trace',
    '/v2/office/traces',
    "The real name behind a registration, on the issuer's order; recorded [0081]",
    TraceOrder,
    TraceReply,
  ),
};

const LicenseRequest = object({
  request: named('registration', 128 + 66),
  certificate: Certificate,
});
const LicenseReply = object({ license: hex('license', LICENSE_BYTES), repeated: Repeated });

/** The trustee's addresses. */
export const TRUSTEE_ENDPOINTS = {
  ...COMMON_ENDPOINTS,
  ...CLOCK_ENDPOINTS,
  ...OPERATOR_ENDPOINTS,
  register: post('/v2/registrations', '(PKU, IdU) to the license SKR(PKU) [0014]-[0015]', LicenseRequest, LicenseReply),
  renew: post(
    '/v2/renewals',
    'A license for longer, towards the end of the one that there is',
    LicenseRequest,
    LicenseReply,
  ),
  licenseOf: post(
    '/v2/licenses',
    'The newest license of a pseudonym',
    object({ pku: Pku }),
    object({ license: hex('license', LICENSE_BYTES) }),
  ),
  trace: post(
    '/v2/traces',
    "The real name behind a pseudonym, on the issuer's order; recorded [0056]",
    TraceOrder,
    TraceReply,
  ),
};

const ChargeId = hex('of the charge: who has it may pay the charge', 8);
const LineReply = object({
  visit: Type.String({ maxLength: 32, description: 'names this conversation' }),
  number: Type.Integer({ minimum: 0, maximum: 1000, description: 'of the command' }),
  command: Type.Union([hex('command APDU', 4, 261), Type.Null()], { description: 'null: it is over' }),
  code: Type.Union([Type.String(), Type.Null()], { description: 'how it went, once it is over' }),
});

/** A shop's addresses for payment over a communication line: what passes a reader's field, in requests and replies. */
export const LINE_ENDPOINTS = {
  charge: post(
    '/v2/line/charges',
    'What is to be paid, to whom',
    object({ charge: ChargeId }),
    object({
      shop: Type.String(),
      currency: Type.String({ pattern: '^[A-Z]{3}$' }),
      amount: Amount,
      state: Type.Union(['open', 'accepted', 'paid', 'cancelled'].map((state) => Type.Literal(state))),
    }),
  ),
  arrive: post(
    '/v2/line/visits',
    'A wallet comes for a charge; the first command to it',
    object({ charge: ChargeId }),
    LineReply,
  ),
  answer: post(
    '/v2/line/answers',
    "The wallet's answer to a command; the next command. The same answer again has the same reply",
    object({
      visit: Type.String({ pattern: '^[0-9a-f]{16}$' }),
      number: Type.Integer({ minimum: 1, maximum: 1000 }),
      answer: hex('response APDU', 2, 258),
    }),
    LineReply,
  ),
};

/** The issuer's addresses. */
export const ISSUER_ENDPOINTS = {
  ...COMMON_ENDPOINTS,
  ...CLOCK_ENDPOINTS,
  ...OPERATOR_ENDPOINTS,
  withdraw: post(
    '/v2/withdrawals',
    '(PKU, IdU, x) to the receipt SKI(PKU, x) [0017]-[0018]',
    object({ request: Withdrawal }),
    object({ receipt: hex('receipt', 116), repeated: Repeated }),
  ),
  receipts: post(
    '/v2/receipts',
    'Receipts from the number in a withdrawal request on',
    object({ request: Withdrawal }),
    object({ receipts: Type.Array(hex('receipt', 116)) }),
  ),
  ...SHOP_ENDPOINTS,
  signedTime: post(
    '/v2/time',
    "Signed time for a terminal's nonce",
    object({ nonce: hex('nonce', 8) }),
    object({ time: hex('signed time', 80) }),
  ),
  denyList: post(
    '/v2/deny-list',
    'What leads from one version of the deny list to the newest one, a page at a time',
    object({ from: Count, skip: Count }),
    object({
      version: Count,
      messages: Type.Array(hex('signed difference', 124, 124 + 3200), { maxItems: DENY_MESSAGES_MAX }),
      total: Count,
    }),
  ),
  terminalNotice: post(
    '/v2/terminal-notice',
    'What was said last of a terminal: whether another one has taken its place',
    object({ terminalId: hex('terminal id', 4) }),
    object({ notice: Type.Union([hex('signed notice', 64 + 13), Type.Null()]) }),
  ),

  redeem: post(
    '/v2/redemptions',
    'A coupon for cash [0042]-[0043]',
    object({ request: hex('sealed request', 64, SEALED_BYTES_MAX) }),
    object({ boxes: Boxes, repeated: Repeated }),
  ),
  couponKeys: get(
    '/v2/coupon-keys',
    "The bank's coupon keys, one list for everybody",
    object({ list: hex('signed coupon keys', 64 + 11, 64 + 11 + 480), moduli: Type.Array(hex('modulus', 256)) }),
  ),
  receive: fromBank(
    '/v2/bank/requests',
    'What the bank passes on [0063], [0067]',
    object({ message: hex('bank message', 13, SEALED_BYTES_MAX), signature: Signature }),
    object({ reply: hex('issuer reply', 65), signature: Signature, boxes: Boxes, repeated: Repeated }),
  ),
  returnCash: fromBank(
    '/v2/bank/returns',
    'Histories that the bank credited [0079]',
    object({ histories: Type.Array(History, { maxItems: 24 }) }),
    object({ codes: Type.Array(Type.String()) }),
  ),
  ...ACCOUNT_ENDPOINTS,
  lose: office(
    'deny',
    '/v2/office/losses',
    'A token is lost: its set is denied at once',
    object({
      of: hex('PKU, or a sealed registration', 32, SEALED_BYTES_MAX),
      why: Why,
      newest: Type.Union([hex('its newest license, where the trustee signs them', LICENSE_BYTES), Type.Null()]),
    }),
    object({
      dueS: Seconds,
      onDenyList: Type.Boolean({ description: 'false: the list is full, and terminals are not told yet' }),
      repeated: Repeated,
    }),
  ),
  release: office(
    'release',
    '/v2/office/releases',
    'What is left of a lost token goes back to its owner, once every license of it is over',
    object({ of: hex('PKU, or a sealed registration', 32, SEALED_BYTES_MAX) }),
    object({
      amount: Amount,
      name: Type.Union([Type.String(), Type.Null()]),
      order: Type.Union([ReleaseOrder, Type.Null()]),
      repeated: Repeated,
    }),
  ),
  deny: office(
    'deny',
    '/v2/office/denials',
    'Puts a pseudonym on the deny list',
    object({ pku: Pku, why: Why }),
    object({ version: Count, repeated: Repeated }),
  ),
  retireTerminal: office(
    'terminal',
    '/v2/office/retirements',
    "Another terminal has taken this one's place, or that was a mistake",
    object({ terminalId: hex('terminal id', 4), retired: Type.Boolean(), why: Why }),
    object({ repeated: Repeated }),
  ),
  trace: office(
    'trace',
    '/v2/office/traces',
    'The real name behind an overspent pseudonym; recorded [0031]',
    object({ pku: Pku, why: Why }),
    TraceReply,
  ),
  traceOrder: office(
    'trace',
    '/v2/office/trace-orders',
    'What opens the name at trustee or bank; recorded',
    object({ pku: Pku, why: Why }),
    object({ order: hex('signed trace order', 64 + 52, 64 + 52 + 800), ebc: Balance }),
  ),
  publishCouponKeys: office(
    'couponKeys',
    '/v2/office/coupon-keys',
    "Signs and publishes the bank's coupon keys",
    object({ keys: Type.Array(object({ amount: Amount, modulus: hex('modulus', 256) }), { maxItems: 12 }) }),
    object({ version: Count, repeated: Repeated }),
  ),
  counterOf: office(
    'read',
    '/v2/office/counter',
    "EBC of a pseudonym's set",
    object({ of: hex('PKU, or a sealed registration', 32, SEALED_BYTES_MAX) }),
    object({ ebc: Balance, receiptNumber: Count }),
  ),
  unclaimed: look(
    'read',
    '/v2/office/counters/out',
    'A page of the sets of pseudonyms whose cash is still out, with the class of the license that paid last',
    object({
      limit: Listed,
      after: Type.String({ pattern: '^([0-9a-f]{64})?$', description: 'PKU1 before, or nothing' }),
    }),
    object({
      sets: Type.Array(
        object({
          pku: Pku,
          ebc: Amount,
          licenseClass: Type.Union([Count, Type.Null()]),
        }),
      ),
      more: More,
    }),
  ),
  overspends: office(
    'read',
    '/v2/office/overspends',
    'Pseudonyms whose EBC is negative',
    object({}),
    object({ overspends: Type.Array(object({ pku: Pku, ebc: Balance, timeS: Seconds })) }),
  ),
};
