/**
 * `tapcash provision token --list`: what becomes of the list, with boards that are played, and stopped at each board;
 * and the command itself, as a process, at emulated boards that are plugged in one after the other.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import {
  classesOfList,
  provisionList,
  type ListedToken,
  type ProvisionOne,
} from '../../host-bridge/commands/provision-list.js';
import { failure } from '../../host-bridge/base/errors.js';
import { connectPty } from '../../host-bridge/emulator/esp-cable.js';
import type { Pty } from '../../host-bridge/emulator/pty.js';
import { espRig, plantInterpreter, type EspRig } from '../flash/flash-rig.js';
import { tapcash, type Host } from '../flash/tapcash-command.js';
import { tempFolder } from '../kit/temp-folder.js';

const rowsOf = (path: string): Record<string, string>[] => parse(readFileSync(path), { columns: true });
const account = (board: number): string => board.toString(16).padStart(64, '0');

interface Played {
  list: string;
  labels: string;
  given: { board: number; token: ListedToken }[];
  /** Plugs in boards; a board below 0 fails; one above 99 is the moment of a kill. */
  plug(boards: number[]): Promise<void>;
}

function played(text: string): Played {
  const folder = tempFolder();
  const [list, labels] = [join(folder, 'tokens.csv'), join(folder, 'labels')];
  mkdirSync(labels);
  writeFileSync(list, text);
  const given: Played['given'] = [];
  return {
    list,
    labels,
    given,
    async plug(boards) {
      const one: ProvisionOne = async (_, token) => {
        const board = boards[0] as number;
        if (board > 99) throw failure('INTERRUPTED');
        if (board < 0) throw failure('FIRMWARE_MISSING', 'desk.js');
        given.push({ board, token });
        const label = join(labels, `token-${board}.svg`);
        writeFileSync(label, `<svg>${board}</svg>\n`);
        return { account: account(board), pseudonym: '', label };
      };
      await provisionList(list, { label: labels, json: true }, one, async (_, work) => {
        while (await work({} as never)) if (boards.shift() === undefined) throw failure('INTERRUPTED');
      });
    },
  };
}

beforeEach(() => {
  for (const stream of [process.stdout, process.stderr]) jest.spyOn(stream, 'write').mockReturnValue(true);
});
afterEach(() => jest.restoreAllMocks());

test('each row gets a board; a failure, a board twice and a stop at each board lose none', async () => {
  const { list, labels, given, plug } = played('name,payment_max,sum_max\n,10.00,\nAda,,\n,,\n');
  await expect(plug([-1, 1, 100])).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(rowsOf(list).map(({ state }) => state)).toEqual(['done', '', '']);
  await expect(plug([-1, 100])).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(rowsOf(list)[1]).toMatchObject({ state: 'failed', code: 'FIRMWARE_MISSING', account: '' });
  // Board 1 again: it keeps its row, and what that row gave it.
  await plug([1, 2, 3]);
  expect(rowsOf(list).map(({ state, code, account: key }) => [state, code, key])).toEqual(
    [1, 2, 3].map((board) => ['done', '', account(board)]),
  );
  expect(given.map(({ board, token }) => [board, token.name, token.paymentMax, token.sumMax])).toEqual([
    [1, '', 1000, 5000],
    [1, 'Ada', 2500, 5000],
    [1, '', 1000, 5000],
    [2, 'Ada', 2500, 5000],
    [3, '', 2500, 5000],
  ]);
  expect(readFileSync(join(labels, 'labels.html'), 'utf8').match(/<svg>\d/g)).toEqual(['<svg>1', '<svg>2', '<svg>3']);
  // Nothing half written stays beside the list.
  expect(readdirSync(join(list, '..')).sort()).toEqual(['labels', 'tokens.csv']);
  given.length = 0;
  await plug([]);
  expect(given).toEqual([]);
});

test('classes: a row says its own, one without a name is of the small one, and limits follow', async () => {
  const { list, given, plug } = played('name,class,payment_max\n,,\nAda,2,\nBob,1,\nCid,,\nDora,2,50.00\n');
  await plug([1, 2, 3, 4, 5]);
  expect(given.map(({ token }) => [token.name, token.licenseClass, token.paymentMax, token.sumMax])).toEqual([
    ['', 2, 2500, 5000],
    ['Ada', 2, 2500, 5000],
    ['Bob', 1, 2500, 5000],
    ['Cid', null, 2500, 5000],
    ['Dora', 2, 5000, 5000],
  ]);
  expect(classesOfList(list)).toEqual([
    { account: account(1), licenseClass: 2 },
    { account: account(2), licenseClass: 2 },
    { account: account(3), licenseClass: 1 },
    { account: account(5), licenseClass: 2 },
  ]);
});

test('a list that is wrong touches no board', async () => {
  const wrong = async (text: string): Promise<string> => {
    const { plug, given } = played(text);
    const thrown = await plug([1]).catch((error: unknown) => error);
    expect(given).toEqual([]);
    return `${(thrown as { code: string }).code} ${(thrown as { detail: string }).detail}`;
  };
  expect(await wrong('name\n')).toMatch(/^TOKEN_LIST_INVALID .*no rows/);
  expect(await wrong('name,colour\nAda,red\n')).toMatch(/^TOKEN_LIST_INVALID .*column colour/);
  expect(await wrong('name,payment_max\nAda\n')).toMatch(/^TOKEN_LIST_INVALID/);
  expect(await wrong('name,payment_max\nAda,much\n,30.00\n')).toMatch(
    /row 1: .*row 2: .*a token without a name: at most 25.00 EUR in a payment, 50.00 EUR in sum/,
  );
  expect(await wrong('name,class\nAda,3\n,1\nBob,x\n')).toMatch(
    /row 1: .*class 3.*row 2: .*a token without a name is of class 2.*row 3: .*class x/,
  );
  expect(await wrong('name,class,payment_max\nAda,2,50.01\n')).toMatch(/row 1: .*class 2: at most 50.00 EUR/);
  expect(await wrong(`name,state,account\nAda,done,${account(1)}\nBob,done,${account(1)}\n`)).toMatch(/row 2: account/);
  expect(await wrong('name,state,account\nAda,done,\n')).toMatch(/row 1: account/);
});

const ptys: Pty[] = [];
afterAll(() => ptys.forEach((pty) => pty.close()));

test('the command, at a board without firmware and one with it', async () => {
  const host: Host = { folder: tempFolder(), printed: [] };
  for (const command of ['keys', 'manifest'])
    expect((await tapcash(host, [command, '--data', host.folder], null)).status).toBe(0);
  const [blank, first] = [espRig('esp32', false), espRig('esp32', false)];
  for (const rig of [blank, first]) plantInterpreter(rig.esp);
  const paths = new Map<EspRig, string>();
  async function wire(rig: EspRig): Promise<string> {
    const pty = await connectPty(rig.esp);
    ptys.push(pty);
    paths.set(rig, pty.path);
    return pty.path;
  }
  const board = ['--board', 'esp32-devkitc'];
  const flash = ['flash', ...board, '--serial', await wire(first), '--only-app', '--role', 'token'];
  expect((await tapcash(host, flash, first)).status).toBe(0);
  await wire(blank);

  const list = join(host.folder, 'tokens.csv');
  writeFileSync(list, 'name\nAda\n');
  const plug = join(host.folder, 'plug');
  const command = ['provision', 'token', ...board, '--serial', plug, '--data', host.folder, '--label', host.folder];
  let queue = [blank, first];
  let rig: EspRig | undefined;
  let unread = '';
  const ended = await tapcash(host, [...command, '--list', list, '--json'], null, (_recent, _end, text) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() as string;
    for (const line of lines) {
      if (line.includes("press the board's reset")) rig?.esp.pressReset();
      if (line.includes('unplug the board')) rmSync(plug, { force: true });
      if (!line.includes('waiting for a board')) continue;
      [rig, ...queue] = queue;
      if (rig) symlinkSync(paths.get(rig) as string, plug);
    }
  });
  expect([ended.status, ended.status === 0 ? '' : ended.err]).toEqual([0, '']);
  expect(ended.err).toContain('row 1: FIRMWARE_MISSING');
  const rows = rowsOf(list);
  expect(rows.map(({ name, state }) => [name, state])).toEqual([['Ada', 'done']]);
  const sheet = readFileSync(JSON.parse(ended.out).sheet as string, 'utf8');
  expect(sheet.match(/<svg /g)).toHaveLength(1);
  for (const { pseudonym } of rows) expect(sheet).toContain(pseudonym);
  expect(sheet).not.toContain('Ada');
});
