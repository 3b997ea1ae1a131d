/**
 * Hashes, HMAC and HKDF against an implementation that shares no code with ours: @noble/hashes. Ours stand on native
 * hashes, Node's on the host and the interpreter's on the board, and must agree with it at every block's edge.
 */
import { fc } from '../kit/properties.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { hkdfExpand, hkdfExtract } from '../../firmware/crypto/hkdf.js';
import { hmacSha256 } from '../../firmware/crypto/hmac.js';
import { boardScript, runBoardScript } from '../../host-bridge/bench/board-script.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { hex, plain } from './crypto-kit.js';

const interpreter = findInterpreter(process.env);
const interpreterTest = interpreter ? test : test.skip;

/** Lengths on both sides of where the padding takes another block: blocks of 64 and of 128 bytes. */
const LENGTHS = [0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 239, 240, 256, 300];

const countUp = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);

const parts = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 4 });
const joined = (all: Uint8Array[]) => new Uint8Array(Buffer.concat(all));

test.each(LENGTHS)('SHA-256 and SHA-512 of %i bytes', (length) => {
  const data = countUp(length);
  expect(hex(plain.sha256(data))).toBe(hex(sha256(data)));
  expect(hex(plain.sha512(data))).toBe(hex(sha512(data)));
});

test('HMAC-SHA-256 of parts, under keys shorter and longer than a block', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), parts, (key, data) => {
      expect(hex(hmacSha256(plain, key, data))).toBe(hex(hmac(sha256, key, joined(data))));
    }),
  );
});

test('HKDF: extraction from parts, expansion to every length up to four blocks', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), parts, parts, fc.nat(128), (salt, input, info, count) => {
      const key = hkdfExtract(plain, salt, input);
      expect(hex(key)).toBe(hex(extract(sha256, joined(input), salt)));
      expect(hex(hkdfExpand(plain, key, info, count))).toBe(hex(expand(sha256, key, joined(info), count)));
    }),
  );
});

interpreterTest('the hashes that the board has: SHA-256, SHA-384, SHA-512', async () => {
  const program = `
    [${LENGTHS.join()}].forEach(function(length){
      var data=new Uint8Array(length);
      for(var i=0;i<length;i++)data[i]=i*7+length&255;
      print(toHex(lib.natives.sha256(data))+" "+toHex(lib.ciphers.sha384(data))+" "+toHex(lib.natives.sha512(data)));
    });`;
  const lines = await runBoardScript(interpreter!, {}, await boardScript({}, program), 240_000);
  expect(lines).toEqual(
    LENGTHS.map(countUp).map((data) => [sha256(data), sha384(data), sha512(data)].map(hex).join(' ')),
  );
});

test('HKDF gives 255 blocks and no byte more (RFC 5869 2.3)', () => {
  const key = new Uint8Array(32).fill(7);
  const whole = hkdfExpand(plain, key, [], 8160);
  expect(hex(whole)).toBe(hex(expand(sha256, key, new Uint8Array(0), 8160)));
  for (const count of [8161, 16_384, NaN]) expect(() => hkdfExpand(plain, key, [], count)).toThrow(RangeError);
});
