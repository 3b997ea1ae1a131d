/**
 * What `tapcash doctor --selftest` has a provisioned board do in place of its work: it shows a picture, signs and
 * checks against RFC 8032's test vectors, and says how long each step took.
 *
 * An overlay that is in no Storage: the host puts its text into the global `TEST_NAME`, at the console, and starts the
 * program there. A board that starts by itself never has it. Nothing is written; what is signed is the vector, by the
 * vector's key.
 */
import { equal, fromHex } from '../core/bytes.js';
import { TEST_NAME } from '../core/self-test-name.js';
import { GOOD, PLAIN } from '../panel/display.js';
import type { Display } from '../panel/display.js';
import { SIGNAL } from '../panel/indicator.js';
import type { Indicator } from '../panel/indicator.js';

/** What of a board is tried. */
export interface TestedBoard {
  display: Display;
  indicator: Indicator;
  memory(): { used: number; total: number };
}

/**
 * What of the role's program is tried; what makes and what checks need not be there at once. `Key` and `Nonce` are its
 * own (crypto/signer.ts).
 */
export interface TestedCurve<Key, Nonce> {
  maker(): {
    publicKeyOf(seed: Uint8Array): Uint8Array;
    makeNonces(random: (count: number) => Uint8Array, count: number): Nonce[];
  };
  signer: {
    keyOfPair(seed: Uint8Array, publicKey: Uint8Array, prepared: boolean): Key;
    sign(key: Key, nonce: Nonce, message: Uint8Array): Uint8Array;
  };
  checks(): { verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean };
  random(count: number): Uint8Array;
}

/** Opens it as overlay.d.ts has it. @param texts the global object */
export function openTest(texts: Record<string, string>) {
  return function <T>(_file: string, _id: string, start: (text: string) => () => T): () => T {
    return start(texts[TEST_NAME]);
  };
}

/** RFC 8032 7.1, TEST 2: seed, public key and signature of the byte 72. */
const SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb';
const PUBLIC_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
const SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
  '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';
const MESSAGE = 0x72;

/** Nonces that share an inversion, as on a token. */
const NONCES = 2;

/** What a person is asked to see: every place of the display in use, then the colours changed. */
const PICTURE = ['SELF TEST', '8888.88', 'ABCDEFGHIJKLMNOP', '0123456789', 'tapcash'];

/**
 * Tries it all, and prints "tapcash: test", what went wrong ("nothing" where all is right) and figures: microseconds of
 * a key pair, a nonce, a signature, a check and a picture, 1 for a display that works, variables in use.
 * @param getTime seconds
 */
export function testBoard<Key, Nonce>(
  board: TestedBoard,
  curve: TestedCurve<Key, Nonce>,
  getTime: () => number,
  print: (text: string) => void,
): void {
  const figures: number[] = [];
  let since = 0;
  function begin(): void {
    since = getTime();
  }
  function end(units: number): void {
    figures.push(Math.round(((getTime() - since) * 1000000) / units));
  }

  const seed = fromHex(SEED)!;
  const known = fromHex(SIGNATURE)!;
  const message = new Uint8Array([MESSAGE]);
  let wrong = '';

  const maker = curve.maker();
  begin();
  const publicKey = maker.publicKeyOf(seed);
  end(1);
  if (!equal(publicKey, fromHex(PUBLIC_KEY)!)) wrong += ' key';
  const key = curve.signer.keyOfPair(seed, publicKey, true);
  begin();
  const nonces = maker.makeNonces(curve.random, NONCES);
  end(NONCES);
  begin();
  const signature = curve.signer.sign(key, nonces[0], message);
  end(1);
  const used = board.memory().used;

  const checks = curve.checks();
  begin();
  if (!checks.verify(publicKey, message, signature)) wrong += ' signature';
  end(1);
  if (!checks.verify(publicKey, message, known)) wrong += ' check';
  // S, by one bit.
  known[32] ^= 1;
  if (checks.verify(publicKey, message, known)) wrong += ' refusal';

  board.display.show(PICTURE, PLAIN);
  begin();
  board.display.show(PICTURE, GOOD);
  end(1);
  board.indicator.play(SIGNAL.good, false);
  figures.push(board.display.broken() ? 0 : 1, used);
  print('tapcash: test ' + (wrong ? wrong.substr(1).split(' ').join('+') : 'nothing') + ' ' + figures.join(' '));
}
