/** Terminals: what they hold undelivered, and what they were told last; one registered, retired, reinstated. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import { age, OfficeView } from './office-view.js';
import type { TerminalState } from './office-state.js';

const READ_MS = 5000;

class TerminalsView extends OfficeView {
  private terminals: TerminalState[] | null = null;
  private newest: number | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  protected override firstUpdated(changed: PropertyValues): void {
    super.firstUpdated(changed);
    this.read().catch(() => undefined);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    if (this.timer) clearTimeout(this.timer);
  }

  /** Bridges tell nobody but their own page: they are asked while somebody looks. */
  private async read(): Promise<void> {
    const found = await this.ask<{ terminals: TerminalState[]; denyVersion: number | null }>('/terminals');
    if (found) Object.assign(this, { terminals: found.terminals, newest: found.denyVersion });
    this.requestUpdate();
    if (this.isConnected) this.timer = setTimeout(() => this.read().catch(() => undefined), READ_MS);
  }

  private register(): void {
    this.begin({
      verb: 'terminal',
      title: "Register a terminal's key",
      explain: 'The houses then take what this terminal signs: its cancelled charges and refunds.',
      button: 'Register it',
      fields: [
        { label: 'Account of the shop', kind: 'text' },
        { label: 'Id, 8 digits, as on its label', kind: 'text' },
        { label: 'Key, 64 hexadecimal digits', kind: 'key' },
      ],
    });
  }

  private retire(isRetired: boolean, id = ''): void {
    this.begin({
      verb: isRetired ? 'retire' : 'reinstate',
      title: isRetired ? 'Another terminal has taken its place' : 'That was a mistake',
      explain: isRetired
        ? 'It opens no charge any more once it is told, at its next bridge. What it took is still delivered.'
        : 'The terminal works again once it is told, within a minute at its bridge.',
      button: isRetired ? 'Retire it' : 'Reinstate it',
      fields: [
        { label: 'Id of the terminal', kind: 'text', value: id, ...(id ? { isFixed: true as const } : {}) },
        { label: 'Reason, for the record', kind: 'text' },
      ],
    });
  }

  protected override render(): TemplateResult {
    const may = this.may('terminal');
    return html`<section class="list">
      <h2>Terminals at bridges of this folder</h2>
      ${this.renderTrouble()}
      ${
        this.terminals
          ? this.table(
              'Terminals',
              ['Terminal', 'Undelivered', 'Deny list', 'Signed time', "Issuer's newest key", ''],
              this.terminals.map((terminal) => this.renderRow(terminal, may)),
              'No bridge runs with this folder. Elsewhere, tapcash status says the same of each.',
            )
          : html`<p>Asking the bridges.</p>`
      }
      <div class="buttons">
        <button ?disabled=${!may} @click=${() => this.register()}>Register a key</button>
        <button ?disabled=${!may} @click=${() => this.retire(true)}>Retire by id</button>
        <button ?disabled=${!may} @click=${() => this.retire(false)}>Reinstate by id</button>
      </div>
    </section>`;
  }

  private renderRow(terminal: TerminalState, may: boolean): TemplateResult {
    const { shop, id, folder, said, inTerminal, atBridge, oldestS, denyVersion, timeS, hasNewestKey } = terminal;
    const isOld = this.newest !== null && denyVersion < this.newest;
    const waiting = inTerminal + atBridge;
    return html`<tr>
      <th scope="row">
        ${shop || folder} <span class="small">${id}</span>
        ${said ? html`<span class="small bad">${said.message} ${said.remedy}</span>` : ''}
        ${terminal.isRetired ? html`<span class="small bad">retired</span>` : ''}
      </th>
      <td>${waiting === 0 ? 'nothing' : `${waiting}${oldestS === null ? '' : `, oldest ${age(oldestS)}`}`}</td>
      <td class=${isOld ? 'bad' : ''}>version ${denyVersion}${isOld ? ` of ${this.newest}` : ''}</td>
      <td>${timeS === 0 ? 'never' : `${age(timeS)} ago`}</td>
      <td class=${hasNewestKey === false ? 'bad' : ''}>
        ${hasNewestKey === null ? 'not known' : hasNewestKey ? 'yes' : 'no: provision it again'}
      </td>
      <td class="acts">
        ${
          terminal.isRetired
            ? html`<button ?disabled=${!may} @click=${() => this.retire(false, id)}>Reinstate</button>`
            : html`<button ?disabled=${!may || !id} @click=${() => this.retire(true, id)}>Retire</button>`
        }
      </td>
    </tr>`;
  }
}

customElements.define('office-terminals', TerminalsView);
