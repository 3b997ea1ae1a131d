/*
 * The two steps that every scalar multiplication on edwards25519 consists of: adding a table entry
 * (a point with Z = 1) and doubling, in extended coordinates (RFC 8032 5.1.4; Hisil, Wong, Carter,
 * Dawson 2008, sections 3.1 and 3.3). field.ts tells how numbers are held; read it first.
 *
 * The working point is p = Y - X, q = Y + X, T and Z; an entry is three flat operands m = (y - x)/2,
 * n = (y + x)/2 and d x y.
 *     addition:  H, E = n q +- m p,  F, G = Z -+ (d x y) T                    (each half of the paper's)
 *     doubling:  H, E = q^2 +- p^2,  G = 2 p q,  F = 4 Z^2 - G       (twice the paper's, H and F negated)
 *     both:      p, q = G H -+ F E,  Z = F G,  T = E H
 *
 * What costs time is neither the product nor the sum but each thing that is named. So:
 *   - sums and differences of pairs, copies and factors are the native pairs(), over whole arrays in
 *     which two numbers alternate limb by limb (H, E; F, G);
 *   - p and q are sums of two products as one dot product each, over such arrays;
 *   - carried columns are elements of an array literal: no store has to be named.
 * Storing each limb where it is needed instead took a third more (Linux build, -O2, November 2026).
 *
 * Scale. Entries are Float32 of limb * 2^-126, because limbs reach 2^255 and Float32 ends at 2^128. The working
 * point has the same scale, so that its products with entries and with itself are alike, 2^-252; pairs() makes H, E, F,
 * G times 2^-63 of them, whose products have the scale of the point again.
 *
 * Sign. To subtract an entry, m and n change places and C = (d x y) T its sign. Instead of C's, the sign of
 * Z in F and G is changed: that gives -X and -Y beside the right Z and T, the point plus (0, -1), which a
 * doubling removes and which the caller undoes at the end (edwards.ts).
 *
 * Range: H and E are sums of 2 carried numbers, F and G of 2 (of 6 and 2 after doubling), so that a column
 * of p or q is at most 16 products of carried numbers; field.test.ts shows that there is room for it.
 * No branch and no index depends on a value.
 */
import { powerOfTwo, rounder } from './limbs.js';
import { pairsOf, pickOf, reversed, type Natives, type Numbers } from './natives.js';

/** Entries of tables, and working points, are limbs times 2^-126. */
export const ENTRY_SCALE = -126;

/** A point: limbs from the lowest, times 2^ENTRY_SCALE. t is right only after an addition or extend(). */
export interface Coordinates {
  p: Numbers;
  q: Numbers;
  t: Numbers;
  z: Numbers;
}

/** A working point and the steps on it. */
export interface PointSteps {
  /** Begins with a point; nothing of it is kept by reference that changes later. */
  load(point: Coordinates): void;
  /** The working point. */
  read(): Coordinates;
  /**
   * Adds the entry (m, n, d), minus 0; or with m and n swapped subtracts it, minus 1: see "Sign" above.
   * The same for entries twice that size: minus 2 and 3.
   */
  add(m: Numbers, n: Numbers, d: Numbers, minus: number): void;
  /** As add(), for an entry with its own z (flat, scaled like the others). */
  addGeneral(m: Numbers, n: Numbers, d: Numbers, z2: Numbers, minus: number): void;
  /** Doubles, without t. */
  double(): void;
  /** Computes t after double(), for an addition. */
  extend(): void;
}

/** Chains of carried columns; their results are arrays of limbs from the lowest. */
interface Chains {
  /** a * aw and b * bw in turn: 24 limbs, for operands scaled by 2^ENTRY_SCALE each. */
  twin(a: Numbers, aw: Numbers, b: Numbers, bw: Numbers): number[];
  /** The limbs of z and of d * tw in turn; scale as twin(). */
  mixed(z: Numbers, d: Numbers, tw: Numbers): number[];
}

function createChains(natives: Natives): Chains {
  // A name is found by walking this list: the most used come first.
  const c = natives.dot;
  let r = 0;
  let s = 0;
  let i = 0;
  let j = 0;
  const N0 = rounder(0, 2 * ENTRY_SCALE);
  const N1 = rounder(1, 2 * ENTRY_SCALE);
  const N2 = rounder(2, 2 * ENTRY_SCALE);
  const N3 = rounder(3, 2 * ENTRY_SCALE);
  const N4 = rounder(4, 2 * ENTRY_SCALE);
  const N5 = rounder(5, 2 * ENTRY_SCALE);
  const N6 = rounder(6, 2 * ENTRY_SCALE);
  const N7 = rounder(7, 2 * ENTRY_SCALE);
  const N8 = rounder(8, 2 * ENTRY_SCALE);
  const N9 = rounder(9, 2 * ENTRY_SCALE);
  const NA = rounder(10, 2 * ENTRY_SCALE);
  const NB = rounder(11, 2 * ENTRY_SCALE);
  const K = 19 * powerOfTwo(-255);
  let x = 0;
  let y = 0;
  let v = 0;
  let w = 0;

  function twin(a: Numbers, aw: Numbers, b: Numbers, bw: Numbers): number[] {
    x = c(a, aw, 12);
    s = K * (y = x + NB - NB);
    v = c(b, bw, 12);
    j = K * (w = v + NB - NB);
    const out = [
      (s += c(a, aw, 1)) - (r = s + N0 - N0),
      (j += c(b, bw, 1)) - (i = j + N0 - N0),
      (r += c(a, aw, 2)) - (s = r + N1 - N1),
      (i += c(b, bw, 2)) - (j = i + N1 - N1),
      (s += c(a, aw, 3)) - (r = s + N2 - N2),
      (j += c(b, bw, 3)) - (i = j + N2 - N2),
      (r += c(a, aw, 4)) - (s = r + N3 - N3),
      (i += c(b, bw, 4)) - (j = i + N3 - N3),
      (s += c(a, aw, 5)) - (r = s + N4 - N4),
      (j += c(b, bw, 5)) - (i = j + N4 - N4),
      (r += c(a, aw, 6)) - (s = r + N5 - N5),
      (i += c(b, bw, 6)) - (j = i + N5 - N5),
      (s += c(a, aw, 7)) - (r = s + N6 - N6),
      (j += c(b, bw, 7)) - (i = j + N6 - N6),
      (r += c(a, aw, 8)) - (s = r + N7 - N7),
      (i += c(b, bw, 8)) - (j = i + N7 - N7),
      (s += c(a, aw, 9)) - (r = s + N8 - N8),
      (j += c(b, bw, 9)) - (i = j + N8 - N8),
      (r += c(a, aw, 10)) - (s = r + N9 - N9),
      (i += c(b, bw, 10)) - (j = i + N9 - N9),
      (s += c(a, aw, 11)) - (r = s + NA - NA),
      (j += c(b, bw, 11)) - (i = j + NA - NA),
      (x += r - y) - (s = x + NB - NB),
      (v += i - w) - (j = v + NB - NB),
    ];
    out[0] += K * s;
    out[1] += K * j;
    return out;
  }

  function mixed(z: Numbers, d: Numbers, tw: Numbers): number[] {
    x = c(d, tw, 12);
    s = K * (y = x + NB - NB);
    const out = [
      z[0], (s += c(d, tw, 1)) - (r = s + N0 - N0),
      z[1], (r += c(d, tw, 2)) - (s = r + N1 - N1),
      z[2], (s += c(d, tw, 3)) - (r = s + N2 - N2),
      z[3], (r += c(d, tw, 4)) - (s = r + N3 - N3),
      z[4], (s += c(d, tw, 5)) - (r = s + N4 - N4),
      z[5], (r += c(d, tw, 6)) - (s = r + N5 - N5),
      z[6], (s += c(d, tw, 7)) - (r = s + N6 - N6),
      z[7], (r += c(d, tw, 8)) - (s = r + N7 - N7),
      z[8], (s += c(d, tw, 9)) - (r = s + N8 - N8),
      z[9], (r += c(d, tw, 10)) - (s = r + N9 - N9),
      z[10], (s += c(d, tw, 11)) - (r = s + NA - NA),
      z[11], (x += r - y) - (s = x + NB - NB),
    ];
    out[1] += K * s;
    return out;
  }

  return { twin, mixed };
}

/** The limbs of a * aw, where numbers alternate: a[0] aw[..] + a[1] aw[..]; for products times 2^ENTRY_SCALE. */
function createDense(natives: Natives): (a: Numbers, aw: Numbers) => number[] {
  const c = natives.dot;
  let r = 0;
  let s = 0;
  const M0 = rounder(0, ENTRY_SCALE);
  const M1 = rounder(1, ENTRY_SCALE);
  const M2 = rounder(2, ENTRY_SCALE);
  const M3 = rounder(3, ENTRY_SCALE);
  const M4 = rounder(4, ENTRY_SCALE);
  const M5 = rounder(5, ENTRY_SCALE);
  const M6 = rounder(6, ENTRY_SCALE);
  const M7 = rounder(7, ENTRY_SCALE);
  const M8 = rounder(8, ENTRY_SCALE);
  const M9 = rounder(9, ENTRY_SCALE);
  const MA = rounder(10, ENTRY_SCALE);
  const MB = rounder(11, ENTRY_SCALE);
  const K = 19 * powerOfTwo(-255);
  let x = 0;
  let y = 0;

  return (a, aw) => {
    x = c(a, aw, 24);
    s = K * (y = x + MB - MB);
    const out = [
      (s += c(a, aw, 2)) - (r = s + M0 - M0),
      (r += c(a, aw, 4)) - (s = r + M1 - M1),
      (s += c(a, aw, 6)) - (r = s + M2 - M2),
      (r += c(a, aw, 8)) - (s = r + M3 - M3),
      (s += c(a, aw, 10)) - (r = s + M4 - M4),
      (r += c(a, aw, 12)) - (s = r + M5 - M5),
      (s += c(a, aw, 14)) - (r = s + M6 - M6),
      (r += c(a, aw, 16)) - (s = r + M7 - M7),
      (s += c(a, aw, 18)) - (r = s + M8 - M8),
      (r += c(a, aw, 20)) - (s = r + M9 - M9),
      (s += c(a, aw, 22)) - (r = s + MA - MA),
      (x += r - y) - (s = x + MB - MB),
    ];
    out[0] += K * s;
    return out;
  };
}

/** A working point on the given natives. */
export function createPointSteps(natives: Natives): PointSteps {
  const pairs = pairsOf(natives);
  const chains = createChains(natives);
  const twin = chains.twin;
  const mixed = chains.mixed;
  const dense = createDense(natives);
  const pick = pickOf(natives);
  const K = 19 * powerOfTwo(-255);
  /** From products, and from Z, to H, E, F, G. */
  const u = powerOfTwo((-3 * ENTRY_SCALE) / 2);
  const v = powerOfTwo(-ENTRY_SCALE / 2);
  const back12 = reversed(12);
  const back24 = reversed(24);

  // Matrices for pairs(): from (x, y) to (m[0] x + m[2] y, m[1] x + m[3] y).
  const wrapped = [K, 0, 0, K, 0, 0];
  const half = [0.5, 0, 0, 0.5, 0, 0];
  const firstNegated = [-1, 0, 0, 1, 0, 0];
  const first = [1, 0, 0, 0, 0, 0];
  const firstWrapped = [K, 0, 0, 0, 0, 0];
  const heOfProducts = [u, u, u, -u, 0, 0];
  const fgOfZAndC = [
    [v, v, -u, u, 0, 0],
    [-v, -v, -u, u, 0, 0],
    [2 * v, 2 * v, -u, u, 0, 0],
    [-2 * v, -2 * v, -u, u, 0, 0],
  ];
  const fgOfProducts = [
    [u, u, -u, u, 0, 0],
    [-u, -u, -u, u, 0, 0],
  ];
  const heOfSquares = [u, -u, u, u, 0, 0];
  const fgOfSquares = [-2 * u, 2 * u, 4 * u, 0, 0, 0];

  let p: Numbers = [];
  let q: Numbers = [];
  let t: Numbers = [];
  let z: Numbers = [];
  let he: number[] = [];
  const pw = new Float64Array(24);
  const qw = new Float64Array(24);
  const tw = new Float64Array(24);
  const zw = new Float64Array(24);
  const pf = new Float64Array(12);
  const qf = new Float64Array(12);
  const zf = new Float64Array(12);
  const heWide = new Float64Array(48);
  const fWide = new Float64Array(48);
  const gf = new Float64Array(24);
  const gfMinus = new Float64Array(24);
  const eh = new Float64Array(24);

  function widen(wide: Float64Array, limbs: Numbers): void {
    wide.set(pairs(limbs, wrapped));
    wide.set(limbs, limbs.length);
  }

  /** p, q and Z from H, E and F, G, alternating. */
  function second(fg: number[]): void {
    pick(back24, gf, fg);
    pick(back24, gfMinus, pairs(fg, firstNegated));
    heWide.set(pairs(he, wrapped));
    heWide.set(he, 24);
    fWide.set(pairs(fg, firstWrapped));
    fWide.set(pairs(fg, first), 24);
    p = dense(gfMinus, heWide);
    pw.set(pairs(p, wrapped));
    pw.set(p, 12);
    q = dense(gf, heWide);
    qw.set(pairs(q, wrapped));
    qw.set(q, 12);
    z = dense(gf, fWide);
  }

  function extend(): void {
    // (E H + H E)/2, because H and E stand together; twice T would leave halves of units in C.
    pick(back24, eh, pairs(he, half));
    t = dense(eh, heWide);
    tw.set(pairs(t, wrapped));
    tw.set(t, 12);
  }

  function add(m: Numbers, n: Numbers, d: Numbers, minus: number): void {
    he = pairs(twin(n, qw, m, pw), heOfProducts);
    second(pairs(mixed(z, d, tw), fgOfZAndC[minus]));
    extend();
  }

  function addGeneral(m: Numbers, n: Numbers, d: Numbers, z2: Numbers, minus: number): void {
    he = pairs(twin(n, qw, m, pw), heOfProducts);
    zw.set(pairs(z, wrapped));
    zw.set(z, 12);
    second(pairs(twin(z2, zw, d, tw), fgOfProducts[minus]));
    extend();
  }

  function double(): void {
    pick(back12, pf, p);
    pick(back12, qf, q);
    pick(back12, zf, z);
    zw.set(pairs(z, wrapped));
    zw.set(z, 12);
    he = pairs(twin(pf, pw, qf, qw), heOfSquares);
    second(pairs(twin(pf, qw, zf, zw), fgOfSquares));
  }

  function load(point: Coordinates): void {
    widen(pw, (p = point.p));
    widen(qw, (q = point.q));
    widen(tw, (t = point.t));
    z = point.z;
  }

  function read(): Coordinates {
    return { p, q, t, z };
  }

  return { load, read, add, addGeneral, double, extend };
}
