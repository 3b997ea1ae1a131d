/**
 * Commands that move money over a connection that loses the request, the reply, or half of it: given again they are
 * done once, and say so; and two that were answered are two.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { toHex } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge } from '../../firmware/wire/payment.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { CONTROL_FILE } from '../../host-bridge/control/control-file.js';
import { createFakeToken } from '../bridge/fake-token.js';
import { createRig, T0, type Rig } from '../bridge/bridge-rig.js';
import { startServices, type Services } from '../http/services-rig.js';
import { ISSUER, rsOf, SHOP } from '../kit/histories.js';
import { CUTS, startLossyProxy, type LossyProxy } from '../kit/lossy-proxy.js';
import { seedOf } from '../kit/people.js';
import { tapcashHere, type Ended } from './command-runs.js';

const FINISHES = /This finishes the act of [0-9]{2}:[0-9]{2} \([0-9a-f]+\)/;
let data: string;
let proxy: LossyProxy;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'tapcash-acts-'))));
afterEach(async () => {
  await proxy.close();
  rmSync(data, { recursive: true });
});

/** The acts that are kept, and whether each was answered. */
const kept = () =>
  new Sqlite(join(data, 'acts.db'), { readonly: true })
    .prepare('SELECT id, answered_s IS NOT NULL AS answered FROM act ORDER BY begun_s')
    .all() as { id: string; answered: 0 | 1 }[];

describe('at the bridge', () => {
  let rig: Rig;
  let control: Control;
  beforeEach(async () => {
    rig = await createRig({ scheduler: createRealScheduler(), baud: 0 });
    rig.terminal.token = createFakeToken('alice');
    control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
    const { url, token } = JSON.parse(readFileSync(join(rig.dataDir, CONTROL_FILE), 'utf8')) as {
      url: string;
      token: string;
    };
    proxy = await startLossyProxy(url);
    writeFileSync(join(data, CONTROL_FILE), JSON.stringify({ url: proxy.url, token }));
  });
  afterEach(async () => {
    await control.close();
    await rig.stop();
  });
  const tapcash = (...args: string[]): Promise<Ended> => tapcashHere([...args, '--data', data]);
  const abc = (name: string) => (rig.office.balanceOf(name) as { balance: number }).balance;
  const token = () => rig.terminal.token!;

  /** A command whose connection to one path is lost, and then the same command. */
  async function lostThenAgain(path: string, cut: (typeof CUTS)[number], args: string[]): Promise<Ended> {
    proxy.cut = (asked) => (asked === path ? cut : null);
    const lost = await tapcash(...args);
    expect([lost.status, lost.err]).toEqual([3, expect.stringMatching(/the same command finishes it/)]);
    const [act] = kept().filter(({ answered }) => answered === 0);
    expect(lost.err).toContain(act!.id);
    proxy.cut = null;
    // What was begun may still be under way there: the desk is free when it has ended.
    let again = await tapcash(...args);
    for (let tries = 0; tries < 100 && /BUSY/.test(again.err); tries++) again = await tapcash(...args);
    expect([again.status, again.err]).toEqual([0, expect.stringMatching(FINISHES)]);
    expect(again.out).toContain(act!.id);
    expect(kept().filter(({ answered }) => answered === 0)).toEqual([]);
    return again;
  }

  /** 300 of Alice's are paid at the shop, and delivered. */
  async function paid(): Promise<string> {
    const { out } = await tapcash('charge', '3.00', '--json');
    const h = token().pay(
      challenge.encode({
        issuer: ISSUER,
        currency: 'EUR',
        amount: 300,
        timeS: T0,
        counter: 2,
        rs: rsOf(2),
        shop: SHOP,
      }),
    );
    rig.terminal.tap('paid');
    expect((await rig.terminal.request(KIND.history, h)).code).toBe('OK');
    expect(await rig.bridge.drained(5000)).toBe(true);
    return (JSON.parse(out) as { id: string }).id;
  }

  test.each(CUTS)(
    'register, withdraw and unload, losing %s',
    async (cut) => {
      const registering = ['teller', 'register', 'Alice', '--funding', '10.00'];
      expect((await lostThenAgain('/desk/register', cut, registering)).out).toMatch(
        /10\.00 EUR put in, which made the account 10\.00 EUR/,
      );
      expect([abc('Alice'), rig.store.numbers().in]).toEqual([1000, 1000]);
      // The same again is another one: booked, and the output says what is there.
      const second = await tapcash(...registering);
      expect(second.err).not.toMatch(FINISHES);
      expect(second.out).toMatch(/10\.00 EUR put in, which made the account 20\.00 EUR/);
      expect(abc('Alice')).toBe(2000);

      await lostThenAgain('/desk/withdraw', cut, ['teller', 'withdraw', '5.00']);
      expect([token().balance, abc('Alice')]).toEqual([500, 1500]);
      expect((await tapcash('teller', 'withdraw', '5.00')).err).not.toMatch(FINISHES);
      expect([token().balance, token().receiptNumber, abc('Alice')]).toEqual([1000, 2, 1000]);

      await lostThenAgain('/desk/unload', cut, ['teller', 'unload', 'Alice', '2.00']);
      expect([token().balance, abc('Alice')]).toEqual([800, 1200]);
      await tapcash('teller', 'unload', 'Alice', '2.00');
      expect([token().balance, abc('Alice')]).toEqual([600, 1400]);

      await lostThenAgain('/desk/reconcile', cut, ['teller', 'reconcile']);
      expect(rig.store.numbers()).toMatchObject({ in: 2000, held: 2000 });
    },
    60_000,
  );

  test.each(CUTS)(
    'charge and refund, losing %s',
    async (cut) => {
      await tapcash('teller', 'register', 'Alice', '--funding', '10.00');
      await tapcash('teller', 'withdraw', '10.00');
      await lostThenAgain('/charge', cut, ['charge', '1.00']);
      expect(rig.terminal.opened).toBe(1);
      await tapcash('cancel');
      const id = await paid();
      await lostThenAgain('/refund', cut, ['refund', id, '1.00']);
      expect(abc(SHOP)).toBe(200);
      // 100 is the same amount as 1.00, and this one was answered: another refund.
      expect((await tapcash('refund', id, '100')).err).not.toMatch(FINISHES);
      expect(abc(SHOP)).toBe(100);
    },
    60_000,
  );

  test('--id is the same act, --new another, and an id with another act is refused by name', async () => {
    await tapcash('teller', 'register', 'Alice', '--funding', '10.00');
    const id = '0123456789abcdef0123456789abcdef';
    const first = await tapcash('teller', 'withdraw', '1.00', '--id', id, '--json');
    expect(JSON.parse(first.out)).toMatchObject({ ok: true, amount: 100, id });
    await tapcash('teller', 'withdraw', '2.00');
    // The same answer, whatever has happened in between.
    const { finishesS: _, ...again } = JSON.parse(
      (await tapcash('teller', 'withdraw', '1.00', '--id', id, '--json')).out,
    ) as { finishesS: number };
    expect(again).toEqual(JSON.parse(first.out));
    const told = await tapcash('teller', 'withdraw', '1.00', '--id', id);
    expect([told.status, told.err]).toEqual([0, expect.stringMatching(/^The answer to the act of .*, again\./)]);
    expect(token().balance).toBe(300);
    const other = await tapcash('teller', 'withdraw', '3.00', '--id', id);
    expect([other.status, other.err]).toEqual([1, expect.stringMatching(/REQUEST_ID_REUSED/)]);
    // Also where the caller has forgotten: the bridge has not.
    rmSync(join(data, 'acts.db'));
    expect((await tapcash('teller', 'withdraw', '3.00', '--id', id)).err).toMatch(/REQUEST_ID_REUSED/);
    expect((await tapcash('teller', 'withdraw', '3.00', '--id', 'xx')).err).toMatch(/USAGE.*32 hexadecimal digits/);
    proxy.cut = (path) => (path === '/desk/withdraw' ? 'reply' : null);
    await tapcash('teller', 'withdraw', '1.00');
    proxy.cut = null;
    expect((await tapcash('teller', 'withdraw', '1.00', '--new')).err).not.toMatch(FINISHES);
    expect(token().balance).toBe(500);
    expect((await tapcash('teller', 'withdraw', '1.00')).err).toMatch(FINISHES);
    expect([token().balance, abc('Alice')]).toEqual([500, 500]);
  });

  test('an act is listed as a shell takes it', async () => {
    await tapcash('teller', 'register', 'Alice');
    proxy.cut = (path) => (path === '/desk/unload' ? 'request' : null);
    await tapcash('teller', 'unload', 'Ann "$HOME" Lee', '1.00');
    proxy.cut = null;
    expect((await tapcash('acts', 'list')).out).toContain('teller unload "Ann \\"\\$HOME\\" Lee" 1.00');
  });

  test('an act is listed with its options, and what is listed finishes it', async () => {
    proxy.cut = (path) => (path === '/desk/register' ? 'reply' : null);
    await tapcash('teller', 'register', 'Alice', '--funding', '10.00');
    proxy.cut = null;
    const out = (await tapcash('acts', 'list')).out.replace(/\s+/g, ' ');
    const listed = /teller register Alice --funding 10\.00/.exec(out)?.[0];
    expect([listed, out]).toEqual([expect.any(String), expect.stringContaining(`acts finish ID --data ${data}`)]);
    let done = await tapcash(...listed!.split(' '));
    for (let tries = 0; tries < 100 && /BUSY/.test(done.err); tries++) done = await tapcash(...listed!.split(' '));
    expect([done.status, done.err]).toEqual([0, expect.stringMatching(FINISHES)]);
    expect([abc('Alice'), kept().filter(({ answered }) => answered === 0)]).toEqual([1000, []]);
  }, 60_000);

  test('what was refused and left nothing behind is no act to be finished', async () => {
    await tapcash('teller', 'register', 'Alice');
    expect((await tapcash('teller', 'withdraw', '1.00')).err).toMatch(/FUNDS_INSUFFICIENT/);
    expect((await tapcash('refund', '00'.repeat(8))).err).toMatch(/CHARGE_UNKNOWN/);
    expect(kept().filter(({ answered }) => answered === 0)).toEqual([]);
    rig.office.fundAccount('Alice', 100);
    const done = await tapcash('teller', 'withdraw', '1.00');
    expect([done.status, done.err]).toEqual([0, expect.not.stringMatching(FINISHES)]);
  });

  test("a withdrawal without an answer is its token's: another token is refused by name, and --new is its own", async () => {
    await tapcash('teller', 'register', 'Alice', '--funding', '5.00');
    const alice = token();
    rig.terminal.token = createFakeToken('bob');
    await tapcash('teller', 'register', 'Bob', '--funding', '5.00');
    const bob = token();
    rig.terminal.token = alice;
    rig.fault = (name) => (name === 'issuer.withdraw' ? 'after' : null);
    expect((await tapcash('teller', 'withdraw', '1.00')).status).toBe(3);
    rig.fault = null;
    rig.terminal.token = bob;
    expect((await tapcash('teller', 'withdraw', '1.00')).err).toMatch(/TOKEN_CHANGED/);
    expect((await tapcash('teller', 'withdraw', '1.00', '--new')).status).toBe(0);
    expect([alice.balance, bob.balance, abc('Alice'), abc('Bob')]).toEqual([0, 100, 400, 400]);
    rig.terminal.token = alice;
    expect((await tapcash('teller', 'withdraw', '1.00')).err).toMatch(FINISHES);
    expect([alice.balance, bob.balance, toHex(alice.pku) === toHex(bob.pku)]).toEqual([100, 100, false]);
    expect(rig.store.numbers()).toMatchObject({ in: 1000, held: 1000 });
  });
});

describe('at the houses', () => {
  let services: Services;
  beforeEach(async () => {
    services = await startServices();
    proxy = await startLossyProxy(services.issuer.url);
    writeKeyFile(join(data, 'operator.key'), seedOf('operator'));
  });
  afterEach(() => services.end());
  const office = (...args: string[]): Promise<Ended> =>
    tapcashHere(['office', ...args, '--data', data, '--issuer-url', proxy.url]);
  const balance = async () => ((await services.office.balanceOf('Cafe')) as { balance: number }).balance;

  test.each(CUTS)(
    'office fund, losing %s: booked once, and the same again later is another',
    async (cut) => {
      await office('open', 'Cafe');
      let atRequest: ReturnType<typeof kept> = [];
      proxy.cut = (path) => {
        if (!path.endsWith('/office/funds')) return null;
        atRequest = kept().filter(({ answered }) => answered === 0);
        return cut;
      };
      const lost = await office('fund', 'Cafe', '10000');
      expect([lost.status, lost.err]).toEqual([3, expect.stringMatching(/the same command finishes it/)]);
      // The key was on disk before the request, for its owner alone.
      expect(atRequest).toHaveLength(1);
      expect(statSync(join(data, 'acts.db')).mode & 0o777).toBe(0o600);
      proxy.cut = null;
      const again = await office('fund', 'Cafe', '100.00');
      expect([again.status, again.err]).toEqual([0, expect.stringMatching(FINISHES)]);
      expect(await balance()).toBe(10_000);
      expect((await office('fund', 'Cafe', '10000')).err).toBe('');
      expect(await balance()).toBe(20_000);
      const { id } = JSON.parse((await office('fund', 'Cafe', '1.00', '--json')).out) as { id: string };
      expect((await office('fund', 'Cafe', '1.00', '--id', id)).status).toBe(0);
      rmSync(join(data, 'acts.db'));
      expect((await office('fund', 'Cafe', '2.00', '--id', id)).err).toMatch(/REQUEST_ID_REUSED/);
      expect(await balance()).toBe(20_100);
    },
    60_000,
  );

  test('acts without an answer are listed, finished by their ids, and given up with a reason', async () => {
    await office('open', 'Cafe');
    const acts = (...args: string[]) => tapcashHere(['acts', ...args, '--data', data]);
    const open = async () =>
      (JSON.parse((await acts('--json')).out) as { acts: { id: string; line: string[] }[] }).acts;
    expect((await acts()).out).toMatch(/Every act has its answer/);
    proxy.cut = (path) => (path.endsWith('/office/funds') ? 'reply' : null);
    await office('fund', 'Cafe', '1.00');
    await office('fund', 'Cafe', '1.00', '--new');
    proxy.cut = (path) => (path.endsWith('/office/funds') ? 'request' : null);
    await office('fund', 'Cafe', '5.00');
    proxy.cut = null;
    expect(await balance()).toBe(200);
    const begun = await open();
    const third = begun.find(({ line }) => line.at(-1) === '5.00')!;
    const done = begun.filter((one) => one !== third);
    expect([begun.length, done.length]).toEqual([3, 2]);
    expect((await acts('list')).out).toMatch(new RegExp(`${third.id} .*office fund Cafe 5.00`));
    expect((await acts('finish', 'ffffff')).err).toMatch(/NOT_FOUND/);
    expect((await acts('finish', '')).err).toMatch(/USAGE/);
    // Done already, so nothing is put in.
    for (const { id } of done) expect(await acts('finish', id.slice(0, 12))).toMatchObject({ status: 0 });
    expect([await balance(), (await open()).map(({ id }) => id)]).toEqual([200, [third.id]]);
    expect((await acts('forget', third.id)).status).toBe(2);
    expect(await acts('forget', third.id, '--why', 'never reached the issuer')).toMatchObject({ status: 0 });
    expect([await open(), await balance()]).toEqual([[], 200]);
    // The same command is another act then.
    const next = await office('fund', 'Cafe', '5.00');
    expect([next.status, next.err]).toEqual([0, '']);
    expect([await balance(), kept().length]).toEqual([700, 5]);
  });

  test.each(CUTS)(
    'office payout, losing %s: taken out once; then the empty account can be closed',
    async (cut) => {
      await office('open', 'Cafe');
      await office('fund', 'Cafe', '100.00');
      proxy.cut = (path) => (path.endsWith('/office/payouts') ? cut : null);
      expect((await office('payout', 'Cafe', '60.00', 'transfer 1')).status).toBe(3);
      proxy.cut = null;
      const again = await office('payout', 'Cafe', '60.00', 'transfer 1');
      expect([again.status, again.err]).toEqual([0, expect.stringMatching(FINISHES)]);
      expect(await balance()).toBe(4000);
      expect((await office('close', 'Cafe')).err).toMatch(/ACCOUNT_NOT_EMPTY[^]*tapcash office payout/);
      expect((await office('payout', 'Cafe', '40.01', 'transfer 2')).err).toMatch(/FUNDS_INSUFFICIENT/);
      expect((await office('payout', 'Cafe', '40.00', ' ')).err).toMatch(/REASON_MISSING/);
      expect((await office('payout', 'Nobody', '40.00', 'transfer 2')).err).toMatch(/ACCOUNT_UNKNOWN/);
      expect((await office('payout', 'Cafe', '40.00', 'transfer 2')).status).toBe(0);
      expect((await office('close', 'Cafe')).status).toBe(0);
      expect(JSON.parse((await office('numbers', '--json')).out)).toMatchObject({
        numbers: { in: 0, held: 0, paidOut: 10_000 },
      });
    },
    60_000,
  );
});
