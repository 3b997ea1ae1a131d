/**
 * Acts have their id before their first try, and are asked for with the same id until there is an answer: what was
 * done is never done twice, whatever gets lost. They outlast the page.
 */
import { call, type Answer } from './live.js';

interface Pending {
  path: string;
  body: object;
}

/** Each page has an origin, and so a store, of its own. */
const KEY = 'tapcash-act';
const RETRY_MS = 1000;

/** An answer, whatever was lost on the way to it. */
export type Final<R> = Exclude<Answer<R>, 'lost'>;

/** Random, as hexadecimal. */
export function randomId(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Asks for an act until it is answered. */
export async function act<R>(path: string, body: { id: string; [field: string]: unknown }): Promise<Final<R>> {
  sessionStorage.setItem(KEY, JSON.stringify({ path, body } satisfies Pending));
  for (;;) {
    const answer = await call<R>(path, body);
    if (answer !== 'lost') {
      sessionStorage.removeItem(KEY);
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Asks again for what this page had asked for when it was closed or loaded anew. */
export async function finishPending(): Promise<void> {
  const text = sessionStorage.getItem(KEY);
  if (text === null) return;
  const { path, body } = JSON.parse(text) as Pending;
  await act(path, body as { id: string });
}
