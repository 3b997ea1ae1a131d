/**
 * Espruino's Storage as bytes of a flash image, for its Linux build (src/jsflash.h, JsfFileHeader).
 *
 *   file | size u32 (little-endian) | name, 28 bytes, zero-padded | data, padded to 4 |
 *
 * Files stand one after the other; blank flash ends them. The build takes the whole of its flash for Storage, so that
 * files must end well before raw pages at the top: it looks for further files at the start of the page after the last
 * one.
 */

/** Espruino's Linux build: addresses, size and erase pages of its flash, the file `espruino.flash`. */
export const LINUX_FLASH = { address: 0x10000000, bytes: 262144, pageBytes: 1024 } as const;

const HEADER_BYTES = 32;

/**
 * Writes files to the start of an image; what was there before `bytesMax` is lost, the rest stays.
 * @param bytesMax where raw pages begin
 * Throws RangeError where a name is too long or the files do not fit.
 */
export function writeStorageImage(image: Uint8Array, files: Map<string, Uint8Array>, bytesMax: number): void {
  image.fill(0xff, 0, bytesMax);
  const view = new DataView(image.buffer, image.byteOffset);
  let at = 0;
  for (const [name, data] of files) {
    if (name.length === 0 || name.length > 28) throw new RangeError(`file name of 1 to 28 characters: ${name}`);
    if (data.length === 0) throw new RangeError(`empty file: ${name}`);
    const next = at + HEADER_BYTES + ((data.length + 3) & ~3);
    if (next + 2 * LINUX_FLASH.pageBytes > bytesMax)
      throw new RangeError(`files do not fit in ${bytesMax} bytes of flash`);
    view.setUint32(at, data.length, true);
    image.fill(0, at + 4, at + HEADER_BYTES);
    image.set(Buffer.from(name, 'latin1'), at + 4);
    image.set(data, at + HEADER_BYTES);
    at = next;
  }
}

/** Reads the files of an image, as Espruino would list them; replaced ones are left out. */
export function readStorageImage(image: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const view = new DataView(image.buffer, image.byteOffset);
  for (let at = 0; at + HEADER_BYTES <= image.length;) {
    const word = view.getUint32(at, true);
    if (word === 0xffffffff || word === 0) {
      // A page may end early; files go on at the start of the next one, or not at all.
      const next = (Math.floor(at / LINUX_FLASH.pageBytes) + 1) * LINUX_FLASH.pageBytes;
      if (next + 4 > image.length || at % LINUX_FLASH.pageBytes === 0 || view.getUint32(next, true) === 0xffffffff)
        break;
      at = next;
      continue;
    }
    const length = word & 0xffffff;
    const end = at + HEADER_BYTES + length;
    if (end > image.length) break;
    const name = Buffer.from(image.subarray(at + 4, at + HEADER_BYTES))
      .toString('latin1')
      .replace(/\0+$/, '');
    if (image[at + 4] !== 0) files.set(name, image.slice(at + HEADER_BYTES, end));
    at = (end + 3) & ~3;
  }
  return files;
}
