/** What the bridge tells the till's page. */
import type { Said } from '../parts/said.js';

/** The charge that is open, or was last. */
export interface TillCharge {
  /** 16 hexadecimal digits. */
  id: string;
  /** Minor units; 0 while it is the payer's to say, within `open`. */
  amount: number;
  open: { base: number; min: number; max: number } | null;
  state: 'sending' | 'open' | 'accepted' | 'paid' | 'cancelled' | 'refused' | 'lost';
  /** Why it was refused, or what the last tap lacked; null where nothing was amiss. */
  said: Said | null;
}

/** All that the page shows of the bridge. */
export interface TillState {
  /** ISO 4217; null while nobody has told the bridge. */
  currency: string | null;
  /** Decimals of its amounts. */
  decimals: number | null;
  /** null until the terminal has said it. */
  shop: string | null;
  /** Why the terminal is not connected; null while it is. */
  link: Said | null;
  /** Another terminal has taken its place. */
  retired: boolean;
  charge: TillCharge | null;
  /** A procedure at the desk is under way. */
  deskBusy: boolean;
  /** Payments, cancellations and refunds that the house has not answered. */
  waiting: number;
  /** Those that it refused for good, and nobody took note of. */
  refused: number;
  /** Why deliveries wait; null while they do not. */
  outage: Said | null;
}

/** A payment of the list. */
export interface TillPayment {
  id: string;
  /** Of the payer's token, 64 hexadecimal digits. */
  token: string;
  shop: string;
  amount: number;
  refunded: number;
  state: 'pending' | 'held' | 'credited' | 'duplicate' | 'buried' | 'refunded' | 'refused';
  /** Unix time. */
  paidS: number;
  arrivedS: number;
}
