/**
 * Private keys in one file under a passphrase: scrypt (RFC 7914) for the key, AES-256-GCM for the bytes.
 *
 * The parameters stand in the file, so that later ones can be stronger; they are authenticated with it.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { failure } from '../base/errors.js';

/** 128 MiB and about half a second: what each guess of a passphrase costs. */
const COST = { n: 2 ** 17, r: 8, p: 1 };
const COST_MAX = 2 ** 20;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** Shorter ones are guessed. */
const PASSPHRASE_MIN = 12;

/** Files by their names. */
export type KeyFiles = Record<string, string>;

interface Sealed {
  format: 'tapcash-keys';
  version: 1;
  n: number;
  r: number;
  p: number;
  salt: string;
  nonce: string;
  tag: string;
  data: string;
}

/** What is authenticated beside the data. */
const headOf = ({ format, version, n, r, p, salt, nonce }: Omit<Sealed, 'tag' | 'data'>): Buffer =>
  Buffer.from(JSON.stringify([format, version, n, r, p, salt, nonce]));

const keyOf = (passphrase: string, salt: Buffer, { n, r, p }: typeof COST): Buffer =>
  scryptSync(passphrase.normalize('NFC'), salt, KEY_BYTES, { N: n, r, p, maxmem: 256 * n * r });

/** A passphrase, without the line's end. @throws TapcashError PASSPHRASE_SHORT */
export function passphraseOf(text: string): string {
  const passphrase = text.replace(/\r?\n$/, '');
  if (passphrase.length < PASSPHRASE_MIN) throw failure('PASSPHRASE_SHORT', `at least ${PASSPHRASE_MIN} characters`);
  return passphrase;
}

/** Seals files. @param files their text by their names */
export function sealKeys(files: KeyFiles, passphrase: string): string {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const head = {
    ...{ format: 'tapcash-keys' as const, version: 1 as const, ...COST },
    ...{ salt: salt.toString('base64'), nonce: nonce.toString('base64') },
  };
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt, COST), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(headOf(head));
  const data = Buffer.concat([cipher.update(JSON.stringify(files)), cipher.final()]).toString('base64');
  return `${JSON.stringify({ ...head, tag: cipher.getAuthTag().toString('base64'), data } satisfies Sealed)}\n`;
}

/** Opens what `sealKeys` gave. @throws TapcashError BACKUP_INVALID, PASSPHRASE_WRONG */
export function openKeys(text: string, passphrase: string): KeyFiles {
  let sealed: Sealed;
  try {
    sealed = JSON.parse(text) as Sealed;
  } catch {
    throw failure('BACKUP_INVALID', 'keys: not JSON');
  }
  const { format, version, n, r, p } = sealed ?? {};
  const isCost = [n, r, p].every((each) => Number.isInteger(each) && each > 0) && n * r * p <= 8 * COST_MAX;
  if (format !== 'tapcash-keys' || version !== 1 || !isCost) throw failure('BACKUP_INVALID', 'keys: unknown format');
  try {
    const key = keyOf(passphrase, Buffer.from(sealed.salt, 'base64'), { n, r, p });
    const nonce = Buffer.from(sealed.nonce, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(headOf(sealed));
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
    const plain = Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]);
    return JSON.parse(plain.toString()) as KeyFiles;
  } catch (thrown) {
    throw failure('PASSPHRASE_WRONG', undefined, thrown);
  }
}
