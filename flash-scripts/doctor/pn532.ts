/**
 * Asks a board's PN532 for its version, and tries it, by lines typed on the board's console: no firmware need be there.
 *
 * Frames and commands: NXP UM0701-02, 6.2, 7.2.1 (Diagnose, 00), 7.2.2 (GetFirmwareVersion, 02) and 7.3.1
 * (RFConfiguration, 32). An ACK frame ends whatever the chip was at.
 */
import type { Pn532Config } from '../../firmware/core/board-config.js';
import type { Attempt } from '../flash/attempt.js';
import type { BoardConsole } from '../flash/console.js';

const ACK = [0, 0, 0xff, 0, 0xff, 0];
/** SAMConfiguration, normal mode: the first command after power-up. */
const SAM = [0, 0, 0xff, 5, 0xfb, 0xd4, 0x14, 1, 0x14, 1, 2, 0];
const VERSION = [2];
/** The line test: what it sends comes back, here with the bytes that a line in trouble changes first. */
const ECHO = [0, 0, 0x00, 0xff, 0x55, 0xaa, 0x0f, 0xf0, 0x33, 0xcc];
/** RFConfiguration, item 1: the field on, or off. */
const FIELD_ON = [0x32, 1, 1];
const FIELD_OFF = [0x32, 1, 0];
/** Wakes an HSU interface (6.3.2.3). */
const WAKE = [0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/** After power-up. */
const HSU_BAUD = 115200;
const I2C_ADDRESS = 0x24;
/** Time for a command, its ACK and its answer. */
const ANSWER_MS = 150;

/** Readings after the question: a chip answers at the first or second, and a busy computer may look too early. */
const READINGS = 10;
const READ_BYTES = 24;
/** From the chip. */
const TFI = 0xd5;
const PN532_IC = 0x32;

/** Programs for a bus, each an expression: set up, send bytes, read what came as text of numbers. */
interface Dialog {
  setUp: string;
  send(bytes: number[]): string;
  read: string;
}

const text = (value: unknown): string => JSON.stringify(value);
/** A statement as an expression. */
const done = (statement: string): string => `(function(){${statement};return 1})()`;
/** Answers kept where a program between two lines finds them. */
const KEPT = 'global.tapcash_answer';

function dialogOf(config: Pn532Config): Dialog {
  const { port } = config;
  if (config.bus === 'i2c') {
    const bus = 'global.tapcash_i2c';
    const options = text({ sda: config.sda, scl: config.scl, bitrate: config.bitrate ?? 100000 });
    return {
      setUp: done(`${bus}=${port === 'I2C' ? `new ${port}()` : port};${bus}.setup(${options})`),
      send: (bytes) => done(`${bus}.writeTo(${I2C_ADDRESS},${text(bytes)})`),
      read: `new Uint8Array(${bus}.readFrom(${I2C_ADDRESS},${READ_BYTES})).join()`,
    };
  }
  if (config.bus === 'spi') {
    const bus = 'global.tapcash_spi';
    return {
      setUp: done(
        `${bus}=new ${port}();${bus}.setup(${text({ sck: config.sck, miso: config.miso, mosi: config.mosi, mode: 0, order: 'lsb' })})`,
      ),
      send: (bytes) => done(`${bus}.send(${text([1, ...bytes])},${text(config.nss)})`),
      read: `new Uint8Array(${bus}.send(${text([3, ...new Array<number>(READ_BYTES).fill(0)])},${text(config.nss)})).join()`,
    };
  }
  const pins = {
    flow: 'none',
    ...(config.rx ? { rx: config.rx } : {}),
    ...(config.tx ? { tx: config.tx } : {}),
    ...(config.path ? { path: config.path } : {}),
  };
  return {
    setUp: done(
      `${KEPT}="";${port}.on("data",function(d){${KEPT}+=d});${port}.setup(${config.baud ?? HSU_BAUD},${text(pins)});${port}.write(${text(WAKE)})`,
    ),
    send: (bytes) => done(`${KEPT}="";${port}.write(${text(bytes)})`),
    read: `E.toUint8Array(${KEPT}).join()`,
  };
}

/** An information frame to the chip (6.2.1.1). */
function frameOf(command: number[]): number[] {
  const body = [0xd4, ...command];
  const sum = body.reduce((total, byte) => total + byte, 0);
  return [0, 0, 0xff, body.length, 256 - body.length, ...body, -sum & 255, 0];
}

/**
 * The chip's version, "1.6"; null where it gives none. A chip on a UART is asked at both rates that it may have: the
 * firmware's, which a reset of the board alone leaves it at, and that of power-up.
 * @throws TapcashError where the bus itself fails
 */
export async function pn532Version(
  console: BoardConsole,
  attempt: Attempt,
  config: Pn532Config,
): Promise<string | null> {
  return (await wake(console, attempt, config))?.version ?? null;
}

/**
 * Whether bytes come back from the chip as they were sent, and whether it takes that its field goes on and off; null
 * where it does not answer at all. The field is off again afterwards.
 * @throws TapcashError where the bus itself fails
 */
export async function tryPn532(
  console: BoardConsole,
  attempt: Attempt,
  config: Pn532Config,
): Promise<{ echoes: boolean; field: boolean } | null> {
  const dialog = (await wake(console, attempt, config))?.dialog;
  if (!dialog) return null;
  const ask = (command: number[], bytes: number): Promise<number[] | null> =>
    askFor(console, attempt, dialog, command, bytes);
  const echo = await ask(ECHO, ECHO.length - 1);
  const on = await ask(FIELD_ON, 0);
  const off = await ask(FIELD_OFF, 0);
  return { echoes: echo?.join() === ECHO.slice(1).join(), field: on !== null && off !== null };
}

/** Wakes the chip and asks its version; null where it does not answer. */
async function wake(
  console: BoardConsole,
  attempt: Attempt,
  config: Pn532Config,
): Promise<{ dialog: Dialog; version: string } | null> {
  for (const each of [config, { ...config, baud: HSU_BAUD }]) {
    const dialog = dialogOf(each);
    await console.evaluate(dialog.setUp);
    await attempt.wait(ANSWER_MS);
    for (const frame of [ACK, SAM]) {
      await console.evaluate(dialog.send(frame));
      await attempt.wait(ANSWER_MS);
    }
    await console.evaluate(dialog.read);
    // IC, version, revision, support.
    const answer = await askFor(console, attempt, dialog, VERSION, 4);
    if (answer?.[0] === PN532_IC) return { dialog, version: `${answer[1]}.${answer[2]}` };
  }
  return null;
}

/** Sends a command. @returns so many bytes behind the code of its answer; null where none comes */
async function askFor(
  console: BoardConsole,
  attempt: Attempt,
  dialog: Dialog,
  command: number[],
  count: number,
): Promise<number[] | null> {
  await console.evaluate(dialog.send(frameOf(command)));
  let bytes: number[] = [];
  // A polled bus has the ACK first, the answer at a later reading; a UART has both.
  for (let tries = 0; tries < READINGS; tries++) {
    await attempt.wait(ANSWER_MS);
    bytes = [
      ...bytes,
      ...String(await console.evaluate(dialog.read))
        .split(',')
        .filter(Boolean)
        .map(Number),
    ];
    const at = bytes.findIndex((byte, i) => byte === TFI && bytes[i + 1] === command[0] + 1);
    if (at >= 0 && bytes.length >= at + 2 + count) return bytes.slice(at + 2, at + 2 + count);
  }
  return null;
}
