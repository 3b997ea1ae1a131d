/**
 * `tapcash doctor --selftest`: what only trying can show. The natives against published answers, PN532 and buttons,
 * the flash of a board that holds nothing yet; and on a provisioned board curve, display and LED, by the role's own
 * program (firmware/board/self-test.ts).
 *
 * Nothing of the board's own is written or erased: the flash is tried only where all of the records' region is blank,
 * and only as the firmware itself does when it begins a log there, so that power may go at any moment. What nobody does
 * within its time is said as not tried; it is no fault.
 */
import { failure } from '../../host-bridge/base/errors.js';
import { TEST_NAME } from '../../firmware/core/self-test-name.js';
import type { BoardConfig, PinConfig } from '../../firmware/core/board-config.js';
import type { Attempt } from '../flash/attempt.js';
import { FAULT } from '../flash/board-state.js';
import type { BoardConsole } from '../flash/console.js';
import type { BoardTimings } from './board-report.js';

/** What hands and eyes are needed for. */
export interface Hands {
  attempt: Attempt;
  hint(text: string): void;
}

/** What one part of the test found; `fault` where that is wrong. */
export interface Tried {
  found: string;
  fault?: boolean;
  timings?: BoardTimings;
}

/** Header of a page of records (firmware/records/record-format.ts): what stands there unfinished, a new log takes. */
export const PAGE_HEADER_BYTES = 24;

const BUTTON_MS = 10_000;
const BUTTON_LOOK_MS = 50;
/** Time to look at the picture. */
const PICTURE_MS = 4000;
/** A key pair, two nonces and three checks on a slow board, and the role's own start before them. */
const TEST_MS = 240_000;
const SAYS = 'tapcash: test ';

const seconds = (us: number): string =>
  us < 1e6 ? `${Math.round(us / 100) / 10} ms` : `${Math.round(us / 1e5) / 10} s`;

/** Takes one button: whether it is up, and whether somebody presses it. */
async function tryButton(console: BoardConsole, hands: Hands, name: string, button: PinConfig): Promise<Tried> {
  const mode = button.active ? 'input_pulldown' : 'input_pullup';
  const isDown = async (): Promise<boolean> =>
    Number(await console.evaluate(`(pinMode(${button.pin},"${mode}"),digitalRead(${button.pin})?1:0)`)) ===
    button.active;
  if (await isDown()) return { found: `${name} (${button.pin}) is down while nobody presses it`, fault: true };
  hands.hint(`press the button "${name}" (${button.pin}); it is waited for ${BUTTON_MS / 1000} s`);
  for (let waitedMs = 0; waitedMs < BUTTON_MS; waitedMs += BUTTON_LOOK_MS) {
    if (await isDown()) return { found: `${name} (${button.pin}) pressed` };
    await hands.attempt.wait(BUTTON_LOOK_MS);
  }
  return { found: `${name} (${button.pin}) is up; nobody pressed it, not tried` };
}

/** All single buttons of a board. Keypads and touch panels are not tried. */
export async function tryButtons(console: BoardConsole, hands: Hands, board: BoardConfig): Promise<Tried> {
  const buttons: [string, PinConfig][] = [
    ['user', board.buttons.user],
    ...(board.buttons.console ? [['console', board.buttons.console] as [string, PinConfig]] : []),
    ...(board.amountKeys ?? []).map((key): [string, PinConfig] => [`key ${key.key}`, key]),
  ];
  const pins = new Set<string>();
  const tried: Tried[] = [];
  for (const [name, button] of buttons)
    if (!pins.has(button.pin) && pins.add(button.pin)) tried.push(await tryButton(console, hands, name, button));
  return { found: tried.map(({ found }) => found).join('; '), fault: tried.some(({ fault }) => fault) };
}

/** A program that writes and erases a page header of a blank region; "held" where it is not blank. */
function flashProgram({ address, bytes, pageBytes }: BoardConfig['flash']): string {
  const page = address + bytes - pageBytes;
  const sum = `E.sum(f.read(${PAGE_HEADER_BYTES},${page}))`;
  return (
    `(function(){var f=require("Flash"),i,t,w,z;for(i=0;i<${bytes};i+=256)` +
    `if(E.sum(f.read(256,${address}+i))!=65280)return "held";` +
    `t=getTime();f.write(new Uint8Array(${PAGE_HEADER_BYTES}),${page});w=getTime()-t;z=${sum};` +
    `t=getTime();f.erasePage(${page});t=getTime()-t;return [z,${sum},w*1e6,t*1e6].join()})()`
  );
}

/** Writes and erases one page of the records' region, where that holds nothing. */
export async function tryFlash(console: BoardConsole, { flash }: BoardConfig): Promise<Tried> {
  const said = String(await console.evaluate(flashProgram(flash), TEST_MS));
  if (said === 'held') return { found: 'holds records, left alone: only an unprovisioned board is tried' };
  const [written, erased, writeUs, eraseUs] = said.split(',').map(Number);
  if (written !== 0 || erased !== 255 * PAGE_HEADER_BYTES)
    return { found: `wrote 0 and read ${written}; erased it and read ${erased}`, fault: true };
  return {
    found: `${PAGE_HEADER_BYTES} bytes written in ${seconds(writeUs)}, a page erased in ${seconds(eraseUs)}`,
    timings: { flashWriteUs: writeUs, flashEraseUs: eraseUs },
  };
}

/** What the program's own test says: wrong answers, figures, whether the display works, variables in use. */
function curveOf(text: string): { curve: Tried; display: Tried } {
  const [wrong, ...figures] = text.split(' ');
  const [keyPairUs, nonceUs, signatureUs, checkUs, pictureUs, shows, used] = figures.map(Number);
  const timings = { keyPairUs, nonceUs, signatureUs, checkUs, pictureUs };
  return {
    curve:
      wrong === 'nothing'
        ? {
            found:
              `key pair ${seconds(keyPairUs)}, nonce ${seconds(nonceUs)}, signature ${seconds(signatureUs)}, ` +
              `check ${seconds(checkUs)}; ${used} variables in use`,
            timings,
          }
        : { found: `wrong: ${wrong}`, fault: true },
    display: shows
      ? { found: `five lines were shown, then in other colours, in ${seconds(pictureUs)}; LED and buzzer, once` }
      : { found: 'there is none, or it does not answer', fault: false },
  };
}

/** Characters of a program that go in one packet: four each at most, as they are written here. */
const PIECE_CHARACTERS = 150;
const GLOBAL = `global["${TEST_NAME}"]`;

/** A text of characters 0 to 255 as Espruino's parser takes it. */
const literal = (text: string): string =>
  `"${text.replace(/[^ !#-[\]-~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;

/**
 * Has a provisioned board's own program try itself; it then stands still, and `load()` starts it as ever.
 * @param program of the test, in tokens
 * @throws TapcashError DEVICE_FAULT with the fault that it shows, BOARD_SILENT
 */
export async function tryProgram(
  console: BoardConsole,
  hands: Hands,
  program: string,
): Promise<{ curve: Tried; display: Tried }> {
  let end: ((text: string) => void) | null = null;
  const said = new Promise<string>((resolve) => (end = resolve));
  console.onLine = (line) => {
    if (line.startsWith(SAYS) || line.startsWith(FAULT)) end?.(line);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(failure('BOARD_SILENT', 'its test does not end')), TEST_MS)),
  );
  try {
    for (let at = 0; at < program.length; at += PIECE_CHARACTERS) {
      const piece = program.slice(at, at + PIECE_CHARACTERS);
      await console.evaluate(`(${GLOBAL}=${at > 0 ? `${GLOBAL}+` : ''}${literal(piece)}).length`);
    }
    await console.type('eval(require("Storage").read(".bootcde"))');
    const line = await hands.attempt.run(Promise.race([said, late]));
    if (line.startsWith(FAULT)) throw failure('DEVICE_FAULT', line.slice(FAULT.length));
    hands.hint('look at the display: five lines in all of its places, in other colours than before');
    await hands.attempt.wait(PICTURE_MS);
    return curveOf(line.slice(SAYS.length));
  } finally {
    clearTimeout(timer);
    console.onLine = null;
  }
}
