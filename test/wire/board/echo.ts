/**
 * A program for the board: one end of the serial link that sends every body back, and measures on request.
 * Kind 1: the body back. Kind 2: sends a request of `body[0]` * 8 bytes to the bridge and answers its round trip in ms
 * (4).
 */
import { createLinkSession, ROLE } from '../../../firmware/wire/link/link-session.js';

declare const E: any;
declare const Serial1: any;
declare const require: any;
declare const getTime: any;
declare const setTimeout: any;
declare const clearTimeout: any;

const config = JSON.parse(require('Storage').read('tapcash.cfg')).board.link;
let boots = getTime() * 1000;
const session = createLinkSession({
  role: ROLE.terminal,
  burstBytesMax: config.burstBytesMax,
  clock: {
    setTimeout: function (callback: () => void, delayMs: number) {
      return setTimeout(callback, delayMs);
    },
    clearTimeout: function (handle: any) {
      clearTimeout(handle);
    },
  },
  crc32: E.CRC32,
  chars: { toChars: E.toString, fromChars: E.toUint8Array },
  write: function (bytes) {
    Serial1.write(bytes);
  },
  random32: function () {
    return ++boots % 4294967296;
  },
  onRequest: function (kind, body, reply) {
    if (kind !== 2) {
      reply('OK', body);
      return;
    }
    const start = getTime();
    session.request(
      0x10,
      new Uint8Array(body[0] * 8),
      function (code) {
        const ms = Math.round((getTime() - start) * 1000);
        reply(code, new Uint8Array([0, 0, ms >> 8, ms & 255]));
      },
      5000,
    );
  },
  onUp: function () {},
  onDown: function () {},
});
Serial1.on('data', session.receive);
Serial1.setup(115200, { path: config.path });
session.start();
