/** Beside the bench: scenarios a step at a time, other schemes, a link to what was done, and a tour for who is new. */
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { Trouble } from '../parts/live.js';
import type { BenchAct } from './bench-events.js';
import type { BenchModel } from './bench-model.js';
import { schemeChooser } from './link-graph.js';
import { isSettled, playText, readPlay, SCENARIOS, type Scenario } from './scenarios.js';

const LOOK_MS = 50;
/** How long an act may take to come to what it leads to, and another shop to open. */
const SETTLE_MS = 8000;
const OPEN_MS = 120_000;
/** What another shop is made from, where nobody said something else. */
const SEED = 1;
const SEEN = 'tapcash-tour';

/** What a first visit is shown. */
const TOUR: [of: string, text: string][] = [
  ['.counter', 'The shop: its terminal with its real display, and the reader. Press Charge, and it asks for money.'],
  ['.tokens', 'The customers: each has a board that holds cash. Drag one onto the reader, or press Tap.'],
  ['.air', 'What they say to each other, byte by byte. Choose here what shall go wrong with the next tap.'],
  ['.books', 'The books: what each side holds. Every cent must be accounted for, whatever you break.'],
];

class BenchGuide extends LitElement {
  static override properties: PropertyDeclarations = { model: {}, version: {}, perform: {}, done: {} };
  declare model: BenchModel;
  /** Another one: the model has changed. */
  declare version: number;
  declare perform: (act: BenchAct) => Promise<Trouble>;
  /** What was done at this shop, in order. */
  declare done: BenchAct[];
  private scenario: Scenario | null = null;
  private at = 0;
  private busy = '';
  private trouble = '';
  private link = '';
  private tour = isNew() ? 0 : -1;
  private hasPlayed = false;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override updated(): void {
    if (this.hasPlayed || !this.model.scene) return;
    this.hasPlayed = true;
    const play = readPlay(location.search);
    if (play) this.play(play.scheme, play.seed, play.steps).catch(() => undefined);
  }

  private change(change: object): void {
    Object.assign(this, change);
    this.requestUpdate();
  }

  private async until(look: () => boolean, ms: number): Promise<void> {
    for (const endMs = performance.now() + ms; !look() && performance.now() < endMs;)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  /** Does an act, and waits for what it leads to. @returns whether it was done */
  private async act(act: BenchAct): Promise<boolean> {
    const before = this.model.tap;
    const trouble = await this.perform(act);
    this.change({ trouble });
    if (trouble) return false;
    await this.until(() => isSettled(this.model, act, before), SETTLE_MS);
    return true;
  }

  /** Opens another shop, and does there what a link says. */
  private async play(scheme: number, seed: number, steps: BenchAct[]): Promise<void> {
    if (this.busy) return;
    const before = this.model.scene?.run;
    this.change({ busy: `A shop of scheme ${scheme} opens.`, scenario: null, link: '' });
    const trouble = await this.perform({ do: 'restart', scheme, seed });
    this.change({ trouble });
    if (!trouble) {
      await this.until(() => this.model.scene?.run !== before && this.model.state !== null, OPEN_MS);
      for (const [i, step] of steps.entries()) {
        this.change({ busy: `Step ${i + 1} of ${steps.length}` });
        if (!(await this.act(step))) break;
      }
    }
    this.change({ busy: '' });
  }

  private async next(): Promise<void> {
    const step = this.scenario?.steps[this.at];
    if (!step || this.busy) return;
    this.change({ busy: 'Under way' });
    // What lies on the reader from before would be taken for a token that stayed.
    const isThere = Object.values(this.model.state?.tokens ?? {}).some(({ at }) => at);
    if (this.at === 0 && isThere) await this.act({ do: 'leave' });
    const isDone = await this.act(step.act);
    this.change({ busy: '', at: this.at + (isDone ? 1 : 0) });
  }

  private makeLink(): void {
    const { scheme, seed } = this.model.scene!;
    const text = playText({ scheme, seed: seed ?? SEED, steps: this.done });
    this.change({ link: `${location.origin}/?play=${text}${location.hash}` });
  }

  private tourTo(tour: number): void {
    const end = tour >= TOUR.length ? -1 : tour;
    for (const [of] of TOUR) document.querySelector(of)?.classList.remove('toured');
    if (end < 0) remember();
    else {
      const shown = document.querySelector(TOUR[end]![0]);
      shown?.classList.add('toured');
      shown?.scrollIntoView({ block: 'nearest' });
    }
    this.change({ tour: end });
  }

  protected override render(): TemplateResult | typeof nothing {
    const { scene } = this.model;
    if (!scene) return nothing;
    return html`
      ${this.tour >= 0 ? this.renderTour(TOUR[this.tour]!) : nothing}
      <div class="guide">
        <label
          >Show me
          <select
            ?disabled=${this.busy !== ''}
            @change=${(event: Event) => {
              const { value } = event.target as HTMLSelectElement;
              this.change({ scenario: SCENARIOS.find(({ name }) => name === value) ?? null, at: 0, trouble: '' });
            }}
          >
            <option value="" ?selected=${!this.scenario}>choose a scenario</option>
            ${SCENARIOS.map(
              ({ name, title }) =>
                html`<option value=${name} ?selected=${this.scenario?.name === name}>${title}</option>`,
            )}
          </select>
        </label>
        ${this.scenario ? this.renderStep(this.scenario) : nothing}
        <button ?disabled=${this.busy !== ''} @click=${() => this.makeLink()}>Link to this state</button>
        <button @click=${() => this.tourTo(0)}>Tour</button>
        ${this.busy ? html`<span role="status">${this.busy}</span>` : nothing}
      </div>
      ${this.trouble ? html`<p class="trouble" role="alert">${this.trouble}</p>` : nothing}
      ${this.link ? this.renderLink() : nothing}
      <details>
        <summary>Scheme ${scene.scheme}: who can link what. Choose another, and a new shop opens</summary>
        <p class="small">
          The new shop is this page's own; commands of the shell stay with the one that npm start opened.
        </p>
        ${schemeChooser(scene.scheme, this.busy !== '', (scheme) => void this.play(scheme, SEED, []).catch(() => undefined))}
      </details>
    `;
  }

  private renderStep({ steps }: Scenario): TemplateResult {
    const { at } = this;
    return html`<button class="main" ?disabled=${this.busy !== '' || at >= steps.length} @click=${() => this.next()}>
        ${at < steps.length ? `Step ${at + 1} of ${steps.length}` : 'All done'}
      </button>
      <p class="story" role="status">${at > 0 ? steps[at - 1]!.say : 'Press, and read here what to look at.'}</p>`;
  }

  private renderLink(): TemplateResult {
    return html`<label class="link"
      >${
        this.model.scene!.seed === null
          ? 'This shop has a history of its own; the link does the same steps in a new one'
          : 'Opens a shop from the same seed, and does the same steps'
      }
      <input readonly .value=${this.link} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} />
      <span class="small"
        >${this.done.length} steps. The part behind # is this bench's own: put a later bench's there.</span
      >
    </label>`;
  }

  private renderTour([, text]: [string, string]): TemplateResult {
    const isLast = this.tour === TOUR.length - 1;
    return html`<div class="tour" role="region" aria-label="Tour">
      <p>${text}</p>
      <button class="main" @click=${() => this.tourTo(this.tour + 1)}>${isLast ? 'Try it' : 'Next'}</button>
      <button @click=${() => this.tourTo(-1)}>Leave the tour</button>
    </div>`;
  }
}

/** Whether nobody has seen the tour in this browser. Where nothing may be kept, it is shown each time. */
function isNew(): boolean {
  try {
    return localStorage.getItem(SEEN) === null;
  } catch {
    return true;
  }
}

function remember(): void {
  try {
    localStorage.setItem(SEEN, 'seen');
  } catch {
    // Shown again.
  }
}

customElements.define('bench-guide', BenchGuide);
