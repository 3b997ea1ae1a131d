/**
 * The cable of an emulated ESP32 board: as a serial device in this process, with control lines and faults, or on a pty.
 */
import { failure } from '../base/errors.js';
import type { SerialDevice, Signals } from '../serial/device.js';
import type { EspBoard } from './esp-board.js';
import { openPty, type Pty } from './pty.js';

export interface EmulatedCable extends SerialDevice {
  /**
   * Pulls the cable at the write that comes after `writes` more of them. That one does not arrive, or it does, and what
   * the board says to it is lost.
   */
  pullAfter(writes: number, lost?: 'request' | 'reply'): void;
  /** Loses a byte of every write for which this says so; null: none. */
  dropByte: ((write: number) => boolean) | null;
  /** Writes since the cable was made. */
  readonly writes: number;
}

/** The board's port, in this process. @param hasLines false: a converter without DTR and RTS */
export function createEmulatedCable(esp: EspBoard, hasLines = true): EmulatedCable {
  let isOpen = false;
  let left = Infinity;
  let what: 'request' | 'reply' = 'request';
  const path = 'emulated ESP32';

  function pull(): void {
    isOpen = false;
    esp.cable.onData = null;
    cable.onLost?.(failure('LINK_LOST', path));
  }

  const cable: EmulatedCable & { writes: number } = {
    path,
    usb: {},
    onData: null,
    onLost: null,
    writes: 0,
    dropByte: null,
    pullAfter(writes, lost = 'request') {
      left = writes;
      what = lost;
    },
    async open() {
      isOpen = true;
      esp.cable.onData = (data) => isOpen && cable.onData?.(new Uint8Array(Buffer.from(data, 'latin1')));
    },
    async close() {
      isOpen = false;
      esp.cable.onData = null;
    },
    async write(bytes) {
      const isLast = isOpen && left-- === 0;
      if (isLast && what === 'request') pull();
      if (!isOpen) throw failure('LINK_LOST', path);
      if (isLast) setImmediate(pull);
      if (isLast) esp.cable.onData = null;
      const number = cable.writes++;
      const sent = cable.dropByte?.(number) ? bytes.slice(0, -1) : bytes;
      esp.cable.write(Buffer.from(sent).toString('latin1'));
    },
    async setBaud() {
      // The loader's speed is not emulated: bytes arrive at any.
    },
    async setSignals(signals) {
      // As node-serialport has it: what is not named is switched on.
      const { dtr = true, rts = true }: Partial<Signals> = signals;
      if (hasLines && isOpen) esp.setSignals({ dtr, rts });
      return hasLines;
    },
  };
  return cable;
}

/** Puts the board's port on a pty: a path for other processes, without control lines. */
export async function connectPty(esp: EspBoard): Promise<Pty> {
  const pty = await openPty();
  esp.cable.onData = (data) => pty.end.write(data);
  pty.end.onData = (data) => esp.cable.write(data);
  return pty;
}
