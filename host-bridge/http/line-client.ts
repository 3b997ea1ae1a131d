/** A shop's line, as a wallet calls it: bytes in place of hexadecimal, and a code that we know. */
import { toHex } from '../../firmware/core/bytes.js';
import { isErrorCode, refusal, type ErrorCode, type Result } from '../base/errors.js';
import { bytes } from '../base/hex.js';
import { createCall, type ClientOptions } from './client.js';
import { LINE_ENDPOINTS, type ReplyOf } from './schemas.js';

/** What the shop says: the next command APDU, or how it went. */
export interface LineStep {
  visit: string;
  number: number;
  command: Uint8Array | null;
  /** Once it is over. */
  code: ErrorCode | null;
}

/** A shop's line. */
export interface LineClient {
  charge(id: Uint8Array): Promise<Result<ReplyOf<typeof LINE_ENDPOINTS.charge>>>;
  arrive(id: Uint8Array): Promise<Result<LineStep>>;
  answer(visit: string, number: number, answer: Uint8Array): Promise<Result<LineStep>>;
}

/** The shop holds a reply for so long where its terminal is at work; a wallet waits somewhat longer. */
const LINE_TIMEOUT_MS = 12_000;

function readStep(reply: Result<ReplyOf<typeof LINE_ENDPOINTS.answer>>): Result<LineStep> {
  if (!reply.ok) return reply;
  const { visit, number, command, code } = reply;
  if ((command === null) === (code === null)) return refusal('REPLY_INVALID', 'line');
  return {
    ok: true,
    visit,
    number,
    command: command === null ? null : bytes(command),
    code: code === null ? null : isErrorCode(code) ? code : 'UNKNOWN_CODE',
  };
}

/** Makes a client. @example createLineClient({ url: 'http://127.0.0.1:8090' }) */
export function createLineClient(options: ClientOptions): LineClient {
  const call = createCall({ timeoutMs: LINE_TIMEOUT_MS, ...options });
  return {
    charge: (id) => call(LINE_ENDPOINTS.charge, { charge: toHex(id) }),
    arrive: async (id) => readStep(await call(LINE_ENDPOINTS.arrive, { charge: toHex(id) })),
    answer: async (visit, number, answer) =>
      readStep(await call(LINE_ENDPOINTS.answer, { visit, number, answer: toHex(answer) })),
  };
}
