/**
 * Makes commands and answers of the frames on the air, for who watches: blocks of ISO/IEC 14443-4, chaining of
 * ISO/IEC 7816-4.
 *
 * Only information blocks count. A block that is sent again has the number of the one before, and is left out.
 */
import { concat, toHex } from '../../firmware/core/bytes.js';
import { parseBlock, stripCrc } from '../emulator/iso14443.js';
import type { ApduEvent } from '../web/bench/bench-events.js';

const CLA_CHAINED = 0x10;
const INS_SELECT = 0xa4;
const INS_GET_RESPONSE = 0xc0;
/** Status word: more of the answer waits. */
const SW1_MORE = 0x61;

/** One direction's block that is under way. */
interface Side {
  parts: Uint8Array[];
  last: number;
  from: number;
}

/** Told each frame; `onApdu` hears of whole messages. */
export interface AirWatch {
  /** @param at bytes on the air before it @param passed bytes of it that passed */
  frame(toCard: boolean, frame: Uint8Array, at: number, passed: number): void;
  /** Another tap begins. */
  reset(): void;
}

/** @param onApdu told of each command and each answer, whole */
export function createAirWatch(onApdu: (event: ApduEvent) => void): AirWatch {
  const fresh = (): Side => ({ parts: [], last: -1, from: -1 });
  let sides = { command: fresh(), answer: fresh() };
  let command: { ins: number; data: Uint8Array[]; from: number } | null = null;
  let ins = 0;
  let answer: { data: Uint8Array[]; from: number } | null = null;

  function takeCommand(apdu: Uint8Array, from: number, to: number): void {
    if (apdu.length < 4 || apdu[1] === INS_GET_RESPONSE) return;
    const data = apdu.length > 5 ? apdu.subarray(5, 5 + apdu[4]) : new Uint8Array(0);
    command ??= { ins: apdu[1], data: [], from };
    command.data.push(data);
    if (apdu[0] & CLA_CHAINED && apdu[1] !== INS_SELECT) return;
    ins = command.ins === INS_SELECT ? -1 : command.ins;
    onApdu({ type: 'apdu', toCard: true, ins, data: toHex(concat(command.data)), sw: null, from: command.from, to });
    command = null;
  }

  function takeAnswer(apdu: Uint8Array, from: number, to: number): void {
    if (apdu.length < 2 || command) return;
    answer ??= { data: [], from };
    answer.data.push(apdu.subarray(0, -2));
    const sw = (apdu[apdu.length - 2] << 8) | apdu[apdu.length - 1];
    if (sw >> 8 === SW1_MORE) return;
    onApdu({ type: 'apdu', toCard: false, ins, data: toHex(concat(answer.data)), sw, from: answer.from, to });
    answer = null;
  }

  return {
    frame(toCard, frame, at, passed) {
      const bytes = passed < frame.length ? null : stripCrc(frame);
      const block = bytes && parseBlock(bytes);
      if (block?.kind !== 'I' || block.data.length === 0) return;
      const side = toCard ? sides.command : sides.answer;
      if (side.last === block.number) return;
      side.last = block.number;
      if (side.parts.length === 0) side.from = at;
      side.parts.push(block.data);
      if (block.chained) return;
      const apdu = concat(side.parts);
      side.parts = [];
      if (toCard) takeCommand(apdu, side.from, at + passed);
      else takeAnswer(apdu, side.from, at + passed);
    },
    reset() {
      sides = { command: fresh(), answer: fresh() };
      command = answer = null;
    },
  };
}
