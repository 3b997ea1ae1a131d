/** What a board keeps to itself, read from its flash; and a search for it in what a host has. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { openRecordLog } from '../../firmware/records/record-log.js';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { BOARD, type EspRig } from '../flash/flash-rig.js';

const SEED_BYTES = 32;
const { address, bytes, pageBytes } = BOARD.flash;

/** Seeds of keys, what Ed25519 makes of them (RFC 8032 5.1.5: scalar and prefix), and the host's 32 bytes, by name. */
export function secretsOf({ esp }: EspRig): Map<string, Buffer> {
  const image = esp.records.image();
  const flash = {
    read: (length: number, from: number) => image.slice(from - address, from - address + length),
    write: () => undefined,
    erasePage: () => undefined,
  };
  const opened = openRecordLog(
    flash as unknown as Parameters<typeof openRecordLog>[0],
    { address, pages: bytes / pageBytes, pageBytes, eraseBytes: pageBytes },
    (data) => crc32(Buffer.from(data)) >>> 0,
  );
  if (!opened.ok) throw new Error(`records damaged at ${opened.address}`);
  const secrets = new Map<string, Buffer>([['given entropy', Buffer.from(opened.log.get(BOARD_RECORD.seed, 0)!)]]);
  for (const slot of opened.log.slots(BOARD_RECORD.key)) {
    const seed = Buffer.from(opened.log.get(BOARD_RECORD.key, slot)!.subarray(0, SEED_BYTES));
    const hash = createHash('sha512').update(seed).digest();
    const scalar = Buffer.from(hash.subarray(0, 32));
    scalar[0] &= 248;
    scalar[31] = (scalar[31] & 63) | 64;
    secrets.set(`seed ${slot}`, seed).set(`scalar ${slot}`, scalar).set(`prefix ${slot}`, hash.subarray(32));
  }
  return secrets;
}

/**
 * Ways in which bytes may be written down. Base64 is looked for in the part that is the same wherever the bytes begin.
 */
function formsOf(secret: Buffer): Buffer[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), secret])
      .toString('base64')
      .slice(4, 40),
  );
  const texts = [
    secret.toString('hex'),
    secret.toString('hex').toUpperCase(),
    [...secret].join(),
    [...secret].join(', '),
    [...secret].join(' '),
  ];
  const all = [...texts, ...base64, ...base64.map((text) => text.replace(/\+/g, '-').replace(/\//g, '_'))];
  return [secret, Buffer.from(secret.toString('latin1'), 'utf8'), ...all.map((text) => Buffer.from(text))];
}

/** Which secret is where. */
export function leaks(secrets: Map<string, Buffer>, places: Map<string, Buffer>): string[] {
  const found: string[] = [];
  for (const [name, secret] of secrets) {
    for (const form of formsOf(secret))
      for (const [place, data] of places) if (data.includes(form)) found.push(`${name} in ${place}`);
  }
  return found;
}
