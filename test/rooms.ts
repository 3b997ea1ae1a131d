/**
 * The rooms: one row for each folder that has code, with what its files may import. rooms.test.ts holds it;
 * docs/architecture.md 6 shows it.
 *
 * A file belongs to the room with the longest path that it lies in, and may always import its own room. To add a room
 * is to add a row. Where a real import shows a row to be wrong, the row is changed in a commit that says why.
 */

/** One row. */
export interface Room {
  /** A folder, or a file that is a room of its own. */
  path: string;
  /** What is in it, for people. */
  holds: string;
  /** Rooms that its files may import, by their paths. */
  may: readonly string[];
  /** Packages and Node's modules that they may import; `node:*` is any of Node's. */
  outside: readonly string[];
  /** It runs in a browser too: none of Node's globals either. */
  nodeFree?: true;
}

const CORE = 'firmware/core';
const CRYPTO = 'firmware/crypto';
const WIRE = 'firmware/wire';
const BELOW_BOARD = [CORE, WIRE, 'firmware/nfc', 'firmware/records', 'firmware/panel'];
const BELOW_ROLES = [...BELOW_BOARD, CRYPTO, 'firmware/board'];

/** What every room of the host may import. */
const BASE = [CORE, WIRE, 'host-bridge/base'];
const SQLITE = 'host-bridge/base/sqlite';
const POSTGRES = 'host-bridge/base/postgres';

const SCRIPTS_BELOW_PROVISION = ['flash-scripts/boards', 'flash-scripts/flash'];
const SCRIPTS = [
  ...SCRIPTS_BELOW_PROVISION,
  'flash-scripts/build',
  'flash-scripts/provision',
  'flash-scripts/flash/node',
  'flash-scripts/doctor',
];

/** What whoever puts a whole system together may import. */
const BELOW_RIG = [
  ...BASE,
  ...SCRIPTS,
  'host-bridge/serial',
  'host-bridge/http',
  'host-bridge/services',
  'host-bridge/bridge',
  'host-bridge/soft-board',
  'host-bridge/line',
  'host-bridge/wallet',
  'host-bridge/emulator',
];
const BELOW_DEMO = [
  ...BELOW_RIG,
  CRYPTO,
  SQLITE,
  'host-bridge/ledger',
  'host-bridge/ledger/sqlite',
  'host-bridge/audit',
  'host-bridge/houses',
  'host-bridge/control',
  'host-bridge/rig',
  'host-bridge/web',
];

/** From below. */
export const ROOMS: readonly Room[] = [
  {
    path: CORE,
    holds: "bytes, amounts, codes, the scheme table, types of the board's configuration, clock and natives",
    may: [],
    outside: [],
    nodeFree: true,
  },
  {
    path: CRYPTO,
    holds: 'curve, Ed25519, RSA, AES-GCM, HKDF, HPKE, random bit generator',
    may: [CORE],
    outside: [],
    nodeFree: true,
  },
  {
    path: WIRE,
    holds: "every message's bytes, once; `link/` is the serial link",
    may: [CORE],
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/nfc',
    holds: 'PN532 on three buses, ISO-DEP client and server',
    may: [CORE, WIRE],
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/records',
    holds: 'the log in raw flash: pages, index, scan',
    may: [CORE],
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/panel',
    holds: 'displays, keys, touch, LED, buzzer',
    may: [CORE],
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/board',
    holds: "Espruino's side: start-up, natives, entropy, pinned root",
    may: BELOW_BOARD,
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/user-token',
    holds: 'purse, journal, policy, screens; `desk/` has registration and withdrawal',
    may: BELOW_ROLES,
    outside: [],
    nodeFree: true,
  },
  {
    path: 'firmware/shop-terminal',
    holds: 'till, tap, checker, delivery',
    may: BELOW_ROLES,
    outside: [],
    nodeFree: true,
  },
  { path: 'firmware/espruino.d.ts', holds: "types of Espruino's globals", may: [], outside: [] },
  { path: 'firmware/overlay.d.ts', holds: 'types of what the build adds for overlays', may: [], outside: [] },

  {
    path: 'host-bridge/base',
    holds: 'errors, log, scheduler, hex; `crypto/`, `keys/`, `services/` (the interfaces of the houses)',
    may: [CORE, CRYPTO, WIRE],
    outside: [
      'currency-codes',
      '@hpke/core',
      '@noble/curves',
      'cli-table3',
      'pino',
      'piscina',
      'node:crypto',
      'node:fs',
      'node:os',
      'node:path',
      'node:url',
    ],
  },
  {
    path: SQLITE,
    holds: 'opens and migrates a SQLite file, and knows whose it is',
    may: BASE,
    outside: ['better-sqlite3', 'node:crypto', 'node:fs'],
  },
  {
    path: POSTGRES,
    holds: 'opens and migrates a PostgreSQL database, and runs transactions, again where the server ends them',
    may: BASE,
    outside: ['pg'],
  },
  {
    path: 'host-bridge/serial',
    holds: 'the serial port, the link session with a board',
    may: BASE,
    outside: ['serialport', 'node:crypto', 'node:fs', 'node:os', 'node:util', 'node:zlib'],
  },

  {
    path: 'flash-scripts/boards',
    holds: 'the boards of board-configs/, their pins and wiring',
    may: [CORE, 'host-bridge/base'],
    outside: ['ajv'],
    nodeFree: true,
  },
  {
    path: 'flash-scripts/build',
    holds: 'TypeScript to the bundles that boards run',
    may: ['flash-scripts/boards', 'host-bridge/base'],
    outside: ['acorn', 'rollup', 'terser', 'typescript', 'node:*'],
  },
  {
    path: 'flash-scripts/flash',
    holds: "a board's console, its ROM loader, its Storage",
    may: [CORE, 'flash-scripts/boards', 'host-bridge/base', 'host-bridge/serial'],
    outside: ['esptool-js', '@noble/hashes'],
    nodeFree: true,
  },
  {
    path: 'flash-scripts/provision',
    holds: "a board's files, manifest, tables of keys, label",
    // A label spells names as a display does.
    may: [CORE, CRYPTO, WIRE, 'firmware/panel', ...SCRIPTS_BELOW_PROVISION, 'host-bridge/base'],
    outside: ['@noble/curves', '@noble/hashes', 'fast-png', 'oled-font-5x7', 'qr'],
    nodeFree: true,
  },
  {
    path: 'flash-scripts/flash/node',
    holds: 'what the three need of Node: files of board-configs/, of bundles and images, EspruinoTools',
    may: [
      CORE,
      ...SCRIPTS_BELOW_PROVISION,
      'flash-scripts/build',
      'flash-scripts/provision',
      'host-bridge/base',
      'host-bridge/serial',
    ],
    outside: ['node:*'],
  },
  {
    path: 'flash-scripts/doctor',
    holds: 'what is on a board, and what is wrong with it',
    may: [CORE, CRYPTO, ...SCRIPTS_BELOW_PROVISION, 'host-bridge/base', 'host-bridge/serial'],
    outside: [],
  },

  {
    path: 'host-bridge/ledger',
    holds: "the rules, the store's interface",
    may: BASE,
    outside: [],
  },
  {
    path: 'host-bridge/ledger/sqlite',
    holds: 'the store on SQLite',
    may: [...BASE, SQLITE, 'host-bridge/ledger'],
    outside: ['better-sqlite3'],
  },
  {
    path: 'host-bridge/ledger/postgres',
    holds: 'the acts on PostgreSQL: deposit, return, tombstone, claim; no service runs on them yet',
    may: [...BASE, POSTGRES, 'host-bridge/ledger'],
    outside: [],
  },
  {
    path: 'host-bridge/audit',
    holds: 'its own SQL and arithmetic over the books',
    may: [...BASE, SQLITE, 'host-bridge/ledger'],
    outside: ['better-sqlite3', 'node:crypto', 'node:fs'],
  },
  {
    path: 'host-bridge/houses',
    holds: '`issuer/`, `bank/`, `trustee/`, and what they share: no HTTP, no SQL, no files',
    may: [...BASE, 'host-bridge/ledger'],
    outside: ['node:crypto'],
  },
  {
    path: 'host-bridge/http',
    holds: 'one service factory, schemas, client',
    may: BASE,
    outside: [
      'fastify',
      '@fastify/ajv-compiler',
      '@fastify/fast-json-stringify-compiler',
      '@fastify/swagger',
      '@sinclair/typebox',
      'pino',
      'node:crypto',
      'node:fs',
      'node:net',
      'node:path',
      'node:zlib',
    ],
  },
  {
    path: 'host-bridge/web',
    holds: 'pages and their parts, in a browser; what a page and its server tell each other',
    may: [CORE, WIRE],
    outside: ['lit', '@lit/localize', '@wokwi/elements'],
    nodeFree: true,
  },
  {
    path: 'host-bridge/web/flasher',
    holds: 'the page that flashes boards: the rooms of the command line, and what a browser has instead of Node',
    may: [
      ...BASE,
      'host-bridge/serial',
      'host-bridge/web',
      ...SCRIPTS_BELOW_PROVISION,
      'flash-scripts/provision',
      'flash-scripts/doctor',
    ],
    outside: ['lit', '@noble/curves', '@noble/hashes'],
    nodeFree: true,
  },
  {
    path: 'host-bridge/services',
    holds: 'opens a house on its database and serves it; rotation of keys',
    may: [
      ...BASE,
      SQLITE,
      'host-bridge/houses',
      'host-bridge/audit',
      'host-bridge/ledger',
      'host-bridge/ledger/sqlite',
      'host-bridge/http',
    ],
    outside: ['pino', 'node:crypto', 'node:fs'],
  },
  {
    path: 'host-bridge/bridge',
    holds: 'verifier, outbox, charges; `desk/`: never the houses themselves',
    may: [...BASE, SQLITE, 'host-bridge/serial', 'host-bridge/http'],
    outside: ['pino', 'node:crypto', 'node:path'],
  },
  {
    path: 'host-bridge/backup',
    holds: 'backups of the databases of houses and bridge, and restoring them',
    may: [...BASE, SQLITE, 'host-bridge/ledger/sqlite', 'host-bridge/audit', 'host-bridge/bridge'],
    outside: ['better-sqlite3', 'node:crypto', 'node:fs', 'node:path'],
  },
  {
    path: 'host-bridge/control',
    holds: "the running bridge's address for other processes and the till's page",
    may: [...BASE, 'host-bridge/bridge', 'host-bridge/http', 'host-bridge/web'],
    outside: ['fastify', '@sinclair/typebox', 'pino', 'node:crypto', 'node:fs', 'node:path'],
  },
  {
    path: 'host-bridge/office',
    holds: "the office's page: what the houses say, an operator's acts, the audit in a thread of its own",
    may: [
      ...BASE,
      'host-bridge/ledger',
      'host-bridge/audit',
      'host-bridge/http',
      'host-bridge/control',
      'host-bridge/web',
    ],
    outside: ['fastify', '@sinclair/typebox', 'node:crypto', 'node:fs', 'node:path', 'node:worker_threads'],
  },
  {
    path: 'host-bridge/soft-board',
    holds: 'what a board has, on Node: records in SQLite, time, random bytes, natives',
    // The table of the base point is made where boards are given theirs.
    may: [...BASE, SQLITE, CRYPTO, 'firmware/records', 'firmware/panel', 'flash-scripts/provision'],
    outside: ['node:crypto', 'node:path'],
  },
  {
    path: 'host-bridge/line',
    holds: "a shop's terminal for a communication line: the till's modules on Node, wallets over HTTP",
    may: [
      ...BASE,
      'firmware/nfc',
      'firmware/shop-terminal',
      'flash-scripts/provision',
      'host-bridge/serial',
      'host-bridge/http',
      'host-bridge/soft-board',
    ],
    outside: ['fastify', 'node:crypto', 'node:zlib'],
  },
  {
    path: 'host-bridge/wallet',
    holds: "the software wallet: the token's modules on Node, its desk, payments over a line",
    may: [
      ...BASE,
      CRYPTO,
      'firmware/nfc',
      'firmware/board',
      'firmware/user-token',
      'flash-scripts/provision',
      'host-bridge/serial',
      'host-bridge/http',
      'host-bridge/bridge',
      'host-bridge/soft-board',
    ],
    outside: ['node:crypto', 'node:path'],
  },
  {
    path: 'host-bridge/emulator',
    holds: "boards, Espruino's API, PN532 chip, radio field, interpreter process",
    may: [...BASE, 'host-bridge/serial', 'flash-scripts/build'],
    outside: ['oled-font-5x7', 'node:*'],
  },
  {
    path: 'host-bridge/rig',
    holds: 'what tests, demo and bench put together',
    may: BELOW_RIG,
    outside: ['node:*'],
  },
  {
    path: 'host-bridge/demo',
    holds: 'a whole shop on emulated boards, and its scenarios',
    may: BELOW_DEMO,
    outside: ['node:*', 'fastify'],
  },
  {
    path: 'host-bridge/bench',
    holds: 'what firmware, taps and houses cost',
    may: [...BELOW_DEMO, POSTGRES, 'host-bridge/ledger/postgres'],
    outside: ['node:*', 'fastify', 'pg'],
  },
  {
    path: 'host-bridge/commands',
    holds: 'what each command does',
    may: [...BELOW_DEMO, 'host-bridge/office', 'host-bridge/backup', 'host-bridge/demo', 'host-bridge/bench'],
    outside: ['commander', 'csv-parse', 'csv-stringify', 'ibantools', 'sepa', 'node:*'],
  },
  {
    path: 'host-bridge/cli.ts',
    holds: 'the command line; alone in reading the environment',
    may: [
      ...BELOW_DEMO,
      'host-bridge/office',
      'host-bridge/backup',
      'host-bridge/demo',
      'host-bridge/bench',
      'host-bridge/commands',
    ],
    outside: ['commander', 'node:*'],
  },
];

/** Imports that no row allows, one at a time. */
export const EXCEPTIONS: readonly { from: string; to: readonly string[]; why: string }[] = [
  {
    from: 'host-bridge/bench/memory.ts',
    to: [
      'firmware/records/record-log.ts',
      'firmware/shop-terminal/shop-records.ts',
      'firmware/user-token/token-records.ts',
    ],
    why: 'fills the records of a board in the interpreter, which only what reads them can write',
  },
  {
    from: 'host-bridge/demo/token-memory.ts',
    to: ['firmware/records/record-log.ts', 'firmware/user-token/token-records.ts'],
    why: "shows what a token's flash says of its money, which only what reads it there can tell",
  },
  {
    from: 'flash-scripts/doctor/entropy.ts',
    to: ['firmware/board/sar-adc.ts'],
    why: 'switches the source on as the firmware does: a second table of registers could differ from its own',
  },
  {
    from: 'host-bridge/audit/audit-files.ts',
    to: ['host-bridge/ledger/sqlite/sqlite-schema.ts'],
    why: 'refuses a schema newer than the one it knows, whose number is that of the migrations',
  },
];

/** The room of a file; undefined for a file without one. */
export function roomOf(path: string): Room | undefined {
  const holds = (room: Room): boolean => path === room.path || path.startsWith(`${room.path}/`);
  return ROOMS.filter(holds).sort((a, b) => b.path.length - a.path.length)[0];
}

/** The table as docs/architecture.md has it. */
export function roomsText(): string {
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ') || 'nothing';
  const rows = ROOMS.map(({ path, holds, may }) => `| \`${path}\` | ${holds} | ${list(may)} |`);
  return ['| room | holds | may import |', '|---|---|---|', ...rows].join('\n');
}
