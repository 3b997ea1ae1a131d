/** How a board looks now, for the bench's page. */
import type { Board } from '../emulator/board.js';
import type { Picture } from '../emulator/picture.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import type { BoardEvent, PictureEvent } from '../web/bench/bench-events.js';

/** A picture of two colours as bits. */
function packPicture({ width, height, pixels }: Picture): PictureEvent {
  const dark = pixels.reduce((least, pixel) => Math.min(least, pixel), 0xffffff);
  const lit = pixels.reduce((most, pixel) => Math.max(most, pixel), 0);
  const bits = new Uint8Array((pixels.length + 7) >> 3);
  pixels.forEach((pixel, i) => {
    if (pixel !== dark) bits[i >> 3] |= 0x80 >> (i & 7);
  });
  return { width, height, colours: [dark, lit], bits: Buffer.from(bits).toString('base64') };
}

/** What an eye and an ear have of a board. */
export function lookAt(name: string, board: Board & { toneHz?(pin: string): number }, config: BoardConfig): BoardEvent {
  const picture = board.picture?.() ?? null;
  const { led, buzzer } = config;
  return {
    type: 'board',
    board: name,
    powered: board.powered,
    led: led !== undefined && board.powered && board.pin(led.pin) === led.active,
    toneHz: buzzer && board.powered ? (board.toneHz?.(buzzer.pin) ?? 0) : 0,
    picture: picture && packPicture(picture),
    lines: board.screen(),
  };
}
