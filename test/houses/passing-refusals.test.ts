/**
 * What a bank brings to an issuer that refuses it on facts that pass (here: a registrar's key that it has not heard
 * of): nothing of it is kept as an answer, it comes again, and it holds up nothing else.
 */
import { schemeOf } from '../../firmware/core/scheme.js';
import { toHex } from '../../firmware/core/bytes.js';
import type { ErrorCode } from '../../host-bridge/base/errors.js';
import { createBank } from '../../host-bridge/houses/bank/bank.js';
import { createIssuer } from '../../host-bridge/houses/issuer/issuer.js';
import { RETURN_MAX } from '../../host-bridge/houses/issuer/issuer-return.js';
import { BANK, conservationOf, OUT } from '../../host-bridge/ledger/rules-bank.js';
import { abcOf, ebcOf } from '../../host-bridge/ledger/rules.js';
import { openBankStore } from '../../host-bridge/ledger/sqlite/sqlite-bank.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import {
  BOOKS,
  codeOf,
  CURRENCY,
  good,
  historyOf,
  issuerSigner,
  person,
  refundOf,
  rsOf,
  signerOf,
  START_S,
} from '../kit/people.js';

const ada = person('Ada');
const terminal = signerOf('terminal');
const CASH = 500;

/** A bank, and an issuer on one book that knows the registrar's key or does not yet. @param scheme 3 plain, 5 signed */
function createHouses(scheme: number) {
  const bankSigner = signerOf('bank');
  const clock = { nowS: START_S };
  const common = { currency: CURRENCY, clock: () => clock.nowS, scheme: schemeOf(scheme), claimWindowS: 1000 };
  const issuerStore = openIssuerStore(':memory:', BOOKS);
  const issuerWith = (registrarKey: Uint8Array) =>
    createIssuer({ ...common, registrarKey, store: issuerStore, signer: issuerSigner, bankKey: bankSigner.publicKey });
  const [knowing, unheard] = [issuerWith(BOOKS.registrarKey), issuerWith(signerOf('older registrar').publicKey)];
  const bankStore = openBankStore(':memory:', BOOKS);
  const made = {
    hasHeard: false,
    /** The issuer has not heard of the key that signed these alone. */
    unheardOf: null as ((history: Uint8Array) => boolean) | null,
    brought: 0,
  };
  const at = () => (made.hasHeard ? knowing : unheard);
  const bank = createBank({
    ...common,
    registrarKey: BOOKS.registrarKey,
    store: bankStore,
    signer: bankSigner,
    issuerKey: issuerSigner.publicKey,
    issuer: {
      receive: (message, signature) => at().receive(message, signature),
      async returnCash(histories) {
        made.brought += histories.length;
        const { unheardOf } = made;
        const codes = histories.map(
          (history) =>
            (good((unheardOf?.(history) ? unheard : at()).returnCash([history])) as { codes: string[] }).codes[0]!,
        );
        return { ok: true as const, codes };
      },
    },
  });
  for (const name of ['Ada', 'Shop'])
    bankStore.addAccount({ name, accountKey: null, certificate: null, openedS: START_S });
  bankStore.addTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey);
  bankStore.post('fund', START_S, [
    { account: 'in', delta: -CASH },
    { account: OUT, delta: CASH },
  ]);
  issuerStore.addPseudonym(ada.pku);
  issuerStore.post('issue', START_S, [
    { account: BANK, delta: -CASH },
    { account: ebcOf(toHex(ada.pku)), delta: CASH },
  ]);
  return { made, clock, bank, bankStore, issuerStore };
}

type Houses = ReturnType<typeof createHouses>;
const ebc = ({ issuerStore }: Houses) => issuerStore.balance(ebcOf(toHex(ada.pku)));
const conserve = ({ bankStore, issuerStore }: Houses) =>
  expect(conservationOf(bankStore.numbers(), issuerStore.numbers())).toEqual({ ok: true, in: CASH, held: CASH });
/** Rounds until nothing more is to be done now. */
async function round(houses: Houses): Promise<ErrorCode | 'OK'> {
  for (;;) {
    const done = await houses.bank.forward();
    if (!done.ok) return done.code;
    if (!done.more) return 'OK';
  }
}

describe.each([3, 5])('scheme %i', (scheme) => {
  test('a return is taken once the key is known; the shop was credited, and the counter follows', async () => {
    const houses = createHouses(scheme);
    good(houses.bank.deposit(historyOf(ada, 'Shop', 20, rsOf(1))));
    expect(await round(houses)).toBe('LICENSE_INVALID');
    expect([houses.bankStore.balance(abcOf('Shop')), ebc(houses)]).toEqual([20, CASH]);
    houses.made.hasHeard = true;
    expect(await round(houses)).toBe('OK');
    expect(ebc(houses)).toBe(CASH - 20);
    conserve(houses);
  });

  test('a claim that was granted brings its receipt once the key is known', async () => {
    const houses = createHouses(scheme);
    const h = historyOf(ada, 'Shop', 20, rsOf(1));
    good(await houses.bank.claim(h));
    houses.clock.nowS += 1000;
    good(await houses.bank.claim(h));
    expect(await round(houses)).toBe('LICENSE_INVALID');
    expect(houses.issuerStore.receiptsFrom(ada.pku, 1, 10)).toEqual([]);
    houses.made.hasHeard = true;
    expect(await round(houses)).toBe('OK');
    expect(houses.issuerStore.receiptsFrom(ada.pku, 1, 10)).toHaveLength(1);
    conserve(houses);
  });

  test('a refund whose payment the issuer does not have yet is not undone', async () => {
    const houses = createHouses(scheme);
    houses.made.hasHeard = true;
    good(houses.bank.deposit(historyOf(ada, 'Shop', 20, rsOf(1))));
    good(await houses.bank.forward());
    const taken = houses.issuerStore.history.bind(houses.issuerStore);
    houses.issuerStore.history = () => null; // as after a restore of last night's books
    good(await houses.bank.refund(refundOf(terminal, ada.pku, 'Shop', rsOf(1), 5, 1)));
    expect(await round(houses)).toBe('HISTORY_UNKNOWN');
    expect(houses.bankStore.balance(abcOf('Shop'))).toBe(15);
    houses.issuerStore.history = taken;
    expect(await round(houses)).toBe('OK');
    expect([houses.bankStore.balance(abcOf('Shop')), ebc(houses)]).toEqual([15, CASH - 15]);
    conserve(houses);
  });
});

test('more than a batch that is not taken yet holds up nothing behind it', async () => {
  const houses = createHouses(3);
  const count = 2 * RETURN_MAX + 3;
  const waiting = new Set<string>();
  for (let i = 1; i <= count; i++) {
    const h = historyOf(ada, 'Shop', 1, rsOf(i));
    if (i < count) waiting.add(toHex(h));
    expect(codeOf(houses.bank.deposit(h))).toBe('OK');
  }
  houses.made.hasHeard = true;
  houses.made.unheardOf = (history) => waiting.has(toHex(history));
  expect(await round(houses)).toBe('LICENSE_INVALID');
  expect([ebc(houses), houses.made.brought]).toEqual([CASH - 1, count]);
  houses.made.unheardOf = null;
  expect(await round(houses)).toBe('OK');
  expect(ebc(houses)).toBe(CASH - count);
  conserve(houses);
});
