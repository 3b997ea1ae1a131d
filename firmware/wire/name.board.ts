/**
 * Names of people and shops, IdU and IdS, on a board: the bytes of their UTF-8 as characters 0 to 255, which is what
 * Espruino's strings hold. The build takes this file in the place of name.ts (`moduleSuffixes` of
 * firmware/tsconfig.json).
 *
 * A board checks what it can cheaply: UTF-8 (RFC 3629, section 4), no control characters, no space at an end or beside
 * another. It does so where a name comes from somebody else: at provisioning, and a token with each charge and at the
 * desk; all other messages carry names that were checked. That a name is in normal form C is for the houses and
 * provisioning, which sign names.
 */

/** Longest name in bytes. */
export const NAME_BYTES_MAX = 64;

/** Whether characters 0 to 255 are UTF-8 without control characters (C0, DEL, C1). */
function isUtf8(chars: string): boolean {
  let left = 0; // bytes of a character that are still to come
  let least = 0;
  let most = 0;
  for (let i = 0; i < chars.length; i++) {
    const byte = chars.charCodeAt(i);
    if (left > 0) {
      if (byte < least || byte > most) return false;
      left--;
      least = 0x80;
      most = 0xbf;
    } else if (byte > 0x7e) {
      if (byte < 0xc2 || byte > 0xf4) return false;
      left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      // No control characters, no longer form than needed, no surrogates, nothing above U+10FFFF.
      least = byte === 0xc2 || byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
      most = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    } else if (byte < 32) return false;
  }
  return left === 0;
}

/** Whether these characters are the bytes of a name. */
export function isNameChars(chars: string): boolean {
  return (
    chars.length <= NAME_BYTES_MAX &&
    // No indexOf: in Espruino the last space alone would be found.
    !/ [ ]/.test(' ' + chars + ' ') &&
    // Most names are ASCII, and known by one native call.
    (!/[^ -~]/.test(chars) || isUtf8(chars))
  );
}

/** Whether somebody can be given this name, as far as a board can tell. */
export function isName(name: unknown): name is string {
  return typeof name === 'string' && isNameChars(name);
}

/** The bytes of a name as characters 0 to 255; empty for what no message can carry. Of its length alone, see above. */
export function charsOfName(name: string): string {
  return name.length <= NAME_BYTES_MAX ? name : '';
}

/** The name whose bytes these characters are; empty where they are too many. */
export function nameOfChars(chars: string): string {
  return charsOfName(chars);
}
