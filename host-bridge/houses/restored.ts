/** What a house knows of its own restores (docs/restore.md). */
import type { Epoch } from '../base/epoch.js';

/**
 * How many acts the books held when they were last restored, or a loss was accepted; null: neither ever was. What came
 * later was judged without what had been forgotten.
 */
export function restoredAtOf(store: { epochs(): Epoch[] }): number | null {
  return store.epochs().findLast(({ cause }) => cause !== 'made')?.acts ?? null;
}
