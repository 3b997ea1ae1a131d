/**
 * A page's line to its server: events as they come, acts as they are asked for; it comes back by itself.
 *
 * EventSource sends no headers, and a token in an address ends in logs; so events are read by fetch.
 */

/** What goes wrong, in words, with what to do; '' where nothing does. */
export type Trouble = string;

const RETRY_MS = 1000;

const token = (): string => location.hash.slice(1);
const headers = (): Record<string, string> => ({ authorization: `Bearer ${token()}` });

/**
 * Never ends, but where the address is wrong.
 * @param onEvents told each message, in order
 * @param onTrouble told what is wrong with the line, and when it is good
 */
export async function live<E>(onEvents: (events: E[]) => void, onTrouble: (trouble: Trouble) => void): Promise<void> {
  for (;;) {
    try {
      const response = await fetch('/events', { headers: headers() });
      if (response.status === 401 || response.status === 403)
        return onTrouble('This address lacks its token. Open the whole address that npm start printed.');
      if (response.ok && response.body) {
        onTrouble('');
        await read(response.body, onEvents);
      }
    } catch {
      // Said below: whatever ended it, the next try tells.
    }
    onTrouble('The bench does not answer. If it was stopped, start it again with npm start; this page waits.');
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function read<E>(body: ReadableStream<Uint8Array>, onEvents: (events: E[]) => void): Promise<void> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const messages = (text + value).split('\n\n');
    text = messages.pop()!;
    for (const message of messages) if (message.startsWith('data: ')) onEvents(JSON.parse(message.slice(6)) as E[]);
  }
}

/** Asks for an act. @returns '' where it was done, or why not in words */
export async function ask(act: object): Promise<Trouble> {
  try {
    const response = await fetch('/act', {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'application/json' },
      body: JSON.stringify(act),
    });
    if (response.ok) return '';
    const { message, code } = (await response.json()) as { message?: string; code?: string };
    return message ?? code ?? 'It was refused.';
  } catch {
    return 'The bench does not answer.';
  }
}
