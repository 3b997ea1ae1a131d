/** The clerk's commands to a running bridge, the teller's at its desk, and the customer's to a wallet. */
import { as, type CommandSpec } from './spec.js';
import { DEMO_DATA, OPTIONS, PAYMENT_SEARCH } from './vocabulary.js';

const { json } = OPTIONS;
/** Of every command that moves money (pending-acts.ts). */
const act = [OPTIONS.id, OPTIONS.new];
const data = as(OPTIONS.data, { standard: DEMO_DATA });
const amount = { name: '<amount>', what: '3.50, or 350 in minor units' };

export const CLERK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'till',
    what: "the address of the till: a page to charge, refund, and count the day's payments",
    more: `
The bridge serves it to this computer alone. The address ends with a word that
gives the right to charge and refund; it is new each time the bridge starts.`,
    options: [data, json],
    examples: ['till'],
    run: async () => (await import('../clerk.js')).till,
  },
  {
    name: 'charge',
    what: 'open a charge at the terminal',
    arguments: [{ name: '[amount]', what: '3.50, or 350 in minor units; not with --open' }],
    options: [
      OPTIONS.open,
      OPTIONS.tip,
      OPTIONS.wait,
      as(OPTIONS.boardReport, { detail: 'with --wait: add the tap to it' }),
      ...act,
      data,
      json,
    ],
    examples: ['charge 3.50', 'charge 350 --wait', 'charge --open 1.00..50.00', 'charge 20.00 --tip 5.00'],
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
    arguments: [{ name: '[amount]', what: '3.50, or 350 in minor units; without: what its owner enters on the token' }],
    options: [...act, data, json],
    examples: ['teller withdraw 50.00', 'teller withdraw'],
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

const wallet = as(OPTIONS.data, { standard: '.tapcash/wallet', detail: 'of the wallet' });
const deskKey = as(OPTIONS.operatorData, { detail: 'opens the account' });
const loadWallet = () => import('../wallet.js');

/** What `tapcash wallet --help` teaches. */
const WALLET_HELP = `
A wallet is a token without a board: the same program on this machine, its keys
and its money in one file. It pays a shop's link over the network.

  1. tapcash wallet create --issuer-url http://127.0.0.1:8101
  2. tapcash wallet register "Alice Example" --operator-data cafe
     with a desk's key
  3. tapcash wallet withdraw 20.00
  4. tapcash wallet pay http://127.0.0.1:8090/pay/0123456789abcdef
     a link that "tapcash charge" printed at a shop whose bridge has --wallets

What breaks off is done by the same command again, and never twice.
docs/wallet.md says what a wallet is worth, and what it does not protect from.`;

export const WALLET_COMMANDS: CommandSpec = {
  name: 'wallet',
  what: 'a token in software, which pays over the network',
  more: WALLET_HELP,
  examples: ['wallet create', 'wallet status', 'wallet pay http://127.0.0.1:8090/pay/0123456789abcdef'],
  commands: [
    {
      name: 'create',
      what: 'make one, with its keys, for the money of an issuer',
      options: [
        OPTIONS.issuerUrl,
        as(OPTIONS.bankUrl, { detail: 'schemes 2 to 6' }),
        as(OPTIONS.trusteeUrl, { detail: 'schemes 1 and 2' }),
        as(OPTIONS.issuerKey, { detail: 'another one at that address is refused' }),
        as(OPTIONS.pseudonyms, { standard: '1' }),
        as(OPTIONS.policy, { standard: 'rotate' }),
        as(OPTIONS.paymentMax, { detail: 'default: 25.00' }),
        as(OPTIONS.sumMax, { detail: 'default: 50.00' }),
        wallet,
        json,
      ],
      examples: ['wallet create --issuer-url http://127.0.0.1:8101 --data alice'],
      run: async () => (await loadWallet()).create,
    },
    {
      name: 'register',
      what: 'open the account of its owner, and license it',
      arguments: [{ name: '<name>', what: "the owner's account", isName: true }],
      options: [OPTIONS.funding, deskKey, wallet, json],
      examples: ['wallet register "Alice Example" --operator-data cafe --funding 100.00'],
      run: async () => (await loadWallet()).register,
    },
    {
      name: 'renew',
      what: 'a license for longer, in the last quarter of its time or after its end',
      options: [deskKey, wallet, json],
      examples: ['wallet renew --operator-data cafe'],
      run: async () => (await loadWallet()).renew,
    },
    {
      name: 'withdraw',
      what: 'from the account into the wallet',
      arguments: [{ name: '<amount>', what: '20.00, or 2000 in minor units' }],
      options: [wallet, json],
      examples: ['wallet withdraw 20.00'],
      run: async () => (await loadWallet()).withdraw,
    },
    {
      name: 'redeem',
      what: 'coupons into cash, in scheme 2',
      options: [wallet, json],
      examples: ['wallet redeem'],
      run: async () => (await loadWallet()).redeem,
    },
    {
      name: 'pay',
      what: "pay a shop's charge by its link",
      arguments: [{ name: '<link>', what: 'as tapcash charge prints it' }],
      options: [
        as(OPTIONS.amount, { detail: 'pays without asking; any other is refused' }),
        as(OPTIONS.shop, { detail: 'any other is refused' }),
        wallet,
        json,
      ],
      examples: [
        'wallet pay http://127.0.0.1:8090/pay/0123456789abcdef',
        'wallet pay http://127.0.0.1:8090/pay/0123456789abcdef --amount 3.50',
      ],
      run: async () => (await loadWallet()).pay,
    },
    {
      name: 'tap',
      what: 'be a card at a PN532 on a USB port: pay, register and withdraw at a terminal',
      options: [OPTIONS.serial, wallet, json],
      examples: ['wallet tap --serial /dev/ttyUSB2'],
      run: async () => (await loadWallet()).tap,
    },
    {
      name: 'balance',
      what: 'what it holds',
      options: [wallet, json],
      examples: ['wallet balance --json'],
      run: async () => (await loadWallet()).balance,
    },
    {
      name: 'status',
      what: 'whose it is, what it holds, and what is unfinished',
      options: [wallet, json],
      examples: ['wallet status'],
      run: async () => (await loadWallet()).status,
    },
    {
      name: 'collect',
      what: 'receipts that it missed, of refunds for example',
      options: [wallet, json],
      examples: ['wallet collect'],
      run: async () => (await loadWallet()).collect,
    },
    {
      name: 'reconcile',
      what: 'claim back payments that no shop deposited',
      options: [wallet, json],
      examples: ['wallet reconcile'],
      run: async () => (await loadWallet()).reconcile,
    },
  ],
};
