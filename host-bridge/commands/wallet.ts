/** `tapcash wallet`: a token in software (docs/wallet.md). */
import { createInterface } from 'node:readline/promises';
import { join } from 'node:path';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { isName } from '../../firmware/wire/name.js';
import { TOKEN_LIMITS, type PseudonymPolicy } from '../../flash-scripts/provision/board-files.js';
import { failure, must, type Result } from '../base/errors.js';
import { hexed } from '../base/hex.js';
import { serviceKey } from '../base/keys/key-file.js';
import type { Services } from '../base/services/calls.js';
import type { Teller } from '../bridge/desk/teller.js';
import { createIssuerClient } from '../http/client.js';
import { openBoardPort } from '../serial/port.js';
import { BURST_BYTES_MAX, startWalletCard } from '../wallet/wallet-card.js';
import { createWallet, openWallet, type HouseUrls, type Wallet } from '../wallet/wallet.js';
import { amountArgument, interruption, keyArgument, money, print, pseudonymsArgument, useCurrency } from './output.js';
import { servicesAt } from './services-at.js';
import type { Settings } from './settings.js';
import type { CommandContext } from './table/spec.js';

/** Options that every one has. */
interface WalletCommand {
  data: string;
  operatorData?: string;
  json?: boolean;
}

interface CreateCommand extends WalletCommand {
  issuerUrl: string;
  bankUrl: string;
  trusteeUrl: string;
  issuerKey?: string;
  pseudonyms?: string;
  policy?: string;
  paymentMax?: string;
  sumMax?: string;
}

type Context = Pick<CommandContext, 'settings'>;

const POLICIES = ['rotate', 'per-shop', 'random'];

/** In a folder with settings beside the houses' own. */
const folderOf = (data: string, settings: Settings | null): string => (settings ? join(data, 'wallet') : data);

/** Opens the wallet for one command. */
async function withWallet<T>(
  options: WalletCommand,
  settings: Settings | null,
  run: (wallet: Wallet) => Promise<T> | T,
  onLines?: (lines: string[]) => void,
): Promise<T> {
  const operatorData = options.operatorData ?? (settings ? options.data : undefined);
  const dataDir = folderOf(options.data, settings);
  const wallet: Wallet = openWallet({
    dataDir,
    ...(onLines ? { onLines } : {}),
    services: (urls, issuer) => services(urls, issuer, wallet.status().scheme, operatorData),
  });
  try {
    useCurrency(wallet.status().currency);
    return await run(wallet);
  } finally {
    wallet.close();
  }
}

function services(urls: HouseUrls, issuer: Uint8Array, number: number, operatorData: string | undefined): Services {
  const scheme = schemeOf(number);
  const operator = operatorData === undefined ? null : serviceKey(operatorData, 'teller');
  const url = scheme.accountsAt === 'bank' ? urls.bank! : urls.issuer;
  return servicesAt({ scheme, urls, office: operator && { operator, issuer, url } });
}

/** `tapcash wallet create`. */
export async function create(options: CreateCommand, { settings }: Context): Promise<void> {
  const expected = options.issuerKey === undefined ? null : keyArgument(options.issuerKey, '--issuer-key');
  const { parameters } = must(await createIssuerClient({ url: options.issuerUrl }).parameters());
  if (expected && toHex(expected) !== toHex(parameters.issuerKey))
    throw failure('WRONG_SERVICE', `${options.issuerUrl}: its key is ${toHex(parameters.issuerKey)}`);
  useCurrency(parameters.currency);
  const row = schemeOf(parameters.scheme);
  const policy = (options.policy ?? 'rotate') as PseudonymPolicy;
  if (!POLICIES.includes(policy)) throw failure('USAGE', `--policy: ${POLICIES.join(', ')}`);
  const dataDir = folderOf(options.data, settings);
  createWallet({
    dataDir,
    parameters,
    policy,
    urls: {
      issuer: options.issuerUrl,
      bank: row.accountsAt === 'bank' ? options.bankUrl : null,
      trustee: row.licenseFrom === 'trustee' ? options.trusteeUrl : null,
    },
    pseudonyms: pseudonymsArgument(options.pseudonyms ?? '1', String(row.number)),
    limits: {
      paymentMax: options.paymentMax === undefined ? TOKEN_LIMITS.paymentMax : amountArgument(options.paymentMax),
      sumMax: options.sumMax === undefined ? TOKEN_LIMITS.sumMax : amountArgument(options.sumMax),
    },
  });
  print(
    options.json,
    { scheme: row.number, currency: parameters.currency, issuerKey: toHex(parameters.issuerKey), data: dataDir },
    [
      `A wallet for scheme ${row.number} in ${parameters.currency}, in ${dataDir}`,
      `Its issuer's key is ${toHex(parameters.issuerKey)}`,
      'Whoever can read this folder can spend what is in the wallet; a copy of it is a second wallet with the same money, and no backup.',
      "Next: tapcash wallet register NAME --operator-data FOLDER, the folder with a desk's key",
    ].join('\n'),
  );
}

/** One procedure of the desk. */
const deskOf = async <T extends object>(
  options: WalletCommand,
  { settings }: Context,
  run: (teller: Teller) => Promise<Result<T>>,
  say: (done: T, wallet: Wallet) => string,
): Promise<void> =>
  withWallet(options, settings, async (wallet) => {
    const done = must(await wallet.atDesk(run)) as unknown as T;
    print(options.json, { ...(hexed(done) as object), balance: wallet.status().balance }, say(done, wallet));
  });

const holds = (wallet: Wallet): string => `The wallet holds ${money(wallet.status().balance)}`;

/** `tapcash wallet register`. */
export async function register(
  name: string,
  options: WalletCommand & { funding?: string },
  context: Context,
): Promise<void> {
  if (!isName(name)) throw failure('NAME_INVALID', name);
  await deskOf(
    options,
    context,
    (teller) =>
      teller.registerUser({
        name,
        ...(options.funding === undefined ? {} : { funding: amountArgument(options.funding) }),
      }),
    (done, wallet) => `${done.name} is registered${done.repeated ? ' (was before)' : ''}\n${holds(wallet)}`,
  );
}

/** `tapcash wallet renew`. */
export async function renew(options: WalletCommand, context: Context): Promise<void> {
  await withWallet(options, context.settings, async (wallet) => {
    const { name } = wallet.status();
    const done = must(await wallet.atDesk((teller) => teller.renewUser({ name })));
    print(
      options.json,
      { name, repeated: done.repeated },
      done.repeated ? `${name} keeps the license` : `The license of ${name} is renewed`,
    );
  });
}

/** `tapcash wallet withdraw`. */
export async function withdraw(text: string, options: WalletCommand, context: Context): Promise<void> {
  await deskOf(
    options,
    context,
    (teller) => teller.withdraw({ amount: amountArgument(text) }),
    (done, wallet) =>
      done.coupons > 0
        ? `Coupons worth ${money(done.coupons)}. Later, better not at once: tapcash wallet redeem`
        : `${money(done.amount)} withdrawn, receipt ${done.receiptNumber}\n${holds(wallet)}`,
  );
}

/** `tapcash wallet redeem`. */
export async function redeem(options: WalletCommand, context: Context): Promise<void> {
  await deskOf(
    options,
    context,
    (teller) => teller.redeem(),
    (done, wallet) => `${money(done.amount)} redeemed\n${holds(wallet)}`,
  );
}

/** `tapcash wallet collect`. */
export async function collect(options: WalletCommand, context: Context): Promise<void> {
  await deskOf(
    options,
    context,
    (teller) => teller.collect(),
    (done, wallet) => `Every receipt up to ${done.receiptNumber} is there\n${holds(wallet)}`,
  );
}

/** `tapcash wallet reconcile`. */
export async function reconcile(options: WalletCommand, context: Context): Promise<void> {
  await deskOf(
    options,
    context,
    (teller) => teller.reconcile(),
    ({ claims }) =>
      claims.map(({ shop, amount, state }) => `${money(amount).padStart(12)}  ${shop}  ${state}`).join('\n') ||
      'Every payment of this wallet was acknowledged by its shop',
  );
}

/** Where to pay, from the link that `tapcash charge` prints. @throws TapcashError USAGE */
export function linkArgument(text: string): { url: string; charge: Uint8Array } {
  const found = /^(https?:\/\/.+?)\/pay\/([0-9a-f]{16})$/.exec(text);
  if (!found) throw failure('USAGE', `${text}: a shop's link expected, http://ADDRESS/pay/ and 16 hexadecimal digits`);
  return { url: found[1]!, charge: fromHex(found[2]!)! };
}

/** Asks the owner; only a yes is one. */
async function asks(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw failure('USAGE', 'nobody to ask: --amount says what may be paid');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(question)).trim());
  } finally {
    prompt.close();
  }
}

/** `tapcash wallet pay`. */
export async function pay(
  link: string,
  options: WalletCommand & { amount?: string; shop?: string },
  context: Context,
): Promise<void> {
  const { url, charge } = linkArgument(link);
  await withWallet(options, context.settings, async (wallet) => {
    const asked = must(await wallet.look(url, charge));
    if (asked.currency !== wallet.status().currency) throw failure('REFUSED', `the shop asks for ${asked.currency}`);
    if (options.shop !== undefined && options.shop !== asked.shop)
      throw failure('NOT_CONFIRMED', `it is ${asked.shop}`);
    if (options.amount !== undefined && amountArgument(options.amount) !== asked.amount)
      throw failure('NOT_CONFIRMED', `${asked.shop} asks for ${money(asked.amount)}`);
    if (options.amount === undefined && !(await asks(`Pay ${money(asked.amount)} to ${asked.shop}? [y/N] `)))
      throw failure('NOT_CONFIRMED', 'not paid');
    const paid = must(await wallet.pay(url, charge, asked, true));
    const { balance } = wallet.status();
    print(
      options.json,
      { shop: paid.shop, amount: paid.amount, rs: paid.rs, repeated: paid.repeated, balance },
      `${money(paid.amount)} paid to ${paid.shop}${paid.repeated ? ' (was before)' : ''}\n${holds(wallet)}`,
    );
  });
}

/** `tapcash wallet tap`: until Ctrl-C, the wallet is a card at the PN532 of a serial port. */
export async function tap(options: WalletCommand & { serial?: string }, context: Context): Promise<void> {
  if (options.serial === undefined) throw failure('USAGE', '--serial: the port of the PN532 is needed');
  let shown = '';
  const onLines = (lines: string[]): void => {
    const text = lines.join(' / ');
    if (text !== shown) process.stderr.write(`${text}\n`);
    shown = text;
  };
  const port = await openBoardPort(options.serial, { burstBytesMax: BURST_BYTES_MAX });
  try {
    await withWallet(
      options,
      context.settings,
      async (wallet) => {
        const given = interruption();
        let fault = '';
        await new Promise<void>((resolve) => {
          given.addEventListener('abort', () => resolve(), { once: true });
          port.onLost = (why) => ((fault = why.message), resolve());
          startWalletCard({ token: wallet.token, port, onFailure: (code) => ((fault = `PN532: ${code}`), resolve()) });
          process.stderr.write('Hold the reader to a terminal. Enter presses the button, Ctrl-C ends.\n');
          process.stdin.on('data', () => wallet.token.press());
        });
        process.stdin.destroy();
        if (fault) throw failure('BOARD_SILENT', fault);
        const now = wallet.status();
        print(options.json, now, holds(wallet));
      },
      onLines,
    );
  } finally {
    await port.close();
  }
}

/** `tapcash wallet balance`. */
export async function balance(options: WalletCommand, context: Context): Promise<void> {
  await withWallet(options, context.settings, (wallet) => {
    const { balance: now, currency } = wallet.status();
    print(options.json, { balance: now, currency }, money(now));
  });
}

/** `tapcash wallet status`. */
export async function status(options: WalletCommand, context: Context): Promise<void> {
  await withWallet(options, context.settings, (wallet) => {
    const now = wallet.status();
    const lines = [
      now.licensed ? `${now.name}, licensed` : `${now.name || 'nobody yet'}, no license`,
      `scheme     ${now.scheme}${now.pseudonyms > 1 ? `, ${now.pseudonyms} pseudonyms` : ''}`,
      `balance    ${money(now.balance)}`,
      `receipts   ${now.receiptNumber}`,
      ...(now.unacknowledged > 0
        ? [
            `unfinished ${now.unacknowledged} payments, ${money(now.unacknowledgedSum)}: pay again by the same link; or tapcash wallet reconcile`,
          ]
        : []),
      ...(now.fault ? [`fault      ${now.fault}`] : []),
    ];
    print(options.json, { ...now, ok: now.fault === '' }, lines.join('\n'));
  });
}
