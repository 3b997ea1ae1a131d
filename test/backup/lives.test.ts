/**
 * Lives of an issuer by seed: cash, payments, claims, answers that are lost, clocks that jump for a moment or for good,
 * restarts, backups and restores, in any order. After each life the audit finds nothing, nothing ended or was granted
 * by a wrong clock, no honest owner is named, and without a restore every unit is where its owner was told.
 *
 * A few seeds here; a campaign: npm run test:long -- backup/lives --seeds 500 --first-seed 1
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '../../host-bridge/audit/audit.js';
import { makeBackup } from '../../host-bridge/backup/backup.js';
import { restore } from '../../host-bridge/backup/restore.js';
import { createBits } from '../../host-bridge/emulator/flash.js';
import { createClockClient } from '../../host-bridge/http/client.js';
import type { ErrorCode } from '../../host-bridge/base/errors.js';
import { isFinal } from '../../host-bridge/base/services/finality.js';
import { startIssuer } from '../../host-bridge/services/start.js';
import { operator } from '../http/services-rig.js';
import { seedsFor } from '../kit/extent.js';
import {
  codeOf,
  good,
  historyOf,
  ISSUER,
  person,
  registrarSigner,
  rsOf,
  seedOf,
  START_S,
  withdrawalOf,
} from '../kit/people.js';

const STEPS = 50;
const DAY_S = 86400;
const PEOPLE = [person('Ada'), person('Bob')];

interface Wallet {
  who: (typeof PEOPLE)[number];
  balance: number;
  receipts: number;
  /** A withdrawal whose answer was lost: the same bytes again come first. */
  waiting: { bytes: Uint8Array; amount: number } | null;
}

interface Payment {
  history: Uint8Array;
  wallet: Wallet;
  amount: number;
  /** What the issuer last said to the shop, and to the payer. */
  shop: string;
  payer: string;
}

/** One issuer over a life: what it holds, what others hold, and the clocks of its machine. */
interface Life {
  dice(n: number): number;
  folder: string;
  clock: { wallS: number; monotonicS: number };
  /** What the time is, whatever the machine says. */
  trueS: number;
  issuer: Awaited<ReturnType<typeof startIssuer>>;
  wallets: Wallet[];
  payments: Payment[];
  restores: number;
  backups: number;
}

const dataOf = (life: Pick<Life, 'folder'>): string => join(life.folder, 'data');
const officeOf = (life: Life) => life.issuer.actor.office('operator');

const startOf = (life: Pick<Life, 'folder' | 'clock'>) =>
  startIssuer({
    ...{ dataDir: dataOf(life), clock: () => life.clock.wallS, monotonic: () => life.clock.monotonicS },
    ...{ random: () => seedOf('issuer'), registrarKey: registrarSigner.publicKey, operatorKeys: [operator.publicKey] },
  });

async function begin(seed: number): Promise<Life> {
  const bits = createBits(seed);
  for (let i = 0; i < 20; i++) bits();
  const place = { folder: mkdtempSync(join(tmpdir(), 'tapcash-')), clock: { wallS: START_S, monotonicS: 0 } };
  const life: Life = {
    ...place,
    ...{ dice: (n) => bits() % n, trueS: START_S, issuer: await startOf(place), payments: [], restores: 0, backups: 0 },
    wallets: PEOPLE.map((who) => ({ who, balance: 0, receipts: 0, waiting: null })),
  };
  good(officeOf(life).openAccount('Shop', null));
  for (const { who } of life.wallets) {
    good(officeOf(life).openAccount(who.name, who.account.publicKey));
    good(officeOf(life).fundAccount(who.name, 1000));
  }
  return life;
}

function pass(life: Life, seconds: number): void {
  life.trueS += seconds;
  life.clock.wallS += seconds;
  life.clock.monotonicS += seconds;
}

function withdraw(life: Life, wallet = life.wallets[life.dice(2)]!, isLast = false): string {
  const drawn = 1 + life.dice(50);
  const request = wallet.waiting ?? { bytes: withdrawalOf(wallet.who, wallet.receipts + 1, drawn), amount: drawn };
  const { amount } = request;
  // Refused at first, it may come again when its number went to another receipt.
  const missed = wallet.waiting ? ['RECEIPT_MISSED'] : [];
  const given = life.issuer.actor.withdraw(request.bytes);
  wallet.waiting = !isLast && life.dice(5) === 0 ? request : null;
  if (wallet.waiting) return 'lost';
  if (given.ok) [wallet.balance, wallet.receipts] = [wallet.balance + amount, wallet.receipts + 1];
  // After a restore a token may be ahead of the books, or its set below zero.
  else
    expect(['FUNDS_INSUFFICIENT', ...missed, ...(life.restores > 0 ? ['RECEIPT_AHEAD', 'DENIED'] : [])]).toContain(
      given.code,
    );
  return codeOf(given);
}

function pay(life: Life): string {
  const wallet = life.wallets[life.dice(2)]!;
  if (wallet.balance === 0) return 'nothing';
  const amount = 1 + life.dice(wallet.balance);
  wallet.balance -= amount;
  const history = historyOf(wallet.who, 'Shop', amount, rsOf(life.payments.length + 1));
  life.payments.push({ history, wallet, amount, shop: 'none', payer: 'none' });
  return String(amount);
}

const anyPayment = (life: Life): Payment | undefined => life.payments[life.dice(Math.max(1, life.payments.length))];

function deposit(life: Life, payment = anyPayment(life)): string {
  if (!payment || isFinal('history', payment.shop as ErrorCode)) return 'nothing';
  payment.shop = codeOf(life.issuer.actor.deposit(payment.history));
  const passing = ['CLOCK_DOUBTED', 'CLAIM_DUE', ...(life.restores > 0 ? ['HELD'] : [])];
  expect(['OK', ...passing, ...(payment.payer === 'granted' ? ['RECONCILED'] : [])]).toContain(payment.shop);
  return payment.shop;
}

function claim(life: Life): string {
  const payment = anyPayment(life);
  if (!payment) return 'nothing';
  const given = life.issuer.actor.claim(payment.history);
  if (!given.ok || given.state !== 'granted') return given.ok ? given.state : given.code;
  // By the true time, not by the machine's.
  expect(given.dueS).toBeLessThanOrEqual(Math.ceil(life.trueS));
  const { wallet, amount } = payment;
  if (payment.payer !== 'granted') [wallet.balance, wallet.receipts] = [wallet.balance + amount, wallet.receipts + 1];
  payment.payer = 'granted';
  return 'granted';
}

/** The machine's clock is set right, and an operator says so. */
async function confirm(life: Life): Promise<string> {
  life.clock.wallS = life.trueS;
  const client = createClockClient({ url: life.issuer.url, operator, issuer: ISSUER });
  return codeOf(await client.confirm(Math.floor(life.trueS), 'looked at another clock'));
}

async function restart(life: Life, between: () => void = () => undefined): Promise<string> {
  await life.issuer.close();
  between();
  pass(life, 10);
  life.issuer = await startOf(life);
  return 'restart';
}

/** For a moment the machine's clock is another one, and somebody comes right then. */
function jump(life: Life): string {
  const days = [12 * 365, 500, 30, -25, -400][life.dice(5)]!;
  life.clock.wallS += days * DAY_S;
  const during = [claim(life), deposit(life), withdraw(life)].join(' ');
  life.clock.wallS -= days * DAY_S;
  return `jump ${days}: ${during}`;
}

const backupOf = (life: Life, number: number): string => join(life.folder, `backup ${number}`);

async function backUp(life: Life): Promise<string> {
  const to = backupOf(life, life.backups);
  await makeBackup({ data: dataOf(life), to, passphrase: null, nowS: Math.floor(life.trueS) });
  return `backup ${life.backups++}`;
}

async function restoreOne(life: Life): Promise<string> {
  if (life.backups === 0 || life.dice(3) > 0) return 'no restore';
  const from = backupOf(life, life.dice(life.backups));
  const nowS = Math.floor(life.trueS) + life.restores++;
  await restart(life, () => void restore({ from, data: dataOf(life), replace: true, passphrase: null, nowS }));
  return `restore ${from}`;
}

const ACTS: ((life: Life) => string | Promise<string>)[] = [
  ...[
    (life: Life) => withdraw(life),
    (life: Life) => withdraw(life),
    pay,
    pay,
    pay,
    (life: Life) => deposit(life),
    (life: Life) => deposit(life),
    claim,
  ],
  (life) => (pass(life, life.dice(3) * DAY_S), 'time'),
  (life) => ((life.clock.wallS += (life.dice(2) === 0 ? 1 : -1) * 40 * DAY_S), 'wrong clock'),
  ...[jump, confirm, (life: Life) => restart(life), backUp, restoreOne],
];

/** Everybody comes by once the clock is confirmed; then the books are looked at. @returns what shops were paid */
async function end(life: Life): Promise<number> {
  expect(await confirm(life)).toBe('OK');
  for (const payment of life.payments) deposit(life, payment);
  for (const wallet of life.wallets) if (wallet.waiting) withdraw(life, wallet, true);
  // Nobody spent more than the issuer gave: nobody is named.
  for (const { who } of life.wallets) expect(officeOf(life).trace(who.pku, 'below zero').ok).toBe(false);
  const paid = sumOf(life.payments.filter(({ shop }) => shop === 'OK'));
  if (life.restores === 0) {
    expect(good(officeOf(life).balanceOf('Shop')).balance).toBe(paid);
    for (const wallet of life.wallets.filter(({ receipts }) => receipts > 0)) {
      const out = life.payments.filter((one) => one.wallet === wallet && one.shop !== 'OK' && one.payer !== 'granted');
      expect(good(officeOf(life).counterOf(wallet.who.pku)).ebc).toBe(wallet.balance + sumOf(out));
    }
  }
  await life.issuer.close();
  const report = audit({ issuerDatabase: join(dataOf(life), 'issuer.db') });
  expect(report.broken).toEqual([]);
  expect([report.in, report.held]).toEqual([2000, 2000]);
  return paid;
}

const sumOf = (payments: Payment[]): number => payments.reduce((sum, { amount }) => sum + amount, 0);

test('lives by seed: clocks and restores cost nobody anything', async () => {
  let [restores, paid] = [0, 0];
  for (const seed of seedsFor(3, 40)) {
    const life = await begin(seed);
    const log: string[] = [];
    try {
      for (let i = 0; i < STEPS; i++) {
        pass(life, 1 + life.dice(600));
        log.push(await ACTS[life.dice(ACTS.length)]!(life));
      }
      paid += await end(life);
      restores += life.restores;
    } catch (thrown) {
      throw new Error(`seed ${seed}: ${(thrown as Error).message}\n${log.join('\n')}`, { cause: thrown });
    } finally {
      await life.issuer.close();
      rmSync(life.folder, { recursive: true, force: true });
    }
  }
  expect(paid).toBeGreaterThan(0);
  expect(restores).toBeGreaterThan(0);
});
