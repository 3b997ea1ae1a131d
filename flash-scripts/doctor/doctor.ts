/**
 * `tapcash doctor`: what is on a board, what is wrong with it, and what to do about each fault.
 *
 * The firmware is stopped while the board is looked at, and started again at the end; nothing is written. Raw flash,
 * where keys and records are, is not read: how many histories a terminal still has to deliver, it says itself, on its
 * link. What `--selftest` tries besides, and what of it writes, is in selftest.ts.
 */
import { failure, isFailure, type ErrorCode, ERRORS } from '../../host-bridge/base/errors.js';
import type { BoardPort } from '../../host-bridge/serial/port.js';
import { createTerminalSession } from '../../host-bridge/serial/terminal-session.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import {
  missingNatives,
  readProvision,
  startFirmware,
  variablesOf,
  type BoardProvision,
  type Start,
} from '../flash/board-state.js';
import { memoryFault, variablesNeeded } from '../boards/memory-needs.js';
import { ROLES, type Role } from '../boards/roles.js';
import type { BoardConsole } from '../flash/console.js';
import { reachConsole, type BoardAccess } from '../flash/flash-board.js';
import { buildToTake } from '../flash/interpreter-build.js';
import { openRadios } from '../flash/radios.js';
import { compareFiles, freeBytes } from '../flash/storage-files.js';
import { checkEntropy } from './entropy.js';
import { pn532Version, tryPn532 } from './pn532.js';
import type { BoardTimings } from './board-report.js';
import { wrongNatives } from './known-answers.js';
import { tryButtons, tryFlash, tryProgram, type Hands, type Tried } from './selftest.js';
import { measureTimings } from './timings.js';

/** One thing that was looked at. */
export interface Finding {
  check:
    | 'console'
    | 'interpreter'
    | 'natives'
    | 'answers'
    | 'radio'
    | 'memory'
    | 'storage'
    | 'provision'
    | 'firmware'
    | 'entropy'
    | 'pn532'
    | 'field'
    | 'buttons'
    | 'flash'
    | 'curve'
    | 'display'
    | 'start'
    | 'unacknowledged'
    | 'undelivered';
  ok: boolean;
  /** What was found, for people. */
  found: string;
  /** Where not ok. */
  code?: ErrorCode;
  remedy?: string;
}

export interface DoctorOptions extends BoardAccess {
  /** For a board that was not provisioned. */
  board?: BoardConfig;
  /** Takes the board's times, too, and is told them. */
  onMeasured?(measured: { variables: number; timings: BoardTimings }): void;
  /** Tries what can be tried, too (selftest.ts). @param role whose program is tried, of the build that boards get */
  selftest?(role: Role): Promise<string>;
  /** Opens the link to a terminal that runs, after the console was closed. */
  openLink(): Promise<BoardPort>;
}

/** Room for an update of the largest file, with its header: of any program, where it is not known which. */
const STORAGE_BYTES_MIN = 64 * 1024;
const HEADER_BYTES = 32;
const LINK_UP_MS = 30_000;

const good = (check: Finding['check'], found: string): Finding => ({ check, ok: true, found });
const bad = (check: Finding['check'], code: ErrorCode, found: string): Finding => ({
  check,
  ok: false,
  found,
  code,
  remedy: ERRORS[code].remedy,
});

/** A check whose failure is a finding; a board that is gone ends everything. */
async function tried(check: Finding['check'], work: () => Promise<Finding>): Promise<Finding> {
  try {
    return await work();
  } catch (thrown) {
    if (!isFailure(thrown) || thrown.code === 'LINK_LOST' || thrown.code === 'INTERRUPTED') throw thrown;
    // What the board's own programs throw comes as a failed evaluation.
    return bad(check, check === 'pn532' ? 'PN532_NO_ACK' : thrown.code, thrown.detail ?? thrown.message);
  }
}

/** Whether there are enough variables for what the board is, or where that is not known yet, for either role. */
async function checkMemory(console: BoardConsole, provision: BoardProvision | null): Promise<Finding> {
  const [total, used] = String(await console.evaluate('process.memory().total+","+process.memory().usage'))
    .split(',')
    .map(Number) as [number, number];
  const known = provision?.provision.registration === 'sealed' ? 'sealed' : 'open';
  const roles = provision ? [provision.role] : ROLES;
  const needs = roles.map((role) => `a ${role} needs ${variablesNeeded(role, known)}`).join(', ');
  const found = `${total} variables, of which ${used} are in use without our firmware; ${needs}`;
  // An emulated board counts none.
  const fault = total > 0 && roles.map((role) => memoryFault(total, role, known)).find(Boolean);
  return fault ? bad('memory', 'MEMORY_LOW', `${found}; ${fault}`) : good('memory', found);
}

async function checkStorage(
  console: BoardConsole,
  { appFiles }: DoctorOptions,
  provision: BoardProvision | null,
): Promise<Finding> {
  const free = await freeBytes(console);
  const files = provision ? Object.values(await appFiles(provision.role, provision.board)) : [];
  const needed = provision ? Math.max(...files.map(({ length }) => length)) + HEADER_BYTES : STORAGE_BYTES_MIN;
  return free < needed ? bad('storage', 'MEMORY_LOW', `${free} bytes free`) : good('storage', `${free} bytes free`);
}

async function checkFirmware(
  console: BoardConsole,
  { appFiles }: DoctorOptions,
  { role, board }: BoardProvision,
): Promise<Finding> {
  const other = [...(await compareFiles(console, await appFiles(role, board)))]
    .filter(([, same]) => !same)
    .map(([name]) => name);
  return other.length > 0
    ? bad('firmware', 'FIRMWARE_MISSING', `${role}: not of this version: ${other.join(', ')}`)
    : good('firmware', `${role}, of this version`);
}

async function checkPn532(console: BoardConsole, options: DoctorOptions, board: BoardConfig): Promise<Finding> {
  const version = await pn532Version(console, options.attempt, board.pn532);
  return version
    ? good('pn532', `PN532, firmware ${version}, on ${board.pn532.bus}`)
    : bad('pn532', 'PN532_NO_ACK', `no answer on ${board.pn532.bus} ${board.pn532.port}`);
}

async function checkAnswers(console: BoardConsole): Promise<Finding> {
  const wrong = await wrongNatives(console);
  return wrong.length > 0
    ? bad('answers', 'DEVICE_FAULT', `wrong: ${wrong.join(', ')}`)
    : good('answers', 'the natives give the published answers');
}

async function checkField(console: BoardConsole, { attempt }: DoctorOptions, board: BoardConfig): Promise<Finding> {
  const tried = await tryPn532(console, attempt, board.pn532);
  if (!tried) return bad('field', 'PN532_NO_ACK', `no answer on ${board.pn532.bus} ${board.pn532.port}`);
  if (!tried.echoes) return bad('field', 'PN532_DAMAGED', 'bytes do not come back as they were sent');
  return tried.field
    ? good('field', 'all bytes come back; the field goes on and off')
    : bad('field', 'DEVICE_FAULT', 'the PN532 does not switch its field');
}

/** What `--selftest` tries before the firmware starts. @param provision null where its program is not this build's */
async function selftest(
  console: BoardConsole,
  options: DoctorOptions,
  board: BoardConfig,
  provision: BoardProvision | null,
  add: (check: Finding['check'], work: () => Promise<Finding>) => Promise<boolean>,
): Promise<BoardTimings> {
  const hands: Hands = { attempt: options.attempt, hint: (text) => options.reporter.hint(text) };
  let timings: BoardTimings = {};
  const judge = (check: Finding['check'], tried: Tried): Finding => {
    // A clock that is too coarse says 0.
    const figures = Object.entries(tried.timings ?? {}).filter(([, us]) => us > 0);
    timings = { ...timings, ...Object.fromEntries(figures) };
    return tried.fault ? bad(check, 'DEVICE_FAULT', tried.found) : good(check, tried.found);
  };
  await add('field', () => checkField(console, options, board));
  await add('buttons', async () => judge('buttons', await tryButtons(console, hands, board)));
  await add('flash', async () => judge('flash', await tryFlash(console, board)));
  if (!provision) {
    await add('curve', async () => good('curve', 'not tried: provision the board with this firmware first'));
    return timings;
  }
  let display: Tried | null = null;
  await add('curve', async () => {
    const tried = await tryProgram(console, hands, await options.selftest!(provision.role));
    display = tried.display;
    return judge('curve', tried.curve);
  });
  const shown = display as Tried | null;
  if (shown) await add('display', async () => judge('display', shown));
  return timings;
}

function judgeStart(start: Start): Finding {
  if (start.runs) return good('start', 'the firmware runs');
  return bad('start', start.fault.startsWith('NOT_PROVISIONED') ? 'NOT_PROVISIONED' : 'DEVICE_FAULT', start.fault);
}

/**
 * What a token says at its start of debits that no shop acknowledged: "unacknowledged 2 7.00 EUR"; nothing where there
 * are none.
 */
function unacknowledgedOf(start: Start): Finding {
  const [, count, sum] =
    (start.runs && start.said.map((line) => /^unacknowledged (\d+) (.+)$/.exec(line)).find(Boolean)) || [];
  const remedy = 'tap at the same shop again, or claim them at a desk (tapcash teller reconcile)';
  return good('unacknowledged', count ? `${count} debit${count === '1' ? '' : 's'}, ${sum}: ${remedy}` : 'no debits');
}

/** What a terminal still has to deliver. It offers its histories meanwhile, and keeps them: nobody takes them here. */
async function checkUndelivered(options: DoctorOptions): Promise<Finding> {
  const session = createTerminalSession({
    open: options.openLink,
    onRequest: (_kind, _body, reply) => reply('BUSY'),
    onUp: () => undefined,
    onDown: () => undefined,
  });
  await session.start();
  try {
    await options.attempt.run(session.waitUp(LINK_UP_MS));
    const answer = await options.attempt.run(session.status());
    if (!answer.ok) throw failure(answer.code, answer.detail);
    const { historiesPending, tombstonesPending } = answer.status;
    return good(
      'undelivered',
      `${historiesPending} histories, ${tombstonesPending} cancellations${historiesPending > 0 ? ': connect the bridge, which delivers them' : ''}`,
    );
  } finally {
    await session.stop();
  }
}

async function examine(
  console: BoardConsole,
  options: DoctorOptions,
  findings: Finding[],
): Promise<BoardProvision | null> {
  const add = async (check: Finding['check'], work: () => Promise<Finding>): Promise<boolean> => {
    const finding = await tried(check, work);
    findings.push(finding);
    options.reporter.step(`${finding.ok ? 'ok   ' : 'FAULT'} ${check}: ${finding.found}`);
    return finding.ok;
  };
  await add('interpreter', async () => good('interpreter', `Espruino ${console.version}`));
  const provision = await readProvision(console);
  const board = options.board ?? provision?.board;
  const complete = await add('natives', async () => {
    const missing = await missingNatives(console);
    return missing.length > 0
      ? bad('natives', 'NATIVE_MISSING', `${missing.join(', ')}${board ? `: ${buildToTake(board)}` : ''}`)
      : good('natives', 'all there, with native crypto');
  });
  if (options.selftest && complete) await add('answers', () => checkAnswers(console));
  await add('radio', async () => {
    const open = await openRadios(console);
    return open.length > 0
      ? bad('radio', 'RADIO_ON', open.join(', '))
      : good('radio', 'the cable alone has the console; Bluetooth, WiFi and Telnet are off');
  });
  await add('memory', () => checkMemory(console, provision));
  await add('storage', () => checkStorage(console, options, provision));
  const measured =
    options.onMeasured && complete
      ? { variables: await variablesOf(console), timings: await measureTimings(console) }
      : null;
  await add('provision', async () =>
    provision
      ? good('provision', `${provision.role} on ${provision.board.name}`)
      : bad('provision', 'NOT_PROVISIONED', 'no tapcash.cfg'),
  );
  const isOurs = !!provision && complete && (await add('firmware', () => checkFirmware(console, options, provision)));
  const wired = provision?.board ?? options.board;
  if (wired) {
    await add('entropy', async () => good('entropy', await checkEntropy(console, wired)));
    const answers = await add('pn532', () => checkPn532(console, options, wired));
    if (options.selftest && complete && answers) {
      const tried = await selftest(console, options, wired, isOurs ? provision : null, add);
      if (measured) Object.assign(measured.timings, tried);
    }
  }
  if (measured) options.onMeasured?.(measured);
  if (!provision || !complete) return null;
  let start: Start | null = null;
  const runs = await add('start', async () => judgeStart((start = await startFirmware(console, options.attempt))));
  if (runs && provision.role === 'user-token')
    await add('unacknowledged', async () => unacknowledgedOf(start as unknown as Start));
  return runs ? provision : null;
}

/**
 * Looks at a board.
 * @throws TapcashError LINK_LOST, INTERRUPTED, and those of opening a port; everything else is a finding
 */
export async function examineBoard(options: DoctorOptions): Promise<Finding[]> {
  options.attempt.watch(options.device);
  const findings: Finding[] = [];
  let console: BoardConsole;
  try {
    console = await reachConsole(options);
  } catch (thrown) {
    if (!isFailure(thrown) || (thrown.code !== 'BOARD_SILENT' && thrown.code !== 'INTERPRETER_OLD')) throw thrown;
    if (thrown.code === 'BOARD_SILENT') return [bad('console', thrown.code, thrown.detail ?? '')];
    const take = options.board ? `: ${buildToTake(options.board)}` : '';
    return [bad('interpreter', thrown.code, `${thrown.detail ?? ''}${take}`)];
  }
  let running: BoardProvision | null;
  try {
    running = await examine(console, options, findings);
  } finally {
    await console.close();
  }
  if (running?.role === 'shop-terminal') {
    const finding = await tried('undelivered', () => checkUndelivered(options));
    findings.push(finding);
    options.reporter.step(`${finding.ok ? 'ok   ' : 'FAULT'} undelivered: ${finding.found}`);
  }
  return findings;
}
