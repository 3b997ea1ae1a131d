/**
 * Tables of issuer and bank on PostgreSQL, as migrations: entry 0 makes version 1, and so on. An entry that was
 * released is never changed; a change is a new entry. Only what the acts in this folder need is here: no service runs
 * on it yet.
 *
 * Beside what SQLite has (sqlite-schema.ts): `acts` has the last number of each stream of acts, which are the numbers
 * of transactions, without gaps and in the order of commits; `charges` has one row for each (IdS, Rs), which deposit,
 * tombstone and claim all lock; and an account that many credit at the same time has a balance in several shards,
 * whose sum counts. Rows of one act are written by one statement, so no foreign key looks for them again.
 */
const AMOUNT = 'bigint NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991)';
const PKU = 'bytea NOT NULL CHECK (length(pku) = 32)';
const RS = 'bytea NOT NULL CHECK (length(rs) = 16)';
/** Compared by bytes, whatever the database's language is. */
const TEXT = 'text COLLATE "C"';

const LEDGER = `
CREATE TABLE acts (stream integer PRIMARY KEY, last bigint NOT NULL CHECK (last >= 0));
INSERT INTO acts (stream, last) VALUES (0, 0);
CREATE TABLE balances (
  account ${TEXT} NOT NULL,
  shard integer NOT NULL DEFAULT 0,
  balance bigint NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
  PRIMARY KEY (account, shard)
) WITH (fillfactor = 70);
CREATE TABLE transactions (id bigint PRIMARY KEY, kind text NOT NULL, time_s bigint NOT NULL);
CREATE TABLE entries (
  transaction_id bigint NOT NULL,
  account ${TEXT} NOT NULL,
  delta bigint NOT NULL CHECK (delta <> 0),
  PRIMARY KEY (transaction_id, account)
);
CREATE TABLE accounts (
  name ${TEXT} PRIMARY KEY,
  account_key bytea UNIQUE CHECK (length(account_key) = 32),
  certificate bytea,
  opened_s bigint NOT NULL,
  closed_s bigint,
  CHECK ((account_key IS NULL) = (certificate IS NULL))
);
CREATE TABLE charges (
  rs ${RS},
  shop ${TEXT} NOT NULL,
  tombstone bytea,
  buried_s bigint,
  PRIMARY KEY (rs, shop),
  CHECK ((tombstone IS NULL) = (buried_s IS NULL))
) WITH (fillfactor = 90);
CREATE TABLE histories (
  transaction_id bigint PRIMARY KEY,
  pku ${PKU},
  shop ${TEXT} NOT NULL,
  rs ${RS},
  amount ${AMOUNT},
  history bytea NOT NULL,
  arrived_s bigint NOT NULL,
  returned_s bigint,
  return_code text,
  UNIQUE (rs, shop, pku)
);
CREATE INDEX histories_by_time ON histories (arrived_s, transaction_id);
CREATE INDEX histories_by_amount ON histories (amount, arrived_s, transaction_id);
CREATE INDEX histories_by_shop ON histories (shop, arrived_s, transaction_id);
CREATE INDEX histories_by_token ON histories (pku, arrived_s, transaction_id);
CREATE TABLE claims (
  pku ${PKU},
  shop ${TEXT} NOT NULL,
  rs ${RS},
  amount ${AMOUNT},
  history bytea NOT NULL,
  opened_s bigint NOT NULL,
  due_s bigint NOT NULL,
  granted_s bigint,
  PRIMARY KEY (rs, shop, pku)
);
`;

/** Of the bank. */
export const POSTGRES_BANK_MIGRATIONS = [
  `${LEDGER}CREATE INDEX histories_to_return ON histories (transaction_id) WHERE returned_s IS NULL;
`,
];

/** Of the issuer. */
export const POSTGRES_ISSUER_MIGRATIONS = [
  `${LEDGER}
CREATE TABLE pseudonyms (
  pku ${PKU} PRIMARY KEY,
  counter bytea NOT NULL CHECK (length(counter) = 32),
  name ${TEXT},
  request bytea,
  receipt_number bigint NOT NULL,
  CHECK ((name IS NULL) = (request IS NULL))
);
CREATE INDEX pseudonyms_by_counter ON pseudonyms (counter);
CREATE TABLE overspends (
  transaction_id bigint PRIMARY KEY,
  pku ${PKU},
  ebc bigint NOT NULL CHECK (ebc < 0),
  time_s bigint NOT NULL
);
CREATE INDEX overspends_by_pku ON overspends (pku);
`,
];
