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
}

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

/** Signals, told apart without looking: one long tone is good, three short ones are not, two ask for a press. */
export const SIGNAL = {
  good: [400],
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
    if (config.frequencyHz) pins.analogWrite(config.pin, on ? 0.5 : 0, { freq: config.frequencyHz });
    else pins.digitalWrite(config.pin, on ? config.active : 1 - config.active);
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
