/**
 * The services' log: pino, one JSON object a line. It says which address was asked, how it ended and how long it took,
 * never bodies, headers or query strings; fields that could hold a secret are cut out even where a mistake logs them.
 */
import { pino, type DestinationStream, type Logger } from 'pino';

const SECRET_FIELDS = ['seed', 'secretKey', 'privateKey', 'key', 'nonce', 'body', 'headers', 'rawBody', 'password'];

/** Most bytes that wait for a reader of standard error; the lines beyond are left out, and counted. */
const WAITING_BYTES_MAX = 1 << 20;

/**
 * Standard error for log lines. Nothing waits here: where standard error is a pipe, Node keeps what its reader has not
 * taken; a reader that never comes costs lines and no requests. The first line with room says how many were left out.
 */
export function boundedStream(
  stream: NodeJS.WritableStream & { writableLength: number } = process.stderr,
): DestinationStream {
  let leftOut = 0;
  // A reader that has gone: the log ends, the service goes on.
  stream.on('error', () => {});
  return {
    write(line) {
      if (stream.writableLength > WAITING_BYTES_MAX) return void leftOut++;
      if (leftOut > 0) stream.write(`${JSON.stringify({ level: 40, time: Date.now(), leftOut, msg: 'log lines' })}\n`);
      leftOut = 0;
      stream.write(line);
    },
  };
}

/** Makes a log. @param destination default: standard error, so that standard output stays for results */
export function createLog(name: string, options: { level?: string; destination?: DestinationStream } = {}): Logger {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  return pino(
    { name, level: options.level ?? 'info', redact: { paths, censor: '[redacted]' } },
    options.destination ?? boundedStream(),
  );
}

/** A log that says nothing. */
export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
