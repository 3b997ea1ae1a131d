/** Amount, keypad, and what the customer must do. */
import { html, nothing, type TemplateResult } from 'lit';
import { msg } from '@lit/localize';
import { call } from '../parts/live.js';
import { act, randomId } from '../parts/pending.js';
import { readAmount, separatorOf } from '../parts/money.js';
import { TillView } from './till-view.js';
import { chargeNotice } from './words.js';

/** Nothing more happens to a charge in these states. */
const ENDED = ['paid', 'cancelled', 'refused', 'lost'];

class ChargeView extends TillView {
  private typed = '';
  /** A charge was asked for, and is not answered. */
  private isAsking = false;

  private type(key: string): void {
    if (key === 'C') this.typed = '';
    else if (key === '⌫') this.typed = this.typed.slice(0, -1);
    else this.typed += key;
    this.requestUpdate();
  }

  private async charge(): Promise<void> {
    const amount = readAmount(this.typed, this.money);
    if (amount === null || this.isAsking) return;
    this.isAsking = true;
    this.requestUpdate();
    const answer = await act('/charge', { id: randomId(8), amount });
    this.isAsking = false;
    if (this.tell(answer)) this.typed = '';
    this.requestUpdate();
  }

  private async cancel(id: string): Promise<void> {
    this.tell(await call('/cancel', { id }));
  }

  protected override render(): TemplateResult {
    const { charge } = this.state;
    const isOpen = charge !== null && !ENDED.includes(charge.state);
    return html`
      <section class="now ${charge ? chargeNotice(charge).tone : ''}" aria-live="polite">
        ${charge ? this.renderCharge(charge.id, isOpen) : this.renderIdle()}
      </section>
      ${this.renderKeys(isOpen)}
    `;
  }

  private renderIdle(): TemplateResult {
    return html`<p class="said">${msg('Type an amount and charge it.', { id: 'idle' })}</p>`;
  }

  private renderCharge(id: string, isOpen: boolean): TemplateResult {
    const charge = this.state.charge!;
    const { text, more } = chargeNotice(charge);
    return html`<p class="amount">${this.show(charge.amount)}</p>
      <p class="said">${text}</p>
      ${more ? html`<p class="small">${more}</p>` : nothing}
      ${
        isOpen
          ? html`<button @click=${() => this.cancel(id)}>${msg('Cancel the charge', { id: 'cancel' })}</button>`
          : nothing
      }`;
  }

  private renderKeys(isOpen: boolean): TemplateResult {
    const separator = separatorOf(this.language);
    const keys = [...'789456123', this.money.decimals > 0 ? separator : '00', '0', '⌫'];
    const amount = readAmount(this.typed, this.money);
    const isWrong = this.typed !== '' && amount === null;
    return html`<form
      class="keys"
      @submit=${(event: Event) => {
        event.preventDefault();
        this.charge().catch(() => undefined);
      }}
    >
      <label
        >${msg('Amount', { id: 'amount' })}
        <input
          inputmode="decimal"
          autocomplete="off"
          .value=${this.typed}
          aria-invalid=${isWrong}
          aria-describedby="echo"
          @input=${(event: Event) => {
            this.typed = (event.target as HTMLInputElement).value;
            this.requestUpdate();
          }}
        />
      </label>
      <p id="echo" class="echo" role="status">${this.echo(amount)}</p>
      <div class="keypad" role="group" aria-label=${msg('Keypad', { id: 'keypad' })}>
        ${keys.map(
          (key) =>
            html`<button
              type="button"
              aria-label=${key === '⌫' ? msg('Delete', { id: 'delete' }) : key}
              @click=${() => this.type(key)}
            >
              ${key}
            </button>`,
        )}
      </div>
      <button class="main" ?disabled=${amount === null || isOpen || this.isAsking || this.state.deskBusy}>
        ${msg('Charge', { id: 'charge' })}
      </button>
      ${this.trouble ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing}
    </form>`;
  }

  /** The amount as it was understood, before anybody taps for it. */
  private echo(amount: number | null): string {
    if (amount !== null) return this.show(amount);
    return this.typed === '' ? '' : msg('An amount looks like 3.50.', { id: 'amount-wrong' });
  }
}

customElements.define('till-charge', ChargeView);
