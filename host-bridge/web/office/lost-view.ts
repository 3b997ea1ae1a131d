/** Lost tokens and the deny list. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import { OfficeView, PAGE } from './office-view.js';

interface Page {
  version: number;
  rows: string[];
  total: number;
}

class LostView extends OfficeView {
  private page: Page | null = null;
  private from = 0;
  private begins = '';

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    this.readFor([this.state.sums, this.from, this.begins], () => this.read());
  }

  private async read(): Promise<void> {
    const body = { from: this.from, limit: PAGE, begin: this.begins };
    this.page = (await this.ask<Page>('/denied', body)) ?? this.page;
    this.requestUpdate();
  }

  private turn(from: number): void {
    this.from = from;
    this.requestUpdate();
  }

  /** Whose: where registrations are sealed the issuer knows a token by its owner's name, through the bank. */
  private who = () =>
    this.state.isOpen
      ? ({ label: 'Pseudonym, as the registration at the desk showed it', kind: 'key' } as const)
      : ({ label: "Owner's name", kind: 'text' } as const);

  private lose(): void {
    this.begin({
      verb: 'lose',
      title: 'A token is lost',
      explain:
        'It is denied at once: terminals refuse it when they are told. What is left goes back to its owner later.',
      button: 'Deny it now',
      fields: [this.who(), { label: 'Reason, for the record', kind: 'text' }],
    });
  }

  private release(): void {
    const account = { label: "Owner's account (scheme 2)", kind: 'text', isOptional: true } as const;
    this.begin({
      verb: 'release',
      title: 'Give back what is left of a lost token',
      explain: 'Once its licenses are over: what nobody spent goes to the account of its owner, once.',
      button: 'Give it back',
      fields: [this.who(), ...(this.state.scheme === 2 ? [account] : [])],
    });
  }

  private deny(): void {
    this.begin({
      verb: 'deny',
      title: 'Deny a pseudonym',
      explain: 'Every terminal refuses it once it is told.',
      button: 'Deny it',
      fields: [
        { label: 'Pseudonym, 64 hexadecimal digits', kind: 'key' },
        { label: 'Reason, for the record', kind: 'text' },
      ],
    });
  }

  protected override render(): TemplateResult {
    const may = this.may('deny');
    return html`<section class="list">
        <h2>Lost tokens</h2>
        <div class="buttons">
          <button class="main" ?disabled=${!may} @click=${() => this.lose()}>A token is lost</button>
          <button ?disabled=${!this.may('release')} @click=${() => this.release()}>Give back what is left</button>
          <button ?disabled=${!may} @click=${() => this.deny()}>Deny a pseudonym</button>
        </div>
      </section>
      <section class="list">${this.renderTrouble()} ${this.page ? this.renderDenied(this.page) : ''}</section>`;
  }

  private renderDenied({ version, rows, total }: Page): TemplateResult {
    return html`<h2>Deny list, version ${version}</h2>
      <p class="small">A list holds the first 8 digits of each pseudonym.</p>
      <label
        >Is it there? Its first digits
        <input
          autocomplete="off"
          maxlength="64"
          @input=${(event: Event) => {
            const begins = (event.target as HTMLInputElement).value.trim().toLowerCase();
            Object.assign(this, { begins, from: 0 });
            this.requestUpdate();
          }}
        />
      </label>
      ${
        rows.length > 0
          ? html`<ul class="prefixes">
              ${rows.map((prefix) => html`<li><code>${prefix}</code></li>`)}
            </ul>`
          : html`<p>${this.begins ? 'It is not on the list.' : 'Nobody is denied.'}</p>`
      }
      ${this.pagerAt(this.from, rows.length, total, (from) => this.turn(from))}`;
  }
}

customElements.define('office-lost', LostView);
