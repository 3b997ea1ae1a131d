/**
 * Native calls of the interpreter without which no board starts: some ESP32 builds leave out native crypto
 * (docs/security.md 3).
 */

/** "E.convolve", "crypto.SHA512" (module.function), or a global's name. */
export const NATIVES = [
  'E.convolve',
  'E.CRC32',
  'crypto.SHA256',
  'crypto.SHA512',
  'Flash.read',
  'Flash.write',
  'Flash.erasePage',
  'setWatch',
];
