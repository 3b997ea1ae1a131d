/** The clerk's commands to a running bridge, and the teller's at its desk. */
import { as, type CommandSpec } from './spec.js';
import { DEMO_DATA, OPTIONS, PAYMENT_SEARCH } from './vocabulary.js';

const { json } = OPTIONS;
/** Of every command that moves money (pending-acts.ts). */
const act = [OPTIONS.id, OPTIONS.new];
const data = as(OPTIONS.data, { standard: DEMO_DATA });
const amount = { name: '<amount>', what: '3.50, or 350 in minor units' };

export const CLERK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'charge',
    what: 'open a charge at the terminal',
    arguments: [amount],
    options: [OPTIONS.wait, as(OPTIONS.boardReport, { detail: 'with --wait: add the tap to it' }), ...act, data, json],
    examples: ['charge 3.50', 'charge 350 --wait'],
    run: async () => (await import('../clerk.js')).charge,
  },
  {
    name: 'cancel',
    what: 'give a charge up',
    arguments: [{ name: '[id]', what: 'the charge; default: the open one' }],
    options: [data, json],
    examples: ['cancel'],
    run: async () => (await import('../clerk.js')).cancel,
  },
  {
    name: 'refund',
    what: "give a payment back from the shop's account; the payer's token takes it up with `tapcash teller collect`",
    arguments: [
      { name: '<payment>', what: "the charge's id as tapcash charge shows it, or its Rs" },
      { name: '[amount]', what: '1.00, or 100 in minor units; default: all of the payment' },
    ],
    options: [OPTIONS.supervisor, ...act, data, json],
    examples: [
      'refund 0123456789abcdef',
      'refund 0123456789abcdef 1.00',
      'refund 0123456789abcdef --supervisor /media/key',
    ],
    run: async () => (await import('../clerk.js')).refund,
  },
  {
    name: 'payments',
    what: 'the payments that came in, newest first; refund takes the id that stands here',
    options: [...PAYMENT_SEARCH, OPTIONS.charge, data, json],
    examples: ['payments --since 2026-11-29', 'payments --amount 3.50', 'payments --all-pages --csv'],
    run: async () => (await import('../payments.js')).payments,
  },
  {
    name: 'status',
    what: 'state of bridge, terminal and outbox',
    more: `
Exit code: 0 all is well; 3 deliveries wait for something around us (no house,
another house at the address, a database); else 1 where something is held or was
refused (tapcash outbox). --json says the same as "ok".`,
    options: [data, json],
    examples: ['status', 'status --json'],
    run: async () => (await import('../clerk.js')).status,
  },
];

const name = { name: '<name>', what: "the owner's account", isName: true } as const;

const TELLER: readonly CommandSpec[] = [
  {
    name: 'register',
    what: 'open an account, license the token at the reader',
    arguments: [name],
    options: [OPTIONS.funding, ...act, data, json],
    examples: ['teller register "Alice Example" --funding 100.00'],
    run: async () => (await import('../teller.js')).register,
  },
  {
    name: 'renew',
    what: 'a license for longer, in the last quarter of its time or after its end',
    arguments: [name],
    options: [data, json],
    examples: ['teller renew "Alice Example"'],
    run: async () => (await import('../teller.js')).renew,
  },
  {
    name: 'withdraw',
    what: 'from the account to the token at the reader',
    arguments: [amount],
    options: [...act, data, json],
    examples: ['teller withdraw 50.00'],
    run: async () => (await import('../teller.js')).withdraw,
  },
  {
    name: 'unload',
    what: "from the token at the reader back to its owner's account",
    arguments: [name, amount],
    options: [...act, data, json],
    examples: ['teller unload "Alice Example" 20.00'],
    run: async () => (await import('../teller.js')).unload,
  },
  {
    name: 'redeem',
    what: 'turn the coupons on the token at the reader into cash: at another time than the withdrawal',
    options: [...act, data, json],
    examples: ['teller redeem'],
    run: async () => (await import('../teller.js')).redeem,
  },
  {
    name: 'collect',
    what: 'give the token at the reader the receipts that it missed, of refunds for example',
    options: [data, json],
    examples: ['teller collect'],
    run: async () => (await import('../teller.js')).collect,
  },
  {
    name: 'receipts',
    what: 'list what the token at the reader has paid: shop, amount, time, and the signature that proves it',
    options: [OPTIONS.zone, data, json],
    examples: ['teller receipts --zone Europe/Berlin', 'teller receipts --json'],
    run: async () => (await import('../teller.js')).receipts,
  },
  {
    name: 'reconcile',
    what:
      'claim back what the token at the reader paid and no shop deposited: cancelled charges at once, others after ' +
      "the shop's time is over",
    options: [...act, OPTIONS.zone, data, json],
    examples: ['teller reconcile'],
    run: async () => (await import('../teller.js')).reconcile,
  },
  {
    name: 'status',
    what: 'what the token at the reader holds',
    options: [data, json],
    examples: ['teller status'],
    run: async () => (await import('../teller.js')).tokenStatus,
  },
];

export const TELLER_COMMANDS: CommandSpec = {
  name: 'teller',
  what: "the desk: registration and withdrawal through the terminal's reader",
  examples: ['teller register "Alice Example" --funding 100.00', 'teller withdraw 50.00'],
  commands: TELLER,
};
