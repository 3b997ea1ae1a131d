/** What is done at a board: wiring, flash, provisioning, and what is wrong with it. */
import type { ProvisionCommand } from '../provision.js';
import { as, type CommandContext, type CommandSpec, type OptionSpec } from './spec.js';
import { OPTIONS, SERVICE_DATA } from './vocabulary.js';

const { json, serial, waitForBoard } = OPTIONS;
const data = as(OPTIONS.data, { standard: SERVICE_DATA });

type ProvisionCall = [ProvisionCommand, CommandContext];

const PROVISION: readonly OptionSpec[] = [
  serial,
  as(OPTIONS.board, { detail: 'default: what the board was' }),
  data,
  OPTIONS.manifest,
  as(OPTIONS.currency, { standard: undefined, detail: "default: the manifest's, and another is refused" }),
  OPTIONS.label,
  waitForBoard,
  json,
];

const BOARDS: CommandSpec = {
  name: 'boards',
  what: 'the boards that there are',
  options: [json],
  examples: ['boards', 'boards show esp32-devkitc'],
  run: async () => (await import('../boards.js')).boards,
  commands: [
    {
      name: 'show',
      what: 'how a board is wired: a table, or a drawing',
      arguments: [{ name: '<name>', what: 'an entry of board-configs' }],
      options: [OPTIONS.svg, json],
      examples: ['boards show esp32-devkitc --svg wiring.svg'],
      run: async () => (await import('../boards.js')).showBoard,
    },
  ],
};

const FLASHER: CommandSpec = {
  name: 'flasher',
  what: 'a page that flashes, provisions and examines boards from a browser (Chrome, Edge, Opera)',
  more: `
The page speaks to the board through the browser's Web Serial, by the code of
"tapcash flash", "provision" and "doctor". Nothing leaves this computer. The
browser asks for a port, and remembers it for this address.`,
  options: [as(OPTIONS.listen, { standard: '8107' }), json],
  examples: ['flasher', 'flasher --listen 0'],
  run: async () => (await import('../flasher.js')).flasher,
};

const FLASH: CommandSpec = {
  name: 'flash',
  what: 'write Espruino and our firmware to a board; keys, cash and histories on it are kept',
  options: [
    as(OPTIONS.board, { detail: "default: the image's, else esp32-devkitc-wrover" }),
    serial,
    OPTIONS.firmware,
    OPTIONS.onlyApp,
    as(OPTIONS.image, { detail: 'write this one, as tapcash build --image made it' }),
    as(OPTIONS.manifest, { detail: 'with --image; default: manifest.json in the data folder, if there is one' }),
    data,
    as(OPTIONS.role, { detail: 'token or terminal; default: what the board was' }),
    OPTIONS.eraseAll,
    OPTIONS.yes,
    OPTIONS.baud,
    OPTIONS.flashMode,
    waitForBoard,
    json,
  ],
  examples: [
    'flash --role token --firmware espruino_2v29_esp32/',
    'flash --only-app --serial /dev/ttyUSB0',
    'flash --image images/user-token.esp32-devkitc-wrover.image',
  ],
  run: async () => (await import('../flash.js')).flash,
};

const PROVISIONING: CommandSpec = {
  name: 'provision',
  what: 'give a flashed board its institutions, have it make its keys and prove them, and print a label',
  examples: ['provision token --name "Alice Example"', 'provision terminal --shop "Cafe Roma"'],
  commands: [
    {
      name: 'token',
      what: 'a user token',
      options: [
        ...PROVISION,
        as(OPTIONS.name, {
          detail: 'for the label; needed without --list',
          setting: ({ users }) => (users.length === 1 ? users[0] : undefined),
        }),
        OPTIONS.list,
        OPTIONS.scheme,
        as(OPTIONS.pseudonyms, { standard: '1' }),
        OPTIONS.policy,
        OPTIONS.paymentMax,
        OPTIONS.sumMax,
      ],
      examples: ['provision token --name "Alice Example" --serial /dev/ttyUSB0', 'provision token --list tokens.csv'],
      run: async () => {
        const { provision } = await import('../provision.js');
        return (...[options, context]: ProvisionCall) => provision('token', options, context);
      },
    },
    {
      name: 'terminal',
      what: "a shop's terminal",
      options: [
        ...PROVISION,
        as(OPTIONS.shop, { isNeeded: true, setting: ({ shop }) => shop }),
        OPTIONS.floorLimit,
        OPTIONS.alone,
        OPTIONS.staleListLimit,
      ],
      examples: ['provision terminal --data cafe --serial /dev/ttyUSB1', 'provision terminal --shop "Cafe Roma"'],
      run: async () => {
        const { provision } = await import('../provision.js');
        return (...[options, context]: ProvisionCall) => provision('terminal', options, context);
      },
    },
  ],
};

export const BOARD_COMMANDS: readonly CommandSpec[] = [
  BOARDS,
  {
    name: 'ports',
    what: 'serial ports that a board may be at',
    options: [json],
    examples: ['ports'],
    run: async () => (await import('../flash.js')).ports,
  },
  FLASH,
  FLASHER,
  {
    name: 'doctor',
    what:
      'look at a board: interpreter, memory, entropy, PN532, firmware, what is undelivered; and what to do about each ' +
      'fault',
    options: [
      serial,
      as(OPTIONS.board, { detail: 'for a board that was not provisioned' }),
      OPTIONS.selftest,
      as(OPTIONS.boardReport, { detail: 'measure, and add to it' }),
      waitForBoard,
      json,
    ],
    examples: [
      'doctor --serial /dev/ttyUSB0',
      'doctor --serial /dev/ttyUSB0 --selftest',
      'doctor --serial /dev/ttyUSB0 --selftest --board-report boards.json',
    ],
    run: async () => (await import('../doctor.js')).doctor,
  },
  {
    name: 'manifest',
    what: 'sign the keys that boards are provisioned with, by the issuer as their root; the version rises when they change',
    options: [OPTIONS.scheme, OPTIONS.currency, data, json],
    examples: ['manifest --data cafe'],
    run: async () => (await import('../manifest.js')).signManifestFile,
  },
  PROVISIONING,
];
