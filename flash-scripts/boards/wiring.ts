/**
 * What to connect with what: a board's entry as wires, for `tapcash boards show`, as a table and as the drawing of
 * wiring-svg.ts.
 *
 * Names of pins: those printed on the usual modules (PN532 NFC module V3, SSD1306 of four pins). On the board's side
 * "D26" is what boards print as 26, G26 or IO26. Left out: where a pin lies on the board; the board's own page shows
 * that.
 */
import type { BoardEntry } from './board-entry.js';

/** One wire. */
export interface Wire {
  /** Pin of the part. */
  pin: string;
  /** On the board: "D16", "3V3", "GND". */
  to: string;
  /** What else belongs to it, such as a resistor. */
  note?: string;
}

/** A part beside the board, or one that the board has itself. */
export interface Part {
  name: string;
  /** Nothing to connect: it is on the board. */
  builtIn: boolean;
  /** Switches to set, what it is for. */
  note?: string;
  wires: Wire[];
}

/** How people name the bus of the PN532. */
export type BusName = 'HSU' | 'I2C' | 'SPI';

const BUS_NAMES: Record<string, BusName> = { uart: 'HSU', i2c: 'I2C', spi: 'SPI' };

/** The bus of a board's PN532. */
export const busName = (board: BoardEntry): BusName => BUS_NAMES[board.pn532.bus];

/** Positions of the two switches of a PN532 module (UM0701-02 6.2: I0, I1). */
const DIP_SWITCHES: Record<BusName, string> = {
  HSU: 'switches 1 OFF, 2 OFF',
  I2C: 'switches 1 ON, 2 OFF',
  SPI: 'switches 1 OFF, 2 ON',
};

const POWER: Wire[] = [
  { pin: 'VCC', to: '3V3' },
  { pin: 'GND', to: 'GND' },
];

const printed = (pin: string | undefined): string => pin ?? 'given at start';

function pn532(board: BoardEntry): Part {
  const { bus, rx, tx, sda, scl, sck, miso, mosi, nss } = board.pn532;
  const name = busName(board);
  const wires: Record<string, Wire[]> = {
    uart: [
      { pin: 'TXD (SDA)', to: printed(rx) },
      { pin: 'RXD (SCL)', to: printed(tx) },
    ],
    i2c: [
      { pin: 'SDA', to: printed(sda) },
      { pin: 'SCL', to: printed(scl) },
    ],
    spi: [
      { pin: 'SCK', to: printed(sck) },
      { pin: 'MISO', to: printed(miso) },
      { pin: 'MOSI', to: printed(mosi) },
      { pin: 'SS', to: printed(nss) },
    ],
  };
  return { name: 'PN532', builtIn: false, note: `${name}: ${DIP_SWITCHES[name]}`, wires: [...wires[bus], ...POWER] };
}

/** Bus and speed, for people. */
function busFacts(board: BoardEntry): string {
  const { bus, baud = 115200, bitrate = 100000, burstBytesMax } = board.pn532;
  const speed = bus === 'uart' ? `, ${baud} baud` : bus === 'i2c' ? `, ${bitrate / 1000} kHz` : '';
  return `${busName(board)}${speed}, bursts of at most ${burstBytesMax} bytes`;
}

function display({ display: config }: BoardEntry): Part[] {
  if (!config || config.type === 'console') return [];
  if (config.type !== 'ssd1306') return [{ name: 'Display 320x240', builtIn: true, wires: [] }];
  return [
    {
      name: 'SSD1306 display',
      builtIn: false,
      note: '128x64, I2C address 0x3C',
      wires: [{ pin: 'SDA', to: printed(config.sda) }, { pin: 'SCL', to: printed(config.scl) }, ...POWER],
    },
  ];
}

interface Input {
  pin: string;
  active: number;
  pull?: string;
  label?: string;
}

/** A contact between a pin and the rail that it is active at, or a button of the board. */
function contact(name: string, input: Input, note: string): Part {
  const { pin, active, pull, label } = input;
  return {
    name: label ? `Button ${label}` : `Button "${name}"`,
    builtIn: pull === 'board',
    note,
    wires: [
      { pin: '1', to: pin },
      { pin: '2', to: active ? '3V3' : 'GND' },
    ],
  };
}

const KEY_NOTES: Record<string, string> = {
  '+': 'amount: raises the last digit',
  '0': 'amount: one more digit',
  '*': 'amount: clears',
};

function buttons({ buttons: { user, console: held }, amountKeys = [] }: BoardEntry): Part[] {
  const parts: Part[] = [];
  const uses: [string, Input, string][] = [
    ['user', user, "the owner's or the clerk's"],
    ...amountKeys.map((key): [string, Input, string] => [key.key, key, KEY_NOTES[key.key]]),
  ];
  if (held) uses.push(['console', held, 'held at reset: the firmware does not start']);
  for (const [name, input, note] of uses) {
    const twin = parts.find((part) => part.wires[0].to === input.pin);
    if (twin) twin.note += `; ${note}`;
    else parts.push(contact(name, input, note));
  }
  return parts;
}

function keypad({ keypad: config }: BoardEntry): Part[] {
  if (!config) return [];
  const wires = [
    ...config.rows.map((to, i) => ({ pin: `row ${i + 1}`, to, note: config.keys[i].split('').join(' ') })),
    ...config.columns.map((to, i) => ({ pin: `column ${i + 1}`, to })),
  ];
  return [
    {
      name: `Keypad ${config.rows.length}x${config.columns.length}`,
      builtIn: false,
      note: 'terminals, optional: * clears, # charges',
      wires,
    },
  ];
}

function signals(board: BoardEntry): Part[] {
  const { led, buzzer } = board;
  // A board that has its own display has these too, and its entry then names their pins.
  const builtIn = board.display?.type === 'graphics' || board.display?.type === 'ili9341';
  return [
    ...(led
      ? [
          {
            name: 'LED',
            builtIn,
            ...(builtIn ? {} : { note: 'with 330 ohm; optional' }),
            wires: [
              { pin: led.active ? 'long leg' : 'short leg', to: led.pin },
              { pin: led.active ? 'short leg' : 'long leg', to: led.active ? 'GND' : '3V3' },
            ],
          },
        ]
      : []),
    ...(buzzer
      ? [
          {
            name: 'Buzzer',
            builtIn,
            ...(builtIn ? {} : { note: 'passive; optional' }),
            wires: [
              { pin: '+', to: buzzer.pin },
              { pin: '-', to: 'GND' },
            ],
          },
        ]
      : []),
  ];
}

/** The parts that a board works with, and their wires. */
export function partsOf(board: BoardEntry): Part[] {
  return [pn532(board), ...display(board), ...buttons(board), ...keypad(board), ...signals(board)];
}

function tableLines(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks a sentence at blanks into lines of at most `width` characters. */
export function fold(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

/** What `tapcash boards show` prints. */
export function wiringTable(board: BoardEntry): string {
  const rows = [['part', 'its pin', 'board', '']];
  const onBoard: string[] = [];
  for (const part of partsOf(board)) {
    if (part.builtIn)
      onBoard.push(
        part.wires.length ? `${part.name} (${part.wires[0].to})${part.note ? `: ${part.note}` : ''}` : part.name,
      );
    else
      part.wires.forEach((wire, i) =>
        rows.push([i ? '' : part.name, wire.pin, wire.to, wire.note ?? (i ? '' : (part.note ?? ''))]),
      );
  }
  const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`;
  const { flash, layout, entropy } = board;
  const facts: [string, string][] = [
    ['chip', board.chip],
    ['roles', board.roles.join(', ')],
    ['firmware', `${board.firmware} (${board.variables} variables)`],
    ['USB', board.usb ?? 'none'],
    ['PN532', busFacts(board)],
    ['records', `${hex(flash.address)} to ${hex(flash.address + flash.bytes)}, pages of ${flash.pageBytes} bytes`],
    [
      'Storage',
      `${hex(layout.storage.address)} to ${hex(layout.storage.address + layout.storage.bytes)} of ${layout.flashBytes / 1024} kB`,
    ],
    [
      'entropy',
      entropy.register
        ? `register ${hex(entropy.register)}, fed by the SAR ADC; the radio stays off`
        : (entropy.file ?? 'none without radio: this board cannot be run'),
    ],
    ...(board.limits ?? []).map((text): [string, string] => ['limit', text]),
  ];
  const factLines = facts.flatMap(([what, text]) =>
    fold(text, 70).map((line, i) => `${(i ? '' : what).padEnd(10)}${line}`),
  );
  return [
    board.name,
    ...fold(board.description, 80),
    '',
    ...factLines,
    '',
    ...tableLines(rows),
    ...(onBoard.length
      ? [
          '',
          'On the board, nothing to connect:',
          ...onBoard.flatMap((line) => fold(line, 76).map((part, i) => `${i ? '    ' : '  '}${part}`)),
        ]
      : []),
  ].join('\n');
}
