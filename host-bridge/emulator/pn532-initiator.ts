/**
 * The radio half of a PN532 that reads an ISO/IEC 14443-4 card: field, anticollision, RATS, and the block protocol.
 *
 * Source: ISO/IEC 14443-3 6.4 and 14443-4 7.5.3, 7.5.4 (rules A, B and 1 to 8, named where they apply). Which of it the
 * chip does by itself, and its error bytes: UM0701-02 7.3.5, 7.3.8, 7.3.1 (MxRtyCOM, MxRtyPassiveActivation), 7.1.
 *
 * Left out: more than one target at a time, UIDs of 7 and 10 bytes, bit rates above 106 kbit/s, CID, NAD. Of several
 * cards in the field, the one whose UID has a 1 where they first differ answers on (as a reader that goes on with 1).
 */
import type { Block } from './iso14443.js';
import { AIR, encodeBlock, frameBytes, FWI_MAX, parseBlock, stripCrc, waitingTimeMs, withCrc } from './iso14443.js';
import type { AirPort } from './radio-field.js';
import { airTimeMs } from './radio-field.js';
import type { Scheduler, Timer } from '../base/scheduler.js';

/** A card as InListPassiveTarget reports it; `ats` with its length byte, null for a card without ISO/IEC 14443-4. */
export interface FoundTarget {
  sensRes: Uint8Array;
  selRes: number;
  uid: Uint8Array;
  ats: Uint8Array | null;
}

export interface Pn532Initiator {
  setField(on: boolean): void;
  /** Looks for a card `attempts` times (Infinity: until abort). */
  activate(attempts: number, rats: boolean, onTarget: (target: FoundTarget | null) => void): void;
  /** Exchanges data with the card; `more`: part of a longer command, which the card acknowledges. */
  exchange(data: Uint8Array, more: boolean, onDone: (status: number, answer: Uint8Array) => void): void;
  /** S(DESELECT), answered or not. */
  deselect(onDone: () => void): void;
  /** Forgets what is under way. */
  abort(): void;
  /** A card begins to send: no waiting time runs out before its frame ends. */
  onBegin(): void;
  onFrame(frame: Uint8Array): void;
  /** MxRtyCOM (7.3.1, item 4): how often a block without a good answer is asked for again. */
  retries: number;
}

/** Error bytes, UM0701-02 7.1. */
const STATUS = { OK: 0, TIMEOUT: 0x01, CRC: 0x02, BUFFER: 0x07, FORMAT: 0x13 };

const FIELD_GUARD_MS = 5;
const BETWEEN_ATTEMPTS_MS = 2;
/**
 * Waits for answers that a card gives within 1 ms (anticollision) and 9 ms (ATS, 14443-4 5.4). Longer than the chip's
 * own, because in real time a timer of this machine is late by milliseconds.
 */
const SHORT_WAIT_MS = 20;
const ATS_WAIT_MS = 30;
const GATHER_MS = 0.05;
const TURNAROUND_MS = 0.4;
const ANSWER_BYTES_MAX = 4096;
const FSDI = 8;
/** What a frame of FSDI takes, and some more: how long one that never ends is waited for. */
const LONGEST_FRAME_MS = airTimeMs(frameBytes(FSDI)) + 5;

/** Makes an initiator on a port of the field. */
export function createInitiator(scheduler: Scheduler, air: AirPort): Pn532Initiator {
  let fieldOn = false;
  let readyMs = 0;
  let onReply: ((frames: Uint8Array[]) => void) | null = null;
  let replies: Uint8Array[] = [];
  let timer: Timer | null = null;
  // of the activated card
  let number = 0; // rule A
  let cardFrameBytes = 32;
  let waitMs = waitingTimeMs(4);
  let guardUntilMs = 0;

  function clear(): void {
    if (timer) scheduler.clearTimer(timer);
    timer = null;
    onReply = null;
    replies = [];
  }

  /** Sends a frame at `atMs` or now, and gives what came back: no frame, one, or several cards' at once. */
  function ask(frame: Uint8Array, waitForMs: number, reply: (frames: Uint8Array[]) => void, atMs = 0): void {
    clear();
    const delayMs = Math.max(0, atMs - scheduler.nowMs());
    timer = scheduler.setTimer(() => {
      onReply = reply;
      air.transmit(frame);
      timer = scheduler.setTimer(deliver, airTimeMs(frame.length) + waitForMs);
    }, delayMs);
  }

  function deliver(): void {
    const reply = onReply;
    const frames = replies;
    clear();
    reply?.(frames);
  }

  function pause(delayMs: number, then: () => void): void {
    clear();
    timer = scheduler.setTimer(then, delayMs);
  }

  function chooseUid(frames: Uint8Array[]): Uint8Array | null {
    const good = frames.filter((f) => f.length === 5 && (f[0] ^ f[1] ^ f[2] ^ f[3] ^ f[4]) === 0);
    if (good.length < frames.length || good.length === 0) return null;
    // First difference in the order of transmission: byte by byte, low bit first.
    return good.reduce((best, other) => {
      const at = best.findIndex((byte, i) => byte !== other[i]);
      if (at < 0) return best;
      const difference = best[at] ^ other[at];
      return other[at] & difference & -difference ? other : best;
    });
  }

  function activate(attempts: number, rats: boolean, onTarget: (target: FoundTarget | null) => void): void {
    initiator.setField(true);
    const again = () => {
      if (attempts <= 1) return onTarget(null);
      pause(BETWEEN_ATTEMPTS_MS, () => activate(attempts - 1, rats, onTarget));
    };
    ask(
      Uint8Array.of(AIR.REQA),
      SHORT_WAIT_MS,
      (atqa) => {
        if (atqa.length === 0 || atqa[0].length !== 2) return again();
        ask(Uint8Array.of(AIR.SDD, AIR.SDD_NVB), SHORT_WAIT_MS, (uids) => {
          const uid = chooseUid(uids);
          if (!uid) return again();
          ask(withCrc([AIR.SDD, AIR.SELECT_NVB, ...uid]), SHORT_WAIT_MS, (saks) => {
            const sak = saks.length === 1 ? stripCrc(saks[0]) : null;
            if (!sak || sak.length !== 1) return again();
            // SENS_RES is reported high byte first (7.3.5).
            const target = {
              sensRes: Uint8Array.of(atqa[0][1], atqa[0][0]),
              selRes: sak[0],
              uid: uid.slice(0, 4),
              ats: null,
            };
            if (!rats || !(sak[0] & 0x20)) return onTarget(target);
            ask(withCrc([AIR.RATS, FSDI << 4]), ATS_WAIT_MS, (answers) => {
              const ats = answers.length === 1 ? stripCrc(answers[0]) : null;
              if (!ats || ats[0] !== ats.length) return again();
              takeAts(ats);
              onTarget({ ...target, ats: ats.slice() });
            });
          });
        });
      },
      readyMs,
    );
  }

  /** ISO/IEC 14443-4 5.2: frame size, waiting time and guard time of the card. */
  function takeAts(ats: Uint8Array): void {
    number = 0;
    const t0 = ats.length > 1 ? ats[1] : 0x02;
    const at = 2 + (t0 & 0x10 ? 1 : 0);
    const tb = t0 & 0x20 && at < ats.length ? ats[at] : 0x40;
    cardFrameBytes = frameBytes(t0 & 0x0f);
    waitMs = waitingTimeMs(tb >> 4);
    guardUntilMs = scheduler.nowMs() + (tb & 0x0f ? waitingTimeMs(tb & 0x0f) : 0);
  }

  function exchange(data: Uint8Array, more: boolean, onDone: (status: number, answer: Uint8Array) => void): void {
    let sent = 0;
    let sentNow = 0;
    let tries = 0;
    let current: Block = { kind: 'DESELECT' };
    const answer: number[] = [];

    function finish(status: number): void {
      clear();
      onDone(status, status === STATUS.OK ? Uint8Array.from(answer) : new Uint8Array(0));
    }
    function send(block: Block, multiplier = 1): void {
      ask(
        withCrc(encodeBlock(block)),
        Math.min(waitMs * multiplier, waitingTimeMs(FWI_MAX)),
        onFrames,
        Math.max(guardUntilMs, scheduler.nowMs() + TURNAROUND_MS),
      );
    }
    function sendPart(): void {
      const part = data.subarray(sent, sent + cardFrameBytes - 3);
      sentNow = part.length;
      current = { kind: 'I', number, chained: more || sent + part.length < data.length, data: part };
      send(current);
    }
    /** Rules 4 and 5: no good block came. */
    function onBad(status: number): void {
      if (tries++ >= initiator.retries) return finish(status);
      send(answer.length > 0 ? { kind: 'ACK', number } : { kind: 'NAK', number });
    }
    function onFrames(frames: Uint8Array[]): void {
      if (frames.length === 0) return onBad(STATUS.TIMEOUT);
      const body = frames.length === 1 ? stripCrc(frames[0]) : null;
      if (!body) return onBad(STATUS.CRC);
      const block = parseBlock(body);
      if (block?.kind === 'WTX') return send(block, block.multiplier); // rule 3
      if (block?.kind === 'I' && block.number === number && current.kind === 'I' && !current.chained) {
        number ^= 1; // rule B
        tries = 0;
        answer.push(...block.data);
        if (answer.length > ANSWER_BYTES_MAX) return finish(STATUS.BUFFER);
        return block.chained ? send({ kind: 'ACK', number }) : finish(STATUS.OK); // rule 2
      }
      if (block?.kind === 'ACK' && current.kind === 'I' && answer.length === 0) {
        if (block.number !== number) {
          if (tries++ >= initiator.retries) return finish(STATUS.TIMEOUT);
          return send(current); // rule 6
        }
        if (current.chained) {
          number ^= 1; // rule B
          tries = 0;
          sent += sentNow;
          return sent < data.length ? sendPart() : finish(STATUS.OK); // rule 7
        }
      }
      onBad(STATUS.FORMAT);
    }
    sendPart();
  }

  const initiator: Pn532Initiator = {
    setField(on) {
      if (on && !fieldOn) readyMs = scheduler.nowMs() + FIELD_GUARD_MS;
      fieldOn = on;
      air.setField(on);
    },
    activate,
    exchange,
    deselect: (onDone) => ask(withCrc(encodeBlock({ kind: 'DESELECT' })), SHORT_WAIT_MS + 2, () => onDone()),
    abort: clear,
    onBegin() {
      if (!onReply) return;
      if (timer) scheduler.clearTimer(timer);
      timer = scheduler.setTimer(deliver, LONGEST_FRAME_MS);
    },
    onFrame(frame) {
      if (!onReply) return;
      replies.push(frame);
      // Cards answer at the same bit (14443-3 6.2.1.1): what comes together belongs together.
      if (timer) scheduler.clearTimer(timer);
      timer = scheduler.setTimer(deliver, GATHER_MS);
    },
    retries: 0,
  };
  return initiator;
}
