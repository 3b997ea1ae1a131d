/** Keys, the houses as processes, the bridge to a terminal, and what is found in their books. */
import type { HouseName } from '../../base/keys/key-line.js';
import { as, type CommandSpec, type OptionSpec } from './spec.js';
import { DEMO_DATA, OPTIONS, SERVICE_DATA } from './vocabulary.js';

const { json } = OPTIONS;
const data = as(OPTIONS.data, { standard: SERVICE_DATA });
/** Who may act in a house's office. */
const operators = [as(OPTIONS.operatorKey, { isNeeded: true }), OPTIONS.tellerKey, OPTIONS.actLimit];

/** What every house has: its scheme, address and folder. */
const house = (name: HouseName, port: string): readonly OptionSpec[] => [
  OPTIONS.scheme,
  as(OPTIONS.listen, { standard: port, setting: ({ listen }) => String(listen[name]) }),
  OPTIONS.host,
  OPTIONS.currency,
  OPTIONS.acceptLoss,
  data,
];

/** What `tapcash rotate --help` teaches. */
const ROTATE_HELP = `
A house signs with one key at a time. The new key's notice is signed under the
old one, and every house keeps it; licenses under the old key are taken until
they end, what says no time for a year, so nothing that was paid is lost. Boards
know two keys of a house, so the next rotation must wait until the old key's
time is over: "tapcash keys" says when.

  1. tapcash rotate issuer --tell http://127.0.0.1:8103
     makes the key, and tells the bank
  2. tapcash manifest
     what boards are given, with both keys
  3. tapcash provision token|terminal ...
     each board, best before the new key signs
  4. tapcash rotate issuer --tidy
     later: the old private key is deleted`;

/** What `tapcash setup` is not given, it asks for. */
const unsettled = { standard: undefined, setting: undefined };

const SETUP: CommandSpec = {
  name: 'setup',
  what: 'make a folder with keys, manifest and settings, which later commands find there: no key is typed anywhere',
  arguments: [{ name: '<folder>', what: 'where to; what is there already is never changed' }],
  options: [
    as(OPTIONS.scheme, { ...unsettled, detail: 'asked for where it is not given, as are the next three' }),
    as(OPTIONS.currency, unsettled),
    as(OPTIONS.shop, unsettled),
    as(OPTIONS.user, unsettled),
    as(OPTIONS.listen, { standard: '8101', detail: 'the issuer; trustee and bank get the next two' }),
    as(OPTIONS.host, { setting: undefined }),
    as(OPTIONS.actLimit, { setting: undefined, detail: "the desk's" }),
    json,
  ],
  examples: ['setup cafe', 'setup cafe --scheme 1 --shop "Cafe Roma" --user Alice --user Bob'],
  run: async () => (await import('../setup.js')).setup,
};

export const HOUSE_COMMANDS: readonly CommandSpec[] = [
  SETUP,
  {
    name: 'keys',
    what: 'make the keys of issuer, trustee, bank, operator and teller, print the public ones',
    options: [data, json],
    examples: ['keys', 'keys --data cafe --json'],
    run: async () => (await import('../keys.js')).keys,
  },
  {
    name: 'rotate',
    what: 'give a house another key, whose service was started before on the data folder; a running one follows by itself',
    arguments: [{ name: '<house>', what: 'issuer, trustee or bank' }],
    options: [
      as(OPTIONS.inDays, { standard: '14', detail: '0 for at once' }),
      OPTIONS.tell,
      OPTIONS.again,
      OPTIONS.restore,
      OPTIONS.tidy,
      data,
      json,
    ],
    more: ROTATE_HELP,
    examples: ['rotate issuer --tell http://127.0.0.1:8103', 'rotate issuer --tidy'],
    run: async () => (await import('../rotate.js')).rotateKey,
  },
  {
    name: 'issuer',
    what: 'serve the issuer: counters EBC, deny list; in scheme 1 accounts, in 3 to 6 licenses',
    options: [
      ...house('issuer', '8101'),
      as(OPTIONS.trusteeKey, { detail: 'schemes 1 and 2' }),
      as(OPTIONS.bankKey, { detail: 'schemes 2 to 6' }),
      OPTIONS.licenseClass,
      OPTIONS.trace,
      ...operators,
    ],
    examples: ['issuer --data cafe', 'issuer --scheme 6 --bank-key KEY --operator-key KEY'],
    run: async () => (await import('../serve-houses.js')).issuer,
  },
  {
    name: 'trustee',
    what: 'serve the trustee: licenses and names of schemes 1 and 2',
    options: [
      ...house('trustee', '8102'),
      as(OPTIONS.issuerKey, { isNeeded: true }),
      as(OPTIONS.issuerUrl, { detail: 'renewals ask for its deny list' }),
      as(OPTIONS.bankKey, { detail: 'it certifies account keys: scheme 2' }),
      OPTIONS.licenseClass,
      as(OPTIONS.operatorKey, { detail: 'they confirm its clock' }),
    ],
    examples: ['trustee --data cafe', 'trustee --issuer-key KEY'],
    run: async () => (await import('../serve-houses.js')).trustee,
  },
  {
    name: 'bank',
    what: 'serve the bank of schemes 2 to 6: accounts, coupons, deposits, return to the issuer',
    options: [
      ...house('bank', '8103'),
      as(OPTIONS.issuerKey, { isNeeded: true }),
      OPTIONS.issuerUrl,
      as(OPTIONS.trusteeKey, { detail: 'scheme 2' }),
      ...operators,
    ],
    examples: ['bank --data cafe', 'bank --scheme 6 --issuer-key KEY --operator-key KEY'],
    run: async () => (await import('../serve-houses.js')).bank,
  },
  {
    name: 'bridge',
    what: 'connect a terminal with the services: the one on a serial port, or one for wallets',
    options: [
      OPTIONS.serial,
      OPTIONS.wallets,
      OPTIONS.host,
      as(OPTIONS.shop, { detail: 'with --wallets', setting: ({ shop }) => shop }),
      as(OPTIONS.issuerKey, { isNeeded: true }),
      as(OPTIONS.trusteeKey, { detail: 'in schemes 3 to 6 the issuer signs licenses, and its key stands in' }),
      OPTIONS.issuerUrl,
      as(OPTIONS.bankUrl, { detail: 'schemes 2 to 6' }),
      as(OPTIONS.trusteeUrl, { detail: 'for a desk, schemes 1 and 2', standard: undefined }),
      OPTIONS.scheme,
      as(OPTIONS.currency, { standard: undefined, detail: "default: the issuer's, and another is refused" }),
      OPTIONS.operatorData,
      OPTIONS.acceptLoss,
      OPTIONS.chargeMinutes,
      OPTIONS.refundLimit,
      as(OPTIONS.data, { standard: '.tapcash/bridge', detail: 'outbox and charges' }),
    ],
    examples: [
      'bridge --data cafe --serial /dev/ttyUSB1',
      'bridge --data cafe-online --wallets 8090',
      'bridge --serial /dev/ttyUSB1 --issuer-key KEY --trustee-key KEY',
    ],
    run: async () => (await import('../serve-bridge.js')).bridge,
  },
];

/** What `tapcash backup --help` teaches. */
const BACKUP_HELP = `
The services may run meanwhile: all databases are copied as they are at one
moment, then the audit checks the copies. A copy by cp is no backup: what was
written last stands in other files.

  1. tapcash backup --data cafe --to /mnt/other/monday
     every night, to another machine; --with-keys once, and after a rotation
  2. tapcash backup verify /mnt/other/monday
     whether it is whole and its books add up
  3. tapcash restore /mnt/other/monday --data cafe
     on the day that you need it: docs/operations.md says what follows

Exit code 4: the backup is there, but its books do not add up.`;

const RESTORE_HELP = `
What was booked since the backup is forgotten, though others were told that it
was done. So the newest backup is the best one, and restoring is the last means:
a service that does not start says why, and what else may help.

End the services first. Each database gets a new epoch, by which others can see
that it was restored. One that is there stays, with --replace, beside it.`;

export const AUDIT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'backup',
    what: 'copy the databases of houses and bridge while they run, and check the copies',
    options: [as(OPTIONS.to, { isNeeded: true }), OPTIONS.withKeys, OPTIONS.passphraseFile, data, json],
    more: BACKUP_HELP,
    examples: ['backup --data cafe --to backups/monday', 'backup --to monday --with-keys --passphrase-file secret.txt'],
    run: async () => (await import('../backup.js')).backup,
    commands: [
      {
        name: 'verify',
        what: 'whether a backup is whole, and the books in it add up',
        arguments: [{ name: '<folder>', what: 'the backup' }],
        options: [OPTIONS.passphraseFile, json],
        examples: ['backup verify backups/monday'],
        run: async () => (await import('../backup.js')).backupVerify,
      },
    ],
  },
  {
    name: 'restore',
    what: 'put the databases of a backup in their places, under a new epoch',
    arguments: [{ name: '<folder>', what: 'the backup' }],
    options: [OPTIONS.replace, OPTIONS.only, as(OPTIONS.passphraseFile, { detail: 'for the keys' }), data, json],
    more: RESTORE_HELP,
    examples: ['restore backups/monday --data cafe --replace', 'restore backups/monday --data cafe --only bridge'],
    run: async () => (await import('../backup.js')).restoreCommand,
  },
  {
    name: 'audit',
    what: 'recompute every balance and check every signature in the books',
    options: [as(OPTIONS.data, { standard: DEMO_DATA }), json],
    examples: ['audit', 'audit --data cafe --json'],
    run: async () => (await import('../books.js')).auditCommand,
  },
  {
    name: 'linkage',
    what: 'what each party, and each group of them, can link after a run: names, pseudonyms, payments',
    options: [as(OPTIONS.data, { standard: DEMO_DATA }), json],
    examples: ['linkage'],
    run: async () => (await import('../books.js')).linkageCommand,
  },
];
