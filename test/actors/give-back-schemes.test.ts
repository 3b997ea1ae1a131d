/**
 * What comes back, in every scheme, with its houses and a wallet that has code of its own: from the payment at the shop to the
 * receipt on the wallet, which asks for it by the scheme's own way.
 */
import { conservation, createHouses, deposit, finish, register, returnAll, SHOP, terminal, userOf, withdraw, type Houses } from './houses.js';
import type { ReferenceWallet } from './reference-wallet.js';
import { good, refundOf, rsOf, START_S, tombstoneOf } from './world.js';

describe.each([1, 2, 3, 4, 5, 6])('scheme %i: from the payment to the receipt on the token', (number) => {
  /** Gives the wallet what it missed, by the scheme's own way. */
  async function collect(at: Houses, wallet: ReferenceWallet): Promise<void> {
    if (at.scheme.issue === 'direct') {
      const { bytes } = await wallet.startWithdrawal(1);
      for (const paper of good(at.issuer.receipts(bytes)).receipts) expect(wallet.takeReceipt(paper)).toBe('OK');
      wallet.waiting = null;
      return;
    }
    for (let outcome = ''; outcome !== 'OK'; ) {
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

test('a question for a missed receipt never gives cash, and leaves nothing behind', async () => {
  const at = await createHouses(2);
  const wallet = userOf(at, 'Ada', 100);
  expect([await register(at, wallet), await withdraw(at, wallet, 60)]).toEqual(['OK', 'OK']);
  const before = [at.issuerStore.numbers(), wallet.balance];
  await wallet.startQuestion(10);
  expect(await finish(at, wallet)).toBe('AMOUNT_MISMATCH');
  const stranger = userOf(at, 'Bob');
  await stranger.startQuestion();
  expect(await finish(at, stranger)).toBe('REFUSED');
  expect([at.issuerStore.numbers(), wallet.balance]).toEqual(before);
  at.close();
});
