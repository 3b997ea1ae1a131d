/**
 * Overlays that only some boards need: of the bus of their PN532, and of displays in colour
 * (firmware/board/espruino-board.ts loads them). Storage has no room to waste on a board of 256 kB.
 */
import type { BoardConfig } from '../../firmware/core/board-config.js';

/** What `tapcash doctor --selftest` gives a board at its console (firmware/board/self-test.ts). */
export const TEST_OVERLAY = 'test.js';

/** Whether a board loads an overlay of this name. */
function needs({ pn532, display }: BoardConfig, overlay: string): boolean {
  if (overlay === TEST_OVERLAY) return false;
  if (overlay === 'i2c.js' || overlay === 'spi.js') return overlay === `${pn532.bus}.js`;
  return overlay !== 'lcd.js' || display?.type === 'ili9341' || display?.type === 'graphics';
}

/** Those of a program's overlays that a board loads. */
export const overlaysOf = <T>(overlays: Readonly<Record<string, T>>, board: BoardConfig): Record<string, T> =>
  Object.fromEntries(Object.entries(overlays).filter(([name]) => needs(board, name)));
