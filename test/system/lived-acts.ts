/**
 * What happens in a life by seed of houses, shop and users (lived-houses.ts), and how it ends. An act whose answer was
 * lost is kept, and done again in the same bytes or under the same id, whatever has happened in between.
 */
import { join } from 'node:path';
import { toHex, writeU32 } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import { makeBackup } from '../../host-bridge/backup/backup.js';
import { restore } from '../../host-bridge/backup/restore.js';
import type { HouseName } from '../../host-bridge/base/keys/key-line.js';
import { splitAmount, COUPON_AMOUNTS } from '../../host-bridge/base/crypto/coupon-signer.js';
import { SHOP } from '../kit/histories.js';
import { codeOf, seedOf, tombstoneOf } from '../kit/people.js';
import { finish, register } from '../houses/houses-rig.js';
import { Key, ReferenceWallet } from '../houses/reference-wallet.js';
import { diceOf, startLived, type Lived, type Till } from './lived-houses.js';

const DAY_S = 86400;
const FUNDS = 1000;
const TILLS_MAX = 3;

/** A user. */
export interface User {
  name: string;
  wallet: ReferenceWallet;
  account: boolean;
}

/** A debit of a token. */
export interface Payment {
  user: User;
  shop: string;
  amount: number;
  rs: Uint8Array;
  history: Uint8Array;
  /** Its shop has it, or had it once and forgot it with its bridge; else it has cancelled the charge. */
  taken: boolean;
  /** A restored bridge has forgotten it before it was delivered. */
  forgotten: boolean;
  granted: boolean;
}

/** What somebody asked for under an id, until it is answered. */
export interface Act {
  what: 'fund' | 'payOut' | 'refund';
  id: Uint8Array;
  name: string;
  amount: number;
  rs: Uint8Array | null;
  answer: string | null;
}

/** A notice, and who has not heard it. */
interface Unheard {
  notice: Uint8Array;
  by: HouseName | User;
}

/** A life. */
export interface Life {
  rig: Lived;
  dice(n: number): number;
  users: User[];
  payments: Payment[];
  acts: Act[];
  unheard: Unheard[];
  rotated: Set<HouseName>;
  backups: string[];
  /** Charges that were paid. */
  paid: Set<string>;
  counts: { lost: number; jumps: number; rotations: number; swaps: number; restores: number; forgotten: number };
  /** The issuer has not been given the bank's newest coupon keys. */
  couponsUnheard: boolean;
}

/** Begins a life. */
export async function begin(scheme: number, seed: number): Promise<Life> {
  const rig = await startLived(scheme, seed);
  const dice = diceOf(seed, `scheme ${scheme}`);
  const { parameters } = rig.actors.issuer.parameters() as { parameters: ReferenceWallet['options']['facts'] };
  const users = ['Ada', 'Bob'].map((name) => ({
    ...{ name, account: false },
    wallet: new ReferenceWallet({
      ...{ scheme: rig.scheme, facts: { ...parameters }, name, account: new Key(seedOf(`account ${name}`)) },
      pseudonyms: Math.min(2, rig.scheme.pseudonymsMax),
    }),
  }));
  const life: Life = {
    ...{ rig, dice, users, payments: [], acts: [], unheard: [], rotated: new Set(), backups: [], paid: new Set() },
    ...{ counts: { lost: 0, jumps: 0, rotations: 0, swaps: 0, restores: 0, forgotten: 0 }, couponsUnheard: false },
  };
  rig.network.oneIn = 8;
  for (const user of users) {
    const funding = addAct(life, 'fund', user.name, FUNDS);
    while (funding.answer === null) await doAct(life, funding);
    for (let visits = 0; visits < 8; visits++) await visit(life, user);
  }
  return life;
}

const idOf = (life: Life, bytes: number): Uint8Array =>
  seedOf(`id ${life.dice(2 ** 30)} ${life.acts.length}`).slice(0, bytes);
const anyOf = <T>(life: Life, all: readonly T[]): T | undefined => all[life.dice(Math.max(1, all.length))];
const reachOf = ({ rig }: Life, user: User) => ({
  ...{ scheme: rig.scheme, issuer: rig.services.issuer, bank: rig.services.bank ?? null },
  ...{ trustee: rig.services.trustee ?? null, accounts: rig.services.office(seedOf(`open ${user.name}`).slice(0, 16)) },
});

// ---- Money in and out, and refunds: acts under an id ----

export function addAct(life: Life, what: Act['what'], name: string, amount: number, rs: Uint8Array | null = null): Act {
  const act: Act = { what, id: idOf(life, what === 'refund' ? 8 : 16), name, amount, rs, answer: null };
  life.acts.push(act);
  return act;
}

/** Does an act, or does it again. @returns the code */
export async function doAct(life: Life, act: Act): Promise<string> {
  const { rig } = life;
  if (act.what === 'refund') {
    const done = await rig.go(rig.bridge!.refund(toHex(act.rs!), act.amount, toHex(act.id)));
    const said = !done.ok
      ? done.code
      : done.refund.state === 'refunded'
        ? 'OK'
        : (done.refund.code ?? done.refund.state);
    // What its bridge forgot undelivered comes back to its payer by a claim (docs/restore.md).
    const isForgotten = life.payments.some(({ rs, forgotten }) => forgotten && rs === act.rs);
    if (said === 'HISTORY_UNKNOWN' && isForgotten) act.answer = said;
    if (done.ok && ['refunded', 'refused'].includes(done.refund.state) && life.dice(4) > 0) act.answer = said;
    return said;
  }
  const user = life.users.find(({ name }) => name === act.name);
  if (user && !user.account) {
    user.account = (await reachOf(life, user).accounts.openAccount(user.name, user.wallet.account.publicKey)).ok;
    if (!user.account) return 'no account yet';
  }
  const office = rig.services.office(act.id);
  const done =
    act.what === 'fund'
      ? await office.fundAccount(act.name, act.amount)
      : await office.payOut(act.name, act.amount, `transfer ${toHex(act.id)}`);
  const said = codeOf(done);
  if (said === 'OK' || said === 'FUNDS_INSUFFICIENT') act.answer = said;
  return said;
}

async function act(life: Life): Promise<string> {
  const open = life.acts.filter(({ answer }) => answer === null);
  const payment = anyOf(
    life,
    life.payments.filter(({ shop, taken }) => taken && shop === SHOP),
  );
  const chosen =
    life.dice(2) === 0 && open.length > 0
      ? open[0]!
      : life.dice(2) === 0 && payment
        ? addAct(life, 'refund', SHOP, 1 + life.dice(payment.amount), payment.rs)
        : addAct(life, life.dice(3) === 0 ? 'payOut' : 'fund', life.dice(2) === 0 ? SHOP : 'Ada', 1 + life.dice(40));
  return `${chosen.what} ${chosen.name} ${chosen.amount} ${await doAct(life, chosen)}`;
}

// ---- Users ----

const hasLicense = ({ wallet }: User): boolean => wallet.licenses.every((one) => one !== null);

/** Receipts that came while the user was away. */
export async function collect(life: Life, user: User): Promise<string> {
  const { wallet } = user;
  const reach = reachOf(life, user);
  if (wallet.waiting || !hasLicense(user)) return 'busy';
  if (life.rig.scheme.issue === 'direct') {
    const { bytes } = await wallet.startWithdrawal(1);
    wallet.waiting = null;
    const given = await reach.issuer.receipts!(bytes);
    if (!given.ok) return given.code;
    for (const paper of given.receipts) if (wallet.takeReceipt(paper) !== 'OK') return 'RECEIPT_INVALID';
    return 'OK';
  }
  await (life.rig.scheme.issue === 'coupon' ? wallet.startQuestion() : wallet.startWithdrawal(0));
  return finish(reach, wallet);
}

/** A user comes to the desk: what waits is sent again in the same bytes, else a license or cash is asked for. */
export async function visit(life: Life, user: User, isLast = false): Promise<string> {
  const { wallet } = user;
  const reach = reachOf(life, user);
  if (!hasLicense(user)) {
    const said = await register(reach, wallet);
    if (said === 'OK') user.account = true;
    return said;
  }
  if (!wallet.waiting) {
    const [coupon] = wallet.coupons;
    if (coupon) await wallet.startRedemption(coupon);
    else if (isLast) return 'nothing';
    else if (life.rig.scheme.issue === 'coupon') {
      const keys = await reach.issuer.couponKeys!();
      if (!keys.ok) return keys.code;
      const taken = wallet.takeCouponKeys(keys.list, keys.moduli);
      if (taken !== 'OK') return taken;
      await wallet.startCoupon(splitAmount(1 + life.dice(40), COUPON_AMOUNTS)![0]!);
    } else await wallet.startWithdrawal(1 + life.dice(40), life.dice(wallet.pseudonyms.length));
  }
  const said = await finish(reach, wallet);
  // In the open a token ends a request that was refused so; missed receipts it fetches first.
  if (life.rig.scheme.issue === 'direct' && ['FUNDS_INSUFFICIENT', 'RECEIPT_MISSED'].includes(said))
    wallet.waiting = null;
  if (said === 'RECEIPT_MISSED') return `${said} ${await collect(life, user)}`;
  return said;
}

/** A claim, as a desk brings it. */
export async function claim(life: Life, payment: Payment): Promise<string> {
  const { services, trueS } = life.rig;
  const given = await (services.bank ?? services.issuer).claim(payment.history);
  if (!given.ok) return given.code;
  if (given.state === 'granted') {
    // By the true time, not by a machine's; a charge that its shop cancelled comes back at once.
    if (payment.taken) expect(given.dueS).toBeLessThanOrEqual(Math.ceil(trueS()));
    payment.granted = true;
  }
  return given.state;
}

// ---- The shop ----

/** What a terminal keeps goes to the bridge; an answer may be lost on the cable. */
export async function offer(life: Life, isLast = false): Promise<string> {
  const { till, go } = life.rig;
  let sent = 0;
  for (const { kind, bytes } of [...till.kept]) {
    if (!isLast && life.dice(6) === 0) break;
    const answer = await go(till.fake.request(kind, bytes));
    if (answer.code !== 'OK' || (!isLast && life.dice(8) === 0)) break;
    till.kept.shift();
    sent++;
  }
  return `sent ${sent} of ${till.kept.length + sent}`;
}

function nextRs(till: Till): Uint8Array {
  const rs = new Uint8Array(16);
  rs.set(till.id);
  writeU32(rs, 4, ++till.charges);
  rs.set(seedOf(`rs ${toHex(till.id)} ${till.charges}`).subarray(0, 8), 8);
  return rs;
}

/** The token's debit. @returns null where the terminal takes the license for over, by its clock */
function debit(life: Life, user: User, shop: string, amount: number, taken: boolean): Payment | null {
  const { rig } = life;
  const which = life.dice(user.wallet.pseudonyms.length);
  const timeS = Math.floor(rig.trueS() + rig.offsetS.terminal);
  const terms = licenseBody.decode(license.decode(user.wallet.licenses[which]!)!.body)!;
  if (timeS >= terms.validUntilS) return null;
  const rs = nextRs(rig.till);
  const history = user.wallet.pay(shop, amount, rs, timeS, which);
  const payment = { user, shop, amount, rs, history, taken, forgotten: false, granted: false };
  life.payments.push(payment);
  if (taken) rig.till.kept.push({ kind: KIND.history, bytes: history });
  else rig.till.kept.push({ kind: KIND.tombstone, bytes: tombstoneOf(rig.till.key, shop, rs) });
  return payment;
}

async function sell(life: Life): Promise<string> {
  const { bridge, go, till } = life.rig;
  const user = anyOf(life, life.users)!;
  if (!hasLicense(user) || user.wallet.balance === 0) return 'no cash';
  const amount = 1 + life.dice(Math.min(user.wallet.balance, 30));
  if (life.dice(10) === 0)
    return `unload ${amount} ${debit(life, user, user.name, amount, true) ? await offer(life) : 'expired'}`;
  const id = idOf(life, 8);
  let asked = await go(bridge!.charge(amount, id));
  if (life.dice(4) === 0) asked = await go(bridge!.charge(amount, id));
  if (!asked.ok || asked.charge.state !== 'open') return `charge ${asked.ok ? asked.charge.state : asked.code}`;
  const isTorn = life.dice(6) === 0;
  if (!debit(life, user, SHOP, amount, !isTorn)) return codeOf(await go(bridge!.cancel(id)));
  if (!isTorn) life.paid.add(toHex(id));
  till.fake.tap(isTorn ? 'cancelled' : 'paid', 'OK', life.dice(4) === 0);
  await life.rig.pass(12);
  const kept = await go(bridge!.wait(id, 0, 0));
  expect([toHex(id), kept.ok && kept.charge.state]).toEqual([toHex(id), isTorn ? 'cancelled' : 'paid']);
  return `${user.name} ${amount}${isTorn ? ' torn' : ''}, ${await offer(life)}`;
}

/** Another terminal at the cable: a new one, or one that was there before and still has what it kept. */
async function swap(life: Life): Promise<string> {
  const { rig } = life;
  const others = rig.tills.filter((one) => one !== rig.till);
  const till = rig.tills.length < TILLS_MAX && life.dice(2) === 0 ? rig.addTill() : anyOf(life, others);
  if (!till) return 'no other terminal';
  const given = await rig.enrol(till);
  await connect(life, till);
  life.counts.swaps++;
  return `to terminal ${till.id[3]} ${codeOf(given)}`;
}

/** A terminal is at the cable. */
export async function connect({ rig }: Life, till: Till): Promise<void> {
  await rig.stopBridge();
  rig.till = till;
  await rig.startBridge();
}

async function backUp(life: Life): Promise<string> {
  const { rig } = life;
  const to = join(rig.dataDir, `bridge backup ${life.backups.length}`);
  await makeBackup({ data: rig.bridgeDir, to, passphrase: null, nowS: Math.floor(rig.trueS()) });
  life.backups.push(to);
  return 'backup';
}

const messagesOf = (life: Life, states: Parameters<NonNullable<Lived['bridge']>['outbox']['messages']>[0]) =>
  life.rig.bridge!.outbox.messages(states, 999, 0).map(({ bytes }) => toHex(bytes));

async function restoreBridge(life: Life): Promise<string> {
  const { rig } = life;
  const from = anyOf(life, life.backups);
  if (!from || life.dice(3) === 0) return 'no restore';
  const before = messagesOf(life, ['pending', 'held']);
  await rig.stopBridge();
  restore({ from, data: rig.bridgeDir, replace: true, passphrase: null, nowS: Math.floor(rig.trueS()) });
  await rig.startBridge();
  await rig.pass(2);
  const after = new Set(
    messagesOf(life, ['pending', 'held', 'credited', 'duplicate', 'buried', 'refunded', 'refused']),
  );
  const gone = new Set(before.filter((bytes) => !after.has(bytes)));
  for (const payment of life.payments) payment.forgotten ||= gone.has(toHex(payment.history));
  life.counts.restores++;
  life.counts.forgotten += gone.size;
  return `restored ${from.slice(-1)}`;
}

// ---- Clocks and keys ----

const SOME_ACTS = [sell, act, (life: Life) => visit(life, anyOf(life, life.users)!)];

/** A machine's clock is another one, for a moment or until somebody sets it right. */
async function jump(life: Life): Promise<string> {
  const { rig } = life;
  const machine = anyOf(life, [...rig.houses, 'bridge' as const, 'terminal' as const])!;
  const days = [12 * 365, 500, 60, -25, -10][life.dice(5)]!;
  rig.offsetS[machine] = days * DAY_S;
  life.counts.jumps++;
  const during = [];
  for (let i = 0; i < 3; i++) during.push(await anyOf(life, SOME_ACTS)!(life));
  const payment = anyOf(life, life.payments);
  if (payment) during.push(await claim(life, payment));
  const stays = life.dice(2) === 0;
  if (!stays) rig.offsetS[machine] = 0;
  return `${machine} ${days} days${stays ? ', stays' : ''}: ${during.join('; ')}`;
}

/** A machine's clock is set right, and at a house an operator says so. */
async function setRight(life: Life): Promise<string> {
  const machine = anyOf(life, [...life.rig.houses, 'bridge' as const, 'terminal' as const])!;
  life.rig.offsetS[machine] = 0;
  if (machine === 'bridge' || machine === 'terminal') return machine;
  return `${machine} ${codeOf(await life.rig.confirm(machine))}`;
}

async function rotateOne(life: Life): Promise<string> {
  const { rig } = life;
  const house = anyOf(life, rig.houses)!;
  if (life.rotated.has(house) || rig.offsetS[house] !== 0) return 'no rotation';
  life.rotated.add(house);
  const notice = await rig.rotate(house);
  const others = rig.houses.filter((other) => other !== house);
  life.unheard.push(...[...others, ...life.users].map((by) => ({ notice, by })));
  life.couponsUnheard ||= house === 'bank' && rig.scheme.issue === 'coupon';
  life.counts.rotations++;
  return `rotate ${house}`;
}

/** Somebody hears of a rotation. */
export async function hear(life: Life): Promise<string> {
  const { actors } = life.rig;
  const [first] = life.unheard;
  if (life.couponsUnheard && (!first || life.dice(2) === 0)) {
    const keys = actors.bank!.couponKeys();
    const given = actors.issuer.office('operator').publishCouponKeys(keys.ok ? keys.keys : []);
    life.couponsUnheard = !given.ok;
    return `coupon keys ${codeOf(given)}`;
  }
  const one = anyOf(life, life.unheard);
  if (!one) return 'nothing to hear';
  if (typeof one.by === 'string') {
    const given = await life.rig.tell(one.by, one.notice);
    if (given.ok) life.unheard = life.unheard.filter((each) => each !== one);
    return `${one.by} ${codeOf(given)}`;
  }
  const body = successionBody.decode(signedSuccession.decode(one.notice)!.body)!;
  const { wallet, name } = one.by;
  if (body.house === 1) wallet.issuerKeys.push(body.newKey);
  if (body.house === 2 || (body.house === 1 && !life.rig.houses.includes('trustee')))
    wallet.registrarKeys.push(body.newKey);
  if (body.house === 1 && wallet.options.facts.sealKey) wallet.options.facts.sealKey = body.sealKey;
  life.unheard = life.unheard.filter((each) => each !== one);
  return name;
}

const forward = async ({ rig }: Life): Promise<string> =>
  rig.actors.bank ? codeOf(await rig.actors.bank.forward()) : '';

/** What may happen next, the frequent more often. */
export const ACTS: [name: string, act: (life: Life) => Promise<string>][] = [
  ...Array.from({ length: 5 }, () => ['sell', sell] as [string, typeof sell]),
  ...Array.from(
    { length: 4 },
    () => ['visit', (life: Life) => visit(life, anyOf(life, life.users)!)] as [string, typeof sell],
  ),
  ['act', act],
  ['act', act],
  ['offer', (life) => offer(life)],
  ['collect', (life) => collect(life, anyOf(life, life.users)!)],
  ['claim', async (life) => (life.payments.length > 0 ? claim(life, anyOf(life, life.payments)!) : 'nothing')],
  ['forward', forward],
  ['forward', forward],
  ['swap', swap],
  ['backup', backUp],
  ['restore', restoreBridge],
  ['jump', jump],
  ['set right', setRight],
  ['set right', setRight],
  ['rotate', rotateOne],
  ['hear', hear],
  ['closed', async (life) => (await life.rig.skip(life.dice(3) * DAY_S), 'closed')],
  [
    'restart',
    async (life) => {
      const house = anyOf(life, life.rig.houses)!;
      await life.rig.restart(house);
      return house;
    },
  ],
];
