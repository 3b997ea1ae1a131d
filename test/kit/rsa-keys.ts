/** RSA keys that were made once, for tests: to make one takes as long as many tests. They protect nothing. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';

interface Keys {
  keys2048: string[];
  key4096: string;
}

let keys: Keys | null = null;
const read = (): Keys =>
  (keys ??= JSON.parse(readFileSync(join(packageRoot(), 'test', 'kit', 'rsa-keys.json'), 'utf8')) as Keys);

const open = (base64: string): KeyObject =>
  createPrivateKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'pkcs8' });

/** A private key of 2048 bits with exponent 65537. @param index 0 to 13 */
export const rsaKey = (index: number): KeyObject => open(read().keys2048[index]!);

/** A private key of 4096 bits with exponent 65537. */
export const longRsaKey = (): KeyObject => open(read().key4096);
