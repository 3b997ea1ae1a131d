/**
 * The flasher: interpreter and program onto a board, its institutions, its label; and what is wrong with a board. From
 * a browser with Web Serial, by the same code as the command line. Nothing leaves this computer.
 */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { toHex } from '../../../firmware/core/bytes.js';
import type { BoardEntry } from '../../../flash-scripts/boards/board-entry.js';
import type { Role } from '../../../flash-scripts/boards/roles.js';
import type { Finding } from '../../../flash-scripts/doctor/doctor.js';
import { saveText } from '../parts/table-file.js';
import type { Purpose, Work } from './board-work.js';

/** A board of board-configs/, with its drawing. */
interface Drawn {
  entry: BoardEntry;
  wiring: string;
}

type Works = typeof import('./board-work.js');

const LINES_MAX = 200;

class TapFlasher extends LitElement {
  private boards: Drawn[] = [];
  private chosen: Drawn | null = null;
  private boardRole: Role = 'user-token';
  private files: File[] = [];
  private manifest: { name: string; text: string } | null = null;
  private name = '';
  private scheme = 1;
  private pseudonyms = 1;
  private isAlone = false;
  /** What is under way; null: nothing. */
  private ending: AbortController | null = null;
  private lines: string[] = [];
  private hint = '';
  private bar: { name: string; done: number; total: number } | null = null;
  private trouble = '';
  private done = '';
  private label = '';
  private findings: Finding[] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.load().catch(() => this.change({ trouble: 'The boards could not be read. Load this page again.' }));
  }

  private async load(): Promise<void> {
    const boards = (await (await fetch('boards.json')).json()) as Drawn[];
    this.change({ boards, chosen: boards[0] ?? null });
  }

  /** Changes what is shown, and draws it. */
  private change(change: object): void {
    Object.assign(this, change);
    this.requestUpdate();
  }

  private choose(name: string): void {
    const chosen = this.boards.find(({ entry }) => entry.name === name) ?? null;
    const roles = chosen?.entry.roles ?? [];
    this.change({ chosen, boardRole: roles.includes(this.boardRole) ? this.boardRole : roles[0] });
  }

  /** Does something at a board: asks which port, follows it, and says how it ended. */
  private async at<T>(run: (works: Works, work: Work) => Promise<T>): Promise<T | null> {
    if (this.ending || !this.chosen) return null;
    const ending = new AbortController();
    this.change({ ending, lines: [], hint: '', bar: null, trouble: '', done: '', label: '', findings: [] });
    try {
      // Before anything is loaded: a browser asks only right after a press.
      const port = await navigator.serial.requestPort();
      const works = await import('./board-work.js');
      return await run(works, {
        port,
        board: this.chosen.entry,
        signal: ending.signal,
        reporter: {
          step: (text) => this.change({ lines: [...this.lines, text].slice(-LINES_MAX), hint: '' }),
          hint: (hint) => this.change({ hint }),
          progress: (name, done, total) => this.change({ bar: { name, done, total } }),
        },
      });
    } catch (thrown) {
      await this.say(thrown as Error);
      return null;
    } finally {
      this.change({ ending: null, hint: '', bar: null });
    }
  }

  private async say(thrown: Error): Promise<void> {
    if (thrown.name === 'NotFoundError')
      return this.change({ trouble: 'No port was chosen. Plug the board in, and choose it.' });
    const { message, remedy } = (await import('./board-work.js')).bodyOfThrown(thrown);
    this.change({ trouble: `${message} ${remedy} What was written stays; the same again goes on where it was.` });
  }

  private async flash(): Promise<void> {
    const result = await this.at((works, work) => works.flash(work, this.boardRole, this.files));
    if (!result) return;
    const next = result.provisioned ? 'It runs.' : 'Next: provision it, below.';
    const { written, right, interpreter } = result;
    this.change({
      done: `Espruino ${interpreter}; ${written.length} files written, ${right.length} were right. ${next}`,
    });
  }

  private async provision(): Promise<void> {
    const { boardRole: role, name, scheme, pseudonyms, isAlone, manifest } = this;
    if (!manifest) return;
    const purpose: Purpose = { role, name: name.trim(), scheme, pseudonyms, isAlone };
    const result = await this.at((works, work) => works.provision(work, purpose, manifest.text));
    if (!result) return;
    const id = result.terminalId && toHex(result.terminalId);
    const next =
      role === 'user-token'
        ? `Next, at the desk: tapcash teller register "${purpose.name}"`
        : `Its id is ${id}. Next: the office registers it with the account of ${purpose.name}; the key stands on the label.`;
    this.change({ done: `The board has made its keys, and proved that it has them. ${next}`, label: result.label });
  }

  private async examine(): Promise<void> {
    const findings = await this.at((works, work) => works.examine(work));
    if (!findings) return;
    const faults = findings.filter(({ ok }) => !ok).length;
    this.change({
      findings,
      done: faults === 0 ? 'Nothing is wrong.' : '',
      trouble: faults ? `${faults} faults.` : '',
    });
  }

  private async takeManifest(file: File | undefined): Promise<void> {
    if (file) this.change({ manifest: { name: file.name, text: await file.text() } });
  }

  protected override render(): TemplateResult {
    const { chosen } = this;
    return html`
      <header>
        <h1>tapcash <span>flasher</span></h1>
        <p>Interpreter, program and institutions onto a board, from this browser. Nothing leaves this computer.</p>
      </header>
      ${'serial' in navigator ? nothing : this.renderNoSerial()}
      <main>
        ${
          chosen
            ? html`${this.renderBoard(chosen)} ${this.renderFlash()} ${this.renderProvision(chosen)}
              ${this.renderDoctor()}`
            : html`<p>Reading the boards.</p>`
        }
        <section class="list now" aria-live="polite">${this.renderNow()}</section>
      </main>
    `;
  }

  private renderNoSerial(): TemplateResult {
    return html`<p class="trouble" role="alert">
      This browser has no Web Serial, so it cannot reach a board. Chrome, Edge and Opera on a computer can (from version
      89); Firefox, Safari and phones cannot. The page must come from this computer (127.0.0.1) or over https. The
      command line does the same everywhere: <code>tapcash flash</code>.
    </p>`;
  }

  private renderBoard({ entry, wiring }: Drawn): TemplateResult {
    return html`<section class="list">
      <h2>1. The board</h2>
      <label
        >Which board is it?
        <select @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value)}>
          ${this.boards.map(
            ({ entry: { name } }) => html`<option value=${name} ?selected=${name === entry.name}>${name}</option>`,
          )}
        </select>
      </label>
      <p class="small">${entry.description}</p>
      <fieldset>
        <legend>What shall it be?</legend>
        ${(
          [
            ['user-token', 'A token: a customer carries it'],
            ['shop-terminal', 'A terminal: it stands in a shop'],
          ] as [Role, string][]
        ).map(
          ([role, text]) =>
            html`<label class="check"
              ><input
                type="radio"
                name="role"
                .checked=${this.boardRole === role}
                ?disabled=${!entry.roles.includes(role)}
                @change=${() => this.change({ boardRole: role })}
              />
              ${text}</label
            >`,
        )}
      </fieldset>
      <div class="wiring" role="img" aria-label=${`Wiring of ${entry.name}`}>
        <img alt="" src=${`data:image/svg+xml,${encodeURIComponent(wiring)}`} />
      </div>
    </section>`;
  }

  private renderFlash(): TemplateResult {
    const { files } = this;
    return html`<section class="list">
      <h2>2. Interpreter and program</h2>
      <p>
        Espruino for this board, unpacked: choose bootloader.bin, partitions and espruino*.bin together, or one merged
        file. Without files only the program is written, as an update. <b>Keys and cash stay in both cases.</b>
      </p>
      <label
        >Files of the interpreter
        <input
          type="file"
          multiple
          accept=".bin"
          @change=${(event: Event) => this.change({ files: [...((event.target as HTMLInputElement).files ?? [])] })}
        />
      </label>
      <button class="main" ?disabled=${this.ending !== null || !('serial' in navigator)} @click=${() => this.flash()}>
        ${files.length > 0 ? 'Choose the port and flash' : 'Choose the port and update the program'}
      </button>
    </section>`;
  }

  private renderProvision({ entry }: Drawn): TemplateResult {
    const isToken = this.boardRole === 'user-token';
    return html`<section
      class="list"
      @dragover=${(event: DragEvent) => event.preventDefault()}
      @drop=${(event: DragEvent) => {
        event.preventDefault();
        this.takeManifest(event.dataTransfer?.files[0]).catch(() => undefined);
      }}
    >
      <h2>3. Institutions</h2>
      <p>
        The signed manifest of your houses: drop it here, or choose it. <code>tapcash manifest</code> makes it. The
        board makes its own keys; no copy of them exists.
      </p>
      <label
        >Manifest
        <input
          type="file"
          accept=".json"
          @change=${(event: Event) => this.takeManifest((event.target as HTMLInputElement).files?.[0])}
        />
      </label>
      <p class="small" role="status">${this.manifest ? `${this.manifest.name} is ready.` : 'None yet.'}</p>
      <label
        >${isToken ? 'Name of its owner' : 'Name of the shop'}
        <input
          autocomplete="off"
          maxlength="64"
          .value=${this.name}
          @input=${(event: Event) => this.change({ name: (event.target as HTMLInputElement).value })}
        />
      </label>
      ${isToken ? this.renderScheme() : this.renderAlone()}
      <button
        class="main"
        ?disabled=${this.ending !== null || !this.manifest || this.name.trim() === '' || !('serial' in navigator)}
        @click=${() => this.provision()}
      >
        Choose the port and provision ${entry.name}
      </button>
    </section>`;
  }

  private number(label: string, field: 'scheme' | 'pseudonyms', most: number): TemplateResult {
    return html`<label
      >${label}
      <input
        type="number"
        min="1"
        max=${most}
        .value=${String(this[field])}
        @input=${(event: Event) => {
          const value = Number((event.target as HTMLInputElement).value);
          if (Number.isInteger(value) && value >= 1 && value <= most) this.change({ [field]: value });
        }}
      />
    </label>`;
  }

  private renderScheme(): TemplateResult {
    const isMany = this.scheme === 4 || this.scheme === 6;
    return html`<div class="buttons">
      ${this.number('Scheme', 'scheme', 6)} ${isMany ? this.number('Pseudonyms', 'pseudonyms', 32) : nothing}
    </div>`;
  }

  private renderAlone(): TemplateResult {
    return html`<label class="check"
      ><input
        type="checkbox"
        .checked=${this.isAlone}
        @change=${(event: Event) => this.change({ isAlone: (event.target as HTMLInputElement).checked })}
      />
      No bridge stands beside it: it checks each signature itself before it says PAID</label
    >`;
  }

  private renderDoctor(): TemplateResult {
    return html`<section class="list">
      <h2>Something does not work?</h2>
      <p>Looks at the board, and says what to do. Nothing is written.</p>
      <button ?disabled=${this.ending !== null || !('serial' in navigator)} @click=${() => this.examine()}>
        Choose the port and examine
      </button>
      ${
        this.findings.length > 0
          ? html`<table>
              <tbody>
                ${this.findings.map(
                  ({ check, ok, found, remedy }) =>
                    html`<tr class=${ok ? '' : 'bad'}>
                      <th scope="row">${ok ? '✓' : '✗'} ${check}</th>
                      <td>${found}${remedy ? html`<br /><b>${remedy}</b>` : nothing}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
          : nothing
      }
    </section>`;
  }

  private renderNow(): TemplateResult {
    const { ending, bar, hint, lines, trouble, done, label } = this;
    return html`<h2>${ending ? 'Under way' : 'How it went'}</h2>
      ${hint ? html`<p class="note hint"><b>Now at the board:</b> ${hint}</p>` : nothing}
      ${
        bar
          ? html`<label
              >${bar.name}
              <progress max=${Math.max(1, bar.total)} value=${bar.done}></progress>
              ${bar.total > 0 ? Math.round((100 * bar.done) / bar.total) : 0}%</label
            >`
          : nothing
      }
      ${ending ? html`<button @click=${() => ending.abort()}>Stop</button>` : nothing}
      ${trouble ? html`<p class="note bad" role="alert">${trouble}</p>` : nothing}
      ${done ? html`<p class="note good" role="status">${done}</p>` : nothing}
      ${label ? this.renderLabel(label) : nothing}
      ${
        lines.length > 0
          ? html`<ol class="steps">
              ${lines.map((line) => html`<li>${line}</li>`)}
            </ol>`
          : !ending && !trouble && !done
            ? html`<p class="small">Nothing yet.</p>`
            : nothing
      }`;
  }

  private renderLabel(svg: string): TemplateResult {
    return html`<div class="paper">
        <img alt="Label of the board" src=${`data:image/svg+xml,${encodeURIComponent(svg)}`} />
      </div>
      <div class="buttons">
        <button @click=${() => window.print()}>Print the label</button>
        <button @click=${() => saveText('label.svg', svg, 'image/svg+xml')}>Save it</button>
      </div>`;
  }
}

customElements.define('tap-flasher', TapFlasher);
