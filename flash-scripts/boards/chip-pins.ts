/**
 * What each pin of a chip may be used for.
 *
 * Sources: ESP32 datasheet 4.7 table 2-2 (pins), 2.4 (strapping), ESP32-C3 datasheet 2.2 and 2.4, ESP32-S3 datasheet
 * 2.2 and 2.5; ESP-IDF, "GPIO & RTC GPIO" of each chip; the boards' own pages, which docs/hardware.md lists. Left out:
 * which peripheral reaches which pin; the matrix takes UART, I2C and SPI to any, and Espruino passes the number on.
 */
import type { PinConfig } from '../../firmware/core/board-config.js';
import type { BoardEntry } from './board-entry.js';

type Chip = Exclude<BoardEntry['chip'], 'linux'>;

interface PinRules {
  /** Numbers above, and these, do not exist. */
  last: number;
  missing?: number[];
  /** Wired to the flash chip (S3: and to eight-line PSRAM) inside the module. */
  flash: number[];
  /** Read at reset: a level there changes how the chip starts. */
  strapping: number[];
  /** Those of them that nothing may touch: they choose the flash's voltage, or what the loader prints. */
  forbidden: number[];
  /** Inputs only, without pull-up or pull-down in the chip. */
  inputOnly: number[];
  /** The chip's own USB, where Espruino's build has its console. */
  usb: number[];
  /** UART0, which the board's USB bridge is wired to. */
  uart0: number[];
  /**
   * Pins of DAC units 1, 2: Espruino's analogWrite sets a voltage there and drops `freq` (targets/esp32/jshardware.c,
   * jshPinAnalogOutput). C3 and S3 have no DAC; all other outputs have PWM (jshardwarePWM.c).
   */
  dac: number[];
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** The rules of each chip. */
const PIN_RULES: Record<Chip, PinRules> = {
  esp32: {
    last: 39,
    missing: [20, 24, 28, 29, 30, 31],
    flash: range(6, 11),
    strapping: [0, 2, 5, 12, 15],
    forbidden: [12],
    inputOnly: range(34, 39),
    usb: [],
    uart0: [1, 3],
    dac: [25, 26],
  },
  esp32c3: {
    last: 21,
    flash: range(11, 17),
    strapping: [2, 8, 9],
    forbidden: [8],
    inputOnly: [],
    usb: [18, 19],
    uart0: [20, 21],
    dac: [],
  },
  esp32s3: {
    last: 48,
    missing: range(22, 25),
    flash: range(26, 37),
    strapping: [0, 3, 45, 46],
    forbidden: [45, 46],
    inputOnly: [],
    usb: [19, 20],
    uart0: [43, 44],
    dac: [],
  },
};

/** GPIO16 and GPIO17 of a WROVER module. */
const PSRAM_PINS = [16, 17];

/** One use of a pin. */
export interface PinUse {
  /** Field of the entry, for messages. */
  field: string;
  /** "D26". */
  pin: string;
  /** What the chip does there: `button`: input that somebody may hold at reset; `in`: input that a device drives. */
  way: 'in' | 'out' | 'button';
  /** Uses with one bus and line may share the pin: "I2C1.sda". */
  line?: string;
  /** The pull-up is outside the chip. */
  pulledOutside?: boolean;
  /** It makes a tone, by this unit of the DAC; 0: by PWM. */
  tone?: number;
}

type Named = Record<string, unknown>;

/** Uses of a device's pins, each with its way. */
function usesOf(field: string, device: Named | undefined, ways: Record<string, PinUse['way']>): PinUse[] {
  return Object.entries(ways).flatMap(([use, way]) => {
    const pin = device?.[use];
    return typeof pin === 'string'
      ? [
          {
            field: `${field}.${use}`,
            pin,
            way,
            line: `${String(device?.['port'])}.${use}`,
            pulledOutside: way === 'in',
          },
        ]
      : [];
  });
}

const BUS_WAYS = {
  rx: 'in',
  tx: 'out',
  sda: 'out',
  scl: 'out',
  sck: 'out',
  miso: 'in',
  mosi: 'out',
  nss: 'out',
  cs: 'out',
  dc: 'out',
  reset: 'out',
  backlight: 'out',
} as const;

const toneOf = (output: PinConfig): Pick<PinUse, 'tone'> => (output.frequencyHz ? { tone: output.dac ?? 0 } : {});

/** Every pin that a board's entry names. */
export function pinUses(entry: BoardEntry): PinUse[] {
  const { buttons, keypad } = entry;
  const inputs: [string, { pin: string; pull?: string } | undefined][] = [
    ['buttons.user', buttons.user],
    ['buttons.console', buttons.console],
    ...(entry.amountKeys ?? []).map((key, i): [string, typeof key] => [`amountKeys.${i}`, key]),
  ];
  return [
    ...(['pn532', 'link', 'display'] as const).flatMap((device) =>
      usesOf(device, entry[device] as Named | undefined, BUS_WAYS),
    ),
    ...inputs.flatMap(([field, input]) =>
      input
        ? [{ field: `${field}.pin`, pin: input.pin, way: 'button' as const, pulledOutside: input.pull === 'board' }]
        : [],
    ),
    ...(keypad?.rows ?? []).map((pin, i) => ({ field: `keypad.rows.${i}`, pin, way: 'out' as const })),
    ...(keypad?.columns ?? []).map((pin, i) => ({ field: `keypad.columns.${i}`, pin, way: 'button' as const })),
    ...(['led', 'buzzer'] as const).flatMap((field) =>
      entry[field]
        ? [{ field: `${field}.pin`, pin: entry[field].pin, way: 'out' as const, ...toneOf(entry[field]) }]
        : [],
    ),
  ];
}

/** Why a pin must not be used so, with what to do; null where it may. */
function pinFault(entry: BoardEntry, chip: Chip, use: PinUse): string | null {
  const rules = PIN_RULES[chip];
  const number = Number(use.pin.slice(1));
  if (number > rules.last || rules.missing?.includes(number))
    return `this chip has no such pin; take one of D0 to D${rules.last}`;
  if (rules.flash.includes(number)) return "belongs to the chip's flash; take another";
  if (entry.psram && PSRAM_PINS.includes(number)) return "belongs to the module's PSRAM; take another";
  if (rules.usb.includes(number)) return "belongs to the chip's USB, where the console is; take another";
  if (rules.uart0.includes(number) && !use.field.startsWith('link.'))
    return 'goes to the USB bridge of the board; take another, or leave it to link';
  if (rules.forbidden.includes(number)) return 'decides at reset how the chip starts; leave it free';
  if (rules.inputOnly.includes(number)) {
    if (use.way === 'out') return 'is an input only; take a pin below D34';
    if (!use.pulledOutside)
      return 'has no pull-up in the chip; wire a resistor and say "pull": "board", or take a pin below D34';
  }
  const unit = rules.dac.indexOf(number) + 1;
  if (use.tone === 0 && unit > 0)
    return `goes to the DAC in Espruino, which drops the frequency; take another, or say "dac": ${unit}`;
  if (use.tone && use.tone !== unit) return `is not the pin of DAC unit ${use.tone}; leave "dac" out`;
  if (use.way === 'button' && rules.strapping.includes(number))
    return 'held at reset keeps the chip from starting; take a pin that is not read at reset';
  return null;
}

/** One switch may be several things that never matter at once: the console button matters only at reset. */
function mayShare(one: PinUse, other: PinUse): boolean {
  if (one.line !== undefined && one.line === other.line) return true;
  return one.way === 'button' && other.way === 'button' && [one.field, other.field].includes('buttons.console.pin');
}

/** The first pin that is used twice or wrongly, as "field: pin why"; null where all may be used as they are. */
export function pinsFault(entry: BoardEntry): string | null {
  const uses = pinUses(entry);
  for (const [i, use] of uses.entries()) {
    const other = uses.slice(0, i).find((each) => each.pin === use.pin && !mayShare(each, use));
    if (other) return `${use.field}: ${use.pin} is taken by ${other.field}; take another`;
    // The Linux build's pins are only numbers.
    const why = entry.chip === 'linux' ? null : pinFault(entry, entry.chip, use);
    if (why) return `${use.field}: ${use.pin} ${why}`;
  }
  return null;
}
