/**
 * One end of the serial link, lower half: handshake, and whole messages delivered in order and once.
 *
 * Both ends run this file; clock, line and random numbers are arguments. It stands on the frames of link-frame.ts:
 *
 * 1. A side without a session sends HELLO with a fresh number of its own until HELLO_ACK repeats it. HELLO_ACK brings
 *    the answering side's fresh number, and both numbers are the session: a HELLO that comes late, after its answerer
 *    has started anew, cannot begin an old session again. Where both ask at once, the terminal gives way. A peer of
 *    another version is named as such, and asking goes on, for it may be updated.
 * 2. Messages go in frames that the receiver's burst holds, each sent again until its ACK comes (stop and wait). A
 *    frame that comes twice is acknowledged twice and taken once. A message of one frame overtakes the rest of a long
 *    one, so that a tap does not wait for a deny list. A message may be sent while its end is not known yet.
 * 3. A frame without ACK after `SENDS_MAX` sendings ends the session; asking starts anew.
 * 4. The CRC of a frame is XORed with the session's two numbers. So `STRANGERS_MAX` frames in a row that differ by one
 *    number from what they should be come from a peer in another session, whose handshake half got lost: asking starts
 *    anew.
 *
 * Left out: encryption and authentication of the line; what counts is signed inside the messages.
 */
import { concat } from '../../core/bytes.js';
import { type Code } from '../../core/codes.js';
import {
  ACK_CODED_BYTES_MAX,
  createFrameDecoder,
  encodeFrame,
  FRAME,
  partBytes,
  type Chars,
  type Crc32,
  type Frame,
} from './link-frame.js';
import { hello, type Hello } from './link-messages.js';
import { WIRE_VERSION } from '../signed.js';

/** Values of `role` in HELLO. */
export const ROLE = { bridge: 1, terminal: 2 };

/** Smallest burst that holds a HELLO, and an ACK beside a frame with one byte. */
export const BURST_BYTES_MIN = 48;
/** Longest coded frame that is ever sent, whatever the receiver takes. */
const FRAME_CODED_BYTES_MAX = 1024;
/** Longest message, for a deny list. */
export const MESSAGE_BYTES_MAX = 4500;

/** Time until HELLO is sent again. */
export const HELLO_INTERVAL_MS = 1000;
/**
 * Time until a frame is sent again: at first, doubled each time, and at most. A board that signs is deaf for a while.
 */
export const ACK_TIMEOUT_MS = 250;
export const ACK_TIMEOUT_MAX_MS = 2000;
/**
 * How often a frame is sent before the session is given up, after some 20 s: a peer that works on its own is deaf for
 * long.
 */
export const SENDS_MAX = 12;
/**
 * The same for whoever talks to a board, some 48 s. The longest piece of a board's work is the check of a key without
 * multiples, 1.92 thousand million instructions: 14 s on an ESP32 with flash at QIO 80 MHz, 36 s where its variables
 * lie in PSRAM.
 */
export const SENDS_TO_BOARD_MAX = 26;
/**
 * Frames of another session, without one of ours between them, that end ours. Old ones still on their way are fewer.
 */
const STRANGERS_MAX = 3;

/** What either half needs from where it runs. */
export interface LinkEnvironment {
  /** One of `ROLE`. */
  role: number;
  /** Default `SENDS_MAX`. */
  sendsMax?: number;
  /** Longest burst that the UART of this side takes; at least `BURST_BYTES_MIN`. */
  burstBytesMax: number;
  clock: { setTimeout(callback: () => void, delayMs: number): any; clearTimeout(handle: any): void };
  crc32: Crc32;
  /** Natives for text and bytes, where there are: `{ toChars: E.toString, fromChars: E.toUint8Array }`. */
  chars?: Chars;
  write(bytes: Uint8Array): void;
  /** A number that does not return after a restart: not from a generator that starts the same on each boot. */
  random32(): number;
  onUp(peer: Hello): void;
  /** The session ended (LINK_DOWN), or a peer of another version answers (UPDATE_NEEDED), which is `version`. */
  onDown(code: Code, version: number): void;
}

/** What the transport needs. */
export interface TransportOptions extends LinkEnvironment {
  /** A whole message whose first byte is above this is acted on before it is acknowledged: it is waited for. */
  urgentAbove: number;
  /** A message came. `cut` when it was longer than `MESSAGE_BYTES_MAX`: then these are its first bytes, 2 at least. */
  onMessage(message: Uint8Array, cut: boolean): void;
}

/** A message on its way out: all its bytes, of which `ready` are known and `at` acknowledged. */
export interface Outgoing {
  bytes: Uint8Array;
  ready: number;
  at: number;
}

/** The lower half of one end. */
export interface LinkTransport {
  start(): void;
  /** Ends the session; `onDown` is not called. */
  stop(): void;
  up(): boolean;
  /** Takes what comes from the line, as bytes or as a string of character codes. */
  receive(data: Uint8Array | string): void;
  /** Sends a message of 1 to `MESSAGE_BYTES_MAX` bytes, or the first `ready` of them, at least 1; only while up. */
  send(bytes: Uint8Array, ready?: number): Outgoing;
  /**
   * Sends the rest of a message of this session, whose length ends with it: less than announced where it is given up.
   */
  finish(message: Outgoing, rest: Uint8Array): void;
  /** Takes a message back, if no byte of it was sent. */
  recall(message: Outgoing): boolean;
  /** Messages not yet delivered. */
  queued(): number;
}

/** Makes the lower half of one end. @throws RangeError for a burst below `BURST_BYTES_MIN` */
export function createLinkTransport(options: TransportOptions): LinkTransport {
  if (!(options.burstBytesMax >= BURST_BYTES_MIN)) throw new RangeError('burst below ' + BURST_BYTES_MIN + ' bytes');
  const clock = options.clock;
  const NOTHING = new Uint8Array(0);
  let running = false;
  let isUp = false;
  /** This side's number of the session that it asks for or is in; 0 for none. */
  let own = 0;
  /** The peer's number; 0 while not up. */
  let theirs = 0;
  let helloTimer: any = null;
  /** The version of a peer that speaks another one, once it was named; else 0. */
  let strange = 0;
  /** Longest coded frame to the peer. */
  let frameBytesMax = 0;

  let queue: Outgoing[] = [];
  /** The message of which a frame waits for its ACK, where that frame ends in it, and the coded frame. */
  let flying: Outgoing | null = null;
  let flyingEnd = 0;
  let flyingIsLast = false;
  let flyingBytes: Uint8Array = NOTHING;
  let sequence = 0;
  let sends = 0;
  let ackTimeoutMs = 0;
  let ackTimer: any = null;

  let received = 255;
  /** By what the last frames of another session differ from ours, and how many of them came in a row. */
  let difference = 0;
  let strangers = 0;
  let parts: Uint8Array[] = [];
  let partsBytes = 0;

  function frameCrc(body: Uint8Array): number {
    return (options.crc32(body) ^ (body[0] === FRAME.hello || body[0] === FRAME.helloAck ? 0 : own ^ theirs)) >>> 0;
  }

  function writeFrame(type: number, number: number, payload: Uint8Array): void {
    options.write(encodeFrame({ type: type, sequence: number, payload: payload }, frameCrc, options.chars));
  }

  function stopTimer(timer: any): null {
    if (timer !== null) clock.clearTimeout(timer);
    return null;
  }

  // Sessions.

  /** Forgets everything of the session, then tells. */
  function end(code: Code): void {
    const wasUp = isUp;
    isUp = false;
    own = 0;
    theirs = 0;
    helloTimer = stopTimer(helloTimer);
    ackTimer = stopTimer(ackTimer);
    queue = [];
    flying = null;
    sequence = 0;
    received = 255;
    parts = [];
    partsBytes = 0;
    strangers = 0;
    if (running && (wasUp || code !== 'LINK_DOWN')) options.onDown(code, strange);
  }

  /** Writes HELLO or HELLO_ACK with this side's number; `answers`: the peer's, 0 in HELLO. */
  function writeHello(type: number, answers: number): void {
    const payload = hello.encode({
      version: WIRE_VERSION,
      role: options.role,
      burstBytesMax: options.burstBytesMax,
      session: own,
      answers: answers,
    });
    writeFrame(type, 0, payload);
  }

  function drawOwn(): void {
    if (own === 0) own = options.random32() >>> 0 || 1;
  }

  /** Asks for a session of its own number, again and again until there is one. */
  function ask(): void {
    if (!running || isUp || helloTimer !== null) return;
    drawOwn();
    helloTimer = clock.setTimeout(function (): void {
      helloTimer = null;
      ask();
    }, HELLO_INTERVAL_MS);
    writeHello(FRAME.hello, 0);
  }

  function restart(code: Code): void {
    end(code);
    ask();
  }

  function begin(peer: Hello): void {
    helloTimer = stopTimer(helloTimer);
    theirs = peer.session;
    isUp = true;
    strange = 0;
    frameBytesMax = peer.burstBytesMax - ACK_CODED_BYTES_MAX;
    if (frameBytesMax > FRAME_CODED_BYTES_MAX) frameBytesMax = FRAME_CODED_BYTES_MAX;
  }

  /** HELLO of another version: version and role are the first two bytes in all of them. */
  function onStranger(frame: Frame): void {
    if (frame.payload[1] === options.role) return;
    if (frame.type === FRAME.hello) writeHello(FRAME.helloAck, 0);
    if (strange) return;
    strange = frame.payload[0];
    restart('UPDATE_NEEDED');
  }

  function onHello(peer: Hello): void {
    if (peer.session === 0) return;
    if (!isUp || peer.session !== theirs) {
      // Both ask: the terminal gives way.
      if (!isUp && own !== 0 && options.role === ROLE.bridge) return;
      // What the terminal asked with stays its number: the peer may still hear that HELLO.
      const asked = isUp ? 0 : own;
      end('LINK_DOWN');
      if (!running || isUp) return;
      own = asked;
      drawOwn();
      begin(peer);
      writeHello(FRAME.helloAck, theirs);
      options.onUp(peer);
      return;
    }
    writeHello(FRAME.helloAck, theirs);
  }

  function onHelloAck(peer: Hello): void {
    const mine = own !== 0 && peer.answers === own;
    if (isUp) {
      // The peer took an old HELLO for a new one, or has started anew and answers one that came late.
      if (!mine || peer.session !== theirs) restart('LINK_DOWN');
    } else if (mine && peer.session !== 0) {
      begin(peer);
      options.onUp(peer);
    }
  }

  function onDamaged(by: number): void {
    strangers = by === difference ? strangers + 1 : 1;
    difference = by;
    if (isUp && strangers >= STRANGERS_MAX) restart('LINK_DOWN');
  }

  // Sending: one frame in flight.

  function sendFlying(): void {
    ackTimer = null;
    if (sends === (options.sendsMax || SENDS_MAX)) {
      restart('LINK_DOWN');
      return;
    }
    ackTimeoutMs = sends++ === 0 ? ACK_TIMEOUT_MS : Math.min(2 * ackTimeoutMs, ACK_TIMEOUT_MAX_MS);
    ackTimer = clock.setTimeout(sendFlying, ackTimeoutMs);
    options.write(flyingBytes);
  }

  /**
   * The first message, or while it is on its way the first other one that a single frame holds; null where its end is
   * awaited.
   */
  function choose(): Outgoing | null {
    const first = queue[0];
    if (first.at === 0) return first;
    for (let i = 1; i < queue.length; i++) {
      const bytes = queue[i].bytes;
      if (queue[i].ready === bytes.length && partBytes(bytes, 0, frameBytesMax) === bytes.length) return queue[i];
    }
    return first.at < first.ready || first.ready === first.bytes.length ? first : null;
  }

  function sendNext(): void {
    if (flying || queue.length === 0) return;
    const message = choose();
    if (!message) return;
    const bytes = message.bytes;
    flyingEnd = message.at + partBytes(bytes.subarray(0, message.ready), message.at, frameBytesMax);
    flyingIsLast = flyingEnd === bytes.length;
    const type = !flyingIsLast ? FRAME.part : message.at > 0 ? FRAME.last : FRAME.whole;
    flyingBytes = encodeFrame(
      { type: type, sequence: sequence, payload: bytes.subarray(message.at, flyingEnd) },
      frameCrc,
      options.chars,
    );
    flying = message;
    sends = 0;
    sendFlying();
  }

  function onAck(number: number): void {
    if (!flying || number !== sequence) return;
    ackTimer = stopTimer(ackTimer);
    flying.at = flyingEnd;
    if (flyingIsLast) queue.splice(queue.indexOf(flying), 1);
    flying = null;
    sequence = (sequence + 1) & 255;
    sendNext();
  }

  // Receiving.

  function onData(frame: Frame): void {
    const ahead = (frame.sequence - received) & 255;
    if (ahead > 1) return;
    received = frame.sequence;
    const mine = own;
    if (ahead > 0 && frame.type === FRAME.whole && frame.payload[0] > options.urgentAbove) {
      options.onMessage(frame.payload, false);
      if (own === mine) writeFrame(FRAME.ack, frame.sequence, NOTHING);
      return;
    }
    // Anything else is acknowledged before it is acted on: what follows may take the board a second.
    writeFrame(FRAME.ack, frame.sequence, NOTHING);
    if (ahead === 0) return;
    if (frame.type === FRAME.whole) {
      options.onMessage(frame.payload, false);
      return;
    }
    partsBytes += frame.payload.length;
    if (partsBytes <= MESSAGE_BYTES_MAX) parts.push(frame.payload);
    if (frame.type === FRAME.part) return;
    const message = concat(parts);
    const cut = partsBytes > MESSAGE_BYTES_MAX;
    parts = [];
    partsBytes = 0;
    options.onMessage(message, cut);
  }

  function onFrame(frame: Frame): void {
    const type = frame.type;
    strangers = 0;
    if (isUp && type === FRAME.ack) onAck(frame.sequence);
    else if (isUp && (type === FRAME.part || type === FRAME.last || type === FRAME.whole)) onData(frame);
    else if (running && (type === FRAME.hello || type === FRAME.helloAck)) {
      if (frame.payload.length > 1 && frame.payload[0] !== WIRE_VERSION) {
        onStranger(frame);
        return;
      }
      const peer = hello.decode(frame.payload);
      // A console that echoes, or a shorted line, sends our own HELLO back.
      if (!peer || peer.role === options.role || peer.burstBytesMax < BURST_BYTES_MIN) return;
      if (type === FRAME.hello) onHello(peer);
      else onHelloAck(peer);
    }
  }

  return {
    start: function (): void {
      running = true;
      ask();
    },
    stop: function (): void {
      running = false;
      end('LINK_DOWN');
    },
    up: function (): boolean {
      return isUp;
    },
    receive: createFrameDecoder(frameCrc, onFrame, onDamaged, options.chars),
    send: function (bytes: Uint8Array, ready?: number): Outgoing {
      const message = { bytes: bytes, ready: ready || bytes.length, at: 0 };
      queue.push(message);
      sendNext();
      return message;
    },
    finish: function (message: Outgoing, rest: Uint8Array): void {
      message.bytes.set(rest, message.ready);
      message.ready += rest.length;
      message.bytes = message.bytes.subarray(0, message.ready);
      sendNext();
    },
    recall: function (message: Outgoing): boolean {
      const i = queue.indexOf(message);
      if (i < 0 || message === flying || message.at > 0) return false;
      queue.splice(i, 1);
      return true;
    },
    queued: function (): number {
      return queue.length;
    },
  };
}
