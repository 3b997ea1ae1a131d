/**
 * `tapcash office ...`: an operator's acts, in the house that the scheme's row says: accounts where they are kept,
 * names where they are known. EP 0926637 [0031], [0056], [0081].
 */
import { DENIED_MAX } from '../../firmware/wire/notices.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../firmware/core/bytes.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import type { BankOffice, IssuerOffice, Remote, Trace } from '../base/services/procedures.js';
import { everyKey, fixedLine } from '../base/keys/key-line.js';
import type { Signer } from '../base/crypto/signer.js';
import { linesFrom } from '../base/keys/succession.js';
import { readTraceOrder } from '../houses/trace-order.js';
import { proofOf } from '../base/services/trace-proof.js';
import { failure, must, type Result } from '../base/errors.js';
import { hexed } from '../base/hex.js';
import { bytes } from '../base/hex.js';
import {
  createBankClient,
  createBankOfficeClient,
  createIssuerClient,
  createOfficeCall,
  createOfficeClient,
  createTrusteeClient,
} from '../http/client.js';
import { serviceKey } from '../base/keys/key-file.js';
import { officeText } from './office-text.js';
import { TRUSTEE_URL } from './settings.js';
import { classArgument, classesOfList } from './provision-list.js';
import { amountArgument, keyArgument, print, useCurrency } from './output.js';
import { underId, type ActOptions } from './pending-acts.js';

/** `data`: the folder with operator.key. */
export interface OfficeCommand extends ActOptions {
  /** Addresses of issuer, bank and trustee. */
  issuerUrl: string;
  bankUrl: string;
  trusteeUrl?: string;
  /** Public key of who keeps the accounts, where a proof is to be checked here. */
  accountsKey?: string;
}

/** What the office can be asked on the command line. */
export type OfficeVerb =
  | 'open'
  | 'fund'
  | 'payout'
  | 'close'
  | 'terminal'
  | 'retire'
  | 'reinstate'
  | 'deny'
  | 'trace'
  | 'balance'
  | 'class'
  | 'set-class'
  | 'set-classes'
  | 'overspends'
  | 'lose'
  | 'release'
  | 'numbers'
  | 'coupon-keys';

/** So many bytes as hexadecimal digits. @throws TapcashError USAGE, which says what they are */
function bytesArgument(text: string | undefined, count: number, what: string): Uint8Array {
  const bytes = fromHex(text ?? '');
  if (bytes?.length !== count) throw failure('USAGE', `${text}: ${what} has ${2 * count} hexadecimal digits`);
  return bytes;
}

const pkuArgument = (text: string): Uint8Array =>
  bytesArgument(text, 32, 'a pseudonym PKU, as the registration at the desk showed it,');

const terminalArgument = (text: string): Uint8Array => bytesArgument(text, 4, "a terminal's id");

/** Verbs that only look, or that are recorded each time that they are asked: none of them is an act to be finished. */
const WITHOUT_ID: readonly OfficeVerb[] = [
  'trace',
  'balance',
  'overspends',
  'numbers',
  'coupon-keys',
  'class',
  // Whatever was done of a list is done again without harm.
  'set-classes',
];

/** @throws TapcashError FILE_MISSING: nobody in this folder is an operator */
export function mustBeOperator(data: string): void {
  const path = join(data, 'operator.key');
  if (!existsSync(path)) throw failure('FILE_MISSING', `${path}: tapcash keys --data ${data}`);
}

/** What an operator must know who reports a lost token that no terminal is told of. */
const LIST_FULL = `The deny list is full (${DENIED_MAX} pseudonyms). The token is denied in the books, but terminals
are not told of it until older denials end. Its owner's cash can be spent until then.
`;

/** The houses as an operator has them, and `under`, as they are for one act. */
export async function openOffice(options: Pick<OfficeCommand, 'data' | 'issuerUrl' | 'bankUrl'>) {
  mustBeOperator(options.data);
  const operator: Signer = serviceKey(options.data, 'operator');
  const { parameters } = must(await createIssuerClient({ url: options.issuerUrl }).parameters());
  const { issuer } = parameters;
  const scheme = schemeOf(parameters.scheme);
  // What is typed and shown from here on is money of theirs, whatever the folder says.
  useCurrency(parameters.currency);
  const housesOf = (atIssuer: Remote<IssuerOffice>, atBank: Remote<BankOffice>) => ({
    issuer: atIssuer,
    bank: atBank,
    accounts: scheme.accountsAt === 'bank' ? atBank : atIssuer,
  });
  const issuerAt = { url: options.issuerUrl, operator, issuer };
  const bankAt = { url: options.bankUrl, operator, issuer };
  return {
    scheme,
    parameters,
    ...housesOf(createOfficeClient(issuerAt), createBankOfficeClient(bankAt)),
    /** @param id 16 bytes: each house does one act under it */
    under: (id: Uint8Array) => housesOf(createOfficeCall(issuerAt, id), createBankOfficeClient(bankAt, id)),
  };
}

/** One act, with the operator's key of the data folder. */
export async function office(verb: OfficeVerb, values: string[], options: OfficeCommand): Promise<void> {
  const shown = await officeAnswer(verb, values, options);
  print(options.json, shown, officeText(shown));
}

/** The same for who prints nothing. @returns the house's answer, bytes as hexadecimal */
export async function officeAnswer(
  verb: OfficeVerb,
  values: string[],
  options: OfficeCommand,
): Promise<Record<string, unknown>> {
  // Before anything is asked, for a trace is an act.
  const checkWith = options.accountsKey === undefined ? null : keyArgument(options.accountsKey, '--accounts-key');
  const houses = await openOffice(options);
  const { scheme, parameters, issuer, bank, accounts } = houses;
  const { issuerKey, registrarKey, successions } = parameters;
  const lines = linesFrom(
    { issuerKey, registrarKey, bankKey: scheme.accountsAt === 'bank' ? checkWith : null },
    successions,
  );
  const [first, second, third] = values as [string, string, string];
  /** What the issuer knows a token by: PKU, or where registrations are sealed the newest one of the name. */
  const setOf = async (who: string): Promise<Uint8Array> => {
    if (scheme.registration === 'open') return pkuArgument(who);
    const newest = must(await bank.registrationsOf(who)).registrations.pop();
    if (!newest) throw failure('OWNER_UNKNOWN', who);
    return newest;
  };
  /** Closing is for good: where the bank cannot see counters, the issuer says whether cash of the name is still out. */
  const refuseCashOut = async (name: string): Promise<void> => {
    if (scheme.registration === 'open') return;
    const listed = await bank.registrationsOf(name);
    for (const registration of listed.ok ? listed.registrations : []) {
      const counter = await issuer.counterOf(registration);
      if (!counter.ok && counter.code !== 'PSEUDONYM_UNKNOWN') must(counter);
      if (counter.ok && counter.ebc !== 0) throw failure('ACCOUNT_NOT_EMPTY', `cash of ${name} is still out`);
    }
  };
  const trustee = createTrusteeClient({ url: options.trusteeUrl ?? TRUSTEE_URL });
  const moves = verb === 'fund' || verb === 'payout';
  const amount = moves ? amountArgument(second) : 0;
  type Under = ReturnType<typeof houses.under>;
  const calls: Record<OfficeVerb, (under: Under) => Promise<Result<object>>> = {
    open: (under) => under.accounts.openAccount(first, null),
    fund: (under) => under.accounts.fundAccount(first, amount),
    payout: (under) => under.accounts.payOut(first, amount, third),
    async close(under) {
      await refuseCashOut(first);
      return under.accounts.closeAccount(first);
    },
    terminal: (under) =>
      under.accounts.registerTerminal(first, terminalArgument(second), bytesArgument(third, 32, "a terminal's key")),
    retire: (under) => under.issuer.retireTerminal(terminalArgument(first), true, second),
    reinstate: (under) => under.issuer.retireTerminal(terminalArgument(first), false, second),
    balance: () => accounts.balanceOf(first),
    class: () => accounts.licenseClassOf(first),
    async 'set-class'(under) {
      const { accountKey } = must(await accounts.licenseClassOf(first));
      return under.accounts.setLicenseClass(accountKey, classArgument(second));
    },
    async 'set-classes'() {
      const given = classesOfList(first);
      let changed = 0;
      for (const { account, licenseClass } of given)
        if (!must(await accounts.setLicenseClass(bytes(account), licenseClass)).repeated) changed++;
      return { ok: true, tokens: given.length, changed };
    },
    numbers: async () =>
      scheme.accountsAt === 'issuer'
        ? issuer.numbers()
        : { ok: true, bank: must(await bank.numbers()).numbers, issuer: must(await issuer.numbers()).numbers },
    deny: (under) => under.issuer.deny(pkuArgument(first), second),
    overspends: () => issuer.overspends(),
    async lose(under) {
      const of = await setOf(first);
      // Where the trustee signs licenses, it says when the last one ends; a lost token is denied also without its word.
      const held = scheme.registration === 'open' ? await trustee.licenseOf(of) : null;
      const lost = await under.issuer.lose(of, second, held?.ok ? held.license : null);
      if (lost.ok && !lost.onDenyList) process.stderr.write(LIST_FULL);
      return lost;
    },
    async release(under) {
      const given = await under.issuer.release(await setOf(first));
      if (!given.ok || given.order === null) return given;
      // The issuer does not know whose it is; the bank credits its order once.
      const name = scheme.registration === 'sealed' ? first : second;
      if (!name)
        throw failure('USAGE', `scheme ${scheme.number}: the owner's account is needed, office release PKU NAME`);
      return { ...must(await under.bank.creditRelease(name, given.order)), ok: true, name, repeated: given.repeated };
    },
    'coupon-keys': async () =>
      issuer.publishCouponKeys(must(await createBankClient({ url: options.bankUrl }).couponKeys()).keys),
    async trace() {
      if (scheme.traceBy === 'issuer')
        return judged(
          'issuer',
          await issuer.trace(pkuArgument(first), second),
          pkuArgument(first),
          everyKey(checkWith ? fixedLine(checkWith) : lines.issuer),
        );
      // [0056], [0081]: the issuer states that EBC is negative; who knows the name gives it on that statement alone.
      const { order } = must(await issuer.traceOrder(pkuArgument(first), second));
      const { subject } = must(readTraceOrder(lines.issuer, Date.now() / 1000, order)).order;
      const given = scheme.traceBy === 'bank' ? await bank.trace(order) : await trustee.trace(order);
      return judged(scheme.traceBy, given, subject, lines.bank && everyKey(lines.bank));
    },
  };
  const reply = WITHOUT_ID.includes(verb)
    ? must(await calls[verb](houses))
    : await underId<object>(
        {
          command: `office ${verb}`,
          values: moves ? [first, amount, third] : values,
          idBytes: 16,
          send: (id) => calls[verb](houses.under(bytes(id))),
        },
        options,
      );
  // By JSON: what is not there has no name in it.
  return JSON.parse(JSON.stringify(hexed(reply))) as Record<string, unknown>;
}

/** A trace with whether its evidence was checked here, instead of believing the house that gave the name. */
function judged(
  traceBy: Scheme['traceBy'],
  given: Result<Trace>,
  subject: Uint8Array,
  accountsKeys: Uint8Array[] | null,
): Result<Trace & { proofBy: string }> {
  if (!given.ok) return given;
  if (!accountsKeys) return { ...given, proofBy: `the ${traceBy} says so; --accounts-key checks it here` };
  return { ...given, proof: proofOf(traceBy, accountsKeys, { subject, ...given }), proofBy: 'checked here' };
}
