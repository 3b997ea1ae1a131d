/*
 * The two steps that every scalar multiplication on edwards25519 consists of: adding a table entry
 * (a point with Z = 1) and doubling, in extended coordinates (RFC 8032 5.1.4; Hisil, Wong, Carter,
 * Dawson 2008, sections 3.1 and 3.3). field.ts tells how numbers are held; read it first.
 *
 * The working point is p = Y - X, q = Y + X, T and Z; an entry is three flat operands m = (y - x)/2,
 * n = (y + x)/2 and d x y.
 *     addition:  H, E = n q +- m p,  F, G = Z -+ (d x y) T                    (each half of the paper's)
 *     doubling:  H, E = q^2 +- p^2,  G = 2 p q,  F = 4 Z^2 - G       (twice the paper's, H and F negated)
 *     both:      p, q = G H -+ E F,  Z = F G,  T = E H
 * T is left out where a doubling follows, which does not need it.
 *
 * What costs time is neither the product nor the sum but each thing that is named. So:
 *   - sums and differences of pairs, copies and factors are the native pairs() and pick(), over whole arrays in
 *     which two numbers alternate limb by limb (H, E; F, G; p, q);
 *   - carried columns are elements of an array literal: no store has to be named.
 * Storing each limb where it is needed instead took a third more (Linux build, -O2, November 2026). A column of 12
 * products and its carry take 1.9 us there, one of 24 products 2.3 us: p and q as one dot product each, over
 * alternating G, F and H, E, made an addition a seventh slower than G H and E F by themselves. All columns of a
 * product by one native map() over offsets, handed to a function for the carries, were no faster than these.
 *
 * Scale. Entries are Float32 of limb * 2^-126, because limbs reach 2^255 and Float32 ends at 2^128. The working point,
 * H, E, F and G have the same scale, so that all products are alike, 2^-252. Z stays so; pairs() brings the others
 * back.
 *
 * Order. A column's carry goes into the next, the last one's into limb 0, whose own column comes first. So that no limb
 * is touched twice, chains give limbs 1, 2 ... 11 and then 0, as turned() does; pick() puts them where operands have
 * them. (With an array whose first element is mended in the end a chain took a ninth more: Linux build, -O2, November
 * 2026.)
 *
 * Sign. To subtract an entry, m and n change places, and (d x y) T has the other sign in F and G.
 *
 * Range: H, E, p and q are sums of 2 carried numbers, F and G of 2 (of 6 and 2 after doubling), so that a column
 * is at most 12 products of carried numbers; field.test.ts shows that there is room for it.
 * No branch depends on a value, and no index but the sign's, of one of two matrices beside each other (edwards.ts, on
 * indices).
 */
import { powerOfTwo, rounder } from './limbs.js';
import { pairsOf, pickOf, reversed, type Natives, type Numbers } from '../core/crypto-natives.js';

/** Entries of tables, and working points, are limbs times 2^-126. */
export const ENTRY_SCALE = -126;

/** A point: limbs as turned() gives them. */
export interface Coordinates {
  /** p and q in turn, times 2^ENTRY_SCALE: 24 numbers. */
  pq: Numbers;
  /** 2^(2 ENTRY_SCALE) times as large, as is z; null where a doubling follows. */
  t: Numbers | null;
  z: Numbers;
}

/** A working point and the steps on it. */
export interface PointSteps {
  /** Begins with a point; nothing of it is kept by reference that changes later. */
  load(point: Coordinates): void;
  /** The working point. Its t is right only after load() and extend(). */
  read(): Coordinates;
  /**
   * Adds the entry (m, n, d), plus 1; or with m and n swapped subtracts it, plus 0. Needs t, and leaves it to extend().
   */
  add(m: Numbers, n: Numbers, d: Numbers, plus: number): void;
  /** As add(), for an entry with its own z (flat, scaled like the others). */
  addGeneral(m: Numbers, n: Numbers, d: Numbers, z2: Numbers, plus: number): void;
  /** Doubles; needs no t. */
  double(): void;
  /** Computes t after a step, for an addition. */
  extend(): void;
}

/**
 * Chains of carried columns of operands scaled by 2^ENTRY_SCALE each; their results are arrays of limbs 1, 2 ... 11, 0.
 */
interface Chains {
  /** a * aw and b * bw in turn: 24 limbs. */
  twin(a: Numbers, aw: Numbers, b: Numbers, bw: Numbers): number[];
  /** The limbs of z and of d * tw in turn. */
  mixed(z: Numbers, d: Numbers, tw: Numbers): number[];
  /** a * aw: 12 limbs. */
  single(a: Numbers, aw: Numbers): number[];
}

function createChains(natives: Natives): Chains {
  // A name is found by walking this list: the most used come first. Each chain has carries of its own, because what two
  // functions write is `r = r + c()` in the bundle instead of `r += c()` (flash-scripts/build/repair.ts), a twentieth slower.
  const c = natives.dot;
  let r = 0;
  let s = 0;
  let g = 0;
  let h = 0;
  let i = 0;
  let j = 0;
  let l = 0;
  let m = 0;
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
  let e = 0;
  let v = 0;
  let w = 0;
  let f = 0;

  function twin(a: Numbers, aw: Numbers, b: Numbers, bw: Numbers): number[] {
    x = c(a, aw, 12);
    h = K * (y = x + NB - NB) + c(a, aw, 1);
    e = h - (g = h + N0 - N0);
    v = c(b, bw, 12);
    j = K * (w = v + NB - NB) + c(b, bw, 1);
    f = j - (i = j + N0 - N0);
    return [
      (g += c(a, aw, 2)) - (h = g + N1 - N1),
      (i += c(b, bw, 2)) - (j = i + N1 - N1),
      (h += c(a, aw, 3)) - (g = h + N2 - N2),
      (j += c(b, bw, 3)) - (i = j + N2 - N2),
      (g += c(a, aw, 4)) - (h = g + N3 - N3),
      (i += c(b, bw, 4)) - (j = i + N3 - N3),
      (h += c(a, aw, 5)) - (g = h + N4 - N4),
      (j += c(b, bw, 5)) - (i = j + N4 - N4),
      (g += c(a, aw, 6)) - (h = g + N5 - N5),
      (i += c(b, bw, 6)) - (j = i + N5 - N5),
      (h += c(a, aw, 7)) - (g = h + N6 - N6),
      (j += c(b, bw, 7)) - (i = j + N6 - N6),
      (g += c(a, aw, 8)) - (h = g + N7 - N7),
      (i += c(b, bw, 8)) - (j = i + N7 - N7),
      (h += c(a, aw, 9)) - (g = h + N8 - N8),
      (j += c(b, bw, 9)) - (i = j + N8 - N8),
      (g += c(a, aw, 10)) - (h = g + N9 - N9),
      (i += c(b, bw, 10)) - (j = i + N9 - N9),
      (h += c(a, aw, 11)) - (g = h + NA - NA),
      (j += c(b, bw, 11)) - (i = j + NA - NA),
      (x += g - y) - (h = x + NB - NB),
      (v += i - w) - (j = v + NB - NB),
      e + K * h,
      f + K * j,
    ];
  }

  function mixed(z: Numbers, d: Numbers, tw: Numbers): number[] {
    x = c(d, tw, 12);
    m = K * (y = x + NB - NB) + c(d, tw, 1);
    e = m - (l = m + N0 - N0);
    return [
      z[0],
      (l += c(d, tw, 2)) - (m = l + N1 - N1),
      z[1],
      (m += c(d, tw, 3)) - (l = m + N2 - N2),
      z[2],
      (l += c(d, tw, 4)) - (m = l + N3 - N3),
      z[3],
      (m += c(d, tw, 5)) - (l = m + N4 - N4),
      z[4],
      (l += c(d, tw, 6)) - (m = l + N5 - N5),
      z[5],
      (m += c(d, tw, 7)) - (l = m + N6 - N6),
      z[6],
      (l += c(d, tw, 8)) - (m = l + N7 - N7),
      z[7],
      (m += c(d, tw, 9)) - (l = m + N8 - N8),
      z[8],
      (l += c(d, tw, 10)) - (m = l + N9 - N9),
      z[9],
      (m += c(d, tw, 11)) - (l = m + NA - NA),
      z[10],
      (x += l - y) - (m = x + NB - NB),
      z[11],
      e + K * m,
    ];
  }

  function single(a: Numbers, aw: Numbers): number[] {
    x = c(a, aw, 12);
    s = K * (y = x + NB - NB) + c(a, aw, 1);
    e = s - (r = s + N0 - N0);
    return [
      (r += c(a, aw, 2)) - (s = r + N1 - N1),
      (s += c(a, aw, 3)) - (r = s + N2 - N2),
      (r += c(a, aw, 4)) - (s = r + N3 - N3),
      (s += c(a, aw, 5)) - (r = s + N4 - N4),
      (r += c(a, aw, 6)) - (s = r + N5 - N5),
      (s += c(a, aw, 7)) - (r = s + N6 - N6),
      (r += c(a, aw, 8)) - (s = r + N7 - N7),
      (s += c(a, aw, 9)) - (r = s + N8 - N8),
      (r += c(a, aw, 10)) - (s = r + N9 - N9),
      (s += c(a, aw, 11)) - (r = s + NA - NA),
      (x += r - y) - (s = x + NB - NB),
      e + K * s,
    ];
  }

  return { twin, mixed, single };
}

/** A working point on the given natives. */
export function createPointSteps(natives: Natives): PointSteps {
  const pairs = pairsOf(natives);
  const pick = pickOf(natives);
  const chains = createChains(natives);
  const twin = chains.twin;
  const mixed = chains.mixed;
  const single = chains.single;
  const K = 19 * powerOfTwo(-255);
  /** From products to the scale of operands. */
  const u = powerOfTwo(-ENTRY_SCALE);
  const back12 = reversed(12);
  // Of limbs as chains give them: in their order; of two numbers that alternate, the first and the second; the second
  // reversed.
  const order = new Uint8Array(12);
  const first = new Uint8Array(12);
  const second = new Uint8Array(12);
  for (let i = 0; i < 12; i++) {
    order[i] = (i + 11) % 12;
    first[i] = 2 * order[i];
    second[i] = first[i] + 1;
  }
  const secondBack = new Uint8Array(second).reverse();

  // Matrices for pairs(): from (x, y) to (m[0] x + m[2] y, m[1] x + m[3] y).
  const wrapped = [K, 0, 0, K, 0, 0];
  const unscaled = [u, 0, 0, u, 0, 0];
  const heOfProducts = [u, u, u, -u, 0, 0];
  const fgOfZAndC = [
    [u, u, u, -u, 0, 0],
    [u, u, -u, u, 0, 0],
  ];
  const heOfSquares = [u, -u, u, u, 0, 0];
  const fgOfSquares = [-2 * u, 2 * u, 4 * u, 0, 0, 0];
  const pqOfProducts = [u, u, -u, u, 0, 0];

  let pq: Numbers = [];
  let t: Numbers | null = null;
  let z: Numbers = [];
  // Wide operands, and where their limbs begin.
  const pw = new Float64Array(24);
  const qw = new Float64Array(24);
  const tw = new Float64Array(24);
  const hw = new Float64Array(24);
  const fw = new Float64Array(24);
  const p = pw.subarray(12);
  const q = qw.subarray(12);
  const tl = tw.subarray(12);
  const h = hw.subarray(12);
  const f = fw.subarray(12);
  // Flat operands.
  const ef = new Float64Array(12);
  const gf = new Float64Array(12);

  function widenPoint(): void {
    pick(first, p, pq);
    pick(second, q, pq);
    pw.set(pairs(p, wrapped));
    qw.set(pairs(q, wrapped));
  }

  /** From a product to a wide operand, whose limbs are `limbs`. */
  function widen(wide: Float64Array, limbs: Float64Array, product: Numbers): void {
    pick(order, limbs, pairs(product, unscaled));
    wide.set(pairs(limbs, wrapped));
  }

  /** p, q and Z from H, E and F, G, alternating. */
  function finish(he: number[], fg: number[]): void {
    pick(first, h, he);
    pick(secondBack, ef, he);
    pick(first, f, fg);
    pick(secondBack, gf, fg);
    hw.set(pairs(h, wrapped));
    fw.set(pairs(f, wrapped));
    pq = pairs(twin(gf, hw, ef, fw), pqOfProducts);
    z = single(gf, fw);
    widenPoint();
  }

  function extend(): void {
    widen(tw, tl, (t = single(ef, hw)));
  }

  function add(m: Numbers, n: Numbers, d: Numbers, plus: number): void {
    finish(pairs(twin(n, qw, m, pw), heOfProducts), pairs(mixed(z, d, tw), fgOfZAndC[plus]));
  }

  // fw and ef, gf are free until finish() fills them.
  function addGeneral(m: Numbers, n: Numbers, d: Numbers, z2: Numbers, plus: number): void {
    widen(fw, f, z);
    finish(pairs(twin(n, qw, m, pw), heOfProducts), pairs(twin(z2, fw, d, tw), fgOfZAndC[plus]));
  }

  function double(): void {
    widen(fw, f, z);
    pick(back12, ef, p);
    pick(back12, gf, q);
    const he = pairs(twin(ef, pw, gf, qw), heOfSquares);
    pick(back12, gf, f);
    finish(he, pairs(twin(ef, qw, gf, fw), fgOfSquares));
  }

  function load(point: Coordinates): void {
    pq = point.pq;
    t = point.t;
    z = point.z;
    widenPoint();
    if (t) widen(tw, tl, t);
  }

  function read(): Coordinates {
    return { pq, t, z };
  }

  return { load, read, add, addGeneral, double, extend };
}
