/** The payments of a day: totals, a table file, refunds, receipts. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { msg, str } from '@lit/localize';
import { call, type Answer } from '../parts/live.js';
import { act, randomId } from '../parts/pending.js';
import { readAmount } from '../parts/money.js';
import { amountCell, saveText, tableText } from '../parts/table-file.js';
import { type TillPayment } from './till-state.js';
import { TillView } from './till-view.js';
import { paymentText } from './words.js';

const PAGE = 100;
/** Most payments that one day's page shows; the sums are of all of them. */
const SHOWN_MAX = 200;

interface Page {
  payments: TillPayment[];
  more: string | null;
}

const today = (): string => new Date().toLocaleDateString('sv');

class PaymentsView extends TillView {
  private day = today();
  private payments: TillPayment[] = [];
  private isWhole = false;
  /** What the list was last read for. */
  private readFor = '';
  /** Whose refund is asked about. */
  private chosen: TillPayment | null = null;
  private refundText = '';
  /** A refund was asked for, and is not answered. */
  private isAsking = false;
  private printed: TillPayment | null = null;

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    const { charge, waiting, refused } = this.state;
    const key = JSON.stringify([this.day, charge?.id, charge?.state, waiting, refused]);
    if (key === this.readFor) return;
    this.readFor = key;
    this.read(key).catch(() => undefined);
  }

  /** Reads the day, page by page. */
  private async read(key: string): Promise<void> {
    const start = new Date(`${this.day}T00:00`);
    const end = new Date(start);
    end.setDate(end.getDate() + 1);
    const query = { limit: PAGE, sinceS: start.getTime() / 1000, untilS: end.getTime() / 1000 };
    const payments: TillPayment[] = [];
    for (let before: string | null = null; ;) {
      const answer: Answer<Page> = await call<Page>('/payments', { ...query, ...(before ? { before } : {}) });
      if (!this.tell(answer) || this.readFor !== key) return;
      payments.push(...answer.body.payments);
      before = answer.body.more;
      Object.assign(this, { payments: [...payments], isWhole: before === null });
      this.requestUpdate();
      if (before === null) return;
    }
  }

  private choose(payment: TillPayment | null): void {
    this.chosen = payment;
    this.refundText = '';
    this.requestUpdate();
    this.updateComplete.then(() => this.querySelector('dialog')?.showModal()).catch(() => undefined);
  }

  private async refund(payment: TillPayment): Promise<void> {
    const most = payment.amount - payment.refunded;
    const amount = this.refundText === '' ? most : readAmount(this.refundText, this.money);
    if (amount === null || this.isAsking) return;
    this.isAsking = true;
    const answer = await act('/refund', { payment: payment.id, amount, id: randomId(8) });
    this.isAsking = false;
    this.readFor = '';
    if (this.tell(answer)) this.chosen = null;
    this.requestUpdate();
  }

  private print(payment: TillPayment): void {
    this.printed = payment;
    this.requestUpdate();
    this.updateComplete.then(() => window.print()).catch(() => undefined);
  }

  private time(payment: TillPayment): string {
    return new Date((payment.paidS || payment.arrivedS) * 1000).toLocaleTimeString(this.language);
  }

  private download(): void {
    const { decimals, currency } = this.money;
    const rows = this.payments.map(({ id, token, amount, refunded, state, paidS, arrivedS }) => [
      ...[id, new Date((paidS || arrivedS) * 1000).toISOString()],
      ...[amountCell(amount, decimals), amountCell(refunded, decimals), currency, state, token],
    ]);
    const head = ['payment', 'time', 'amount', 'refunded', 'currency', 'state', 'token'];
    saveText(`payments-${this.day}.csv`, tableText(head, rows));
  }

  protected override render(): TemplateResult {
    return html`<section class="list">
        ${this.renderDay()} ${this.renderTotals()}
        ${this.trouble && !this.chosen ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing}
        ${this.renderTable()}
      </section>
      ${this.chosen ? this.renderRefund(this.chosen) : nothing}
      ${this.printed ? this.renderReceipt(this.printed) : nothing}`;
  }

  private renderDay(): TemplateResult {
    return html`<div class="buttons">
      <label
        >${msg('Day', { id: 'day' })}
        <input
          type="date"
          .value=${this.day}
          @change=${(event: Event) => {
            this.day = (event.target as HTMLInputElement).value || today();
            this.requestUpdate();
          }}
        />
      </label>
      <button ?disabled=${!this.isWhole} @click=${() => this.download()}>
        ${msg('Save as a table (CSV)', { id: 'csv' })}
      </button>
    </div>`;
  }

  private renderTotals(): TemplateResult {
    const taken = this.payments.filter(({ state }) => state !== 'refused');
    const sum = taken.reduce((all, { amount }) => all + amount, 0);
    const back = taken.reduce((all, { refunded }) => all + refunded, 0);
    return html`<dl class="totals">
      ${[
        [msg(str`Payments: ${taken.length}`, { id: 'total-count' }), this.show(sum)],
        [msg('Given back', { id: 'total-back' }), this.show(back)],
        [msg('Left', { id: 'total-left' }), this.show(sum - back)],
      ].map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`;
  }

  private renderTable(): TemplateResult {
    if (this.payments.length === 0) return html`<p>${msg('No payments on this day.', { id: 'no-payments' })}</p>`;
    const hidden = this.payments.length - SHOWN_MAX;
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${msg('Payments', { id: 'payments' })}>
      <table>
        <thead>
          <tr>
            <th>${msg('Time', { id: 'time' })}</th>
            <th>${msg('Amount', { id: 'amount' })}</th>
            <th>${msg('Given back', { id: 'total-back' })}</th>
            <th>${msg('State', { id: 'state' })}</th>
            <th><span class="unseen">${msg('Acts', { id: 'acts' })}</span></th>
          </tr>
        </thead>
        <tbody>
          ${this.payments.slice(0, SHOWN_MAX).map((payment) => this.renderRow(payment))}
        </tbody>
      </table>
      ${hidden > 0 ? html`<p class="small">${msg(str`${hidden} more are in the table file.`, { id: 'more' })}</p>` : nothing}
    </div>`;
  }

  private renderRow(payment: TillPayment): TemplateResult {
    const { amount, refunded, state } = payment;
    return html`<tr>
      <th scope="row">${this.time(payment)}</th>
      <td>${this.show(amount)}</td>
      <td>${refunded ? this.show(refunded) : ''}</td>
      <td>${paymentText(payment)}</td>
      <td>
        <button ?disabled=${refunded >= amount || state === 'refused'} @click=${() => this.choose(payment)}>
          ${msg('Refund', { id: 'refund' })}
        </button>
        <button @click=${() => this.print(payment)}>${msg('Receipt', { id: 'receipt' })}</button>
      </td>
    </tr>`;
  }

  private renderRefund(payment: TillPayment): TemplateResult {
    const most = payment.amount - payment.refunded;
    return html`<dialog aria-labelledby="refund-title" @close=${() => this.choose(null)}>
      <h2 id="refund-title">${msg(str`Give back ${this.show(most)} or less`, { id: 'refund-title' })}</h2>
      <p>
        ${msg('The customer gets the cash at the next visit to a cash desk, with this token.', { id: 'refund-how' })}
      </p>
      <label
        >${msg('Amount; empty: all of it', { id: 'refund-amount' })}
        <input
          inputmode="decimal"
          autocomplete="off"
          .value=${this.refundText}
          @input=${(event: Event) => (this.refundText = (event.target as HTMLInputElement).value)}
        />
      </label>
      ${this.trouble ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing}
      <div class="buttons">
        <button class="main" @click=${() => this.refund(payment)}>${msg('Refund', { id: 'refund' })}</button>
        <button @click=${() => this.choose(null)}>${msg('Leave it', { id: 'leave' })}</button>
      </div>
    </dialog>`;
  }

  private renderReceipt(payment: TillPayment): TemplateResult {
    return html`<div class="paper">
      <h2>${this.state.shop}</h2>
      <p>${new Date((payment.paidS || payment.arrivedS) * 1000).toLocaleString(this.language)}</p>
      <p class="amount">${this.show(payment.amount)}</p>
      ${payment.refunded ? html`<p>${msg('Given back', { id: 'total-back' })}: ${this.show(payment.refunded)}</p>` : nothing}
      <p>${msg('Payment', { id: 'payment' })} ${payment.id}</p>
    </div>`;
  }
}

customElements.define('till-payments', PaymentsView);
