/** What boards are drawn with: displays with their real pixels, and a buzzer that may be heard. */
import '@wokwi/elements/dist/esm/ssd1306-element.js';
import { html, type TemplateResult } from 'lit';
import type { BoardEvent, PictureEvent } from './bench-events.js';

/** The last picture of a display, as the element takes it; made anew when the picture is another one. */
const pictures = new Map<string, { of: PictureEvent | null; data: ImageData }>();

function imageOf(board: string, picture: PictureEvent | null): ImageData {
  const known = pictures.get(board);
  if (known && known.of === picture) return known.data;
  const data = new ImageData(picture?.width ?? 128, picture?.height ?? 64);
  const bits = picture ? atob(picture.bits) : '';
  for (let i = 0; i < data.width * data.height; i++) {
    const lit = picture ? (bits.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1 : 0;
    const colour = picture?.colours[lit as 0 | 1] ?? 0x10141a;
    data.data.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], 4 * i);
  }
  pictures.set(board, { of: picture, data });
  return data;
}

/** An OLED, as large as life twice; what it says stands beside it for who hears it read. */
export function display(board: BoardEvent | undefined): TemplateResult {
  const data = imageOf(board?.board ?? '', board?.picture ?? null);
  return html`<div class="display" role="img" aria-label=${`Display: ${board?.lines.join(', ') || 'dark'}`}>
    <wokwi-ssd1306 aria-hidden="true" .imageData=${data}></wokwi-ssd1306>
  </div>`;
}

/** A square wave, while a board's pin puts one out; silent until somebody wants to hear it. */
export class Buzzer {
  private context: AudioContext | null = null;
  private tone: OscillatorNode | null = null;
  private hertz = 0;

  /** Sound on or off. Browsers want a press for it. */
  enable(on: boolean): void {
    if (on) this.context ??= new AudioContext();
    else {
      this.play(0);
      this.context?.close().catch(() => undefined);
      this.context = null;
    }
  }

  /** @param hertz 0 is silence */
  play(hertz: number): void {
    if (hertz === this.hertz || !this.context) return;
    this.hertz = hertz;
    this.tone?.stop();
    this.tone = null;
    if (hertz === 0) return;
    const gain = new GainNode(this.context, { gain: 0.04 });
    this.tone = new OscillatorNode(this.context, { type: 'square', frequency: hertz });
    this.tone.connect(gain).connect(this.context.destination);
    this.tone.start();
  }
}
