/** An operator's acts. */
import type { OfficeCommand, OfficeVerb } from '../office.js';
import { as, type Action, type ArgumentSpec, type CommandSpec, type OptionSpec } from './spec.js';
import { OPTIONS, PAYMENT_SEARCH, SERVICE_DATA } from './vocabulary.js';

const common: readonly OptionSpec[] = [
  OPTIONS.issuerUrl,
  OPTIONS.bankUrl,
  as(OPTIONS.data, { standard: SERVICE_DATA }),
  OPTIONS.json,
];

/** The act of a verb: its arguments, then the options, then the context. */
const act = (verb: OfficeVerb) => async (): Promise<Action> => {
  const { office } = await import('../office.js');
  return (...call: unknown[]) => office(verb, call.slice(0, -2) as string[], call[call.length - 2] as OfficeCommand);
};

function look(name: OfficeVerb, what: string, values: readonly ArgumentSpec[], example: string): CommandSpec {
  return { name, what, arguments: values, options: common, examples: [`office ${example}`], run: act(name) };
}

/** An act with an id, which is done once. */
function verb(...spec: Parameters<typeof look>): CommandSpec {
  return { ...look(...spec), options: [OPTIONS.id, OPTIONS.new, ...common] };
}

/** An act for which the trustee is asked too, in schemes 1 and 2. */
function withTrustee(...spec: Parameters<typeof look>): CommandSpec {
  const made = verb(...spec);
  return { ...made, options: [...(made.options ?? []), OPTIONS.trusteeUrl] };
}

const name = { name: '<name>', what: 'of the account', isName: true } as const;
const pku = { name: '<pku>', what: 'the pseudonym, 64 hexadecimal digits' };
const why = { name: '<why>', what: 'the reason, for the record' };
const amount = { name: '<amount>', what: '100.00, or 10000 in minor units' };
const terminalId = { name: '<terminalId>', what: '8 hexadecimal digits, as its label and tapcash status show them' };
const KEY = '64-DIGITS';
const operatorName = { name: '<name>', what: 'of the operator', isName: true } as const;
const operatorAct: readonly OptionSpec[] = [OPTIONS.id, OPTIONS.new, OPTIONS.trusteeUrl, ...common];

const trace: CommandSpec = {
  ...look(
    'trace',
    "the real name behind an overspent pseudonym, by the scheme's own path; recorded with who asked and why",
    [pku, why],
    `trace ${KEY} "spent twice"`,
  ),
  options: [...common, OPTIONS.trusteeUrl, OPTIONS.accountsKey],
};

/** What `tapcash office close-event --help` teaches. */
const CLOSE_EVENT_HELP = `
Nothing is paid while a row is wrong. The plan is on disk before the first
payout, so the same command finishes what it began and pays nobody twice.

  1. tapcash office close-event --ibans ibans.csv --closing monday --dry-run
     who would get what, whose account is unknown, and what is unclaimed
  2. the same with --payer-iban and --payer-name, without --dry-run
     each payout is a recorded act under its reference
  3. monday/pain.001.xml goes to the bank (SEPA, in EUR); monday/payouts.csv
     has the same; monday/listed.csv has accounts without an IBAN, which keep
     their money; monday/unclaimed.csv has the cash that is still on tokens

Exit code: 0 all is paid; 1 a payout was refused (payouts.csv says which).`;

export const OFFICE_COMMANDS: CommandSpec = {
  name: 'office',
  what: 'acts of an operator; every trace and denial is recorded',
  examples: ['office open "Cafe Roma"', 'office balance "Cafe Roma"'],
  commands: [
    {
      name: 'serve',
      what: 'the office as a page: accounts, payouts, terminals, overspends, keys, the audit',
      more: `
This computer alone may open it. The address ends with a word that gives the
right to act with the folder's operator.key; it is new at each start.`,
      options: [as(OPTIONS.listen, { standard: '0' }), ...common, OPTIONS.trusteeUrl],
      examples: ['office serve', 'office serve --data cafe'],
      run: async () => (await import('../office-serve.js')).officeServe,
    },
    verb('open', 'open an account that only receives: a shop', [name], 'open "Cafe Roma"'),
    verb('fund', 'put money into an account', [name, amount], 'fund "Alice Example" 100.00'),
    verb(
      'payout',
      'take money out of an account: it leaves by another way, under a reference',
      [name, amount, { name: '<reference>', what: 'by which it is found there: the text of a transfer, a number' }],
      'payout "Cafe Roma" 100.00 "transfer 2026-117"',
    ),
    verb('close', 'close an account that is empty, for good', [name], 'close "Alice Example"'),
    {
      name: 'close-event',
      what: 'pay every balance out to the bank account of its owner, once, and list what is left',
      options: [
        as(OPTIONS.ibans, { isNeeded: true }),
        as(OPTIONS.closing, { isNeeded: true }),
        OPTIONS.payerIban,
        OPTIONS.payerName,
        OPTIONS.dryRun,
        ...common,
      ],
      more: CLOSE_EVENT_HELP,
      examples: ['office close-event --ibans ibans.csv --closing monday --dry-run'],
      run: async () => (await import('../close-event.js')).closeEvent,
    },
    verb(
      'terminal',
      "register a terminal's key for its cancellations",
      [
        { name: '<shop>', what: 'the account of the shop', isName: true },
        terminalId,
        { name: '<key>', what: '64 hexadecimal digits' },
      ],
      `terminal "Cafe Roma" 01020304 ${KEY}`,
    ),
    verb(
      'retire',
      'another terminal has taken the place of this one: it opens no charge any more, and is told at its next bridge',
      [terminalId, why],
      'retire 01020304 "replaced by a new board"',
    ),
    verb(
      'reinstate',
      'take a retirement back: the terminal works again once it is told',
      [terminalId, why],
      'reinstate 01020304 "the wrong one"',
    ),
    look('balance', 'ABC of a name', [name], 'balance "Cafe Roma"'),
    look('class', "the class that an account's licenses get", [name], 'class "Alice Example"'),
    verb(
      'set-class',
      "say the class of an account's licenses, for those given or renewed from now on",
      [name, { name: '<class>', what: '1: no bound of its own; 2: small payments alone' }],
      'set-class "Alice Example" 2',
    ),
    look(
      'set-classes',
      'the same for all tokens of a list that was provisioned, before or after their accounts are opened',
      [{ name: '<list>', what: 'the CSV of tapcash provision token --list' }],
      'set-classes tokens.csv',
    ),
    {
      name: 'payments',
      what: 'the payments that came in, of all shops or one, newest first',
      options: [
        ...PAYMENT_SEARCH,
        as(OPTIONS.charge, { detail: 'here by its Rs' }),
        as(OPTIONS.shop, { setting: undefined }),
        ...common,
      ],
      examples: ['office payments --shop "Cafe Roma" --since 2026-11-29', 'office payments --all-pages --csv'],
      run: async () => (await import('../payments.js')).officePayments,
    },
    look('overspends', 'pseudonyms whose EBC is negative', [], 'overspends'),
    trace,
    withTrustee(
      'lose',
      'a token is lost, or its license is over: deny it now',
      [
        {
          name: '<who>',
          what: 'its PKU, as the registration at the desk showed it (schemes 1, 2), or its owner (3 to 6)',
        },
        why,
      ],
      'lose "Alice Example" "left on the bus"',
    ),
    verb(
      'release',
      'what is left of a lost token goes back to its owner, once its licenses are over',
      [
        { name: '<who>', what: 'as in office lose' },
        { name: '[name]', what: 'the account, in scheme 2', isName: true },
      ],
      'release "Alice Example"',
    ),
    {
      name: 'clock',
      what: 'what each house takes for the time; with confirm: your clock agrees with a house that doubts its own',
      arguments: [{ name: '[confirm]', what: 'the word confirm, once you have looked at a third clock' }],
      options: [...common, OPTIONS.trusteeUrl, OPTIONS.why],
      examples: ['office clock', 'office clock confirm --why "the time server was wrong"'],
      run: async () => (await import('../office-clock.js')).officeClock,
    },
    {
      name: 'operators',
      what: 'who may act in the houses, by which role, and who no longer',
      options: [...common, OPTIONS.trusteeUrl],
      examples: ['office operators', 'office operators --json'],
      run: async () => (await import('../office-operators.js')).listOperators,
    },
    {
      name: 'operator',
      what: 'name an operator in every house, or remove one: with a root key',
      examples: [`office operator add Ines --role auditor --key ${KEY}`, 'office operator remove Ines'],
      commands: [
        {
          name: 'add',
          what: 'an operator with a key of its own; or one that stands, again, after a restore',
          arguments: [operatorName],
          options: [
            as(OPTIONS.role, { isNeeded: true, detail: 'teller, clerk, supervisor or auditor' }),
            as(OPTIONS.key, { isNeeded: true, detail: 'office operator key prints it' }),
            as(OPTIONS.actLimit, { setting: undefined }),
            ...operatorAct,
          ],
          examples: [
            'office operator add Tom --role teller --key KEY --act-limit 100.00',
            `office operator add Ines --role auditor --key ${KEY}`,
          ],
          run: async () => (await import('../office-operators.js')).addOperator,
        },
        {
          name: 'remove',
          what: 'refuse an operator from now on, and its key for good',
          arguments: [operatorName],
          options: operatorAct,
          examples: ['office operator remove "Desk 2"'],
          run: async () => (await import('../office-operators.js')).removeOperator,
        },
        {
          name: 'key',
          what: "make this folder's own key, and print the public one for whoever adds it",
          options: [
            as(OPTIONS.role, { standard: 'operator', detail: 'teller for a desk (teller.key)' }),
            as(OPTIONS.data, { standard: SERVICE_DATA }),
            OPTIONS.json,
          ],
          examples: ['office operator key --data mine', 'office operator key --role teller --data desk2'],
          run: async () => (await import('../office-operators.js')).operatorKey,
        },
      ],
    },
    verb('deny', 'put a pseudonym on the deny list', [pku, why], `deny ${KEY} "stolen"`),
    look('numbers', 'sums over all books', [], 'numbers'),
    look(
      'coupon-keys',
      "have the issuer sign the list of the bank's coupon keys: scheme 2, once and after a new key",
      [],
      'coupon-keys',
    ),
  ],
};
