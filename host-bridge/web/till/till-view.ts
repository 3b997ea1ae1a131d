/** What the till's views have in common. */
import { LitElement, type PropertyDeclarations } from 'lit';
import { updateWhenLocaleChanges } from '@lit/localize';
import { type Answer } from '../parts/live.js';
import { showAmount, type Money } from '../parts/money.js';
import { type TillState } from './till-state.js';

/** A view of the till: is drawn anew when the state is another. */
export class TillView extends LitElement {
  static override properties: PropertyDeclarations = { state: {}, money: {}, language: {}, trouble: { state: true } };
  declare state: TillState;
  declare money: Money;
  declare language: string;
  /** Why what was asked for last was not done; '' where it was. */
  declare trouble: string;

  constructor() {
    super();
    this.trouble = '';
    updateWhenLocaleChanges(this);
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** An amount in words. */
  protected show(amount: number): string {
    return showAmount(amount, this.money, this.language);
  }

  /** Says why an act was refused. Where nobody knows what became of it, the page's line says so. */
  protected tell<R>(answer: Answer<R>): answer is { ok: true; body: R } {
    const isDone = answer !== 'lost' && answer.ok;
    this.trouble = answer === 'lost' || answer.ok ? '' : `${answer.message || answer.code} ${answer.remedy}`.trim();
    return isDone;
  }
}
