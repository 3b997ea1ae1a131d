/**
 * The addresses of a running bridge for other processes of its user (`tapcash charge 350`), once: validation, types and
 * client all come from these definitions. Bytes are lower-case hexadecimal, amounts integers in minor units.
 */
import { Type, type Static, type TObject, type TSchema } from '@sinclair/typebox';
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import { PAYMENTS_MAX } from '../base/payment-query.js';

function object<T extends Record<string, TSchema>>(properties: T, options: { description?: string } = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$` });
const Amount = Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'minor units' });
const Count = Type.Integer({ minimum: 0 });
const Ms = Type.Integer({ minimum: 0, description: 'milliseconds' });
// What a name may be is a rule with its own code; here only its size is bounded.
const Name = Type.String({ maxLength: 64 });
const ChargeId = hex(8);
/** Of an act at the desk: the same again is the same act, with the same answer. */
const ActId = Type.Optional(hex(16));
/** Codes are those of host-bridge/base/errors.ts. */
const Code = Type.String();

const Tap = object({
  code: Code,
  rs: hex(16),
  selectMs: Ms,
  licenseMs: Ms,
  challengeMs: Ms,
  verifyMs: Ms,
  flashMs: Ms,
  paidMs: Ms,
  flashWrites: Count,
});
const ChargeState = Type.Union(
  (['sending', 'open', 'accepted', 'paid', 'cancelled', 'refused', 'lost'] as const).map((state) =>
    Type.Literal(state),
  ),
);
const OpenTerms = object({ base: Count, min: Amount, max: Amount });
const Charge = object({
  id: ChargeId,
  amount: Count,
  open: nullable(OpenTerms),
  state: ChargeState,
  code: nullable(Code),
  changes: Count,
  tap: nullable(Tap),
  openedS: Count,
  changedS: Count,
});
const ChargeReply = object({ charge: Charge });

const Terminal = object({
  version: Count,
  issuer: hex(4),
  terminalId: hex(4),
  terminalKey: hex(32),
  registrar: hex(4),
  timeS: Count,
  denyVersion: Count,
  historiesPending: Count,
  tombstonesPending: Count,
  chargeState: Count,
  chargeNumber: Count,
  variablesUsed: Count,
  variablesTotal: Count,
  flashWrites: Count,
  shop: Type.String(),
  firmware: Type.String({
    pattern: '^([0-9a-f]{2})*$',
    description: 'what names its program; empty: one from before terminals told it',
  }),
});
const OutboxState = ['pending', 'held', 'credited', 'duplicate', 'buried', 'refunded', 'refused'] as const;
const OutboxCounts = object({
  pending: Count,
  held: Count,
  credited: Count,
  duplicate: Count,
  buried: Count,
  refunded: Count,
  refused: Count,
});
const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const OUTBOX_ENTRY = {
  sequence: Count,
  kind: Type.Union([Type.Literal('history'), Type.Literal('tombstone'), Type.Literal('refund')]),
  state: Type.Union(OutboxState.map((state) => Type.Literal(state))),
  code: nullable(Code),
  amount: nullable(Amount),
  attempts: Count,
  arrivedS: Count,
  doneS: nullable(Count),
  acknowledged: nullable(Type.String()),
  acknowledgedS: nullable(Count),
};
const Trouble = object(OUTBOX_ENTRY);
const OutboxMessage = object({ ...OUTBOX_ENTRY, bytes: Type.String({ pattern: '^([0-9a-f]{2})+$' }) });
const Status = object({
  link: object({
    up: Type.Boolean(),
    code: Code,
    port: nullable(object({ code: Code, message: Type.String(), remedy: Type.String() })),
    older: Type.Optional(Type.String({ description: 'with UPDATE_NEEDED: which side is older' })),
  }),
  terminal: nullable(Terminal),
  retired: Type.Boolean({ description: 'the terminal was told that another one has taken its place' }),
  charge: nullable(Charge),
  deskBusy: Type.Boolean(),
  outbox: OutboxCounts,
  acknowledged: Count,
  trouble: Type.Array(Trouble),
  outage: nullable(Code),
  outageDetail: nullable(Type.String()),
  verify: object({ count: Count, sumMs: Type.Number(), maxMs: Type.Number() }),
  alarms: Type.Array(Code),
  restored: nullable(object({ beganS: Count, backupS: nullable(Count) })),
  keys: Type.Array(
    object({
      house: Type.Union([Type.Literal('issuer'), Type.Literal('registrar')]),
      key: hex(32),
      fromS: Count,
      untilS: nullable(Count),
    }),
  ),
  hasNewestKey: nullable(Type.Boolean()),
});

const Registered = object({
  name: Type.String(),
  pku: nullable(hex(32)),
  balance: nullable(Type.Integer()),
  repeated: Type.Boolean(),
});
const Withdrawn = object({
  amount: Amount,
  receiptNumber: Count,
  coupons: Count,
  missed: Count,
  repeated: Type.Boolean(),
});
const TokenState = object({
  identity: object({ accountKey: hex(32), pku: hex(32), receiptNumber: Count, licensed: Count }),
  status: object({
    balance: Count,
    receiptNumber: Count,
    unacknowledged: Count,
    nonces: Count,
    variablesUsed: Count,
    variablesTotal: Count,
    flashWrites: Count,
  }),
});

const Refund = object({
  id: hex(8),
  rs: hex(16),
  amount: Amount,
  state: Type.Union(OutboxState.map((state) => Type.Literal(state))),
  code: nullable(Code),
});

const Payment = object({
  id: Type.Union([hex(8), hex(16)], { description: 'what refund takes' }),
  rs: hex(16),
  token: hex(32),
  shop: Type.String(),
  amount: Amount,
  refunded: Count,
  state: Type.Union(OutboxState.map((state) => Type.Literal(state))),
  code: nullable(Code),
  paidS: Count,
  arrivedS: Count,
});

const Debit = {
  shop: Type.String(),
  amount: Amount,
  timeS: Count,
  rs: hex(16),
  pku: hex(32),
  settled: Type.Boolean(),
  history: Type.String({ description: 'license, signature, challenge: the proof of this payment' }),
  verified: Type.Boolean(),
};
const ClaimState = Type.Union((['paid', 'open', 'granted', 'refused'] as const).map((state) => Type.Literal(state)));

/**
 * One address. `stream`: the reply is lines of JSON, `{event}` while somebody is waited for, at the end `{result}` or
 * `{error}`.
 */
export interface ControlEndpoint<B extends TSchema = TSchema, R extends TObject = TObject> {
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  stream: boolean;
  body: B;
  reply: R;
}

export type ControlBody<E> = E extends ControlEndpoint<infer B, TObject> ? Static<B> : never;
export type ControlReply<E> = E extends ControlEndpoint<TSchema, infer R> ? Static<R> : never;

function post<B extends TSchema, R extends TObject>(path: string, summary: string, body: B, reply: R, stream = false) {
  return { method: 'POST' as const, path, summary, stream, body, reply };
}

/** The addresses. */
export const CONTROL_ENDPOINTS = {
  status: {
    method: 'GET' as const,
    path: '/status',
    summary: 'State of bridge, terminal and outbox',
    stream: false,
    body: Type.Null(),
    reply: Status,
  },
  charge: post(
    '/charge',
    'Opens a charge, of an amount or of what its payer says; the same id again, after a lost reply, is the same charge',
    object({ amount: Type.Optional(Amount), open: Type.Optional(OpenTerms), id: ChargeId }),
    ChargeReply,
  ),
  wait: {
    method: 'GET' as const,
    path: '/charges/:id',
    summary: 'A charge, once it has changed more often than `seen` or `waitMs` have passed',
    stream: false,
    body: Type.Null(),
    reply: ChargeReply,
  },
  cancel: post(
    '/cancel',
    'Gives the current charge up, or the one named',
    object({ id: Type.Optional(ChargeId) }),
    ChargeReply,
  ),
  refund: post(
    '/refund',
    'Gives a payment back; the same id again, after a lost reply, is the same refund',
    object({
      payment: Type.Union([hex(8), hex(16)]),
      amount: Type.Optional(Amount),
      id: hex(8),
      approval: Type.Optional(
        object({ operator: hex(8), signature: hex(64) }, { description: 'of a supervisor, where the clerk may not' }),
      ),
    }),
    object({ refund: Refund }),
  ),
  outbox: {
    method: 'GET' as const,
    path: '/outbox',
    summary: 'Messages on their way to the house that keeps the accounts, newest first',
    stream: false,
    body: Type.Null(),
    reply: object({
      entries: Type.Array(Trouble),
      outbox: OutboxCounts,
      acknowledged: Count,
      outage: nullable(Code),
      outageDetail: nullable(Type.String()),
    }),
  },
  messages: {
    method: 'GET' as const,
    path: '/outbox/messages',
    summary: 'The same, complete, oldest first',
    stream: false,
    body: Type.Null(),
    reply: object({ messages: Type.Array(OutboxMessage) }),
  },
  resend: post(
    '/outbox/resend',
    'What is held or was refused is tried now: one, or all of it',
    object({ sequence: Type.Optional(Sequence) }),
    object({ count: Count }),
  ),
  acknowledge: post(
    '/outbox/acknowledge',
    'The clerk takes note of what was refused for good: it stays listed, and is no trouble any more',
    object({ sequence: Sequence, why: Type.String({ minLength: 1, maxLength: 200 }) }),
    object({}),
  ),
  payments: post(
    '/payments',
    'A page of the payments that came through here, newest first',
    object({
      limit: Type.Integer({ minimum: 1, maximum: PAYMENTS_MAX }),
      before: Type.Optional(Type.String({ maxLength: 32 })),
      sinceS: Type.Optional(Count),
      untilS: Type.Optional(Count),
      amount: Type.Optional(Amount),
      token: Type.Optional(hex(32)),
      charge: Type.Optional(Type.Union([hex(8), hex(16)])),
    }),
    object({ payments: Type.Array(Payment), more: nullable(Type.String()) }),
  ),
  register: post(
    '/desk/register',
    'Registers the token at the reader',
    object({ name: Name, funding: Type.Optional(Amount), id: ActId }),
    Registered,
    true,
  ),
  renew: post('/desk/renew', 'Renews the license of the token at the reader', object({ name: Name }), Registered, true),
  withdraw: post(
    '/desk/withdraw',
    'Withdraws to the token at the reader; without an amount the one that its owner enters on it',
    object({ amount: Type.Optional(Amount), id: ActId }),
    Withdrawn,
    true,
  ),
  unload: post(
    '/desk/unload',
    "From the token at the reader back to its owner's account",
    object({ name: Name, amount: Amount, id: ActId }),
    object({
      name: Type.String(),
      amount: Amount,
      state: Type.Union(OutboxState.map((state) => Type.Literal(state))),
      code: nullable(Code),
    }),
    true,
  ),
  redeem: post(
    '/desk/redeem',
    'Redeems the coupons on the token at the reader',
    object({ id: ActId }),
    object({ amount: Count, receiptNumber: Count }),
    true,
  ),
  collect: post(
    '/desk/collect',
    'Gives the token at the reader the receipts that it missed',
    object({}),
    object({ receiptNumber: Count }),
    true,
  ),
  statement: post(
    '/desk/statement',
    'The payments in the journal of the token at the reader',
    object({}),
    object({ debits: Type.Array(object(Debit)) }),
    true,
  ),
  reconcile: post(
    '/desk/reconcile',
    'Claims back what the token at the reader paid and no shop deposited',
    object({ id: ActId }),
    object({
      claims: Type.Array(
        object({
          shop: Type.String(),
          amount: Amount,
          rs: hex(16),
          state: ClaimState,
          dueS: nullable(Count),
          code: nullable(Code),
        }),
      ),
    }),
    true,
  ),
  act: {
    method: 'GET' as const,
    path: '/acts/:id',
    summary: 'Whether anything of an act at the desk has begun, and whether it has its answer',
    stream: false,
    body: Type.Null(),
    reply: object({
      state: Type.Union((['unknown', 'open', 'answered'] as const).map((state) => Type.Literal(state))),
    }),
  },
  tokenStatus: post('/desk/status', 'What the token at the reader holds', object({}), TokenState, true),
};

/** Parameters of `wait`. */
export const WaitQuery = object({
  seen: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}$' })),
  waitMs: Type.Optional(Type.String({ pattern: '^[0-9]{1,5}$' })),
});
/** Parameters of `outbox` (`before`) and `messages` (`after`): a page of the given states. */
export const OutboxQuery = object({
  states: Type.String({ pattern: `^(${OutboxState.join('|')})(,(${OutboxState.join('|')})){0,6}$` }),
  limit: Type.String({ pattern: '^[1-9][0-9]{0,2}$' }),
  before: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,14}$' })),
  after: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
});
export const WaitParams = object({ id: ChargeId });
export const ActParams = object({ id: hex(16) });

/** What a line of a stream says. */
export const DeskLine = object({
  event: Type.Optional(
    object({
      step: Type.String(),
      wait: Type.Union(
        (['tap', 'again', 'button', 'confirm', 'enter', 'work', 'link', 'service'] as const).map((wait) =>
          Type.Literal(wait),
        ),
      ),
    }),
  ),
  alive: Type.Optional(Type.Literal(true)),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(object({ code: Code, message: Type.String(), remedy: Type.String() })),
});
