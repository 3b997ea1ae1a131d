/**
 * Pins of the emulated board: levels, pulls, watches with debouncing.
 *
 * Source: src/jswrap_io.c and the watch part of `jsiIdle` in src/jsinteractive.c; targets/esp32/jshardware.c
 * (jshPinAnalogOutput: pins 25 and 26 go to the DAC, whatever `freq` says) and jshardwarePWM.c. A pin that nothing
 * drives rests where its pull takes it; D0, the ESP32's BTN1, has a pull-up on the board.
 */
import type { Cycle, Waiting } from './espruino-cycle.js';

/**
 * What outside drives: levels stay through resets and power cuts, like a finger on a button. A key of a keypad joins a
 * pin, its column, with another one, its row.
 */
export type DrivenPins = Map<number, 0 | 1 | { joined: number }>;

/** ESP32: GPIO 0 to 39. */
const PINS = 40;
/** Of units 1 and 2 of the ESP32's DAC. */
const DAC_PINS = [25, 26];
/** PWMFreqDefault. */
const PWM_HZ = 5000;
/** The ESP32's BTN1. */
const BUTTON_PIN = 0;

type Watch = {
  pin: number;
  callback: (event: object) => void;
  repeat: boolean;
  edge: number;
  debounceMs: number;
  state: boolean;
  lastTime: number | undefined;
  waiting: Waiting | null;
};

/** Number of a pin: of a Pin, a number or a name such as "D5"; -1 for none. */
export function pinNumber(pin: unknown): number {
  const match = /^D(\d+)$/.exec(String(pin));
  const number = match ? Number(match[1]) : typeof pin === 'number' ? pin : -1;
  return number >= 0 && number < PINS ? number : -1;
}

/** The pins of one power cycle. */
export interface Pins {
  /** Global functions for the bundle. */
  globals: Record<string, unknown>;
  /** Level, or duty of analogWrite, of a pin. */
  level(pin: number): number;
  /** Hertz that a pin puts out; 0 for a level. */
  toneHz(pin: number): number;
  /** Level where nothing outside drives it. */
  rest(pin: number): 0 | 1;
  /** To be called when what drives a pin has changed. */
  changed(pin: number): void;
}

/** The ESP32's DAC, by unit. */
export interface Dac {
  stopWave(unit: number): void;
  waveHz(unit: number): number;
}

/**
 * Makes the pins of a power cycle.
 * @param dac null where the chip has none @param onWrite told of each write to a pin
 */
export function createPins(cycle: Cycle, driven: DrivenPins, dac: () => Dac | null, onWrite?: () => void): Pins {
  const modes = new Map<number, string>();
  const outputs = new Map<number, number>();
  /** Frequency of analogWrite; 0 where the DAC has the pin. */
  const frequencies = new Map<number, number>();
  const watches = new Map<number, Watch>();
  let nextWatch = 1;

  function rest(pin: number): 0 | 1 {
    const mode = modes.get(pin) ?? '';
    if (mode === 'input_pullup' || mode === 'opendrain_pullup') return 1;
    if (mode === 'input_pulldown') return 0;
    return pin === BUTTON_PIN ? 1 : 0;
  }
  function level(pin: number): number {
    const outside = driven.get(pin);
    const output = outputs.get(pin);
    if (output !== undefined) return output;
    if (typeof outside !== 'object') return outside ?? rest(pin);
    return outputs.get(outside.joined) === 0 ? 0 : rest(pin);
  }

  function valid(pin: unknown): number {
    const number = pinNumber(pin);
    return number >= 0 ? number : cycle.fault(`Invalid pin ${String(pin)}`);
  }

  function fire(id: number, watch: Watch, state: boolean): void {
    const time = cycle.nowMs() / 1000;
    watch.state = state;
    const lastTime = watch.lastTime;
    watch.lastTime = time;
    if (watch.edge !== 0 && watch.edge > 0 !== state) return;
    if (!watch.repeat) watches.delete(id);
    watch.callback({ state, time, lastTime, pin: globals[`D${watch.pin}`] });
  }

  function changed(pin: number): void {
    const state = level(pin) !== 0;
    for (const [id, watch] of watches) {
      if (watch.pin !== pin) continue;
      if (watch.debounceMs <= 0) {
        if (state !== watch.state) cycle.after(0, () => watches.get(id) === watch && fire(id, watch, state));
        watch.state = state;
        continue;
      }
      // The level must rest for the whole time, and then differ from what it was when last reported.
      if (watch.waiting) cycle.cancel(watch.waiting);
      watch.waiting = cycle.after(watch.debounceMs, () => {
        watch.waiting = null;
        if (watches.get(id) === watch && state !== watch.state) fire(id, watch, state);
      });
    }
  }

  function analogWrite(pin: unknown, value: number, options?: { freq?: number }): void {
    const number = valid(pin);
    const unit = DAC_PINS.indexOf(number) + 1;
    const units = unit > 0 ? dac() : null;
    units?.stopWave(unit);
    write(number, Math.min(1, Math.max(0, value)));
    frequencies.set(number, units ? 0 : options?.freq || PWM_HZ);
  }

  function toneHz(pin: number): number {
    const frequency = frequencies.get(pin);
    const duty = outputs.get(pin) ?? 0;
    if (frequency === 0) return dac()!.waveHz(DAC_PINS.indexOf(pin) + 1);
    return frequency !== undefined && duty > 0 && duty < 1 ? frequency : 0;
  }

  function write(pin: unknown, value: number): void {
    const number = valid(pin);
    frequencies.delete(number);
    outputs.set(number, value);
    if (!modes.get(number)) modes.set(number, 'output');
    changed(number);
    for (const [pin, outside] of driven) if (typeof outside === 'object' && outside.joined === number) changed(pin);
    onWrite?.();
  }

  function pinMode(pin: unknown, mode?: string): void {
    const number = valid(pin);
    modes.set(number, mode ?? '');
    if (mode !== 'output' && mode !== 'opendrain') outputs.delete(number);
  }

  function setWatch(
    callback: (event: object) => void,
    pin: unknown,
    options?: boolean | { repeat?: boolean; edge?: unknown; debounce?: number },
  ): number {
    const number = valid(pin);
    if (typeof callback !== 'function') throw new Error('Function or String not supplied!');
    const o = typeof options === 'object' && options ? options : { repeat: !!options };
    const edges: Record<string, number> = { rising: 1, falling: -1, both: 0, '1': 1, '-1': -1, '0': 0 };
    const edge = o.edge === undefined ? (number === BUTTON_PIN ? 1 : 0) : edges[String(o.edge)];
    if (edge === undefined) throw new TypeError("'edge' in setWatch should be 1, -1, 0, 'rising', 'falling' or 'both'");
    const id = nextWatch++;
    watches.set(id, {
      pin: number,
      callback,
      repeat: !!o.repeat,
      edge,
      debounceMs: o.debounce ?? (number === BUTTON_PIN ? 25 : 0),
      state: level(number) !== 0,
      lastTime: undefined,
      waiting: null,
    });
    return id;
  }

  function clearWatch(...ids: unknown[]): void {
    if (ids.length === 0) return watches.clear();
    if (ids[0] === undefined) throw new Error('clearWatch(undefined) not allowed. Use clearWatch() instead');
    const watch = watches.get(ids[0] as number);
    if (!watch) throw new Error(`Unknown Watch ${String(ids[0])}`);
    if (watch.waiting) cycle.cancel(watch.waiting);
    watches.delete(ids[0] as number);
  }

  function makePin(number: number): object {
    return {
      write: (value: unknown) => write(number, value ? 1 : 0),
      set: () => write(number, 1),
      reset: () => write(number, 0),
      read: () => level(number) !== 0,
      toggle: () => (write(number, level(number) ? 0 : 1), level(number) !== 0),
      mode: (mode: string) => pinMode(number, mode),
      getMode: () => modes.get(number) ?? '',
      toString: () => `D${number}`,
      valueOf: () => number,
      toJSON: () => `D${number}`,
    };
  }

  const globals: Record<string, unknown> = {
    digitalWrite: (pin: unknown, value: unknown) => {
      if (!Array.isArray(pin)) return write(pin, value ? 1 : 0);
      // The last pin is the lowest bit.
      pin.forEach((p, i) => write(p, (Number(value) >> (pin.length - 1 - i)) & 1));
    },
    digitalRead: (pin: unknown) => level(valid(pin)),
    digitalPulse: (pin: unknown, value: unknown, ms: number) => {
      write(pin, value ? 1 : 0);
      cycle.after(Number(ms), () => write(pin, value ? 0 : 1));
    },
    analogWrite,
    analogRead: (pin: unknown) => level(valid(pin)),
    pinMode,
    getPinMode: (pin: unknown) => modes.get(valid(pin)) ?? '',
    setWatch,
    clearWatch,
    Pin: function (pin: unknown) {
      return globals[`D${valid(pin)}`];
    },
  };
  for (let number = 0; number < PINS; number++) globals[`D${number}`] = makePin(number);
  return { globals, level, toneHz, rest, changed };
}
