/**
 * What a board can be.
 */

/** The two programs. */
export const ROLES = ['user-token', 'shop-terminal'] as const;

/** One of them. */
export type Role = (typeof ROLES)[number];
