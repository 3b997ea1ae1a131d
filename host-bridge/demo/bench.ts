/**
 * The bench: what happens on emulated boards, in the air and in the books, told as it happens; and hands that hold
 * tokens to the reader, press buttons, cut the radio at a byte and the power at a flash operation.
 *
 * Nothing polls. Boards, radio and bridge say that something changed.
 */
import { codeOf } from '../../firmware/core/codes.js';
import { audit } from '../audit/audit.js';
import { currencies } from '../base/currency.js';
import { refusal, type Result } from '../base/errors.js';
import type { BridgeEvent } from '../bridge/bridge.js';
import { must } from '../rig/must.js';
import { pressButton } from '../rig/people.js';
import type { Token, WholeShop } from '../rig/whole-shop.js';
import type { BenchAct, SceneEvent } from '../web/bench/bench-events.js';
import { lookAt } from './bench-board.js';
import { readBooks } from './bench-books.js';
import { createHub, type Hub } from './bench-hub.js';
import { createReader, type Reader } from './bench-reader.js';

/** How long a finger stays on a button. */
const PRESS_MS = 120;
/** How long a page waits for deliveries. */
const DRAIN_MS = 5000;

/** The bench. */
export interface Bench {
  listen: Hub['listen'];
  /** Does what a hand does. */
  act(act: BenchAct): Promise<Result<object>>;
  /** To be told what a shop's bridge tells, and when a board may look otherwise. */
  onBridge(shop: string, event: BridgeEvent): void;
  onLook(): void;
  close(): void;
}

/** What stands on it. */
interface Scene {
  rig: WholeShop;
  hub: Hub;
  reader: Reader;
  /** Clones too. */
  tokens: Token[];
  online: boolean;
  tellScene(): void;
}

/** Puts a bench before a running shop of emulated boards: only they have pixels. */
export async function createBench(
  rig: WholeShop,
  { run, seed }: { run: number; seed: number | null } = { run: 0, seed: null },
): Promise<Bench> {
  const [shop] = rig.shops;
  const { config } = rig.maker;
  const { currency } = must('parameters', await rig.issuerClient.parameters()).parameters;
  const tokens = [...rig.tokens];
  const scene = (): SceneEvent => ({
    type: 'scene',
    ...{ run, seed },
    scheme: rig.scheme.number,
    currency,
    decimals: currencies().find(({ code }) => code === currency)?.decimals ?? 2,
    shop: shop.name,
    tokens: tokens.map(({ name }) => name),
    keys: config.keypad?.keys ?? [],
  });
  const hub = createHub({
    scene,
    boards: () => [shop, ...tokens].map(({ name, device }) => lookAt(name, device.board, config)),
    books: () => readBooks(rig, { tokens, at: reader.at(), online: stage.online }),
  });
  const reader = createReader(shop, hub.tell, hub.askBooks);
  for (const { name, device } of [shop, ...tokens]) reader.watch(name, device);
  const stage: Scene = { rig, hub, reader, tokens, online: true, tellScene: () => hub.tell(scene()) };
  return {
    listen: hub.listen,
    act: async (act) => (act.do === 'restart' ? refusal('BAD_REQUEST', 'not of a bench') : ACTS[act.do](stage, act)),
    onBridge(name, event) {
      // The terminal's status is told because the books were asked for.
      if (name !== shop.name || event.type === 'terminal') return;
      const code = event.type === 'tap' ? codeOf(event.report.code) : null;
      if (code === 'TOKEN_STAYED' && reader.again()) return;
      if (code) reader.mark('result', reader.at()?.name ?? '', code);
      hub.askBooks();
    },
    onLook() {
      reader.onLook();
      hub.wake();
    },
    close() {
      reader.close();
      hub.close();
    },
  };
}

const tokenOf = ({ tokens }: Scene, name: string | undefined): Token | undefined =>
  tokens.find((token) => token.name === name);

/** What hands do. */
const ACTS: Record<
  Exclude<BenchAct['do'], 'restart'>,
  (scene: Scene, act: BenchAct) => Promise<Result<object>> | Result<object>
> = {
  charge: ({ rig }, { amount }) => rig.shops[0].bridge.charge(amount ?? 0),
  cancel: ({ rig }) => rig.shops[0].bridge.cancel(),
  async tap(scene, act) {
    const token = tokenOf(scene, act.board);
    if (!token) return refusal('TOKEN_UNKNOWN', act.board);
    await scene.reader.tap(token, act);
    return { ok: true };
  },
  async leave({ reader }) {
    await reader.leave();
    return { ok: true };
  },
  press(scene, { board }) {
    const [shop] = scene.rig.shops;
    const token = tokenOf(scene, board);
    if (token) pressButton(scene.rig, token.device.board);
    else if (board === shop.name) pressButton(scene.rig, shop.device.board);
    else return refusal('TOKEN_UNKNOWN', board);
    return { ok: true };
  },
  key({ rig }, { key = '' }) {
    const { rows = [], columns = [], keys = [] } = rig.maker.config.keypad ?? {};
    const row = keys.findIndex((line) => key !== '' && line.includes(key));
    if (row < 0) return refusal('BAD_REQUEST', 'no such key');
    rig.shops[0].device.board.pressKey(rows[row], columns[keys[row].indexOf(key)], PRESS_MS);
    return { ok: true };
  },
  async network(scene, { on }) {
    const [shop] = scene.rig.shops;
    scene.online = on === true;
    shop.setOnline(scene.online);
    if (scene.online) await shop.bridge.resend();
    scene.hub.askBooks();
    return { ok: true };
  },
  audit({ rig: { issuer, bank, trustee }, hub }) {
    const { ok, broken } = audit({
      issuerDatabase: issuer.database,
      ...(bank ? { bankDatabase: bank.database } : {}),
      ...(trustee ? { trusteeDatabase: trustee.database } : {}),
    });
    const text = ok
      ? 'Audit: every balance recomputed, every signature checked. The books are right.'
      : `Audit: ${broken.length} rows are broken.`;
    hub.tell({ type: 'note', tone: ok ? 'good' : 'bad', text });
    return { ok: true };
  },
  async clone(scene, { board }) {
    const token = tokenOf(scene, board);
    if (!token) return refusal('TOKEN_UNKNOWN', board);
    const name = `${token.name}'s clone`;
    if (tokenOf(scene, name)) return refusal('BAD_REQUEST', 'it is there already');
    const clone = await scene.rig.clone(token, name);
    scene.tokens.push(clone);
    scene.reader.watch(name, clone.device);
    scene.tellScene();
    scene.hub.askBooks();
    return { ok: true };
  },
  deliver: async ({ rig }) => ({ ok: true, empty: await rig.shops[0].bridge.drained(DRAIN_MS) }),
};
