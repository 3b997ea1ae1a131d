/** What the serial link uses of `node:zlib`, in a browser: CRC-32 (ISO 3309), the same as on the boards. */
const POLYNOMIAL = 0xedb88320;

/** @param data bytes @returns 0 to 2^32 - 1 */
export function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  }
  return ~crc >>> 0;
}
