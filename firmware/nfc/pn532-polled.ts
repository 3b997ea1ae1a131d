/**
 * PN532 port on a bus where the host asks for everything: I2C and SPI.
 *
 * Source: NXP UM0701-02, 6.2.4 and 6.2.5. The chip has a status whose bit 0 says that a frame waits, and P70_IRQ, low
 * meanwhile (7.2.10). A transfer that ends before the frame does loses the rest (a NACK brings all of it again), so
 * each read asks for the most that the frame can have.
 */
import { toChars } from '../core/bytes.js';
import type { Clock } from '../core/clock.js';
import type { Pn532Port } from './pn532-link.js';

/** The bus's own ways. Each may throw where the bus fails: as good as not ready. */
export interface PolledBus {
  /** Sends a frame, after what wakes the chip if `wake`. */
  write(frame: Uint8Array, wake: boolean): void;
  /** Whether a frame waits; or true, where reading so many bytes and their status takes no longer than asking. */
  ready(bytes: number): boolean;
  /** The waiting frame and what follows it, as character codes; '' where none waits after all. */
  read(bytes: number): string;
}

export interface PollOptions {
  /** Reads the P70_IRQ pin: false or 0 while a frame is ready. Without it the port polls the status. */
  irq?: () => boolean | number;
  /** First wait between two polls. Default 1. */
  pollMs?: number;
  /** Polls slow down to this, within a second: while the chip waits for a card or a reader. Default 10. */
  pollMsMax?: number;
  /** A native for text of bytes, where there is one: a loop was a third of a tap's statements. */
  toChars?(bytes: Uint8Array): string;
}

/** By how much a wait is longer than the one before. */
const POLL_GROWTH_MS = 0.05;

/** Makes a port on a bus that is set up already. */
export function createPolledPort(bus: PolledBus, clock: Clock, options: PollOptions): Pn532Port {
  const irq = options.irq;
  const pollMs = options.pollMs || 1;
  const pollMsMax = options.pollMsMax || 10;
  let awaitedBytes = 0;
  let waitMs = pollMs;
  let timer: any;

  function start(): void {
    waitMs = pollMs;
    if (timer === undefined) timer = clock.setTimeout(poll, pollMs);
  }

  function poll(): void {
    timer = undefined;
    if (awaitedBytes === 0) return;
    let chunk = '';
    try {
      if (irq ? !irq() : bus.ready(awaitedBytes)) chunk = bus.read(awaitedBytes);
    } catch (error) {
      // Not acknowledged: as good as not ready. The link's timeout ends the wait.
    }
    if (chunk) {
      awaitedBytes = port.onBytes(chunk, true);
      if (awaitedBytes > 0) start();
    } else {
      timer = clock.setTimeout(poll, waitMs);
      if (waitMs < pollMsMax) waitMs += POLL_GROWTH_MS;
    }
  }

  const port: Pn532Port = {
    send: function (frame, wake, nextBytesMax) {
      awaitedBytes = nextBytesMax;
      if (nextBytesMax > 0) start();
      try {
        bus.write(frame, wake);
        return true;
      } catch (error) {
        return false;
      }
    },
    onBytes: function () {
      return 0; // until a link listens
    },
  };
  return port;
}

/**
 * The frame that was read, after a first byte of the bus, as character codes; what was read past the frame is left
 * away. An extended frame, or what has another preamble than the chip's, is given as it came: FF stands in LEN's place.
 */
export function charsOf(found: Uint8Array, options: PollOptions): string {
  const length = found[4];
  return (options.toChars || toChars)(found.subarray(1, length === 0xff ? found.length : length + 8));
}
