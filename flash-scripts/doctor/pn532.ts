/**
 * Asks a board's PN532 for its version, by lines typed on the board's console: no firmware need be there.
 *
 * Frames and commands: NXP UM0701-02, 6.2 and 7.2.2 (GetFirmwareVersion, 02). An ACK frame ends whatever the chip was
 * at.
 */
import type { Pn532Config } from '../../firmware/core/board-config.js';
import type { Attempt } from '../flash/attempt.js';
import type { BoardConsole } from '../flash/console.js';

const ACK = [0, 0, 0xff, 0, 0xff, 0];
/** SAMConfiguration, normal mode: the first command after power-up. */
const SAM = [0, 0, 0xff, 5, 0xfb, 0xd4, 0x14, 1, 0x14, 1, 2, 0];
const VERSION = [0, 0, 0xff, 2, 0xfe, 0xd4, 2, 0x2a, 0];
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
/** D5 03 IC Ver Rev Support. */
const HEAD = [0xd5, 3];
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
  return (
    (await ask(console, attempt, dialogOf(config))) ??
    (await ask(console, attempt, dialogOf({ ...config, baud: HSU_BAUD })))
  );
}

async function ask(console: BoardConsole, attempt: Attempt, dialog: Dialog): Promise<string | null> {
  await console.evaluate(dialog.setUp);
  await attempt.wait(ANSWER_MS);
  for (const command of [ACK, SAM]) {
    await console.evaluate(dialog.send(command));
    await attempt.wait(ANSWER_MS);
  }
  await console.evaluate(dialog.read);
  await console.evaluate(dialog.send(VERSION));
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
    const at = bytes.findIndex((byte, i) => byte === HEAD[0] && bytes[i + 1] === HEAD[1] && bytes[i + 2] === PN532_IC);
    if (at >= 0 && bytes.length >= at + 5) return `${bytes[at + 3]}.${bytes[at + 4]}`;
  }
  return null;
}
