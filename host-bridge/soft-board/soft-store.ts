/**
 * What a board has in raw flash, on SQLite: the record log (firmware/records/record-log.ts has the interface), raw
 * pages for a terminal's deny list, and settings by name.
 *
 * One record is one transaction with synchronous FULL (base/sqlite/database.ts): when `put` returns, it is found again;
 * a process or a machine that ends in it leaves the record old or new. After a write that fails the log takes no more,
 * as with flash. Who opens it has it alone, for what it holds is money: two processes on one journal would spend twice.
 * Left out: wear, pages and collection, which flash needs and a database does not.
 */
import { dirname } from 'node:path';
import type { RecordLog, RecordPlace } from '../../firmware/records/record-log.js';
import type { RawFlash } from '../../firmware/records/record-pages.js';
import { ensureDataDir } from '../base/keys/key-file.js';
import { failure, type ErrorCode } from '../base/errors.js';
import { bytesOf, openDatabase, type Database } from '../base/sqlite/database.js';
import { takeLock } from '../base/sqlite/lock.js';

/** The tables. */
const MIGRATIONS = [
  `
  CREATE TABLE record (
    type INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (type, slot)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE page (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
];

/** Longest payload of a record: a page of a board's flash takes less. */
const PAYLOAD_BYTES_MAX = 4096;
/** Room is not what this log lacks. */
const FREE_BYTES = 2 ** 30;
const NOTHING = new Uint8Array(0);

/** Where a write may be cut off, for tests that end the process there: before it, and once it is durable. */
export type Cut = (when: 'before' | 'after', type: number, slot: number) => void;

/** An open store. */
export interface SoftStore {
  readonly path: string;
  records: RecordLog;
  /** JSON under a name; null where there is none. */
  setting<T>(name: string): T | null;
  /** Durable when it returns. */
  setSetting(name: string, value: unknown): void;
  /** So many bytes of raw flash, of `eraseBytes` pages; blank at first. */
  flash(bytes: number, eraseBytes: number): RawFlash;
  close(): void;
}

/** What `openSoftStore` is told. */
export interface SoftStoreOptions {
  /** What to say where another process has it. */
  busy: ErrorCode;
  /** Where there is none, it is made; else FILE_MISSING. */
  mayMake: boolean;
  cut?: Cut | undefined;
}

/**
 * Opens a store, with mode 0600 where it is made.
 * @throws TapcashError `busy`, FILE_MISSING, DATA_DIR_FAILED, DATABASE_*
 */
export function openSoftStore(path: string, { busy, mayMake, cut }: SoftStoreOptions): SoftStore {
  // Before the lock, whose file would be left beside nothing.
  if (mayMake) ensureDataDir(dirname(path));
  else openDatabase(path, { migrations: MIGRATIONS, readOnly: true }).close();
  const free = takeLock(`${path}.lock`, busy, path);
  try {
    const database = openDatabase(path, { migrations: MIGRATIONS });
    const close = () => {
      database.close();
      free();
    };
    return { path, records: recordsOf(database, cut), ...settingsOf(database), flash: flashOf(database), close };
  } catch (thrown) {
    free();
    throw thrown;
  }
}

function recordsOf(database: Database, cut: Cut = () => undefined): RecordLog {
  const find = database.prepare<[type: number, slot: number], { payload: Buffer }>(
    'SELECT payload FROM record WHERE type = ? AND slot = ?',
  );
  const list = database.prepare<[type: number], { slot: number }>(
    'SELECT slot FROM record WHERE type = ? ORDER BY slot',
  );
  const write = database.prepare<[type: number, slot: number, payload: Uint8Array]>(
    'INSERT INTO record (type, slot, payload) VALUES (?, ?, ?) ON CONFLICT (type, slot) DO UPDATE SET payload = excluded.payload',
  );
  const remove = database.prepare<[type: number, slot: number]>('DELETE FROM record WHERE type = ? AND slot = ?');
  let writes = 0;
  let failed: unknown = null;

  function check(type: number, slot: number, bytes: number): void {
    const isRecord = type >= 1 && type <= 255 && slot >= 0 && slot <= 65535 && bytes <= PAYLOAD_BYTES_MAX;
    if (!isRecord) throw new TypeError('record type, slot or length');
    if (failed) throw failure('DATABASE_FAILED', `${database.path}: an earlier write failed`, failed);
  }

  return {
    put(type, slot, payload) {
      check(type, slot, payload.length);
      try {
        cut('before', type, slot);
        if (payload.length > 0) write.run(type, slot, payload);
        else remove.run(type, slot);
        writes++;
        cut('after', type, slot);
      } catch (thrown) {
        failed = thrown;
        throw thrown;
      }
    },
    place(type, slot, bytes): RecordPlace {
      check(type, slot, bytes);
      return { key: type * 65536 + slot, length: bytes, writes, record: NOTHING, offset: 0, at: 0 };
    },
    get(type, slot) {
      const row = find.get(type, slot);
      return row ? bytesOf(row.payload) : null;
    },
    slots: (type) => list.all(type).map(({ slot }) => slot),
    fits: (bytes) => bytes <= PAYLOAD_BYTES_MAX,
    freeBytes: () => FREE_BYTES,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
    writes: () => writes,
    erases: () => 0,
    reserve: () => undefined,
    tidy: () => false,
  };
}

function settingsOf(database: Database): Pick<SoftStore, 'setting' | 'setSetting'> {
  const find = database.prepare<[name: string], { value: string }>('SELECT value FROM setting WHERE name = ?');
  const write = database.prepare<[name: string, value: string]>(
    'INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  return {
    setting<T>(name: string): T | null {
      const row = find.get(name);
      return row ? (JSON.parse(row.value) as T) : null;
    },
    setSetting: (name, value) => void write.run(name, JSON.stringify(value)),
  };
}

/** Raw flash: a copy in RAM, and each page that changed in the database before the write returns. */
function flashOf(database: Database): SoftStore['flash'] {
  const list = database.prepare<[], { number: number; bytes: Buffer }>('SELECT number, bytes FROM page');
  const write = database.prepare<[number: number, bytes: Uint8Array]>(
    'INSERT INTO page (number, bytes) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET bytes = excluded.bytes',
  );
  return (bytes, eraseBytes) => {
    const all = new Uint8Array(bytes).fill(255);
    for (const page of list.all())
      if ((page.number + 1) * eraseBytes <= bytes) all.set(page.bytes, page.number * eraseBytes);
    const keep = (address: number, length: number) => {
      for (let page = Math.floor(address / eraseBytes); page * eraseBytes < address + length; page++)
        write.run(page, all.subarray(page * eraseBytes, (page + 1) * eraseBytes));
    };
    return {
      read: (length, address) => all.slice(address, address + length),
      write(data, address) {
        // Programming clears bits and sets none.
        for (let at = 0; at < data.length; at++) all[address + at]! &= data[at]!;
        keep(address, data.length);
      },
      erasePage(address) {
        const from = address - (address % eraseBytes);
        all.fill(255, from, from + eraseBytes);
        keep(from, eraseBytes);
      },
    };
  };
}
