/** The audit with each broken row, and who can link what. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { call } from '../parts/live.js';
import { OfficeView, PAGE } from './office-view.js';
import type { AuditState, Broken, PartyLinks } from './office-state.js';

interface Page {
  rows: Broken[];
  total: number;
}

class BooksView extends OfficeView {
  private broken: Page | null = null;
  private from = 0;
  private parties: PartyLinks[] | null = null;
  private isReading = false;

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    const { audit } = this.state;
    if (!audit?.result?.broken) return;
    this.readFor([audit, this.from], () => this.readBroken());
  }

  private async readBroken(): Promise<void> {
    this.broken = await this.ask<Page>('/broken', { from: this.from, limit: PAGE });
    this.requestUpdate();
  }

  private turn(from: number): void {
    this.from = from;
    this.requestUpdate();
  }

  private async start(): Promise<void> {
    Object.assign(this, { from: 0, broken: null });
    const answer = await call('/audit', {});
    this.trouble = answer === 'lost' || answer.ok ? '' : `${answer.message} ${answer.remedy}`;
  }

  private async link(): Promise<void> {
    this.isReading = true;
    this.requestUpdate();
    this.parties = (await this.ask<{ parties: PartyLinks[] }>('/linkage'))?.parties ?? null;
    this.isReading = false;
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    const { audit } = this.state;
    return html`<section class="list">
        <h2>Audit</h2>
        <p class="small">Adds all books up again, and checks every signature in them, by a code of its own.</p>
        ${this.renderTrouble()}
        <button class="main" ?disabled=${audit?.isRunning ?? false} @click=${() => this.start()}>
          ${audit?.isRunning ? 'Reading …' : 'Audit now'}
        </button>
        ${audit ? this.renderAudit(audit) : nothing}
      </section>
      <section class="list">
        <h2>Who can link what</h2>
        <p class="small">Computed from what stands in each party's books; docs/schemes.md says why.</p>
        <button ?disabled=${this.isReading} @click=${() => this.link()}>
          ${this.isReading ? 'Reading …' : 'Compute it'}
        </button>
        ${this.parties ? this.renderParties(this.parties) : nothing}
      </section>`;
  }

  private renderAudit({ isRunning, rows, result, said }: AuditState): TemplateResult {
    const sum = rows.reduce((all, [, count]) => all + count, 0);
    return html`<p role="status">
        ${isRunning ? `${sum} rows of ${rows.length} tables so far.` : `${sum} rows of ${rows.length} tables checked.`}
      </p>
      ${said ? html`<p class="note bad" role="alert">${said.message} ${said.remedy}</p>` : nothing}
      ${
        result
          ? html`<p class="note ${result.ok ? 'good' : 'bad'}" role="status">
              <b>${result.ok ? 'The books are right.' : `${result.broken} rows are broken.`}</b>
              <span class="small"
                >${this.show(result.in)} put in, ${this.show(result.held)} held.
                ${result.ok ? '' : 'Stop paying out, keep the databases, and compare with the newest backup that is right.'}
                ${result.notes.join('; ')}</span
              >
            </p>`
          : nothing
      }
      ${this.broken && result?.broken ? this.renderBroken(this.broken) : nothing}
      ${
        rows.length > 0
          ? html`<details>
              <summary>Rows by table</summary>
              <ul class="prefixes">
                ${rows.map(([table, count]) => html`<li>${table}: ${count}</li>`)}
              </ul>
            </details>`
          : nothing
      }`;
  }

  private renderBroken({ rows, total }: Page): TemplateResult {
    return html`${this.table(
      'Broken rows',
      ['Where', 'Row', 'What is wrong'],
      rows.map(
        ({ database, table, row, problem }) =>
          html`<tr>
            <th scope="row">${database} ${table}</th>
            <td><code>${row}</code></td>
            <td>${problem}</td>
          </tr>`,
      ),
      '',
    )}
    ${this.pagerAt(this.from, rows.length, total, (from) => this.turn(from))}`;
  }

  private renderParties(parties: PartyLinks[]): TemplateResult {
    return this.table(
      'Who can link what',
      ['Who', 'Pseudonyms seen', 'Named by record', 'Named by timing', 'Payments seen', 'Payers told apart'],
      parties.map(
        (party) =>
          html`<tr>
            <th scope="row">${party.party}</th>
            <td>${party.pseudonyms}</td>
            <td>${party.namedByRecord}</td>
            <td>${party.namedByTiming}</td>
            <td>${party.payments}</td>
            <td>${party.payers}</td>
          </tr>`,
      ),
      'There are no books yet.',
    );
  }
}

customElements.define('office-books', BooksView);
