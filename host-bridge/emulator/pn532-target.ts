/**
 * The radio half of a PN532 that emulates an ISO/IEC 14443-4 card: anticollision, RATS, and the block protocol.
 *
 * Source: ISO/IEC 14443-3 6.3 (states of a type A card) and 14443-4 7.5.3, 7.5.4 (rules D, E and 9 to 13, named where
 * they apply). What the chip does by itself is UM0701-02 7.2.9 (fISO14443-4_PICC) and 7.3.14. Its ATS is fixed: T0 75
 * (FSCI 5: 64 bytes), TA 33, TB 92 (FWI 9: 155 ms, SFGI 2), TC 03, then the historical bytes; so measured on real
 * chips.
 *
 * Left out: CID and NAD (blocks with them are ignored), bit rates above 106 kbit/s, PPS, HLTA.
 */
import type { Block } from './iso14443.js';
import { AIR, encodeBlock, frameBytes, parseBlock, stripCrc, waitingTimeMs, withCrc } from './iso14443.js';
import { airTimeMs } from './radio-field.js';
import type { Scheduler, Timer } from '../base/scheduler.js';

/** What TgInitAsTarget sets. */
export interface TargetSettings {
  /** SENS_RES as it goes over the air, low byte first. */
  sensRes: Uint8Array;
  /** 4 bytes, the first 08. */
  uid: Uint8Array;
  selRes: number;
  historicalBytes: Uint8Array;
}

/** What the target tells the chip. */
export interface TargetHandler {
  transmit(frame: Uint8Array): void;
  /** RATS arrived and is being answered. */
  onActivated(rats: Uint8Array): void;
  /** A whole command, or 262 bytes of a longer one. */
  onCommand(data: Uint8Array, more: boolean): void;
  /** The field went, or the reader deselected us. */
  onReleased(): void;
}

export interface Pn532Target {
  /** Answers readers from now on. */
  listen(settings: TargetSettings): void;
  stop(): void;
  /** Answers the command; `done` tells whether the last block was sent, or the field went first. */
  respond(data: Uint8Array, onDone: (sent: boolean) => void): void;
  onField(on: boolean): void;
  onFrame(frame: Uint8Array): void;
}

const FWI = 9;
const ATS_INTERFACE = [0x75, 0x33, 0x92, 0x03];
const OWN_FRAME_BYTES = frameBytes(5);
const COMMAND_BYTES_MAX = 262;
/** Frame delay of anticollision frames (1172/fc), and the chip's own time for a block. */
const FRAME_DELAY_MS = 1172 / 13_560;
const BLOCK_DELAY_MS = 0.4;

type State = 'off' | 'idle' | 'ready' | 'active' | 'protocol';

/** Makes a target; it is off until `listen`. */
export function createTarget(scheduler: Scheduler, handler: TargetHandler): Pn532Target {
  let settings: TargetSettings | null = null;
  let state: State = 'off';
  let field = false;
  let number = 1; // rule C
  let readerFrameBytes = 256;
  let lastBlock: Block | null = null;
  let command: number[] = [];
  let answering = false; // the host has a command to answer
  let extending = false; // S(WTX) sent, its response not yet here: no other block may be sent (7.3)
  let outgoing: Uint8Array | null = null; // rest of the answer after the last block
  let onDone: ((sent: boolean) => void) | null = null;
  const timers = new Set<Timer>();

  function after(delayMs: number, run: () => void): void {
    const timer = scheduler.setTimer(() => {
      timers.delete(timer);
      run();
    }, delayMs);
    timers.add(timer);
  }

  function clearTimers(): void {
    for (const timer of timers) scheduler.clearTimer(timer);
    timers.clear();
  }

  function reset(next: State): void {
    clearTimers();
    state = next;
    number = 1;
    lastBlock = null;
    command = [];
    answering = false;
    extending = false;
    outgoing = null;
    const waiting = onDone;
    onDone = null;
    waiting?.(false);
  }

  /** The end of an activation; the host must ask for another one. */
  function release(): void {
    reset('off');
    handler.onReleased();
  }

  function reply(frame: ArrayLike<number>, delayMs: number): void {
    after(delayMs, () => handler.transmit(Uint8Array.from(frame)));
  }

  function sendBlock(block: Block): void {
    lastBlock = block;
    reply(withCrc(encodeBlock(block)), BLOCK_DELAY_MS);
  }

  /** Rule 9: more time, before the reader's waiting time is over, as long as the host is silent. */
  function armWaitingTime(): void {
    after(waitingTimeMs(FWI) / 2, () => {
      extending = true;
      sendBlock({ kind: 'WTX', multiplier: 1 });
    });
  }

  function sendAnswer(): void {
    const part = outgoing!.subarray(0, readerFrameBytes - 3);
    outgoing = outgoing!.subarray(part.length);
    const chained = outgoing.length > 0;
    sendBlock({ kind: 'I', number, chained, data: part });
    if (chained) return;
    const sent = onDone;
    after(BLOCK_DELAY_MS + airTimeMs(part.length + 3), () => {
      if (sent === null || sent !== onDone) return;
      onDone = null;
      sent(true);
    });
  }

  /** ISO/IEC 14443-4 7.5: blocks of an activated card. */
  function onBlock(block: Block): void {
    if (block.kind === 'DESELECT') {
      handler.transmit(withCrc(encodeBlock(block)));
      release();
    } else if (block.kind === 'WTX') {
      if (!extending) return;
      extending = false;
      if (answering) armWaitingTime();
      else sendAnswer();
    } else if (block.kind === 'I') {
      if (answering || extending) return; // a reader must wait for our answer
      clearTimers();
      outgoing = null;
      number ^= 1; // rule D
      command.push(...block.data);
      if (command.length > COMMAND_BYTES_MAX)
        handler.onCommand(Uint8Array.from(command.splice(0, COMMAND_BYTES_MAX)), true);
      if (block.chained) {
        sendBlock({ kind: 'ACK', number }); // rule 2
      } else {
        answering = true;
        lastBlock = null;
        armWaitingTime();
        handler.onCommand(Uint8Array.from(command.splice(0)), false);
      }
    } else if (block.number === number) {
      if (lastBlock) reply(withCrc(encodeBlock(lastBlock)), BLOCK_DELAY_MS); // rule 11
    } else if (block.kind === 'NAK') {
      sendBlock({ kind: 'ACK', number }); // rule 12
    } else if (outgoing && outgoing.length > 0) {
      number ^= 1; // rule E
      sendAnswer(); // rule 13
    }
  }

  /** ISO/IEC 14443-3 6.3: anything unexpected sends a card that is not yet in the protocol back to idle. */
  function onActivationFrame(frame: Uint8Array): void {
    const now = settings!;
    const bcc = now.uid.reduce((sum, byte) => sum ^ byte, 0);
    const body = stripCrc(frame);
    if (frame.length === 1 && state === 'idle' && (frame[0] === AIR.REQA || frame[0] === AIR.WUPA)) {
      state = 'ready';
      return reply(now.sensRes, FRAME_DELAY_MS);
    }
    if (state === 'ready' && frame.length === 2 && frame[0] === AIR.SDD && frame[1] === AIR.SDD_NVB) {
      return reply([...now.uid, bcc], FRAME_DELAY_MS);
    }
    if (state === 'ready' && body && body.length === 7 && body[0] === AIR.SDD && body[1] === AIR.SELECT_NVB) {
      const mine = now.uid.every((byte, i) => byte === body[2 + i]) && body[6] === bcc;
      state = mine ? 'active' : 'idle';
      if (mine) reply(withCrc([now.selRes]), FRAME_DELAY_MS);
      return;
    }
    if (state === 'active' && body && body.length === 2 && body[0] === AIR.RATS) {
      readerFrameBytes = frameBytes(body[1] >> 4);
      const ats = [...ATS_INTERFACE, ...now.historicalBytes];
      reply(withCrc([ats.length + 1, ...ats]), BLOCK_DELAY_MS);
      state = 'protocol';
      handler.onActivated(body.slice());
      return;
    }
    state = 'idle';
  }

  return {
    listen(newSettings) {
      reset('idle');
      settings = newSettings;
    },
    stop() {
      reset('off');
    },
    respond(data, whenDone) {
      if (!answering) return whenDone(false);
      answering = false;
      outgoing = data;
      onDone = whenDone;
      if (extending) return;
      clearTimers();
      sendAnswer();
    },
    onField(on) {
      if (field === on) return;
      field = on;
      if (state === 'protocol') release();
      else if (state !== 'off') reset('idle');
    },
    onFrame(frame) {
      if (state === 'off') return;
      if (state !== 'protocol') return onActivationFrame(frame);
      if (frame.length > OWN_FRAME_BYTES) return; // more than the ATS allows
      const body = stripCrc(frame);
      const block = body && parseBlock(body);
      if (block) onBlock(block); // a card never answers what is damaged (7.5.4.1)
    },
  };
}
