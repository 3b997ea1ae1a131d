/**
 * What every board's serial line can carry.
 */

/** Rate of Espruino's Serial1 unless its board configuration says otherwise. */
export const BOARD_BAUD = 115200;

/** Longest burst that every board takes. */
export const BOARD_BURST_BYTES = 64;

/** Rest after a full burst in a longer write: two polls of Espruino's serial task (targets/esp32/jshardwareUart.c). */
export const BURST_REST_MS = 20;
