/*
 * Tables for points known in advance (the base point; issuer's and trustee's keys), made on the host
 * by flash-scripts/provision/tables.ts, read in place from memory-mapped flash.
 *
 *   offset  bytes
 *   0       4      'TCB1'
 *   4       1      t, teeth (2 to 8)
 *   5       1      s, subs
 *   6       1      e, columns; t s e is at least 255
 *   7       1      0
 *   8       32     the point's encoding (RFC 8032 5.1.2)
 *   40      ...    s 2^(t - 1) entries of 144 bytes: sub 0 entry 0, sub 0 entry 1, ...
 *
 * An entry is (y - x)/2, (y + x)/2, d x y modulo p; each 12 limbs from the highest to the lowest as
 * Float32 little-endian, times 2^-126 (field.ts, point-steps.ts). edwards.ts says which point it is.
 * A table is under 64 kB, because Espruino's views take no larger offset.
 */

/** Bytes before the first entry. */
export const HEADER_BYTES = 40;
/** Bytes of one coordinate of an entry. */
export const COORDINATE_BYTES = 48;
/** Bytes of one entry. */
export const ENTRY_BYTES = 144;
/** Numbers of one entry. */
export const ENTRY_NUMBERS = 36;

/** How a comb reads a scalar (edwards.ts). */
export interface CombShape {
  teeth: number;
  subs: number;
  columns: number;
  /** Bits of a scalar that it covers: teeth * subs * columns. */
  bits: number;
  /** 2^j at j * subs * columns for the lower teeth: a dot product with bits is an entry's index. */
  weights: Uint8Array;
}

/** A comb with its entries, ENTRY_NUMBERS each, one after another. */
export interface Comb extends CombShape {
  entries: Float32Array | Float64Array;
}

/** A table in memory or flash. */
export interface CombTable extends Comb {
  /** 32 bytes: the point. */
  key: Uint8Array;
}

/** A comb of t teeth, s subs, e columns. */
export function combShape(teeth: number, subs: number, columns: number): CombShape {
  const weights = new Uint8Array((teeth - 2) * subs * columns + 1);
  for (let j = 0; j < teeth - 1; j++) weights[j * subs * columns] = 1 << j;
  return { teeth, subs, columns, bits: teeth * subs * columns, weights };
}

/**
 * Opens a table (layout above) without copying it.
 * @throws RangeError when it is not one: a table comes from our own flash, not from a peer.
 */
export function openCombTable(data: ArrayBuffer | Uint8Array): CombTable {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const teeth = bytes[4];
  const subs = bytes[5];
  const columns = bytes[6];
  const right =
    bytes.length > HEADER_BYTES &&
    bytes[0] === 84 &&
    bytes[1] === 67 &&
    bytes[2] === 66 &&
    bytes[3] === 49 &&
    teeth >= 2 &&
    teeth <= 8 &&
    teeth * subs * columns >= 255 &&
    bytes.length === HEADER_BYTES + subs * (1 << (teeth - 1)) * ENTRY_BYTES;
  if (!right) throw new RangeError('not a comb table');
  const shape = combShape(teeth, subs, columns);
  const key = new Uint8Array(32);
  for (let i = 0; i < 32; i++) key[i] = bytes[8 + i];
  return {
    teeth,
    subs,
    columns,
    bits: shape.bits,
    weights: shape.weights,
    key,
    entries: new Float32Array(
      bytes.buffer as ArrayBuffer,
      bytes.byteOffset + HEADER_BYTES,
      (bytes.length - HEADER_BYTES) >> 2,
    ),
  };
}
