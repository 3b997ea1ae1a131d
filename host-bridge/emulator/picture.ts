/** What a display shows, as pixels. */

/** A picture as an eye sees it: one colour of 24 bits a pixel, row by row from the top left. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

/** 24 bits of a colour of 5, 6 and 5 bits, red first. */
export function rgbOf565(colour: number): number {
  return ((colour >> 11) << 19) | (((colour >> 5) & 63) << 10) | ((colour & 31) << 3);
}
