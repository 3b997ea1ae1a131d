/** Money in, out and held; payments an hour; and acts that wait for an answer. */
import { html, nothing, svg, type PropertyValues, type TemplateResult } from 'lit';
import { act } from '../parts/pending.js';
import { call } from '../parts/live.js';
import { age, OfficeView } from './office-view.js';
import type { OpenAct, Sums, Today } from './office-state.js';

/** Of the drawing. */
const HEIGHT = 120;
const STEP = 30;

class TodayView extends OfficeView {
  private today: Today | null = null;
  private asked = '';

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    // What the houses hold has changed, or a new hour has begun.
    this.readFor([this.state.sums, Math.floor(Date.now() / 3_600_000)], () => this.read());
  }

  private async read(): Promise<void> {
    this.today = (await this.ask<Today>('/today')) ?? this.today;
    this.requestUpdate();
  }

  private async finish({ id }: OpenAct): Promise<void> {
    const answer = await act('/finish', { id });
    this.asked = answer.ok ? 'It is done, and was done once.' : `${answer.message} ${answer.remedy}`;
    this.requestUpdate();
  }

  private async forget({ id }: OpenAct): Promise<void> {
    await call('/forget', { id, why: 'given up on the page of the office' });
  }

  protected override render(): TemplateResult {
    const { sums, openActs } = this.state;
    return html`${sums ? this.renderSums(sums) : html`<p>The houses have not said their sums.</p>`}
      ${openActs.length > 0 || this.asked ? this.renderOpen(openActs) : nothing}
      <section class="list">
        <h2>Payments, the last 24 hours</h2>
        ${this.renderTrouble()} ${this.today ? this.renderToday(this.today) : html`<p>Counting.</p>`}
      </section>`;
  }

  private renderSums(sums: Sums): TemplateResult {
    const facts: [string, string][] = [
      ['Put in, still here', this.show(sums.in)],
      ['Paid out', this.show(sums.paidOut)],
      [`In ${sums.accountCount} accounts`, this.show(sums.accounts)],
      ['Cash on tokens', this.show(sums.cash)],
    ];
    return html`<section class="list">
      <dl class="totals">
        ${facts.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      <p class="note ${sums.holds ? 'good' : 'bad'}">
        <b>${sums.holds ? 'Every cent is accounted for.' : 'The books do not add up.'}</b>
        <span class="small"
          >${this.show(sums.in)} put in = ${this.show(sums.held)}
          held${sums.holds ? '' : '. Stop paying out, and see Books: the audit names each broken row.'}</span
        >
      </p>
      ${
        sums.overspent > 0
          ? html`<p class="note bad"><b>${sums.overspent} overspent.</b> <span class="small">See Overspends.</span></p>`
          : nothing
      }
    </section>`;
  }

  private renderOpen(acts: OpenAct[]): TemplateResult {
    return html`<section class="list">
      <h2>Without an answer</h2>
      <p class="small">These acts were asked for, and nobody heard what became of them. Finishing does each once.</p>
      ${this.asked ? html`<p class="note" role="status">${this.asked}</p>` : nothing}
      ${acts.map(
        (open) =>
          html`<div class="buttons open">
            <span>${open.text}, ${age(open.begunS)} ago</span>
            <button @click=${() => this.finish(open)}>Finish</button>
            <button @click=${() => this.forget(open)}>Give up</button>
          </div>`,
      )}
    </section>`;
  }

  private renderToday({ hours, count, sum, refunded, isWhole }: Today): TemplateResult {
    const most = Math.max(1, ...hours.map((hour) => hour.count));
    const hourOf = (fromS: number): string => new Date(fromS * 1000).toLocaleTimeString([], { timeStyle: 'short' });
    return html`<dl class="totals">
        <div>
          <dt>${isWhole ? 'Payments' : 'Payments, at least'}</dt>
          <dd>${count}</dd>
        </div>
        <div>
          <dt>Taken</dt>
          <dd>${this.show(sum)}</dd>
        </div>
        <div>
          <dt>Given back</dt>
          <dd>${this.show(refunded)}</dd>
        </div>
      </dl>
      <svg
        class="hours"
        viewBox="0 0 ${STEP * hours.length} ${HEIGHT + 24}"
        role="img"
        aria-label=${`Payments an hour, at most ${most}`}
      >
        ${hours.map((hour, i) => {
          const high = (hour.count / most) * HEIGHT;
          return svg`<rect x=${i * STEP + 3} width=${STEP - 6} y=${HEIGHT - high} height=${Math.max(high, 1)}>
              <title>${hourOf(hour.fromS)}: ${hour.count}, ${this.show(hour.sum)}</title></rect>
            ${i % 4 === 0 ? svg`<text x=${i * STEP + 3} y=${HEIGHT + 18}>${hourOf(hour.fromS)}</text>` : nothing}`;
        })}
      </svg>
      <details>
        <summary>As a table</summary>
        ${this.table(
          'Payments an hour',
          ['From', 'Payments', 'Taken'],
          hours
            .filter((hour) => hour.count > 0)
            .map(
              (hour) =>
                html`<tr>
                  <th scope="row">${hourOf(hour.fromS)}</th>
                  <td>${hour.count}</td>
                  <td>${this.show(hour.sum)}</td>
                </tr>`,
            ),
          'No payments.',
        )}
      </details>`;
  }
}

customElements.define('office-today', TodayView);
