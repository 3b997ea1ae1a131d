/**
 * An epoch of a database: a number that it gets when it is made, and a higher one at each restore, and where an
 * operator takes a database that has lost something (docs/restore.md).
 */
export interface Epoch {
  epoch: number;
  /** 16 bytes, random: the database's. */
  databaseId: Uint8Array;
  cause: 'made' | 'restored' | 'loss accepted';
  beganS: number;
  /** How many acts the database held then. */
  acts: number;
  /** When the backup was made that was restored; null: none was. */
  backupS: number | null;
  why: string | null;
}
