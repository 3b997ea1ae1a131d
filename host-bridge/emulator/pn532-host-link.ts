/**
 * The host side of an emulated PN532: frames from the host, ACK, answers, NACK, abort. Written apart from the
 * firmware's codec (firmware/nfc/pn532-frame.ts), so that a mistake in one is not repeated in the other.
 *
 * Source: NXP UM0701-02, 6.2.1 (frames, pp. 28 to 32) and 6.2.2 (dialog). The rules:
 *   - a frame whose length or data checksum is wrong is not acknowledged; the host repeats it after its timeout
 *     (6.2.2.1)
 *   - a good frame is acknowledged before it is processed (6.2.2.1)
 *   - a command during a command takes the place of the first (6.2.2.1)
 *   - ACK from the host takes back the command under way; there is no answer (6.2.2.1)
 *   - NACK from the host brings the last answer again; while a command is processed it does nothing (6.2.1.4)
 *   - a command that is unknown or has wrong parameters is acknowledged and answered by the error frame (6.2.1.5)
 */
import type { Scheduler, Timer } from '../base/scheduler.js';

/** What the host link calls. */
export interface HostLinkHandler {
  /** Puts a frame on the interface. */
  send(frame: Uint8Array): void;
  /** A command was acknowledged: command code and parameters. */
  onCommand(command: Uint8Array): void;
  /** The command under way is taken back (by the host's ACK) or replaced; frames not yet read (I2C) are void. */
  onAbort(byAck: boolean): void;
}

export interface HostLink {
  /** Bytes from the host. */
  feed(bytes: ArrayLike<number>): void;
  /** Answers the command under way: code + 1 and what follows. */
  respond(answer: ArrayLike<number>): void;
  /** Answers it with the error frame. */
  respondError(): void;
  /** Whether a command is under way. */
  processing(): boolean;
  /** Power lost: forgets everything. */
  reset(): void;
}

const ACK = Uint8Array.of(0x00, 0x00, 0xff, 0x00, 0xff, 0x00);
const ERROR = Uint8Array.of(0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00);
/** The chip's own time from a command's last byte to the ACK; the manual allows 15 ms (6.2.2.1). */
const ACK_DELAY_MS = 0.3;
const FRAME_BYTES_MAX = 265; // TFI and PD0 to PDn

/** An information frame to the host, with one byte of preamble before the start code, and a postamble. */
export function chipFrame(answer: ArrayLike<number>): Uint8Array {
  const body = [0xd5, ...Array.from(answer)];
  const length = body.length;
  const head =
    length < 256 ? [length, 256 - length] : [0xff, 0xff, length >> 8, length & 255, -((length >> 8) + length) & 255];
  const sum = body.reduce((total, byte) => total + byte, 0);
  return Uint8Array.from([0x00, 0x00, 0xff, ...head.map((byte) => byte & 255), ...body, -sum & 255, 0x00]);
}

/** Makes the link. */
export function createHostLink(scheduler: Scheduler, handler: HostLinkHandler): HostLink {
  let received: number[] = []; // from a start code's 00 on
  let last: Uint8Array | null = null;
  let processing = false;
  let ackTimer: Timer | null = null;

  function abort(byAck: boolean): void {
    if (ackTimer) scheduler.clearTimer(ackTimer);
    ackTimer = null;
    processing = false;
    handler.onAbort(byAck);
  }

  function accept(body: number[]): void {
    if (body[0] !== 0xd4 || body.length < 2) return;
    abort(false);
    last = null;
    ackTimer = scheduler.setTimer(() => {
      ackTimer = null;
      processing = true;
      handler.send(ACK);
      handler.onCommand(Uint8Array.from(body.slice(1)));
    }, ACK_DELAY_MS);
  }

  /** Looks at the bytes since the start code: true when they are used up, as a frame or as none. */
  function complete(): boolean {
    const [, , length, check] = received;
    if (received.length < 4) return received.length === 2 && received[1] !== 0xff;
    if (length === 0x00 && check === 0xff) {
      abort(true);
      return true;
    }
    if (length === 0xff && check === 0x00) {
      if (!processing && ackTimer === null && last) handler.send(last);
      return true;
    }
    const extended = length === 0xff && check === 0xff;
    if (extended && received.length < 7) return false;
    const head = extended ? received.slice(4, 7) : [length, check];
    const bytes = extended ? head[0] * 256 + head[1] : length;
    if (head.reduce((sum, byte) => sum + byte, 0) % 256 !== 0 || bytes === 0 || bytes > FRAME_BYTES_MAX) return true;
    const at = extended ? 7 : 4;
    if (received.length < at + bytes + 1) return false;
    if (received.slice(at).reduce((sum, byte) => sum + byte, 0) % 256 === 0) accept(received.slice(at, at + bytes));
    return true;
  }

  function answer(frame: Uint8Array): void {
    processing = false;
    last = frame;
    handler.send(frame);
  }

  return {
    feed(bytes) {
      for (const byte of Array.from(bytes)) {
        // Before a start code only 00 counts; a run of 00 is preamble, of which the last belongs to the start code.
        if (received.length === 0 && byte !== 0x00) continue;
        if (received.length === 1 && byte === 0x00) continue;
        received.push(byte);
        if (complete()) received = byte === 0x00 ? [0x00] : [];
      }
    },
    respond: (bytes) => answer(chipFrame(bytes)),
    respondError: () => answer(ERROR),
    processing: () => processing,
    reset() {
      abort(false);
      received = [];
      last = null;
    },
  };
}
