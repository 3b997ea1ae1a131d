/**
 * The one table of everything that can be refused or can fail: code, cause, remedy, HTTP status, exit code.
 *
 * Boards know the codes of firmware/core/codes.ts by number; the rest are the host's. docs/errors.md shows the same
 * table, and a test holds the two together. A code is a named result where input is hostile or unlucky (`refusal`), and
 * a thrown `TapcashError` where a device, a file or a store fails (`failure`).
 */
import type { Code } from '../../firmware/core/codes.js';

/** One line of the table. */
export interface ErrorEntry {
  cause: string;
  remedy: string;
  /** Status of an HTTP reply that carries this code. */
  http: number;
  /** Exit code of a command that ends with it: one of `EXIT`. */
  exit: number;
}

/** Exit codes of the commands. */
export const EXIT = {
  ok: 0,
  /** Refused: the same again will be refused again. */
  refused: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Something around us failed: port, file, database, service, board. */
  environment: 3,
  /** Money or evidence does not add up. */
  broken: 4,
} as const;

function row(http: number, exit: number, cause: string, remedy: string): ErrorEntry {
  return { cause, remedy, http, exit };
}

const { ok, refused, usage, environment, broken } = EXIT;

const BOARD_ERRORS: Record<Code, ErrorEntry> = {
  OK: row(200, ok, 'Done.', 'Nothing to do.'),
  BAD_REQUEST: row(
    400,
    refused,
    'A field, or the bytes of a message, do not follow the protocol.',
    'Check the named field; both sides must run the same version.',
  ),
  CONFIRM_NEEDED: row(
    409,
    refused,
    "The amount is above what the token pays without its button, or above what the token holds, or it is a withdrawal's, which its owner must agree to: the token's own display says which.",
    "Read the amount there, press the token's button if it is right, then tap again. If the token holds too little, withdraw first.",
  ),
  CHALLENGE_CONFLICT: row(
    409,
    refused,
    'This charge was already signed or credited with another amount or time.',
    'Cancel the charge and open a new one.',
  ),
  REFUSED: row(
    409,
    refused,
    'The token refuses: the charge is of another issuer or currency, or the amount would be too large for the token to hold. A terminal for wallets has no desk.',
    'Use a token of this issuer, or a smaller amount; a desk needs a terminal with a reader.',
  ),
  JOURNAL_FULL: row(
    507,
    refused,
    'The token has no place for another debit, or for another coupon.',
    'Tap once more at each shop where a payment was cut off: that settles the payment. Redeem coupons at a desk.',
  ),
  NOT_LICENSED: row(
    409,
    refused,
    'The token has no license yet.',
    'Register the token at a desk: tapcash teller register.',
  ),
  DESK_CLOSED: row(
    409,
    refused,
    "Desk commands need the token's button.",
    "Press the token's button, then tap again within a minute.",
  ),
  RECEIPT_GAP: row(
    409,
    refused,
    'The receipt does not have the number that follows the last one.',
    'Give the token the missing receipts, in the order of their numbers.',
  ),
  RECEIPT_INVALID: row(
    422,
    refused,
    'The receipt was not signed by this issuer, or is for another token.',
    'Ask the issuer for the receipt again.',
  ),
  LICENSE_INVALID: row(
    422,
    refused,
    'The license was not signed by the registrar.',
    'Register the token again; check that both sides use the same registrar key.',
  ),
  DEVICE_FAULT: row(
    500,
    environment,
    'Flash, entropy source or native calls of the board failed.',
    'Read the message on the board, then flash the board again or replace it. Balances in flash are kept.',
  ),
  LICENSE_EXPIRED: row(
    403,
    refused,
    'The license is no longer valid.',
    'Renew the license at a desk: tapcash teller renew, a week after its end at the latest; until then its cash can be unloaded, too. Later: tapcash office lose, and from two weeks after its end tapcash office release.',
  ),
  DENIED: row(403, refused, 'The pseudonym is on the deny list.', 'The owner of the token must speak to the issuer.'),
  SIGNATURE_INVALID: row(
    422,
    refused,
    'A signature does not verify.',
    'Send a message that the right key signed: this one was altered, or somebody else signed it.',
  ),
  AMOUNT_INVALID: row(
    422,
    refused,
    'An amount must be a whole number of minor units, 1 to 9007199254740991.',
    'Write the amount as 3.50, or in minor units as 350, without sign or exponent.',
  ),
  CHARGE_OPEN: row(409, refused, 'Another charge is open on the terminal.', 'Finish or cancel that charge first.'),
  NO_CHARGE: row(
    409,
    refused,
    'No charge is open on the terminal, or nothing is there on the token that was asked for, such as an amount entered on it.',
    'Open a charge: tapcash charge AMOUNT. At the desk: enter the amount on the token, or name it.',
  ),
  TIME_STALE: row(
    409,
    refused,
    'The terminal has no recent signed time, and the amount is above the floor limit, up to which a terminal needs none.',
    'Connect the bridge, so that the issuer can send the time.',
  ),
  HISTORY_FULL: row(
    507,
    refused,
    'The terminal has no room for another history (proof of a payment) until the bridge has fetched some.',
    'Connect the bridge: it fetches the histories by itself.',
  ),
  ALREADY_PAID: row(
    409,
    refused,
    'The charge is paid, and the payment was verified.',
    'A paid charge cannot be cancelled. Give the money back by a refund: tapcash refund.',
  ),
  BUSY: row(503, environment, 'The board or the service is busy with something else.', 'Try again in a moment.'),
  TAP_TORN: row(409, refused, 'The token left the field too early.', 'Tap again; nothing is paid twice.'),
  NO_TOKEN: row(408, refused, 'No token was held to the reader in time.', 'Repeat, and hold the token to the reader.'),
  NOT_NEWER: row(
    409,
    refused,
    'The time, deny list or charge is not newer than the last one that the terminal has.',
    'Nothing to do: the terminal keeps the newer one. A charge is opened anew; what was paid for the old one is in the outbox.',
  ),
  TOMBSTONES_FULL: row(
    507,
    refused,
    'The terminal has no room for another cancellation until the bridge has fetched some.',
    'Connect the bridge: it fetches the cancellations by itself.',
  ),
  STALE_LIMIT: row(
    403,
    refused,
    "The terminal's deny list is old, and this pseudonym has paid here as much as it may with an old list.",
    'Connect the bridge, so that a new deny list arrives.',
  ),
  WRONG_NAME: row(
    409,
    refused,
    'The token belongs to another name.',
    'Use the name that the token was registered with.',
  ),
  VERIFIER_LIED: row(
    500,
    broken,
    'The bridge called a wrong signature good.',
    'Stop using this bridge, and check which programs run on its computer.',
  ),
  UNKNOWN_CODE: row(
    500,
    environment,
    'The other side gave a result that this version does not know.',
    'Bring firmware and host to the same version.',
  ),
  UNDELIVERED_OLD: row(
    409,
    refused,
    'A history (proof of a payment) has waited in the terminal for too long, so the terminal takes no charge.',
    'Connect the bridge: it fetches the history by itself.',
  ),
  NOT_PROVISIONED: row(
    409,
    refused,
    'The board has no keys of its houses yet.',
    'Provision the board: tapcash provision.',
  ),
  LINK_DOWN: row(
    503,
    environment,
    'The serial link between board and bridge is down.',
    'Plug the cable in again; the session resumes by itself.',
  ),
  UPDATE_NEEDED: row(
    502,
    environment,
    'The two sides speak different versions of the protocol.',
    'Update the side that is named as older: a board by tapcash flash, a program by the newer version of tapcash.',
  ),
  NO_ANSWER: row(
    504,
    environment,
    'The other side of the serial link did not answer in time.',
    'Repeat the same request; it has effect once.',
  ),
  SEQ_REFUSED: row(
    409,
    refused,
    'The request has neither the sequence number of the last request nor the next number.',
    'First give the token the reply to its last request. If that reply is lost, register the token anew.',
  ),
  AMOUNT_MISMATCH: row(
    409,
    refused,
    'The amount that the bank drew differs from the amount in the sealed request.',
    'The account has its money back. Ask the bank why the amounts differ.',
  ),
  KID_UNKNOWN: row(
    404,
    refused,
    'The issuer has no key of this token: it shares none with the number KID.',
    'Register the token anew.',
  ),
  COUPON_INVALID: row(
    422,
    refused,
    "The coupon is not signed by the bank's key for its amount.",
    'Ask the bank for its keys again.',
  ),
  COUPON_SPENT: row(409, refused, 'The coupon was redeemed before.', 'Nothing to do: the amount was credited once.'),
  REPLY_INVALID: row(
    502,
    environment,
    'The answer does not follow the protocol, or answers another request.',
    'Check address and port, and that both sides run the same version; then repeat the request.',
  ),
  CLASS_LIMIT: row(
    403,
    refused,
    "The amount is above what the class of the token's license allows: in one payment, or to be held after a withdrawal.",
    'Pay or withdraw a smaller amount, or have the token licensed in another class.',
  ),
  FUNDS_INSUFFICIENT: row(409, refused, 'The account does not hold the amount.', 'Put money in, or withdraw less.'),
  KEY_UNKNOWN: row(
    409,
    refused,
    'A message is signed with a newer key of the issuer or trustee, which the token at the reader or the terminal does not have.',
    'Give the board the new keys: tapcash manifest, then tapcash provision. Nothing is lost: the board takes the message after that.',
  ),
  TOKEN_STAYED: row(
    409,
    refused,
    'The token at the reader was there before this charge, so it does not pay for it.',
    'Take the token away from the reader. Whoever pays this charge taps after that.',
  ),
  CHARGE_EXPIRED: row(
    409,
    refused,
    'Nobody paid the charge in its time, so it has ended.',
    'Open a new charge. What a token was debited for the old one comes back to its owner: tapcash teller reconcile.',
  ),
  LIST_MISMATCH: row(
    409,
    refused,
    'The deny list does not stand on the one that the terminal has, or is not the one that was signed.',
    'Nothing to do: the bridge brings the whole list.',
  ),
  DENY_LIST_FULL: row(
    507,
    refused,
    'The deny list holds as many pseudonyms as a terminal has room for.',
    'Wait until denied licenses expire. Where one terminal alone says it: flash that board again, its room is too small.',
  ),
  TERMINAL_RETIRED: row(
    409,
    refused,
    "Another terminal has taken this one's place: it opens no charge, and delivers what it has.",
    'Charge with the one that replaced it. If that was a mistake, an operator takes it back: tapcash office reinstate.',
  ),
  NO_KEYS: row(
    409,
    refused,
    "The token's board has no keys: its owner cannot enter an amount on it.",
    'The desk says the amount: tapcash teller withdraw AMOUNT.',
  ),
  AMOUNT_NEEDED: row(
    409,
    refused,
    'Nobody has entered the amount that was asked for.',
    "Enter it on the token's keys (at a desk press its button before), press its button, and hold it to the reader.",
  ),
};

const HOST_ERRORS = {
  // the ledger's rules
  ACCOUNT_UNKNOWN: row(404, refused, 'No account has this name.', 'Open the account first: tapcash office open NAME.'),
  ACCOUNT_KEY_MISSING: row(
    409,
    refused,
    'The account was opened without an account key, so it can receive but not withdraw.',
    'Withdraw from an account that was opened with a token.',
  ),
  NAME_INVALID: row(
    422,
    refused,
    'A name is 1 to 64 bytes of UTF-8 in normal form C, without control characters, with single spaces between words.',
    'Choose another name, or send the same letters in normal form C; at the command line tapcash does that itself.',
  ),
  NAME_TAKEN: row(409, refused, 'An account of this name exists with another key.', 'Choose another name.'),
  KEY_TAKEN: row(
    409,
    refused,
    'The key already belongs to another account.',
    'Use the account that has this key, or a new token.',
  ),
  ACCOUNT_CLOSED: row(409, refused, 'The account was closed.', 'Open another account.'),
  ACCOUNT_NOT_EMPTY: row(
    409,
    refused,
    'The account holds money, or cash drawn from it is still out.',
    'Bring the cash back (tapcash teller unload) and take the money out first: tapcash office payout.',
  ),
  ACCOUNT_BUSY: row(
    409,
    refused,
    'A withdrawal or a claim about the account is not decided yet.',
    'Wait until it is decided: a claim takes a week.',
  ),
  KEY_INVALID: row(
    422,
    refused,
    'The public key is not a valid one: not a point of the large prime-order group.',
    'Make a new key.',
  ),
  BALANCE_TOO_LARGE: row(
    409,
    refused,
    'A balance would pass 9007199254740991 minor units.',
    'Use a smaller amount or another account.',
  ),
  ISSUER_UNKNOWN: row(422, refused, 'The message names another issuer.', 'Send it to the issuer that it names.'),
  CURRENCY_UNKNOWN: row(
    422,
    refused,
    "The message names another currency than this issuer's.",
    'Provision the board for this currency.',
  ),
  PSEUDONYM_TAKEN: row(
    409,
    refused,
    'The pseudonym PKU belongs to another name.',
    'Use the name that registered the pseudonym, or a token with a new key.',
  ),
  PSEUDONYM_LIMIT: row(
    409,
    refused,
    'The name has as many pseudonyms as the scheme allows.',
    'Use the token that is registered under this name.',
  ),
  PSEUDONYM_UNKNOWN: row(
    404,
    refused,
    'The issuer does not know this pseudonym.',
    'Check the pseudonym PKU: it has 64 hexadecimal digits.',
  ),
  CERTIFICATE_INVALID: row(
    422,
    refused,
    "The account certificate is not signed by the issuer, or is not for this request's name and key.",
    'Bring the certificate that the issuer gave when the account was opened.',
  ),
  RECEIPT_MISSED: row(
    409,
    refused,
    'Another receipt already has the number that the token asks for.',
    'Fetch the receipts from that number on, give these to the token, and ask again.',
  ),
  RECEIPT_AHEAD: row(
    409,
    refused,
    'The token has receipts that the issuer does not know: a restore has taken them from its books.',
    'Restore a newer copy, if there is one. Else this token can pay, but withdraws no more: see docs/operations.md.',
  ),
  TOMBSTONED: row(
    409,
    refused,
    'The shop cancelled this charge, so the payment for it is not credited.',
    'Nothing to do at the shop: the payer gets the debit back.',
  ),
  RECONCILED: row(
    409,
    refused,
    'The payer has this payment back, because the time to deposit it was over or the charge was cancelled. It is not credited.',
    'Nothing to do for this payment. Connect the bridge often enough, so that payments are deposited within a week.',
  ),
  CLAIM_DUE: row(
    409,
    refused,
    'The payer has claimed this payment back, and the time to deposit it is over. It is decided when the payer comes.',
    "Nothing to do: the bridge tries it again by itself. If it should have been in time, check the house's clock.",
  ),
  NOT_PAID: row(
    409,
    refused,
    'The charge was not paid, so there is nothing to give back.',
    'Name a charge that was paid. To give up an open charge: tapcash cancel.',
  ),
  HISTORY_UNKNOWN: row(
    404,
    refused,
    'No such payment was deposited.',
    'Check charge and shop. If the payment is still on its way, wait until the bridge has delivered it.',
  ),
  NOT_RETURNED: row(
    409,
    refused,
    'The payment has not reached the issuer yet, so it cannot be refunded yet.',
    'Wait until the bank has brought the payment to the issuer. The bridge tries the refund again by itself.',
  ),
  REFUND_TOO_LARGE: row(
    409,
    refused,
    'All refunds of a payment together would pass its amount.',
    'Refund at most what is left of the payment.',
  ),
  REFUND_UNDONE: row(
    409,
    refused,
    'The issuer refused this refund, and the shop has its money again.',
    'Read in the log of the bank why; then begin another refund.',
  ),
  TERMINAL_UNKNOWN: row(
    404,
    refused,
    'No terminal with this id is registered for this shop.',
    'Register the terminal: tapcash office terminal.',
  ),
  TERMINAL_TAKEN: row(
    409,
    refused,
    'This terminal id is registered with another key.',
    'Provision the terminal again: that gives it a new id.',
  ),
  NOT_OVERSPENT: row(
    403,
    refused,
    "The issuer's counter EBC for this pseudonym is not negative, so the name stays secret.",
    'Nothing to do: only an overspent pseudonym is traced.',
  ),
  OWNER_UNKNOWN: row(
    404,
    refused,
    'Nobody withdrew with this pseudonym at this issuer, so the issuer has no name for it.',
    'Ask the trustee, who has the registration.',
  ),
  NOT_LOST: row(409, refused, 'The token was not reported lost.', 'Report the token first: tapcash office lose.'),
  LOSS_EARLY: row(
    409,
    refused,
    'Payments of the lost token can still arrive.',
    'Come again on the day that tapcash office lose printed.',
  ),
  NOTHING_LEFT: row(
    409,
    refused,
    'Nothing is left of the lost token.',
    'Nothing to do: all that the token held was spent.',
  ),
  REASON_MISSING: row(
    422,
    refused,
    'What is done for the record needs a reason.',
    'Give the reason, in 1 to 200 characters.',
  ),
  ORDER_EXPIRED: row(
    409,
    refused,
    'The trace order is older than a week.',
    'Have the issuer write another order: tapcash office trace. The issuer does so while its counter EBC is below 0.',
  ),
  // keys that follow one another
  KEY_RETIRED: row(
    422,
    refused,
    'The house has a newer key, and the signature by its old key was made or brought too late.',
    'Ask for the message again: the house signs it with its new key. Renew a license at a desk.',
  ),
  SUCCESSION_CONFLICT: row(
    409,
    refused,
    'This notice of a new key does not fit: another new key is known already, or the notice before this one is missing.',
    'Bring the notices in order: tapcash rotate HOUSE --tell. If the old key signed two different notices, ask the house.',
  ),
  ROTATION_RUNNING: row(
    409,
    refused,
    'An older key of this house is still valid, and boards can know only two keys of a house.',
    'Wait until the older key ends: tapcash keys says when.',
  ),
  // requests to the services
  OPERATOR_UNKNOWN: row(
    401,
    refused,
    'The request does not carry a signature of a known operator.',
    'Sign it with the key of an operator that the house knows. A supervisor adds one: tapcash office operator add.',
  ),
  ROLE_FORBIDDEN: row(
    403,
    refused,
    "The operator's role does not have this act, or not so much of it; nothing was changed.",
    'Ask an operator whose role has it (docs/operations.md has the table; tapcash office operators). A root key adds and removes operators.',
  ),
  PAYOUT_LIST_INVALID: row(
    422,
    usage,
    'The list of accounts and IBANs has rows that are wrong; nothing was paid.',
    'Correct the rows that are named: columns account, iban, name; then give the command again.',
  ),
  TOKEN_LIST_INVALID: row(
    422,
    usage,
    'The list of tokens has rows that are wrong; no board was touched.',
    'Correct the rows that are named: columns name, class, payment_max, sum_max; then give the command again.',
  ),
  OPERATOR_EXISTS: row(
    409,
    refused,
    'This name or key is an operator already, or was one.',
    'See tapcash office operators. A role changes by removing the operator and adding a new key; a removed key stays removed.',
  ),
  OPERATOR_NOT_LISTED: row(
    404,
    refused,
    'No operator of this house has this name.',
    'See tapcash office operators. A root key goes when the house is started without it.',
  ),
  BANK_UNKNOWN: row(
    401,
    refused,
    'The request does not carry the signature of the bank that this issuer serves.',
    "Start the issuer with the bank's public key: --bank-key.",
  ),
  REQUEST_ID_REUSED: row(
    409,
    refused,
    'This request id was used for another request.',
    'Use a new random request id for each request.',
  ),
  NOT_FOUND: row(404, refused, 'The service has no such address.', 'See /v2/openapi.json for what it has.'),
  BODY_TOO_LARGE: row(
    413,
    refused,
    'The body is larger than any message of the protocol.',
    'Send one message in each request.',
  ),
  MEDIA_TYPE_UNKNOWN: row(415, refused, 'The body is not JSON.', 'Send content-type: application/json.'),
  INTERNAL: row(
    500,
    environment,
    'The program failed in a way that nobody foresaw.',
    'Report the failure with the log. The books are unchanged.',
  ),
  SERVICE_DOWN: row(
    503,
    environment,
    'The service cannot be reached.',
    'Start the service, or check address and port. Nothing is lost: deliveries are repeated.',
  ),
  SERVICE_SILENT: row(
    504,
    environment,
    'The service did not answer in time.',
    'Repeat the same request; it has effect once.',
  ),
  WRONG_SERVICE: row(
    502,
    environment,
    'The service has another key than the one configured.',
    'Check the address; if the service was set up anew, provision again.',
  ),
  CLOCK_DOUBTED: row(
    503,
    environment,
    'The house doubts its clock, so nothing that depends on the time is decided. Payments are kept and sent again until an operator has confirmed it.',
    "Set the clock of the house's machine right, then confirm it: tapcash office clock confirm.",
  ),
  CLOCK_DIFFERS: row(
    409,
    refused,
    "The clock of the house is another one than the operator's.",
    "Set the clock of the house's machine right, and look at your own; then confirm again.",
  ),
  HELD: row(
    409,
    refused,
    'The house was restored from a backup, and may have forgotten what would decide this. It waits.',
    'Nothing is lost: it is decided when the token, or whoever holds the missing acts, has brought them. See docs/operations.md.',
  ),
  // stores, files, ports
  DATABASE_READ_ONLY: row(
    503,
    environment,
    'The database file cannot be written.',
    'Give the user of this process write access to the file and its folder.',
  ),
  DATABASE_LOCKED: row(
    503,
    environment,
    'Another process has locked the database.',
    'Try again. If the database stays locked, end the other process.',
  ),
  DATABASE_CORRUPT: row(
    500,
    broken,
    'The database file is damaged, or another program made it.',
    'Restore the file from a backup, then run tapcash audit.',
  ),
  DATABASE_NEWER: row(
    500,
    environment,
    'The database was written by a newer version of tapcash.',
    'Use that version or a later one.',
  ),
  DATABASE_EMPTY: row(
    500,
    broken,
    'The database is missing or holds nothing, though the id beside the key says that one was made: a file was deleted, or copied while its service ran.',
    'Restore a backup: tapcash restore. If there is none, start with --accept-loss REASON: what was in the database is then lost, and that is on record.',
  ),
  DATABASE_FOREIGN: row(
    500,
    broken,
    'The database is another one than the id beside the key says.',
    'Put back the database that belongs to this folder, or restore a backup of it: tapcash restore. If this one is meant, start with --accept-loss REASON.',
  ),
  DATABASE_OLDER: row(
    500,
    broken,
    'The database is an older copy of the one that was here: acts that others saw acknowledged are missing.',
    'Put back the newest database. If it is gone, restore a backup by tapcash restore, or start with --accept-loss REASON.',
  ),
  DATABASE_ID_INVALID: row(
    500,
    environment,
    'The file beside the key that says which database belongs here cannot be read.',
    'Restore the file from a backup. If it is gone, delete it: the next start takes the id from the database.',
  ),
  DATABASE_THERE: row(
    409,
    refused,
    'A database is there already, and a restore would put another one in its place.',
    'If that is meant, add --replace: the database that is there is kept beside it, under another name.',
  ),
  SERVICE_RUNS: row(409, refused, 'A service uses this database right now.', 'End the service first, then try again.'),
  KEY_THERE: row(
    409,
    refused,
    'Another private key than that of the backup is there.',
    'Restore into the folder that the backup was made of, or into an empty one. A key is never written over.',
  ),
  BACKUP_EXISTS: row(
    409,
    refused,
    'The folder of the backup is not empty.',
    'Name a folder that does not exist yet; a backup never writes over another one.',
  ),
  BACKUP_INVALID: row(
    422,
    broken,
    'The backup is not whole: a file is missing, was changed or is damaged.',
    'Take another backup. A folder whose name has .partial in it was cut off, and can be deleted.',
  ),
  BACKUP_BROKEN: row(
    422,
    broken,
    'The backup is whole, but the books in it do not add up.',
    'Take an older backup. tapcash backup verify FOLDER says how many rows are broken, tapcash audit --data FOLDER which ones.',
  ),
  BACKUP_FOREIGN: row(
    409,
    refused,
    'The backup is of another database than the one that belongs here.',
    'Restore a backup that was made of this folder. To take the other one, restore into an empty folder, with its keys.',
  ),
  BACKUP_STOPPED: row(
    503,
    environment,
    'The backup was stopped before it was whole; nothing of it is left.',
    'Start the backup again.',
  ),
  PASSPHRASE_SHORT: row(
    422,
    usage,
    'The passphrase is too short to protect keys.',
    'Write a longer one into the file, such as five random words.',
  ),
  PASSPHRASE_WRONG: row(
    422,
    refused,
    'The passphrase does not open the keys of the backup.',
    'Give the passphrase that the backup was made with; without it the keys cannot be had.',
  ),
  DATABASE_FULL: row(507, environment, 'The disk is full.', 'Make room on the disk. Nothing was changed.'),
  DATABASE_UNREACHABLE: row(
    503,
    environment,
    'The database file cannot be opened.',
    'Check that the folder exists and may be entered.',
  ),
  DATABASE_FAILED: row(500, environment, 'The database refused or failed.', 'See the log; check the disk.'),
  KEY_MISMATCH: row(
    500,
    environment,
    'The database belongs to another scheme, signing key, registrar, issuer, bank or currency.',
    'Start the service with a data folder and keys that belong together.',
  ),
  KEY_FILE_INVALID: row(
    500,
    environment,
    'A key file is damaged, or others may read it.',
    'Restore the file from a backup and set its mode to 600. Do not make a new key: boards trust the old one.',
  ),
  DATA_DIR_FAILED: row(
    500,
    environment,
    'The data folder cannot be made or written.',
    'Check its path and who may write there.',
  ),
  SETTINGS_INVALID: row(
    422,
    usage,
    'The settings file tapcash.json is damaged.',
    'Correct the named field, or make the settings anew in another folder: tapcash setup FOLDER.',
  ),
  SETUP_DIFFERS: row(
    409,
    usage,
    'The folder was set up before, with other settings.',
    'Set another folder up, or leave these options out to see what is there.',
  ),
  FILE_DENIED: row(
    500,
    environment,
    'This user may not read or write a file or folder.',
    'Run the command as the user who owns it, or name another folder.',
  ),
  DISK_FULL: row(507, environment, 'The disk is full.', 'Make room, then give the command again.'),
  OUTPUT_CLOSED: row(
    500,
    environment,
    'The program that read the output ended before the output did.',
    'Nothing to do if you wanted that. The command has done its work.',
  ),
  FILE_EXISTS: row(409, usage, 'The file is there already.', 'Name another file, or remove this one first.'),
  FILE_MISSING: row(404, environment, 'A file is missing.', 'Check the path.'),
  PORT_IN_USE: row(
    503,
    environment,
    'Another program uses this port.',
    'End that program (a bridge, a serial monitor), or choose another port. A service that is given port 0 takes a free one.',
  ),
  PORT_MISSING: row(
    503,
    environment,
    'There is no such serial port.',
    'Plug the board in, and check the path: tapcash ports lists the ports.',
  ),
  PORT_DENIED: row(
    503,
    environment,
    'This user may not open the serial port.',
    'Join the group that owns the port (often dialout or uucp), then log in again.',
  ),
  PORT_FAILED: row(
    503,
    environment,
    'A port could not be opened, or failed while in use.',
    'Check cable and permissions; close other programs that use the port.',
  ),
  ADDRESS_INVALID: row(
    503,
    environment,
    'The service cannot listen on this address.',
    "Use one of this machine's addresses, such as 127.0.0.1.",
  ),
  // bridge and desk
  CHARGE_FORGOTTEN: row(
    409,
    refused,
    "The bridge's database was restored, and the terminal has another charge by now: what became of this one is not known here.",
    'Look for it among the payments at the house before you ask anybody for it again. The terminal keeps what it has not handed over.',
  ),
  CHARGE_UNKNOWN: row(
    404,
    refused,
    'The bridge knows no charge with this id.',
    'Check the id that tapcash charge printed.',
  ),
  CONTROL_DENIED: row(
    401,
    refused,
    "The request does not carry the bridge's token.",
    'Run the command as the user who runs the bridge, with the same data folder.',
  ),
  BRIDGE_RUNS: row(
    409,
    environment,
    'A bridge already runs with this data folder.',
    'Use that bridge (tapcash status), or end it first: Ctrl-C where it was started. Another till needs a folder of its own: --data.',
  ),
  LINE_RUNS: row(
    409,
    environment,
    'Another process has this terminal of a communication line.',
    'Use that bridge (tapcash status), or end it first: Ctrl-C where it was started. Another line needs a folder of its own: --data.',
  ),
  WALLET_RUNS: row(
    409,
    environment,
    'Another process uses this wallet.',
    'Wait until that command has ended: a wallet is used by one at a time, so that nothing is spent twice.',
  ),
  WALLET_MISSING: row(
    404,
    usage,
    'There is no wallet in this folder.',
    'Make one: tapcash wallet create. Or name the folder of yours: --data.',
  ),
  WALLET_EXISTS: row(
    409,
    refused,
    'There is a wallet in this folder already, which may hold money.',
    'Use that wallet (tapcash wallet status), or make the new one in a folder of its own: --data.',
  ),
  WALLET_SHORT: row(
    409,
    refused,
    'The wallet holds less than the amount.',
    'Withdraw first: tapcash wallet withdraw AMOUNT.',
  ),
  NOT_CONFIRMED: row(
    409,
    refused,
    'The shop asks for another amount, or is another shop, than its owner has confirmed; nothing was signed.',
    'Look at the charge again, and confirm what it says now, or do not pay it.',
  ),
  DEMO_RUNS: row(
    409,
    environment,
    'A demo already runs with this data folder.',
    'End that demo with tapcash stop, or run another one beside it with --data OTHER-FOLDER. It takes free ports, or those of --listen.',
  ),
  DEMO_KEPT: row(
    409,
    refused,
    'The folder has the books of the last demo, and nobody allowed to erase them.',
    'Add --fresh to erase them, or --data OTHER-FOLDER to keep them.',
  ),
  TOKEN_UNKNOWN: row(404, refused, 'The demo has no token of this name.', 'Name one of the tokens that the demo has.'),
  TOKEN_CHANGED: row(
    409,
    refused,
    'Another token was held to the reader in the middle of a procedure.',
    'Repeat, with one token at the reader until the end.',
  ),
  // boards and tools
  BOARD_SILENT: row(
    504,
    environment,
    'The board does not answer.',
    "Check cable, speed and power. Hold the board's console button at reset to get the console back.",
  ),
  LINK_LOST: row(
    503,
    environment,
    'The connection to the board was lost.',
    'Plug the board in again; the session resumes by itself.',
  ),
  BOARD_UNKNOWN: row(404, usage, 'No board configuration has this name.', 'See board-configs/ for the names.'),
  BOARD_CONFIG_INVALID: row(
    422,
    usage,
    'A board configuration does not fit board-configs/schema.json.',
    'Correct the named field.',
  ),
  BUILD_FAILED: row(500, refused, 'The firmware could not be built.', 'Correct the named file and line.'),
  BUNDLES_OUTDATED: row(
    500,
    environment,
    "The firmware's bundles were not built from its sources as they are now.",
    'Run npm run build in the checkout.',
  ),
  BUNDLE_TOO_BIG: row(
    500,
    refused,
    'A firmware bundle is larger than its budget.',
    'Take something out of the bundle, or decide to raise the budget.',
  ),
  FLASH_FAILED: row(
    500,
    environment,
    'Writing to the board failed.',
    'Run the same command again: it goes on where it stopped. If it fails again, use a shorter cable or a lower --baud.',
  ),
  FIRMWARE_INVALID: row(
    422,
    usage,
    'The Espruino folder that --firmware names cannot be written to this board.',
    'Give the unpacked folder of an Espruino release for the board: bootloader.bin, the partition table, espruino*.bin.',
  ),
  FIRMWARE_CHIP: row(
    422,
    usage,
    'The Espruino folder that --firmware names is for another chip.',
    "Take the Espruino release for the board's chip.",
  ),
  CHIP_WRONG: row(
    409,
    usage,
    'The chip at the port is not the chip of the board that --board names.',
    'Name the board that is plugged in: tapcash boards lists them.',
  ),
  LOADER_SILENT: row(
    504,
    environment,
    "The chip's loader does not answer.",
    'Hold BOOT, press reset (EN), let go of BOOT, and run the same command again. Check that the cable carries data.',
  ),
  FIRMWARE_MISSING: row(
    409,
    environment,
    'The board does not have the firmware of this version.',
    'Write the firmware first: tapcash flash --only-app.',
  ),
  MANIFEST_INVALID: row(
    422,
    usage,
    'The manifest (the file of the public keys of the houses) is damaged, or not signed by its issuer.',
    'Make the manifest where the keys are (tapcash manifest), and copy the whole file.',
  ),
  ROOT_MISMATCH: row(
    409,
    refused,
    'The board belongs to another issuer, or has newer keys of its houses.',
    'Use the newest manifest of the issuer that the board belongs to. To give the board to another issuer, erase it: tapcash flash --erase-all --yes.',
  ),
  IMAGE_INVALID: row(
    422,
    usage,
    'The image (the file of a program for boards) is damaged, cut off, or not signed.',
    'Copy the whole file again, or make it again: tapcash build --image FOLDER. Nothing on the board was changed.',
  ),
  IMAGE_FORMAT: row(
    422,
    usage,
    'The image was made by a tapcash whose images have another format.',
    'Make the image again with this version, or use the version that made it. Nothing on the board was changed.',
  ),
  IMAGE_MISMATCH: row(
    409,
    refused,
    'The image is for another board or for another role.',
    "Take the image whose name has the board's and the role's. Nothing on the board was changed.",
  ),
  IMAGE_FOREIGN: row(
    409,
    refused,
    'The image is not signed by the root that the board pins, or that the manifest names.',
    'Take an image of the issuer that the board belongs to, made since its last rotation: tapcash build --image FOLDER --data ITS-FOLDER. Nothing on the board was changed.',
  ),
  ENTROPY_WEAK: row(
    500,
    environment,
    "The board's source of entropy fails its health test.",
    'Do not make keys on this board: flash Espruino again; else replace it.',
  ),
  ENTROPY_NONE: row(
    409,
    environment,
    'This board has no source of entropy without its radio, and its radio would tell everybody where it is.',
    'Use a board with an ESP32: tapcash boards lists them.',
  ),
  RADIO_ON: row(
    409,
    environment,
    'The interpreter on the board opens a console by radio, or sends, and somebody could read keys or follow the owner.',
    'Write interpreter and firmware with tapcash flash, which switches radios off for good; where one cannot be switched off, use another build of Espruino.',
  ),
  MEMORY_LOW: row(
    507,
    environment,
    'The interpreter leaves too little memory or Storage for the firmware.',
    'Use a module with PSRAM (docs/hardware.md says which), and the Espruino release that the board configuration names. If Storage is full of other files, flash with --erase-all --yes.',
  ),
  INTERPRETER_OLD: row(
    409,
    environment,
    'The interpreter on the board is too old.',
    'Write Espruino 2v29 or later: tapcash flash --firmware FOLDER.',
  ),
  NATIVE_MISSING: row(
    409,
    environment,
    'The interpreter on the board lacks a native call that the firmware needs.',
    'Write a build of Espruino with native crypto: tapcash flash --firmware FOLDER.',
  ),
  INTERPRETER_MISSING: row(
    404,
    environment,
    'There is no Espruino interpreter at this path.',
    'Build Espruino for Linux and name the program: --interpreter /path or ESPRUINO=/path.',
  ),
  INTERPRETER_FAILED: row(
    500,
    environment,
    'The Espruino interpreter ended or reported an error.',
    'See its output in the message.',
  ),
  PTY_UNAVAILABLE: row(
    503,
    environment,
    'The machine gave no pseudo terminal.',
    'Install script (util-linux) or python3, or run on the emulated board instead.',
  ),
  TOOL_MISSING: row(
    500,
    environment,
    'A program that this command needs is not installed.',
    'Install the named program.',
  ),
  USAGE: row(400, usage, 'The command line is not understood.', 'See tapcash --help.'),
  TIMED_OUT: row(
    504,
    environment,
    'A step did not end in its time.',
    'Try again. If that fails, see the log of the part that the message names.',
  ),
  INTERRUPTED: row(
    503,
    environment,
    'The program was told to stop.',
    'Start the program again: it goes on where it stopped.',
  ),
  AUDIT_FAILED: row(
    500,
    broken,
    'The audit found rows in the books that cannot be right.',
    'Stop the service before more money moves, and look at the rows that the audit names.',
  ),
  CONSERVATION_BROKEN: row(
    500,
    broken,
    'Accounts and counters do not add up to the money put in.',
    'Stop the service and run tapcash audit.',
  ),
} satisfies Record<string, ErrorEntry>;

/** What drivers on the board give each other; people see them in logs, and as TAP_TORN, BUSY or DEVICE_FAULT. */
const DRIVER_ERRORS = {
  RF_LOST: row(409, refused, 'The token or the reader left the field.', 'Tap again.'),
  RF_ERROR: row(
    409,
    refused,
    'The radio transmission was disturbed.',
    'Tap again, closer and without other cards near.',
  ),
  NO_CARD: row(408, refused, 'No card is in the field.', 'Hold the token to the reader.'),
  CARD_UNSUPPORTED: row(
    409,
    refused,
    'The card in the field does not speak ISO/IEC 14443-4.',
    'Take other cards away and tap the token.',
  ),
  TOO_LONG: row(413, refused, 'A message is longer than the receiver takes.', 'Bring both boards to the same version.'),
  CANCELLED: row(409, refused, 'The operation was called off.', 'Nothing to do.'),
  PN532_NO_ACK: row(
    503,
    environment,
    'The PN532 does not acknowledge commands.',
    "Check the PN532's wiring, its power, and that its two switches fit the board's configuration.",
  ),
  PN532_TIMEOUT: row(
    504,
    environment,
    'The PN532 took a command and did not answer in time.',
    'Tap again. If it happens again, check wiring and power.',
  ),
  PN532_DAMAGED: row(
    502,
    environment,
    'A frame from the PN532 arrived damaged.',
    'Tap again. If it happens again, shorten the wires or lower the speed.',
  ),
  PN532_ERROR: row(
    502,
    environment,
    'The PN532 reported an error or answered out of turn.',
    'Tap again. If it happens again, check that the chip is a PN532.',
  ),
  FLASH_DAMAGED: row(
    500,
    broken,
    'A finished record in flash is damaged.',
    'Stop using the board. The message and the issuer have its last balance.',
  ),
  FLASH_WRITE_FAILED: row(
    500,
    environment,
    'Flash did not take what was written.',
    'Replace the board. What it held before is unchanged.',
  ),
  FLASH_FULL: row(
    507,
    refused,
    'The flash region has no room for another record.',
    'Settle open payments or deliver histories, or give the region more pages.',
  ),
} satisfies Record<string, ErrorEntry>;

/** The table. */
export const ERRORS = { ...BOARD_ERRORS, ...HOST_ERRORS, ...DRIVER_ERRORS };

/** Every code there is. */
export type ErrorCode = keyof typeof ERRORS;

/** Whether `code` stands in the table. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** A refused request: a named result, never an exception. */
export interface HostRefusal {
  ok: false;
  code: ErrorCode;
  /** What exactly, where the code alone leaves it open. Never a secret. */
  detail?: string;
}

/** What a procedure gives: its fields with `ok: true`, or a refusal. */
export type Result<T> = ({ ok: true } & T) | HostRefusal;

/** Makes a refusal. */
export function refusal(code: ErrorCode, detail?: string): HostRefusal {
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}

/** A device, file or store that failed. Recognise it by `isFailure`, not by `instanceof` (test realms differ). */
export class TapcashError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, detail?: string, cause?: unknown) {
    super(messageOf(code, detail), cause === undefined ? undefined : { cause });
    this.name = 'TapcashError';
    this.code = code;
    this.detail = detail;
  }
}

/** Makes a `TapcashError` to throw. */
export function failure(code: ErrorCode, detail?: string, cause?: unknown): TapcashError {
  return new TapcashError(code, detail, cause);
}

/** Unwraps a result. @throws TapcashError of its code */
export function must<T>(result: Result<T>): Extract<Result<T>, { ok: true }> {
  if (!result.ok) throw failure(result.code, result.detail);
  return result as Extract<Result<T>, { ok: true }>;
}

/** Whether something thrown is one of ours. */
export function isFailure(thrown: unknown): thrown is TapcashError {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    (thrown as Error).name === 'TapcashError' &&
    isErrorCode((thrown as { code?: unknown }).code)
  );
}

/** One sentence for people: the cause, and what exactly. */
export function messageOf(code: ErrorCode, detail?: string): string {
  return detail ? `${ERRORS[code].cause} (${detail})` : ERRORS[code].cause;
}

/** What HTTP replies and `--json` output carry for a code. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  remedy: string;
}

/** Makes the body. */
export function errorBody(code: ErrorCode, detail?: string): ErrorBody {
  return { code, message: messageOf(code, detail), remedy: ERRORS[code].remedy };
}

/** Body for anything thrown; what is not ours becomes INTERNAL, its text left to the log. */
export function bodyOfThrown(thrown: unknown): ErrorBody {
  return isFailure(thrown) ? errorBody(thrown.code, thrown.detail) : errorBody('INTERNAL');
}

/** Exit code for anything thrown or refused. */
export function exitCodeOf(code: ErrorCode): number {
  return ERRORS[code].exit;
}

/** Whether the same request may succeed later: the failure was around the request, not in it. */
export function isRetryable(code: ErrorCode): boolean {
  return ERRORS[code].http >= 500 && ERRORS[code].exit === EXIT.environment;
}
