/** Amount, keypad, and what the customer must do. */
import { html, nothing, type TemplateResult } from 'lit';
import { msg } from '@lit/localize';
import { call } from '../parts/live.js';
import { act, randomId } from '../parts/pending.js';
import { readAmount, separatorOf } from '../parts/money.js';
import type { TillCharge } from './till-state.js';
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

  /** @param say of an amount that its payer says, or adds a tip to: what is asked for, of the amount that was typed */
  private async charge(say?: (amount: number) => { base: number; min: number; max: number }): Promise<void> {
    const amount = readAmount(this.typed, this.money);
    if (amount === null || this.isAsking) return;
    this.isAsking = true;
    this.requestUpdate();
    const answer = await act('/charge', { id: randomId(8), ...(say ? { open: say(amount) } : { amount }) });
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
    return html`<p class="amount">${this.amountOf(charge)}</p>
      <p class="said">${text}</p>
      ${more ? html`<p class="small">${more}</p>` : nothing}
      ${
        isOpen
          ? html`<button @click=${() => this.cancel(id)}>${msg('Cancel the charge', { id: 'cancel' })}</button>`
          : nothing
      }`;
  }

  /** y; while its payer has not said it, what may be said. */
  private amountOf({ amount, open }: TillCharge): string {
    if (amount > 0 || !open) return this.show(amount);
    return open.base > 0 ? `${this.show(open.base)} +` : `${this.show(open.min)} – ${this.show(open.max)}`;
  }

  /** A tip of at most as much again; or the payer says the amount, at most what was typed. */
  private renderSaid(isOff: boolean): TemplateResult {
    const tip = (amount: number) => ({ base: amount, min: amount, max: 2 * amount });
    const most = (amount: number) => ({ base: 0, min: 1, max: amount });
    const button = (text: string, say: typeof tip) =>
      html`<button type="button" ?disabled=${isOff} @click=${() => this.charge(say).catch(() => undefined)}>
        ${text}
      </button>`;
    return html`<div class="buttons">
      ${button(msg('With a tip', { id: 'charge-tip' }), tip)}
      ${button(msg('At most so much', { id: 'charge-open' }), most)}
    </div>`;
  }

  private renderKeys(isOpen: boolean): TemplateResult {
    const separator = separatorOf(this.language);
    const keys = [...'789456123', this.money.decimals > 0 ? separator : '00', '0', '⌫'];
    const amount = readAmount(this.typed, this.money);
    const isWrong = this.typed !== '' && amount === null;
    const isOff = amount === null || isOpen || this.isAsking || this.state.deskBusy;
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
      <button class="main" ?disabled=${isOff}>${msg('Charge', { id: 'charge' })}</button>
      ${this.renderSaid(isOff)} ${this.trouble ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing}
    </form>`;
  }

  /** The amount as it was understood, before anybody taps for it. */
  private echo(amount: number | null): string {
    if (amount !== null) return this.show(amount);
    return this.typed === '' ? '' : msg('An amount looks like 3.50.', { id: 'amount-wrong' });
  }
}

customElements.define('till-charge', ChargeView);
