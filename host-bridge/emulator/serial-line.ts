/**
 * An emulated serial cable: bytes written at one end arrive at the other after the time that the baud rate takes.
 *
 * Bytes travel as Espruino has them, in strings of character codes 0 to 255. Each write arrives as one string, in order.
 */
import type { Scheduler } from './scheduler.js';

/** One end of a cable. */
export interface SerialEnd {
  /** Sends character codes 0..255. */
  write(data: string): void;
  /** Bits a second of this end's UART, where it has told; bytes to an end at another rate are lost. */
  baud?: number;
  /** The one receiver of this end; until it is set, bytes are lost, as on a UART nobody has opened. */
  onData: ((data: string) => void) | null;
}

export interface SerialLine {
  a: SerialEnd;
  b: SerialEnd;
  /** Bits a second, both ways; 10 bits a byte. */
  baud: number;
  /** False while the cable is pulled: bytes vanish. */
  connected: boolean;
}

/** Makes a cable. `baud` 0 means that bytes take no time. */
export function createSerialLine(scheduler: Scheduler, baud = 115200): SerialLine {
  const line = { baud, connected: true } as SerialLine;
  function end(): SerialEnd {
    return { write: () => undefined, onData: null };
  }
  line.a = end();
  line.b = end();
  for (const [from, to] of [[line.a, line.b], [line.b, line.a]]) {
    let freeMs = 0;
    from.write = (data) => {
      if (data.length === 0) return;
      const startMs = Math.max(scheduler.nowMs(), freeMs);
      freeMs = startMs + (line.baud > 0 ? (data.length * 10_000) / line.baud : 0);
      scheduler.setTimer(() => {
        const heard = from.baud === undefined || to.baud === undefined || from.baud === to.baud;
        if (line.connected && heard && to.onData) to.onData(data);
      }, freeMs - scheduler.nowMs());
    };
  }
  return line;
}
