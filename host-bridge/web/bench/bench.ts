/**
 * The bench: boards with their real pixels, the bytes on the air, and the books; and hands to break what can break.
 *
 * Events are taken as they come and drawn once a frame. What is shown comes from events alone.
 */
import { html, LitElement, nothing, svg, type TemplateResult } from 'lit';
import { call, live, type LineTexts, type Trouble } from '../parts/live.js';
import { BenchModel } from './bench-model.js';
import type { ApduEvent, BenchAct, BenchEvent, StateEvent } from './bench-events.js';
import { Buzzer, display } from './board-parts.js';
import { hintOf } from './hints.js';
import { meaningOf } from './meaning.js';
import './bench-guide.js';

/** What shall go wrong with the next tap. */
type Fault = 'none' | 'tear' | 'noise' | 'token' | 'terminal';

const FAULTS: [fault: Fault, label: string][] = [
  ['none', 'Nothing'],
  ['tear', 'Radio torn'],
  ['noise', 'Noise'],
  ['token', "Token's power cut"],
  ['terminal', "Terminal's power cut"],
];
/** Bytes of a conversation before one was seen; flash operations that a tap has at most. */
const BYTES_GUESS = 900;
const OPERATIONS_MAX = 12;

const LINE: LineTexts = {
  denied: () => 'This address lacks its token. Open the whole address that npm start printed.',
  away: () => 'The bench does not answer. If it was stopped, start it again with npm start; this page waits.',
};

/** Asks for an act. @returns '' where it was done, or why not in words */
async function ask(act: BenchAct): Promise<Trouble> {
  const answer = await call('/act', act);
  if (answer === 'lost') return 'The bench does not answer.';
  return answer.ok ? '' : answer.message || answer.code || 'It was refused.';
}

/** A message on the strip. */
const strip = (x: string, width: string, toCard: boolean) =>
  svg`<rect class=${toCard ? 'to' : 'from'} x=${x} width=${width} y="2" height="20"></rect>`;
/** Where it will be cut. */
const cutAt = (x: string) => svg`<rect class="cut" x=${x} width="4" height="24"></rect>`;

class TapBench extends LitElement {
  private model = new BenchModel();
  private trouble = 'Connecting.';
  private events: BenchEvent[] = [];
  private isDue = false;
  private fault: Fault = 'none';
  private place = 450;
  private operation = 0;
  private amount = '3.50';
  /** What was done at this shop. */
  private done: BenchAct[] = [];
  /** Of what is drawn. */
  private version = 0;
  private chosen: ApduEvent | null = null;
  private isLoud = false;
  private buzzer = new Buzzer();
  private drag: { token: string; x: number; y: number } | null = null;

  /** One style sheet for the whole page, and one document for who hears it read. */
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    live<BenchEvent>(
      (events) => this.takeSoon(events),
      (trouble) => {
        this.trouble = trouble;
        this.requestUpdate();
      },
      LINE,
    ).catch(() => undefined);
  }

  /** Draws at the next frame, however many messages come before it. */
  private takeSoon(events: BenchEvent[]): void {
    this.events.push(...events);
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      for (const event of this.events) this.model.take(event);
      this.events = [];
      this.buzzer.play(Math.max(0, ...[...this.model.boards.values()].map(({ toneHz }) => toneHz)));
      this.requestUpdate();
    });
  }

  private money = (minor: number): string => {
    const { scene } = this.model;
    if (!scene) return '…'; // nothing of the shop is known yet
    const { currency, decimals } = scene;
    return new Intl.NumberFormat(undefined, { style: 'currency', currency, minimumFractionDigits: decimals }).format(
      minor / 10 ** decimals,
    );
  };

  /** Asks for an act, and keeps it for a link where it was done. */
  private perform = async (act: BenchAct): Promise<Trouble> => {
    const trouble = await ask(act);
    if (!trouble) this.done = act.do === 'restart' ? [] : act.do === 'audit' ? this.done : [...this.done, act];
    this.requestUpdate();
    return trouble;
  };

  /** The same; what is wrong with it is said. */
  private do(act: BenchAct): void {
    this.perform(act)
      .then((trouble) => {
        this.trouble = trouble;
        this.requestUpdate();
      })
      .catch(() => undefined);
  }

  /** Changes what is chosen, and draws it. */
  private choose(change: { fault?: Fault; place?: number; operation?: number; chosen?: ApduEvent | null }): void {
    Object.assign(this, change);
    this.requestUpdate();
  }

  private charge(): void {
    const decimals = this.model.scene?.decimals ?? 2;
    const amount = Math.round(Number(this.amount.replace(',', '.')) * 10 ** decimals);
    if (Number.isSafeInteger(amount) && amount > 0) this.do({ do: 'charge', amount });
    else {
      this.trouble = 'An amount looks like 3.50.';
      this.requestUpdate();
    }
  }

  private tap(board: string): void {
    const { fault, place, operation } = this;
    this.do({
      do: 'tap',
      board,
      ...(fault === 'tear' ? { tearAfter: place } : {}),
      ...(fault === 'noise' ? { noiseAt: place } : {}),
      ...(fault === 'token' ? { cutToken: operation } : {}),
      ...(fault === 'terminal' ? { cutTerminal: operation } : {}),
    });
    // It goes wrong once; the next tap finishes.
    this.choose({ fault: 'none' });
  }

  private dragStart(event: PointerEvent, token: string): void {
    if ((event.target as HTMLElement).closest('button')) return;
    const card = event.currentTarget as HTMLElement;
    card.setPointerCapture(event.pointerId);
    this.drag = { token, x: event.clientX, y: event.clientY };
    card.classList.add('dragged');
  }

  private dragMove(event: PointerEvent): void {
    if (!this.drag) return;
    const card = event.currentTarget as HTMLElement;
    card.style.transform = `translate(${event.clientX - this.drag.x}px, ${event.clientY - this.drag.y}px)`;
    this.querySelector('.reader')?.classList.toggle('near', this.isOverReader(event));
  }

  private dragEnd(event: PointerEvent): void {
    const { drag } = this;
    if (!drag) return;
    this.drag = null;
    const card = event.currentTarget as HTMLElement;
    card.style.transform = '';
    card.classList.remove('dragged');
    this.querySelector('.reader')?.classList.remove('near');
    if (this.isOverReader(event)) this.tap(drag.token);
    else if (this.model.state?.tokens[drag.token]?.at) this.do({ do: 'leave' });
  }

  private isOverReader({ clientX, clientY }: PointerEvent): boolean {
    const box = this.querySelector('.reader')?.getBoundingClientRect();
    return !!box && clientX > box.left && clientX < box.right && clientY > box.top && clientY < box.bottom;
  }

  protected override render(): TemplateResult {
    const { scene, state } = this.model;
    const hint = hintOf(this.model, this.money);
    return html`
      <header>
        <h1>tapcash <span>bench</span></h1>
        <p>Cash on a card. Tear the tap at any byte, cut the power at any write: <b>nobody loses a cent.</b></p>
        <label class="check"><input type="checkbox" .checked=${this.isLoud} @change=${this.setSound} /> Sound</label>
      </header>
      ${this.trouble ? html`<p class="trouble" role="alert">${this.trouble}</p>` : nothing}
      <main>
        <p class="hint ${hint.tone}" role="status">${hint.text}</p>
        <bench-guide
          .model=${this.model}
          .version=${++this.version}
          .perform=${this.perform}
          .done=${this.done}
        ></bench-guide>
        <section class="tokens" aria-label="Tokens">
          <h2>Customers</h2>
          ${scene?.tokens.map((name) => this.renderToken(name))}
        </section>
        <section class="counter" aria-label="Shop">
          <h2>${scene?.shop ?? 'Shop'}</h2>
          ${scene ? this.renderTerminal(scene.shop, scene.keys) : nothing}
        </section>
        <section class="books" aria-label="Books">
          <h2>The books</h2>
          ${state ? this.renderBooks() : nothing}
        </section>
        <section class="air" aria-label="On the air">${this.renderAir()}</section>
      </main>
    `;
  }

  private setSound = (event: Event): void => {
    this.isLoud = (event.target as HTMLInputElement).checked;
    this.buzzer.enable(this.isLoud);
  };

  private renderToken(name: string): TemplateResult {
    const board = this.model.boards.get(name);
    const money = this.model.state?.tokens[name];
    const open = money?.debits.filter(({ settled }) => !settled).length ?? 0;
    return html`<article
      class="board token ${money?.at ? 'at' : ''} ${board?.powered === false ? 'dark' : ''}"
      data-token=${name}
      @pointerdown=${(event: PointerEvent) => this.dragStart(event, name)}
      @pointermove=${this.dragMove}
      @pointerup=${this.dragEnd}
      @pointercancel=${this.dragEnd}
    >
      <h3>${name} <i class="led ${board?.led ? 'on' : ''}" aria-hidden="true"></i></h3>
      ${display(board)}
      <p class="holds">
        <b>${money ? this.money(money.balance) : '…'}</b>
        ${open ? html`<em>${open} not acknowledged</em>` : nothing}
      </p>
      <div class="buttons">
        <button class="main" @click=${() => (money?.at ? this.do({ do: 'leave' }) : this.tap(name))}>
          ${money?.at ? 'Take away' : 'Tap'}
        </button>
        <button @click=${() => this.do({ do: 'press', board: name })}>Button</button>
      </div>
    </article>`;
  }

  private renderTerminal(shop: string, keys: string[]): TemplateResult {
    const board = this.model.boards.get(shop);
    const there = Object.entries(this.model.state?.tokens ?? {}).find(([, { at }]) => at)?.[0];
    return html`<article class="board terminal ${board?.powered === false ? 'dark' : ''}">
        <h3>Terminal <i class="led ${board?.led ? 'on' : ''}" aria-hidden="true"></i></h3>
        ${display(board)}
        <div class="keypad" role="group" aria-label="Keypad">
          ${keys.flatMap((row) =>
            [...row].map((key) => html`<button @click=${() => this.do({ do: 'key', key })}>${key}</button>`),
          )}
        </div>
      </article>
      <div class="reader ${there ? 'busy' : ''}">
        <svg viewBox="0 0 48 48" aria-hidden="true">
          <path d="M10 32a16 16 0 0 1 0-16M17 29a10 10 0 0 1 0-10M38 16a16 16 0 0 1 0 16M31 19a10 10 0 0 1 0 10" />
          <circle cx="24" cy="24" r="3" />
        </svg>
        <b>${there ? `${there}'s token is on the reader` : 'Reader: drop a token here'}</b>
      </div>
      <form
        class="charge"
        @submit=${(event: Event) => {
          event.preventDefault();
          this.charge();
        }}
      >
        <label>Amount <input inputmode="decimal" .value=${this.amount} @input=${this.setAmount} /></label>
        <button class="main">Charge</button>
        <button type="button" @click=${() => this.do({ do: 'cancel' })}>Cancel</button>
      </form>`;
  }

  private setPlace = (event: Event): void => {
    const value = Number((event.target as HTMLInputElement).value);
    this.choose(this.fault === 'token' || this.fault === 'terminal' ? { operation: value } : { place: value });
  };

  private setAmount = (event: Event): void => void (this.amount = (event.target as HTMLInputElement).value);

  private renderBooks(): TemplateResult {
    const state = this.model.state!;
    const { conservation, overspends } = state;
    return html`
      <div class="gauge ${conservation.ok ? 'good' : 'bad'}" role="img" aria-label="Conservation">
        <b>${conservation.ok ? 'Every cent is accounted for' : 'The books do not add up'}</b>
        <span>${this.money(conservation.in)} put in = ${this.money(conservation.held)} held</span>
      </div>
      ${this.renderSides(state)}
      ${overspends.map(
        ({ name, ebc }) =>
          html`<p class="note bad">Double spend found: ${name} is at ${this.money(ebc)}, and on the deny list.</p>`,
      )}
      <p class="small">
        ${
          state.undelivered
            ? `${state.undelivered} payments wait to be delivered.`
            : 'The shop has delivered every payment.'
        }
        Deposited last:
        ${state.ledger.map(({ amount, token }) => `${token} ${this.money(amount)}`).join(', ') || 'none'}.
      </p>
      ${this.renderControls(state)}
      ${this.model.notes.map(({ tone, text }) => html`<p class="note ${tone}">${text}</p>`)}
    `;
  }

  /** What each holds, as its own side says and as the other does. */
  private renderSides(state: StateEvent): TemplateResult {
    return html`<table>
      <thead>
        <tr>
          <th>who</th>
          <th>on the token</th>
          <th>at the issuer</th>
        </tr>
      </thead>
      <tbody>
        ${Object.entries(state.tokens).map(
          ([name, { balance, ebc }]) =>
            html`<tr class=${ebc !== null && ebc < 0 ? 'bad' : ''}>
              <th>${name}</th>
              <td>${this.money(balance)}</td>
              <td>${ebc === null ? 'not known' : this.money(ebc)}</td>
            </tr>`,
        )}
        <tr>
          <th>Shop's account</th>
          <td></td>
          <td>${this.money(state.shopAccount)}</td>
        </tr>
      </tbody>
    </table>`;
  }

  private renderControls(state: StateEvent): TemplateResult {
    return html`<div class="buttons">
      <label class="check"
        ><input
          type="checkbox"
          .checked=${state.online}
          @change=${(event: Event) => this.do({ do: 'network', on: (event.target as HTMLInputElement).checked })}
        />
        Network</label
      >
      <button @click=${() => this.do({ do: 'audit' })}>Audit</button>
      <button
        ?disabled=${Object.keys(state.tokens).some((name) => name.includes('clone'))}
        @click=${() => this.do({ do: 'clone', board: this.model.scene!.tokens.at(-1)! })}
      >
        Clone ${this.model.scene?.tokens.at(-1)}
      </button>
    </div>`;
  }

  private renderAir(): TemplateResult {
    const { tap, whole } = this.model;
    const isOfFlash = this.fault === 'token' || this.fault === 'terminal';
    const most = isOfFlash ? OPERATIONS_MAX : (whole?.bytes ?? BYTES_GUESS);
    const at = isOfFlash ? this.operation : Math.min(this.place, most);
    return html`
      <fieldset class="faults">
        <legend>What shall go wrong with the next tap?</legend>
        ${FAULTS.map(
          ([fault, label]) =>
            html`<label class="check"
              ><input
                type="radio"
                name="fault"
                .checked=${this.fault === fault}
                @change=${() => this.choose({ fault })}
              />${label}</label
            >`,
        )}
        ${
          this.fault === 'none'
            ? nothing
            : html`<label class="place"
                >${isOfFlash ? `at flash operation ${at}` : `after byte ${at} of ${most}`}
                <input type="range" min="0" max=${most} .value=${String(at)} @input=${this.setPlace} />
                ${isOfFlash ? nothing : this.renderStrip(whole, at, most)}
              </label>`
        }
      </fieldset>
      <h2>On the air ${tap ? html`<span>${tap.token}, ${tap.bytes} bytes</span>` : nothing}</h2>
      ${tap ? this.renderStrip(tap, null, Math.max(tap.bytes, 1)) : html`<p class="small">Nothing yet.</p>`}
      ${tap ? this.renderMessages(tap.apdus, this.model.fault()?.what) : nothing}
    `;
  }

  /** Messages as long as they took, in their order. */
  private renderStrip(conversation: { apdus: ApduEvent[] } | null, cut: number | null, most: number): TemplateResult {
    const x = (bytes: number): string => ((bytes / most) * 1000).toFixed(1);
    return html`<svg class="strip" viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">
      <rect class="ground" width="1000" height="24"></rect>
      ${conversation?.apdus.map(({ from, to, toCard }) => strip(x(from), x(Math.max(to - from, 1)), toCard))}
      ${cut === null ? nothing : cutAt(x(cut))}
    </svg>`;
  }

  private renderMessages(apdus: ApduEvent[], fault: string | undefined): TemplateResult {
    return html`<ol class="messages">
      ${apdus.map((apdu) => {
        const { name, says } = meaningOf(apdu, this.money);
        return html`<li class=${apdu.toCard ? 'to' : 'from'}>
          <button
            aria-pressed=${this.chosen === apdu}
            @click=${() => this.choose({ chosen: this.chosen === apdu ? null : apdu })}
          >
            <code>${apdu.toCard ? '→' : '←'} ${name}</code><span>${says}</span><small>${apdu.from}–${apdu.to}</small>
          </button>
          ${this.chosen === apdu ? this.renderFields(apdu) : nothing}
        </li>`;
      })}
      ${fault ? html`<li class="cut"><b>${fault === 'torn' ? 'Here the radio was cut.' : 'Here a board lost its power.'}</b></li>` : nothing}
    </ol>`;
  }

  private renderFields(apdu: ApduEvent): TemplateResult {
    const { fields } = meaningOf(apdu, this.money);
    return html`<table class="fields">
      <tbody>
        ${fields.map(
          ({ name, kind, value }) =>
            html`<tr>
              <th>${name}</th>
              <td>${kind}</td>
              <td><code>${value}</code></td>
            </tr>`,
        )}
        <tr>
          <th>bytes</th>
          <td>${apdu.data.length / 2}</td>
          <td><code>${apdu.data || 'none'}</code></td>
        </tr>
      </tbody>
    </table>`;
  }
}

customElements.define('tap-bench', TapBench);
