/** What is said where two sides speak different versions of firmware/wire: which of them is older, to be updated. */
import { WIRE_VERSION } from '../../firmware/wire/signed.js';

/**
 * Names the older of the two sides, for UPDATE_NEEDED.
 * @param peer what the other side is: "board", "token", "client"
 * @param version that it speaks, another one than ours
 */
export function olderSide(peer: string, version: number): string {
  return version < WIRE_VERSION
    ? `the ${peer} is older: version ${version}, this program ${WIRE_VERSION}`
    : `this program is older: version ${WIRE_VERSION}, the ${peer} ${version}`;
}
