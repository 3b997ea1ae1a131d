/**
 * What people type and read: amounts as they write them, answers of the office as money, and failures of the system
 * around us with a remedy instead of a stack trace.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { currencies } from '../../host-bridge/base/currency.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { cellText } from '../../host-bridge/commands/demo-all.js';
import { officeText } from '../../host-bridge/commands/office-text.js';
import { amountArgument, money, useCurrency } from '../../host-bridge/commands/output.js';
import { agreedCurrency, currencyArgument } from '../../host-bridge/commands/settings-arguments.js';
import { CONTROL_FILE, runningCurrency } from '../../host-bridge/control/control-file.js';
import { tapcashHere } from './command-runs.js';

/** As the commands have it: an import of a name is looked up there at each call. */
const fs = jest.requireActual<typeof import('node:fs')>('node:fs');
const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'tapcash-output-'));
afterEach(() => useCurrency('EUR'));

test.each([
  ['EUR', '350', 350],
  ['EUR', '3.50', 350],
  ['EUR', '3,50', 350],
  ['EUR', '0.05', 5],
  ['EUR', '1000.00', 100_000],
  ['JPY', '350', 350],
  ['KWD', '1.250', 1250],
  ['BHD', '3,500', 3500],
  ['IQD', '3500', 3500],
])('%s %s is %i minor units', (currency, text, amount) => {
  useCurrency(currency);
  expect(amountArgument(text)).toBe(amount);
});

test.each(['3.5', '1,000', '1.000,00', '-3.50', '3.', '.50', '0', '0.00', '3e2', '', '3.50 EUR', '99999999999999999'])(
  '%j is no amount, and the message shows how one is written',
  (text) => {
    expect(() => amountArgument(text)).toThrow(
      expect.objectContaining({ code: 'AMOUNT_INVALID', detail: expect.stringContaining('3.50 EUR as 3.50 or 350') }),
    );
  },
);

test('the yen has no fraction', () => {
  useCurrency('JPY');
  expect(() => amountArgument('3.50')).toThrow(
    expect.objectContaining({ code: 'AMOUNT_INVALID', detail: '"3.50": write 350 JPY as 350' }),
  );
  expect(money(350)).toBe('350 JPY');
});

test('a dinar has three: two are not guessed at', () => {
  useCurrency('BHD');
  expect(() => amountArgument('3.50')).toThrow(
    expect.objectContaining({ code: 'AMOUNT_INVALID', detail: '"3.50": write 0.350 BHD as 0.350 or 350' }),
  );
});

test.each(['EURO', 'EU', '', 'ZZZ', 'XAU', 'XTS', '978', '€'])('%j is no currency that cash can be in', (text) => {
  expect(() => currencyArgument(text)).toThrow(
    expect.objectContaining({ code: 'USAGE', detail: expect.stringContaining('such as EUR') }),
  );
});
test.each(['jpy', 'BHD', 'iqd', 'EUR'])('%s is one', (text) => {
  expect(currencyArgument(text)).toBe(text.toUpperCase());
});

test('what is said twice must agree', () => {
  expect([agreedCurrency(undefined, null, 'the issuer'), agreedCurrency('jpy', null, 'the issuer')]).toEqual([
    null,
    'JPY',
  ]);
  expect([agreedCurrency(undefined, 'BHD', 'it'), agreedCurrency('BHD', 'BHD', 'it')]).toEqual(['BHD', 'BHD']);
  expect(() => agreedCurrency('JPY', 'EUR', 'the issuer')).toThrow(
    expect.objectContaining({ code: 'USAGE', detail: expect.stringContaining('--currency JPY: the issuer has EUR') }),
  );
});

test('an amount is read in the currency of the bridge that runs with the folder', async () => {
  const data = join(folder, 'running');
  fs.mkdirSync(join(data, 'bridge'), { recursive: true });
  fs.writeFileSync(
    join(data, 'bridge', CONTROL_FILE),
    JSON.stringify({ url: 'http://127.0.0.1:9', token: '', currency: 'JPY' }),
  );
  const refused = await tapcashHere(['charge', '3.50', '--data', data]);
  expect([refused.status, refused.err]).toEqual([1, expect.stringContaining('write 350 JPY as 350')]);
  // Nobody answers there; what was understood was said before.
  expect((await tapcashHere(['charge', '350', '--data', data])).err).toMatch(/^Charge of 350 JPY/);
  expect([runningCurrency(data), runningCurrency(folder)]).toEqual(['JPY', null]);
});

test('no code names a currency but the one that is standard, and the one that SEPA carries', () => {
  const named = ['firmware', 'flash-scripts', 'host-bridge'].flatMap((room) =>
    (fs.readdirSync(join(packageRoot(), room), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts') && !name.startsWith(join('bench', 'rivals')))
      .flatMap((name) => {
        const text = fs.readFileSync(join(packageRoot(), room, name), 'utf8');
        // Comments may; codes stand in quotes.
        const found = currencies().filter(({ code }) => text.includes(`'${code}'`) || text.includes(`"${code}"`));
        return found.map(({ code }) => `${room}/${name.split(sep).join('/')}: ${code}`);
      }),
  );
  expect(named.sort()).toEqual(['host-bridge/base/money.ts: EUR', 'host-bridge/commands/sepa-transfer.ts: EUR']);
});

test('the office answers in money and days, a thing a line, within 80 columns', () => {
  expect(officeText({ ok: true, balance: 500 })).toBe('balance        5.00 EUR');
  expect(officeText({ ok: true })).toBe('done');
  expect(officeText({ in: 5, couponsRedeemed: 2 })).toBe('in               0.05 EUR\ncoupons redeemed 2');
  expect(officeText({ ok: true, overspends: [] })).toBe('overspends     none');
  const text = officeText({
    ok: true,
    overspends: [{ pku: 'ab'.repeat(32), ebc: -200, timeS: 1_700_000_000 }],
    accounts: 3,
  });
  expect(text).toContain('ebc          -2.00 EUR');
  expect(text).toContain('time         2023-11-14');
  expect(text).toContain('ab'.repeat(32));
  expect(text).toContain('accounts       3');
  expect(
    officeText({ ok: true, order: 'cd'.repeat(300) })
      .split('\n')
      .every((line) => line.length <= 80),
  ).toBe(true);
});

/** Runs a command whose standard output is a file, or is closed at once. */
function runInto(args: string[], out: number | 'closed'): Promise<{ status: number | null; err: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', out === 'closed' ? 'pipe' : out, 'pipe'] });
  if (out === 'closed') child.stdout!.destroy();
  let err = '';
  child.stderr!.on('data', (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, err })));
}

test('a pipe that nobody reads ends a command with a reason', async () => {
  const { status, err } = await runInto(['boards', 'show', 'esp32-devkitc'], 'closed');
  expect([status, err]).toEqual([3, expect.stringMatching(/^tapcash: OUTPUT_CLOSED: /)]);
  expect(err).not.toContain('    at ');
});

const full = existsSync('/dev/full') ? test : test.skip;
full('a full disk does, too', async () => {
  const out = openSync('/dev/full', 'w');
  const { status, err } = await runInto(['boards'], out);
  closeSync(out);
  expect([status, err]).toEqual([3, expect.stringMatching(/^tapcash: DISK_FULL: /)]);
  expect(err).not.toContain('    at ');
});

const refusing = (name: 'writeFileSync' | 'accessSync', code: string) =>
  // Both take a path first, and no more is looked at.
  jest.spyOn(fs, name as 'accessSync').mockImplementation((path) => {
    throw Object.assign(new Error(code), { code, path: String(path), syscall: 'open' });
  });

test.each([
  ['EACCES', 'FILE_DENIED'],
  ['EROFS', 'FILE_DENIED'],
  ['ENOSPC', 'DISK_FULL'],
  ['ENOENT', 'FILE_MISSING'],
])('a file that cannot be written, %s, is %s with its path', async (code, ours) => {
  const spy = refusing('writeFileSync', code);
  const ended = await tapcashHere(['boards', 'show', 'esp32-devkitc', '--svg', join(folder, 'drawing.svg')]);
  spy.mockRestore();
  expect(ended.err).toMatch(new RegExp(`^tapcash: ${ours}: .*drawing.svg`));
  expect([ended.status, ended.err.includes('    at ')]).toEqual([3, false]);
});

test("an audit of books that are another user's says so", async () => {
  const spy = refusing('accessSync', 'EACCES');
  const ended = await tapcashHere(['audit', '--data', folder]);
  spy.mockRestore();
  expect([ended.status, ended.err]).toEqual([3, expect.stringContaining('FILE_DENIED')]);
  expect((await tapcashHere(['audit', '--data', folder])).err).toContain('FILE_MISSING');
});

test.each([
  [['boards']],
  [['boards', 'show', 'esp32-devkitc']],
  [['ports']],
  [['keys', '--data', join(folder, 'keys')]],
])('%j --json has ok', async (args) => {
  const { out } = await tapcashHere([...args, '--json']);
  expect(JSON.parse(out)).toMatchObject({ ok: true });
});

test('a role that is none is a wrong command line, and the roles are named', async () => {
  const ended = await tapcashHere(['build', 'nonsense']);
  expect([ended.status, ended.err]).toEqual([2, expect.stringMatching(/USAGE.*nonsense.*user-token.*shop-terminal/)]);
});

test('what did not hold in `demo --all` stands below its scenario, within 80 columns', () => {
  const cell = { scheme: 2, scenario: 'rotate', pseudonyms: 1, ok: false, ms: 33_803.4 } as const;
  const detail = "The service cannot be reached. (tell of the bank's key: http://127.0.0.1:33549: ECONNRESET)";
  const lines = cellText({ ...cell, code: 'SERVICE_DOWN', broken: [detail] }).split('\n');
  expect(lines).toEqual([
    '  scheme 2  rotate       33803 ms  BROKEN SERVICE_DOWN',
    "    The service cannot be reached. (tell of the bank's key:",
    '      http://127.0.0.1:33549: ECONNRESET)',
  ]);
  expect(cellText({ ...cell, ok: true, code: null, broken: [] })).toBe('  scheme 2  rotate       33803 ms  holds');
});
