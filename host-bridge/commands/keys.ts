/** `tapcash keys`: the public keys that services are started with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { createUnsealer } from '../base/crypto/sealed-box.js';
import { sealSeed, serviceKey } from '../base/keys/key-file.js';
import { table } from '../base/text-table.js';
import type { HouseName } from '../base/keys/key-line.js';
import { firstKey } from '../services/house-keys.js';
import { print } from './output.js';
import { keyLines, keyLinesText } from './rotate.js';

/** `tapcash keys`: makes what is missing and prints the public keys that services are started with. */
export async function keys(options: { data: string; json?: boolean }): Promise<void> {
  const first = (house: HouseName) => toHex(firstKey(options.data, house));
  const found: Record<string, string> = {
    issuer: first('issuer'),
    trustee: first('trustee'),
    bank: first('bank'),
    operator: toHex(serviceKey(options.data, 'operator').publicKey),
    teller: toHex(serviceKey(options.data, 'teller').publicKey),
  };
  // What tokens of schemes 2 to 6 seal to; an issuer that began without one has none.
  const began = existsSync(join(options.data, 'issuer.db')) && !existsSync(join(options.data, 'issuer-seal.key'));
  const followed = keyLines(options.data);
  const isFirst = followed.every(({ house, fromS }) => house !== 'issuer' || fromS === 0);
  if (!began && isFirst) found['seal'] = toHex((await createUnsealer(sealSeed(options.data))).publicKey);
  const lines = keyLinesText(followed);
  print(
    options.json,
    { ...found, lines: followed },
    [
      ...table(Object.entries(found)),
      ...(lines.length > 0 ? ['', 'Houses are started with their first keys. They sign with:', ...lines] : []),
    ].join('\n'),
  );
}
