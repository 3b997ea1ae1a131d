/**
 * Frames of the serial link: whatever the chunks and the damage, only whole frames come out, and the next is in step.
 */
import { fc } from '../kit/properties.js';
import { crc32 } from 'node:zlib';
import { createFrameDecoder, encodeFrame, partBytes, type Frame } from '../../firmware/wire/link/link-frame.js';

const crc = (bytes: Uint8Array) => crc32(bytes);
const anyFrame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  sequence: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 120 }),
});

function decodeAll(chunks: Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const decode = createFrameDecoder(
    crc,
    (frame) => frames.push(frame),
    () => undefined,
  );
  for (const chunk of chunks) decode(chunk);
  return frames;
}

test('frames survive every chunk boundary', () => {
  fc.assert(
    fc.property(anyFrame, anyFrame, (first, second) => {
      const bytes = new Uint8Array([...encodeFrame(first, crc), ...encodeFrame(second, crc)]);
      for (let cut = 0; cut <= bytes.length; cut++) {
        expect(decodeAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([first, second]);
      }
    }),
    { numRuns: 20 },
  );
});

test('a frame damaged anywhere, by any bit, vanishes and the next one comes', () => {
  fc.assert(
    fc.property(anyFrame, anyFrame, fc.nat(), fc.integer({ min: 1, max: 255 }), (first, second, at, flip) => {
      const damaged = encodeFrame(first, crc);
      damaged[at % damaged.length] ^= flip;
      const frames = decodeAll([damaged, encodeFrame(second, crc)]);
      // Flipping the opening END changes nothing that is framed: the first may then still be read whole.
      const intact = frames.filter((frame) => JSON.stringify(frame) === JSON.stringify(first)).length;
      expect(frames.length - intact).toBe(
        JSON.stringify(first) === JSON.stringify(second) ? frames.length - intact : 1,
      );
      expect(frames[frames.length - 1]).toEqual(second);
    }),
    { numRuns: 500 },
  );
});

test('a frame cut anywhere costs at most itself', () => {
  fc.assert(
    fc.property(anyFrame, anyFrame, (first, second) => {
      const bytes = encodeFrame(first, crc);
      for (let length = 0; length < bytes.length; length++) {
        const frames = decodeAll([bytes.subarray(0, length), encodeFrame(second, crc)]);
        expect(frames[frames.length - 1]).toEqual(second);
      }
    }),
    { numRuns: 20 },
  );
});

test('parts fit the burst whatever their bytes, and make up the message', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(192, 219), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 400 }),
      fc.integer({ min: 24, max: 200 }),
      (list, burst) => {
        const message = new Uint8Array(list);
        for (let at = 0; at < message.length;) {
          const count = partBytes(message, at, burst);
          const frame = encodeFrame(
            { type: 192, sequence: 219, payload: message.subarray(at, at + count) },
            () => 0xc0dbc0db,
          );
          expect(frame.length).toBeLessThanOrEqual(burst);
          at += count;
          expect(at).toBeLessThanOrEqual(message.length);
        }
      },
    ),
  );
});

test('endless bytes without END stay bounded', () => {
  let frames = 0;
  const decode = createFrameDecoder(
    crc,
    () => frames++,
    () => undefined,
  );
  for (let i = 0; i < 1000; i++) decode(new Uint8Array(1000).fill(7));
  decode(encodeFrame({ type: 1, sequence: 2, payload: new Uint8Array(3) }, crc));
  expect(frames).toBe(1);
});
