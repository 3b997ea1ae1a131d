/**
 * The air between a reader and the cards near it: ISO/IEC 14443 type A frames at 106 kbit/s.
 *
 * A frame takes its time (8 bits and a parity bit a byte, ISO/IEC 14443-3 6.2.3) and arrives whole, after its last
 * byte. A card that was taken away, or a field that was cut, before that byte never gets it: to the receiver the frame
 * did not happen. Bytes are counted one by one as they pass, in both directions, checksums included.
 *
 * Faults, for enumeration: `cutAfter(n)` takes every card out of the field right after the n-th byte from now, whoever
 * sent it, until `restore()`; `flipBit(n, bit)` inverts one bit of the n-th byte from now. A frame whose last byte is
 * the n-th still arrives, and the cut follows at the same moment.
 *
 * Left out: signal strength, bit timing, collisions bit by bit (several cards' answers arrive as several frames, and
 * the reader's model resolves them), other bit rates.
 */
import type { Scheduler } from '../base/scheduler.js';

/** What the field calls in a card. */
export interface AirCard {
  /** The field came (true) or went (false) where this card is. */
  onField(on: boolean): void;
  /** A frame from the reader, with its checksum, perhaps damaged. */
  onFrame(frame: Uint8Array): void;
  /** Set by `present`, null after `remove`. Sends a frame; nothing happens without a field. */
  transmit: ((frame: Uint8Array) => void) | null;
}

/** What the field calls in the reader. */
export interface AirReader {
  /** A card begins to send. */
  onBegin?(): void;
  onFrame(frame: Uint8Array): void;
}

/** The reader's way into the field. */
export interface AirPort {
  transmit(frame: Uint8Array): void;
  setField(on: boolean): void;
}

export interface RadioField {
  /** Connects the one reader of this field. */
  attachReader(reader: AirReader): AirPort;
  /** Brings a card near. */
  present(card: AirCard): void;
  /** Takes a card away, or all of them. */
  remove(card?: AirCard): void;
  /** Cuts the field right after `bytes` more bytes (0: now), either direction; it stays cut until `restore`. */
  cutAfter(bytes: number): void;
  /** Ends a cut, whether it has happened or not. */
  restore(): void;
  isCut(): boolean;
  /** Inverts bit 0..7 of the byte that passes after `bytes` others (0: the next). One flip at a time. */
  flipBit(bytes: number, bit: number): void;
  /** Bytes that have passed, to cards and to the reader. */
  counts(): { toCard: number; toReader: number };
  /** Called with each frame as it is sent, for logs and tests: the bytes that will pass, of how many. */
  onTraffic: ((toCard: boolean, frame: Uint8Array, passedBytes: number) => void) | null;
}

/** Milliseconds that a frame of `bytes` is on the air: start, 9 bits a byte, end (128/fc a bit). */
export function airTimeMs(bytes: number): number {
  return ((bytes * 9 + 2) * 128) / 13_560;
}

/** Makes an empty field. */
export function createRadioField(scheduler: Scheduler): RadioField {
  const cards: AirCard[] = [];
  const counts = { toCard: 0, toReader: 0 };
  let reader: AirReader | null = null;
  let arrival = 0;
  let fieldOn = false;
  let cut = false;
  let cutIn = Infinity; // bytes until the cut
  let flipIn = Infinity;
  let flipMask = 0;
  let generation = 0; // counts the field's comings and goings; a frame under way across one is lost
  const arrivals = new Map<AirCard, number>(); // when each card came, so that leaving and coming back is noticed

  const live = () => fieldOn && !cut;

  function tellCards(): void {
    generation++;
    for (const card of [...cards]) card.onField(live());
  }

  function cutNow(): void {
    cutIn = Infinity;
    if (cut) return;
    cut = true;
    if (fieldOn) tellCards();
  }

  /** Lets a frame's bytes pass between the reader and each of `near`, then delivers it where all of them passed. */
  function carry(frame: Uint8Array, toCard: boolean, near: AirCard[]): void {
    if (!live()) return;
    const passed = Math.min(frame.length, cutIn);
    const bytes = frame.slice();
    if (flipIn < passed) {
      bytes[flipIn] ^= flipMask;
      flipIn = Infinity;
    } else {
      flipIn -= passed;
    }
    counts[toCard ? 'toCard' : 'toReader'] += passed;
    cutIn -= passed;
    const cutting = cutIn === 0;
    const mine = generation;
    const came = near.map((card) => arrivals.get(card));
    if (field.onTraffic) field.onTraffic(toCard, bytes, passed);
    if (!toCard && passed > 0) reader?.onBegin?.();
    scheduler.setTimer(() => {
      near.forEach((card, i) => {
        if (mine !== generation || passed < frame.length || arrivals.get(card) !== came[i]) return;
        if (toCard) card.onFrame(bytes.slice());
        else reader?.onFrame(bytes.slice());
      });
      if (cutting && cutIn === 0) cutNow();
    }, airTimeMs(passed));
  }

  const field: RadioField = {
    attachReader(newReader) {
      reader = newReader;
      return {
        transmit: (frame) => carry(frame, true, [...cards]),
        setField(on) {
          if (fieldOn === on) return;
          fieldOn = on;
          if (!cut) tellCards();
        },
      };
    },
    present(card) {
      if (cards.includes(card)) return;
      cards.push(card);
      arrivals.set(card, ++arrival);
      card.transmit = (frame) => carry(frame, false, [card]);
      if (live()) card.onField(true);
    },
    remove(card) {
      for (const gone of card ? [card] : [...cards]) {
        const index = cards.indexOf(gone);
        if (index < 0) continue;
        cards.splice(index, 1);
        arrivals.delete(gone);
        gone.transmit = null;
        if (live()) gone.onField(false);
      }
    },
    cutAfter(bytes) {
      cutIn = bytes;
      if (bytes === 0) cutNow();
    },
    restore() {
      cutIn = Infinity;
      if (!cut) return;
      cut = false;
      if (fieldOn) tellCards();
    },
    isCut: () => cut,
    flipBit(bytes, bit) {
      flipIn = bytes;
      flipMask = 1 << bit;
    },
    counts: () => ({ ...counts }),
    onTraffic: null,
  };
  return field;
}
