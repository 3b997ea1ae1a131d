/**
 * What comes back, in every scheme, with its houses and a wallet that has code of its own: from the payment at the shop
 * to the receipt on the wallet, which asks for it by the scheme's own way.
 */
import { isListed } from '../../host-bridge/base/deny-lists.js';
import { listOf } from '../kit/deny-lists.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { audit } from '../../host-bridge/audit/audit.js';
import {
  conservation,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  terminal,
  userOf,
  withdraw,
  type Houses,
} from './houses-rig.js';
import type { ReferenceWallet } from './reference-wallet.js';
import { codeOf, flipped, good, refundOf, rsOf, signerOf, START_S, tombstoneOf } from '../kit/people.js';

describe.each([1, 2, 3, 4, 5, 6])('scheme %i: from the payment to the receipt on the token', (number) => {
  /** Gives the wallet what it missed, by the scheme's own way. */
  async function collect(at: Houses, wallet: ReferenceWallet): Promise<void> {
    if (at.scheme.issue === 'direct') {
      const { bytes } = await wallet.startWithdrawal(1);
      for (const paper of good(at.issuer.receipts(bytes)).receipts) expect(wallet.takeReceipt(paper)).toBe('OK');
      wallet.waiting = null;
      return;
    }
    for (let outcome = ''; outcome !== 'OK';) {
      await (at.scheme.issue === 'coupon' ? wallet.startQuestion() : wallet.startWithdrawal(0));
      outcome = await finish(at, wallet);
      expect(['OK', 'RECEIPT_GAP']).toContain(outcome);
    }
  }

  test('a refund and a cancelled debit come back to the Balance, and EBC and Balance agree', async () => {
    const at = await createHouses(number);
    const accounts = at.bank ?? at.issuer;
    const wallet = userOf(at, 'Ada', 100, Math.min(2, at.scheme.pseudonymsMax));
    expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
    const last = wallet.pseudonyms.length - 1;
    good(deposit(at, wallet.pay(SHOP, 20, rsOf(1), START_S, last)));
    await returnAll(at);
    good(await accounts.refund(refundOf(terminal, wallet.pseudonyms[last]!.publicKey, SHOP, rsOf(1), 5, 1)));
    // The same refund, signed by the terminal that came instead: its first answer was lost, or forgotten.
    const other = signerOf('another terminal');
    good(at.accounts.registerTerminal(SHOP, rsOf(0, 2).subarray(0, 4), other.publicKey));
    const again = (amount: number) =>
      accounts.refund(
        refundOf(other, wallet.pseudonyms[last]!.publicKey, SHOP, rsOf(1), amount, 1, {
          terminalId: rsOf(0, 2).subarray(0, 4),
        }),
      );
    expect(good(await again(5))).toMatchObject({ repeated: true });
    expect(codeOf(await again(6))).toBe('REQUEST_ID_REUSED');
    const walkedAway = wallet.pay(SHOP, 7, rsOf(2), START_S, last);
    good(accounts.tombstone(tombstoneOf(terminal, SHOP, rsOf(2))));
    expect(good(await accounts.claim(walkedAway))).toMatchObject({ state: 'granted' });
    await returnAll(at);
    await collect(at, wallet);
    const { ebc } = good(at.office.counterOf(wallet.pseudonyms[0]!.publicKey));
    expect([wallet.balance, ebc]).toEqual([60 - 20 + 5, 60 - 20 + 5]);
    expect(conservation(at)).toEqual({ ok: true, in: 100, held: 100 });
    at.close();
  });
});

test.each([1, 3])('scheme %i: money paid out is gone from the books, and the audit knows where', async (number) => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const at = await createHouses(number, { folder });
  const wallet = userOf(at, 'Ada', 100);
  expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
  good(deposit(at, wallet.pay(SHOP, 25, rsOf(1), START_S)));
  await returnAll(at);
  expect(codeOf(at.accounts.payOut(SHOP, 26, 'transfer 1'))).toBe('FUNDS_INSUFFICIENT');
  expect(good(at.accounts.payOut(SHOP, 20, 'transfer 1'))).toEqual({ ok: true, balance: 5 });
  expect(conservation(at)).toEqual({ ok: true, in: 80, held: 80 });
  expect(codeOf(at.accounts.closeAccount(SHOP))).toBe('ACCOUNT_NOT_EMPTY');
  good(at.accounts.payOut(SHOP, 5, 'transfer 2'));
  expect(good(at.accounts.closeAccount(SHOP))).toEqual({ ok: true, repeated: false });
  expect(codeOf(at.accounts.payOut(SHOP, 1, 'transfer 3'))).toBe('ACCOUNT_UNKNOWN');
  expect(conservation(at)).toEqual({ ok: true, in: 75, held: 75 });
  expect(good(at.accounts.numbers()).numbers.paidOut).toBe(25);
  at.close();
  expect(audit(at.databases)).toMatchObject({ ok: true, broken: [], in: 75, held: 75 });
  const which = number === 1 ? 'issuerDatabase' : 'bankDatabase';
  for (const [sql, problem] of [
    ['DELETE FROM payouts WHERE amount = 5', /has no payout/],
    ['UPDATE payouts SET amount = 19 WHERE amount = 20', /another amount/],
    ["UPDATE payouts SET name = 'Ada' WHERE amount = 20", /other accounts/],
    ['UPDATE payouts SET transaction_id = 1 WHERE amount = 5', /is no payout/],
  ] as const) {
    const copy = `${at.databases[which]!}.damaged`;
    const open = new Sqlite(at.databases[which]!);
    await open.backup(copy);
    open.close();
    const damaged = new Sqlite(copy);
    damaged.prepare(sql).run();
    damaged.close();
    expect(audit({ ...at.databases, [which]: copy }).broken).toContainEqual(
      expect.objectContaining({ problem: expect.stringMatching(problem) }),
    );
  }
  rmSync(folder, { recursive: true });
});

test('a question for a missed receipt never gives cash, and leaves nothing behind', async () => {
  const at = await createHouses(2);
  const wallet = userOf(at, 'Ada', 100);
  expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
  const before = [at.issuerStore.numbers(), wallet.balance];
  await wallet.startQuestion(10);
  expect(await finish(at, wallet)).toBe('FUNDS_INSUFFICIENT');
  const stranger = userOf(at, 'Bob');
  await stranger.startQuestion();
  expect(await finish(at, stranger)).toBe('REFUSED');
  expect([at.issuerStore.numbers(), wallet.balance]).toEqual(before);
  at.close();
});

describe.each([1, 2, 3, 4, 5, 6])('scheme %i: a lost token', (number) => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is denied at once; what is left goes back to its owner after its time, once', async () => {
    const at = await createHouses(number, { folder });
    const wallet = userOf(at, 'Ada', 100, Math.min(2, at.scheme.pseudonymsMax));
    expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
    const [pku] = wallet.pseudonyms.map((key) => key.publicKey) as [Uint8Array];
    const of =
      at.scheme.registration === 'sealed' ? good(at.bankOffice!.registrationsOf('Ada')).registrations.pop()! : pku;
    const { version } = good(at.issuer.denyList(0));
    const { dueS } = good(at.office.lose(of, 'left on the train'));
    // One list, however many pseudonyms the set has.
    expect(good(at.issuer.denyList(0)).version).toBe(version + 1);
    expect(good(at.office.lose(of, 'again'))).toEqual({ ok: true, dueS, onDenyList: true, repeated: true });
    const listed = listOf(good(at.issuer.denyList(0)).messages);
    for (const key of wallet.pseudonyms) expect(isListed(listed, key.publicKey)).toBe(true);

    // A payment from before still arrives, and is taken off first.
    good(deposit(at, wallet.pay(SHOP, 25, rsOf(1), START_S)));
    await returnAll(at);
    at.clock.nowS = dueS - 1;
    expect(codeOf(at.office.release(of))).toBe('LOSS_EARLY');
    at.clock.nowS = dueS;
    const given = good(at.office.release(of));
    expect([given.amount, given.name, given.order === null]).toEqual([35, at.bank ? null : 'Ada', at.bank === null]);
    expect(good(at.office.release(of))).toEqual({ ...given, repeated: true });
    expect(conservation(at)).toEqual({ ok: true, in: 100, held: 100 });
    if (at.bank) {
      const order = given.order!;
      for (let i = 0; i < order.length; i++)
        expect([i, at.bankOffice!.creditRelease('Ada', flipped(order, i)).ok]).toEqual([i, false]);
      if (at.scheme.registration === 'sealed')
        expect(codeOf(at.bankOffice!.creditRelease(SHOP, order))).toBe('OWNER_UNKNOWN');
      expect(good(at.bankOffice!.creditRelease('Ada', order))).toEqual({ ok: true, amount: 35, repeated: false });
      expect(good(at.bankOffice!.creditRelease('Ada', order))).toEqual({ ok: true, amount: 35, repeated: true });
      if (at.scheme.registration === 'open')
        expect(codeOf(at.bankOffice!.creditRelease(SHOP, order))).toBe('REQUEST_ID_REUSED');
    }
    expect(good(at.accounts.balanceOf('Ada')).balance).toBe(40 + 35);
    expect(conservation(at)).toEqual({ ok: true, in: 100, held: 100 });
    at.close();
    expect(audit(at.databases).broken).toEqual([]);

    // Each row that this adds, broken once.
    const damage: [keyof typeof at.databases, string, RegExp][] = [
      ['issuerDatabase', 'DELETE FROM losses', /not reported lost/],
      ['issuerDatabase', 'UPDATE losses SET due_s = due_s + 1', /before its time/],
      ['issuerDatabase', 'UPDATE releases SET amount = 34', /other accounts or another amount/],
      ...(at.bank
        ? ([
            ['issuerDatabase', 'UPDATE releases SET amount = 34', /says other than its row/],
            ['bankDatabase', "UPDATE releases SET release_order = x'00'", /does not decode/],
            [
              'bankDatabase',
              'UPDATE releases SET release_order = CAST(zeroblob(64) || substr(release_order, 65) AS BLOB)',
              /not signed by the issuer/,
            ],
            ['bankDatabase', "UPDATE releases SET release_order = x'00'", /an order that the issuer does not have/],
            ['bankDatabase', 'UPDATE releases SET subject = zeroblob(32)', /says other than its row/],
            ['bankDatabase', 'DELETE FROM releases', /has no release/],
          ] as [keyof typeof at.databases, string, RegExp][])
        : ([['issuerDatabase', "UPDATE releases SET release_order = x'00'", /needs none/]] as [
            keyof typeof at.databases,
            string,
            RegExp,
          ][])),
    ];
    for (const [which, sql, problem] of damage) {
      const path = at.databases[which]!;
      const copy = `${path}.damaged`;
      const open = new Sqlite(path);
      await open.backup(copy);
      open.close();
      const database = new Sqlite(copy);
      database.pragma('ignore_check_constraints = ON');
      database.pragma('foreign_keys = OFF');
      expect(database.prepare(sql).run().changes).toBeGreaterThan(0);
      database.close();
      expect(audit({ ...at.databases, [which]: copy }).broken).toContainEqual(
        expect.objectContaining({ problem: expect.stringMatching(problem) }),
      );
    }
  });

  test('cash under a license that is over comes back within two weeks of its end', async () => {
    const at = await createHouses(number);
    const wallet = userOf(at, 'Ada', 100);
    expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
    const pku = wallet.pseudonyms[0]!.publicKey;
    const newest = at.trustee ? good(at.trustee.licenseOf(pku)).license : null;
    const endS = licenseBody.decode(license.decode(wallet.licenses[0]!)!.body)!.validUntilS;
    const week = 7 * 86400;
    // Too late to renew, and too late to be deposited; nothing more is withdrawn under it where the issuer signed it.
    at.clock.nowS = endS + week;
    if (at.scheme.registration === 'sealed')
      expect([await withdraw(at, wallet, 10), await register(at, wallet)]).toEqual([
        'LICENSE_EXPIRED',
        'LICENSE_EXPIRED',
      ]);
    const of =
      at.scheme.registration === 'sealed' ? good(at.bankOffice!.registrationsOf('Ada')).registrations[0]! : pku;
    if (newest) {
      expect(codeOf(at.office.lose(of, 'its license is over', flipped(newest, 5)))).not.toBe('OK');
      expect(good(at.trustee!.licenseOf(pku)).license).toEqual(newest);
      expect(codeOf(at.trustee!.licenseOf(new Uint8Array(32)))).toBe('PSEUDONYM_UNKNOWN');
    }
    expect(good(at.office.lose(of, 'its license is over', newest)).dueS).toBe(endS + 2 * week);
    expect(codeOf(at.office.release(of))).toBe('LOSS_EARLY');
    at.clock.nowS = endS + 2 * week;
    const given = good(at.office.release(of));
    expect(given.amount).toBe(60);
    if (given.order) good(at.bankOffice!.creditRelease('Ada', given.order));
    expect(good(at.accounts.balanceOf('Ada')).balance).toBe(100);
    expect(conservation(at)).toEqual({ ok: true, in: 100, held: 100 });
    at.close();
  });

  test('refused: without a reason, unknown, not lost, nothing left', async () => {
    const at = await createHouses(number);
    const wallet = userOf(at, 'Ada', 100);
    expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
    const pku = wallet.pseudonyms[0]!.publicKey;
    expect(codeOf(at.office.lose(pku, ' '))).toBe('REASON_MISSING');
    expect(codeOf(at.office.lose(new Uint8Array(32), 'x'))).toBe('PSEUDONYM_UNKNOWN');
    expect(codeOf(at.office.lose(new Uint8Array(300), 'x'))).toBe('PSEUDONYM_UNKNOWN');
    expect(codeOf(at.office.release(pku))).toBe('NOT_LOST');
    good(deposit(at, wallet.pay(SHOP, 60, rsOf(1), START_S)));
    await returnAll(at);
    at.clock.nowS = good(at.office.lose(pku, 'x')).dueS;
    expect(codeOf(at.office.release(pku))).toBe('NOTHING_LEFT');
    at.close();
  });
});
