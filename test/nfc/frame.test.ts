/** Frame codec: round trip, every truncation, every chunk boundary, every flipped bit, garbage. UM0701-02 6.2.1. */
import { fc } from '../kit/properties.js';
import { chipFrame } from '../../host-bridge/emulator/pn532-host-link.js';
import type { Pn532Frame } from '../../firmware/nfc/pn532-frame.js';
import {
  ackFrame,
  createFrameParser,
  encodeFrame,
  FRAME_DATA_BYTES_MAX,
  nackFrame,
  plainBytes,
  TFI_TO_CHIP,
  TFI_TO_HOST,
  wholeAnswer,
} from '../../firmware/nfc/pn532-frame.js';

const chars = (bytes: ArrayLike<number>) => String.fromCharCode(...Array.from(bytes));
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));
const encoded = (head: number[], bytes: Uint8Array, tail: number[] = []) => encodeFrame(head, bytes, tail, plainBytes);
const data = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 31 + n) & 255);

function parse(chunks: string[], dataBytesMax = FRAME_DATA_BYTES_MAX): Pn532Frame[] {
  const frames: Pn532Frame[] = [];
  const parser = createFrameParser((frame) => frames.push(frame), dataBytesMax);
  for (const chunk of chunks) parser.push(chunk);
  return frames;
}

test('a byte too little in the checksum is not made good by a postamble of 1', () => {
  const frame = hex('00 00 FF 06 FA D5 03 32 01 06 07 E7 01');
  expect(parse([chars(frame)])).toEqual([{ kind: 'damaged' }]);
});

test('frames printed in the manual', () => {
  // GetFirmwareVersion and its answer; ACK, NACK, error: UM0701-02 6.2.1, 7.2.2
  expect(encoded([TFI_TO_CHIP], hex('02'))).toEqual(hex('00 00 FF 02 FE D4 02 2A 00'));
  expect(parse([chars(hex('00 00 FF 06 FA D5 03 32 01 06 07 E8 00'))])).toEqual([
    { kind: 'data', tfi: 0xd5, data: hex('03 32 01 06 07') },
  ]);
  expect(ackFrame()).toEqual(hex('00 00 FF 00 FF 00'));
  expect(nackFrame()).toEqual(hex('00 00 FF FF 00 00'));
  expect(parse([chars(hex('00 00 FF 00 FF 00 00 00 FF FF 00 00 00 00 FF 01 FF 7F 81 00'))]).map((f) => f.kind)).toEqual(
    ['ack', 'nack', 'error'],
  );
});

test('round trip at every length, normal and extended, and the same bytes as the chip model writes', () => {
  for (let n = 0; n <= FRAME_DATA_BYTES_MAX; n++) {
    const frame = encoded([TFI_TO_HOST], data(n));
    expect(frame).toEqual(chipFrame(data(n)));
    const parts = [data(n).subarray(0, n >> 1), data(n).subarray(n >> 1)];
    expect([
      encoded([TFI_TO_HOST], parts[0]!, [...parts[1]!]),
      encoded([TFI_TO_HOST, ...parts[0]!], parts[1]!),
    ]).toEqual([frame, frame]);
    expect(frame[3] === 0xff && frame[4] === 0xff).toBe(n >= 255);
    expect(parse([chars(frame)])).toEqual([{ kind: 'data', tfi: TFI_TO_HOST, data: data(n) }]);
  }
  expect(() => encoded([TFI_TO_CHIP], data(FRAME_DATA_BYTES_MAX + 1))).toThrow(RangeError);
});

test('every chunk boundary, and byte by byte', () => {
  for (const n of [1, 9, 48, 255, 265]) {
    const text = chars(ackFrame()) + chars(encoded([TFI_TO_HOST], data(n))) + chars(encoded([TFI_TO_HOST], data(3)));
    const whole = parse([text]);
    expect(whole.map((f) => f.kind)).toEqual(['ack', 'data', 'data']);
    for (let cut = 1; cut < text.length; cut++) expect(parse([text.slice(0, cut), text.slice(cut)])).toEqual(whole);
    expect(parse(text.split(''))).toEqual(whole);
  }
});

test('every truncation gives no frame, and the next frame is found', () => {
  const next = encoded([TFI_TO_HOST], data(5));
  let collisions = 0;
  for (const n of [1, 20, 260]) {
    const frame = encoded([TFI_TO_HOST], data(n));
    // Without its postamble a frame is whole (6.2.1.6).
    for (let length = 0; length < frame.length - 1; length++) {
      const frames: Pn532Frame[] = [];
      const parser = createFrameParser((f) => frames.push(f), FRAME_DATA_BYTES_MAX);
      parser.push(chars(frame.subarray(0, length)));
      expect(frames).toEqual([]);
      // Bytes enough for whatever length the truncated frame promised.
      for (let i = 0; i < 40; i++) parser.push(chars(next));
      expect(frames.filter((f) => f.kind === 'data')).toContainEqual({ kind: 'data', tfi: TFI_TO_HOST, data: data(5) });
      // Bytes of the next frames in place of the missing ones pass an 8-bit sum once in 256 times. The link resets the
      // parser before each command and each repetition, so that there such bytes never follow.
      if (frames.some((f) => f.kind === 'data' && f.data.length !== 5)) collisions++;
      parser.reset();
      frames.length = 0;
      parser.push(chars(next));
      expect(frames).toEqual([{ kind: 'data', tfi: TFI_TO_HOST, data: data(5) }]);
    }
    expect(parse([chars(frame.subarray(0, frame.length - 1))])).toHaveLength(1);
  }
  expect(collisions).toBeLessThan(6); // of some 290
});

test('no flipped bit from the start code to the checksum is taken for the frame', () => {
  const good = data(12);
  const frame = encoded([TFI_TO_HOST], good);
  for (let bit = 8; bit < (frame.length - 1) * 8; bit++) {
    const bad = frame.slice();
    bad[bit >> 3] ^= 1 << (bit & 7);
    for (const found of parse([chars(bad) + chars(new Uint8Array(300))])) {
      expect(found.kind === 'data' && found.data.length === good.length).toBe(false);
    }
  }
});

test('preamble and postamble of any length', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), fc.uint8Array({ maxLength: 265 }), (before, after, body) => {
      const text = '\0'.repeat(before) + chars(encoded([TFI_TO_HOST], body).subarray(1)) + '\0'.repeat(after);
      expect(parse([text, chars(ackFrame())])).toEqual([
        { kind: 'data', tfi: TFI_TO_HOST, data: body },
        { kind: 'ack' },
      ]);
    }),
    { numRuns: 200 },
  );
});

test('garbage in any chunks: never throws, never holds more than a frame, in step again after it', () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 0, 0xff, 0xff, 0xd5, 1));
  fc.assert(
    fc.property(fc.array(fc.array(byte, { maxLength: 60 }), { maxLength: 20 }), (chunks) => {
      const frames: Pn532Frame[] = [];
      const parser = createFrameParser((f) => frames.push(f), FRAME_DATA_BYTES_MAX);
      for (const chunk of chunks) parser.push(chars(chunk));
      for (const f of frames) if (f.kind === 'data') expect(f.data.length).toBeLessThanOrEqual(FRAME_DATA_BYTES_MAX);
      // The longest false start swallows less than 300 bytes.
      for (let i = 0; i < 30; i++) parser.push(chars(encoded([TFI_TO_HOST], data(7))));
      expect(frames[frames.length - 1]).toEqual({ kind: 'data', tfi: TFI_TO_HOST, data: data(7) });
    }),
    { numRuns: 500 },
  );
});

test('a length above the limit is damaged, and waits for no bytes', () => {
  const frame = encoded([TFI_TO_HOST], data(100));
  expect(parse([chars(frame.subarray(0, 6))], 50)).toEqual([{ kind: 'damaged' }]);
  expect(parse([chars(hex('00 00 FF FF FF FF FF 02'))])).toEqual([{ kind: 'damaged' }]);
});

test('a good frame within the length that garbage promised is found', () => {
  const good = encoded([TFI_TO_HOST], data(9));
  // 00 FF, then a length of 20 that holds, then the frame, and the rest of the 20.
  const text = chars([0, 0xff, 20, 236, ...good, ...new Uint8Array(20)]);
  expect(parse([text])).toEqual([{ kind: 'damaged' }, { kind: 'data', tfi: TFI_TO_HOST, data: data(9) }]);
});

test('a handler may reset or push while frames are being reported', () => {
  const kinds: string[] = [];
  const parser = createFrameParser((frame) => {
    kinds.push(frame.kind);
    if (frame.kind === 'ack') parser.reset();
    if (kinds.length === 1) parser.push(chars(nackFrame()));
  }, 265);
  parser.push(chars(ackFrame()) + chars(encoded([TFI_TO_HOST], data(3))));
  expect(kinds).toEqual(['ack', 'nack']);
});

test('a look at a whole answer says what the parser says, or leaves it to the parser', () => {
  for (let n = 0; n <= 250; n++) {
    const frame = encoded([TFI_TO_HOST, 0x41], data(n));
    expect(wholeAnswer(chars(frame), 0x41)).toEqual(data(n));
    for (const other of [
      frame.subarray(1),
      frame.subarray(0, frame.length - 1),
      Uint8Array.of(...frame, 0),
      ackFrame(),
      nackFrame(),
    ])
      expect(wholeAnswer(chars(other), 0x41)).toBeNull();
    expect(wholeAnswer(chars(frame), 0x43)).toBeNull();
    expect(wholeAnswer(chars(encoded([TFI_TO_CHIP, 0x41], data(n))), 0x41)).toBeNull();
  }
  for (const n of [0, 1, 33]) {
    const frame = encoded([TFI_TO_HOST, 0x41], data(n));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(wholeAnswer(chars(flipped), 0x41)).toBeNull();
    }
  }
});
