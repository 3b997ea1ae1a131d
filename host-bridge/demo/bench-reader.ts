/**
 * The reader of the bench: a hand that lays a token on it and takes it away, and cuts radio or power while it lies
 * there; and what is seen of it: messages on the air, flash operations, cuts.
 */
import { createAirWatch } from './air-watch.js';
import type { NfcBoard } from '../rig/nfc-boards.js';
import type { Shop, Token } from '../rig/whole-shop.js';
import type { BenchAct, BenchEvent, TapEvent } from '../web/bench/bench-events.js';

/** Until a terminal has seen that the token which was there has left; longer where it has not. */
const LEFT_MS = 700;
const STAYED_MS = 2000;
/** How often a token is laid down again for a terminal that has not seen it leave. */
const AGAIN_MAX = 5;
/** A board whose power was cut has it back after so long: somebody reaches for the plug. */
const DARK_MS = 1500;
/** Which bit of a byte noise inverts. */
const NOISE_BIT = 3;

/** The reader. */
export interface Reader {
  /** The token that lies on it. */
  at(): Token | null;
  /** Lays a token on it, and lets go wrong what the act says. */
  tap(token: Token, act: BenchAct): Promise<void>;
  /** Does the last tap once more, as a person does whom the terminal tells that the token stayed. @returns whether */
  again(): boolean;
  /** Takes away what lies there; what has not gone wrong by then does not. */
  leave(): Promise<void>;
  /** Tells of a tap's course. */
  mark(what: TapEvent['what'], who: string, code?: string): void;
  /** Looks after a board's flash and power. */
  watch(name: string, device: NfcBoard): void;
  /** To be called when a board may have lost its power. */
  onLook(): void;
  close(): void;
}

/** Arranges what shall go wrong. */
function arrange(shop: Shop, { device }: Token, { tearAfter, noiseAt, cutToken, cutTerminal }: BenchAct): void {
  if (tearAfter !== undefined) shop.field.cutAfter(tearAfter);
  if (noiseAt !== undefined) shop.field.flipBit(noiseAt, NOISE_BIT);
  if (cutToken !== undefined) device.flash?.cutAfter(cutToken, 'during');
  if (cutTerminal !== undefined) shop.device.flash?.cutAfter(cutTerminal, 'during');
}

const left = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LEFT_MS));
const stayed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, STAYED_MS));

/** Boards with their flash and plugs: tells of operations and of lost power, and gives the power back. */
function createPlugs(isTap: () => boolean, mark: Reader['mark'], onChange: () => void) {
  const boards = new Map<string, NfcBoard>();
  const dark = new Set<string>();
  let isClosed = false;

  function plugInLater(name: string, board: NfcBoard['board']): void {
    dark.add(name);
    mark('power', name);
    setTimeout(() => {
      dark.delete(name);
      if (!isClosed) board.powerOn();
      onChange();
    }, DARK_MS).unref();
  }

  return {
    watch(name: string, device: NfcBoard): void {
      boards.set(name, device);
      let operations = 0;
      if (device.flash)
        device.flash.onOperation = (isErase) => {
          operations = isTap() ? operations + 1 : 0;
          if (isTap()) mark('flash', name, `${isErase ? 'erase' : 'write'} ${operations}`);
        };
    },
    onLook(): void {
      for (const [name, { board }] of boards)
        if (!isClosed && !board.powered && !dark.has(name)) plugInLater(name, board);
    },
    /** Takes back the cuts that have not come. */
    heal(): void {
      for (const { board, flash } of boards.values()) if (board.powered) flash?.powerOn();
    },
    close(): void {
      isClosed = true;
      for (const { flash } of boards.values()) if (flash) flash.onOperation = null;
    },
  };
}

/** @param tell told what happens @param onChange told when the books may have changed */
export function createReader(shop: Shop, tell: (event: BenchEvent) => void, onChange: () => void): Reader {
  let token: Token | null = null;
  let lastAct: BenchAct = { do: 'tap' };
  let [again, base] = [0, 0];

  const bytesPassed = (): number => {
    const { toCard, toReader } = shop.field.counts();
    return toCard + toReader;
  };
  const mark: Reader['mark'] = (what, who, code = '') => {
    // A tap that has a result is over: the next charge is not paid by a token that was left there.
    if (what === 'result') again = 0;
    tell({ type: 'tap', what, who, at: bytesPassed() - base, code });
  };
  const air = createAirWatch(tell);
  const plugs = createPlugs(() => token !== null, mark, onChange);
  shop.field.onTraffic = (toCard, bytes, passed) => {
    // Its bytes are counted already.
    if (token) air.frame(toCard, bytes, bytesPassed() - base - passed, passed);
    if (token && passed < bytes.length) mark('torn', token.name);
  };

  async function lay(next: Token, act: BenchAct, away: () => Promise<void>): Promise<void> {
    await leave(away);
    next.device.board.powerOn();
    base = bytesPassed();
    air.reset();
    [token, lastAct] = [next, act];
    mark('began', next.name);
    arrange(shop, next, act);
    next.presence.hold(shop.field);
    onChange();
  }

  async function leave(away: () => Promise<void>): Promise<void> {
    const last = token;
    token = null;
    shop.field.restore();
    plugs.heal();
    if (!last) return;
    last.presence.leave();
    onChange();
    await away();
  }

  return {
    at: () => token,
    leave: () => leave(left),
    mark,
    tap(next, act) {
      again = AGAIN_MAX;
      return lay(next, act, left);
    },
    again() {
      if (!token || again-- <= 0) return false;
      lay(token, lastAct, stayed).catch(() => undefined);
      return true;
    },
    watch: plugs.watch,
    onLook: plugs.onLook,
    close() {
      plugs.close();
      shop.field.onTraffic = null;
    },
  };
}
