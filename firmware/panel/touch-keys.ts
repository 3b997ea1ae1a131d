/**
 * Keys that are drawn at the right of a display with a touch panel, in boards whose interpreter reads the panel itself.
 *
 * Espruino's build for the "Cheap Yellow Display" tells each change as E's event `touch`, in pixels of the display
 * (libs/misc/jswrap_esp32_cyd.c). It takes the panel's full range for 31,000 of 32,760, for every panel alike: an
 * estimate, and keys are a multiple of what it may be off. In overlays: lcd.js draws, keys.js listens.
 */
import type { Clock } from '../core/clock.js';
import type { DisplayGraphics } from './display.js';

/** A touch: where, and whether the finger is there (1) or has gone (0). */
export interface TouchEvent {
  x: number;
  y: number;
  b: number;
}

/** What of Espruino's E a panel needs. */
export interface TouchPanel {
  on(event: 'touch', callback: (touch: TouchEvent) => void): void;
}

/** The display, as its driver and the panel's have it (LCD_WIDTH, LCD_HEIGHT). */
const WIDTH = 320;
const HEIGHT = 240;
/** What is left of it for lines of text. */
export const LINES_WIDTH = 192;
const KEYS_X = 194;
const KEY_WIDTH = 42;
const KEY_HEIGHT = 60;
const LABEL_FONT = '6x8:4';
const LABEL_WIDTH = 20;
const LABEL_HEIGHT = 28;
/** A finger that comes back so soon has not gone: panels bounce. */
const BOUNCE_MS = 150;

/** What of a display keys need. */
export interface KeyGraphics extends DisplayGraphics {
  drawRect(x1: number, y1: number, x2: number, y2: number): any;
}

/** Draws the keys. @param keys a string for each of four rows, a character for each of three columns */
export function drawTouchKeys(graphics: KeyGraphics, keys: string[]): void {
  graphics.setFont(LABEL_FONT);
  for (let row = 0; row < keys.length; row++) {
    for (let column = 0; column < keys[row].length; column++) {
      const x = KEYS_X + column * KEY_WIDTH;
      const y = row * KEY_HEIGHT;
      graphics.drawRect(x + 2, y + 2, x + KEY_WIDTH - 3, y + KEY_HEIGHT - 3);
      graphics.drawString(
        keys[row].charAt(column),
        x + (KEY_WIDTH - LABEL_WIDTH) / 2,
        y + (KEY_HEIGHT - LABEL_HEIGHT) / 2,
      );
    }
  }
}

/** The key at a place; '' where there is none. */
export function keyAt(keys: string[], x: number, y: number): string {
  // An estimate may lie beyond the edge.
  const column = Math.floor((Math.min(x, WIDTH - 1) - KEYS_X) / KEY_WIDTH);
  const row = Math.floor(Math.max(0, Math.min(y, HEIGHT - 1)) / KEY_HEIGHT);
  return column < 0 || row >= keys.length ? '' : keys[row].charAt(column);
}

/** Calls `onKey` with the character of each key that a finger comes down on. */
export function watchTouchKeys(panel: TouchPanel, clock: Clock, keys: string[], onKey: (key: string) => void): void {
  let isDown = false;
  let goneMs = -BOUNCE_MS;
  panel.on('touch', function (touch) {
    const comes = touch.b && !isDown && clock.nowMs() - goneMs >= BOUNCE_MS;
    if (!touch.b) goneMs = clock.nowMs();
    isDown = !!touch.b;
    const key = comes ? keyAt(keys, touch.x, touch.y) : '';
    if (key) onKey(key);
  });
}
