/**
 * Fresh entropy: samples of the chip's random register while its noise is on, or of the operating system's file.
 *
 * docs/security.md 1: on ESP32 `E.hwRand` and `Math.random` are generators with a fixed seed. The random register is
 * fed by noise only while the radio or the SAR ADC is on (sar-adc.ts), and without it no health test notices; so every
 * draw switches the ADC on, looks after the samples whether it still is, and switches it off. The radio is never on.
 * The health test (SP 800-90B 4.4) comes as an argument. Leaves out conditioning: what comes out goes into HMAC-DRBG.
 */
import { fromChars } from '../core/bytes.js';
import type { EntropyConfig } from '../core/board-config.js';
import { createSarAdc } from './sar-adc.js';
import type { Registers } from './sar-adc.js';

/** Takes `count` bytes of raw entropy; null when the source is off, broken or fails its health test. */
export type TakeEntropy = (count: number) => Uint8Array | null;

/** Where entropy comes from. */
export interface EntropyDevices extends Registers {
  /** `E.openFile(path, "r")`. */
  openFile(path: string, mode: string): { read(count: number): string | undefined; close(): void } | undefined;
}

/**
 * Judges the samples of each draw in turn, 256 values each: true while nothing looks broken.
 * @param samples one noise sample a byte
 */
export type HealthTest = (samples: Uint8Array) => boolean;

/** Samples that a source must show before it is used at all (SP 800-90B 4.3). */
const STARTUP_SAMPLES = 1024;

/** Reads that pass before the first sample, so that it is made of this draw's noise: a millisecond (estimate). */
const SETTLE_READS = 16;

function sampleRegister(devices: EntropyDevices, register: number, count: number): Uint8Array | null {
  const source = createSarAdc(devices);
  const samples = new Uint8Array(count);
  let isOn = false;
  try {
    source.on();
    for (let i = 0; i < SETTLE_READS; i++) devices.peek32(register);
    // The low byte of each word: a sample a read, so that a stuck register shows as repetition.
    for (let i = 0; i < count; i++) samples[i] = devices.peek32(register) & 255;
    // What was not taken, or has been changed meanwhile, shows now.
    isOn = source.stands();
  } finally {
    source.off();
  }
  return isOn ? samples : null;
}

function sampleFile(devices: EntropyDevices, path: string, count: number): Uint8Array | null {
  const file = devices.openFile(path, 'r');
  if (!file) return null;
  let text = '';
  // Read in pieces: a read may be short, and a source that gives nothing must not hold the board.
  for (let tries = 0; text.length < count && tries < 16; tries++) text += file.read(count - text.length) || '';
  file.close();
  return text.length < count ? null : fromChars(text);
}

/** Samples of the source, not judged; null when it is off or broken. Lies in Storage's 'entropy.js': a draw is rare. */
export function sampleSource(devices: EntropyDevices, config: EntropyConfig, count: number): Uint8Array | null {
  return config.file
    ? sampleFile(devices, config.file, count)
    : sampleRegister(devices, config.register as number, count);
}

/**
 * The board's source of entropy, once it has passed its start-up test.
 * @param load loads `sampleSource` @throws Error when it fails
 */
export function createEntropy(
  load: () => typeof sampleSource,
  devices: EntropyDevices,
  config: EntropyConfig,
  healthy: HealthTest,
): TakeEntropy {
  function take(count: number): Uint8Array | null {
    const samples = load()(devices, config, count);
    return samples && healthy(samples) ? samples : null;
  }
  if (!take(STARTUP_SAMPLES)) throw new Error('entropy: the source fails its health test');
  return take;
}
