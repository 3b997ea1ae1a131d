/**
 * The services' log: pino, one JSON object a line. It says which address was asked, how it ended and how long it took,
 * never bodies, headers or query strings; fields that could hold a secret are cut out even where a mistake logs them.
 */
import { pino, type DestinationStream, type Logger } from 'pino';

const SECRET_FIELDS = ['seed', 'secretKey', 'privateKey', 'key', 'nonce', 'body', 'headers', 'rawBody', 'password'];

/** Makes a log. @param destination default: standard error, so that standard output stays for results */
export function createLog(name: string, options: { level?: string; destination?: DestinationStream } = {}): Logger {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  return pino(
    { name, level: options.level ?? 'info', redact: { paths, censor: '[redacted]' } },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A log that says nothing. */
export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
