/*
 * AES-GCM (NIST SP 800-38D) over the native AES: nonces of 96 bits, tags of 128.
 *
 * All blocks of a message, the one for the hash key and the one for the tag go through the cipher in a single native
 * call. GHASH multiplies by a byte at a time (section 6.3 with tables of 16 multiples of the hash key and of its
 * product with x^4), which needs half the statements of four bits at a time. Its indices depend on a secret: the tables
 * are 128 words in RAM, which neither an ESP32 nor the interpreter caches line by line.
 *
 * Tried and dropped: GHASH as parities of native dot products (all but six columns of the matrix of H are windows on
 * one sequence of bits, so that 22 dot products with six sums in the bytes of a double do for a block). 3,000 bytes
 * took 199 ms beside 194 ms for four bits at a time in turn on the Linux build (-O2, November 2026, a busy machine): a
 * dot product's element and a looked-up byte cost there a sixteenth and a third of an empty loop's round, and a block
 * needs 2,816 of the one and 608 of the other.
 *
 * Left out: other lengths of nonce and tag; messages of 2^32 blocks.
 */

/** AES (FIPS 197) of whole blocks of 16 bytes, each by itself (ECB), under a key of 16 or 32 bytes. */
export type AesBlocks = (key: Uint8Array, blocks: Uint8Array) => Uint8Array;

/** Bytes of a nonce, and of the tag behind a ciphertext. */
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/** Multiples of a number, four words each. */
interface HashTable {
  a: Int32Array;
  b: Int32Array;
  c: Int32Array;
  d: Int32Array;
}

function reduced(): Int32Array {
  const out = new Int32Array(16);
  for (let i = 0; i < 16; i++) {
    let word = 0;
    for (let bit = 0; bit < 4; bit++) if (i & (1 << bit)) word ^= 0xe100 >> (3 - bit);
    out[i] = word << 16;
  }
  return out;
}

/** What four bits that leave at the low end add at the high end: multiples of x^128 = x^7 + x^2 + x + 1, reflected. */
const REDUCED = reduced();

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** Multiples of H, bytes 0 to 15 of `bytes`, by the polynomials of four bits; bit 3 of an index is x^0. */
function tableOf(bytes: Uint8Array): HashTable {
  const a = new Int32Array(16);
  const b = new Int32Array(16);
  const c = new Int32Array(16);
  const d = new Int32Array(16);
  a[8] = word(bytes, 0);
  b[8] = word(bytes, 4);
  c[8] = word(bytes, 8);
  d[8] = word(bytes, 12);
  for (let i = 4; i > 0; i >>= 1) {
    // Times x: a shift to the right, since the first bit of a block is x^0.
    const from = 2 * i;
    const over = -(d[from] & 1);
    d[i] = (d[from] >>> 1) | (c[from] << 31);
    c[i] = (c[from] >>> 1) | (b[from] << 31);
    b[i] = (b[from] >>> 1) | (a[from] << 31);
    a[i] = (a[from] >>> 1) ^ (over & 0xe1000000);
  }
  for (let i = 2; i < 16; i <<= 1) {
    for (let j = 1; j < i; j++) {
      a[i + j] = a[i] ^ a[j];
      b[i + j] = b[i] ^ b[j];
      c[i + j] = c[i] ^ c[j];
      d[i + j] = d[i] ^ d[j];
    }
  }
  return { a, b, c, d };
}

/** The same multiples, times x^4. */
function shifted(table: HashTable): HashTable {
  const a = new Int32Array(16);
  const b = new Int32Array(16);
  const c = new Int32Array(16);
  const d = new Int32Array(16);
  for (let i = 1; i < 16; i++) {
    d[i] = (table.d[i] >>> 4) | (table.c[i] << 28);
    c[i] = (table.c[i] >>> 4) | (table.b[i] << 28);
    b[i] = (table.b[i] >>> 4) | (table.a[i] << 28);
    a[i] = (table.a[i] >>> 4) ^ REDUCED[table.d[i] & 15];
  }
  return { a, b, c, d };
}

/** GHASH of `data`, whole blocks, under H, bytes 0 to 15 of `key`; 16 bytes. */
function ghash(key: Uint8Array, data: Uint8Array): Uint8Array {
  const high = tableOf(key);
  const low = shifted(high);
  const ha = high.a;
  const hb = high.b;
  const hc = high.c;
  const hd = high.d;
  const la = low.a;
  const lb = low.b;
  const lc = low.c;
  const ld = low.d;
  const reduced = REDUCED;
  const sum = new Uint8Array(16);
  for (let at = 0; at < data.length; at += 16) {
    for (let i = 0; i < 16; i++) sum[i] ^= data[at + i];
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    // Horner, from the last byte.
    for (let i = 15; i >= 0; i--) {
      const h = sum[i] >> 4;
      const l = sum[i] & 15;
      const r = (reduced[d & 15] >>> 4) ^ reduced[(d >> 4) & 15];
      d = ((d >>> 8) | (c << 24)) ^ hd[h] ^ ld[l];
      c = ((c >>> 8) | (b << 24)) ^ hc[h] ^ lc[l];
      b = ((b >>> 8) | (a << 24)) ^ hb[h] ^ lb[l];
      a = (a >>> 8) ^ r ^ ha[h] ^ la[l];
    }
    for (let i = 0; i < 4; i++) {
      const shift = 24 - 8 * i;
      sum[i] = a >>> shift;
      sum[4 + i] = b >>> shift;
      sum[8 + i] = c >>> shift;
      sum[12 + i] = d >>> shift;
    }
  }
  return sum;
}

/**
 * 0^128 for the hash key, then `nonce` with counters 1 (for the tag), 2, 3 ... for `bytes` of text: all through the
 * cipher.
 */
function keyStream(aes: AesBlocks, key: Uint8Array, nonce: Uint8Array, bytes: number): Uint8Array {
  // Another length would be hashed to the first counter (SP 800-38D 7.1, step 2): set here, it would repeat a stream.
  if (nonce.length !== GCM_NONCE_BYTES) throw new RangeError('nonce');
  const blocks = new Uint8Array(32 + ((bytes + 15) & -16));
  for (let at = 16, counter = 1; at < blocks.length; at += 16, counter++) {
    blocks.set(nonce, at);
    blocks[at + 13] = counter >> 16;
    blocks[at + 14] = counter >> 8;
    blocks[at + 15] = counter;
  }
  return aes(key, blocks);
}

/** The tag of additional data and ciphertext. */
function tagOf(stream: Uint8Array, additional: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const textAt = (additional.length + 15) & -16;
  const lengthsAt = textAt + ((ciphertext.length + 15) & -16);
  const data = new Uint8Array(lengthsAt + 16);
  data.set(additional, 0);
  data.set(ciphertext, textAt);
  for (let i = 0; i < 4; i++) {
    data[lengthsAt + 7 - i] = (8 * additional.length) >> (8 * i);
    data[lengthsAt + 15 - i] = (8 * ciphertext.length) >> (8 * i);
  }
  const tag = ghash(stream, data);
  for (let i = 0; i < 16; i++) tag[i] ^= stream[16 + i];
  return tag;
}

/**
 * Encrypts. A key must never meet the same nonce twice.
 * @param key 16 or 32 bytes @param nonce 12 bytes
 * @returns the ciphertext, as long as the plaintext, and the tag of 16 bytes
 * @throws RangeError for a nonce of another length
 */
export function gcmSeal(
  aes: AesBlocks,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const stream = keyStream(aes, key, nonce, plaintext.length);
  const ciphertext = new Uint8Array(plaintext.length);
  for (let i = 0; i < plaintext.length; i++) ciphertext[i] = plaintext[i] ^ stream[32 + i];
  const out = new Uint8Array(plaintext.length + GCM_TAG_BYTES);
  out.set(ciphertext, 0);
  out.set(tagOf(stream, additional, ciphertext), plaintext.length);
  return out;
}

/** Decrypts what gcmSeal() made; null for anything else. @throws RangeError for a nonce that is not 12 bytes long */
export function gcmOpen(
  aes: AesBlocks,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  const bytes = sealed.length - GCM_TAG_BYTES;
  if (bytes < 0) return null;
  const stream = keyStream(aes, key, nonce, bytes);
  const ciphertext = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) ciphertext[i] = sealed[i];
  const tag = tagOf(stream, additional, ciphertext);
  let difference = 0;
  for (let i = 0; i < GCM_TAG_BYTES; i++) difference |= tag[i] ^ sealed[bytes + i];
  if (difference !== 0) return null;
  for (let i = 0; i < bytes; i++) ciphertext[i] ^= stream[32 + i];
  return ciphertext;
}
