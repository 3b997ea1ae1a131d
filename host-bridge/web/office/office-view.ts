/** What the office's views have in common. */
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { call } from '../parts/live.js';
import { showAmount, type Money } from '../parts/money.js';
import type { ActForm } from './act-dialog.js';
import type { OfficeState } from './office-state.js';

/** Rows of one page. */
export const PAGE = 50;

/** A moment, as people here write it; with its seconds for who compares. @param timeS Unix time */
export const moment = (timeS: number): string => new Date(timeS * 1000).toLocaleString();

/** How long ago, in the largest unit that fits. */
export function age(sinceS: number): string {
  const s = Math.max(0, Math.round(Date.now() / 1000) - sinceS);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} days`;
}

/** A view of the office: is drawn anew when the state is another. */
export class OfficeView extends LitElement {
  static override properties: PropertyDeclarations = { state: {}, money: {}, trouble: { state: true } };
  declare state: OfficeState;
  declare money: Money;
  /** Why what was asked for last is not here; '' where it is. */
  declare trouble: string;

  private lastRead = '';

  constructor() {
    super();
    this.trouble = '';
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** An amount in words. */
  protected show = (amount: number): string => showAmount(amount, this.money, navigator.language);

  /** Asks for something to look at. @returns null: it is not here, and the page says why */
  protected async ask<R>(path: string, body: object = {}): Promise<R | null> {
    const answer = await call<R>(path, body);
    // Where nobody answers the page's line says so.
    this.trouble = answer === 'lost' || answer.ok ? '' : `${answer.message || answer.code} ${answer.remedy}`.trim();
    return answer !== 'lost' && answer.ok ? answer.body : null;
  }

  /** Reads anew where that is for something else than what was read last. @param wanted what it is for */
  protected readFor(wanted: unknown[], read: () => Promise<void>): void {
    const key = JSON.stringify(wanted);
    if (key === this.lastRead) return;
    this.lastRead = key;
    read().catch(() => undefined);
  }

  /** Whether the operator's role has an act; what it has not stays visible, and cannot be pressed. */
  protected may(act: string): boolean {
    return this.state.who?.may.includes(act) ?? false;
  }

  /** Opens the dialog of an act. */
  protected begin(form: ActForm): void {
    this.dispatchEvent(new CustomEvent('office-act', { bubbles: true, detail: form }));
  }

  protected renderTrouble(): TemplateResult | typeof nothing {
    return this.trouble ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing;
  }

  /** A table that scrolls by itself where the page is narrow. */
  protected table(label: string, head: string[], rows: TemplateResult[], none: string): TemplateResult {
    if (rows.length === 0) return html`<p>${none}</p>`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>
      <table>
        <thead>
          <tr>
            ${head.map((name) => html`<th scope="col">${name || html`<span class="unseen">Acts</span>`}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
  }

  /** Buttons for the pages of a list. @param go null: there is no such page */
  protected pager(back: (() => void) | null, forth: (() => void) | null, text = ''): TemplateResult | typeof nothing {
    if (!back && !forth) return nothing;
    return html`<div class="buttons pager">
      <button ?disabled=${!back} @click=${() => back?.()}>Back</button>
      <button ?disabled=${!forth} @click=${() => forth?.()}>Next ${PAGE}</button>
      <span class="small">${text}</span>
    </div>`;
  }

  /** The same for a list whose rows are numbered. @param count rows of this page @param total of the list */
  protected pagerAt(
    from: number,
    count: number,
    total: number,
    turn: (from: number) => void,
  ): TemplateResult | typeof nothing {
    const end = from + count;
    return this.pager(
      from > 0 ? () => turn(Math.max(0, from - PAGE)) : null,
      end < total ? () => turn(from + PAGE) : null,
      `${from + 1} to ${end} of ${total}`,
    );
  }
}
