/**
 * An emulated PN532 (firmware V1.6): bytes on its UART, I2C or SPI bus on one side, frames in a radio field on the
 * other.
 *
 * Source: NXP UM0701-02 (PN532 user manual); each command names its section. The dialog with the host is in
 * pn532-host-link.ts, the pins in pn532-interfaces.ts, the radio in pn532-initiator.ts and pn532-target.ts. All delays
 * go through the scheduler; nothing is random, so that a run repeats.
 *
 * The chip sleeps after power-up, after PowerDown (7.2.11), and while TgInitAsTarget waits for a field (AN10449 fig.
 * 16).
 *
 * Left out: SAM and virtual card modes, type B, FeliCa, Mifare, NFCIP-1, GPIO, register access, RF tests. Their
 * commands are answered by the error frame.
 */
import { createHostLink } from './pn532-host-link.js';
import type { FoundTarget, Pn532Initiator } from './pn532-initiator.js';
import { createInitiator } from './pn532-initiator.js';
import { createTarget } from './pn532-target.js';
import { createInterfaces } from './pn532-interfaces.js';
import type { I2cSlave } from './i2c-bus.js';
import type { AirCard, RadioField } from './radio-field.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import type { SerialEnd } from '../serial/serial-line.js';
import type { SpiDevice } from './spi-bus.js';

export interface Pn532Chip {
  /** Connects the UART; `onBaud` hears of SetSerialBaudRate, for the line's sake. */
  connectHsu(end: SerialEnd, onBaud?: (baud: number) => void): void;
  /** The chip as I2C slave, to be attached under address 24. */
  readonly i2c: I2cSlave;
  /** The chip on SPI, to be connected by the pin that is its NSS. */
  readonly spi: SpiDevice;
  /** P70_IRQ: false (low) while a frame is ready to be read over I2C or SPI. */
  irq(): boolean;
  /** The chip as a card, to be brought into a field. */
  readonly card: AirCard;
  /** Puts the chip's antenna at the reader's place of a field. */
  enterAsReader(field: RadioField): void;
  /** Without power nothing is heard or sent; switched on, the chip is as after reset. */
  setPower(on: boolean): void;
}

const OK = 0x00;
const DATA_BYTES_MAX = 262; // 7.3.8, 7.3.16, 7.3.17
const LOCAL_MS = 0.5; // the chip's own time for a command without radio
const BAUD_RATES = [9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000]; // 7.2.8
const ERROR = { context: 0x27, state: 0x25, released: 0x29 }; // 7.1, table 15

/** Makes a chip, switched on and asleep. */
export function createPn532Chip(scheduler: Scheduler): Pn532Chip {
  const pins = createInterfaces(scheduler, (bytes) => host.feed(bytes));
  let commandNumber = 0; // of the command under way: what ends late belongs to another
  let timer: Timer | null = null;
  let initiator: Pn532Initiator | null = null;
  let parameters = 0x14;
  let attempts = Infinity;
  let foundTarget: FoundTarget | null = null;
  let rest = new Uint8Array(0); // of a card's answer, after MI
  let nextBaud = 0;
  // as a card
  let target: 'none' | 'listening' | 'activated' | 'released' = 'none';
  let commands: { data: Uint8Array; more: boolean }[] = [];
  let wantsCommand = false;
  let meta: number[] = [];

  const host = createHostLink(scheduler, {
    send: pins.send,
    onCommand: execute,
    onAbort(byAck) {
      commandNumber++;
      pins.clear();
      wantsCommand = false;
      if (timer) scheduler.clearTimer(timer);
      timer = null;
      // 7.2.8: the new rate holds once the host has acknowledged the answer.
      if (byAck && nextBaud > 0) pins.setBaud(nextBaud);
      nextBaud = 0;
      initiator?.abort();
      if (target === 'listening') {
        target = 'none';
        radioTarget.stop();
      }
    },
  });

  const radioTarget = createTarget(scheduler, {
    transmit: (frame) => card.transmit?.(frame),
    onActivated(rats) {
      pins.setAsleep(false);
      target = 'activated';
      commands = [];
      // Mode: 106 kbit/s, bit 3 PICC, Mifare framing; then the initiator's command (7.3.14).
      if (host.processing()) host.respond([0x8d, 0x08, ...rats]);
    },
    onCommand(data, more) {
      commands.push({ data, more });
      if (wantsCommand) giveCommand();
    },
    onReleased() {
      target = 'released';
      commands = [];
      meta = [];
      if (wantsCommand) giveCommand();
    },
  });

  const card: AirCard = {
    onField: (on) => radioTarget.onField(on),
    onFrame: (frame) => radioTarget.onFrame(frame),
    transmit: null,
  };

  function later(run: () => void, delayMs = LOCAL_MS): void {
    timer = scheduler.setTimer(() => {
      timer = null;
      run();
    }, delayMs);
  }

  /** The command is done, without any radio. */
  function answer(...bytes: number[]): void {
    later(() => host.respond(bytes));
  }

  /** 7.3.16 TgGetData: status, then the reader's command. */
  function giveCommand(): void {
    if (target === 'activated' && commands.length === 0) return;
    wantsCommand = false;
    const command = commands.shift();
    if (command) return later(() => host.respond([0x87, command.more ? 0x40 : OK, ...command.data]));
    const status = target === 'released' ? ERROR.released : ERROR.context;
    target = 'none';
    answer(0x87, status);
  }

  /** 7.3.17 TgSetData: the answer to the reader; the chip reports when it has gone out. */
  function setData(data: Uint8Array): void {
    const all = Uint8Array.from([...meta, ...data]);
    meta = [];
    if (target !== 'activated') {
      const status = target === 'released' ? ERROR.released : ERROR.context;
      target = 'none';
      return answer(0x8f, status);
    }
    const mine = commandNumber;
    radioTarget.respond(all, (sent) => {
      if (mine !== commandNumber) return;
      if (!sent && target === 'released') target = 'none';
      // Not sent though the field is there: no command of the reader is waiting for an answer.
      answer(0x8f, sent ? OK : target === 'activated' ? ERROR.state : ERROR.released);
    });
  }

  /** 7.3.14 TgInitAsTarget, for ISO/IEC 14443-4 cards. */
  function initAsTarget(p: Uint8Array): void {
    // Mode(1) MifareParams(6) FeliCaParams(18) NFCID3t(10) LEN Gt, Gt, LEN Tk, Tk
    const generalBytes = p.length > 35 ? p[35] : 0;
    const tkAt = 36 + generalBytes;
    if (p.length < 37 || p.length <= tkAt || p.length !== tkAt + 1 + p[tkAt] || p[tkAt] > 48)
      return host.respondError();
    initiator?.setField(false);
    foundTarget = null;
    target = 'listening';
    pins.setAsleep(true);
    // Only with fISO14443-4_PICC and SEL_RES bit 5 the chip is an ISO/IEC 14443-4 card; other kinds are left out.
    if (!(parameters & 0x20) || !(p[6] & 0x20)) return;
    radioTarget.listen({
      sensRes: p.slice(1, 3),
      uid: Uint8Array.of(0x08, ...p.slice(3, 6)),
      selRes: p[6],
      historicalBytes: p.slice(tkAt + 1),
    });
  }

  /** 7.3.5 InListPassiveTarget: one card, 106 kbit/s type A. */
  function listPassiveTarget(p: Uint8Array): void {
    if (p.length < 2 || p[0] < 1 || p[0] > 2) return host.respondError();
    radioTarget.stop();
    target = 'none';
    foundTarget = null;
    rest = new Uint8Array(0);
    if (!initiator || p[1] !== 0x00) return answer(0x4b, 0x00);
    initiator.activate(attempts, (parameters & 0x10) !== 0, (result) => {
      foundTarget = result;
      if (!result) return host.respond([0x4b, 0x00]);
      host.respond([
        0x4b,
        1,
        1,
        ...result.sensRes,
        result.selRes,
        result.uid.length,
        ...result.uid,
        ...(result.ats ?? []),
      ]);
    });
  }

  /** 7.3.8 InDataExchange: bit 6 of Tg, and of the status, is MI. */
  function dataExchange(p: Uint8Array): void {
    if (p.length < 1 || p.length > 1 + DATA_BYTES_MAX) return host.respondError();
    if (!initiator || !foundTarget || (p[0] & 0x3f) !== 1) return answer(0x41, ERROR.context);
    if (p.length === 1 && rest.length > 0) return giveRest();
    initiator.exchange(p.slice(1), (p[0] & 0x40) !== 0, (status, data) => {
      if (status !== OK) return host.respond([0x41, status]);
      rest = new Uint8Array(data);
      giveRest();
    });
  }

  function giveRest(): void {
    const part = rest.slice(0, DATA_BYTES_MAX);
    rest = rest.slice(DATA_BYTES_MAX);
    host.respond([0x41, rest.length > 0 ? 0x40 : OK, ...part]);
  }

  /** 7.3.10, 7.3.11: InDeselect and InRelease; target 0 means all. */
  function release(code: number, p: Uint8Array): void {
    if (p.length !== 1) return host.respondError();
    if (p[0] > 1 || (p[0] === 1 && !foundTarget)) return answer(code + 1, ERROR.context);
    if (!initiator || !foundTarget) return answer(code + 1, OK);
    foundTarget = null;
    initiator.deselect(() => host.respond([code + 1, OK]));
  }

  /** 7.3.1 RFConfiguration. */
  function rfConfiguration(p: Uint8Array): void {
    // Item, then its bytes: 1 field, 2 timings, 4 MxRtyCOM, 5 MaxRetries; A to D are analogue settings.
    const bytes = [0, 1, 3, 0, 1, 3, 0, 0, 0, 0, 11, 8, 3, 9][p.length > 0 ? p[0] : 0] ?? 0;
    if (bytes === 0 || p.length !== 1 + bytes) return host.respondError();
    if (p[0] === 0x01) {
      initiator?.setField((p[1] & 1) !== 0);
      if ((p[1] & 1) === 0) foundTarget = null;
    }
    if (p[0] === 0x04 && initiator) initiator.retries = p[1];
    if (p[0] === 0x05) attempts = p[3] === 0xff ? Infinity : p[3] + 1;
    answer(0x33);
  }

  function execute(command: Uint8Array): void {
    const p = command.subarray(1);
    switch (command[0]) {
      case 0x00: // Diagnose 7.2.1, communication line test
        return p[0] === 0x00 ? answer(0x01, ...p) : host.respondError();
      case 0x02: // GetFirmwareVersion 7.2.2
        return p.length === 0 ? answer(0x03, 0x32, 0x01, 0x06, 0x07) : host.respondError();
      case 0x10: // SetSerialBaudRate 7.2.8
        if (p.length !== 1 || p[0] >= BAUD_RATES.length) return host.respondError();
        return later(() => {
          host.respond([0x11]);
          nextBaud = BAUD_RATES[p[0]];
        });
      case 0x12: // SetParameters 7.2.9
        if (p.length !== 1) return host.respondError();
        parameters = p[0];
        return answer(0x13);
      case 0x14: // SAMConfiguration 7.2.10; the IRQ byte may be left out, the timeout only in normal mode
        return p.length >= 1 && p.length <= 3 && p[0] >= 1 && p[0] <= 4 ? answer(0x15) : host.respondError();
      case 0x16: // PowerDown 7.2.11
        if (p.length < 1 || p.length > 2) return host.respondError();
        return later(() => {
          host.respond([0x17, OK]);
          initiator?.setField(false);
          pins.setAsleep(true);
        });
      case 0x32:
        return rfConfiguration(p);
      case 0x40:
        return dataExchange(p);
      case 0x44:
      case 0x52:
        return release(command[0], p);
      case 0x4a:
        return listPassiveTarget(p);
      case 0x8c:
        return initAsTarget(p);
      case 0x86:
        if (p.length > 0) return host.respondError();
        wantsCommand = true;
        return giveCommand();
      case 0x8e:
        return p.length <= DATA_BYTES_MAX ? setData(p) : host.respondError();
      case 0x94: // TgSetMetaData 7.3.18: a part of the answer, more follows
        if (target !== 'activated') return answer(0x95, ERROR.context);
        meta.push(...p);
        return answer(0x95, OK);
      default:
        return host.respondError();
    }
  }

  return {
    card,
    i2c: pins.i2c,
    spi: pins.spi,
    irq: pins.irq,
    connectHsu: pins.connectHsu,
    enterAsReader(field) {
      initiator = createInitiator(
        scheduler,
        field.attachReader({ onBegin: () => initiator?.onBegin(), onFrame: (frame) => initiator?.onFrame(frame) }),
      );
    },
    setPower(on) {
      host.reset();
      initiator?.setField(false);
      if (initiator) initiator.retries = 0;
      radioTarget.stop();
      pins.setPower(on);
      parameters = 0x14;
      attempts = Infinity;
      foundTarget = null;
      target = 'none';
    },
  };
}
