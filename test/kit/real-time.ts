/** Waiting in real time, where something runs in another process or on a real port. */

const LOOK_MS = 10;
/** A limit only for what hangs: no machine is so busy that it needs so many. */
const LOOKS_MAX = 30_000;

/** Waits until `done()`. @throws Error where it never is */
export async function until(done: () => boolean): Promise<void> {
  for (let looks = 0; !done(); looks++) {
    if (looks > LOOKS_MAX) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
