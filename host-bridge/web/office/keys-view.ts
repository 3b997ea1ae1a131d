/** The houses' public keys, one after another, and how another one is made. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import { OfficeView } from './office-view.js';
import type { HouseKey } from './office-state.js';

const day = (timeS: number): string => new Date(timeS * 1000).toLocaleDateString();

class KeysView extends OfficeView {
  private keys: HouseKey[] | null = null;

  protected override firstUpdated(changed: PropertyValues): void {
    super.firstUpdated(changed);
    this.read().catch(() => undefined);
  }

  private async read(): Promise<void> {
    this.keys = (await this.ask<{ keys: HouseKey[] }>('/keys'))?.keys ?? null;
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    return html`<section class="list">
      <h2>Keys of the houses</h2>
      ${this.renderTrouble()}
      ${
        this.keys
          ? this.table(
              'Keys',
              ['House', 'Public key', 'Signs', 'Is taken until'],
              this.keys.map(
                ({ house, key, fromS, untilS }) =>
                  html`<tr>
                    <th scope="row">${house}</th>
                    <td><code title=${key}>${key.slice(0, 16)}…</code></td>
                    <td>${fromS === 0 ? 'first' : `from ${day(fromS)}`}</td>
                    <td>${untilS === null ? 'no end' : day(untilS)}</td>
                  </tr>`,
              ),
              '',
            )
          : html`<p>Asking the issuer.</p>`
      }
      <p class="small">
        Another key is made where the private one lies: <code>tapcash rotate issuer --in 7</code> on the machine of that
        house. Then boards are provisioned again: Terminals shows which one has the newest key; a token is told at a
        desk that it needs it.
      </p>
    </section>`;
  }
}

customElements.define('office-keys', KeysView);
