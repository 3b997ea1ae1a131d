/** Shops and accounts: opened, funded, paid out, closed; a statement of a shop's payments. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { randomId } from '../parts/pending.js';
import { amountCell, saveText, tableText } from '../parts/table-file.js';
import { OfficeView, PAGE } from './office-view.js';
import type { Account, OfficePayment } from './office-state.js';

/** Payments of one page, as the houses give them. */
const PAYMENTS_PAGE = 100;

interface Accounts {
  accounts: Account[];
  more: string | null;
}
interface Payments {
  payments: OfficePayment[];
  more: string | null;
}

class AccountsView extends OfficeView {
  private page: Accounts | null = null;
  /** The name before each page that was looked at; the last is this page's. */
  private places = [''];
  private sought = '';
  /** What was asked for by name: it may hold nothing, and then stands in no list. */
  private found: Account | null = null;
  private saving = '';

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    this.readFor([this.state.sums, this.places], () => this.read());
  }

  private async read(): Promise<void> {
    this.page = (await this.ask<Accounts>('/accounts', { limit: PAGE, after: this.places.at(-1) })) ?? this.page;
    if (this.found) await this.find(this.found.name);
    this.requestUpdate();
  }

  private turn(places: string[]): void {
    this.places = places;
    this.requestUpdate();
  }

  private async find(name: string): Promise<void> {
    const body = { verb: 'balance', values: [name], id: randomId(16) };
    const answer = await this.ask<{ balance: number }>('/act', body);
    this.found = answer && { name, balance: answer.balance };
    this.requestUpdate();
  }

  /** All payments of an account, page by page, as a file. */
  private async save({ name }: Account): Promise<void> {
    const rows: string[][] = [];
    const { currency, decimals } = this.money;
    for (let before: string | null = null; ;) {
      this.saving = `${name}: ${rows.length} payments`;
      this.requestUpdate();
      const query: object = { limit: PAYMENTS_PAGE, shop: name, ...(before ? { before } : {}) };
      const page: Payments | null = await this.ask<Payments>('/payments', query);
      if (!page) break;
      for (const { rs, arrivedS, amount, refunded, pku } of page.payments)
        rows.push([
          ...[rs, new Date(arrivedS * 1000).toISOString()],
          ...[amountCell(amount, decimals), amountCell(refunded, decimals), currency, pku],
        ]);
      before = page.more;
      if (before !== null) continue;
      const head = ['payment', 'time', 'amount', 'refunded', 'currency', 'token'];
      saveText(`statement-${name.replace(/[^\p{L}\p{N}]+/gu, '-')}.csv`, tableText(head, rows));
      break;
    }
    this.saving = '';
    this.requestUpdate();
  }

  private open(): void {
    this.begin({
      verb: 'open',
      title: 'Open an account',
      explain: 'For a shop: an account that receives. A customer gets one at the desk, with the token.',
      button: 'Open it',
      fields: [{ label: 'Name', kind: 'text', value: this.sought }],
    });
  }

  private fund({ name }: Account): void {
    this.begin({
      verb: 'fund',
      title: `Put money into ${name}`,
      explain: 'What you were given for it, in cash or by a transfer, is in the account at once.',
      button: 'Put it in',
      fields: [
        { label: 'Account', kind: 'text', value: name, isFixed: true },
        { label: 'Amount', kind: 'amount' },
      ],
    });
  }

  private payOut({ name, balance }: Account): void {
    this.begin({
      verb: 'payout',
      title: `Pay out from ${name}`,
      explain: `There are ${this.show(balance)}. The money leaves by another way, and the reference is how you find it there.`,
      button: 'Pay out',
      fields: [
        { label: 'Account', kind: 'text', value: name, isFixed: true },
        { label: 'Amount', kind: 'amount' },
        { label: 'Reference: text of the transfer, or number of a voucher', kind: 'text' },
      ],
    });
  }

  private closeFor({ name }: Account): void {
    this.begin({
      verb: 'close',
      title: `Close the account of ${name}`,
      explain: 'For good: the name stays taken. It must be empty, and no cash of it may be out.',
      button: 'Close it for good',
      fields: [{ label: 'Account', kind: 'text', value: name, isFixed: true }],
    });
  }

  protected override render(): TemplateResult {
    const { page, places } = this;
    const more = page?.more ?? null;
    return html`<section class="list">
        <form
          class="buttons find"
          @submit=${(event: Event) => {
            event.preventDefault();
            if (this.sought.trim()) this.find(this.sought.trim()).catch(() => undefined);
          }}
        >
          <label
            >Name of an account
            <input
              autocomplete="off"
              maxlength="64"
              @input=${(event: Event) => (this.sought = (event.target as HTMLInputElement).value)}
            />
          </label>
          <button class="main">Find</button>
          <button type="button" ?disabled=${!this.may('register')} @click=${() => this.open()}>Open an account</button>
        </form>
        ${this.renderTrouble()} ${this.saving ? html`<p class="note" role="status">${this.saving}</p>` : nothing}
        ${this.found ? this.table('Found', this.head(), [this.renderRow(this.found)], '') : nothing}
      </section>
      <section class="list">
        <h2>Accounts that hold money</h2>
        ${
          page
            ? this.table(
                'Accounts',
                this.head(),
                page.accounts.map((account) => this.renderRow(account)),
                'No account holds money.',
              )
            : nothing
        }
        ${this.pager(
          places.length > 1 ? () => this.turn(places.slice(0, -1)) : null,
          more === null ? null : () => this.turn([...places, more]),
        )}
      </section>`;
  }

  private head = (): string[] => ['Account', 'Holds', ''];

  private renderRow(account: Account): TemplateResult {
    return html`<tr>
      <th scope="row">${account.name}</th>
      <td>${this.show(account.balance)}</td>
      <td class="acts">
        <button ?disabled=${!this.may('fund')} @click=${() => this.fund(account)}>Put in</button>
        <button ?disabled=${!this.may('payOut')} @click=${() => this.payOut(account)}>Pay out</button>
        <button @click=${() => this.save(account)}>Statement (CSV)</button>
        <button
          ?disabled=${!this.may('closeAccount') || account.balance !== 0}
          title=${account.balance !== 0 ? 'It holds money: pay it out first' : ''}
          @click=${() => this.closeFor(account)}
        >
          Close
        </button>
      </td>
    </tr>`;
  }
}

customElements.define('office-accounts', AccountsView);
