/** Sets of pseudonyms below zero, and the name behind one: asked for with a reason, and recorded. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import { moment, OfficeView, PAGE } from './office-view.js';
import type { Overspent } from './office-state.js';

interface Page {
  rows: Overspent[];
  total: number;
}

class OverspendsView extends OfficeView {
  private page: Page | null = null;
  private from = 0;

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    this.readFor([this.state.sums, this.from], () => this.read());
  }

  private async read(): Promise<void> {
    this.page = (await this.ask<Page>('/overspends', { from: this.from, limit: PAGE })) ?? this.page;
    this.requestUpdate();
  }

  private turn(from: number): void {
    this.from = from;
    this.requestUpdate();
  }

  private trace({ pku, ebc }: Overspent): void {
    this.begin({
      verb: 'trace',
      title: 'Who is it?',
      explain: `${this.show(-ebc)} more was spent than withdrawn. You get the real name, with what proves it. Your key, the time and the reason are recorded.`,
      button: 'Open the name',
      fields: [
        { label: 'Pseudonym', kind: 'key', value: pku, isFixed: true },
        { label: 'Reason, for the record', kind: 'text' },
      ],
    });
  }

  protected override render(): TemplateResult {
    const { page } = this;
    return html`<section class="list">
      <h2>Overspends</h2>
      <p class="small">
        Who copies a token and spends twice falls below zero here, and is on the deny list. The shops were paid.
      </p>
      ${this.renderTrouble()}
      ${
        page
          ? this.table(
              'Overspends',
              ['Pseudonym', 'Counter', 'Seen last', ''],
              page.rows.map(
                (row) =>
                  html`<tr>
                    <th scope="row"><code title=${row.pku}>${row.pku.slice(0, 16)}…</code></th>
                    <td class="bad">${this.show(row.ebc)}</td>
                    <td>${moment(row.timeS)}</td>
                    <td class="acts">
                      <button ?disabled=${!this.may('trace')} @click=${() => this.trace(row)}>Trace</button>
                    </td>
                  </tr>`,
              ),
              'Nobody has overspent.',
            )
          : html`<p>Asking the issuer.</p>`
      }
      ${page ? this.pagerAt(this.from, page.rows.length, page.total, (from) => this.turn(from)) : ''}
    </section>`;
  }
}

customElements.define('office-overspends', OverspendsView);
