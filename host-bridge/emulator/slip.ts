/**
 * SLIP frames (RFC 1055) as Espressif's loaders use them: 0xC0 at both ends; inside, 0xC0 is DB DC and 0xDB is DB DD.
 */
const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** A frame of these bytes. */
export function slipFrame(bytes: ArrayLike<number>): Uint8Array {
  const out = [END];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === END) out.push(ESC, ESC_END);
    else if (bytes[i] === ESC) out.push(ESC, ESC_ESC);
    else out.push(bytes[i]);
  }
  return Uint8Array.from([...out, END]);
}

/**
 * Takes in pieces of a stream, and gives the content of each frame that is whole; what stands between frames is
 * dropped.
 */
export function createSlipReader(onFrame: (frame: Uint8Array) => void): (bytes: Uint8Array) => void {
  let frame: number[] | null = null;
  let escaped = false;
  return (bytes) => {
    for (const byte of bytes) {
      if (byte === END) {
        // An END begins a frame; the one that ends it may begin the next, whose content is then empty.
        const whole = frame;
        frame = whole && whole.length > 0 ? null : [];
        escaped = false;
        if (whole && whole.length > 0) onFrame(Uint8Array.from(whole));
      } else if (!frame) continue;
      else if (escaped) {
        frame.push(byte === ESC_END ? END : byte === ESC_ESC ? ESC : byte);
        escaped = false;
      } else if (byte === ESC) escaped = true;
      else frame.push(byte);
    }
  };
}
