/*
 * The two steps that every scalar multiplication on edwards25519 consists of: adding a table entry
 * (a point with Z = 1) and doubling, in extended coordinates (RFC 8032 5.1.4; Hisil, Wong, Carter,
 * Dawson 2008, sections 3.1 and 3.3), unrolled. field.ts tells how numbers are held; read it first.
 *
 * The working point is kept as p = Y - X, q = Y + X, t = T and z = Z, each a "wide" operand.
 * A table entry is three "flat" operands m = (y - x)/2, n = (y + x)/2, d = d x y:
 *     E = n q - m p,  H = n q + m p,  C = d t,  F = Z - C,  G = Z + C      (each half of the paper's)
 *     X = E F,  Y = G H,  T = E H,  Z = F G
 * Sums of two products share one carry chain: the carry of (n q - m p) is as cheap as that of n q.
 *
 * Scale. Entries are Float32 of limb * 2^-126, because limbs reach 2^255 and Float32 ends at 2^128.
 * So p, q, t and z are held times 2^252; then E, F, G, H come out times 2^126, and their products
 * times 2^252 again. Only Z has to be scaled down, by the factor g0 in F and G.
 *
 * Sign. To subtract an entry, m and n change places and C its sign. Instead of C's, the sign of Z
 * in F and G is changed: that gives -X and -Y beside the right Z and T, the point plus (0, -1),
 * which a doubling removes and which the caller undoes at the end (edwards.ts).
 *
 * All state is in the variables of one function: the interpreter finds a name by walking their
 * list, so the most used come first. No branch and no index depends on a value.
 */
import { powerOfTwo, rounder } from './field.js';
import type { Natives, Numbers } from './natives.js';

/** Entries of tables are limbs times 2^-126. */
export const ENTRY_SCALE = -126;
/** The working point's coordinates are limbs times 2^252. */
export const POINT_SCALE = 252;

/** The scale of an addition of a table entry. */
export const ADD = powerOfTwo(ENTRY_SCALE);
/** The scale of an addition after timesZ(). */
export const ADD_GENERAL = 1;

/** A working point and the steps on it. */
export interface PointSteps {
  /** Wide operands, scaled by 2^252. p, q and z[11..22] are always there, t after add() and extend(). */
  p: Float64Array;
  q: Float64Array;
  t: Float64Array;
  z: Float64Array;
  /**
   * Adds the entry (m, n, d); with m and n swapped and scale negated subtracts it, see "Sign" above.
   * scale is ADD, or ADD_GENERAL right after timesZ().
   */
  add(m: Numbers, n: Numbers, d: Numbers, scale: number): void;
  /** Multiplies z by the Z of a point that is not normalised (flat, scaled like an entry), after double(). */
  timesZ(z2: Numbers): void;
  /** Makes what double() needs, after add() or after setting p, q and z. */
  prepare(): void;
  /** Doubles, without t; after prepare() or another double(). */
  double(): void;
  /** Computes t after double(), for add(). */
  extend(): void;
}

/** A working point on the given native dot product. */
export function createPointSteps(natives: Natives): PointSteps {
  const c = natives.dot;
  let r = 0;
  let s = 0;
  let x = 0;
  let y = 0;
  let i = 0;
  let j = 0;
  const K = 19 * powerOfTwo(-255);
  const e = new Float64Array(23);
  const g = new Float64Array(23);
  const f = new Float64Array(12);
  const h = new Float64Array(12);
  const p = new Float64Array(23);
  const q = new Float64Array(23);
  const t = new Float64Array(23);
  const z = new Float64Array(23);
  const N0 = rounder(0, 126);
  const Q0 = rounder(0, 252);
  const N1 = rounder(1, 126);
  const Q1 = rounder(1, 252);
  const N2 = rounder(2, 126);
  const Q2 = rounder(2, 252);
  const N3 = rounder(3, 126);
  const Q3 = rounder(3, 252);
  const N4 = rounder(4, 126);
  const Q4 = rounder(4, 252);
  const N5 = rounder(5, 126);
  const Q5 = rounder(5, 252);
  const N6 = rounder(6, 126);
  const Q6 = rounder(6, 252);
  const N7 = rounder(7, 126);
  const Q7 = rounder(7, 252);
  const N8 = rounder(8, 126);
  const Q8 = rounder(8, 252);
  const N9 = rounder(9, 126);
  const Q9 = rounder(9, 252);
  const NA = rounder(10, 126);
  const QA = rounder(10, 252);
  const NB = rounder(11, 126);
  const QB = rounder(11, 252);
  let g0 = 0;
  let a = 0;
  let v = 0;
  let w = 0;
  let l = 0;
  let o = 0;
  let u = 0;
  const pf = new Float64Array(12);
  const qf = new Float64Array(12);
  const zf = new Float64Array(12);
  // Flat copies of p, q and z for double() are scaled like entries: by 2^-378 from p, q and z.
  const A = powerOfTwo(ENTRY_SCALE - POINT_SCALE);
  const KA = K / A;

  /** E, H, F and G of an addition. */
  function addFirst(m: Numbers, n: Numbers, d: Numbers): void {
    x = c(m, p, 11); y = c(n, q, 11);
    l = y - x; j = K * (o = l + NB - NB);
    a = y + x; s = K * (v = a + NB - NB);
    x = c(m, p, 0); y = c(n, q, 0); u = (j += y - x) - (i = j + N0 - N0); w = (s += y + x) - (r = s + N0 - N0);
    x = c(m, p, 1); y = c(n, q, 1); e[0] = K * (e[12] = (i += y - x) - (j = i + N1 - N1));
    h[10] = (r += y + x) - (s = r + N1 - N1);
    x = c(m, p, 2); y = c(n, q, 2); e[1] = K * (e[13] = (j += y - x) - (i = j + N2 - N2));
    h[9] = (s += y + x) - (r = s + N2 - N2);
    x = c(m, p, 3); y = c(n, q, 3); e[2] = K * (e[14] = (i += y - x) - (j = i + N3 - N3));
    h[8] = (r += y + x) - (s = r + N3 - N3);
    x = c(m, p, 4); y = c(n, q, 4); e[3] = K * (e[15] = (j += y - x) - (i = j + N4 - N4));
    h[7] = (s += y + x) - (r = s + N4 - N4);
    x = c(m, p, 5); y = c(n, q, 5); e[4] = K * (e[16] = (i += y - x) - (j = i + N5 - N5));
    h[6] = (r += y + x) - (s = r + N5 - N5);
    x = c(m, p, 6); y = c(n, q, 6); e[5] = K * (e[17] = (j += y - x) - (i = j + N6 - N6));
    h[5] = (s += y + x) - (r = s + N6 - N6);
    x = c(m, p, 7); y = c(n, q, 7); e[6] = K * (e[18] = (i += y - x) - (j = i + N7 - N7));
    h[4] = (r += y + x) - (s = r + N7 - N7);
    x = c(m, p, 8); y = c(n, q, 8); e[7] = K * (e[19] = (j += y - x) - (i = j + N8 - N8));
    h[3] = (s += y + x) - (r = s + N8 - N8);
    x = c(m, p, 9); y = c(n, q, 9); e[8] = K * (e[20] = (i += y - x) - (j = i + N9 - N9));
    h[2] = (r += y + x) - (s = r + N9 - N9);
    x = c(m, p, 10); y = c(n, q, 10); e[9] = K * (e[21] = (j += y - x) - (i = j + NA - NA));
    h[1] = (s += y + x) - (r = s + NA - NA);
    l += i - o; e[10] = K * (e[22] = l - (j = l + NB - NB)); e[11] = u + K * j;
    a += r - v; h[0] = a - (s = a + NB - NB); h[11] = w + K * s;
    a = c(d, t, 11); s = K * (v = a + NB - NB); w = (s += c(d, t, 0)) - (r = s + N0 - N0);
    x = (r += c(d, t, 1)) - (s = r + N1 - N1); f[10] = (y = g0 * z[12]) - x; g[0] = K * (g[12] = y + x);
    x = (s += c(d, t, 2)) - (r = s + N2 - N2); f[9] = (y = g0 * z[13]) - x; g[1] = K * (g[13] = y + x);
    x = (r += c(d, t, 3)) - (s = r + N3 - N3); f[8] = (y = g0 * z[14]) - x; g[2] = K * (g[14] = y + x);
    x = (s += c(d, t, 4)) - (r = s + N4 - N4); f[7] = (y = g0 * z[15]) - x; g[3] = K * (g[15] = y + x);
    x = (r += c(d, t, 5)) - (s = r + N5 - N5); f[6] = (y = g0 * z[16]) - x; g[4] = K * (g[16] = y + x);
    x = (s += c(d, t, 6)) - (r = s + N6 - N6); f[5] = (y = g0 * z[17]) - x; g[5] = K * (g[17] = y + x);
    x = (r += c(d, t, 7)) - (s = r + N7 - N7); f[4] = (y = g0 * z[18]) - x; g[6] = K * (g[18] = y + x);
    x = (s += c(d, t, 8)) - (r = s + N8 - N8); f[3] = (y = g0 * z[19]) - x; g[7] = K * (g[19] = y + x);
    x = (r += c(d, t, 9)) - (s = r + N9 - N9); f[2] = (y = g0 * z[20]) - x; g[8] = K * (g[20] = y + x);
    x = (s += c(d, t, 10)) - (r = s + NA - NA); f[1] = (y = g0 * z[21]) - x; g[9] = K * (g[21] = y + x);
    a += r - v; x = a - (s = a + NB - NB); f[0] = (y = g0 * z[22]) - x; g[10] = K * (g[22] = y + x);
    x = w + K * s; f[11] = (y = g0 * z[11]) - x; g[11] = y + x;
  }

  /** p and q, without what double() needs. */
  function addSecond(): void {
    x = c(f, e, 11); y = c(h, g, 11);
    l = y - x; j = K * (o = l + QB - QB);
    a = y + x; s = K * (v = a + QB - QB);
    x = c(f, e, 0); y = c(h, g, 0); u = (j += y - x) - (i = j + Q0 - Q0); w = (s += y + x) - (r = s + Q0 - Q0);
    x = c(f, e, 1); y = c(h, g, 1); p[0] = K * (p[12] = (i += y - x) - (j = i + Q1 - Q1));
    q[0] = K * (q[12] = (r += y + x) - (s = r + Q1 - Q1));
    x = c(f, e, 2); y = c(h, g, 2); p[1] = K * (p[13] = (j += y - x) - (i = j + Q2 - Q2));
    q[1] = K * (q[13] = (s += y + x) - (r = s + Q2 - Q2));
    x = c(f, e, 3); y = c(h, g, 3); p[2] = K * (p[14] = (i += y - x) - (j = i + Q3 - Q3));
    q[2] = K * (q[14] = (r += y + x) - (s = r + Q3 - Q3));
    x = c(f, e, 4); y = c(h, g, 4); p[3] = K * (p[15] = (j += y - x) - (i = j + Q4 - Q4));
    q[3] = K * (q[15] = (s += y + x) - (r = s + Q4 - Q4));
    x = c(f, e, 5); y = c(h, g, 5); p[4] = K * (p[16] = (i += y - x) - (j = i + Q5 - Q5));
    q[4] = K * (q[16] = (r += y + x) - (s = r + Q5 - Q5));
    x = c(f, e, 6); y = c(h, g, 6); p[5] = K * (p[17] = (j += y - x) - (i = j + Q6 - Q6));
    q[5] = K * (q[17] = (s += y + x) - (r = s + Q6 - Q6));
    x = c(f, e, 7); y = c(h, g, 7); p[6] = K * (p[18] = (i += y - x) - (j = i + Q7 - Q7));
    q[6] = K * (q[18] = (r += y + x) - (s = r + Q7 - Q7));
    x = c(f, e, 8); y = c(h, g, 8); p[7] = K * (p[19] = (j += y - x) - (i = j + Q8 - Q8));
    q[7] = K * (q[19] = (s += y + x) - (r = s + Q8 - Q8));
    x = c(f, e, 9); y = c(h, g, 9); p[8] = K * (p[20] = (i += y - x) - (j = i + Q9 - Q9));
    q[8] = K * (q[20] = (r += y + x) - (s = r + Q9 - Q9));
    x = c(f, e, 10); y = c(h, g, 10); p[9] = K * (p[21] = (j += y - x) - (i = j + QA - QA));
    q[9] = K * (q[21] = (s += y + x) - (r = s + QA - QA));
    l += i - o; p[10] = K * (p[22] = l - (j = l + QB - QB)); p[11] = u + K * j;
    a += r - v; q[10] = K * (q[22] = a - (s = a + QB - QB)); q[11] = w + K * s;
  }

  /** T = E H. */
  function extend(): void {
    a = c(h, e, 11); s = K * (v = a + QB - QB); w = (s += c(h, e, 0)) - (r = s + Q0 - Q0);
    t[0] = K * (t[12] = (r += c(h, e, 1)) - (s = r + Q1 - Q1));
    t[1] = K * (t[13] = (s += c(h, e, 2)) - (r = s + Q2 - Q2));
    t[2] = K * (t[14] = (r += c(h, e, 3)) - (s = r + Q3 - Q3));
    t[3] = K * (t[15] = (s += c(h, e, 4)) - (r = s + Q4 - Q4));
    t[4] = K * (t[16] = (r += c(h, e, 5)) - (s = r + Q5 - Q5));
    t[5] = K * (t[17] = (s += c(h, e, 6)) - (r = s + Q6 - Q6));
    t[6] = K * (t[18] = (r += c(h, e, 7)) - (s = r + Q7 - Q7));
    t[7] = K * (t[19] = (s += c(h, e, 8)) - (r = s + Q8 - Q8));
    t[8] = K * (t[20] = (r += c(h, e, 9)) - (s = r + Q9 - Q9));
    t[9] = K * (t[21] = (s += c(h, e, 10)) - (r = s + QA - QA));
    a += r - v; t[10] = K * (t[22] = a - (s = a + QB - QB)); t[11] = w + K * s;
  }

  /** Z = F G; the wrapped part is made by prepare(), if at all. */
  function addThird(): void {
    a = c(f, g, 11); s = K * (v = a + QB - QB); w = (s += c(f, g, 0)) - (r = s + Q0 - Q0);
    z[12] = (r += c(f, g, 1)) - (s = r + Q1 - Q1); z[13] = (s += c(f, g, 2)) - (r = s + Q2 - Q2);
    z[14] = (r += c(f, g, 3)) - (s = r + Q3 - Q3); z[15] = (s += c(f, g, 4)) - (r = s + Q4 - Q4);
    z[16] = (r += c(f, g, 5)) - (s = r + Q5 - Q5); z[17] = (s += c(f, g, 6)) - (r = s + Q6 - Q6);
    z[18] = (r += c(f, g, 7)) - (s = r + Q7 - Q7); z[19] = (s += c(f, g, 8)) - (r = s + Q8 - Q8);
    z[20] = (r += c(f, g, 9)) - (s = r + Q9 - Q9); z[21] = (s += c(f, g, 10)) - (r = s + QA - QA);
    a += r - v; z[22] = a - (s = a + QB - QB); z[11] = w + K * s;
  }

  /** The product goes through zf, because its operand must not change on the way. */
  function timesZ(z2: Numbers): void {
    a = c(z2, z, 11); s = K * (v = a + NB - NB); w = (s += c(z2, z, 0)) - (r = s + N0 - N0);
    zf[1] = (r += c(z2, z, 1)) - (s = r + N1 - N1); zf[2] = (s += c(z2, z, 2)) - (r = s + N2 - N2);
    zf[3] = (r += c(z2, z, 3)) - (s = r + N3 - N3); zf[4] = (s += c(z2, z, 4)) - (r = s + N4 - N4);
    zf[5] = (r += c(z2, z, 5)) - (s = r + N5 - N5); zf[6] = (s += c(z2, z, 6)) - (r = s + N6 - N6);
    zf[7] = (r += c(z2, z, 7)) - (s = r + N7 - N7); zf[8] = (s += c(z2, z, 8)) - (r = s + N8 - N8);
    zf[9] = (r += c(z2, z, 9)) - (s = r + N9 - N9); zf[10] = (s += c(z2, z, 10)) - (r = s + NA - NA);
    a += r - v; zf[11] = a - (s = a + NB - NB); zf[0] = w + K * s;
    z.set(zf, 11);
  }

  function add(m: Numbers, n: Numbers, d: Numbers, scale: number): void {
    g0 = scale;
    addFirst(m, n, d);
    addSecond();
    extend();
    addThird();
  }

  function prepare(): void {
    pf[11] = A * p[11];
    qf[11] = A * q[11];
    zf[11] = A * z[11];
    for (let k = 1; k < 12; k++) {
      pf[11 - k] = A * p[11 + k];
      qf[11 - k] = A * q[11 + k];
      z[k - 1] = KA * (zf[11 - k] = A * z[11 + k]);
    }
  }

  /** E = q^2 - p^2, H = q^2 + p^2, G = 2 p q, F = 4 Z^2 - G: twice the paper's, H and F negated. */
  function doubleFirst(): void {
    x = c(pf, p, 11); y = c(qf, q, 11);
    l = y - x; j = K * (o = l + NB - NB);
    a = y + x; s = K * (v = a + NB - NB);
    x = c(pf, p, 0); y = c(qf, q, 0); u = (j += y - x) - (i = j + N0 - N0); w = (s += y + x) - (r = s + N0 - N0);
    x = c(pf, p, 1); y = c(qf, q, 1); e[0] = K * (e[12] = (i += y - x) - (j = i + N1 - N1));
    h[10] = (r += y + x) - (s = r + N1 - N1);
    x = c(pf, p, 2); y = c(qf, q, 2); e[1] = K * (e[13] = (j += y - x) - (i = j + N2 - N2));
    h[9] = (s += y + x) - (r = s + N2 - N2);
    x = c(pf, p, 3); y = c(qf, q, 3); e[2] = K * (e[14] = (i += y - x) - (j = i + N3 - N3));
    h[8] = (r += y + x) - (s = r + N3 - N3);
    x = c(pf, p, 4); y = c(qf, q, 4); e[3] = K * (e[15] = (j += y - x) - (i = j + N4 - N4));
    h[7] = (s += y + x) - (r = s + N4 - N4);
    x = c(pf, p, 5); y = c(qf, q, 5); e[4] = K * (e[16] = (i += y - x) - (j = i + N5 - N5));
    h[6] = (r += y + x) - (s = r + N5 - N5);
    x = c(pf, p, 6); y = c(qf, q, 6); e[5] = K * (e[17] = (j += y - x) - (i = j + N6 - N6));
    h[5] = (s += y + x) - (r = s + N6 - N6);
    x = c(pf, p, 7); y = c(qf, q, 7); e[6] = K * (e[18] = (i += y - x) - (j = i + N7 - N7));
    h[4] = (r += y + x) - (s = r + N7 - N7);
    x = c(pf, p, 8); y = c(qf, q, 8); e[7] = K * (e[19] = (j += y - x) - (i = j + N8 - N8));
    h[3] = (s += y + x) - (r = s + N8 - N8);
    x = c(pf, p, 9); y = c(qf, q, 9); e[8] = K * (e[20] = (i += y - x) - (j = i + N9 - N9));
    h[2] = (r += y + x) - (s = r + N9 - N9);
    x = c(pf, p, 10); y = c(qf, q, 10); e[9] = K * (e[21] = (j += y - x) - (i = j + NA - NA));
    h[1] = (s += y + x) - (r = s + NA - NA);
    l += i - o; e[10] = K * (e[22] = l - (j = l + NB - NB)); e[11] = u + K * j;
    a += r - v; h[0] = a - (s = a + NB - NB); h[11] = w + K * s;
    x = c(pf, q, 11); y = c(zf, z, 11);
    l = x + x; j = K * (o = l + NB - NB);
    a = 4 * y - x - x; s = K * (v = a + NB - NB);
    x = c(pf, q, 0); y = c(zf, z, 0); u = (j += x + x) - (i = j + N0 - N0); w = (s += 4 * y - x - x) - (r = s + N0 - N0);
    x = c(pf, q, 1); y = c(zf, z, 1); g[0] = K * (g[12] = (i += x + x) - (j = i + N1 - N1));
    f[10] = (r += 4 * y - x - x) - (s = r + N1 - N1);
    x = c(pf, q, 2); y = c(zf, z, 2); g[1] = K * (g[13] = (j += x + x) - (i = j + N2 - N2));
    f[9] = (s += 4 * y - x - x) - (r = s + N2 - N2);
    x = c(pf, q, 3); y = c(zf, z, 3); g[2] = K * (g[14] = (i += x + x) - (j = i + N3 - N3));
    f[8] = (r += 4 * y - x - x) - (s = r + N3 - N3);
    x = c(pf, q, 4); y = c(zf, z, 4); g[3] = K * (g[15] = (j += x + x) - (i = j + N4 - N4));
    f[7] = (s += 4 * y - x - x) - (r = s + N4 - N4);
    x = c(pf, q, 5); y = c(zf, z, 5); g[4] = K * (g[16] = (i += x + x) - (j = i + N5 - N5));
    f[6] = (r += 4 * y - x - x) - (s = r + N5 - N5);
    x = c(pf, q, 6); y = c(zf, z, 6); g[5] = K * (g[17] = (j += x + x) - (i = j + N6 - N6));
    f[5] = (s += 4 * y - x - x) - (r = s + N6 - N6);
    x = c(pf, q, 7); y = c(zf, z, 7); g[6] = K * (g[18] = (i += x + x) - (j = i + N7 - N7));
    f[4] = (r += 4 * y - x - x) - (s = r + N7 - N7);
    x = c(pf, q, 8); y = c(zf, z, 8); g[7] = K * (g[19] = (j += x + x) - (i = j + N8 - N8));
    f[3] = (s += 4 * y - x - x) - (r = s + N8 - N8);
    x = c(pf, q, 9); y = c(zf, z, 9); g[8] = K * (g[20] = (i += x + x) - (j = i + N9 - N9));
    f[2] = (r += 4 * y - x - x) - (s = r + N9 - N9);
    x = c(pf, q, 10); y = c(zf, z, 10); g[9] = K * (g[21] = (j += x + x) - (i = j + NA - NA));
    f[1] = (s += 4 * y - x - x) - (r = s + NA - NA);
    l += i - o; g[10] = K * (g[22] = l - (j = l + NB - NB)); g[11] = u + K * j;
    a += r - v; f[0] = a - (s = a + NB - NB); f[11] = w + K * s;
  }

  /** p, q and z with their flat copies. */
  function doubleSecond(): void {
    x = c(f, e, 11); y = c(h, g, 11);
    l = y - x; j = K * (o = l + QB - QB);
    a = y + x; s = K * (v = a + QB - QB);
    x = c(f, e, 0); y = c(h, g, 0); u = (j += y - x) - (i = j + Q0 - Q0); w = (s += y + x) - (r = s + Q0 - Q0);
    x = c(f, e, 1); y = c(h, g, 1); p[0] = KA * (pf[10] = A * (p[12] = (i += y - x) - (j = i + Q1 - Q1)));
    q[0] = KA * (qf[10] = A * (q[12] = (r += y + x) - (s = r + Q1 - Q1)));
    x = c(f, e, 2); y = c(h, g, 2); p[1] = KA * (pf[9] = A * (p[13] = (j += y - x) - (i = j + Q2 - Q2)));
    q[1] = KA * (qf[9] = A * (q[13] = (s += y + x) - (r = s + Q2 - Q2)));
    x = c(f, e, 3); y = c(h, g, 3); p[2] = KA * (pf[8] = A * (p[14] = (i += y - x) - (j = i + Q3 - Q3)));
    q[2] = KA * (qf[8] = A * (q[14] = (r += y + x) - (s = r + Q3 - Q3)));
    x = c(f, e, 4); y = c(h, g, 4); p[3] = KA * (pf[7] = A * (p[15] = (j += y - x) - (i = j + Q4 - Q4)));
    q[3] = KA * (qf[7] = A * (q[15] = (s += y + x) - (r = s + Q4 - Q4)));
    x = c(f, e, 5); y = c(h, g, 5); p[4] = KA * (pf[6] = A * (p[16] = (i += y - x) - (j = i + Q5 - Q5)));
    q[4] = KA * (qf[6] = A * (q[16] = (r += y + x) - (s = r + Q5 - Q5)));
    x = c(f, e, 6); y = c(h, g, 6); p[5] = KA * (pf[5] = A * (p[17] = (j += y - x) - (i = j + Q6 - Q6)));
    q[5] = KA * (qf[5] = A * (q[17] = (s += y + x) - (r = s + Q6 - Q6)));
    x = c(f, e, 7); y = c(h, g, 7); p[6] = KA * (pf[4] = A * (p[18] = (i += y - x) - (j = i + Q7 - Q7)));
    q[6] = KA * (qf[4] = A * (q[18] = (r += y + x) - (s = r + Q7 - Q7)));
    x = c(f, e, 8); y = c(h, g, 8); p[7] = KA * (pf[3] = A * (p[19] = (j += y - x) - (i = j + Q8 - Q8)));
    q[7] = KA * (qf[3] = A * (q[19] = (s += y + x) - (r = s + Q8 - Q8)));
    x = c(f, e, 9); y = c(h, g, 9); p[8] = KA * (pf[2] = A * (p[20] = (i += y - x) - (j = i + Q9 - Q9)));
    q[8] = KA * (qf[2] = A * (q[20] = (r += y + x) - (s = r + Q9 - Q9)));
    x = c(f, e, 10); y = c(h, g, 10); p[9] = KA * (pf[1] = A * (p[21] = (j += y - x) - (i = j + QA - QA)));
    q[9] = KA * (qf[1] = A * (q[21] = (s += y + x) - (r = s + QA - QA)));
    l += i - o; p[10] = KA * (pf[0] = A * (p[22] = l - (j = l + QB - QB))); pf[11] = A * (p[11] = u + K * j);
    a += r - v; q[10] = KA * (qf[0] = A * (q[22] = a - (s = a + QB - QB))); qf[11] = A * (q[11] = w + K * s);
    a = c(f, g, 11); s = K * (v = a + QB - QB); w = (s += c(f, g, 0)) - (r = s + Q0 - Q0);
    z[0] = KA * (zf[10] = A * (z[12] = (r += c(f, g, 1)) - (s = r + Q1 - Q1)));
    z[1] = KA * (zf[9] = A * (z[13] = (s += c(f, g, 2)) - (r = s + Q2 - Q2)));
    z[2] = KA * (zf[8] = A * (z[14] = (r += c(f, g, 3)) - (s = r + Q3 - Q3)));
    z[3] = KA * (zf[7] = A * (z[15] = (s += c(f, g, 4)) - (r = s + Q4 - Q4)));
    z[4] = KA * (zf[6] = A * (z[16] = (r += c(f, g, 5)) - (s = r + Q5 - Q5)));
    z[5] = KA * (zf[5] = A * (z[17] = (s += c(f, g, 6)) - (r = s + Q6 - Q6)));
    z[6] = KA * (zf[4] = A * (z[18] = (r += c(f, g, 7)) - (s = r + Q7 - Q7)));
    z[7] = KA * (zf[3] = A * (z[19] = (s += c(f, g, 8)) - (r = s + Q8 - Q8)));
    z[8] = KA * (zf[2] = A * (z[20] = (r += c(f, g, 9)) - (s = r + Q9 - Q9)));
    z[9] = KA * (zf[1] = A * (z[21] = (s += c(f, g, 10)) - (r = s + QA - QA)));
    a += r - v; z[10] = KA * (zf[0] = A * (z[22] = a - (s = a + QB - QB))); zf[11] = A * (z[11] = w + K * s);
  }

  function double(): void {
    doubleFirst();
    doubleSecond();
  }

  return { p, q, t, z, add, timesZ, prepare, double, extend };
}
