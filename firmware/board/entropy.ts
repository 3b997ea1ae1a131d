/**
 * Fresh entropy: samples of the chip's random register while the radio is on, or of the operating system's file.
 *
 * docs/security.md 1: on ESP32 `E.hwRand` and `Math.random` are generators with a fixed seed. The random register is
 * fed by noise only while the radio is on (ESP32 Technical Reference Manual, "Random Number Generator"), and with it
 * off no health test notices; so every draw asks whether it is on. The health test (SP 800-90B 4.4) comes as an
 * argument. Leaves out conditioning: what comes out goes into HMAC-DRBG.
 */
import { fromChars } from '../core/bytes.js';
import type { EntropyConfig } from '../core/board-config.js';
import type { Clock } from '../core/clock.js';

/** Takes `count` bytes of raw entropy; null when the source is off, broken or fails its health test. */
export type TakeEntropy = (count: number) => Uint8Array | null;

/** The radio's module, as far as used: ESP32 `require("Wifi")`. */
export interface RadioModule {
  startAP(name: string, options: { password: string; authMode: string; hidden: boolean }, callback: () => void): void;
  getStatus(): { mode: string };
}

/** Where entropy comes from. */
export interface EntropyDevices {
  /** `peek32`. */
  peek32(address: number): number;
  /** `require`, for the radio's module; throws where it is missing. */
  requireModule(name: string): any;
  /** `E.openFile(path, "r")`. */
  openFile(path: string, mode: string): { read(count: number): string | undefined; close(): void } | undefined;
}

/**
 * Checks samples, at most 256 values each: true while nothing looks broken. Start-up gives it `STARTUP_SAMPLES` at
 * once, each draw the samples that it takes.
 * @param samples one noise sample a byte
 */
export type HealthTest = (samples: Uint8Array) => boolean;

/** Samples that a source must show before it is used at all (SP 800-90B 4.3). */
const STARTUP_SAMPLES = 1024;

function radioIsOn(radio: RadioModule): boolean {
  const status = radio.getStatus();
  return !!status && typeof status.mode === 'string' && status.mode !== 'off';
}

function createRegisterEntropy(
  devices: EntropyDevices,
  register: number,
  radio: RadioModule,
  healthy: HealthTest,
): TakeEntropy {
  return function (count) {
    if (!radioIsOn(radio)) return null;
    const samples = new Uint8Array(count);
    // The low byte of each word: a sample a read, so that a stuck register shows as repetition.
    for (let i = 0; i < count; i++) samples[i] = devices.peek32(register) & 255;
    return healthy(samples) && radioIsOn(radio) ? samples : null;
  };
}

function createFileEntropy(devices: EntropyDevices, path: string, healthy: HealthTest): TakeEntropy {
  return function (count) {
    const file = devices.openFile(path, 'r');
    if (!file) return null;
    let text = '';
    // Read in pieces: a read may be short, and a source that gives nothing must not hold the board.
    for (let tries = 0; text.length < count && tries < 16; tries++) text += file.read(count - text.length) || '';
    file.close();
    if (text.length < count) return null;
    const samples = fromChars(text);
    return healthy(samples) ? samples : null;
  };
}

/** How long the radio may take to start. */
const RADIO_TIMEOUT_MS = 10000;
const RADIO_POLL_MS = 50;

/**
 * Starts the board's entropy source and hands it over once it can be used, or the fault's text.
 * The radio is started as a hidden, protected access point: of Espruino's modes the one whose state it reports truly
 * without any network. Nothing listens on it; its password is thrown away.
 */
export function startEntropy(
  devices: EntropyDevices,
  clock: Clock,
  config: EntropyConfig,
  healthy: HealthTest,
  done: (take: TakeEntropy | null, fault: string) => void,
): void {
  function offer(take: TakeEntropy): void {
    if (take(STARTUP_SAMPLES)) done(take, '');
    else done(null, 'the source fails its health test');
  }

  if (config.file) return offer(createFileEntropy(devices, config.file, healthy));
  let radio: RadioModule;
  try {
    radio = devices.requireModule(config.radio as string);
  } catch (error) {
    done(null, 'no module ' + config.radio);
    return;
  }
  const register = config.register as number;
  const deadlineMs = clock.nowMs() + RADIO_TIMEOUT_MS;

  function poll(): void {
    if (radioIsOn(radio)) offer(createRegisterEntropy(devices, register, radio, healthy));
    else if (clock.nowMs() > deadlineMs) done(null, 'radio does not start');
    else clock.setTimeout(poll, RADIO_POLL_MS);
  }

  if (!radioIsOn(radio)) {
    let password = '';
    for (let i = 0; i < 16; i++) password += String.fromCharCode(97 + (devices.peek32(register) & 15));
    radio.startAP('tapcash', { password: password, authMode: 'wpa2', hidden: true }, function () {});
  }
  poll();
}
