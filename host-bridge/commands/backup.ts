/** `tapcash backup`, `tapcash backup verify`, `tapcash restore`: copies of the databases that can be relied on. */
import { readFileSync } from 'node:fs';
import { makeBackup } from '../backup/backup.js';
import type { Manifest, Role } from '../backup/manifest.js';
import { restore, type Restored } from '../backup/restore.js';
import { passphraseOf } from '../backup/sealed-keys.js';
import { verifyBackup, type OnProgress } from '../backup/verify.js';
import { table } from '../base/text-table.js';
import { failure } from '../base/errors.js';
import { moneyText } from '../base/money.js';
import { interruption, moment, print } from './output.js';

const ROLES: readonly string[] = ['issuer', 'bank', 'trustee', 'bridge'];

const nowS = (): number => Math.floor(Date.now() / 1000);

/** The passphrase of a file; null where none is named. @throws TapcashError PASSPHRASE_SHORT, and the system's */
function passphraseIn(file: string | undefined): string | null {
  return file === undefined ? null : passphraseOf(readFileSync(file, 'utf8'));
}

/** Shows on a terminal how far it is. */
function progress(json: boolean | undefined): OnProgress {
  return (what, done, of) => {
    if (json || !process.stderr.isTTY) return;
    process.stderr.write(`  ${what}: ${of > 0 ? Math.floor((100 * done) / of) : 100} %\n`);
  };
}

function manifestText({ databases, keys, made }: Manifest, audit: Manifest['audit']): string {
  const rows = databases.map(({ role, bytes, epoch, acts }) => [
    role,
    `${bytes} bytes`,
    `epoch ${epoch}`,
    `${acts} acts`,
  ]);
  const sums = audit && `put in ${moneyText(audit.in, audit.currency)}, held ${moneyText(audit.held, audit.currency)}`;
  return [
    `As of ${moment(Date.parse(made) / 1000)}:`,
    ...table(rows, { align: 'lrrr', indent: 2 }),
    keys ? `  with ${keys.files.length} keys, under the passphrase` : '  without keys',
    audit === null
      ? 'The files are whole. There is no issuer among them, so there was no audit.'
      : audit.ok
        ? `The books are right: ${sums}.`
        : `THE BOOKS ARE NOT RIGHT: ${audit.broken} rows are broken, ${sums}. tapcash audit says which ones.`,
  ].join('\n');
}

/** `tapcash backup`. @returns whether the books in it are right */
export async function backup(options: {
  data: string;
  to: string;
  withKeys?: boolean;
  passphraseFile?: string;
  json?: boolean;
}): Promise<boolean> {
  if (Boolean(options.withKeys) !== (options.passphraseFile !== undefined))
    throw failure('USAGE', '--with-keys and --passphrase-file belong together: keys are kept under a passphrase');
  const stop = interruption();
  const manifest = await makeBackup({
    data: options.data,
    to: options.to,
    passphrase: passphraseIn(options.passphraseFile),
    nowS: nowS(),
    onProgress: progress(options.json),
    signal: stop,
  });
  const isRight = manifest.audit?.ok ?? true;
  const keep = manifest.keys
    ? 'Keep it on another machine, and the passphrase apart from it.'
    : 'Keep it on another machine. The keys are not in it: keep them apart (--with-keys).';
  print(
    options.json,
    { to: options.to, ...manifest, ok: isRight },
    `${options.to}\n${manifestText(manifest, manifest.audit)}\n${keep}`,
  );
  return isRight;
}

/** `tapcash backup verify`. @returns whether the books in it are right */
export function backupVerify(folder: string, options: { passphraseFile?: string; json?: boolean }): boolean {
  const { manifest, audit } = verifyBackup(folder, passphraseIn(options.passphraseFile), progress(options.json));
  const isRight = audit?.ok ?? true;
  print(options.json, { ...manifest, audit, ok: isRight }, manifestText(manifest, audit));
  return isRight;
}

/** Whose databases. @throws TapcashError USAGE */
function rolesOf(names: string[] | undefined): Role[] | undefined {
  const unknown = names?.find((name) => !ROLES.includes(name));
  if (unknown !== undefined) throw failure('USAGE', `--only ${unknown}: ${ROLES.join(', ')} expected`);
  return names as Role[] | undefined;
}

/** `tapcash restore`. */
export function restoreCommand(
  folder: string,
  options: { data: string; replace?: boolean; only?: string[]; passphraseFile?: string; json?: boolean },
): void {
  const { manifest, restored, keys } = restore({
    from: folder,
    data: options.data,
    replace: options.replace ?? false,
    only: rolesOf(options.only),
    passphrase: passphraseIn(options.passphraseFile),
    nowS: nowS(),
    onProgress: progress(options.json),
  });
  print(
    options.json,
    { made: manifest.made, madeS: manifest.madeS, restored, keys },
    restoredText(manifest, restored, keys),
  );
}

function restoredText({ madeS }: Manifest, restored: Restored[], keys: string[]): string {
  return [
    ...restored.flatMap(({ role, database, epoch, acts, aside }) => [
      `${role}: epoch ${epoch}, ${acts} acts, in ${database}`,
      ...(aside === null ? [] : [`  what was there is now ${aside}`]),
    ]),
    ...(keys.length > 0 ? [`keys: ${keys.join(', ')}`] : []),
    '',
    `What was booked after ${moment(madeS)} is forgotten here.`,
    'Others were told that it was done, and hold the proof: bridges, the other',
    'house, tokens. Nothing brings it back by itself yet, so balances are those of',
    'the backup. The audit says so from now on.',
    'Read docs/operations.md before the services are started.',
  ].join('\n');
}
