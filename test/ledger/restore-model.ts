/**
 * A small model of houses that are restored, searched breadth first: two tokens, two shops with their bridges (the
 * first is the desk as well), one house or two, and at most one dishonest party. What the houses decide comes from
 * ledger/rules-restore.ts. Every amount is one unit, time is counted in half windows.
 *
 * In each state that can be reached, what must hold at once is looked at; then a copy of the state is settled: all
 * honest parties come by until nothing changes, and what must hold in the end is looked at. So "every holder has come
 * by" needs no fairness in the search.
 *
 * Left out: several acts in one batch, keys and their rotation, the deny list's versions (their union is monotonic),
 * and messages that are altered (signatures).
 */
import * as RULES from '../../host-bridge/ledger/rules-restore.js';

/** How cash is issued, as in the scheme table: schemes 1; 2; 3 and 5; 4 and 6. */
export type Issue = 'direct' | 'coupon' | 'sealed' | 'keyed';

/** What of an answer is lost: nothing, all of it, or its way from the desk to the token. */
type Lost = null | 'reply' | 'token';
const LOST: Lost[] = [null, 'reply', 'token'];

export type Dishonest = 'shop' | 'owner' | null;

/** What can happen at most in one search. */
export interface Bounds {
  issue: Issue;
  /** Token of each withdrawal. */
  withdrawals: number[];
  /** Token and shop of each payment. */
  payments: [number, number][];
  /** Payment of each refund. */
  refunds: number[];
  /** Restores of the house that keeps the accounts, and of the issuer where that is another one. */
  restores: [number, number];
  /** How often a bridge may lose its database. */
  bridgeLosses: number;
  /** Half windows that may pass. */
  time: number;
  /** Replies may be lost. */
  losses: boolean;
  dishonest: Dishonest;
  /** What each owner's account holds at the start. */
  funded: number;
}

/** The books of a house; in scheme 1 one house has all of it. */
interface Book {
  abc: number[];
  shop: number[];
  /** Withdrawals: 0, 1 drawn, 2 with the issuer's reply. */
  wd: number[];
  dep: number[];
  stone: number[];
  /** Claims: 0, else the time of opening plus 1; and how they were granted. */
  claim: number[];
  granted: number[];
  refund: number[];
  /** The issuer's side: receipt numbers of withdrawals, refunds and claims; histories returned. */
  iss: number[];
  rfn: number[];
  rec: number[];
  ret: number[];
  ebc: number[];
  next: number[];
  loss: number;
  epoch: number;
  restored: number;
  recovering: number;
  /** Peers that have said "nothing more", and tokens that have visited: bits. */
  said: number;
  visited: number;
}

interface Token {
  bal: number;
  last: number;
  epoch: number;
  /** Origins of receipts taken: bits; and the receipts that are kept: number of each origin, 0 for none. */
  origins: number;
  kept: number[];
  /** Claims whose receipt says that the shop had been heard: bits. */
  heard: number;
  /** The withdrawal that waits, or -1. */
  pending: number;
  /** How often a clone may still pay with the same money. */
  clones: number;
}

export interface State {
  now: number;
  tokens: Token[];
  /** Payments at the token: 0, 1 signed, 2 acknowledged, 3 come back. */
  debit: number[];
  time: number[];
  /** At the shop: the charge is open, H is there, and the signed replies that its bridge keeps. */
  open: number[];
  h: number[];
  okDep: number[];
  stone: number[];
  okStone: number[];
  okRefund: number[];
  askedRefund: number[];
  /** At the desk: signed replies to withdrawals. Coupons on tokens: 0, 1 held, 2 redeemed. */
  okWd: number[];
  coupon: number[];
  /** The houses: one in scheme 1, else accounts and issuer; and their newest backups. */
  a: Book;
  i: Book | null;
  backupA: Book;
  backupI: Book | null;
  restores: number[];
  bridgeLosses: number;
}

/** What was found wrong, with the state that shows it. */
class Broken extends Error {
  constructor(
    what: string,
    readonly state: State,
  ) {
    super(what);
  }
}

/** A copy that shares nothing. Lists of numbers and records of them are all that a state is made of. */
function copyBook(book: Book): Book {
  const copy: Record<string, number | number[]> = {};
  for (const [name, value] of Object.entries(book) as [string, number | number[]][])
    copy[name] = typeof value === 'number' ? value : value.slice();
  return copy as unknown as Book;
}

function copyState(s: State): State {
  const copy = { ...s };
  for (const name of ['debit', 'time', 'open', 'h', 'okDep', 'stone', 'okStone', 'okRefund'] as const)
    copy[name] = s[name].slice();
  for (const name of ['askedRefund', 'okWd', 'coupon', 'restores'] as const) copy[name] = s[name].slice();
  copy.tokens = s.tokens.map((token) => ({ ...token, kept: token.kept.slice() }));
  copy.a = copyBook(s.a);
  copy.backupA = copyBook(s.backupA);
  copy.i = s.i && copyBook(s.i);
  copy.backupI = s.backupI && copyBook(s.backupI);
  return copy;
}

/** Adds the numbers of a state, in their order. */
function addNumbers(value: unknown, numbers: number[]): void {
  if (typeof value === 'number') numbers.push(value + 64);
  else if (Array.isArray(value)) for (let i = 0; i < value.length; i++) addNumbers(value[i], numbers);
  else if (value !== null) for (const name in value as object) addNumbers((value as never)[name], numbers);
}

/** A text that two states have in common only when they are the same; numbers are between -64 and 64,000. */
function keyOf(value: unknown): string {
  const numbers: number[] = [];
  addNumbers(value, numbers);
  return String.fromCharCode(...numbers);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const zeros = (n: number): number[] => range(n).map(() => 0);
const has = (bits: number, index: number): boolean => ((bits >> index) & 1) === 1;

/** Half windows until a claim's window is over. */
const WINDOW = 2;

/** The rules that the houses and tokens of a model follow. */
export type Rules = typeof RULES;

/** A move: its name, and what it does; false where it cannot be made or changes nothing. */
type Move = [string, (s: State) => boolean];

/** The model over some bounds: its first state, its moves, and what must hold. */
class Model {
  private readonly withdrawals: number[];
  private readonly payments: [number, number][];
  private readonly refunds: number[];
  private readonly issue: Issue;
  private readonly dishonest: Dishonest;
  private readonly direct: boolean;
  private readonly W: number;
  private readonly P: number;
  private readonly F: number;

  constructor(
    private readonly bounds: Bounds,
    private readonly rules: Rules,
  ) {
    ({ withdrawals: this.withdrawals, payments: this.payments, refunds: this.refunds } = bounds);
    ({ issue: this.issue, dishonest: this.dishonest } = bounds);
    this.direct = bounds.issue === 'direct';
    this.W = bounds.withdrawals.length;
    this.P = bounds.payments.length;
    this.F = bounds.refunds.length;
  }

  private readonly originOfRefund = (f: number): number => this.W + f;
  private readonly originOfClaim = (p: number): number => this.W + this.F + p;
  private readonly ownerOfOrigin = (origin: number): number => {
    if (origin < this.W) return this.withdrawals[origin]!;
    const payment = origin < this.W + this.F ? this.refunds[origin - this.W]! : origin - this.W - this.F;
    return this.payments[payment]![0];
  };

  emptyBook(): Book {
    return {
      abc: [this.bounds.funded, this.bounds.funded],
      shop: [0, 0],
      wd: zeros(this.W),
      dep: zeros(this.P),
      stone: zeros(this.P),
      claim: zeros(this.P),
      granted: zeros(this.P),
      refund: zeros(this.F),
      iss: zeros(this.W),
      rfn: zeros(this.F),
      rec: zeros(this.P),
      ret: zeros(this.P),
      ebc: [0, 0],
      next: [1, 1],
      loss: 0,
      epoch: 1,
      restored: 0,
      recovering: 0,
      said: 0,
      visited: 3,
    };
  }

  first(): State {
    const token = (clones: number): Token => ({
      bal: 0,
      last: 0,
      epoch: 1,
      origins: 0,
      kept: zeros(this.W + this.F + this.P),
      heard: 0,
      pending: -1,
      clones,
    });
    return {
      now: 0,
      tokens: [token(this.dishonest === 'owner' ? 1 : 0), token(0)],
      debit: zeros(this.P),
      time: zeros(this.P),
      open: zeros(this.P),
      h: zeros(this.P),
      okDep: zeros(this.P),
      stone: zeros(this.P),
      okStone: zeros(this.P),
      okRefund: zeros(this.F),
      askedRefund: zeros(this.F),
      okWd: zeros(this.W),
      coupon: zeros(this.W),
      a: this.emptyBook(),
      i: this.direct ? null : this.emptyBook(),
      backupA: this.emptyBook(),
      backupI: this.direct ? null : this.emptyBook(),
      restores: [...this.bounds.restores],
      bridgeLosses: this.bounds.bridgeLosses,
    };
  }

  private readonly issuerOf = (s: State): Book => s.i ?? s.a;
  private readonly turn = (book: Book, token: number) =>
    this.rules.turnOfSet({ restored: book.restored === 1, visited: has(book.visited, token) });
  /** Peers: bridges 0 and 1; of two houses the other one is peer 2. */
  private readonly peersOf = (): number[] => (this.direct ? [0, 1] : [0, 1, 2]);
  private readonly isHonest = (peer: number): boolean => !(this.dishonest === 'shop' && peer === 1);
  private readonly ownerIsHonest = (token: number): boolean => !(this.dishonest === 'owner' && token === 0);

  // --- The issuer gives receipts, the token takes them.

  give(s: State, origin: number, own = 0): number {
    const book = this.issuerOf(s);
    const token = this.ownerOfOrigin(origin);
    const numbers = [...book.iss, ...book.rfn, ...book.rec];
    const isTaken = own > 0 && numbers.some((number, at) => number === own && this.ownerOfOrigin(at) === token);
    const number = own > 0 ? this.rules.numberOfReplay({ own, isTaken, next: book.next[token]! }) : book.next[token]!;
    if (origin < this.W) book.iss[origin] = number;
    else if (origin < this.W + this.F) book.rfn[origin - this.W] = number;
    else book.rec[origin - this.W - this.F] = number;
    book.next[token] = Math.max(book.next[token]!, number + 1);
    if (origin < this.W + this.F) book.ebc[token]!++;
    return number;
  }

  numberOf(book: Book, origin: number): number {
    return (
      origin < this.W
        ? book.iss[origin]
        : origin < this.W + this.F
          ? book.rfn[origin - this.W]
          : book.rec[origin - this.W - this.F]
    )!;
  }

  /** The token fetches what it missed, in order. A receipt of a restored line is signed in the present epoch. */
  fetch(s: State, t: number): boolean {
    const token = s.tokens[t]!;
    const book = this.issuerOf(s);
    if (this.turn(book, t) === 'wait') return false;
    let took = false;
    for (;;) {
      const origin = range(this.W + this.F + this.P).find(
        (each) => this.ownerOfOrigin(each) === t && this.numberOf(book, each) === token.last + 1,
      );
      if (origin === undefined) return took;
      const ruling = this.rules.ruleReceipt({
        epoch: book.epoch,
        tokenEpoch: token.epoch,
        number: token.last + 1,
        lastNumber: token.last,
        originKnown: has(token.origins, origin),
      });
      if (ruling !== 'OK' && ruling !== 'ORIGIN_KNOWN') return took;
      token.last++;
      took = true;
      token.kept[origin] = token.last;
      if (ruling === 'ORIGIN_KNOWN') continue;
      token.origins |= 1 << origin;
      token.bal++;
      if (origin < this.W && token.pending === origin) token.pending = -1;
      if (origin < this.W && s.coupon[origin] === 1) s.coupon[origin] = 2;
      if (origin < this.W + this.F) continue;
      s.debit[origin - this.W - this.F] = 3;
      if (s.a.granted[origin - this.W - this.F] === 1) token.heard |= 1 << (origin - this.W - this.F);
    }
  }

  // --- Withdrawals.

  draw(s: State, w: number): boolean {
    const { a } = s;
    const owner = this.withdrawals[w]!;
    if (a.wd[w]! > 0) return true;
    const said = (peer: number): boolean => has(a.said, peer);
    if (!this.rules.mayBankDraw({ restored: a.restored === 1, issuerSaid: said(2), desksSaid: said(0) })) return false;
    if (a.abc[owner]! < 1) return false;
    a.abc[owner]!--;
    a.wd[w] = 1;
    return true;
  }

  /** The issuer books a request, or answers a repetition. */
  issueReceipt(s: State, w: number): boolean {
    const book = this.issuerOf(s);
    const t = this.withdrawals[w]!;
    if (book.iss[w]! > 0) return true;
    if (this.turn(book, t) === 'wait') return false;
    const token = s.tokens[t]!;
    // The request names the next number: a token that missed receipts fetches them first.
    if (token.last + 1 !== book.next[t]!) return false;
    if (this.issue === 'keyed') {
      const early = range(w).find((each) => this.withdrawals[each] === t && s.a.wd[each]! > 0 && book.iss[each] === 0);
      if (early !== undefined) throw new Broken(`withdrawal ${w} reached the issuer before ${early} of its KID`, s);
    }
    this.give(s, w);
    return true;
  }

  withdraw(s: State, w: number, lose: Lost): boolean {
    const t = this.withdrawals[w]!;
    const token = s.tokens[t]!;
    if (has(token.origins, w) || (token.pending !== -1 && token.pending !== w)) return false;
    const before = keyOf(s);
    token.pending = w;
    if (this.issue === 'coupon') return this.withdrawByCoupon(s, w, lose) || keyOf(s) !== before;
    if (this.direct) {
      const isNew = s.a.iss[w] === 0;
      if (isNew && (this.turn(s.a, t) === 'wait' || s.a.abc[t]! < 1)) return keyOf(s) !== before;
      if (!this.issueReceipt(s, w)) return keyOf(s) !== before;
      if (isNew) s.a.abc[t]!--;
      if (isNew) s.a.wd[w] = 2;
    } else {
      // A bank passes a KID's old requests on before a new one.
      if (this.issue === 'keyed' && !range(w).every((each) => this.withdrawals[each] !== t || this.passOn(s, each)))
        return false;
      if (!this.draw(s, w) || !this.issueReceipt(s, w)) return keyOf(s) !== before;
      s.a.wd[w] = 2;
    }
    if (lose !== 'reply') s.okWd[w] = Math.max(1, this.issuerOf(s).iss[w]!);
    if (lose === null) this.fetch(s, t);
    return keyOf(s) !== before;
  }

  /** What was drawn and has no reply yet goes to the issuer again. */
  passOn(s: State, w: number): boolean {
    if (this.direct || s.a.wd[w] !== 1 || this.issue === 'coupon') return true;
    const said = (peer: number): boolean => has(s.a.said, peer);
    if (!this.rules.mayBankDraw({ restored: s.a.restored === 1, issuerSaid: said(2), desksSaid: said(0) }))
      return false;
    if (!this.issueReceipt(s, w)) return false;
    s.a.wd[w] = 2;
    return true;
  }

  withdrawByCoupon(s: State, w: number, lose: Lost): boolean {
    if (s.coupon[w] === 0) {
      if (!this.draw(s, w)) return false;
      s.a.wd[w] = 2;
      if (lose !== 'reply') s.okWd[w] = 1;
      if (lose === null) s.coupon[w] = 1;
      return true;
    }
    if (!this.issueReceipt(s, w)) return false;
    if (lose === null) this.fetch(s, this.withdrawals[w]!);
    return true;
  }

  // --- Payments.

  /** A shop that keeps quiet has H, and tells neither its customer nor the house. */
  pay(s: State, p: number, way: 'whole' | 'torn' | 'quiet'): boolean {
    const [t] = this.payments[p]!;
    const token = s.tokens[t]!;
    if (s.debit[p] !== 0 || token.bal < 1) return false;
    if (token.clones > 0) token.clones--;
    else token.bal--;
    s.debit[p] = way === 'whole' ? 2 : 1;
    s.time[p] = s.now;
    s.h[p] = way === 'torn' ? 0 : 1;
    s.open[p] = way === 'torn' ? 1 : 0;
    return true;
  }

  tapAgain(s: State, p: number): boolean {
    if (s.debit[p] !== 1 || s.open[p] !== 1) return false;
    s.debit[p] = 2;
    s.h[p] = 1;
    s.open[p] = 0;
    return true;
  }

  cancel(s: State, p: number): boolean {
    if (s.open[p] !== 1 || s.h[p] === 1) return false;
    s.open[p] = 0;
    s.stone[p] = 1;
    return true;
  }

  deliver(s: State, p: number, lose: boolean): boolean {
    const { a } = s;
    const [t, shop] = this.payments[p]!;
    if (s.h[p] !== 1 || s.okDep[p] === 1) return false;
    if (a.dep[p] === 0) {
      if (a.stone[p] === 1 || a.granted[p]! > 0) return false;
      const facts = { restored: a.restored === 1, visited: has(a.visited, t) };
      if (this.rules.turnOfDeposit({ ...facts, timeS: s.time[p]!, nowS: s.now, windowS: WINDOW }) === 'wait')
        return false;
      if (a.claim[p]! > 0 && s.now >= a.claim[p]! - 1 + WINDOW && !a.restored) return false;
      a.dep[p] = 1;
      a.shop[shop]!++;
      if (this.direct) a.ebc[t]!--;
      if (this.direct) a.ret[p] = 1;
    }
    if (!lose) s.okDep[p] = 1;
    return true;
  }

  deliverStone(s: State, p: number, lose: boolean): boolean {
    if (s.stone[p] !== 1 || s.okStone[p] === 1 || s.a.dep[p] === 1) return false;
    s.a.stone[p] = 1;
    if (!lose) s.okStone[p] = 1;
    return true;
  }

  returnHistory(s: State, p: number): boolean {
    if (!s.i || s.a.dep[p] !== 1 || s.i.ret[p] === 1) return false;
    s.i.ret[p] = 1;
    s.i.ebc[this.payments[p]![0]]!--;
    return true;
  }

  claim(s: State, p: number, operatorGrants = false): boolean {
    const { a } = s;
    const [t, shop] = this.payments[p]!;
    if (s.debit[p] !== 1 || a.granted[p]! > 0) return a.granted[p]! > 0 && this.reconcile(s, p);
    if (a.dep[p] === 1) {
      s.debit[p] = 2;
      return true;
    }
    const isNew = a.claim[p] === 0;
    if (isNew) a.claim[p] = s.now + 1;
    const end = this.rules.endOfClaim({
      restored: a.restored === 1,
      visited: has(a.visited, t),
      due: s.now >= a.claim[p]! - 1 + WINDOW,
      buried: a.stone[p] === 1,
      heard: has(a.said, shop) && (this.direct || has(a.said, 2)),
      operatorGrants,
    });
    if (end === 'open') return isNew;
    a.granted[p] = end === 'heard' ? 1 : 2;
    this.reconcile(s, p);
    return true;
  }

  /** The issuer's receipt for a granted claim. */
  reconcile(s: State, p: number): boolean {
    const book = this.issuerOf(s);
    const t = this.payments[p]![0];
    if (this.turn(book, t) === 'wait') return false;
    const isNew = book.rec[p] === 0;
    if (isNew) this.give(s, this.originOfClaim(p));
    return this.fetch(s, t) || isNew;
  }

  refund(s: State, f: number, lose: boolean): boolean {
    const p = this.refunds[f]!;
    const [t, shop] = this.payments[p]!;
    const { a } = s;
    const book = this.issuerOf(s);
    if (s.okDep[p] !== 1 || s.okRefund[f] === 1) return false;
    if (book.rfn[f] === 0 || a.refund[f] === 0) {
      if (a.dep[p] !== 1 || book.ret[p] !== 1) return false;
      if (a.refund[f] === 0 && a.shop[shop]! < 1) return false;
      if (this.turn(a, t) === 'wait' || this.turn(book, t) === 'wait') return false;
    }
    s.askedRefund[f] = 1;
    if (a.refund[f] === 0) {
      a.refund[f] = 1;
      a.shop[shop]!--;
    }
    if (book.rfn[f] === 0) this.give(s, this.originOfRefund(f));
    if (!lose) s.okRefund[f] = 1;
    return true;
  }

  // --- Backup, restore, recovery.

  backUp(s: State, house: number): boolean {
    const book = house === 0 ? s.a : s.i;
    if (!book || book.recovering) return false;
    if (house === 0) s.backupA = copyBook(book);
    else s.backupI = copyBook(book);
    return true;
  }

  restore(s: State, house: number): boolean {
    if (s.restores[house]! < 1 || (house === 1 && !s.i)) return false;
    s.restores[house]!--;
    const present = house === 0 ? s.a : s.i!;
    const back = copyBook(house === 0 ? s.backupA : s.backupI!);
    Object.assign(back, { epoch: present.epoch + 1, restored: 1, recovering: 1, said: 0, visited: 0 });
    if (house === 0) s.a = back;
    else s.i = back;
    // The backup that was restored is the only one of the present line.
    if (house === 0) s.backupA = copyBook(back);
    else s.backupI = copyBook(back);
    return true;
  }

  /** A bridge's database is gone: with it the signed replies of its shop, and of the desk. The terminal keeps H. */
  loseBridge(s: State, peer: number): boolean {
    if (s.bridgeLosses < 1) return false;
    s.bridgeLosses--;
    for (const p of range(this.P).filter((each) => this.payments[each]![1] === peer)) s.okDep[p] = s.okStone[p] = 0;
    for (const f of range(this.F).filter((each) => this.payments[this.refunds[each]!]![1] === peer))
      s.okRefund[f] = s.askedRefund[f] = 0;
    if (peer === 0) s.okWd.fill(0);
    return true;
  }

  replayDeposit(book: Book, p: number, alsoCounter: boolean): void {
    if (book.dep[p] === 1) return;
    const [t, shop] = this.payments[p]!;
    const granted = book.granted[p]!;
    const ruling = this.rules.replayOfDeposit(granted === 0 ? null : granted === 1 ? 'heard' : 'unheard');
    if (ruling === 'void') return;
    book.dep[p] = 1;
    book.shop[shop]!++;
    if (ruling === 'bookAtLoss') book.loss++;
    else if (alsoCounter) book.ebc[t]!--;
    if (alsoCounter) book.ret[p] = 1;
  }

  /** A bridge sends the acts that it has signed replies for. */
  bridgeSends(s: State, peer: number): void {
    const { a } = s;
    for (const p of range(this.P).filter((each) => this.payments[each]![1] === peer)) {
      if (s.okDep[p] === 1) this.replayDeposit(a, p, this.direct);
      if (s.okStone[p] === 1) a.stone[p] = 1;
    }
    for (const f of range(this.F).filter((each) => this.payments[this.refunds[each]!]![1] === peer)) {
      if (s.okRefund[f] !== 1 || a.refund[f] === 1) continue;
      a.refund[f] = 1;
      a.shop[peer]!--;
      if (this.direct && a.rfn[f] === 0)
        this.give(s, this.originOfRefund(f), a.next[this.payments[this.refunds[f]!]![0]]!);
    }
    if (peer !== 0) return;
    for (const w of range(this.W)) {
      if (s.okWd[w] === 0 || a.wd[w]! > 0) continue;
      a.wd[w] = 2;
      a.abc[this.withdrawals[w]!]!--;
      if (this.direct && a.iss[w] === 0) this.give(s, w, s.okWd[w]!);
    }
  }

  /** Of two houses each gives the other back what it holds of it. */
  houseSends(s: State, to: number): void {
    const { a, i } = s;
    if (!i) return;
    for (const w of range(this.W)) {
      if (to === 0 && i.iss[w]! > 0 && a.wd[w]! < 2 && this.issue !== 'coupon') {
        if (a.wd[w] === 0) a.abc[this.withdrawals[w]!]!--;
        a.wd[w] = 2;
      }
      if (to === 1 && a.wd[w] === 2 && this.issue !== 'coupon' && i.iss[w] === 0)
        this.give(s, w, s.tokens[this.withdrawals[w]!]!.kept[w] || i.next[this.withdrawals[w]!]!);
    }
    for (const p of range(this.P)) {
      if (to === 0 && i.ret[p] === 1) this.replayDeposit(a, p, false);
      if (to === 0 && i.rec[p]! > 0 && a.granted[p] === 0 && a.dep[p] === 0) a.granted[p] = 1;
      if (to === 1 && a.granted[p]! > 0 && i.rec[p] === 0)
        this.give(s, this.originOfClaim(p), i.next[this.payments[p]![0]]!);
    }
    for (const f of range(this.F)) {
      if (to === 0 && i.rfn[f]! > 0 && a.refund[f] === 0) {
        a.refund[f] = 1;
        a.shop[this.payments[this.refunds[f]!]![1]]!--;
      }
      if (to === 1 && a.refund[f] === 1 && i.rfn[f] === 0)
        this.give(s, this.originOfRefund(f), i.next[this.payments[this.refunds[f]!]![0]]!);
    }
  }

  send(s: State, house: number, peer: number): boolean {
    const book = house === 0 ? s.a : s.i;
    // What comes after the end with a signed OK is still booked; a house says "nothing more" again after each booking.
    if (!book?.restored) return false;
    const before = keyOf(s);
    if (peer === 2) this.houseSends(s, house);
    else if (house === 0) this.bridgeSends(s, peer);
    book.said |= 1 << peer;
    if (!book.recovering) return keyOf(s) !== before;
    if (this.rules.isRecovered({ peers: this.peersOf().map((each) => has(book.said, each)), operatorReason: '' }))
      book.recovering = 0;
    return true;
  }

  end(s: State, house: number): boolean {
    const book = house === 0 ? s.a : s.i;
    if (!book?.recovering) return false;
    book.recovering = 0;
    return true;
  }

  /** The token shows its receipts: each is booked by the issuer's own signature, and it stores the epoch. */
  visit(s: State, t: number, hides = 0): boolean {
    const book = this.issuerOf(s);
    const token = s.tokens[t]!;
    if (!book.restored || has(book.visited, t)) return this.visitAccounts(s, t);
    const shown = range(this.W + this.F + this.P).filter((each) => token.kept[each]! > 0 && !has(hides, each));
    for (const origin of shown) {
      if (this.numberOf(book, origin) > 0) continue;
      this.give(s, origin, token.kept[origin]);
      if (origin < this.W && this.direct) {
        book.abc[t]!--;
        book.wd[origin] = 2;
      } else if (origin < this.W && this.issue !== 'coupon') {
        // The token keeps the bank's envelope beside the receipt: so the bank knows what it drew, whoever forgot it.
        if (s.a.wd[origin] === 0) s.a.abc[t]!--;
        s.a.wd[origin] = 2;
      } else if (origin >= this.W && origin < this.W + this.F && this.direct && book.refund[origin - this.W] === 0) {
        book.refund[origin - this.W] = 1;
        book.shop[this.payments[this.refunds[origin - this.W]!]![1]]!--;
      }
    }
    // What the token has taken under numbers that the book gave to others since then: those come again, later.
    for (const origin of range(this.W + this.F + this.P)) {
      const number = this.numberOf(book, origin);
      if (this.ownerOfOrigin(origin) !== t || number === 0 || number > token.last || token.kept[origin] === number)
        continue;
      if (has(token.origins, origin)) continue;
      const next = Math.max(book.next[t]!, token.last + 1);
      if (origin < this.W) book.iss[origin] = next;
      else if (origin < this.W + this.F) book.rfn[origin - this.W] = next;
      else book.rec[origin - this.W - this.F] = next;
      book.next[t] = next + 1;
    }
    book.next[t] = Math.max(book.next[t]!, token.last + 1);
    token.epoch = book.epoch;
    book.visited |= 1 << t;
    if (this.direct) this.bookClaims(s, t);
    this.visitAccounts(s, t);
    return true;
  }

  /** A receipt for a claim that the book does not have: a credit under it is reversed, or falls on `loss`. */
  bookClaims(s: State, t: number): void {
    const { a } = s;
    for (const p of range(this.P).filter((each) => this.payments[each]![0] === t && s.debit[each] === 3)) {
      if (a.granted[p]! > 0) continue;
      const heard = has(s.tokens[t]!.heard, p);
      a.granted[p] = heard ? 1 : 2;
      if (a.dep[p] === 0) continue;
      if (!heard) a.loss++;
      else {
        a.dep[p] = 0;
        a.shop[this.payments[p]![1]]!--;
      }
      const book = this.issuerOf(s);
      if (book.ret[p] === 1) {
        book.ret[p] = 0;
        book.ebc[t]!++;
      }
    }
  }

  /**
   * Of two houses the accounts' one learns of the visit from the issuer. With coupons the two know nothing of each
   * other's customer: there the token itself shows the blinded requests and signed replies that it keeps.
   */
  visitAccounts(s: State, t: number): boolean {
    if (!s.i || !s.a.restored || has(s.a.visited, t)) return false;
    if (this.issue !== 'coupon' && this.turn(s.i, t) === 'wait') return false;
    s.a.visited |= 1 << t;
    this.bookClaims(s, t);
    if (this.issue === 'coupon')
      for (const w of range(this.W).filter(
        (each) => this.withdrawals[each] === t && s.coupon[each]! > 0 && s.a.wd[each] === 0,
      )) {
        s.a.wd[w] = 2;
        s.a.abc[t]!--;
      }
    return true;
  }

  tick(s: State): boolean {
    // An honest bridge delivers within half a window; a terminal takes no charge that is older.
    for (const p of range(this.P)) {
      const shop = this.payments[p]![1];
      if (!this.isHonest(shop)) continue;
      if (s.open[p] === 1 && s.now - s.time[p]! >= 1) return false;
      if (s.h[p] === 1 && s.okDep[p] === 0 && s.a.dep[p] === 0 && s.a.granted[p] === 0) return false;
      if (s.stone[p] === 1 && s.okStone[p] === 0 && s.a.stone[p] === 0) return false;
    }
    if (s.now >= this.bounds.time) return false;
    s.now++;
    return true;
  }

  /** What honest parties do, and what surrounds them. */
  private honestMoves(): Move[] {
    const losses = this.bounds.losses ? [false, true] : [false];
    return [
      ...range(this.W).flatMap((w) =>
        (this.bounds.losses ? LOST : [null]).map((lose): Move => [
          `withdraw ${w}${lose ? `, lost: ${lose}` : ''}`,
          (s) => this.withdraw(s, w, lose),
        ]),
      ),
      ...[0, 1].map((t): Move => [`token ${t} fetches`, (s) => this.fetch(s, t)]),
      ...range(this.P).flatMap((p): Move[] => [
        [`pay ${p}`, (s) => this.pay(s, p, 'whole')],
        [`pay ${p}, torn`, (s) => this.pay(s, p, 'torn')],
        [`tap ${p} again`, (s) => this.tapAgain(s, p)],
        [`cancel ${p}`, (s) => this.cancel(s, p)],
        ...losses.map((lose): Move => [`deliver ${p}${lose ? ', reply lost' : ''}`, (s) => this.deliver(s, p, lose)]),
        [`tombstone ${p}`, (s) => this.deliverStone(s, p, false)],
        [`return ${p}`, (s) => this.returnHistory(s, p)],
        [`claim ${p}`, (s) => this.claim(s, p)],
      ]),
      ...range(this.F).flatMap((f) =>
        losses.map((lose): Move => [`refund ${f}${lose ? ', reply lost' : ''}`, (s) => this.refund(s, f, lose)]),
      ),
      ...[0, 1].flatMap((house): Move[] => [
        [`back up ${house}`, (s) => this.backUp(s, house)],
        [`restore ${house}`, (s) => this.restore(s, house)],
        ...this.peersOf().map((peer): Move => [`peer ${peer} sends to ${house}`, (s) => this.send(s, house, peer)]),
      ]),
      ...[0, 1].map((t): Move => [`token ${t} visits`, (s) => this.visit(s, t)]),
      ...[0, 1].map((peer): Move => [`bridge ${peer} is lost`, (s) => this.loseBridge(s, peer)]),
      ['time', (s) => this.tick(s)],
    ];
  }

  /**
   * A dishonest shop hides and buries what it was paid, or has an operator end the recovery without its word. A
   * dishonest owner hides receipts at her visit.
   */
  private dishonestMoves(): Move[] {
    if (this.dishonest === 'owner')
      return range(1 << (this.W + this.F)).map((hides): Move => [
        `token 0 visits, hides ${hides}`,
        (s) => hides > 0 && this.visit(s, 0, hides),
      ]);
    if (this.dishonest === null) return [];
    const paid = range(this.P).filter((p) => this.payments[p]![1] === 1);
    return [
      ...paid.map((p): Move => [`pay ${p}, shop keeps quiet`, (s) => this.pay(s, p, 'quiet')]),
      ...paid.map((p): Move => [`shop buries ${p}`, (s) => s.h[p] === 1 && s.stone[p] === 0 && (s.stone[p] = 1) > 0]),
      ['operator ends 0', (s) => this.end(s, 0)],
      ['operator ends 1', (s) => this.end(s, 1)],
    ];
  }

  /** Every move that the bounds have. */
  moves(): Move[] {
    return [...this.honestMoves(), ...this.dishonestMoves()];
  }

  // --- What must hold.

  /** At any time. */
  check(s: State): void {
    const book = this.issuerOf(s);
    for (const t of [0, 1]) {
      const naming = this.rules.namingOf({
        restored: book.restored === 1,
        visited: has(book.visited, t),
        ebc: book.ebc[t]!,
        licenseOver: false,
      });
      if (naming === 'named' && this.ownerIsHonest(t)) throw new Broken(`owner ${t} is named`, s);
    }
    for (const p of range(this.P))
      if (s.a.dep[p] === 1 && s.a.loss === 0 && s.debit[p] === 3 && this.turn(s.a, this.payments[p]![0]) === 'judge')
        throw new Broken(`payment ${p} is credited to the shop and back at its payer`, s);
  }

  /** Everybody honest comes by until nothing changes. */
  settle(s: State): State {
    const end0 = copyState(s);
    for (let rounds = 0; rounds < 40; rounds++) {
      const before = keyOf({ ...end0, now: 0 });
      for (const house of [0, 1]) {
        for (const peer of this.peersOf()) if (this.isHonest(peer)) this.send(end0, house, peer);
        if (this.dishonest === 'shop') this.end(end0, house);
      }
      for (const t of [0, 1]) if (this.ownerIsHonest(t) || !has(this.issuerOf(end0).visited, t)) this.visit(end0, t);
      for (const t of [0, 1]) this.visitAccounts(end0, t);
      for (const p of range(this.P)) {
        if (this.isHonest(this.payments[p]![1])) {
          if (end0.open[p] === 1) this.cancel(end0, p);
          this.deliver(end0, p, false);
          this.deliverStone(end0, p, false);
        }
        this.returnHistory(end0, p);
      }
      for (const w of range(this.W)) {
        this.passOn(end0, w);
        if (end0.tokens[this.withdrawals[w]!]!.pending === w || end0.coupon[w] === 1) this.withdraw(end0, w, null);
      }
      for (const f of range(this.F)) if (end0.askedRefund[f] === 1) this.refund(end0, f, false);
      for (const t of [0, 1]) this.fetch(end0, t);
      for (const p of range(this.P)) {
        this.claim(end0, p, this.dishonest === 'shop' && this.payments[p]![1] === 1);
        if (end0.a.granted[p]! > 0) this.reconcile(end0, p);
      }
      end0.now++;
      if (before === keyOf({ ...end0, now: 0 }) && rounds > 2 * WINDOW) break;
    }
    return end0;
  }

  /** Once everybody honest has come by. */
  checkSettled(s: State): void {
    const book = this.issuerOf(s);
    const { a } = s;
    const fail = (what: string): never => {
      throw new Broken(`in the end: ${what}`, s);
    };
    this.check(s);
    const buried = (p: number): boolean => this.dishonest === 'shop' && this.payments[p]![1] === 1;
    for (const t of [0, 1]) {
      if (!this.ownerIsHonest(t)) continue;
      const token = s.tokens[t]!;
      const mine = range(this.P).filter((p) => this.payments[p]![0] === t);
      const out = mine.filter((p) => s.debit[p]! > 0 && s.debit[p] !== 3 && book.ret[p] === 0).length;
      if (book.ebc[t] !== token.bal + out)
        fail(`token ${t}: EBC ${book.ebc[t]}, balance ${token.bal}, on its way ${out}`);
      const taken = range(this.W).filter(
        (w) => this.withdrawals[w] === t && (has(token.origins, w) || s.coupon[w] === 1),
      ).length;
      if (a.abc[t] !== this.bounds.funded - taken)
        fail(`owner ${t}: account ${a.abc[t]} after ${taken} this.withdrawals`);
      for (const p of mine) if (s.debit[p] === 1 && !buried(p)) fail(`payment ${p}: neither at its shop nor back`);
    }
    for (const shop of [0, 1]) {
      if (!this.isHonest(shop)) continue;
      const told = range(this.P).filter((p) => this.payments[p]![1] === shop && s.okDep[p] === 1).length;
      const back = range(this.F).filter(
        (f) => this.payments[this.refunds[f]!]![1] === shop && s.a.refund[f] === 1,
      ).length;
      if (a.shop[shop] !== told - back) fail(`shop ${shop}: account ${a.shop[shop]}, told ${told}, given back ${back}`);
      for (const p of range(this.P))
        if (this.payments[p]![1] === shop && s.h[p] === 1 && s.okDep[p] === 0)
          fail(`payment ${p}: shop ${shop} is not credited`);
    }
    if (this.dishonest === null && (a.loss > 0 || book.loss > 0)) fail('a loss, though all came by');
    if (this.dishonest === 'shop') {
      const paid = range(this.P).filter((p) => this.payments[p]![1] === 1 && s.debit[p]! > 0).length;
      if (a.shop[1]! > paid) fail('the dishonest shop gained');
    }
  }
}

/** What a search has seen. */
export interface Found {
  states: number;
  depth: number;
  /** The moves to what is broken, or null. */
  broken: { what: string; moves: string[] } | null;
  /** The bound was reached before the end. */
  cut: boolean;
}

/**
 * Breadth first, so that what is found is shortest.
 * @param statesMax when to stop
 * @param wrong rules to put in the place of the right ones, to see that the search finds what they do
 */
export function search(bounds: Bounds, statesMax = Infinity, wrong: Partial<Rules> = {}): Found {
  const model = new Model(bounds, { ...RULES, ...wrong });
  const moves = model.moves();
  const seen = new Set<string>();
  /** How each state was reached: its move, and the state before. */
  const from: [string, number][] = [['', -1]];
  let level: State[] = [model.first()];
  seen.add(keyOf(level[0]));
  let levelStart = 0;
  const path = (at: number): string[] => (at <= 0 ? [] : [...path(from[at]![1]), from[at]![0]]);
  for (let depth = 0; ; depth++) {
    const next: State[] = [];
    for (const [index, state] of level.entries()) {
      const at = levelStart + index;
      try {
        model.check(state);
        model.checkSettled(model.settle(state));
        for (const [name, move] of moves) {
          const moved = copyState(state);
          if (!move(moved)) continue;
          const key = keyOf(moved);
          if (seen.has(key)) continue;
          if (seen.size >= statesMax) return { states: seen.size, depth, broken: null, cut: true };
          seen.add(key);
          from.push([name, at]);
          next.push(moved);
        }
      } catch (thrown) {
        if (!(thrown instanceof Broken)) throw thrown;
        return { states: seen.size, depth, broken: { what: thrown.message, moves: path(at) }, cut: false };
      }
    }
    if (next.length === 0) return { states: seen.size, depth, broken: null, cut: false };
    levelStart += level.length;
    level = next;
  }
}
