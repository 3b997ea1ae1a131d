/**
 * Messages as lists of fields: the one place that turns a message into bytes and back.
 *
 * A message's layout is data, so that encoder, decoder, the message's TypeScript type (`MessageOf`) and
 * docs/protocol.md are made from the same list. Decoding takes hostile bytes: it returns null for anything that is not
 * exactly one message, and one message has exactly one encoding.
 */
import { AMOUNT_BYTES, readBalance, writeAmount } from '../core/amount.js';
import { copy, readU32, writeU32 } from '../core/bytes.js';
import { charsOfName, nameOfChars } from './name.js';

/** Kinds of field. `REST` must come last and takes what is left (possibly nothing). */
export const U8 = 'u8';
export const U32 = 'u32';
/** 8 bytes, 1 to 2^53 - 1. */
export const AMOUNT = 'amount';
/** 8 bytes, 0 to 2^53 - 1. */
export const BALANCE = 'balance';
/** As many bytes as the field says. */
export const BYTES = 'bytes';
/** Length byte, then 1 to 64 bytes of UTF-8: IdU or IdS (name.ts). */
export const NAME = 'name';
export const REST = 'rest';

/** A field: its name, its kind, and for kind BYTES or 'ascii' the length in bytes. */
export type Field =
  | readonly [name: string, kind: 'u8' | 'u32' | 'amount' | 'balance' | 'name' | 'rest']
  | readonly [name: string, kind: 'bytes' | 'ascii', length: number];

/** What stands for a field of a kind in a message. */
type FieldValue<Kind> = Kind extends 'bytes' | 'rest' ? Uint8Array : Kind extends 'name' | 'ascii' ? string : number;

/** Of a field before its kind is known. */
type AnyValue = Uint8Array | string | number;

/** The message that a layout describes. */
type MessageOfFields<Fields extends readonly Field[]> = { [Each in Fields[number] as Each[0]]: FieldValue<Each[1]> };

/** The message of a codec: `type Refund = MessageOf<typeof refund>`. */
export type MessageOf<C> = C extends Codec<infer T> ? T : never;

const ASCII_PATTERN = /^[!-~]+$/;

/** A message's layout with its two directions. */
export interface Codec<T> {
  /** Fields as "name,kind,length", separated by spaces; without a length for kinds that have their own. */
  layout: string;
  /** @throws RangeError when a field does not fit: misuse by our own code */
  encode(message: T): Uint8Array;
  /** The message, or null where the bytes are not exactly one. */
  decode(bytes: Uint8Array): T | null;
}

/** Whether a text has that many characters, all of them printable ASCII. */
export function isAscii(text: unknown, length: number): text is string {
  return typeof text === 'string' && text.length === length && ASCII_PATTERN.test(text);
}

/** Text of bytes `start` to `end`; one native call, for a loop over characters would be half of a decoder's time. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode.apply(String, bytes.subarray(start, end) as unknown as number[]);
}

/** Bytes of a field; of its value, characters of a name, only the length is looked at, where its kind has none. */
function fieldBytes(field: string[], value: { length: number }): number {
  const kind = field[1];
  if (field[2]) return +field[2];
  return kind === U8
    ? 1
    : kind === U32
      ? 4
      : kind === NAME
        ? 1 + value.length
        : kind === REST
          ? value.length
          : AMOUNT_BYTES;
}

function wrong(name: string): never {
  throw new RangeError('field ' + name + ' does not fit its layout');
}

function putField(out: Uint8Array, at: number, field: string[], value: AnyValue): void {
  const name = field[0];
  const kind = field[1];
  if (kind === BYTES || kind === REST) {
    if (kind === BYTES && (value as Uint8Array).length !== +field[2]) wrong(name);
    out.set(value as Uint8Array, at);
  } else if (kind === U8 || kind === U32) {
    if (
      typeof value !== 'number' ||
      value < 0 ||
      value > (kind === U8 ? 255 : 4294967295) ||
      Math.floor(value) !== value
    )
      wrong(name);
    if (kind === U8) out[at] = value;
    else writeU32(out, at, value);
  } else if (kind === AMOUNT || kind === BALANCE) {
    if (kind === AMOUNT && value === 0) wrong(name);
    writeAmount(out, at, value as number);
  } else if (kind === NAME) {
    const chars = value as string;
    if (chars === '') wrong(name);
    out[at] = chars.length;
    for (let i = 0; i < chars.length; i++) out[at + 1 + i] = chars.charCodeAt(i);
  } else {
    if (!isAscii(value, +field[2])) wrong(name);
    for (let i = 0; i < value.length; i++) out[at + i] = value.charCodeAt(i);
  }
}

/** The value of a field that stands from `at` to `end`, or undefined where it is none. */
function takeField(bytes: Uint8Array, at: number, end: number, kind: string): AnyValue | undefined {
  if (kind === BYTES || kind === REST) return copy(bytes, at, end);
  if (kind === U8) return bytes[at];
  if (kind === U32) return readU32(bytes, at);
  if (kind === AMOUNT || kind === BALANCE) {
    const value = readBalance(bytes, at);
    return value === null || (kind === AMOUNT && value === 0) ? undefined : value;
  }
  const text = textOf(bytes, kind === NAME ? at + 1 : at, end);
  return kind === NAME ? nameOfChars(text) || undefined : isAscii(text, end - at) ? text : undefined;
}

function splitField(field: string): string[] {
  return field.split(',');
}

/**
 * A layout is kept as text, "name,kind,length name,kind ...": as arrays, all of them took 700 of a board's variables.
 */
class MessageCodec<T> implements Codec<T> {
  layout: string;

  constructor(fields: readonly Field[]) {
    this.layout = fields.join(' ');
  }

  encode(message: T): Uint8Array {
    const fields = this.layout.split(' ').map(splitField);
    const values: AnyValue[] = [];
    const sizes: number[] = [];
    let length = 0;
    for (let i = 0; i < fields.length; i++) {
      const value = (message as { [name: string]: AnyValue })[fields[i][0]];
      values[i] = fields[i][1] === NAME ? charsOfName(value as string) : value;
      length += sizes[i] = fieldBytes(fields[i], values[i] as string);
    }
    const out = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i < fields.length; i++) {
      putField(out, at, fields[i], values[i]);
      at += sizes[i];
    }
    return out;
  }

  decode(bytes: Uint8Array): T | null {
    const out: { [name: string]: AnyValue } = {};
    const fields = this.layout.split(' ');
    let at = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i].split(',');
      // A REST has what is left, a name what its first byte says; NaN, past the message's end.
      const end = at + fieldBytes(field, { length: field[1] === REST ? bytes.length - at : bytes[at] });
      const value = end <= bytes.length ? takeField(bytes, at, end, field[1]) : undefined;
      if (value === undefined) return null;
      out[field[0]] = value;
      at = end;
    }
    return at === bytes.length ? (out as unknown as T) : null;
  }
}

/** Makes a codec from a layout, which is written out: the build and the compiler read it there. */
export function defineMessage<const Fields extends readonly Field[]>(fields: Fields): Codec<MessageOfFields<Fields>> {
  return new MessageCodec(fields);
}
