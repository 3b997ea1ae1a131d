/**
 * LED and buzzer: signals for what happened, and a blink code of digits for boards without a display.
 *
 * A pattern is a list of durations in milliseconds, on and off by turns, beginning with on. A new pattern replaces the
 * one under way. Boards lack either or both; then nothing happens.
 */
import type { PinConfig } from '../core/board-config.js';
import type { Clock } from '../core/clock.js';

/** What of Espruino's globals LED and buzzer need. */
export interface IndicatorPins {
  digitalWrite(pin: string, level: number): void;
  /** For passive buzzers, with {freq}. */
  analogWrite(pin: string, value: number, options: { freq: number }): void;
  poke32(address: number, value: number): void;
}

/**
 * The wave generator of the ESP32's DAC: SENS_SW_TONE_EN with SENS_SW_FSTEP, and which unit takes it, its highest bit
 * inverted for a wave around the middle (ESP-IDF, soc/esp32/include/soc/sens_reg.h). Espruino gives pins 25 and 26 to
 * the DAC and drops `freq` (targets/esp32/jshardware.c, jshPinAnalogOutput); its analogWrite switches pin and unit on
 * and a wave off.
 */
const SENS_SAR_DAC_CTRL1 = 0x3ff48898;
const SENS_SAR_DAC_CTRL2 = 0x3ff4889c;
/** Hertz of RTC_FAST_CLK, on average; a step is 1 / 65,536 of it. */
const RTC_FAST_HZ = 8500000;

/** LED and buzzer together. */
export interface Indicator {
  /** Plays durations on both, or on the LED alone. */
  play(durationsMs: number[], silent: boolean): void;
  /** Blinks digits on the LED: n flashes for the digit n, one long flash for 0, other characters are a pause. */
  blink(text: string): void;
  /** Plays a signal on both, then blinks digits on the LED; '' for none. */
  announce(durationsMs: number[], text: string): void;
  /** Both off. */
  stop(): void;
}

/**
 * Signals, told apart without looking: one long tone is good, three short ones are not, two ask for a press, a single
 * short one is for money that nobody has checked yet.
 */
export const SIGNAL = {
  good: [400],
  unsure: [80],
  bad: [80, 80, 80, 80, 80],
  ask: [150, 150, 150],
};

const FLASH_MS = 200;
const ZERO_MS = 800;
const DIGIT_GAP_MS = 900;

/** The durations for `blink`. */
export function blinkPattern(text: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) {
      if (out.length) out[out.length - 1] += DIGIT_GAP_MS;
      continue;
    }
    if (digit === 0) out.push(ZERO_MS, FLASH_MS);
    for (let n = 0; n < digit; n++) out.push(FLASH_MS, FLASH_MS);
    out[out.length - 1] = DIGIT_GAP_MS;
  }
  return out;
}

/** Drives the LED and the buzzer that the board has. */
export function createIndicator(pins: IndicatorPins, clock: Clock, led?: PinConfig, buzzer?: PinConfig): Indicator {
  let timer: any;
  let pattern: number[] = [];
  let at = 0;
  let soundSteps = 0; // steps from the beginning that the buzzer plays too

  function set(config: PinConfig | undefined, on: boolean): void {
    if (!config) return;
    const frequencyHz = config.frequencyHz;
    const dac = config.dac;
    if (frequencyHz) {
      pins.analogWrite(config.pin, on ? 0.5 : 0, { freq: frequencyHz });
      if (on && dac) {
        pins.poke32(SENS_SAR_DAC_CTRL1, 65536 + Math.round((frequencyHz * 65536) / RTC_FAST_HZ));
        pins.poke32(SENS_SAR_DAC_CTRL2, (1 << (23 + dac)) | (2 << (18 + 2 * dac)));
      }
    } else pins.digitalWrite(config.pin, on ? config.active : 1 - config.active);
  }

  function step(): void {
    timer = undefined;
    const on = at < pattern.length && at % 2 === 0;
    set(led, on);
    if (at <= soundSteps) set(buzzer, on && at < soundSteps);
    if (at < pattern.length) timer = clock.setTimeout(step, pattern[at++]);
    else pattern = [];
  }

  function start(durationsMs: number[], loudSteps: number): void {
    if (timer !== undefined) clock.clearTimeout(timer);
    set(buzzer, false);
    pattern = durationsMs;
    at = 0;
    soundSteps = loudSteps;
    step();
  }

  return {
    play: function (durationsMs, silent) {
      start(durationsMs, silent ? 0 : durationsMs.length);
    },
    blink: function (text) {
      start(blinkPattern(text), 0);
    },
    announce: function (durationsMs, text) {
      // A signal ends with "on"; the digits begin with "on".
      start(durationsMs.concat([DIGIT_GAP_MS], blinkPattern(text)), durationsMs.length);
    },
    stop: function () {
      start([], 0);
    },
  };
}
