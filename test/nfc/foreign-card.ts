/**
 * Cards that are no tokens, after ISO/IEC 14443-3 6.3 (states of a type A card): a MIFARE card (SAK without bit 5), a
 * bank card or phone (with an ATS, and answers of its own).
 */
import { AIR, stripCrc, withCrc } from '../../host-bridge/emulator/iso14443.js';
import type { AirCard } from '../../host-bridge/emulator/radio-field.js';
import type { Scheduler } from '../../host-bridge/base/scheduler.js';

export interface ForeignCardOptions {
  uid?: number[];
  sak?: number;
  /** With its length byte; a card without is no ISO/IEC 14443-4 card. */
  ats?: number[];
  /** What it answers to a block, both without checksum; null for silence. Default: 6A82 to every I-block. */
  onBlock?: (block: Uint8Array) => number[] | null;
}

export interface ForeignCard extends AirCard {
  /** RATS and selections it has heard, and what state it is in. */
  readonly log: string[];
  readonly state: 'idle' | 'ready' | 'active' | 'halt' | 'protocol';
}

/** A UID whose first bits are ones: the model's reader goes on with 1 where UIDs differ, so this one wins. */
const WINNING_UID = [0xff, 0xff, 0xff, 0xff];

const FRAME_DELAY_MS = 1172 / 13_560;

/** Makes a card; without options a MIFARE Classic card that wins anticollision. */
export function createForeignCard(scheduler: Scheduler, options: ForeignCardOptions = {}): ForeignCard {
  const { uid = WINNING_UID, ats, sak = ats ? 0x20 : 0x08 } = options;
  const refuse = (block: Uint8Array) => ((block[0] & 0xe2) === 0x02 ? [block[0] & 0x03, 0x6a, 0x82] : null);
  const onBlock = options.onBlock ?? ((block: Uint8Array) => (block[0] === 0xc2 ? [0xc2] : refuse(block)));
  const bcc = uid.reduce((sum, byte) => sum ^ byte, 0);
  const log: string[] = [];
  let state: ForeignCard['state'] = 'idle';
  /** From halt a card comes back only by WUPA, and goes there again at anything unexpected. */
  let rest: 'idle' | 'halt' = 'idle';

  const send = (bytes: ArrayLike<number>): void =>
    void scheduler.setTimer(() => card.transmit?.(Uint8Array.from(bytes)), FRAME_DELAY_MS);

  function onFrame(frame: Uint8Array): void {
    const body = stripCrc(frame);
    if (state === 'protocol') {
      const answer = body && onBlock(body);
      if (answer) send(withCrc(answer));
      if (body?.[0] === 0xc2) state = rest = 'halt';
      return;
    }
    if (frame.length === 1) {
      if (frame[0] === AIR.WUPA || (frame[0] === AIR.REQA && state === 'idle')) {
        state = 'ready';
        return send([0x04, 0x00]);
      }
      if (state !== 'halt') state = rest;
      return;
    }
    if (state === 'ready' && frame.length === 2 && frame[0] === AIR.SDD && frame[1] === AIR.SDD_NVB)
      return send([...uid, bcc]);
    if (state === 'ready' && body?.length === 7 && body[0] === AIR.SDD && body[1] === AIR.SELECT_NVB) {
      const mine = uid.every((byte, i) => byte === body[2 + i]);
      state = mine ? 'active' : rest;
      if (!mine) return;
      log.push('selected');
      return send(withCrc([sak]));
    }
    if (state === 'active' && body?.length === 2 && body[0] === AIR.HLTA) {
      state = rest = 'halt';
      log.push('halted');
      return;
    }
    if (state === 'active' && ats && body?.length === 2 && body[0] === AIR.RATS) {
      state = 'protocol';
      log.push('RATS');
      return send(withCrc(ats));
    }
    if (state !== 'halt') state = rest;
  }

  const card: ForeignCard = {
    log,
    get state() {
      return state;
    },
    onField() {
      state = rest = 'idle';
    },
    onFrame,
    transmit: null,
  };
  return card;
}
