/**
 * Refunds and reconciled debits, where one house has all the books and where bank and issuer are two: the same
 * outcomes. Every order of claim, deposit, cancellation and time is enumerated, in the short form 60 of them: a debit
 * is credited to the shop or comes back, never both.
 */
import { spread } from '../kit/extent.js';
import { createBank } from '../../host-bridge/houses/bank/bank.js';
import { createIssuer } from '../../host-bridge/houses/issuer/issuer.js';
import type { IssuerForBank, Service } from '../../host-bridge/base/services/procedures.js';
import { refusal, type Result } from '../../host-bridge/base/errors.js';
import { openBankStore } from '../../host-bridge/ledger/sqlite/sqlite-bank.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import { BANK, conservationOf, OUT } from '../../host-bridge/ledger/rules-bank.js';
import { abcOf, ebcOf } from '../../host-bridge/ledger/rules.js';
import type { AccountStore, IssuerStore } from '../../host-bridge/ledger/store.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { receipt, receiptBody } from '../../firmware/wire/withdrawal.js';
import { isSigned } from '../../host-bridge/base/crypto/signer.js';
import {
  BOOKS,
  codeOf,
  CURRENCY,
  flipped,
  good,
  historyOf,
  issuerSigner,
  person,
  refundOf,
  rsOf,
  signerOf,
  START_S,
  tombstoneOf,
} from '../kit/people.js';

const ada = person('Ada');
const bob = person('Bob');
const terminal = signerOf('terminal');
const WINDOW_S = 1000;

interface Houses {
  accounts: AccountStore;
  issuer: IssuerStore;
  clock: { nowS: number };
  /** The issuer cannot be reached by the bank. */
  cut: boolean;
  deposit(h: Uint8Array): Result<object>;
  tombstone(bytes: Uint8Array): Result<object>;
  refund(bytes: Uint8Array): Promise<Result<object>>;
  claim(h: Uint8Array): Promise<Result<object>>;
  /** What is on its way between the houses arrives. */
  settle(): Promise<void>;
  close(): void;
}

/** Ada has 100: 40 in her account, 60 on her token; the shop nothing. */
function prepare(accounts: AccountStore, issuer: IssuerStore, cash: [string, 'withdraw' | 'draw', string][]): void {
  accounts.addAccount({ name: 'Ada', accountKey: null, certificate: null, openedS: START_S });
  accounts.addAccount({ name: 'Shop', accountKey: null, certificate: null, openedS: START_S });
  accounts.addTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey);
  accounts.post('fund', START_S, [
    { account: 'in', delta: -100 },
    { account: abcOf('Ada'), delta: 100 },
  ]);
  issuer.addPseudonym(ada.pku);
  for (const [from, kind, to] of cash)
    (kind === 'draw' ? accounts : issuer).post(kind, START_S, [
      { account: from, delta: -60 },
      { account: to, delta: 60 },
    ]);
}

function oneHouse(): Houses {
  const clock = { nowS: START_S };
  const store = openIssuerStore(':memory:', BOOKS);
  const issuer = createIssuer({
    store,
    signer: issuerSigner,
    registrarKey: BOOKS.registrarKey,
    currency: CURRENCY,
    clock: () => clock.nowS,
    claimWindowS: WINDOW_S,
  });
  prepare(store, store, [[abcOf('Ada'), 'withdraw', ebcOf(toHex(ada.pku))]]);
  return {
    ...{
      accounts: store,
      issuer: store,
      clock,
      cut: false,
      deposit: issuer.deposit,
      tombstone: issuer.tombstone,
      close: store.close,
    },
    refund: async (bytes) => issuer.refund(bytes),
    claim: async (bytes) => issuer.claim(bytes),
    settle: async () => undefined,
  };
}

/** @param scheme 3: messages as they are; 5: with SKB and SKI */
function twoHouses(scheme: number): Houses {
  const clock = { nowS: START_S };
  const bankSigner = signerOf('bank');
  const common = {
    registrarKey: BOOKS.registrarKey,
    currency: CURRENCY,
    clock: () => clock.nowS,
    scheme: schemeOf(scheme),
    claimWindowS: WINDOW_S,
  };
  const issuerStore = openIssuerStore(':memory:', BOOKS);
  const issuer = createIssuer({ ...common, store: issuerStore, signer: issuerSigner, bankKey: bankSigner.publicKey });
  const accounts = openBankStore(':memory:', BOOKS);
  const gate: Service<IssuerForBank> = {
    receive: async (message, signature) => (houses.cut ? refusal('SERVICE_DOWN') : issuer.receive(message, signature)),
    returnCash: (histories) => (houses.cut ? refusal('SERVICE_DOWN') : issuer.returnCash(histories)),
  };
  const bank = createBank({
    ...common,
    store: accounts,
    signer: bankSigner,
    issuerKey: issuerSigner.publicKey,
    issuer: gate,
  });
  prepare(accounts, issuerStore, [[abcOf('Ada'), 'draw', OUT]]);
  issuerStore.post('issue', START_S, [
    { account: BANK, delta: -60 },
    { account: ebcOf(toHex(ada.pku)), delta: 60 },
  ]);
  const houses: Houses = {
    ...{
      accounts,
      issuer: issuerStore,
      clock,
      cut: false,
      deposit: bank.deposit,
      tombstone: bank.tombstone,
      refund: bank.refund,
      claim: bank.claim,
    },
    settle: async () => void good(await bank.forward()),
    close() {
      accounts.close();
      issuerStore.close();
    },
  };
  return houses;
}

const KINDS: [string, () => Houses][] = [
  ['one house', oneHouse],
  ['bank and issuer, plain', () => twoHouses(3)],
  ['bank and issuer, signed', () => twoHouses(5)],
];

const ebc = (houses: Houses) => houses.issuer.balance(ebcOf(toHex(ada.pku)));
const abc = (houses: Houses, name = 'Shop') => houses.accounts.balance(abcOf(name));
/** Kind and amount of every receipt that the issuer wrote, each verified. */
function receipts(houses: Houses): [number, number][] {
  return houses.issuer.receiptsFrom(ada.pku, 1, 100).map((row, i) => {
    const paper = receipt.decode(row.receipt)!;
    const body = receiptBody.decode(paper.body)!;
    expect(isSigned(issuerSigner.publicKey, SIGNED.receipt, paper.body, paper.signature)).toBe(true);
    expect([body.number, equal(body.pku, ada.pku)]).toEqual([i + 1, true]);
    return [body.kind, body.amount];
  });
}
function conserve(houses: Houses): void {
  const atIssuer = houses.accounts === (houses.issuer as AccountStore) ? null : houses.issuer.numbers();
  expect(conservationOf(houses.accounts.numbers(), atIssuer)).toEqual({ ok: true, in: 100, held: 100 });
}

let houses: Houses;
afterEach(() => houses.close());

describe.each(KINDS)('refund: %s', (_name, make) => {
  const h = historyOf(ada, 'Shop', 20, rsOf(1));
  const refund = (amount: number, id: number, changes = {}) =>
    houses.refund(refundOf(terminal, ada.pku, 'Shop', rsOf(1), amount, id, changes));
  beforeEach(async () => {
    houses = make();
    good(houses.deposit(h));
    await houses.settle();
  });

  test('in parts, up to the amount, each once whatever is repeated', async () => {
    expect(codeOf(await refund(5, 1))).toBe('OK');
    expect(good(await refund(5, 1))).toMatchObject({ repeated: true });
    expect(codeOf(await refund(16, 2))).toBe('REFUND_TOO_LARGE');
    expect(codeOf(await refund(15, 1))).toBe('REQUEST_ID_REUSED');
    expect(codeOf(await refund(15, 2))).toBe('OK');
    expect(codeOf(await refund(1, 3))).toBe('REFUND_TOO_LARGE');
    await houses.settle();
    expect([abc(houses), ebc(houses), receipts(houses)]).toEqual([
      0,
      60,
      [
        [2, 5],
        [2, 15],
      ],
    ]);
    conserve(houses);
  });

  test('100 at once: one each, never above the amount', async () => {
    const codes = await Promise.all(Array.from({ length: 100 }, (_, i) => refund(3, i % 50)));
    expect(codes.filter((each) => each.ok && !(each as { repeated?: boolean }).repeated)).toHaveLength(6);
    await houses.settle();
    expect([abc(houses), ebc(houses)]).toEqual([2, 58]);
    conserve(houses);
  });

  test('refused, and nothing changes', async () => {
    expect(codeOf(await houses.refund(new Uint8Array(3)))).toBe('BAD_REQUEST');
    expect(codeOf(await refund(5, 1, { issuer: new Uint8Array(4) }))).toBe('ISSUER_UNKNOWN');
    expect(codeOf(await refund(5, 1, { currency: 'USD' }))).toBe('CURRENCY_UNKNOWN');
    expect(codeOf(await refund(5, 1, { terminalId: new Uint8Array(4) }))).toBe('TERMINAL_UNKNOWN');
    expect(codeOf(await refund(5, 1, { rs: rsOf(2) }))).toBe('HISTORY_UNKNOWN');
    expect(codeOf(await refund(5, 1, { pku: bob.pku }))).toBe('HISTORY_UNKNOWN');
    expect(codeOf(await houses.refund(refundOf(signerOf('thief'), ada.pku, 'Shop', rsOf(1), 5, 1)))).toBe(
      'SIGNATURE_INVALID',
    );
    const sound = refundOf(terminal, ada.pku, 'Shop', rsOf(1), 5, 1);
    for (let at = 0; at < sound.length; at++)
      expect([at, (await houses.refund(flipped(sound, at))).ok]).toEqual([at, false]);
    expect([abc(houses), ebc(houses), receipts(houses)]).toEqual([20, 40, []]);
  });

  test('a shop that has spent the money cannot give it back', async () => {
    houses.accounts.post('withdraw', START_S, [
      { account: abcOf('Shop'), delta: -18 },
      { account: abcOf('Ada'), delta: 18 },
    ]);
    expect(codeOf(await refund(5, 1))).toBe('FUNDS_INSUFFICIENT');
    expect(codeOf(await refund(2, 2))).toBe('OK');
  });
});

describe('where the issuer cannot be reached', () => {
  test('a refund waits for the return of its payment, is drawn once, and credited as soon as it can be', async () => {
    houses = twoHouses(3);
    good(houses.deposit(historyOf(ada, 'Shop', 20, rsOf(1))));
    const refund = () => houses.refund(refundOf(terminal, ada.pku, 'Shop', rsOf(1), 5, 1));
    expect(codeOf(await refund())).toBe('NOT_RETURNED');
    await houses.settle();
    houses.cut = true;
    expect([codeOf(await refund()), codeOf(await refund())]).toEqual(['OK', 'OK']);
    expect([abc(houses), ebc(houses)]).toEqual([15, 40]);
    conserve(houses);
    houses.cut = false;
    await houses.settle();
    expect([abc(houses), ebc(houses), receipts(houses)]).toEqual([15, 45, [[2, 5]]]);
    conserve(houses);
  });

  test('a refund that the issuer refuses for good goes back to the shop', async () => {
    houses = twoHouses(3);
    good(houses.deposit(historyOf(ada, 'Shop', 20, rsOf(1))));
    await houses.settle();
    // The counter is full: nothing more can be credited to it.
    houses.issuer.post('issue', START_S, [
      { account: BANK, delta: -(Number.MAX_SAFE_INTEGER - 60) },
      { account: ebcOf(toHex(ada.pku)), delta: Number.MAX_SAFE_INTEGER - 42 },
    ]);
    good(await houses.refund(refundOf(terminal, ada.pku, 'Shop', rsOf(1), 5, 1)));
    expect([abc(houses), receipts(houses)]).toEqual([20, []]);
    expect(codeOf(await houses.refund(refundOf(terminal, ada.pku, 'Shop', rsOf(1), 5, 1)))).toBe('REFUND_UNDONE');
  });
});

describe.each(KINDS)('claim: %s', (_name, make) => {
  const rs = rsOf(1);
  const h = historyOf(ada, 'Shop', 20, rs);
  beforeEach(() => {
    houses = make();
  });

  test('the window opens, is waited for, and then the debit comes back once, EBC unchanged', async () => {
    expect(good(await houses.claim(h))).toMatchObject({ state: 'open', dueS: START_S + WINDOW_S, repeated: false });
    houses.clock.nowS += WINDOW_S - 1;
    expect(good(await houses.claim(h))).toMatchObject({ state: 'open', repeated: true });
    houses.clock.nowS += 1;
    expect(good(await houses.claim(h))).toMatchObject({ state: 'granted', repeated: false });
    expect(good(await houses.claim(h))).toMatchObject({ state: 'granted', repeated: true });
    await houses.settle();
    expect([ebc(houses), receipts(houses)]).toEqual([60, [[3, 20]]]);
    expect(codeOf(houses.deposit(h))).toBe('RECONCILED');
    conserve(houses);
  });

  test('a clock that is ahead for a moment decides nothing: its word passes, and the shop is credited', async () => {
    good(await houses.claim(h));
    houses.clock.nowS += 30 * 86400;
    expect(codeOf(houses.deposit(h))).toBe('CLAIM_DUE');
    houses.clock.nowS -= 30 * 86400;
    expect(codeOf(houses.deposit(h))).toBe('OK');
    expect(codeOf(await houses.claim(h))).toBe('ALREADY_PAID');
    conserve(houses);
  });

  test("somebody else's debit under the same (IdS, Rs) is not touched by a claim", async () => {
    const other = historyOf(bob, 'Shop', 20, rs);
    good(await houses.claim(h));
    houses.clock.nowS += WINDOW_S;
    good(await houses.claim(h));
    expect(codeOf(houses.deposit(other))).toBe('OK');
  });

  test('refused, and nothing changes', async () => {
    expect(codeOf(await houses.claim(new Uint8Array(3)))).toBe('BAD_REQUEST');
    expect(codeOf(await houses.claim(historyOf(ada, 'Shop', 20, rs, {}, { token: bob.token })))).toBe(
      'SIGNATURE_INVALID',
    );
    for (let at = 0; at < h.length; at++) expect([at, (await houses.claim(flipped(h, at))).ok]).toEqual([at, false]);
    good(await houses.claim(h));
    expect(codeOf(await houses.claim(historyOf(ada, 'Shop', 21, rs)))).toBe('CHALLENGE_CONFLICT');
    expect(receipts(houses)).toEqual([]);
  });

  type Event = 'claim' | 'deposit' | 'bury' | 'wait' | 'settle';
  const act: Record<Event, () => Promise<unknown> | unknown> = {
    claim: () => houses.claim(h),
    deposit: () => houses.deposit(h),
    bury: () => houses.tombstone(tombstoneOf(terminal, 'Shop', rs)),
    wait: () => (houses.clock.nowS += WINDOW_S),
    settle: () => houses.settle(),
  };
  function ordersOf(events: Event[]): Event[][] {
    return events.length === 0
      ? [[]]
      : events.flatMap((first, i) =>
          ordersOf([...events.slice(0, i), ...events.slice(i + 1)]).map((rest) => [first, ...rest]),
        );
  }

  test('deposit, claim twice, cancellation, time: in every order one outcome, never both', async () => {
    const outcomes = new Set<string>();
    const orders = new Set(
      ordersOf(['claim', 'claim', 'deposit', 'bury', 'wait', 'settle']).map((order) => order.join()),
    );
    for (const order of spread([...orders], 25)) {
      houses.close();
      houses = make();
      for (const event of order.split(',') as Event[]) await act[event]();
      await houses.settle();
      const came = receipts(houses);
      const credited = abc(houses);
      const back = came.reduce((sum, [, amount]) => sum + amount, 0);
      expect([order, [0, 20].includes(credited), [0, 20].includes(back), credited + back <= 20]).toEqual([
        order,
        true,
        true,
        true,
      ]);
      expect(ebc(houses)).toBe(60 - credited);
      conserve(houses);
      outcomes.add(`${credited} ${back}`);
    }
    expect([...outcomes].sort()).toEqual(['0 0', '0 20', '20 0']);
  });
});

test('a claim for a pseudonym that never had cash is refused, where the house can know', async () => {
  houses = oneHouse();
  expect(codeOf(await houses.claim(historyOf(bob, 'Shop', 20, rsOf(1))))).toBe('PSEUDONYM_UNKNOWN');
});

test('the issuer takes no return of a debit that it reconciled, whatever the bank says', async () => {
  houses = twoHouses(3);
  const h = historyOf(ada, 'Shop', 20, rsOf(1));
  good(await houses.claim(h));
  houses.clock.nowS += WINDOW_S;
  good(await houses.claim(h));
  const issuer = createIssuer({
    store: houses.issuer,
    signer: issuerSigner,
    registrarKey: BOOKS.registrarKey,
    currency: CURRENCY,
    clock: () => START_S,
    scheme: schemeOf(3),
  });
  expect(good(issuer.returnCash([h])).codes).toEqual(['RECONCILED']);
  expect(ebc(houses)).toBe(60);
});
