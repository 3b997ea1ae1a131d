/**
 * Where a token is held: at one reader's field, or at none.
 */
import type { AirCard, RadioField } from '../emulator/radio-field.js';

export interface Presence {
  /** Holds the token to a reader; it leaves the one where it was. */
  hold(field: RadioField): void;
  /** Takes it away. */
  leave(): void;
}

/** @param card the token's chip as a card */
export function createPresence(card: AirCard): Presence {
  let at: RadioField | null = null;
  const leave = () => {
    at?.remove(card);
    at = null;
  };
  return {
    hold(field) {
      if (at === field) return;
      leave();
      at = field;
      field.present(card);
    },
    leave,
  };
}
