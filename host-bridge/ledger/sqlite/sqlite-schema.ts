/**
 * Tables of the databases of issuer, bank and trustee, as migrations: entry 0 makes version 1, and so on. An entry that
 * was released is never changed; a change is a new entry. Issuer and bank share what every ledger with accounts needs.
 *
 * STRICT tables hold what their column says and nothing else. The CHECKs repeat the rules' outer limits, so that even a
 * mistaken program cannot store an amount that the audit would have to find.
 */
import type { HouseName } from '../../base/keys/key-line.js';
import { EPOCHS_TABLE } from '../../base/sqlite/database-identity.js';

const AMOUNT = 'INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991)';
const PKU = 'BLOB NOT NULL CHECK (length(pku) = 32)';

/** Name of the table that says whose books these are, the same in both databases. */
const BOOKS = `
CREATE TABLE books (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Names that were given out: wherever a house can. */
const TRACES = `CREATE TABLE traces (
  id INTEGER PRIMARY KEY,
  pku ${PKU},
  operator TEXT NOT NULL,
  why TEXT NOT NULL,
  ebc INTEGER NOT NULL,
  name TEXT,
  proof TEXT CHECK (proof IN ('PROVEN', 'UNPROVEN')),
  time_s INTEGER NOT NULL,
  trace_order BLOB,
  CHECK ((name IS NULL) = (proof IS NULL))
) STRICT;
`;

/** Acts of operators, by their request ids. */
const OPERATOR_REQUESTS = `
CREATE TABLE operator_requests (
  id BLOB PRIMARY KEY CHECK (length(id) = 16),
  operator_key BLOB NOT NULL CHECK (length(operator_key) = 32),
  signed BLOB NOT NULL,
  signature BLOB NOT NULL,
  reply TEXT NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** Ledger, accounts, histories and operators: who keeps accounts has them, and the issuer in every scheme. */
const LEDGER = `${BOOKS}
CREATE TABLE balances (
  account TEXT PRIMARY KEY,
  balance INTEGER NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
  CHECK (balance >= 0 OR account NOT LIKE 'abc:%')
) STRICT, WITHOUT ROWID;
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('fund', 'withdraw', 'deposit', 'draw', 'drawback', 'issue', 'return', 'refund', 'release')),
  time_s INTEGER NOT NULL
) STRICT;
CREATE TABLE entries (
  transaction_id INTEGER NOT NULL REFERENCES transactions (id),
  account TEXT NOT NULL,
  delta INTEGER NOT NULL CHECK (delta <> 0),
  PRIMARY KEY (transaction_id, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_account ON entries (account);
CREATE TABLE accounts (
  name TEXT PRIMARY KEY,
  account_key BLOB UNIQUE CHECK (length(account_key) = 32),
  certificate BLOB,
  opened_s INTEGER NOT NULL,
  closed_s INTEGER,
  CHECK ((account_key IS NULL) = (certificate IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE histories (
  pku ${PKU},
  shop TEXT NOT NULL,
  rs BLOB NOT NULL CHECK (length(rs) = 16),
  amount ${AMOUNT},
  history BLOB NOT NULL,
  arrived_s INTEGER NOT NULL,
  transaction_id INTEGER NOT NULL UNIQUE REFERENCES transactions (id),
  returned_s INTEGER,
  return_code TEXT,
  PRIMARY KEY (pku, shop, rs)
) STRICT;
CREATE INDEX histories_by_charge ON histories (shop, rs);
CREATE INDEX histories_to_return ON histories (transaction_id) WHERE returned_s IS NULL;
CREATE TABLE tombstones (
  shop TEXT NOT NULL,
  rs BLOB NOT NULL CHECK (length(rs) = 16),
  tombstone BLOB NOT NULL,
  time_s INTEGER NOT NULL,
  PRIMARY KEY (shop, rs)
) STRICT, WITHOUT ROWID;
CREATE TABLE refunds (
  pku ${PKU},
  shop TEXT NOT NULL,
  rs BLOB NOT NULL,
  refund_id BLOB NOT NULL CHECK (length(refund_id) = 8),
  amount ${AMOUNT},
  refund BLOB NOT NULL,
  time_s INTEGER NOT NULL,
  transaction_id INTEGER NOT NULL UNIQUE REFERENCES transactions (id),
  undone_s INTEGER,
  PRIMARY KEY (pku, shop, rs, refund_id),
  FOREIGN KEY (pku, shop, rs) REFERENCES histories (pku, shop, rs)
) STRICT;
CREATE TABLE claims (
  pku ${PKU},
  shop TEXT NOT NULL,
  rs BLOB NOT NULL CHECK (length(rs) = 16),
  amount ${AMOUNT},
  history BLOB NOT NULL,
  opened_s INTEGER NOT NULL,
  due_s INTEGER NOT NULL,
  granted_s INTEGER,
  PRIMARY KEY (pku, shop, rs)
) STRICT;
CREATE INDEX claims_open ON claims (shop) WHERE granted_s IS NULL;
CREATE TABLE releases (
  transaction_id INTEGER PRIMARY KEY REFERENCES transactions (id),
  subject BLOB NOT NULL CHECK (length(subject) = 32),
  name TEXT REFERENCES accounts (name),
  amount ${AMOUNT},
  release_order BLOB UNIQUE,
  time_s INTEGER NOT NULL
) STRICT;
CREATE TABLE terminals (
  shop TEXT NOT NULL REFERENCES accounts (name),
  terminal_id BLOB NOT NULL CHECK (length(terminal_id) = 4),
  key BLOB NOT NULL CHECK (length(key) = 32),
  PRIMARY KEY (shop, terminal_id)
) STRICT, WITHOUT ROWID;
${TRACES}${OPERATOR_REQUESTS}`;

/** Version 2: which keys of a house followed which, as each house has heard of it. */
const SUCCESSIONS = `
CREATE TABLE successions (
  house INTEGER NOT NULL CHECK (house BETWEEN 1 AND 3),
  number INTEGER NOT NULL CHECK (number >= 1),
  notice BLOB NOT NULL,
  time_s INTEGER NOT NULL,
  PRIMARY KEY (house, number)
) STRICT, WITHOUT ROWID;
`;

/** Version 4: what an operator said of the clock. */
const CLOCKS = `
CREATE TABLE clock_confirmations (
  id INTEGER PRIMARY KEY,
  time_s INTEGER NOT NULL,
  operator TEXT NOT NULL,
  why TEXT NOT NULL,
  doubt TEXT,
  estimate_s INTEGER NOT NULL
) STRICT;
`;

/** Money that leaves an account: one more kind of transaction, for which its table is made anew, and its paper. */
const PAYOUTS = `
CREATE TABLE transactions_anew (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN
    ('fund', 'withdraw', 'deposit', 'draw', 'drawback', 'issue', 'return', 'refund', 'release', 'payout')),
  time_s INTEGER NOT NULL
) STRICT;
INSERT INTO transactions_anew (id, kind, time_s) SELECT id, kind, time_s FROM transactions;
DROP TABLE transactions;
ALTER TABLE transactions_anew RENAME TO transactions;
CREATE TABLE payouts (
  transaction_id INTEGER PRIMARY KEY REFERENCES transactions (id),
  name TEXT NOT NULL REFERENCES accounts (name),
  amount ${AMOUNT},
  reference TEXT NOT NULL,
  operator TEXT NOT NULL,
  time_s INTEGER NOT NULL
) STRICT;
CREATE INDEX payouts_by_name ON payouts (name, transaction_id);
`;

/** Each search of the office's list of payments. */
const PAYMENT_INDEXES = `
CREATE INDEX histories_by_time ON histories (arrived_s, transaction_id);
CREATE INDEX histories_by_amount ON histories (amount, arrived_s, transaction_id);
CREATE INDEX histories_by_shop ON histories (shop, arrived_s, transaction_id);
CREATE INDEX histories_by_token ON histories (pku, arrived_s, transaction_id);
CREATE INDEX histories_by_rs ON histories (rs);
`;

/** Who else is an operator, beside the keys that a house is started with; and by which role an act was done. */
const OPERATORS = `
CREATE TABLE operators (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('teller', 'clerk', 'supervisor', 'auditor')),
  act_limit INTEGER CHECK (act_limit BETWEEN 1 AND 9007199254740991),
  epoch INTEGER NOT NULL,
  added_s INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  removed_s INTEGER,
  removed_by TEXT,
  CHECK ((removed_s IS NULL) = (removed_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX operators_by_name ON operators (name) WHERE removed_s IS NULL;
ALTER TABLE operator_requests ADD COLUMN role TEXT CHECK (role IN ('teller', 'clerk', 'supervisor', 'auditor'));
`;

/** Of which class licenses under an account's key are, where an operator said one; the account may come later. */
const LICENSE_CLASSES = `
CREATE TABLE license_classes (
  account_key BLOB PRIMARY KEY CHECK (length(account_key) = 32),
  license_class INTEGER NOT NULL CHECK (license_class BETWEEN 1 AND 15),
  operator TEXT NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/**
 * Histories by the number of their transaction, so that they are appended, and each column is indexed once. Rs comes
 * first in their identity: it begins with terminal and counter, so the histories of a terminal are neighbours, where
 * those of a random PKU are each on a page of its own. Nobody asks for an account's entries.
 */
const HISTORIES_APPENDED = `
DROP INDEX entries_by_account;
CREATE TABLE histories_anew (
  transaction_id INTEGER PRIMARY KEY REFERENCES transactions (id),
  pku ${PKU},
  shop TEXT NOT NULL,
  rs BLOB NOT NULL CHECK (length(rs) = 16),
  amount ${AMOUNT},
  history BLOB NOT NULL,
  arrived_s INTEGER NOT NULL,
  returned_s INTEGER,
  return_code TEXT,
  UNIQUE (rs, shop, pku)
) STRICT;
INSERT INTO histories_anew (transaction_id, pku, shop, rs, amount, history, arrived_s, returned_s, return_code)
  SELECT transaction_id, pku, shop, rs, amount, history, arrived_s, returned_s, return_code
  FROM histories ORDER BY transaction_id;
DROP TABLE histories;
ALTER TABLE histories_anew RENAME TO histories;
CREATE INDEX histories_by_time ON histories (arrived_s);
CREATE INDEX histories_by_amount ON histories (amount, arrived_s);
CREATE INDEX histories_by_shop ON histories (shop, arrived_s);
CREATE INDEX histories_by_token ON histories (pku, arrived_s);
`;

export const ISSUER_MIGRATIONS = [
  `${LEDGER}
CREATE TABLE pseudonyms (
  pku ${PKU} PRIMARY KEY,
  counter BLOB NOT NULL CHECK (length(counter) = 32),
  name TEXT REFERENCES accounts (name),
  request BLOB,
  receipt_number INTEGER NOT NULL,
  CHECK ((name IS NULL) = (request IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX pseudonyms_by_counter ON pseudonyms (counter);
CREATE TABLE receipts (
  pku ${PKU} REFERENCES pseudonyms (pku),
  number INTEGER NOT NULL CHECK (number >= 1),
  kind INTEGER NOT NULL,
  amount ${AMOUNT},
  name TEXT,
  receipt BLOB NOT NULL,
  request BLOB NOT NULL,
  transaction_id INTEGER UNIQUE REFERENCES transactions (id),
  PRIMARY KEY (pku, number)
) STRICT;
CREATE TABLE overspends (
  transaction_id INTEGER PRIMARY KEY REFERENCES transactions (id),
  pku ${PKU} REFERENCES pseudonyms (pku),
  ebc INTEGER NOT NULL CHECK (ebc < 0),
  time_s INTEGER NOT NULL
) STRICT;
CREATE TABLE denials (
  pku ${PKU} PRIMARY KEY,
  until_s INTEGER,
  why TEXT NOT NULL,
  since_s INTEGER NOT NULL
) STRICT;
CREATE TABLE deny_lists (
  version INTEGER PRIMARY KEY,
  list BLOB NOT NULL
) STRICT;
CREATE TABLE losses (
  counter BLOB PRIMARY KEY CHECK (length(counter) = 32) REFERENCES pseudonyms (pku),
  operator TEXT NOT NULL,
  why TEXT NOT NULL,
  since_s INTEGER NOT NULL,
  due_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE shared_keys (
  kid BLOB PRIMARY KEY CHECK (length(kid) = 8),
  k BLOB CHECK (length(k) = 16),
  counter BLOB NOT NULL CHECK (length(counter) = 32) REFERENCES pseudonyms (pku),
  sequence INTEGER NOT NULL,
  registration BLOB NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX shared_keys_by_counter ON shared_keys (counter);
CREATE TABLE replies (
  message_hash BLOB PRIMARY KEY CHECK (length(message_hash) = 32),
  id BLOB UNIQUE CHECK (length(id) IN (12, 16)),
  message BLOB NOT NULL,
  message_signature BLOB,
  reply BLOB NOT NULL,
  reply_signature BLOB,
  boxes BLOB NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE coupons (
  id BLOB PRIMARY KEY CHECK (length(id) = 32),
  prepared BLOB NOT NULL CHECK (length(prepared) = 64),
  amount ${AMOUNT},
  signature BLOB NOT NULL CHECK (length(signature) = 256),
  transaction_id INTEGER NOT NULL UNIQUE REFERENCES transactions (id)
) STRICT, WITHOUT ROWID;
CREATE TABLE coupon_keys (
  version INTEGER PRIMARY KEY,
  list BLOB NOT NULL,
  moduli BLOB NOT NULL
) STRICT;
`,
  SUCCESSIONS,
  EPOCHS_TABLE,
  `${CLOCKS}CREATE INDEX overspends_by_pku ON overspends (pku);`,
  PAYMENT_INDEXES,
  PAYOUTS,
  OPERATORS,
  // What was said of a terminal, notice by notice: the newest one counts.
  `
CREATE TABLE terminal_notices (
  terminal_id BLOB NOT NULL CHECK (length(terminal_id) = 4),
  time_s INTEGER NOT NULL,
  retired INTEGER NOT NULL CHECK (retired IN (0, 1)),
  operator TEXT NOT NULL,
  why TEXT NOT NULL,
  notice BLOB NOT NULL,
  PRIMARY KEY (terminal_id, time_s)
) STRICT, WITHOUT ROWID;
`,
  LICENSE_CLASSES,
  HISTORIES_APPENDED,
];

export const BANK_MIGRATIONS = [
  `${LEDGER}
CREATE TABLE requests (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  name TEXT REFERENCES accounts (name),
  kind INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9007199254740991),
  owned BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'refused')),
  message BLOB,
  message_signature BLOB,
  reply BLOB,
  reply_signature BLOB,
  boxes BLOB,
  draw_id INTEGER UNIQUE REFERENCES transactions (id),
  drawback_id INTEGER UNIQUE REFERENCES transactions (id),
  time_s INTEGER NOT NULL,
  CHECK ((state = 'pending') = (boxes IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_pending ON requests (time_s) WHERE state = 'pending';
CREATE INDEX requests_by_name ON requests (name);
`,
  SUCCESSIONS,
  EPOCHS_TABLE,
  // What the issuer refused on facts that pass is brought again.
  `
UPDATE histories SET returned_s = NULL, return_code = NULL
  WHERE return_code IS NOT NULL AND return_code NOT IN ('OK', 'CHALLENGE_CONFLICT', 'RECONCILED');
`,
  CLOCKS,
  PAYMENT_INDEXES,
  PAYOUTS,
  OPERATORS,
  LICENSE_CLASSES,
  `${HISTORIES_APPENDED}CREATE INDEX histories_to_return ON histories (transaction_id) WHERE returned_s IS NULL;`,
];

export const TRUSTEE_MIGRATIONS = [
  `${BOOKS}
CREATE TABLE registrations (
  pku ${PKU} PRIMARY KEY,
  name TEXT NOT NULL,
  account_key BLOB NOT NULL CHECK (length(account_key) = 32),
  certificate BLOB NOT NULL,
  request BLOB NOT NULL,
  license BLOB NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registrations_by_name ON registrations (name);
${TRACES}`,
  SUCCESSIONS,
  EPOCHS_TABLE,
  `${CLOCKS}${OPERATOR_REQUESTS}`,
  OPERATORS,
];

/** The newest version of each house's schema. */
export const SCHEMA_VERSIONS: Record<HouseName, number> = {
  issuer: ISSUER_MIGRATIONS.length,
  bank: BANK_MIGRATIONS.length,
  trustee: TRUSTEE_MIGRATIONS.length,
};
