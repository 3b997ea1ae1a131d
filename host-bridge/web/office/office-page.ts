/**
 * The office: what an operator does. Money in and out, accounts, terminals, overspends and lost tokens, keys, and the
 * books. By keys alone; each act is the command of the same name.
 */
import { html, nothing, type TemplateResult } from 'lit';
import type { LineTexts } from '../parts/live.js';
import { LivePage } from '../parts/live-page.js';
import type { Money } from '../parts/money.js';
import type { ActForm } from './act-dialog.js';
import type { HouseState, OfficeState } from './office-state.js';
import './act-dialog.js';
import './today-view.js';
import './accounts-view.js';
import './terminals-view.js';
import './overspends-view.js';
import './lost-view.js';
import './keys-view.js';
import './books-view.js';

const LINE: LineTexts = {
  denied: () => 'This address lacks its token. Open the whole address that tapcash office serve prints.',
  away: () =>
    'The office does not answer. Start it again with tapcash office serve, and open the address that it prints: acts without an answer stand there.',
};

const VIEWS = ['Today', 'Accounts', 'Terminals', 'Overspends', 'Lost tokens', 'Keys', 'Books'] as const;
type View = (typeof VIEWS)[number];

class TapOffice extends LivePage<OfficeState> {
  protected override readonly line = LINE;
  private view: View = 'Today';
  private form: ActForm | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('office-act', (event) => {
      this.form = (event as CustomEvent<ActForm | null>).detail;
      this.requestUpdate();
    });
  }

  private show(view: View): void {
    this.view = view;
    this.requestUpdate();
  }

  private money(): Money | null {
    const { currency = null, decimals = 0 } = this.state ?? {};
    return currency === null ? null : { currency, decimals };
  }

  protected override render(): TemplateResult {
    const { state } = this;
    return html`
      <header>
        <h1>tapcash <span>office</span></h1>
        <nav aria-label="Views">
          ${VIEWS.map(
            (view) =>
              html`<button aria-current=${this.view === view ? 'page' : nothing} @click=${() => this.show(view)}>
                ${view}
              </button>`,
          )}
        </nav>
        ${state?.who ? html`<p class="small">${state.who.name}, ${state.who.role}</p>` : nothing}
      </header>
      ${this.trouble ? html`<p class="trouble" role="alert">${this.trouble}</p>` : nothing}
      <div class="notices">${state?.houses.map(houseNotice)}</div>
      <main>${state ? this.renderView(state) : html`<p>Asking the houses.</p>`}</main>
      <office-act .form=${this.form} .money=${this.money()}></office-act>
    `;
  }

  private renderView(state: OfficeState): TemplateResult {
    const money = this.money();
    if (!money) return html`<p>Nothing can be shown until the issuer answers.</p>`;
    switch (this.view) {
      case 'Today':
        return html`<office-today .state=${state} .money=${money}></office-today>`;
      case 'Accounts':
        return html`<office-accounts .state=${state} .money=${money}></office-accounts>`;
      case 'Terminals':
        return html`<office-terminals .state=${state} .money=${money}></office-terminals>`;
      case 'Overspends':
        return html`<office-overspends .state=${state} .money=${money}></office-overspends>`;
      case 'Lost tokens':
        return html`<office-lost .state=${state} .money=${money}></office-lost>`;
      case 'Keys':
        return html`<office-keys .state=${state} .money=${money}></office-keys>`;
      case 'Books':
        return html`<office-books .state=${state} .money=${money}></office-books>`;
    }
  }
}

function houseNotice({ house, said, clockDoubted, restoredS }: HouseState): TemplateResult | typeof nothing {
  if (said)
    return html`<p class="note bad" role="status">
      <b>The ${house} does not answer.</b><span class="small">${said.message} ${said.remedy}</span>
    </p>`;
  if (clockDoubted)
    return html`<p class="note bad" role="status">
      <b>The ${house} doubts its clock.</b
      ><span class="small">Set it right, then: tapcash office clock confirm --why "..."</span>
    </p>`;
  if (restoredS !== null)
    return html`<p class="note" role="status">
      The ${house}'s books were restored on ${new Date(restoredS * 1000).toLocaleDateString()}: acts may be missing.
    </p>`;
  return nothing;
}

customElements.define('tap-office', TapOffice);
