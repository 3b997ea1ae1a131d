/**
 * The dialog with a PN532: one command at a time, its ACK, its answer; over any port (pn532-hsu.ts, pn532-i2c.ts).
 *
 * Source: NXP UM0701-02, 6.2.2 (dialog structure): the chip ACKs a command before it processes it, and answers with the
 * command code plus one. An ACK from the host aborts the command under way; a NACK asks for the last answer again.
 *
 * Every wait has a limit and every repetition a number. An answer counts only after its ACK, so that an answer to a
 * command given up earlier is never taken for that to the next. A command whose repetition would not be the same (it
 * moves bytes over the radio) is not repeated when its ACK is missing: the caller is told, and starts the tap again.
 */
import type { Clock } from './clock.js';
import {
  ACK_FRAME_BYTES,
  ackFrame,
  ByteNatives,
  createFrameParser,
  encodeFrame,
  FRAME_DATA_BYTES_MAX,
  nackFrame,
  Pn532Frame,
  TFI_TO_CHIP,
  TFI_TO_HOST,
} from './pn532-frame.js';

/**
 * How an NFC operation can fail.
 * - `RF_LOST`: the other side left the field, or does not answer.
 * - `RF_ERROR`: it answers, but not what the protocol allows, or damaged more often than the chip repeats.
 * - `NO_CARD`: none came in time.  `CARD_UNSUPPORTED`: one came that is no ISO/IEC 14443-4 card.
 * - `TOO_LONG`: a message longer than the limit, or an answer that never ends.
 * - `PN532_NO_ACK`: the chip does not take commands: power, wiring, interface switches.
 * - `PN532_TIMEOUT`: it took the command and did not answer in time.
 * - `PN532_DAMAGED`: its answers arrive damaged: bursts above burstBytesMax, or a bad line.
 * - `PN532_ERROR`: it refuses the command, or is not a PN532; `status` has its error byte where it gave one.
 * - `BUSY`: a command is already under way.  `CANCELLED`: the caller gave the operation up.
 * - `NO_REPLY`: card role: our own program did not answer a command in time.
 */
export type NfcCode =
  | 'RF_LOST'
  | 'RF_ERROR'
  | 'NO_CARD'
  | 'CARD_UNSUPPORTED'
  | 'TOO_LONG'
  | 'PN532_NO_ACK'
  | 'PN532_TIMEOUT'
  | 'PN532_DAMAGED'
  | 'PN532_ERROR'
  | 'BUSY'
  | 'CANCELLED'
  | 'NO_REPLY';

export interface NfcFailure {
  ok: false;
  code: NfcCode;
  /** The chip's error byte (UM0701-02 7.1), where there is one. */
  status?: number;
}

/** `data` is what follows the answer's command code. */
export type LinkResult = { ok: true; data: Uint8Array } | NfcFailure;

/** What carries frames to and from the chip. */
export interface Pn532Port {
  /** Sends a frame, after the interface's wake-up if `wake`; false if the bus refused it. */
  send(frame: Uint8Array, wake: boolean): boolean;
  /** The most bytes that the next frame from the chip can have; 0 when none is awaited (an I2C port stops polling). */
  expect(frameBytesMax: number): void;
  /** Parameter of SetSerialBaudRate for the port's faster rate; -1, or not given, where it has only one. */
  fastCode?: number;
  /** Goes to the faster rate, or back to the chip's own after power-up. */
  setFast?(fast: boolean): void;
  /** Set by the link. `whole` is true where the chunk is a complete transfer, so that a frame missing in it is damaged. */
  onBytes: (chunk: string, whole: boolean) => void;
}

export interface Pn532Link {
  /**
   * Sends a command and calls back exactly once, later or (BUSY) at once.
   * @param command command code and parameters, at most 265 bytes
   * @param timeoutMs longest wait between ACK and answer
   * @param once true for commands that must not be repeated when their ACK is missing
   */
  command(command: Uint8Array, timeoutMs: number, once: boolean, callback: (result: LinkResult) => void): void;
  /** Gives up the command under way, whose callback gets CANCELLED; the chip is told by an ACK frame (6.2.2.1). */
  cancel(): void;
  /** Whether a command is under way. */
  busy(): boolean;
  /** Lets chip and port talk at the port's faster rate, if it has one (7.2.8). After the chip's first answer. */
  speedUp(callback: (result: LinkResult) => void): void;
}

export interface LinkOptions {
  /** Longest frame, preamble to postamble, that can arrive whole: the board's burstBytesMax. */
  burstBytesMax: number;
  /** Wait for an ACK. The chip needs up to 15 ms (6.2.2.1), Espruino's Linux build up to 50 each way. Default 250. */
  ackTimeoutMs?: number;
  /** A half-received answer counts as damaged after this silence. Default 100. */
  gapMs?: number;
  /** Repetitions of a command without ACK, and of a damaged answer. Default 2. */
  retriesMax?: number;
  /** Default `plainBytes`. */
  natives?: ByteNatives;
}

/** Bytes that a frame adds to the radio data in it, with the ACK before it: the chip may send both in one burst. */
const ANSWER_OVERHEAD_BYTES = 6 + 7 + 3;

/**
 * The longest APDU that one answer of the chip can carry without a burst above `burstBytesMax`.
 *
 * ACK (6 bytes), frame (7) and TFI, command code, status (3) surround it. To the reader that is a response APDU with its
 * status word, to the card a command APDU with its header. At most 252, so that the frame is never an extended one.
 */
export function apduBytesMax(burstBytesMax: number): number {
  return Math.min(burstBytesMax - ANSWER_OVERHEAD_BYTES, 252);
}

/**
 * The most data bytes in one command APDU (header, Lc and Le beside them) that the card's chip can hand over within
 * `burstBytesMax`: what the token tells the terminal in its answer to SELECT.
 */
export function commandDataBytesMax(burstBytesMax: number): number {
  return apduBytesMax(burstBytesMax) - 6;
}

/** The result for an error byte of the radio side, UM0701-02 7.1 table 15. */
export function rfFailure(status: number): NfcFailure {
  const error = status & 0x3f;
  let code: NfcCode = 'PN532_ERROR';
  // 01 no answer; 0A no field; 27 no such target; 29 released; 2B disappeared
  if (error === 0x01 || error === 0x0a || error === 0x27 || error === 0x29 || error === 0x2b) code = 'RF_LOST';
  // CRC, parity, bit count, framing, collision, buffer, overflow, protocol, format
  else if ((error >= 0x02 && error <= 0x0b) || error === 0x13) code = 'RF_ERROR';
  return { ok: false, code: code, status: error };
}

const SECOND_LOOK_MS = 10;
const SET_SERIAL_BAUD_RATE = 0x10;
/** From the ACK that makes the chip change its rate until ours: the ACK must have left, and the chip needs 0.2 ms (7.2.8). */
const RATE_CHANGE_MS = 5;

/** Makes the dialog over a port. */
export function createPn532Link(port: Pn532Port, clock: Clock, options: LinkOptions): Pn532Link {
  const ackTimeoutMs = options.ackTimeoutMs || 250;
  const gapMs = options.gapMs || 100;
  const retriesMax = options.retriesMax === undefined ? 2 : options.retriesMax;
  let code = -1; // of the command under way
  let frame: Uint8Array | null = null;
  let callback: ((result: LinkResult) => void) | null = null;
  let acked = false;
  let once = false;
  let answerMs = 0;
  let attemptsLeft = 0;
  let sent = false;
  let nacksLeft = 0;
  let fast = false; // the rate of our side
  let asleep = true; // until a frame comes, the chip may be in power-down: 6.2.3, 7.2.11
  let timer: any; // runs out at timerMs, for whatever is awaited then
  let timerMs = 0;
  let dueMs = 0; // when the wait ends
  let onDue: () => void;
  let looked = false; // the end was seen once
  let gapTimer: any;

  const hasFast = port.fastCode !== undefined && port.fastCode >= 0;

  function setFast(value: boolean): void {
    fast = value;
    port.setFast!(value);
  }

  function clearGap(): void {
    clock.clearTimeout(gapTimer);
    gapTimer = undefined;
  }

  function arm(delayMs: number): void {
    timerMs = clock.nowMs() + delayMs;
    timer = clock.setTimeout(onTimer, delayMs);
  }

  /**
   * At the end of a wait one more moment: where our own program kept the interpreter busy past it, what arrived meanwhile
   * may stand in the queue behind the timer.
   */
  function onTimer(): void {
    timer = undefined;
    if (!callback) return;
    const leftMs = dueMs - clock.nowMs();
    if (leftMs <= 0 && looked) return onDue();
    looked = leftMs <= 0;
    arm(looked ? SECOND_LOOK_MS : leftMs);
  }

  /** Waits instead of what was waited for. A timer that runs out earlier is left to look again: most waits end long before. */
  function wait(delayMs: number, then: () => void): void {
    dueMs = clock.nowMs() + delayMs;
    onDue = then;
    looked = false;
    if (timer !== undefined) {
      if (timerMs <= dueMs) return;
      clock.clearTimeout(timer);
    }
    arm(delayMs);
  }

  function finish(result: LinkResult): void {
    const done = callback;
    if (gapTimer !== undefined) clearGap();
    callback = null;
    frame = null;
    port.expect(0);
    if (done) done(result);
  }

  /** Ends a command that the chip may still be working on. The ACK takes it back; it may be asleep in TgInitAsTarget. */
  function giveUp(failure: NfcFailure): void {
    asleep = true;
    port.send(ackFrame(), true);
    finish(failure);
  }

  function transmit(): void {
    attemptsLeft--;
    acked = false;
    parser.reset();
    if (gapTimer !== undefined) clearGap();
    wait(ackTimeoutMs, onAckTimeout);
    port.expect(ACK_FRAME_BYTES);
    sent = true; // before the call: an answer may come within it
    if (!port.send(frame!, asleep)) sent = false;
  }

  function onAckTimeout(): void {
    asleep = true;
    // What the bus refused never reached the chip, so its repetition is the first time for any command.
    if (attemptsLeft > 0 && (!once || !sent)) {
      // The chip may have been reset since, or we: then it talks at the other rate.
      if (hasFast) setFast(!fast);
      transmit();
    } else giveUp({ ok: false, code: 'PN532_NO_ACK' });
  }

  function onAnswerTimeout(): void {
    giveUp({ ok: false, code: 'PN532_TIMEOUT' });
  }

  /** The answer is damaged, or stopped half-way: ask for it again (6.2.1.4). */
  function onDamage(): void {
    if (gapTimer !== undefined) clearGap();
    if (!acked) return;
    if (nacksLeft-- === 0) {
      giveUp({ ok: false, code: 'PN532_DAMAGED' });
      return;
    }
    parser.reset();
    gapTimer = clock.setTimeout(onDamage, ackTimeoutMs);
    port.expect(options.burstBytesMax);
    port.send(nackFrame(), false);
  }

  function onFrame(found: Pn532Frame): void {
    if (!callback) return;
    if (found.kind === 'damaged') {
      // Not at once: what follows may still be a good frame, and a NACK would cross with it.
      if (gapTimer !== undefined) clearGap();
      if (acked) gapTimer = clock.setTimeout(onDamage, gapMs);
      return;
    }
    asleep = false;
    if (!acked) {
      if (found.kind !== 'ack') return;
      acked = true;
      wait(answerMs, onAnswerTimeout);
      port.expect(options.burstBytesMax);
    } else if (found.kind === 'error') {
      finish({ ok: false, code: 'PN532_ERROR' });
    } else if (found.kind === 'data' && found.tfi === TFI_TO_HOST && found.data.length > 0 && found.data[0] === code + 1) {
      finish({ ok: true, data: found.data.subarray(1) });
    }
  }

  const parser = createFrameParser(onFrame, FRAME_DATA_BYTES_MAX, options.natives);

  port.onBytes = function (chunk, whole) {
    if (!callback) return; // nobody asked: an answer that came after its command was given up
    const waited = frame;
    const wasAcked = acked;
    if (gapTimer !== undefined) clearGap();
    parser.push(chunk);
    if (!callback || frame !== waited || !acked) return;
    if (whole) {
      if (wasAcked) onDamage();
    } else if (parser.partial() && gapTimer === undefined) {
      gapTimer = clock.setTimeout(onDamage, gapMs);
    }
  };

  const link: Pn532Link = {
    command: function (command, timeoutMs, commandOnce, done) {
      if (callback) {
        done({ ok: false, code: 'BUSY' });
        return;
      }
      code = command[0];
      frame = encodeFrame(TFI_TO_CHIP, command, options.natives);
      callback = done;
      once = commandOnce;
      answerMs = timeoutMs;
      attemptsLeft = 1 + retriesMax;
      nacksLeft = retriesMax;
      transmit();
    },
    cancel: function () {
      if (callback) giveUp({ ok: false, code: 'CANCELLED' });
    },
    busy: function () {
      return callback !== null;
    },
    speedUp: function (done) {
      if (!hasFast || fast) return done({ ok: true, data: new Uint8Array(0) });
      link.command(new Uint8Array([SET_SERIAL_BAUD_RATE, port.fastCode!]), ackTimeoutMs, false, function (result) {
        if (!result.ok) return done(result);
        port.send(ackFrame(), false);
        clock.setTimeout(function () {
          setFast(true);
          done(result);
        }, RATE_CHANGE_MS);
      });
    },
  };
  return link;
}
