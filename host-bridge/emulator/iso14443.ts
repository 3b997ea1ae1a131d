/**
 * What both ends of ISO/IEC 14443 type A need: checksum, block formats of ISO-DEP, timings.
 *
 * Source: ISO/IEC 14443-3 (CRC_A, 6.2.4; commands, 6.4) and 14443-4 (ATS 5.2, blocks 7.1, frame waiting time 7.2).
 */

/** Appends CRC_A: polynomial x^16 + x^12 + x^5 + 1, start 6363, low byte first. */
export function withCrc(bytes: ArrayLike<number>): Uint8Array {
  const crc = crcA(bytes, bytes.length);
  const out = new Uint8Array(bytes.length + 2);
  out.set(bytes);
  out[bytes.length] = crc & 255;
  out[bytes.length + 1] = crc >> 8;
  return out;
}

/** The frame without its CRC_A; null where that is wrong or missing. */
export function stripCrc(frame: Uint8Array): Uint8Array | null {
  const length = frame.length - 2;
  if (length < 1) return null;
  const crc = crcA(frame, length);
  if (frame[length] !== (crc & 255) || frame[length + 1] !== crc >> 8) return null;
  return frame.subarray(0, length);
}

function crcA(bytes: ArrayLike<number>, length: number): number {
  let crc = 0x6363;
  for (let i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x8408 : crc >> 1;
  }
  return crc;
}

/** Commands of ISO/IEC 14443-3 and RATS of 14443-4. */
export const AIR = { REQA: 0x26, WUPA: 0x52, SDD: 0x93, SDD_NVB: 0x20, SELECT_NVB: 0x70, HLTA: 0x50, RATS: 0xe0 };

/** Kinds of ISO-DEP blocks by their protocol control byte, without CID and NAD (ISO/IEC 14443-4 7.1.1.1). */
export type Block =
  | { kind: 'I'; number: number; chained: boolean; data: Uint8Array }
  | { kind: 'ACK' | 'NAK'; number: number }
  | { kind: 'WTX'; multiplier: number }
  | { kind: 'DESELECT' };

/** Takes a block apart; null for what is none. */
export function parseBlock(bytes: Uint8Array): Block | null {
  const pcb = bytes[0];
  if ((pcb & 0xee) === 0x02) return { kind: 'I', number: pcb & 1, chained: (pcb & 0x10) !== 0, data: bytes.slice(1) };
  if ((pcb & 0xee) === 0xa2 && bytes.length === 1) return { kind: pcb & 0x10 ? 'NAK' : 'ACK', number: pcb & 1 };
  // WTXM 0 and 60 to 63 are reserved (7.3): no block that a reader may grant.
  if (pcb === 0xf2 && bytes.length === 2 && (bytes[1] & 0x3f) > 0 && (bytes[1] & 0x3f) < 60)
    return { kind: 'WTX', multiplier: bytes[1] & 0x3f };
  if (pcb === 0xc2 && bytes.length === 1) return { kind: 'DESELECT' };
  return null;
}

/** Encodes a block, without checksum. */
export function encodeBlock(block: Block): Uint8Array {
  if (block.kind === 'I') return Uint8Array.from([0x02 | block.number | (block.chained ? 0x10 : 0), ...block.data]);
  if (block.kind === 'ACK') return Uint8Array.of(0xa2 | block.number);
  if (block.kind === 'NAK') return Uint8Array.of(0xb2 | block.number);
  if (block.kind === 'WTX') return Uint8Array.of(0xf2, block.multiplier);
  return Uint8Array.of(0xc2);
}

/** Bytes of a frame for FSCI or FSDI 0 to 8, checksum included (ISO/IEC 14443-4 table 1). */
export function frameBytes(index: number): number {
  return [16, 24, 32, 40, 48, 64, 96, 128, 256][Math.min(index, 8)];
}

/** FWTmax, FWI 14: no waiting time is longer, whatever a card asks for (ISO/IEC 14443-4 7.2, 7.3). */
export const FWI_MAX = 14;

/** Frame waiting time for FWI, in milliseconds: 256 * 16 / fc * 2^FWI (ISO/IEC 14443-4 7.2). */
export function waitingTimeMs(fwi: number): number {
  return (4096 / 13_560) * 2 ** fwi;
}
