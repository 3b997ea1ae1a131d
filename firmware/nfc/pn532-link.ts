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
import type { Clock } from '../core/clock.js';
import {
  ACK_FRAME_BYTES,
  ACK_TEXT,
  ackFrame,
  ByteNatives,
  createFrameParser,
  encodeFrame,
  FRAME_DATA_BYTES_MAX,
  nackFrame,
  plainBytes,
  Pn532Frame,
  TFI_TO_CHIP,
  TFI_TO_HOST,
  wholeAnswer,
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
  | 'CANCELLED';

/** Of these the chip itself, or what it hangs on, is at fault: it is to be started again. */
const CHIP_FAULTS = 'PN532_NO_ACK PN532_TIMEOUT PN532_DAMAGED PN532_ERROR';

/** Whether the chip is at fault, rather than a card, the radio or who called. */
export function isChipFault(code: NfcCode): boolean {
  return CHIP_FAULTS.indexOf(code) >= 0;
}

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
  /**
   * Sends a frame, after the interface's wake-up if `wake`; false if the bus refused it.
   * @param nextBytesMax most bytes of the frame that comes then; 0 when none is awaited (an I2C port stops polling)
   */
  send(frame: Uint8Array, wake: boolean, nextBytesMax: number): boolean;
  /** Parameter of SetSerialBaudRate for the port's faster rate; -1, or not given, where it has only one. */
  fastCode?: number;
  /** Goes to the faster rate, or back to the chip's own after power-up. */
  setFast?(fast: boolean): void;
  /**
   * Set by the link. `whole` is true where the chunk is a complete transfer, so that a frame missing in it is damaged.
   * Returns the most bytes of the frame that comes next, 0 when none is awaited.
   */
  onBytes: (chunk: string, whole: boolean) => number;
}

/** A command with its frame; the parts of `command`, and: */
export interface LinkCommand {
  /** From `commandFrame`. */
  frame: Uint8Array;
  timeoutMs: number;
  once: boolean;
  callback: (result: LinkResult) => void;
  /** Most bytes of the answer's frame, where that is less than the board's burst; what is longer is asked for again. */
  answerBytesMax?: number;
}

export interface Pn532Link {
  /**
   * Sends a command and calls back exactly once, later or (BUSY) at once.
   * @param command command code and parameters, at most 265 bytes
   * @param timeoutMs longest wait for the answer, beside that for the ACK
   * @param once true for commands that must not be repeated when their ACK is missing
   */
  command(command: Uint8Array, timeoutMs: number, once: boolean, callback: (result: LinkResult) => void): void;
  /** The same of a command that its caller keeps, and does not change before its callback. */
  exchange(command: LinkCommand): void;
  /** The frame of a command: code and first parameters, then the rest, and what may come after it. */
  commandFrame(head: number[], data: Uint8Array, tail?: number[]): Uint8Array;
  /** Gives up the command under way, whose callback gets CANCELLED; the chip is told by an ACK frame (6.2.2.1). */
  cancel(): void;
  /** Whether a command is under way. */
  busy(): boolean;
  /**
   * Lets chip and port talk at the faster rate, if the port has one (7.2.8). After the first answer. A chip that
   * refuses it, or does not answer, is talked to as before: CANCELLED is the one failure.
   */
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

/** Bytes of an answer's frame beside its data: preamble, start code, LEN, LCS, TFI, command code; DCS, postamble. */
export const ANSWER_FRAME_BYTES = 9;
/** Bytes that a frame adds to the radio data in it, with the ACK before it: the chip may send both in one burst. */
const ANSWER_OVERHEAD_BYTES = 6 + 7 + 3;

/**
 * The longest APDU that one answer of the chip can carry without a burst above `burstBytesMax`.
 *
 * ACK (6 bytes), frame (7) and TFI, command code, status (3) surround it. To the reader that is a response APDU with
 * its status word, to the card a command APDU with its header. At most 252, so that the frame is never an extended one.
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
/**
 * From the ACK that makes the chip change its rate until ours: the ACK must have left, and the chip needs 0.2 ms
 * (7.2.8).
 */
const RATE_CHANGE_MS = 5;

/** Makes the dialog over a port. */
export function createPn532Link(port: Pn532Port, clock: Clock, options: LinkOptions): Pn532Link {
  const ackTimeoutMs = options.ackTimeoutMs || 250;
  const gapMs = options.gapMs || 100;
  const retriesMax = options.retriesMax === undefined ? 2 : options.retriesMax;
  const natives = options.natives || plainBytes;
  let current: LinkCommand | null = null; // the command under way
  let acked = false;
  let refused = false; // by the bus, when it was last sent
  let repetitions = 0; // of it, and of its answer
  let fast = false; // the rate of our side
  let asleep = true; // until a frame comes, the chip may be in power-down: 6.2.3, 7.2.11
  let timer: any; // runs out at timerMs, for whatever is awaited then
  let timerMs = 0;
  let dueMs = 0; // when the wait ends
  let lookedMs = -1; // the end that was seen once
  let held = ''; // the beginning of what comes in pieces; gapTimer runs
  let untidy = false; // the parser may hold something, gapTimer runs, or something was repeated
  let gapTimer: any;

  const hasFast = port.fastCode !== undefined && port.fastCode >= 0;

  function setFast(value: boolean): void {
    fast = value;
    port.setFast!(value);
  }

  function clearGap(): void {
    if (gapTimer !== undefined) clock.clearTimeout(gapTimer);
    gapTimer = undefined;
  }

  function forget(): void {
    untidy = false;
    held = '';
    clearGap();
    parser.reset();
  }

  function arm(delayMs: number): void {
    timerMs = clock.nowMs() + delayMs;
    timer = clock.setTimeout(onTimer, delayMs);
  }

  /**
   * At the end of a wait one more moment: where our own program kept the interpreter busy past it, what arrived
   * meanwhile may stand in the queue behind the timer.
   */
  function onTimer(): void {
    timer = undefined;
    if (!current) return;
    const leftMs = dueMs - clock.nowMs();
    if (leftMs > 0) return arm(leftMs);
    if (lookedMs === dueMs) return acked ? giveUp({ ok: false, code: 'PN532_TIMEOUT' }) : onAckTimeout();
    lookedMs = dueMs;
    arm(SECOND_LOOK_MS);
  }

  /**
   * Waits instead of what was waited for. A timer that runs out earlier is left to look again: most waits end long
   * before.
   */
  function wait(delayMs: number): void {
    dueMs = clock.nowMs() + delayMs;
    if (timer !== undefined) {
      if (timerMs <= dueMs) return;
      clock.clearTimeout(timer);
    }
    arm(delayMs);
  }

  function finish(result: LinkResult): void {
    const done = current!.callback;
    if (untidy || gapTimer !== undefined) forget();
    current = null;
    done(result);
  }

  /**
   * Ends a command that the chip may still be working on. The ACK takes it back; it may be asleep in TgInitAsTarget.
   */
  function giveUp(failure: NfcFailure): void {
    asleep = true;
    port.send(ackFrame(), true, 0);
    finish(failure);
  }

  function transmit(): void {
    acked = false;
    if (untidy) forget();
    wait(ackTimeoutMs);
    refused = !port.send(current!.frame, asleep, ACK_FRAME_BYTES);
  }

  function onAckTimeout(): void {
    asleep = true;
    // What the bus refused never reached the chip, so its repetition is the first time for any command.
    if (repetitions < retriesMax && (!current!.once || refused)) {
      repetitions++;
      // The chip may have been reset since, or we: then it talks at the other rate.
      if (hasFast) setFast(!fast);
      transmit();
    } else giveUp({ ok: false, code: 'PN532_NO_ACK' });
  }

  /** The answer is damaged, or stopped half-way: ask for it again (6.2.1.4). */
  function onDamage(): void {
    forget();
    if (!acked) return;
    if (repetitions++ === retriesMax) {
      giveUp({ ok: false, code: 'PN532_DAMAGED' });
      return;
    }
    untidy = true;
    gapTimer = clock.setTimeout(onDamage, ackTimeoutMs);
    // All of it: what was read of it may have been too little.
    port.send(nackFrame(), false, options.burstBytesMax);
  }

  function onAck(): void {
    acked = true;
    // The timer runs out no later than the wait for the ACK does, and then looks again.
    dueMs += current!.timeoutMs;
  }

  /** LEN and LCS FF FF: an extended frame, whose lengths come after them. */
  function answerCode(): number {
    return 1 + current!.frame[current!.frame[4] === 0xff ? 9 : 6];
  }

  function onFrame(found: Pn532Frame): void {
    if (!current) return;
    if (found.kind === 'damaged') {
      // Not at once: what follows may still be a good frame, and a NACK would cross with it.
      clearGap();
      if (acked) gapTimer = clock.setTimeout(onDamage, gapMs);
      return;
    }
    asleep = false;
    if (!acked) {
      if (found.kind === 'ack') onAck();
    } else if (found.kind === 'error') {
      finish({ ok: false, code: 'PN532_ERROR' });
    } else if (
      found.kind === 'data' &&
      found.tfi === TFI_TO_HOST &&
      found.data.length > 0 &&
      found.data[0] === answerCode()
    ) {
      finish({ ok: true, data: found.data.subarray(1) });
    }
  }

  const parser = createFrameParser(onFrame, FRAME_DATA_BYTES_MAX, natives);

  /**
   * Whether an ACK, or an answer by its length, is not all there, behind a preamble of one byte; of any other preamble
   * (6.2.1.6: none, a long one, what was left on the line), and of an extended frame, the parser knows more.
   */
  function isBegun(text: string): boolean {
    return (
      text.length < (acked && text.length > 3 ? text.charCodeAt(3) + 7 : ACK_FRAME_BYTES) &&
      ACK_TEXT.indexOf(text.substr(0, 3)) === 0
    );
  }

  function hold(text: string): void {
    held = text;
    if (gapTimer === undefined) gapTimer = clock.setTimeout(onDamage, gapMs);
  }

  /** Whatever is not simply the ACK, the answer, or one after the other. */
  function parse(chunk: string, whole: boolean): void {
    const waited = current;
    const wasAcked = acked;
    clearGap();
    untidy = true;
    parser.push(chunk);
    if (!current || current !== waited || !acked) return;
    if (whole) {
      if (wasAcked) onDamage();
    } else if (parser.partial() && gapTimer === undefined) {
      gapTimer = clock.setTimeout(onDamage, gapMs);
    }
  }

  function answerBytes(): number {
    return Math.min(current!.answerBytesMax || options.burstBytesMax, options.burstBytesMax);
  }

  port.onBytes = function (chunk, whole) {
    if (!current) return 0; // nobody asked: an answer that came after its command was given up
    let text = held + chunk;
    held = '';
    if (!acked && !untidy && text.substr(0, ACK_FRAME_BYTES) === ACK_TEXT) {
      onAck();
      if (whole || text.length === ACK_FRAME_BYTES) return answerBytes();
      text = text.substr(ACK_FRAME_BYTES);
    }
    if (!whole && !untidy && isBegun(text)) {
      hold(text);
      return 0;
    }
    const data = acked && !untidy ? wholeAnswer(text, answerCode(), natives) : null;
    if (data) {
      asleep = false;
      finish({ ok: true, data: data });
    } else parse(text, whole);
    return !current ? 0 : acked ? answerBytes() : ACK_FRAME_BYTES;
  };

  const link: Pn532Link = {
    command: function (command, timeoutMs, commandOnce, done) {
      link.exchange({ frame: link.commandFrame([], command), timeoutMs: timeoutMs, once: commandOnce, callback: done });
    },
    exchange: function (command) {
      if (current) return command.callback({ ok: false, code: 'BUSY' });
      current = command;
      repetitions = 0;
      transmit();
    },
    commandFrame: function (head, data, tail) {
      return encodeFrame([TFI_TO_CHIP].concat(head), data, tail || [], natives);
    },
    cancel: function () {
      if (current) giveUp({ ok: false, code: 'CANCELLED' });
    },
    busy: function () {
      return current !== null;
    },
    speedUp: function (done) {
      if (!hasFast || fast) return done({ ok: true, data: new Uint8Array(0) });
      link.command(new Uint8Array([SET_SERIAL_BAUD_RATE, port.fastCode!]), ackTimeoutMs, false, function (result) {
        // Should the chip be at the faster rate all the same, the next command finds it there.
        if (!result.ok) return done(result.code === 'CANCELLED' ? result : { ok: true, data: new Uint8Array(0) });
        port.send(ackFrame(), false, 0);
        clock.setTimeout(function () {
          setFast(true);
          done(result);
        }, RATE_CHANGE_MS);
      });
    },
  };
  return link;
}
