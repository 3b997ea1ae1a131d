/**
 * Packets on Espruino's console, from 2v25 on: how EspruinoTools evaluates expressions and sends files.
 *
 * Source: src/jsinteractive.c, jsiHandleConsoleChar and jsiPacketProcess. After DLE SOH come type and length in two
 * bytes, high byte first, then the data; the answer is ACK or NAK, for EVAL after it a packet with the value. A file's
 * data is acknowledged whether or not Storage took it, as there: whoever sends one must look at what has become of it.
 * Left out: compression, the file system, and receiving files and events.
 */
import { charsOf } from './espruino-e.js';

const CHAR = { soh: '\x01', ack: '\x06', dle: '\x10', nak: '\x15' };
const TYPE = { response: 0x0000, eval: 0x2000, fileSend: 0x6000, data: 0x8000 };
const LENGTH_MASK = 0x1fff;

export interface PacketHooks {
  send(text: string): void;
  /** Evaluates; throws what the program throws. */
  evaluate(expression: string): unknown;
  /** `Storage.write(name, data, offset, size)`. */
  writeFile(name: string, data: string, offset: number, size: number): void;
}

/** Takes characters of the console; gives back those that are not part of a packet. */
export function createPackets(hooks: PacketHooks): (data: string) => string {
  let head = '';
  let packet: string | null = null;
  let file: { fn: string; s: number; offs: number } | null = null;

  function reply(type: number, text: string): void {
    hooks.send(CHAR.dle + CHAR.soh + charsOf([(type | text.length) >> 8, text.length & 255]) + text);
  }

  function evaluate(expression: string): void {
    try {
      const text = JSON.stringify(hooks.evaluate(expression)) ?? 'undefined';
      hooks.send(CHAR.ack);
      reply(TYPE.response, text);
    } catch (thrown) {
      hooks.send(`${CHAR.nak}Uncaught ${String(thrown)}\r\n`);
    }
  }

  function begin(json: string): boolean {
    const { fn, s } = JSON.parse(json) as { fn: string; s: number };
    file = typeof fn === 'string' && s > 0 ? { fn, s, offs: 0 } : null;
    return file !== null;
  }

  function data(text: string): boolean {
    if (!file) return false;
    try {
      hooks.writeFile(file.fn, text, file.offs, file.s);
    } catch {
      // Not told, as in the interpreter: `ok |= jsfWriteFile(...)` begins with true.
    }
    file.offs += text.length;
    if (file.offs >= file.s) file = null;
    return true;
  }

  function process(type: number, text: string): void {
    if (type === TYPE.eval) evaluate(text);
    else hooks.send((type === TYPE.fileSend ? begin(text) : type === TYPE.data && data(text)) ? CHAR.ack : CHAR.nak);
  }

  return (characters) => {
    let rest = '';
    for (const c of characters) {
      if (packet !== null) {
        packet += c;
        const flags = packet.length >= 2 ? (packet.charCodeAt(0) << 8) | packet.charCodeAt(1) : -1;
        if (flags < 0 || packet.length < 2 + (flags & LENGTH_MASK)) continue;
        const text = packet.slice(2);
        packet = null;
        process(flags & ~LENGTH_MASK, text);
      } else if (c === CHAR.dle && head === '') head = c;
      else if (c === CHAR.soh && head === CHAR.dle) {
        head = '';
        packet = '';
      } else {
        rest += head + c;
        head = '';
      }
    }
    return rest;
  };
}
