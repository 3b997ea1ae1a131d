/**
 * A reader without a radio: where a PN532 finds a card in its field, this one finds a wallet on a communication line.
 *
 * It has the interface of firmware/nfc/pn532-reader.ts, so the terminal's program runs on it as on a board. A wallet
 * names the charge that it comes for, by an id that only its customer was given; so nobody stands at the reader before
 * a charge, and what looks whether the last token has left finds nobody.
 */
import type { DoneResult, FindResult, PreparedApdu, Pn532Reader } from '../../firmware/nfc/pn532-reader.js';
import type { ErrorCode } from '../base/errors.js';
import { refusal, type Result } from '../base/errors.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { createVisit, type Visit, type VisitReply } from './visit.js';

/** Conversations whose end is still told to who asks again. */
const VISITS_MAX = 32;
/** Status word included: what one short APDU carries. */
export const RESPONSE_BYTES_MAX = 258;

/** The reader, and its door. */
export interface LineReader extends Pn532Reader {
  /** A wallet comes: its first command, once the terminal has taken it. Codes: BUSY. */
  arrive(): Promise<Result<{ reply: VisitReply }>>;
  /** A conversation that is not the terminal's program's, but is found by `answer` all the same. */
  admit(visit: Visit): void;
  /** The terminal does nothing more: whoever waits is told. */
  fail(): void;
  /** Codes: TAP_TORN (no such conversation), BAD_REQUEST, NO_ANSWER. */
  answer(id: string, number: number, bytes: Uint8Array): Promise<Result<{ reply: VisitReply }>>;
}

/** An APDU as `frameOf` makes it: the line needs no frame around it. */
function prepared(apdu: Uint8Array): PreparedApdu {
  return { frame: apdu, timeoutMs: 0, once: false, callback: () => undefined };
}

/** What a radio is to firmware/nfc/iso-dep-client.ts, in one conversation. */
export const radioOf = (visit: Visit) => ({
  frameOf: prepared,
  transceive: (apdu: PreparedApdu, callback: Parameters<Visit['transceive']>[1]) =>
    visit.transceive(apdu.frame, callback),
});

/**
 * Makes one.
 * @param outcome how the terminal says that the conversation of now went
 */
export function createLineReader(scheduler: Scheduler, outcome: () => ErrorCode): LineReader {
  const visits = new Map<string, Visit>();
  let guest: Visit | null = null; // has come, and was not taken yet
  let current: Visit | null = null;
  let finding: { done(result: FindResult): void; takes: boolean; timer: Timer } | null = null;
  const later = (run: () => void) => void scheduler.setTimer(run, 0);

  function keep(visit: Visit): void {
    visits.set(visit.id, visit);
    for (const id of visits.keys()) if (visits.size > VISITS_MAX) visits.delete(id);
  }

  function endFinding(result: FindResult): void {
    const found = finding;
    finding = null;
    if (!found) return;
    scheduler.clearTimer(found.timer);
    later(() => found.done(result));
  }

  function take(): void {
    if (!guest || !finding?.takes) return;
    current = guest;
    guest = null;
    endFinding({ ok: true, card: { uid: new Uint8Array(4), selRes: 0x20, ats: new Uint8Array(0) } });
  }

  return {
    init: (callback) => later(() => callback({ ok: true })),
    findCard(callback, timeoutMs, strangers) {
      const timer = scheduler.setTimer(() => endFinding({ ok: false, code: 'NO_CARD' }), timeoutMs);
      // Without a count of strangers it only looks who has stayed.
      finding = { done: callback, takes: strangers !== undefined, timer };
      take();
    },
    frameOf: prepared,
    transceive(apdu, callback) {
      if (current) current.transceive(apdu.frame, callback);
      else later(() => callback({ ok: false, code: 'RF_LOST' }));
    },
    release(callback: (result: DoneResult) => void) {
      current?.end(outcome());
      current = null;
      later(() => callback({ ok: true }));
    },
    cancel: () => endFinding({ ok: false, code: 'CANCELLED' }),
    async arrive() {
      // Who comes again has not heard how it went: the conversation before is over, as when a token leaves the field.
      current?.leave();
      guest?.end('TAP_TORN');
      const visit = createVisit(scheduler);
      keep(visit);
      guest = visit;
      take();
      const first = await visit.next(0);
      if (first.ok) return first;
      if (guest === visit) guest = null;
      visit.leave();
      return refusal('BUSY', 'the terminal');
    },
    admit: keep,
    fail: () => visits.forEach((visit) => visit.end('DEVICE_FAULT')),
    answer: async (id, number, bytes) =>
      visits.get(id)?.answer(number, bytes) ?? refusal('TAP_TORN', 'no such conversation'),
  };
}
