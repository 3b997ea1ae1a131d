/**
 * Whether the natives of a board's interpreter compute what they should: published test vectors, by expressions typed
 * on its console. No firmware need be there.
 */
import type { BoardConsole } from '../flash/console.js';

/** Bytes of a text as hexadecimal digits. */
const HEX =
  '(function(b){var s="";b=new Uint8Array(b);for(var i=0;i<b.length;i++)s+=(b[i]+256).toString(16).substr(1);return s})';
const CRYPTO = 'require("crypto")';

/** What is asked, and what must come. */
const KNOWN_ANSWERS: Record<string, readonly [expression: string, answer: string]> = {
  // FIPS 180-4, "abc".
  'SHA-256': [
    `${HEX}(${CRYPTO}.SHA256(new Uint8Array([97,98,99])))`,
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  ],
  'SHA-512': [
    `${HEX}(${CRYPTO}.SHA512(new Uint8Array([97,98,99])))`,
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
  // FIPS 197, C.1; a build without AES serves the schemes that need none.
  AES: [
    `!${CRYPTO}.AES?"69c4e0d86a7b0430d8cdb78070b4c55a":${HEX}(${CRYPTO}.AES.encrypt(new Uint8Array([0,17,34,51,68,85,102,119,136,153,170,187,204,221,238,255]),new Uint8Array([0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]),{mode:"ECB"}))`,
    '69c4e0d86a7b0430d8cdb78070b4c55a',
  ],
  // The check value of CRC-32/ISO-HDLC.
  'CRC-32': ['""+E.CRC32("123456789")', '3421780262'],
  // 3 x 5 + 2^26 x 2^26: exact in doubles alone.
  'dot product': [
    '""+(E.convolve(new Float64Array([3,67108864]),new Float64Array([5,67108864]),0)-4503599627370496)',
    '15',
  ],
  sum: ['""+E.sum(new Uint8Array([255,255,1]))', '511'],
};

/** Names of the natives that compute anything else. */
export async function wrongNatives(console: BoardConsole): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, [expression, answer]] of Object.entries(KNOWN_ANSWERS))
    if (String(await console.evaluate(expression)) !== answer) wrong.push(name);
  return wrong;
}
