/**
 * Power cut at every flash operation of a registration, a sealed and a keyed withdrawal, a coupon and its redemption.
 *
 * The desk does what a desk does: it repeats the command that got no answer, and begins the procedure again where it is
 * refused. Whatever happens: one draw, one credit, one registration, and a request that was given is given again to the
 * byte. The short form cuts each operation in one place, which moves on from operation to operation.
 */
import { extent, isLong } from '../kit/extent.js';
import { concat, toHex } from '../../firmware/core/bytes.js';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { DESK_RECORD } from '../../firmware/user-token/desk/desk-records.js';
import {
  couponStart,
  partRequest,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import type { CutPlace, EmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { inverseOf } from '../../host-bridge/bridge/desk/desk-requests.js';
import { boot, COMMAND_ID, nameBytes, newFlash, openLog, type TestPurse } from './purse-rig.js';
import {
  agreed,
  configOf,
  Houses,
  makeHouseKeys,
  realTools,
  registered,
  withdraw,
  type Dealing,
  type HouseKeys,
} from './other-side-of-desk.js';

const X = 100;
/** More than one call of a registration signs. */
const PSEUDONYMS = 5;
const PLACES: [CutPlace, number][] = [
  ['before', 0],
  ['during', 0],
  ['during', 4],
  ['scattered', 0],
  ['after', 0],
];
let keys: HouseKeys;
beforeAll(async () => {
  keys = await makeHouseKeys([X]);
});

type Answer = { ok: true; data: Uint8Array } | { ok: false; code: string };

/** A desk before a token that loses its power once. */
class Desk {
  token: TestPurse;
  /** The request that was given and has not ended, by its bytes. */
  private given = '';
  restarts = 0;

  constructor(readonly dealing: Dealing) {
    this.token = dealing.token;
  }

  /** A command, repeated on the token that has its power again. */
  step(run: (token: TestPurse) => Answer): Answer {
    const answer = run(this.token);
    if (answer.ok || answer.code !== 'DEVICE_FAULT') return answer;
    this.token.flash.powerOn();
    this.token = boot(this.token.flash, this.dealing.houses.config, this.dealing.tools);
    this.token.purse.press(0);
    return run(this.token);
  }

  /** A command that says BUSY until all of it is done. */
  untilDone(run: (token: TestPurse) => Answer): Answer {
    for (let calls = 0; ; calls++) {
      const answer = this.step(run);
      if (answer.ok || answer.code !== 'BUSY' || calls > PSEUDONYMS) return answer;
    }
  }

  /** Begins with `ask` until what it asks for has come to its end. @returns codes of refusals that began it again */
  async procedure(ask: () => Answer): Promise<void> {
    for (; ; this.restarts++) {
      if (this.restarts > 3) throw new Error('again and again');
      const first = ask();
      if (first.ok && (await this.finish(first.data))) return;
    }
  }

  private async finish(first: Uint8Array): Promise<boolean> {
    const { kind, length, part } = requestPart.decode(first)!;
    let bytes = part;
    const start = part.slice(0, REQUEST_START_BYTES);
    while (bytes.length < length) {
      const offset = bytes.length;
      const next = this.step((token) => token.desk.part(partRequest.encode({ start, offset }), 0));
      if (!next.ok) return false;
      bytes = concat([bytes, next.data]);
    }
    if (this.given) expect(toHex(bytes)).toBe(this.given);
    this.given = toHex(bytes);
    for (const [index, body] of (await this.dealing.houses.answer(kind, bytes)).entries()) {
      const taken = this.step((token) => token.desk.reply(replyData.encode({ index, body }), 0));
      if (!taken.ok) return false;
    }
    this.given = '';
    return true;
  }
}

interface Flow {
  name: string;
  scheme: number;
  /** The token before the flow. */
  prepare(): Promise<Dealing>;
  run(desk: Desk): Promise<void>;
  /** What must hold at the end. */
  check(token: TestPurse, houses: Houses): void;
}

/** A token that has not been at the desk. */
async function fresh(scheme: number, pseudonyms: number): Promise<Dealing> {
  const config = configOf(scheme, pseudonyms);
  const tools = realTools(keys);
  return { token: boot(newFlash(), config, tools), houses: new Houses(keys, config), tools };
}

function credited(token: TestPurse, houses: Houses): void {
  const journal = token.purse.state.journal;
  expect([houses.drawn, houses.credited, journal.balance(), journal.receiptNumber()]).toEqual([X, X, X, 1]);
}

const flows: Flow[] = [
  {
    name: 'registration of two pseudonyms',
    scheme: 4,
    prepare: () => fresh(4, 2),
    run: (desk) => desk.procedure(() => desk.step((token) => token.desk.register(nameBytes('Ada'), 0))),
    check(token, houses) {
      expect([houses.registered.length, token.purse.state.licensed, token.purse.state.name]).toEqual([1, true, 'Ada']);
      expect(token.log.get(DESK_RECORD.sharedKey, 0)).not.toBe(null);
    },
  },
  {
    name: 'registration of more pseudonyms than one call signs',
    scheme: 6,
    prepare: () => fresh(6, PSEUDONYMS),
    run: (desk) => desk.procedure(() => desk.untilDone((token) => token.desk.register(nameBytes('Ada'), 0))),
    check(token, houses) {
      expect([houses.registered.length, token.purse.state.licensed]).toEqual([1, true]);
      // Nothing of it is left for another request: that one has an id of its own.
      expect(token.log.slots(DESK_RECORD.proofs)).toEqual([]);
    },
  },
  ...[3, 4].map((scheme): Flow => ({
    name: scheme === 3 ? 'sealed withdrawal' : 'keyed withdrawal',
    scheme,
    // Of three pseudonyms it is not the first that withdraws.
    prepare: () => registered(keys, scheme, scheme === 4 ? 3 : 1),
    run: (desk) => desk.procedure(() => desk.step((token) => withdraw(token, X))),
    check: credited,
  })),
  {
    name: 'coupon and its redemption',
    scheme: 2,
    prepare: () => registered(keys, 2),
    async run(desk) {
      const { modulus } = keys.coupons.get(X)!;
      await desk.procedure(() => {
        // What waits comes first, as at the real desk; r is forgotten with the power, and begun again.
        const waiting = desk.step((token) => withdraw(token, 0));
        if (waiting.ok) return waiting;
        if (desk.token.log.slots(DESK_RECORD.coupon).length > 0) throw new Error('a second coupon');
        const masked = desk.step((token) =>
          agreed(token, () =>
            token.desk.couponStart(couponStart.encode({ commandId: COMMAND_ID, amount: X, modulus }), 0),
          ),
        );
        return masked.ok ? desk.step((token) => token.desk.couponBlind(inverseOf(masked.data, modulus)!, 0)) : masked;
      });
      await desk.procedure(() => desk.step((token) => token.desk.redeem(0)));
    },
    check(token, houses) {
      credited(token, houses);
      expect([houses.spent.size, token.log.slots(DESK_RECORD.coupon)]).toEqual([1, []]);
    },
  },
];

const operations = (flash: EmulatedFlash) => flash.counters.writes + flash.counters.erases;

/** A copy of the houses, for one run. */
function copyOf(houses: Houses): Houses {
  const copy = new Houses(houses.keys, houses.config);
  for (const [id, boxes] of houses.replies) copy.replies.set(id, boxes);
  for (const [kid, shared] of houses.shared) copy.shared.set(kid, { ...shared });
  copy.pku = houses.pku;
  return copy;
}

/** Pages fill step by step, so that some runs collect and erase in the middle of a flow. */
async function runs(flow: Flow, before: Dealing): Promise<{ image: Uint8Array; operations: number; erases: number }[]> {
  const flash = before.token.flash;
  const base = flash.image();
  const found: { image: Uint8Array; operations: number; erases: number }[] = [];
  for (let fillers = 0; fillers < 40 && found.length < extent(2, 3); fillers++) {
    flash.restore(base);
    const log = openLog(flash);
    for (let i = 0; i < 9 * fillers; i++) log.put(BOARD_RECORD.boot, 0, new Uint8Array(4).fill(i));
    const image = flash.image();
    const token = boot(flash, before.houses.config, before.tools);
    token.purse.press(0);
    const [start, erases] = [operations(flash), flash.counters.erases];
    await flow.run(new Desk({ ...before, token, houses: copyOf(before.houses) }));
    const run = { image, operations: operations(flash) - start, erases: flash.counters.erases - erases };
    if (fillers === 0 || run.erases > 0) found.push(run);
  }
  return found;
}

test.each(flows)('$name: power cut at every flash operation', async (flow) => {
  const before = await flow.prepare();
  const flash = before.token.flash;
  const found = await runs(flow, before);
  expect(found.some(({ erases }) => erases > 0)).toBe(true);
  let cuts = 0;
  for (const [which, run] of found.entries()) {
    for (let operation = 0; operation < run.operations; operation++) {
      // Of runs that erase, the erase and what stands around it matter; two places of the cut are enough there.
      const places = which === 0 ? PLACES : PLACES.slice(1, 3);
      for (const [place, word] of isLong ? places : [places[operation % places.length]]) {
        flash.restore(run.image);
        const houses = copyOf(before.houses);
        const token = boot(flash, houses.config, before.tools);
        token.purse.press(0);
        flash.cutAfter(operation, place, word);
        const desk = new Desk({ ...before, token, houses });
        await flow.run(desk);
        flash.powerOn();
        flow.check(desk.token, houses);
        // The flash tells the same.
        const later = boot(flash, houses.config, before.tools);
        flow.check(later, houses);
        cuts++;
      }
    }
  }
  expect(cuts).toBeGreaterThan(extent(15, 60));
});
