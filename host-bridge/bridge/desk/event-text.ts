/** What a desk waits for, for people. Apart from the desk, so that a command loads nothing else of it. */
import type { DeskEvent } from './desk-steps.js';

/** For people: what is waited for. */
export function eventText(event: DeskEvent): string {
  const texts: Record<DeskEvent['wait'], string> = {
    tap: 'Hold the token to the reader.',
    again: 'The token left too early: hold it to the reader again.',
    button: "Press the token's button, then hold it to the reader.",
    confirm: 'Read the amount on the token, press its button if it is right, then hold it to the reader.',
    enter: "Press the token's button, enter the amount on its keys, press again, then hold it to the reader.",
    work: 'The token works, and shows how far it is: leave it at the reader.',
    link: 'Waiting for the terminal.',
    service: 'Waiting for the service.',
  };
  return texts[event.wait];
}
