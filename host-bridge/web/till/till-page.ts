/**
 * The till: what a clerk does at the counter. Charges, what the customer must do, payments of the day and refunds,
 * and cash onto a token. By keys alone, on a phone, in English and German.
 */
import { html, nothing, type TemplateResult } from 'lit';
import { configureLocalization, msg, updateWhenLocaleChanges } from '@lit/localize';
import type { LineTexts } from '../parts/live.js';
import { LivePage } from '../parts/live-page.js';
import { templates as german } from './locales/de.js';
import { type Money } from '../parts/money.js';
import { type TillState } from './till-state.js';
import { stateNotices, type Notice } from './words.js';
import './charge-view.js';
import './payments-view.js';
import './desk-view.js';

const { getLocale, setLocale } = configureLocalization({
  sourceLocale: 'en',
  targetLocales: ['de'],
  loadLocale: () => Promise.resolve({ templates: german }),
});

const LINE: LineTexts = {
  denied: () => msg('This address lacks its token. Open the whole address that tapcash till prints.', { id: 'denied' }),
  away: () => msg('The bridge does not answer. Start it again; this page waits and goes on.', { id: 'away' }),
};

type View = 'charge' | 'payments' | 'desk';

class TapTill extends LivePage<TillState> {
  protected override readonly line = LINE;
  private view: View = 'charge';

  constructor() {
    super();
    updateWhenLocaleChanges(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (navigator.language.startsWith('de')) this.speak('de');
  }

  private speak(locale: string): void {
    setLocale(locale)
      .then(() => (document.documentElement.lang = locale))
      .catch(() => undefined);
  }

  private show(view: View): void {
    this.view = view;
    this.requestUpdate();
  }

  private money(): Money | null {
    const { currency = null, decimals = null } = this.state ?? {};
    return currency === null || decimals === null ? null : { currency, decimals };
  }

  protected override render(): TemplateResult {
    const { state } = this;
    return html`
      <header>
        <h1>${state?.shop ?? 'tapcash'} <span>${msg('till', { id: 'till' })}</span></h1>
        <nav aria-label=${msg('Views', { id: 'views' })}>
          ${this.tab('charge', msg('Counter', { id: 'counter' }))}
          ${this.tab('payments', msg('Payments', { id: 'payments' }))}
          ${this.tab('desk', msg('Cash desk', { id: 'desk' }))}
        </nav>
        <button
          class="language"
          lang=${getLocale() === 'de' ? 'en' : 'de'}
          @click=${() => this.speak(getLocale() === 'de' ? 'en' : 'de')}
        >
          ${getLocale() === 'de' ? 'English' : 'Deutsch'}
        </button>
      </header>
      ${this.trouble ? html`<p class="trouble" role="alert">${this.trouble}</p>` : nothing}
      <div class="notices">${state ? stateNotices(state).map(notice) : nothing}</div>
      <main>${state ? this.renderView(state) : nothing}</main>
    `;
  }

  private tab(view: View, label: string): TemplateResult {
    return html`<button aria-current=${this.view === view ? 'page' : nothing} @click=${() => this.show(view)}>
      ${label}
    </button>`;
  }

  private renderView(state: TillState): TemplateResult {
    const money = this.money();
    if (!money)
      return html`<p>${msg('The issuer has not said yet what currency it keeps.', { id: 'no-currency' })}</p>`;
    const language = getLocale() === 'de' ? 'de' : navigator.language;
    switch (this.view) {
      case 'charge':
        return html`<till-charge .state=${state} .money=${money} .language=${language}></till-charge>`;
      case 'payments':
        return html`<till-payments .state=${state} .money=${money} .language=${language}></till-payments>`;
      case 'desk':
        return html`<till-desk .state=${state} .money=${money} .language=${language}></till-desk>`;
    }
  }
}

function notice({ text, more, tone }: Notice): TemplateResult {
  return html`<p class="note ${tone}" role="status">
    <b>${text}</b>${more ? html`<span class="small">${more}</span>` : nothing}
  </p>`;
}

customElements.define('tap-till', TapTill);
