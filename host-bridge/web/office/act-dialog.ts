/**
 * One act, asked for once: what it does in words, its fields, and what it came to. Its number is made before the first
 * try; while nobody knows what became of it, it is asked for under the same number.
 */
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { readAmount, showAmount, type Money } from '../parts/money.js';
import { act, randomId } from '../parts/pending.js';
import type { OfficeAct } from './office-state.js';

/** What is typed for an act. */
export interface ActField {
  label: string;
  kind: 'amount' | 'text' | 'key';
  /** What it is, where that is known. */
  value?: string;
  /** Is not asked for: it is known. */
  isFixed?: true;
  isOptional?: true;
}

/** An act to be asked for. */
export interface ActForm {
  verb: OfficeAct;
  title: string;
  /** What it does, and what cannot be undone. */
  explain: string;
  button: string;
  fields: ActField[];
}

/** Of each name in an answer that people should see. */
const WORDS: Record<string, string> = {
  balance: 'In the account now',
  name: 'Name',
  ebc: 'Counter',
  proof: 'Proof',
  proofBy: 'Checked by',
  amount: 'Amount',
  dueS: 'What is left can go back from',
  onDenyList: 'Terminals are told',
  version: 'Version of the deny list',
  repeated: 'Was done before',
};
const AMOUNTS = ['balance', 'ebc', 'amount'];

type Answered = { ok: true; body: Record<string, unknown> } | Refused;
interface Refused {
  ok: false;
  code: string;
  message: string;
  remedy: string;
  /** It may have been done: the same number finds out. */
  isKept?: boolean;
}

class ActDialog extends LitElement {
  static override properties: PropertyDeclarations = { form: {}, money: {} };
  declare form: ActForm | null;
  declare money: Money | null;
  private typed: string[] = [];
  private actId = '';
  private isAsking = false;
  private done: Record<string, unknown> | null = null;
  private trouble = '';

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has('form') || !this.form) return;
    const typed = this.form.fields.map(({ value = '' }) => value);
    Object.assign(this, { typed, actId: randomId(16), isAsking: false, done: null, trouble: '' });
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has('form') && this.form) this.querySelector('dialog')?.showModal();
    // What was asked for is gone, and with it who had the focus.
    if (this.done) this.querySelector<HTMLButtonElement>('.end')?.focus();
  }

  /** The fields as the command line takes them; null: one is not good yet. */
  private values(): string[] | null {
    const values = this.form!.fields.map(({ kind, isOptional }, i) => {
      const text = this.typed[i]!.trim();
      if (kind !== 'amount') return text === '' && !isOptional ? null : text;
      const amount = this.money && readAmount(text, this.money);
      return amount === null ? null : String(amount);
    });
    if (values.includes(null)) return null;
    const given = values as string[];
    return given.at(-1) === '' ? given.slice(0, -1) : given;
  }

  private async send(): Promise<void> {
    const values = this.values();
    if (!values || this.isAsking) return;
    this.isAsking = true;
    this.trouble = '';
    this.requestUpdate();
    const answer = (await act('/act', { verb: this.form!.verb, values, id: this.actId })) as Answered;
    this.isAsking = false;
    if (answer.ok) this.done = answer.body;
    else {
      this.trouble = `${answer.message || answer.code} ${answer.remedy}`.trim();
      // Nothing was done: whatever is asked for next is another act.
      if (!answer.isKept) this.actId = randomId(16);
      else this.trouble += ' Nobody knows whether it was done. Ask again: it is done once.';
    }
    this.requestUpdate();
  }

  /** The page has no act to be asked for any more. */
  private end(): void {
    this.dispatchEvent(new CustomEvent('office-act', { bubbles: true, detail: null }));
  }

  private close(): void {
    this.querySelector('dialog')?.close();
  }

  private valueText(name: string, value: unknown): string {
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    if (typeof value === 'number' && AMOUNTS.includes(name) && this.money)
      return showAmount(value, this.money, navigator.language);
    return typeof value === 'number' && name.endsWith('S')
      ? new Date(value * 1000).toLocaleDateString()
      : String(value);
  }

  protected override render(): TemplateResult | typeof nothing {
    const { form } = this;
    if (!form) return nothing;
    return html`<dialog
      aria-labelledby="act-title"
      @cancel=${(event: Event) => this.isAsking && event.preventDefault()}
      @close=${() => this.end()}
    >
      <h2 id="act-title">${form.title}</h2>
      ${this.done ? this.renderDone(this.done) : this.renderForm(form)}
    </dialog>`;
  }

  private renderForm(form: ActForm): TemplateResult {
    return html`<form
      @submit=${(event: Event) => {
        event.preventDefault();
        this.send().catch(() => undefined);
      }}
    >
      <p>${form.explain}</p>
      ${form.fields.map((field, i) => this.renderField(field, i))}
      ${this.trouble ? html`<p class="note bad" role="alert">${this.trouble}</p>` : nothing}
      <div class="buttons">
        <button class="main" ?disabled=${this.values() === null || this.isAsking}>
          ${this.isAsking ? 'Asking …' : form.button}
        </button>
        <button type="button" ?disabled=${this.isAsking} @click=${() => this.close()}>Leave it</button>
      </div>
    </form>`;
  }

  private renderField(field: ActField, i: number): TemplateResult {
    const { label, kind, isFixed } = field;
    const text = this.typed[i]!;
    if (isFixed)
      return html`<p class="fixed"><span>${label}</span> <b class=${kind === 'key' ? 'key' : ''}>${text}</b></p>`;
    const amount = kind === 'amount' && this.money ? readAmount(text, this.money) : null;
    const isWrong = kind === 'amount' && text !== '' && amount === null;
    return html`<label
        >${label}
        <input
          autocomplete="off"
          inputmode=${kind === 'amount' ? 'decimal' : 'text'}
          maxlength=${kind === 'key' ? 64 : 200}
          .value=${text}
          aria-invalid=${isWrong}
          @input=${(event: Event) => {
            this.typed[i] = (event.target as HTMLInputElement).value;
            this.requestUpdate();
          }}
        /> </label
      >${
        kind === 'amount'
          ? html`<p class="echo" role="status">
              ${amount !== null ? showAmount(amount, this.money!, navigator.language) : isWrong ? 'An amount looks like 3.50.' : ''}
            </p>`
          : nothing
      }`;
  }

  private renderDone(done: Record<string, unknown>): TemplateResult {
    const shown = Object.entries(done).filter(([name]) => name in WORDS && !(name === 'repeated' && !done[name]));
    return html`<p class="note good" role="status"><b>Done, and on record.</b></p>
      <dl class="facts">
        ${shown.map(
          ([name, value]) =>
            html`<div>
              <dt>${WORDS[name]}</dt>
              <dd>${this.valueText(name, value)}</dd>
            </div>`,
        )}
      </dl>
      <div class="buttons"><button class="main end" @click=${() => this.close()}>Close</button></div>`;
  }
}

customElements.define('office-act', ActDialog);
