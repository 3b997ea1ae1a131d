/**
 * A page's line to its server: events as they come, acts as they are asked for; it comes back by itself.
 *
 * EventSource sends no headers, and a token in an address ends in logs; so events are read by fetch.
 */

/** What goes wrong, in words, with what to do; '' where nothing does. */
export type Trouble = string;

/** What a page says of its line. */
export interface LineTexts {
  /** The address lacks its token. */
  denied: () => Trouble;
  /** Nobody answers; the page tries again. */
  away: () => Trouble;
}

/** What a request came to: its body, or why it was refused; `lost` where nobody knows. */
export type Answer<R> = { ok: true; body: R } | { ok: false; code: string; message: string; remedy: string } | 'lost';

const RETRY_MS = 1000;

const token = (): string => location.hash.slice(1);
const headers = (): Record<string, string> => ({ authorization: `Bearer ${token()}` });

/**
 * Never ends, but where the address is wrong.
 * @param onEvents told each message, in order
 * @param onTrouble told what is wrong with the line, and when it is good
 */
export async function live<E>(
  onEvents: (events: E[]) => void,
  onTrouble: (trouble: Trouble) => void,
  texts: LineTexts,
): Promise<void> {
  for (;;) {
    try {
      const response = await fetch('/events', { headers: headers() });
      if (response.status === 401 || response.status === 403) return onTrouble(texts.denied());
      if (response.ok && response.body) {
        onTrouble('');
        for await (const text of parts(response.body, '\n\n'))
          if (text.startsWith('data: ')) onEvents(JSON.parse(text.slice(6)) as E[]);
      }
    } catch {
      // Said below: whatever ended it, the next try tells.
    }
    onTrouble(texts.away());
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** A body's text, cut where `end` stands. */
async function* parts(body: ReadableStream<Uint8Array>, end: string): AsyncGenerator<string> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (text + value).split(end);
    text = whole.pop()!;
    yield* whole;
  }
}

function post(path: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(path, {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** Asks once. */
export async function call<R>(path: string, body: object): Promise<Answer<R>> {
  try {
    const response = await post(path, body);
    const said = (await response.json()) as object;
    return response.ok ? { ok: true, body: said as R } : { ok: false, remedy: '', ...(said as ErrorText) };
  } catch {
    return 'lost';
  }
}

/** A line of an act that takes its time. */
interface ActLine<R> {
  event?: { step: string; wait: string };
  result?: R;
  error?: { code: string; message: string; remedy: string };
}

/** Asks for an act that tells how it goes. @param onWait told whom it waits for */
export async function follow<R>(
  path: string,
  body: object,
  onWait: (wait: string) => void,
  signal: AbortSignal,
): Promise<Answer<R>> {
  try {
    const response = await post(path, body, signal);
    if (!response.ok || !response.body) return { ok: false, remedy: '', ...((await response.json()) as ErrorText) };
    for await (const text of parts(response.body, '\n')) {
      const line = JSON.parse(text) as ActLine<R>;
      if (line.event) onWait(line.event.wait);
      if (line.error) return { ok: false, ...line.error };
      if (line.result) return { ok: true, body: line.result };
    }
  } catch {
    // Nobody knows what became of it: the same again finds out.
  }
  return 'lost';
}

interface ErrorText {
  code: string;
  message: string;
}
