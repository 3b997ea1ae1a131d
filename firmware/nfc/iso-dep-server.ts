/**
 * Command APDUs of the token: takes one, gives its answer; assembles chained commands, hands out long answers in parts.
 *
 * Source: ISO/IEC 7816-4: APDU cases 5.1, command chaining 5.1.1.1, response chaining 5.3.4 and 7.6.1, SELECT 7.1.1,
 * status words 5.6. Whatever arrives is answered by a status word; nothing throws, nothing grows, and a refused command
 * never reaches a handler. Checks run in the order in which they stand here.
 *
 * | status | when |
 * |---|---|
 * | 6700 | no short APDU, or a chain longer than `MESSAGE_BYTES_MAX` |
 * | 6E00 | another class (also secure messaging and logical channels) |
 * | 6884 | a chained SELECT or GET RESPONSE |
 * | 6A86 | SELECT or GET RESPONSE with other P1 P2 |
 * | 6A82 | SELECT of another application |
 * | 6985 | a command before SELECT, or GET RESPONSE with nothing to fetch |
 * | 6883 | a chain left off by another command; the chain is forgotten |
 * | 6D00 | a handler does not know the instruction |
 * | 6F00 | a handler failed |
 *
 * Left out: extended length, logical channels, secure messaging, selection by part of the name.
 */
import { equal } from '../core/bytes.js';
import { CLA_CHAINING, INS_GET_RESPONSE, INS_SELECT, MESSAGE_BYTES_MAX } from './iso-dep-client.js';

/** Status words of ISO/IEC 7816-4 5.6 that this layer gives; a handler gives 9000, 6D00 or its own. */
export const SW_OK = 0x9000;
export const SW_WRONG_LENGTH = 0x6700;
export const SW_CHAIN_LEFT_OFF = 0x6883;
export const SW_CHAINING_UNSUPPORTED = 0x6884;
export const SW_NOT_ALLOWED = 0x6985;
export const SW_NOT_FOUND = 0x6a82;
export const SW_WRONG_P1_P2 = 0x6a86;
export const SW_UNKNOWN_INS = 0x6d00;
export const SW_UNKNOWN_CLA = 0x6e00;
export const SW_FAILURE = 0x6f00;

/** What a handler answers: a status word, and data with it (may be none). */
export interface ApduAnswer {
  sw: number;
  data?: Uint8Array;
}

export interface ApduHandlers {
  /** Data of the answer to SELECT. */
  selectAnswer: Uint8Array;
  /** SELECT of our application: forget any conversation under way. */
  select: () => void;
  /** A whole command, its parts joined. */
  command: (ins: number, data: Uint8Array, p1: number, p2: number) => ApduAnswer;
}

export interface ApduServerOptions {
  /** Application identifier, 5 to 16 bytes. */
  aid: Uint8Array;
  /** Class byte of the application's commands. Default 80 (proprietary). */
  cla?: number;
  /** Joins an answer's data and status word for whoever carries it: to his frame, say. Default: to a response APDU. */
  respond?: (data: Uint8Array, sw: number) => Uint8Array;
  handlers: ApduHandlers;
}

export interface ApduServer {
  /** Answers a command APDU of any bytes, by `respond` of at most 256 data bytes and a status word. */
  handle(apdu: Uint8Array): Uint8Array;
  /** Whether the reader has more of the answer to fetch. */
  hasMore(): boolean;
  /** Forgets selection, chain and pending answer: for a new activation. */
  reset(): void;
}

/** A short command APDU, taken apart. `le` is 0 where there is none, else 1 to 256. */
export interface CommandApdu {
  cla: number;
  ins: number;
  p1: number;
  p2: number;
  data: Uint8Array;
  le: number;
}

/** Takes a short command APDU apart (ISO/IEC 7816-4 5.1, cases 1 to 4); null for any other bytes. */
export function parseApdu(apdu: Uint8Array): CommandApdu | null {
  const length = apdu.length;
  const lc = length > 5 ? apdu[4] : 0;
  // What is left for Le, beside header, Lc and data.
  const left = length - 4 - (length > 5 ? 1 + lc : 0);
  if (length < 4 || left < 0 || left > 1 || (length > 5 && lc === 0)) return null;
  return {
    cla: apdu[0],
    ins: apdu[1],
    p1: apdu[2],
    p2: apdu[3],
    data: apdu.subarray(length - left - lc, length - left),
    le: left && (apdu[length - 1] || 256),
  };
}

/** A response APDU. */
function responseApdu(data: Uint8Array, sw: number): Uint8Array {
  const out = new Uint8Array(data.length + 2);
  out.set(data);
  out.set([sw >> 8, sw & 255], data.length);
  return out;
}

/** Makes a server; one conversation at a time. */
export function createApduServer(options: ApduServerOptions): ApduServer {
  const none = new Uint8Array(0);
  const cla = options.cla === undefined ? 0x80 : options.cla;
  const respond = options.respond || responseApdu;
  const handlers = options.handlers;
  // Made once: a reader waits for it.
  const selectResponse = respond(handlers.selectAnswer, SW_OK);
  let selected = false;
  let pending: Uint8Array = none; // what GET RESPONSE would fetch
  let pendingSw = 0;
  let chain: Uint8Array | null = null; // one buffer, so that many small parts take no more memory than one command
  let chainBytes = 0;
  let chainHead = 0; // INS, P1, P2 of the chain

  function forget(): void {
    pending = none;
    chain = null;
    chainBytes = 0;
  }

  function status(sw: number): Uint8Array {
    return respond(none, sw);
  }

  /** As much of the pending answer as Le (256 where there is none) allows; 61xx while some is left. */
  function handOut(le: number): Uint8Array {
    const bytes = Math.min(le || 256, pending.length);
    const part = pending.subarray(0, bytes);
    pending = pending.subarray(bytes);
    if (pending.length === 0) return respond(part, pendingSw);
    return respond(part, 0x6100 + (pending.length > 255 ? 0 : pending.length));
  }

  function handOutFirst(data: Uint8Array, sw: number, le: number): Uint8Array {
    pending = data;
    pendingSw = sw;
    return handOut(le);
  }

  function fits(data: Uint8Array, le: number): boolean {
    return data.length <= (le || 256);
  }

  function select(command: CommandApdu): Uint8Array {
    if (command.cla & CLA_CHAINING) return status(SW_CHAINING_UNSUPPORTED);
    if (command.p1 !== 0x04 || command.p2 !== 0x00) return status(SW_WRONG_P1_P2);
    if (!equal(command.data, options.aid)) return status(SW_NOT_FOUND);
    forget();
    handlers.select();
    selected = true;
    return fits(handlers.selectAnswer, command.le)
      ? selectResponse
      : handOutFirst(handlers.selectAnswer, SW_OK, command.le);
  }

  function getResponse(command: CommandApdu): Uint8Array {
    if (command.cla & CLA_CHAINING) return status(SW_CHAINING_UNSUPPORTED);
    if (command.p1 !== 0 || command.p2 !== 0) return status(SW_WRONG_P1_P2);
    if (pending.length === 0) return status(SW_NOT_ALLOWED);
    return handOut(command.le);
  }

  function run(command: CommandApdu, data: Uint8Array): Uint8Array {
    const result = handlers.command(command.ins, data, command.p1, command.p2);
    const found = result.data || none;
    return fits(found, command.le) ? respond(found, result.sw) : handOutFirst(found, result.sw, command.le);
  }

  /** A part of a chain, the last one included. */
  function collect(command: CommandApdu): Uint8Array {
    const head = command.ins * 65536 + command.p1 * 256 + command.p2;
    if (chain && head !== chainHead) {
      forget();
      return status(SW_CHAIN_LEFT_OFF);
    }
    const more = (command.cla & CLA_CHAINING) !== 0;
    // Parts of no bytes would let a chain go on for ever.
    if (chainBytes + command.data.length > MESSAGE_BYTES_MAX || (more && command.data.length === 0)) {
      forget();
      return status(SW_WRONG_LENGTH);
    }
    if (!chain) chain = new Uint8Array(MESSAGE_BYTES_MAX);
    chain.set(command.data, chainBytes);
    chainHead = head;
    chainBytes += command.data.length;
    if (more) return status(SW_OK);
    const data = chain.subarray(0, chainBytes);
    forget();
    return run(command, data);
  }

  function dispatch(apdu: Uint8Array): Uint8Array {
    const command = parseApdu(apdu);
    if (!command) return status(SW_WRONG_LENGTH);
    const plain = command.cla & 0xef;
    if (command.ins === INS_SELECT && plain === 0) return select(command);
    if (plain !== cla && !(command.ins === INS_GET_RESPONSE && plain === 0)) return status(SW_UNKNOWN_CLA);
    if (command.ins === INS_GET_RESPONSE) return getResponse(command);
    if (!selected) return status(SW_NOT_ALLOWED);
    pending = none;
    return chain || command.cla & CLA_CHAINING ? collect(command) : run(command, command.data);
  }

  return {
    handle: function (apdu) {
      try {
        return dispatch(apdu);
      } catch (error) {
        // A handler failed. The reader learns nothing but that.
        forget();
        return status(SW_FAILURE);
      }
    },
    hasMore: function () {
      return pending.length > 0;
    },
    reset: function () {
      selected = false;
      forget();
    },
  };
}
