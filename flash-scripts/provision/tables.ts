/*
 * Makes the tables of points known in advance (layout in firmware/crypto/comb-table.ts) for the
 * board's Storage: of the base point at build, of the issuer's and trustee's keys at provisioning.
 * The points come from @noble/curves; the same bytes on every run.
 *
 * Left out: any care for secrets. All points here are public.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { copy, toHex } from '../../firmware/core/bytes.js';
import { COORDINATE_BYTES, ENTRY_BYTES, HEADER_BYTES } from '../../firmware/crypto/comb-table.js';
import { BIT } from '../../firmware/crypto/limbs.js';

/** The size of a comb: teeth, subs, columns (firmware/crypto/edwards.ts). */
export interface CombShape {
  teeth: number;
  subs: number;
  columns: number;
}

/** 55,336 bytes: 33 additions and 10 doublings. */
export const BASE_SHAPE: CombShape = { teeth: 8, subs: 3, columns: 11 };
/** 27,688 bytes: 39 additions, and 2 doublings more than the base point's. */
export const KEY_SHAPE: CombShape = { teeth: 7, subs: 3, columns: 13 };
/**
 * 18,472 bytes: 44 additions, and as many doublings as the base point's. For the key that tokens seal to: with
 * KEY_SHAPE a token's tables would have 138,400 bytes.
 */
export const SEAL_SHAPE: CombShape = { teeth: 6, subs: 4, columns: 11 };

/** Most bytes of a board's tables together. */
export const TABLES_BYTES_MAX = 128 * 1024;

const P = 2n ** 255n - 19n;
const D = ed25519.Point.CURVE().d;

type Point = InstanceType<typeof ed25519.Point>;

function mod(a: bigint): bigint {
  const r = a % P;
  return r < 0n ? r + P : r;
}

function doubled(point: Point, times: number): Point {
  let result = point;
  for (let i = 0; i < times; i++) result = result.double();
  return result;
}

/** Units of the highest limb that are 2^128 once scaled: Float32 ends below it. */
const TOP_LIMB_END = 1n << 20n;

/**
 * Twelve limbs of a number modulo p, from the lowest, in units of 2^BIT[k]. Each is at most half of the next one's
 * unit, but for the last but one of a number whose highest limb would be 2^20: it keeps what it would carry, and is at
 * most a whole unit then, which firmware/crypto/field.ts allows.
 * @param value 0 to p - 1
 */
export function limbsOf(value: bigint): number[] {
  let rest = value > P / 2n ? value - P : value;
  return Array.from({ length: 12 }, (_, k) => {
    const unit = 1n << BigInt(BIT[k]!);
    const size = BIT[k + 1]! - BIT[k]!;
    let limb = k === 11 ? rest / unit : BigInt.asIntN(size, rest / unit);
    if (k === 10) {
      const carry = (rest - limb * unit) >> BigInt(BIT[11]!);
      if (carry === TOP_LIMB_END) limb += 1n << BigInt(size);
      if (carry === -TOP_LIMB_END) limb -= 1n << BigInt(size);
    }
    rest -= limb * unit;
    if (k === 11 && rest !== 0n) throw new RangeError('tables: limbs do not add up');
    return Number(limb);
  });
}

/** Writes the limbs of a number modulo p, from the highest, as Float32 times 2^-126. */
function writeCoordinate(view: DataView, offset: number, value: bigint): void {
  limbsOf(value).forEach((limb, k) => {
    const float = limb * 2 ** (BIT[k]! - 126);
    if (Math.fround(float) !== float) throw new RangeError('tables: a limb does not fit Float32');
    view.setFloat32(offset + (11 - k) * 4, float, true);
  });
}

/**
 * The point of edwards25519 for an X25519 public key (RFC 7748 4.1), as encoding for makeCombTable(). Of the two that
 * have this u, the one with even x: products by a scalar have the same u for both.
 * @param u 32 bytes; a key of the group of prime order
 * @throws Error when it is none
 */
export function edwardsOfX25519(u: Uint8Array): Uint8Array {
  const { Fp } = ed25519.Point;
  const value = mod(BigInt('0x' + toHex(copy(u, 0, u.length).reverse())) % 2n ** 255n);
  const y = Fp.mul(Fp.sub(value, 1n), Fp.inv(Fp.add(value, 1n)));
  const out = new Uint8Array(32);
  for (let i = 0, rest = y; i < 32; i++, rest >>= 8n) out[i] = Number(rest & 255n);
  if (!ed25519.Point.fromBytes(out).isTorsionFree()) throw new Error('X25519 key: not in the group of prime order');
  return out;
}

/**
 * The table of a point.
 * @param encoding 32 bytes, canonical; without it, the base point.
 */
export function makeCombTable(shape: CombShape, encoding?: Uint8Array): Uint8Array {
  const point = encoding ? ed25519.Point.fromBytes(encoding) : ed25519.Point.BASE;
  const { teeth, subs, columns } = shape;
  const perSub = 1 << (teeth - 1);
  const out = new Uint8Array(HEADER_BYTES + subs * perSub * ENTRY_BYTES);
  out.set([84, 67, 66, 49, teeth, subs, columns, 0]);
  out.set(point.toBytes(), 8);
  const entries: Point[] = [];
  for (let sub = 0; sub < subs; sub++) {
    const tooth = [doubled(point, sub * columns)];
    for (let j = 1; j < teeth; j++) tooth.push(doubled(tooth[j - 1]!, subs * columns));
    for (let index = 0; index < perSub; index++) {
      let sum = tooth[teeth - 1]!;
      for (let j = 0; j < teeth - 1; j++) sum = (index >> j) & 1 ? sum.add(tooth[j]!) : sum.subtract(tooth[j]!);
      entries.push(sum);
    }
  }
  const view = new DataView(out.buffer, HEADER_BYTES);
  const half = (P + 1n) / 2n;
  entries.forEach((entry, i) => {
    const { x, y } = entry.toAffine();
    writeCoordinate(view, i * ENTRY_BYTES, mod((y - x) * half));
    writeCoordinate(view, i * ENTRY_BYTES + COORDINATE_BYTES, mod((y + x) * half));
    writeCoordinate(view, i * ENTRY_BYTES + 2 * COORDINATE_BYTES, mod(D * mod(x * y)));
  });
  return out;
}
