/**
 * Claims 1 to 38 of EP 0926637, each with the rows of the scheme table that it is about and the tests that show it. A
 * test that is renamed or taken away is missed here. docs/schemes.md: its table is the scheme table, its diagrams are
 * of a form that draws.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEMES, type Scheme } from '../firmware/core/scheme.js';

const ROOT = join(__dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** A test by its file below test/ and its title as written there. */
type Shown = [file: string, title: string];

interface Claim {
  /** The steps that it claims, in the words of this project. */
  what: string;
  schemes: number[];
  shownBy: Shown[];
}

const ALL = SCHEMES.map(({ number }) => number);
const rows = (fits: (scheme: Scheme) => boolean) => SCHEMES.filter(fits).map(({ number }) => number);
const SEALED = rows(({ registration }) => registration === 'sealed');
const KEYED = rows(({ issue }) => issue === 'keyed');

// Houses and user's equipment, every step with conservation after it; the same over HTTP; the firmware's own side.
const LIFE: Shown = ['houses/schemes.test.ts', 'scheme %i with %i pseudonyms: the life of 30'];
const OVER_HTTP: Shown = [
  'services/served-schemes.test.ts',
  'scheme %i: register, withdraw, pay, deposit, return, trace; nothing secret in log or reply',
];
const DEMO: Shown = ['system/demo.test.ts', 'pay, on emulated boards'];
const BOOT: Shown = [
  'user-token/token-bundle.test.ts',
  'boots, registers, takes a license and cash, pays, and pays again after a reset',
];
const PAY: Shown = [
  'user-token/purse.test.ts',
  'a payment is signed, debited once, repeated to the byte, and survives a reset',
];
const TOKEN_SEALED: Shown = [
  'user-token/requests.test.ts',
  'registers PKU1..n with proofs, takes n licenses, withdraws, twice',
];
const TOKEN_COUPONS: Shown = [
  'user-token/requests.test.ts',
  'two of one amount are two; each is redeemed once, in any order, and becomes Balance',
];
const TILL: Shown = [
  'shop-terminal/terminal.test.ts',
  'is checked by the bridge, PAID, acknowledged, reported and delivered',
];
const HISTORY: Shown = [
  'shop-terminal/till.test.ts',
  'paid: H holds license, challenge and signature, and is delivered once',
];
const DEPOSIT: Shown = ['houses/issuer.test.ts', 'moves y from EBC to the shop, once for each (PKU, IdS, Rs)'];
const WITHDRAW: Shown = ['houses/issuer.test.ts', 'moves x from ABC to EBC and gives a signed, numbered receipt'];
const LICENSE: Shown = [
  'houses/trustee.test.ts',
  '(PKU, IdU) gives the license SKR(PKU), valid for a year and to the end of the quarter',
];
const HISTORIES: Shown = ['houses/hostile-bridge.test.ts', 'scheme %i: histories, cancelled charges and returns'];
const COMPARED: Shown = [
  'houses/hostile-bank.test.ts',
  'scheme %i: a changed x is refused for good, whatever comes after',
];
const SIGNED_BETWEEN: Shown = [
  'houses/hostile-bank.test.ts',
  'scheme %i: who is not the bank, or speaks to another issuer',
];
const REDEEMED: Shown = [
  'houses/hostile-bridge.test.ts',
  'scheme %i: redemption, both ways, then the same bytes 20 times',
];
const CHOICE: Shown = [
  'user-token/policy.test.ts',
  'OPEN shows who will sign, one Balance pays for all, and a known charge is always the one who paid',
];
const UNKNOWN_KID: Shown = ['houses/hostile-bank.test.ts', 'scheme %i: a KID that nobody has'];

const CLAIMS: Record<number, Claim> = {
  1: {
    what: 'EBC at the issuer and Balance at the user rise with an issue; a signature pays, Balance falls; a return takes EBC down',
    schemes: ALL,
    shownBy: [LIFE, DEMO],
  },
  2: {
    what: 'the shop verifies the signature, keeps it as history, brings it for conversion',
    schemes: ALL,
    shownBy: [TILL, HISTORY],
  },
  3: {
    what: 'a trustee licenses the pseudonym; SKI(PKU, x) is verified before Balance rises; license, PKU and signature pay',
    schemes: [1],
    shownBy: [LICENSE, WITHDRAW, BOOT],
  },
  4: {
    what: 'the shop verifies the license and keeps it; the issuer verifies the history, EBC - y, keeps it',
    schemes: [1],
    shownBy: [TILL, DEPOSIT],
  },
  5: { what: 'the same with a trustee', schemes: [1], shownBy: [HISTORY, DEPOSIT] },
  6: {
    what: 'a bank gives a coupon for money in an account, the issuer cash for the coupon',
    schemes: [2],
    shownBy: [LIFE, TOKEN_COUPONS],
  },
  7: { what: 'deposit at the bank, return to the issuer', schemes: [2], shownBy: [LIFE, HISTORIES] },
  8: {
    what: 'PKI(PKU, K) and PKI(PKU, x, K) through a bank that keeps accounts; license and cash under K',
    schemes: [3, 5],
    shownBy: [LIFE, TOKEN_SEALED],
  },
  9: { what: 'deposit at the bank, return to the issuer', schemes: SEALED, shownBy: [LIFE, HISTORIES] },
  10: { what: 'K kept under KID; K(PKU, x) with KID', schemes: KEYED, shownBy: [LIFE, TOKEN_SEALED] },
  11: {
    what: 'SKB over what the bank brings, SKI over what the issuer answers',
    schemes: [5],
    shownBy: [SIGNED_BETWEEN, ['houses/signature-types.test.ts', 'SKB over what the bank passes on']],
  },
  12: {
    what: 'the same under K',
    schemes: [6],
    shownBy: [SIGNED_BETWEEN, ['houses/signature-types.test.ts', "SKI over the issuer's reply"]],
  },
  13: { what: 'n pseudonyms, one counter, any of them withdraws and pays', schemes: KEYED, shownBy: [LIFE, CHOICE] },
  14: {
    what: 'user equipment: keys, license, Balance, a signature that takes Balance down',
    schemes: ALL,
    shownBy: [PAY, BOOT],
  },
  15: {
    what: '... that verifies SKR(PKU) before it keeps it',
    schemes: [1],
    shownBy: [BOOT, ['houses/signature-types.test.ts', 'license at a token']],
  },
  16: { what: '... that verifies SKBx(PKU) and redeems it', schemes: [2], shownBy: [TOKEN_COUPONS] },
  17: {
    what: '... that blinds PKU with R and unblinds',
    schemes: [2],
    shownBy: [
      [
        'user-token/requests.test.ts',
        'the bank sees nothing of a coupon: for every coupon and every transcript there is an r that joins them',
      ],
      ['crypto/blind-rsa.test.ts', 'RFC 9474 A.1'],
    ],
  },
  18: {
    what: '... that seals PKU, K and x to the issuer and opens license and cash',
    schemes: [3, 5],
    shownBy: [TOKEN_SEALED, ['crypto/hpke.test.ts', 'what the board seals, @hpke/core opens']],
  },
  19: { what: '... that keeps KID and asks under K', schemes: KEYED, shownBy: [TOKEN_SEALED] },
  20: { what: '... with n pseudonyms, of which one is chosen', schemes: KEYED, shownBy: [TOKEN_SEALED, CHOICE] },
  21: {
    what: 'shop equipment: verifies license and signature, makes the challenge, keeps and sends H',
    schemes: ALL,
    shownBy: [TILL, HISTORY],
  },
  22: {
    what: 'issuer equipment: SKI(PKU, x), EBC + x, verified H, EBC - y',
    schemes: ALL,
    shownBy: [LIFE, WITHDRAW, DEPOSIT],
  },
  23: { what: '... that keeps the accounts and verifies SKR(PKU)', schemes: [1], shownBy: [WITHDRAW, HISTORIES] },
  24: {
    what: '... that verifies SKBx(PKU)',
    schemes: [2],
    shownBy: [REDEEMED, ['houses/hostile-bridge.test.ts', "under another amount's key: refused, no row, no money"]],
  },
  25: {
    what: '... that opens PKI(...), compares x, answers under K',
    schemes: [3, 5],
    shownBy: [COMPARED, ['base/host-crypto.test.ts', 'RFC 9180 A.1.1: opened']],
  },
  26: {
    what: '... that keeps K under KID, finds it again, compares x',
    schemes: KEYED,
    shownBy: [COMPARED, UNKNOWN_KID],
  },
  27: {
    what: '... with n licenses for a set',
    schemes: KEYED,
    shownBy: [
      LIFE,
      ['houses/schemes.test.ts', 'scheme %i with %i pseudonyms: licenses of one quarter differ in PKU alone'],
    ],
  },
  28: { what: "the program of the user's equipment", schemes: ALL, shownBy: [BOOT, DEMO] },
  29: { what: '... with blinding', schemes: [2], shownBy: [TOKEN_COUPONS] },
  30: { what: '... sealed', schemes: [3, 5], shownBy: [TOKEN_SEALED] },
  31: { what: '... under K', schemes: KEYED, shownBy: [TOKEN_SEALED] },
  32: { what: '... with n pseudonyms', schemes: KEYED, shownBy: [TOKEN_SEALED, CHOICE] },
  33: { what: "the program of the issuer's equipment", schemes: ALL, shownBy: [OVER_HTTP] },
  34: {
    what: '... with accounts',
    schemes: [1],
    shownBy: [OVER_HTTP, ['services/parallel.test.ts', '100 withdrawals with funds for 37: exactly 37']],
  },
  35: { what: '... with coupons', schemes: [2], shownBy: [OVER_HTTP, REDEEMED] },
  36: { what: '... sealed', schemes: [3, 5], shownBy: [OVER_HTTP, COMPARED] },
  37: { what: '... under K', schemes: KEYED, shownBy: [OVER_HTTP, COMPARED, UNKNOWN_KID] },
  38: { what: '... with n pseudonyms', schemes: KEYED, shownBy: [OVER_HTTP, LIFE] },
};

/** Whether a file has a test of this title. */
function hasTest([file, title]: Shown): boolean {
  if (!existsSync(join(ROOT, 'test', file))) return false;
  // A call of test or test.each, or a key of a table of places that test.each runs over.
  return read(`test/${file}`)
    .split('\n')
    .some(
      (line, at, lines) =>
        // A title on a line of its own, below a long test.each(...)(.
        (/(^|\s)test\b.*\($/.test(lines[at - 1] ?? '') &&
          [`'${title}',`, `"${title}",`].some((quoted) => line.trim() === quoted)) ||
        (/(^|\s)(test\b.*\(|\]\)\()/.test(line) &&
          [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => line.includes(quoted))) ||
        line.trim().startsWith(`'${title}':`) ||
        line.trim().startsWith(`"${title}":`),
    );
}

test('claims 1 to 38, and no other', () => {
  expect(Object.keys(CLAIMS).map(Number)).toEqual(Array.from({ length: 38 }, (_, i) => i + 1));
  for (const { schemes } of Object.values(CLAIMS)) for (const number of schemes) expect(ALL).toContain(number);
});

test.each(Object.entries(CLAIMS).map(([number, claim]) => [number, claim.what, claim] as const))(
  'claim %s: %s',
  (_number, _what, { schemes, shownBy }) => {
    expect(schemes.length).toBeGreaterThan(0);
    expect(shownBy.length).toBeGreaterThan(0);
    for (const shown of shownBy) expect([...shown, hasTest(shown)]).toEqual([...shown, true]);
  },
);

test('a test that is not there is missed', () => {
  expect(hasTest(['houses/schemes.test.ts', 'scheme %i with %i pseudonyms: the life of 31'])).toBe(false);
  expect(hasTest(['actors/nowhere.test.ts', 'anything'])).toBe(false);
});

describe('docs/schemes.md', () => {
  const page = read('docs/schemes.md');

  test('its first table is the scheme table', () => {
    const cells = page
      .split('\n')
      .filter((line) => /^\| [1-6] \| (trustee|issuer)/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const cash = { direct: 'direct', coupon: 'blind coupon', sealed: 'sealed', keyed: 'keyed' };
    expect(cells).toEqual(
      SCHEMES.map((row) => [
        String(row.number),
        row.licenseFrom,
        row.registration === 'open' ? 'open' : 'sealed, through the bank',
        row.accountsAt,
        cash[row.issue],
        row.signedBetweenInstitutions ? 'yes' : '-',
        row.pseudonymsMax === 1 ? '1' : `1 to ${row.pseudonymsMax}`,
        row.traceBy,
        row.paragraphs,
      ]),
    );
  });

  test('its diagrams have only lines that mermaid draws, between parties that they name', () => {
    const diagrams = [...page.matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, text]) => text!.trimEnd().split('\n'));
    expect(diagrams).toHaveLength(5);
    for (const [first, ...lines] of diagrams) {
      expect(first).toBe('sequenceDiagram');
      const parties = lines.flatMap((line) => /^ {4}participant ([A-Z]) as [a-z' ]+$/.exec(line)?.[1] ?? []);
      for (const line of lines.slice(parties.length)) {
        // A semicolon would end the line for mermaid, and # begins an entity.
        const [, from, to] =
          /^ {4}([A-Z])->>([A-Z]): [^;#]+$/.exec(line) ?? /^ {4}Note over ([A-Z])(): [^;#]+$/.exec(line) ?? [];
        expect([line, parties.includes(from!), to === '' || parties.includes(to!)]).toEqual([line, true, true]);
      }
    }
  });
});
