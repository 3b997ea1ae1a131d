/**
 * `tapcash setup FOLDER`: everything that a shop's houses and boards are started with, made once: keys, the manifest
 * that boards are provisioned with, and last the settings, so that a setup that broke off is given again.
 *
 * What is not given as an option is asked for, where there is somebody to ask. What is there is never changed.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf, SCHEMES } from '../../firmware/core/scheme.js';
import { isName, tidyName } from '../../firmware/wire/name.js';
import { failure } from '../base/errors.js';
import { ensureDataDir, serviceKey } from '../base/keys/key-file.js';
import type { HouseName } from '../base/keys/key-line.js';
import { firstKey } from '../services/house-keys.js';
import { writeManifest } from './manifest.js';
import { person, type Ask } from './person.js';
import { amountArgument, print, quoted, schemeArgument, useCurrency } from './output.js';
import { STANDARD_CURRENCY } from '../base/money.js';
import { currencyArgument, portArgument } from './settings-arguments.js';
import { readSettings, SETTINGS_FILE, type Settings } from './settings.js';

/** Options of `tapcash setup`. */
export interface SetupCommand {
  scheme?: string;
  currency?: string;
  shop?: string;
  user?: string[];
  host: string;
  listen: string;
  actLimit?: string;
  json?: boolean;
}

/** What is to be set up, judged. */
type Wanted = Pick<Settings, 'scheme' | 'currency' | 'shop' | 'users'>;

function nameArgument(text: string, option: string): string {
  const name = tidyName(text);
  if (!isName(name)) throw failure('NAME_INVALID', `${option} ${text}`);
  return name;
}

const usersOf = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

const neededBy = (options: string): Error =>
  failure('USAGE', `${options} is needed: there is nobody here to ask for it`);

/** One value: what was given, else what somebody answers, asked again until it is one. */
async function valueOf<T>(
  given: string | undefined,
  ask: Ask | null,
  { question, standard, option, read }: { question: string; standard?: string; option: string; read(text: string): T },
): Promise<T> {
  if (given !== undefined) return read(given);
  if (!ask) {
    if (standard !== undefined) return read(standard);
    throw neededBy(option);
  }
  for (;;) {
    const text = (await ask(`${question}${standard === undefined ? '' : ` [${standard}]`}: `)).trim();
    try {
      return read(text || (standard ?? ''));
    } catch (thrown) {
      process.stderr.write(`  ${(thrown as Error).message}\n`);
    }
  }
}

/** How cash is had, by the scheme table's column. */
const ISSUE_TEXTS: Record<(typeof SCHEMES)[number]['issue'], string> = {
  direct: 'cash straight from the account',
  coupon: 'cash for a coupon that the bank signs unseen',
  sealed: 'cash by a sealed request',
  keyed: 'cash by a sealed request, with several pseudonyms',
};

const SCHEME_TEXTS = SCHEMES.map(({ number, accountsAt, licenseFrom, issue, signedBetweenInstitutions }) => {
  const houses = [licenseFrom === 'trustee' ? 'trustee' : '', accountsAt === 'bank' ? 'bank' : ''].filter(Boolean);
  const signed = signedBetweenInstitutions ? '; both sign' : '';
  return `  ${number}  issuer${houses.map((house) => `, ${house}`).join('')}: ${ISSUE_TEXTS[issue]}${signed}`;
});

async function wantedOf(options: SetupCommand, ask: Ask | null): Promise<Wanted> {
  // Both at once: whoever gives the command in a script learns of all that it lacks.
  if (!ask && options.shop === undefined && options.user === undefined) throw neededBy('--shop NAME --user NAME');
  if (ask && options.scheme === undefined)
    process.stderr.write(`Schemes (docs/schemes.md says what each party learns):\n${SCHEME_TEXTS.join('\n')}\n`);
  const scheme = await valueOf(options.scheme, ask, {
    question: 'Scheme, 1 to 6',
    standard: '1',
    option: '--scheme',
    read: schemeArgument,
  });
  const currency = await valueOf(options.currency, ask, {
    question: 'Currency, three letters',
    standard: STANDARD_CURRENCY,
    option: '--currency',
    read: currencyArgument,
  });
  const shop = await valueOf(options.shop, ask, {
    question: "The shop's name",
    option: '--shop',
    read: (text) => nameArgument(text, '--shop'),
  });
  const users = await valueOf(options.user?.join(','), ask, {
    question: 'First users, with commas between',
    option: '--user',
    read: (text) => {
      const names = usersOf(text).map((name) => nameArgument(name, '--user'));
      if (new Set([...names, shop]).size !== names.length + 1)
        throw failure('USAGE', 'every user, and the shop, has a name of its own');
      return names;
    },
  });
  return { scheme, currency, shop, users };
}

/** Ports of the houses: the issuer's, and the next two. */
function listenFrom(text: string): Settings['listen'] {
  const issuer = portArgument(text);
  if (issuer < 1 || issuer > 65_533)
    throw failure('USAGE', `--listen ${text}: 1 to 65533 expected, for three in a row`);
  return { issuer, trustee: issuer + 1, bank: issuer + 2 };
}

/** An amount of the currency that is being set up. @throws TapcashError AMOUNT_INVALID */
function amountIn(currency: string, text: string): number {
  useCurrency(currency);
  return amountArgument(text);
}

/** Makes what is missing in a folder, its settings last. */
async function make(dataDir: string, wanted: Wanted, options: SetupCommand): Promise<Settings> {
  const row = schemeOf(wanted.scheme);
  const listen = listenFrom(options.listen);
  const deskLimit = options.actLimit === undefined ? null : amountIn(wanted.currency, options.actLimit);
  ensureDataDir(dataDir);
  const key = (house: HouseName): string => toHex(firstKey(dataDir, house));
  const settings: Settings = {
    version: 1,
    ...wanted,
    host: options.host,
    listen,
    keys: {
      issuer: key('issuer'),
      ...(row.licenseFrom === 'trustee' ? { trustee: key('trustee') } : {}),
      ...(row.accountsAt === 'bank' ? { bank: key('bank') } : {}),
      operator: toHex(serviceKey(dataDir, 'operator').publicKey),
    },
    desk: { key: toHex(serviceKey(dataDir, 'teller').publicKey), limit: deskLimit },
  };
  await writeManifest(dataDir, row, wanted.currency);
  writeFileSync(join(dataDir, SETTINGS_FILE), `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  return settings;
}

/** What was asked for and is not what the folder has. */
function differencesOf(options: SetupCommand, oldSettings: Settings): string[] {
  const given: [string, string | undefined, string][] = [
    ['--scheme', options.scheme, String(oldSettings.scheme)],
    ['--currency', options.currency, oldSettings.currency],
    ['--shop', options.shop, oldSettings.shop],
    [
      '--act-limit',
      options.actLimit && String(amountIn(oldSettings.currency, options.actLimit)),
      String(oldSettings.desk?.limit ?? 'none'),
    ],
    ['--user', options.user && usersOf(options.user.join(',')).join(', '), oldSettings.users.join(', ')],
  ];
  return given
    .filter(([, text, there]) => text !== undefined && text !== there)
    .map(([option, text, there]) => `${option} ${text}: it has ${there}`);
}

function textOf(folder: string, settings: Settings, isNew: boolean): string {
  const { scheme, currency, shop, users, keys } = settings;
  const houses = (['issuer', 'trustee', 'bank'] as const).filter((house) => keys[house] !== undefined);
  const at = quoted(folder);
  const user = users[0];
  return [
    `The folder ${isNew ? 'is set up' : 'was set up before; nothing is changed'}: scheme ${scheme}, ${currency}`,
    `folder     ${folder}`,
    `shop       ${shop}`,
    `users      ${users.join(', ')}`,
    ...houses.map((house) => `${house.padEnd(10)} port ${settings.listen[house]}, key ${keys[house]!.slice(0, 16)}...`),
    '',
    'Next, in this order; no key is typed anywhere. README has the whole list:',
    ...houses.map((house) => `  ./tapcash ${house} --data ${at}   # in a shell of its own`),
    '  ./tapcash flash --board BOARD --role token --firmware DIR --serial DEVICE',
    '  ./tapcash flash --board BOARD --role terminal --firmware DIR --serial DEVICE',
    `  ./tapcash provision token${user === undefined ? '' : ` --name ${quoted(user)}`} --data ${at} --serial DEVICE`,
    `  ./tapcash provision terminal --data ${at} --serial DEVICE`,
    `  ./tapcash bridge --data ${at} --serial DEVICE`,
    ...(scheme === 2 ? [`  ./tapcash office coupon-keys --data ${at}`] : []),
    ...(user === undefined
      ? []
      : [
          `  ./tapcash teller register ${quoted(user)} --data ${at}`,
          `  ./tapcash office fund ${quoted(user)} 100.00 --data ${at}   # the desk itself: up to --act-limit`,
        ]),
  ].join('\n');
}

/** `tapcash setup`. @throws TapcashError SETUP_DIFFERS: the folder has other settings than those given */
export async function setup(folder: string, options: SetupCommand): Promise<void> {
  const dataDir = resolve(folder);
  const oldSettings = readSettings(dataDir);
  if (oldSettings) {
    const different = differencesOf(options, oldSettings);
    if (different.length > 0) throw failure('SETUP_DIFFERS', different.join('; '));
    return print(
      options.json,
      { ok: true, folder: dataDir, made: false, settings: oldSettings },
      textOf(folder, oldSettings, false),
    );
  }
  const wanted = await wantedOf(options, options.json ? null : person());
  const settings = await make(dataDir, wanted, options);
  print(options.json, { ok: true, folder: dataDir, made: true, settings }, textOf(folder, settings, true));
}
