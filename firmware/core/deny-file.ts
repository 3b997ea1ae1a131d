/**
 * The file of Storage whose pages hold a terminal's deny list: its name, and its length on a board.
 */

/** Name of the file. */
export const DENY_FILE = 'tapcash.deny';

/** Two lists of 40,000 pseudonyms, each in whole pages of 4,096 bytes; and a page, since a file begins anywhere. */
export const DENY_FILE_BYTES = 331776;
