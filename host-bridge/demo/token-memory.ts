/** What a token's own flash says of its money, read as the token reads it. Looking changes nothing: it is a copy. */
import { crc32 } from 'node:zlib';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { readChallenge } from '../../firmware/wire/payment.js';
import { openRecordLog } from '../../firmware/records/record-log.js';
import { creditRecord, debitRecord, RECORD, settledRecord } from '../../firmware/user-token/token-records.js';
import { createEmulatedFlash } from '../emulator/flash.js';

/** Balance, and the debits with their shops' word for them, newest first. */
export interface TokenMemory {
  balance: number;
  debits: { amount: number; settled: boolean }[];
}

/** @returns null where the flash cannot be read, as in the middle of a write */
export function readTokenMemory(image: Uint8Array, region: BoardConfig['flash']): TokenMemory | null {
  const flash = createEmulatedFlash({ ...region });
  flash.restore(image);
  const opened = openRecordLog(
    flash,
    { ...region, pages: region.bytes / region.pageBytes },
    (bytes) => crc32(bytes) >>> 0,
  );
  if (!opened.ok) return null;
  const { log } = opened;
  const credit = creditRecord.decode(log.get(RECORD.credit, 0) ?? new Uint8Array(0));
  let newest = { purseSequence: credit?.purseSequence ?? 0, balance: credit?.balance ?? 0 };
  const debits = log.slots(RECORD.debit).flatMap((slot) => {
    const debit = debitRecord.decode(log.get(RECORD.debit, slot)!);
    if (!debit) return [];
    if (debit.purseSequence > newest.purseSequence) newest = debit;
    const settled = settledRecord.decode(log.get(RECORD.settled, slot) ?? new Uint8Array(0));
    return [
      {
        sequence: debit.purseSequence,
        amount: readChallenge(debit.challenge)?.amount ?? 0,
        settled: settled?.purseSequence === debit.purseSequence,
      },
    ];
  });
  debits.sort((a, b) => b.sequence - a.sequence);
  return { balance: newest.balance, debits: debits.map(({ amount, settled }) => ({ amount, settled })) };
}
