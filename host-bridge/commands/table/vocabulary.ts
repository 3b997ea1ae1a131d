/**
 * The words of the command line. An option means the same in every command that has it.
 *
 * `--X-key` is a public key, `--X-url` an address, `--listen` a TCP port, `--serial` a device. The house that signs
 * licenses in schemes 1 and 2 is the trustee; on the wire its role is called registrar.
 */
import { STANDARD_CURRENCY } from '../../base/money.js';
import { ISSUER_URL, BANK_URL, TRUSTEE_URL, urlOf } from '../settings.js';
import type { OptionSpec } from './spec.js';

/** Where the demo keeps everything, and where other commands look for it. */
export const DEMO_DATA = '.tapcash/demo';
/** Where houses keep what they have, without a settings file. */
export const SERVICE_DATA = '.tapcash/services';

/** Every option that there is, by what it names. */
export const OPTIONS = {
  data: {
    flags: '--data <folder>',
    what: 'folder with settings, keys and databases; without it the working directory, if it has a tapcash.json',
  },
  json: { flags: '--json', what: 'print JSON for programs' },

  // houses and keys
  scheme: {
    flags: '--scheme <number>',
    what: 'row of the scheme table, 1 to 6; see docs/schemes.md',
    standard: '1',
    setting: ({ scheme }) => String(scheme),
  },
  currency: {
    flags: '--currency <code>',
    what: 'ISO 4217, three letters',
    standard: STANDARD_CURRENCY,
    setting: ({ currency }) => currency,
  },
  user: { flags: '--user <name...>', what: 'names of the first users', isName: true },
  issuerKey: {
    flags: '--issuer-key <key>',
    what: "the issuer's public key",
    setting: ({ keys }) => keys.issuer,
  },
  trusteeKey: {
    flags: '--trustee-key <key>',
    what: "the trustee's public key",
    setting: ({ keys }) => keys.trustee,
  },
  bankKey: { flags: '--bank-key <key>', what: "the bank's public key", setting: ({ keys }) => keys.bank },
  operatorKey: {
    flags: '--operator-key <key...>',
    what: 'root keys: supervisors, who say who else is an operator',
    setting: ({ keys }) => [keys.operator],
  },
  tellerKey: {
    flags: '--teller-key <key...>',
    what: 'public keys of desks, which are tellers until a root key removes them',
    setting: ({ desk }) => desk && [desk.key],
  },
  actLimit: {
    flags: '--act-limit <amount>',
    what: 'most that one act of a teller puts into an account, or of a clerk gives back; without it nothing',
    setting: ({ desk }) => (desk && desk.limit !== null ? String(desk.limit) : undefined),
  },
  key: { flags: '--key <key>', what: "the operator's public key" },
  accountsKey: {
    flags: '--accounts-key <key>',
    what: 'public key of the house that keeps the accounts; a proof is then checked here',
  },
  wallets: {
    flags: '--wallets <port>',
    what: 'instead of a terminal on a cable one in this process, for wallets that pay over a line: TCP port; 0: any free one',
  },
  issuerUrl: {
    flags: '--issuer-url <url>',
    what: 'address of the issuer',
    standard: ISSUER_URL,
    setting: (settings) => urlOf(settings, 'issuer'),
  },
  bankUrl: {
    flags: '--bank-url <url>',
    what: 'address of the bank',
    standard: BANK_URL,
    setting: (settings) => urlOf(settings, 'bank'),
  },
  trusteeUrl: {
    flags: '--trustee-url <url>',
    what: 'address of the trustee',
    standard: TRUSTEE_URL,
    setting: (settings) => urlOf(settings, 'trustee'),
  },
  listen: { flags: '--listen <port>', what: 'TCP port to serve on; 0: any free one' },
  host: { flags: '--host <address>', what: 'address to serve on', standard: '127.0.0.1', setting: ({ host }) => host },
  licenseClass: {
    flags: '--license-class <number>',
    what: 'of new licenses: 1 without bound, 2 for small payments alone (50.00)',
    standard: '1',
  },
  operatorData: { flags: '--operator-data <folder>', what: "folder with teller.key, the desk's key" },
  ibans: { flags: '--ibans <file>', what: 'CSV with the columns account, iban, name: where money goes' },
  payerIban: { flags: '--payer-iban <iban>', what: 'of the bank account that pays' },
  payerName: { flags: '--payer-name <name>', what: 'who pays, as the bank knows it' },
  dryRun: { flags: '--dry-run', what: 'check everything and say what would be paid; nothing is paid or written' },
  closing: { flags: '--closing <folder>', what: 'what the closing keeps and makes: its plan, payments and lists' },
  to: { flags: '--to <folder>', what: "the backup's own folder: not there yet, or empty" },
  withKeys: { flags: '--with-keys', what: 'the private keys too, under a passphrase' },
  passphraseFile: { flags: '--passphrase-file <file>', what: 'a file with the passphrase, 12 characters at least' },
  replace: { flags: '--replace', what: 'a database that is there goes aside, beside the restored one' },
  only: { flags: '--only <role...>', what: 'issuer, bank, trustee or bridge; default: all that the backup has' },
  why: { flags: '--why <reason>', what: 'the reason, for the record' },
  trace: {
    flags: '--trace <policy>',
    what: 'when the name behind a negative EBC is opened: automatic, as it falls below 0; or operator, who asks and says why',
    standard: 'operator',
  },
  acceptLoss: {
    flags: '--accept-loss <reason>',
    what: 'start on the database that is there, though it is not the one that was: what is missing is lost, on record',
  },
  inDays: {
    flags: '--in <days>',
    what: 'until the new key signs: time to tell the houses and bring boards up to date',
  },
  tell: {
    flags: '--tell <url...>',
    what: 'bring the notice to these houses; it proves itself, and may be brought again',
  },
  again: { flags: '--again', what: 'no new key: the last notice, for --tell' },
  restore: {
    flags: '--restore <notice>',
    what: 'no new key: a notice of this house that another one has (its /v2/parameters), after an older database was restored',
  },
  tidy: { flags: '--tidy', what: 'no new key: delete private keys that are no longer needed' },

  // charges and the desk
  chargeMinutes: {
    flags: '--charge-minutes <n>',
    what: 'how long a charge waits for a token, 1 to 60',
    standard: '5',
  },
  refundLimit: {
    flags: '--refund-limit <amount>',
    what: 'most that the clerk gives back of one payment; without it all of it',
  },
  supervisor: {
    flags: '--supervisor <folder>',
    what: "folder with a supervisor's operator.key: approves what is above the clerk's limit",
  },
  open: {
    flags: '--open <limits>',
    what: 'in place of an amount: the payer enters one within these limits, 1.00..50.00',
  },
  tip: { flags: '--tip <most>', what: 'the payer may add a tip of at most so much' },
  wait: { flags: '--wait', what: 'follow the charge until it is paid' },
  id: {
    flags: '--id <act>',
    what: "the act's id: the same act again is done once, and has the same answer; without it the command makes one, and finishes the same act where that had no answer",
  },
  new: { flags: '--new', what: 'another act, also where the same one had no answer' },
  funding: { flags: '--funding <amount>', what: 'money to put into the account' },

  // lists
  since: {
    flags: '--since <time>',
    what: 'that arrived not before: 2026-11-29, or 2026-11-29T14:03, by the wall clock',
  },
  zone: {
    flags: '--zone <zone>',
    what: "times by this zone's clock, as in Europe/Berlin; default: the machine's (TZ)",
  },
  until: { flags: '--until <time>', what: 'that arrived before; of a day, all of it' },
  amount: { flags: '--amount <amount>', what: 'of exactly this amount' },
  token: { flags: '--token <pku>', what: 'of one pseudonym' },
  charge: { flags: '--charge <id>', what: 'of one charge, by its id or its Rs' },
  allPages: { flags: '--all-pages', what: 'every page, to the end' },
  csv: { flags: '--csv', what: 'print CSV for a spreadsheet; amounts in minor units' },
  delivered: { flags: '--delivered', what: 'what was delivered, too' },
  limit: { flags: '--limit <number>', what: 'most lines of a page, 1 to 999', standard: '20' },
  before: { flags: '--before <id>', what: 'the page that comes before this id' },

  // boards
  serial: {
    flags: '--serial <device>',
    what: 'port of the board, best its link in /dev/serial/by-id; default: the only one',
  },
  board: { flags: '--board <name>', what: 'an entry of board-configs' },
  waitForBoard: { flags: '--wait-for-board', what: 'wait until the board is plugged in' },
  firmware: {
    flags: '--firmware <path>',
    what: "Espruino's release for the board: its unpacked folder, or one merged file",
  },
  onlyApp: { flags: '--only-app', what: 'our firmware alone: an update' },
  image: { flags: '--image <path>', what: "a program for one role and board in a file, signed by the issuer's root" },
  role: { flags: '--role <role>', what: 'what somebody or something is' },
  eraseAll: { flags: '--erase-all', what: 'erase everything first, keys too; with --yes' },
  yes: { flags: '--yes', what: 'that is meant' },
  baud: { flags: '--baud <rate>', what: "speed of the chip's loader", standard: '460800' },
  flashMode: {
    flags: '--flash-mode <mode>',
    what: 'how the chip reads its flash: keep (as the files say), qio (80 MHz; the way back is automatic), dio (40 MHz)',
    standard: 'keep',
  },
  manifest: { flags: '--manifest <file>', what: 'keys of the institutions, signed by the root (tapcash manifest)' },
  label: { flags: '--label <folder>', what: 'where the label goes, as SVG and PNG', standard: '.' },
  list: {
    flags: '--list <file>',
    what: 'CSV of tokens with the columns name, payment_max, sum_max: board after board; results go into it',
  },
  name: { flags: '--name <name>', what: "the owner's name", isName: true },
  shop: { flags: '--shop <name>', what: "the shop's name, IdS", isName: true },
  pseudonyms: { flags: '--pseudonyms <n>', what: 'of each token, in schemes 4 and 6' },
  policy: { flags: '--policy <policy>', what: 'how the token chooses a pseudonym: rotate, per-shop, random' },
  paymentMax: { flags: '--payment-max <amount>', what: 'paid without its button' },
  sumMax: { flags: '--sum-max <amount>', what: 'paid without its button, in sum' },
  floorLimit: { flags: '--floor-limit <amount>', what: 'ACCEPTED before the check up to here (20.00; with --alone 0)' },
  alone: { flags: '--alone', what: 'a terminal without a bridge beside it: it checks before it says anything' },
  staleListLimit: { flags: '--stale-list-limit <amount>', what: 'most from one pseudonym with an old deny list' },

  // demo, build, bench
  fresh: { flags: '--fresh', what: 'erase the books of the last demo without asking' },
  once: { flags: '--once', what: 'exit when the scenario has run' },
  scenario: { flags: '--scenario <name>', what: 'what is played' },
  all: { flags: '--all', what: 'all of them' },
  interpreter: {
    flags: '--interpreter [path]',
    what: "Espruino's Linux build for the boards; without a path: ESPRUINO, then espruino-linux on the PATH",
  },
  seed: { flags: '--seed <number>', what: 'draw all randomness from a seed, to look at the same run again' },
  verbose: { flags: '--verbose', what: 'print what the boards print on their consoles' },
  out: { flags: '--out <folder>', what: 'where the bundles go; default: where every command looks for them' },
  quick: { flags: '--quick', what: 'operations only, without memory, taps and constant time' },
  svg: { flags: '--svg <file>', what: 'write the drawing there' },
  write: { flags: '--write', what: "write docs/performance.md, docs/tap.svg and README's five numbers" },
  services: { flags: '--services', what: 'measure deposits at a house instead, beside what limits them' },
  seconds: { flags: '--seconds <number>', what: 'of each measurement with --services; default: 4' },
  large: { flags: '--large', what: 'with --services: ten million pseudonyms too' },
  report: { flags: '--report <file>', what: 'measure nothing: take what --json printed before' },
  selftest: {
    flags: '--selftest',
    what: 'try natives, PN532, buttons, curve and display, too, and say how long each takes',
  },
  boardReport: {
    flags: '--board-report <file>',
    what: 'the report of the first hour with real boards (docs/hardware.md)',
  },
} satisfies Record<string, OptionSpec>;

/** What both lists of payments are searched by. */
export const PAYMENT_SEARCH: readonly OptionSpec[] = [
  OPTIONS.since,
  OPTIONS.until,
  OPTIONS.amount,
  OPTIONS.token,
  OPTIONS.limit,
  OPTIONS.before,
  OPTIONS.allPages,
  OPTIONS.csv,
  OPTIONS.zone,
];
