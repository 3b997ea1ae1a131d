/**
 * The bridge's database: what must survive its end at any moment. SQLite as base/sqlite/database.ts opens it: WAL,
 * FULL.
 *
 * Tables: `outbox`, histories, tombstones and refunds in the order of their arrival with what became of each, and
 * `outbox_count`, how many there are of each state; `charge`, what the clerk asked for; `refund`, what he gives back;
 * `act`, the desk's acts with their answers (desk-acts.ts); `desk_act`, request ids of accounts that the desk opens at
 * the office.
 */
import { ensureDataDir, pathsOf } from '../base/keys/key-file.js';
import type { ErrorCode } from '../base/errors.js';
import { openDatabase, type Database } from '../base/sqlite/database.js';
import { takeLock } from '../base/sqlite/lock.js';
import { ACTS_SQL, EPOCHS_TABLE, openOwnDatabase, type IdentityOptions } from '../base/sqlite/database-identity.js';

/** Refusals under older rules that stay: what base/services/finality.ts called final when the rules changed. */
const FINAL_BEFORE = `
  (kind = 'history' AND code IN ('TOMBSTONED', 'CHALLENGE_CONFLICT', 'SIGNATURE_INVALID'))
  OR (kind = 'tombstone' AND code = 'ALREADY_PAID')
  OR (kind = 'refund' AND code IN ('REQUEST_ID_REUSED', 'REFUND_UNDONE', 'REFUND_TOO_LARGE'))`;

/** The bridge's tables, as the houses have theirs (ledger/sqlite/sqlite-schema.ts). */
export const BRIDGE_MIGRATIONS = [
  `
  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('history', 'tombstone', 'refund')),
    identity BLOB NOT NULL, -- history: PKU, challenge's Rs and IdS; tombstone: Rs and IdS; refund: its id
    bytes BLOB NOT NULL UNIQUE,
    amount INTEGER,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'held', 'credited', 'duplicate', 'buried', 'refunded', 'refused')),
    code TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    arrived_s INTEGER NOT NULL,
    next_s INTEGER NOT NULL DEFAULT 0, -- a held row is not tried before
    done_s INTEGER
  ) STRICT;
  CREATE INDEX outbox_open ON outbox (sequence) WHERE state IN ('pending', 'held');
  CREATE TABLE charge (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    amount INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'open', 'accepted', 'paid', 'cancelled', 'refused', 'lost')),
    code TEXT, -- why it was refused, or the code of the last tap
    changes INTEGER NOT NULL DEFAULT 0,
    terminal_id BLOB,
    wanted INTEGER NOT NULL DEFAULT 1, -- 0: to be cancelled as soon as the terminal can be asked
    tap TEXT, -- the last tap's report, JSON
    opened_s INTEGER NOT NULL,
    changed_s INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX charge_one ON charge ((1)) WHERE state IN ('sending', 'open', 'accepted');
  CREATE TABLE refund (
    id BLOB PRIMARY KEY,
    rs BLOB NOT NULL,
    amount INTEGER NOT NULL,
    body BLOB NOT NULL, -- what the terminal signs
    bytes BLOB, -- signed, as it stands in the outbox
    asked_s INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE desk_unload (
    name TEXT NOT NULL,
    amount INTEGER NOT NULL,
    challenge BLOB NOT NULL,
    PRIMARY KEY (name, amount)
  ) STRICT;
  CREATE TABLE desk_act (
    act TEXT PRIMARY KEY,
    request_id BLOB NOT NULL
  ) STRICT;
  CREATE TABLE desk_withdrawal (
    pku BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    began_s INTEGER NOT NULL
  ) STRICT;
  `,
  EPOCHS_TABLE,
  `
  CREATE TABLE act (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('register', 'withdraw', 'unload', 'redeem', 'reconcile')),
    body TEXT NOT NULL, -- all that is asked for, JSON
    begun_s INTEGER NOT NULL,
    progress TEXT NOT NULL, -- how far it came, JSON
    answer TEXT -- JSON
  ) STRICT;
  CREATE INDEX act_open ON act (kind, body) WHERE answer IS NULL;
  INSERT INTO act (id, kind, body, begun_s, progress)
    SELECT randomblob(16), 'unload', json_object('name', name, 'amount', amount), 0, json_object('challenge', lower(hex(challenge)))
    FROM desk_unload;
  DROP TABLE desk_unload;
  DROP TABLE desk_withdrawal;
  `,
  // Waits are on the monotonic clock of the process that runs (`next_ms`), and every query has its index or
  // its count. What older rules refused for good on facts that pass goes on; a window that was over without a receipt
  // was RECONCILED then, too.
  `
  DROP INDEX outbox_open;
  ALTER TABLE outbox RENAME COLUMN next_s TO next_ms;
  ALTER TABLE outbox ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
  UPDATE outbox SET next_ms = 0;
  UPDATE outbox SET state = 'held', done_s = NULL WHERE state = 'refused' AND NOT (${FINAL_BEFORE});
  CREATE INDEX outbox_by_state ON outbox (state, sequence);
  CREATE INDEX outbox_due ON outbox (next_ms) WHERE state = 'held';
  CREATE INDEX outbox_by_rs ON outbox (substr(identity, 33, 16)) WHERE kind = 'history';
  CREATE TABLE outbox_count (state TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO outbox_count (state, count) SELECT state, count(*) FROM outbox GROUP BY state;
  CREATE TRIGGER outbox_added AFTER INSERT ON outbox BEGIN
    INSERT INTO outbox_count (state, count) VALUES (new.state, 1)
      ON CONFLICT (state) DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER outbox_changed AFTER UPDATE OF state ON outbox WHEN old.state <> new.state BEGIN
    UPDATE outbox_count SET count = count - 1 WHERE state = old.state;
    INSERT INTO outbox_count (state, count) VALUES (new.state, 1)
      ON CONFLICT (state) DO UPDATE SET count = count + 1;
  END;
  CREATE INDEX refund_by_payment ON refund (rs, amount, asked_s);
  DROP INDEX act_open;
  CREATE INDEX act_open ON act (kind, body, begun_s) WHERE answer IS NULL;
  `,
  // Each search of the list of payments.
  `
  CREATE INDEX payment_by_time ON outbox (arrived_s, sequence) WHERE kind = 'history';
  CREATE INDEX payment_by_amount ON outbox (amount, arrived_s, sequence) WHERE kind = 'history';
  CREATE INDEX payment_by_token ON outbox (substr(identity, 1, 32), arrived_s, sequence) WHERE kind = 'history';
  CREATE INDEX charge_by_rs ON charge (json_extract(tap, '$.rs'));
  `,
  // What a terminal opens charges by: given when one is first asked, and never to another charge.
  `
  ALTER TABLE charge ADD COLUMN number INTEGER;
  CREATE INDEX charge_by_number ON charge (number);
  `,
  // What the clerk has seen of what was refused for good, and how much of it there is.
  `
  ALTER TABLE outbox ADD COLUMN acknowledged TEXT; -- the clerk's reason
  ALTER TABLE outbox ADD COLUMN acknowledged_s INTEGER;
  CREATE INDEX outbox_trouble ON outbox (state, sequence) WHERE state IN ('held', 'refused') AND acknowledged_s IS NULL;
  CREATE TABLE outbox_acknowledged (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;
  INSERT INTO outbox_acknowledged (id, count) VALUES (1, 0);
  CREATE TRIGGER outbox_seen AFTER UPDATE OF acknowledged_s ON outbox
    WHEN (old.acknowledged_s IS NULL) <> (new.acknowledged_s IS NULL) BEGIN
    UPDATE outbox_acknowledged SET count = count + CASE WHEN new.acknowledged_s IS NULL THEN -1 ELSE 1 END WHERE id = 1;
  END;
  `,
  // Of a charge whose y its payer says: its limits, JSON. Its amount is 0 until then.
  `
  ALTER TABLE charge ADD COLUMN open_terms TEXT;
  `,
];

interface Tables {
  outbox: {
    sequence: number;
    kind: 'history' | 'tombstone' | 'refund';
    identity: Buffer;
    bytes: Buffer;
    amount: number | null;
    state: 'pending' | 'held' | 'credited' | 'duplicate' | 'buried' | 'refunded' | 'refused';
    code: ErrorCode | null;
    attempts: number;
    arrived_s: number;
    next_ms: number;
    holds: number;
    done_s: number | null;
    acknowledged: string | null;
    acknowledged_s: number | null;
  };
  outbox_count: { state: Tables['outbox']['state']; count: number };
  charge: {
    sequence: number;
    id: Buffer;
    amount: number;
    state: 'sending' | 'open' | 'accepted' | 'paid' | 'cancelled' | 'refused' | 'lost';
    code: ErrorCode | null;
    changes: number;
    terminal_id: Buffer | null;
    wanted: 0 | 1;
    tap: string | null;
    number: number | null;
    open_terms: string | null;
    opened_s: number;
    changed_s: number;
  };
  refund: { id: Buffer; rs: Buffer; amount: number; body: Buffer; bytes: Buffer | null; asked_s: number };
  desk_act: { act: string; request_id: Buffer };
  act: {
    id: Buffer;
    kind: 'register' | 'withdraw' | 'unload' | 'redeem' | 'reconcile';
    body: string;
    begun_s: number;
    progress: string;
    answer: string | null;
  };
}

/** A row of a table above, columns as they are there: what `SELECT *` gives. */
export type BridgeRow<Table extends keyof Tables> = Tables[Table];

/**
 * Opens or makes the database of a bridge.
 * @param identity which database it must be; left out: whichever is there
 * @throws TapcashError DATA_DIR_FAILED, DATABASE_*
 */
export function openBridgeStore(dataDir: string, identity?: Pick<IdentityOptions, 'nowS' | 'acceptLoss'>): Database {
  ensureDataDir(dataDir);
  const { database, identity: file } = pathsOf(dataDir, 'bridge');
  const options = { migrations: BRIDGE_MIGRATIONS };
  if (!identity) return openDatabase(database, options);
  return openOwnDatabase(database, options, { ...identity, file, actsSql: ACTS_SQL.bridge });
}

/**
 * The same for the one bridge that runs with the folder, until it is closed.
 * @throws TapcashError BRIDGE_RUNS, and as `openBridgeStore`
 */
export function openOnlyBridgeStore(dataDir: string, identity?: Parameters<typeof openBridgeStore>[1]): Database {
  ensureDataDir(dataDir);
  const free = takeLock(`${pathsOf(dataDir, 'bridge').database}.lock`, 'BRIDGE_RUNS', dataDir);
  try {
    const database = openBridgeStore(dataDir, identity);
    return {
      ...database,
      close() {
        database.close();
        free();
      },
    };
  } catch (thrown) {
    free();
    throw thrown;
  }
}

/** Opens the database of a bridge to read it, whether one runs or not. @throws TapcashError DATABASE_* */
export function openBridgeToRead(dataDir: string): Database {
  return openDatabase(pathsOf(dataDir, 'bridge').database, { migrations: BRIDGE_MIGRATIONS, readOnly: true });
}
