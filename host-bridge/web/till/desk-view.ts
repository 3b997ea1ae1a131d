/** The cash desk: cash from an account onto a token, and a new customer; step by step, what the customer must do. */
import { html, nothing, type TemplateResult } from 'lit';
import { msg, str } from '@lit/localize';
import { follow } from '../parts/live.js';
import { randomId } from '../parts/pending.js';
import { readAmount } from '../parts/money.js';
import { TillView } from './till-view.js';
import { waitText } from './words.js';

/** An act under way: the same until it is answered. */
interface DeskAct {
  path: string;
  body: object;
  done: string;
}

class DeskView extends TillView {
  private amount = '';
  private name = '';
  private waits: string | null = null;
  private done = '';
  /** Without an answer: the same again finds out what became of it. */
  private open: DeskAct | null = null;
  private ending = new AbortController();

  private async run(act: DeskAct): Promise<void> {
    Object.assign(this, { open: act, done: '', waits: '', ending: new AbortController() });
    this.trouble = '';
    const answer = await follow(
      act.path,
      act.body,
      (wait) => {
        this.waits = wait;
        this.requestUpdate();
      },
      this.ending.signal,
    );
    this.waits = null;
    if (answer !== 'lost') this.open = null;
    if (this.tell(answer)) Object.assign(this, { done: act.done, amount: '', name: '' });
    this.requestUpdate();
  }

  private withdraw(): void {
    const isEntered = this.amount.trim() === '';
    const amount = readAmount(this.amount, this.money);
    if (amount === null && !isEntered) return;
    const done =
      amount === null
        ? msg('It is on the token, which shows how much.', { id: 'withdrawn-entered' })
        : msg(str`${this.show(amount)} are on the token.`, { id: 'withdrawn' });
    const body = { ...(amount === null ? {} : { amount }), id: randomId(16) };
    this.run({ path: '/desk/withdraw', body, done }).catch(() => undefined);
  }

  private register(): void {
    const name = this.name.trim();
    if (name === '') return;
    const done = msg(str`${name} has a token and an account.`, { id: 'registered' });
    this.run({ path: '/desk/register', body: { name, id: randomId(16) }, done }).catch(() => undefined);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.ending.abort();
  }

  protected override render(): TemplateResult {
    return html`<section class="now" aria-live="polite">${this.renderNow()}</section>
      ${this.waits === null && !this.open ? this.renderForms() : nothing}`;
  }

  private renderNow(): TemplateResult {
    if (this.waits !== null)
      return html`<p class="said">${waitText(this.waits)}</p>
        <button @click=${() => this.ending.abort()}>${msg('Give up', { id: 'give-up' })}</button>`;
    const { open } = this;
    if (open)
      return html`<p class="said">
          ${msg('It was not finished. Nobody knows yet how it ended.', { id: 'unfinished' })}
        </p>
        <div class="buttons">
          <button class="main" @click=${() => this.run(open)}>${msg('Finish it', { id: 'finish' })}</button>
        </div>`;
    if (this.trouble) return html`<p class="note bad" role="alert">${this.trouble}</p>`;
    return html`<p class="said ${this.done ? 'good' : ''}">
      ${this.done || msg('What does the customer want?', { id: 'desk-idle' })}
    </p>`;
  }

  private renderForms(): TemplateResult {
    const amount = readAmount(this.amount, this.money);
    return html`<form
        class="keys"
        @submit=${(event: Event) => {
          event.preventDefault();
          this.withdraw();
        }}
      >
        <h2>${msg('Cash onto a token', { id: 'withdraw' })}</h2>
        <p class="small">${msg("It is taken from the customer's account.", { id: 'withdraw-from' })}</p>
        <label
          >${msg('Amount', { id: 'amount' })}
          <input inputmode="decimal" autocomplete="off" .value=${this.amount} @input=${this.set('amount')} />
        </label>
        <p class="echo" role="status">${amount === null ? '' : this.show(amount)}</p>
        <button class="main" ?disabled=${amount === null && this.amount.trim() !== ''}>
          ${
            this.amount.trim() === ''
              ? msg('Let the customer enter it', { id: 'withdraw-entered' })
              : msg('Withdraw', { id: 'withdraw-do' })
          }
        </button>
      </form>
      <form
        class="keys"
        @submit=${(event: Event) => {
          event.preventDefault();
          this.register();
        }}
      >
        <h2>${msg('A new customer', { id: 'register' })}</h2>
        <label
          >${msg('Name', { id: 'name' })}
          <input autocomplete="off" maxlength="64" .value=${this.name} @input=${this.set('name')} />
        </label>
        <button class="main" ?disabled=${this.name.trim() === ''}>${msg('Register', { id: 'register-do' })}</button>
      </form>`;
  }

  private set(field: 'amount' | 'name') {
    return (event: Event): void => {
      this[field] = (event.target as HTMLInputElement).value;
      this.requestUpdate();
    };
  }
}

customElements.define('till-desk', DeskView);
