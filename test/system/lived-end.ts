/**
 * How a life by seed ends (lived-acts.ts): everybody has heard every key, all clocks are right, nothing is lost any
 * more. Then everything is delivered, each debit is with its shop or back with its payer, and nobody is accused.
 */
import { audit } from '../../host-bridge/audit/audit.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import { SHOP } from '../kit/histories.js';
import { good } from '../kit/people.js';
import { addAct, claim, collect, connect, doAct, hear, offer, visit, type Act, type Life } from './lived-acts.js';

/** Rounds of whatever has to be tried until it is done. */
const ROUNDS_MAX = 60;
const WINDOW_S = 8 * 86400;

async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) if (await isDone()) return;
  throw new Error(`not done after ${ROUNDS_MAX} rounds: ${what}`);
}

/** All that waits at the bridge and at the bank is delivered. */
async function deliver(life: Life): Promise<void> {
  const { rig } = life;
  let last = '';
  await until('deliveries', async () => {
    good(await rig.bridge!.resend());
    await rig.pass(2);
    if (rig.actors.bank) {
      const given = await rig.actors.bank.forward();
      last = given.ok ? '' : given.code;
      if (!given.ok || given.more) return false;
    }
    // What was refused is tried again by `resend`, and refused again.
    const { pending, held } = rig.bridge!.outboxState().outbox;
    return pending + held === 0;
  }).catch((thrown: Error) => {
    const open = rig.bridge!.outbox.entries(['pending', 'held'], 99);
    const words = open.map(({ kind, amount, state, code }) => `${kind} ${amount} ${state} ${code}`);
    throw new Error(`${thrown.message} ${last} ${rig.bridge!.outboxState().outage} ${words.join(', ')}`);
  });
}

async function everybodyComesBy(life: Life): Promise<void> {
  for (const user of life.users) {
    let said = '';
    await until(`${user.name} at the desk`, async () => {
      said = await visit(life, user, true);
      return said === 'nothing';
    }).catch((thrown: Error) => {
      throw new Error(`${thrown.message}: ${said}`);
    });
    // A receipt that there is not: the end of them.
    let before = -1;
    await until(`${user.name}'s receipts`, async () => {
      const isEnd = before === user.wallet.receiptNumber;
      before = user.wallet.receiptNumber;
      said = await collect(life, user);
      if (said === 'RECEIPT_GAP') user.wallet.waiting = null;
      return isEnd;
    });
    expect([user.name, said]).toEqual([user.name, 'OK']);
  }
}

/** The same act again, until it is answered. */
async function finishAct(life: Life, act: Act): Promise<void> {
  let said = '';
  await until(`${act.what} ${act.name} ${act.amount}`, async () => {
    if (act.answer === null) said = await doAct(life, act);
    return act.answer !== null;
  }).catch((thrown: Error) => {
    throw new Error(`${thrown.message} ${said}`);
  });
}

/** Each debit is with its shop, or comes back once its window is over. */
async function claimsEnd(life: Life): Promise<void> {
  const settled = async (): Promise<string[]> => {
    const said = [];
    for (const payment of life.payments) said.push(await claim(life, payment));
    return said;
  };
  await settled();
  await life.rig.skip(WINDOW_S);
  const said = await settled();
  expect(said.filter((one) => one !== 'granted' && one !== 'ALREADY_PAID')).toEqual([]);
  life.payments.forEach((payment, i) => {
    // What was given back was not credited, and the other way round.
    expect([i, payment.granted]).toEqual([i, said[i] === 'granted']);
  });
}

function look(life: Life): void {
  const { rig } = life;
  const [office, accounts] = [
    rig.actors.issuer.office('auditor'),
    (rig.actors.bank ?? rig.actors.issuer).office('auditor'),
  ];
  expect(good(office.overspends()).overspends).toEqual([]);
  for (const { name, wallet } of life.users) {
    const { ebc } = good(office.counterOf(wallet.pku));
    expect([name, ebc, wallet.coupons.length]).toEqual([name, wallet.balance, 0]);
  }
  const done = (what: string, name: string) =>
    sumOf(life.acts.filter((one) => one.what === what && one.name === name && one.answer === 'OK'));
  const credited = sumOf(life.payments.filter(({ shop, granted }) => shop === SHOP && !granted));
  expect(good(accounts.balanceOf(SHOP)).balance).toBe(
    credited + done('fund', SHOP) - done('payOut', SHOP) - done('refund', SHOP),
  );
  const numbers = good(accounts.numbers()).numbers;
  expect(conservationOf(numbers, rig.actors.bank ? good(office.numbers()).numbers : null)).toMatchObject({ ok: true });
  expect(numbers.in).toBe(sumOf(life.acts.filter(isDone('fund'))) - sumOf(life.acts.filter(isDone('payOut'))));
}

const isDone = (what: string) => (one: { what: string; answer: string | null }) =>
  one.what === what && one.answer === 'OK';
const sumOf = (all: { amount: number }[]): number => all.reduce((sum, { amount }) => sum + amount, 0);

/** Ends a life, and looks at the books. @returns how much shops were paid */
export async function end(life: Life): Promise<number> {
  const { rig } = life;
  life.counts.lost = rig.network.lost;
  rig.network.oneIn = 0;
  for (const machine of Object.keys(rig.offsetS) as (keyof typeof rig.offsetS)[]) rig.offsetS[machine] = 0;
  await until('hearing', async () => (await hear(life)) === 'nothing to hear');
  for (const house of rig.houses) good(await rig.confirm(house));
  for (const till of rig.tills) {
    good(await rig.enrol(till));
    await connect(life, till);
    await offer(life, true);
    expect([till.id[3], till.kept.length]).toEqual([till.id[3], 0]);
  }
  await everybodyComesBy(life);
  // The shop may have been paid out: its refunds wait for that.
  await finishAct(life, addAct(life, 'fund', SHOP, 1000));
  await deliver(life);
  for (const act of life.acts) await finishAct(life, act);
  await claimsEnd(life);
  await deliver(life);
  await everybodyComesBy(life);
  look(life);
  await rig.stopBridge();
  const paths = Object.fromEntries(
    Object.entries(rig.running).map(([house, { database }]) => [`${house}Database`, database]),
  );
  for (const { close } of Object.values(rig.running)) await close();
  expect(audit(paths as unknown as Parameters<typeof audit>[0]).broken).toEqual([]);
  return sumOf(life.payments.filter(({ granted }) => !granted));
}
