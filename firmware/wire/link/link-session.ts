/**
 * One end of the serial link, upper half: requests and their answers, on the messages of link-transport.ts.
 *
 * A request is done at most once by the peer and its callback is called exactly once. Who must know that something
 * happened repeats the request, in the next session if need be, under the same identifier in its body.
 */
import { concat, copy } from '../../core/bytes.js';
import { codeNumber, codeOf, type Code } from '../../core/codes.js';
import { createLinkTransport, MESSAGE_BYTES_MAX, type LinkEnvironment, type Outgoing } from './link-transport.js';

export { BURST_BYTES_MIN, MESSAGE_BYTES_MAX, ROLE } from './link-transport.js';

/** Requests that may wait for their answers at one time, in each direction. */
export const REQUESTS_MAX = 8;
/** Messages that may wait for the line; more come only of a peer that asks and never acknowledges. */
const QUEUE_MAX = 20;
/** In the kind of an answer beside its request's kind; kinds of requests are below it. */
const ANSWER = 128;
/** Requests given up whose ids stay reserved, so that a late answer meets nobody else. */
const ABANDONED_MAX = 16;

/** What the session needs. */
export interface LinkOptions extends LinkEnvironment {
  /** A request came. `reply` answers it once; an answer to a session that is over vanishes. */
  onRequest(kind: number, body: Uint8Array, reply: (code: Code, body?: Uint8Array) => void): void;
}

/**
 * A request; `callback` is null before it is finished, and once it was given up. To all others, what names it to its
 * session.
 */
export interface BegunRequest {
  id: number;
  kind: number;
  callback: ((code: Code, body: Uint8Array) => void) | null;
  timer: any;
  message: Outgoing | null;
}

/** One end of the link. */
export interface LinkSession {
  /** Starts asking for a session. */
  start(): void;
  /** Ends the session and all requests; `onDown` is not called. */
  stop(): void;
  up(): boolean;
  /** Takes what comes from the line, as bytes or as a string of character codes. */
  receive(data: Uint8Array | string): void;
  /**
   * Sends a request. `callback` is called exactly once, never before this returns: with the peer's code, or LINK_DOWN
   * (no session, or it ended), BUSY (`REQUESTS_MAX` are waiting), NO_ANSWER (`timeoutMs` passed; the peer may have
   * acted).
   * @throws RangeError for a message above `MESSAGE_BYTES_MAX`
   */
  request(kind: number, body: Uint8Array, callback: (code: Code, body: Uint8Array) => void, timeoutMs: number): void;
  /**
   * Sends the beginning of a request while its last `restBytes` are not known yet, so that they alone are waited for on
   * the line. Null where `request` would say LINK_DOWN or BUSY. It must be finished, at once if it has no rest; until
   * then only messages of one frame pass it.
   */
  begin(kind: number, start: Uint8Array, restBytes: number): BegunRequest | null;
  /**
   * Sends the rest; `callback` as in `request`. A rest that is shorter than announced gives the request up: the peer
   * gets one that is too short. Null is what `begin` refused.
   */
  finish(
    begun: BegunRequest | null,
    rest: Uint8Array,
    callback: (code: Code, body: Uint8Array) => void,
    timeoutMs: number,
  ): void;
}

/** Makes one end of a link. @throws RangeError for a burst below `BURST_BYTES_MIN` */
export function createLinkSession(options: LinkOptions): LinkSession {
  const clock = options.clock;
  const NOTHING = new Uint8Array(0);
  let waiting: BegunRequest[] = [];
  let nextId = 0;
  /** Requests of the peer that are not yet answered. */
  let unanswered = 0;
  /** Counts sessions that ended, so that an answer knows that its session is over. */
  let ended = 0;

  function failAll(): void {
    const lost = waiting;
    waiting = [];
    unanswered = 0;
    ended++;
    for (let i = 0; i < lost.length; i++) {
      if (lost[i].timer !== null) clock.clearTimeout(lost[i].timer);
      lost[i].timer = null;
    }
    for (let i = 0; i < lost.length; i++) {
      const callback = lost[i].callback;
      if (callback) callback('LINK_DOWN', NOTHING);
    }
  }

  function onAnswer(message: Uint8Array, cut: boolean): void {
    let i = 0;
    while (i < waiting.length && !(waiting[i].id === message[1] && (waiting[i].kind | ANSWER) === message[0])) i++;
    if (i === waiting.length || message.length < 3) return;
    const request = waiting[i];
    waiting.splice(i, 1);
    request.message = null;
    if (request.timer !== null) clock.clearTimeout(request.timer);
    if (!request.callback) return;
    if (cut) request.callback('BAD_REQUEST', NOTHING);
    else request.callback(codeOf(message[2]), message.subarray(3));
  }

  function onRequest(kind: number, id: number, body: Uint8Array, cut: boolean): void {
    function answer(code: Code, answerBody: Uint8Array): void {
      transport.send(concat([new Uint8Array([kind | ANSWER, id, codeNumber(code)]), answerBody]));
    }
    if (transport.queued() >= QUEUE_MAX) return;
    if (cut || unanswered >= REQUESTS_MAX) {
      answer(cut ? 'BAD_REQUEST' : 'BUSY', NOTHING);
      return;
    }
    const mine = ended;
    let answered = false;
    unanswered++;
    options.onRequest(kind, body, function (code: Code, answerBody?: Uint8Array): void {
      if (answered) return;
      answered = true;
      if (mine !== ended) return;
      unanswered--;
      answer(code, answerBody || NOTHING);
    });
  }

  const transport = createLinkTransport({
    role: options.role,
    sendsMax: options.sendsMax,
    burstBytesMax: options.burstBytesMax,
    clock: clock,
    crc32: options.crc32,
    chars: options.chars,
    write: options.write,
    random32: options.random32,
    onUp: options.onUp,
    onDown: function (code: Code, version: number): void {
      failAll();
      options.onDown(code, version);
    },
    // An answer is what a customer waits for.
    urgentAbove: ANSWER - 1,
    onMessage: function (message: Uint8Array, cut: boolean): void {
      if (message.length < 2) return;
      if (message[0] >= ANSWER) onAnswer(message, cut);
      else onRequest(message[0], message[1], copy(message, 2, message.length), cut);
    },
  });

  function freeId(): number {
    let taken = true;
    while (taken) {
      nextId = (nextId + 1) & 255;
      taken = false;
      for (let i = 0; i < waiting.length; i++) if (waiting[i].id === nextId) taken = true;
    }
    return nextId;
  }

  /** The time of a request is over. Its id stays reserved, unless the peer cannot have seen it. */
  function abandon(request: BegunRequest): void {
    const callback = request.callback as (code: Code, body: Uint8Array) => void;
    request.callback = null;
    request.timer = null;
    const unseen = request.message !== null && transport.recall(request.message);
    let abandoned = 0;
    for (let i = waiting.length - 1; i >= 0; i--) {
      if (!waiting[i].callback) abandoned++;
      if (waiting[i] === request ? unseen : !waiting[i].callback && abandoned > ABANDONED_MAX) waiting.splice(i, 1);
    }
    callback('NO_ANSWER', NOTHING);
  }

  function begin(kind: number, start: Uint8Array, restBytes: number): BegunRequest | null {
    let live = 0;
    for (let i = 0; i < waiting.length; i++) if (waiting[i].callback) live++;
    if (!transport.up() || live >= REQUESTS_MAX) return null;
    const request: BegunRequest = { id: freeId(), kind: kind, callback: null, timer: null, message: null };
    const ready = 2 + start.length;
    const bytes = new Uint8Array(ready + restBytes);
    bytes.set([kind, request.id]);
    bytes.set(start, 2);
    waiting.push(request);
    request.message = transport.send(bytes, ready);
    return request;
  }

  function finish(
    request: BegunRequest | null,
    rest: Uint8Array,
    callback: (code: Code, body: Uint8Array) => void,
    timeoutMs: number,
  ): void {
    // Not begun, or its session ended, or it was answered before its end.
    if (!request || waiting.indexOf(request) < 0) {
      const code: Code = !request && transport.up() ? 'BUSY' : 'LINK_DOWN';
      clock.setTimeout(function (): void {
        callback(code, NOTHING);
      }, 0);
      return;
    }
    request.callback = callback;
    request.timer = clock.setTimeout(function (): void {
      abandon(request);
    }, timeoutMs);
    transport.finish(request.message!, rest);
  }

  return {
    start: transport.start,
    stop: function (): void {
      transport.stop();
      failAll();
    },
    up: transport.up,
    receive: transport.receive,
    request: function (kind, body, callback, timeoutMs): void {
      if (body.length + 2 > MESSAGE_BYTES_MAX) throw new RangeError('message too long for the link');
      finish(begin(kind, body, 0), NOTHING, callback, timeoutMs);
    },
    begin: begin,
    finish: finish,
  };
}
