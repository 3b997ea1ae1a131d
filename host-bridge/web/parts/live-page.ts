/** A page that shows what its server tells: the state, and what is wrong with the line. */
import { LitElement } from 'lit';
import { live, type LineTexts, type Trouble } from './live.js';
import { finishPending } from './pending.js';

/** Is drawn anew with each state. Acts that the page asked for before it was loaded anew are finished. */
export abstract class LivePage<State> extends LitElement {
  /** The newest; null until the server has told one. */
  protected state: State | null = null;
  protected trouble: Trouble = '';
  protected abstract readonly line: LineTexts;

  /** One style sheet for the whole page, and one document for who hears it read. */
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    live<State>(
      (states) => {
        this.state = states.at(-1)!;
        this.requestUpdate();
      },
      (trouble) => {
        this.trouble = trouble;
        this.requestUpdate();
      },
      this.line,
    ).catch(() => undefined);
    finishPending().catch(() => undefined);
  }
}
