/**
 * Power cut at every flash operation of every step that the till takes: what was durable stays, the step is done or not
 * done, and the shop goes on. Before H is durable tapping again completes the payment; afterwards H is kept exactly
 * once.
 */
import { PowerLost, type CutPlace } from '../../host-bridge/emulator/flash.js';
import { CHARGE_STATES, KIND } from '../../firmware/wire/link/link-messages.js';
import { history } from '../../firmware/wire/payment.js';
import * as h from './till-rig.js';
import type { Shop } from './till-rig.js';
import type { Completed } from '../../firmware/shop-terminal/till-phases.js';

const S = CHARGE_STATES;
const stateName = (state: number): string => Object.entries(S).find(([, n]) => n === state)![0];

/** A shop just before the step, on its own flash. */
type Step = { name: string; before: (shop: Shop) => void; act: (shop: Shop) => void; states: string[] };

const completed = (shop: Shop): Completed => h.tapUntilAnswer(shop.till, h.pkuOf(1)) as Completed;
const open = (shop: Shop): void => void expect(shop.till.charge(h.idOf(1), 350, 1, 300)).toBe('OK');
const none = (): void => undefined;

const steps: Step[] = [
  { name: 'charge', before: none, act: open, states: ['none', 'open'] },
  { name: 'bind', before: open, act: (s) => void s.till.bind(h.pkuOf(1)), states: ['open'] },
  {
    name: 'rebind',
    before: (s) => {
      open(s);
      s.till.bind(h.pkuOf(2));
    },
    act: (s) => void s.till.bind(h.pkuOf(1)),
    states: ['open'],
  },
  {
    name: 'keep verified',
    before: (s) => {
      open(s);
      s.till.bind(h.pkuOf(1));
    },
    act: (s) => {
      s.till.keep(completed(s), true);
    },
    states: ['open', 'paid'],
  },
  {
    name: 'keep unverified',
    before: (s) => {
      open(s);
      s.till.bind(h.pkuOf(1));
    },
    act: (s) => {
      s.till.keep(completed(s), false);
    },
    states: ['open', 'accepted'],
  },
  {
    name: 'checked good',
    before: (s) => {
      open(s);
      h.tap(s.till, h.pkuOf(1), false);
    },
    act: (s) => s.till.checked(s.histories.oldest(true, 0), 'OK'),
    states: ['accepted', 'paid'],
  },
  {
    name: 'checked bad',
    before: (s) => {
      open(s);
      h.tap(s.till, h.pkuOf(1), false);
    },
    act: (s) => s.till.checked(s.histories.oldest(true, 0), 'SIGNATURE_INVALID'),
    states: ['accepted', 'open'],
  },
  {
    name: 'checked bad, and the oldest evidence goes',
    before: (s) => {
      for (let number = 11; number <= 18; number++) {
        s.till.charge(h.idOf(number), 350, 0, 300);
        h.tap(s.till, h.pkuOf(1), false);
        s.till.checked(s.histories.oldest(true, 0), 'SIGNATURE_INVALID');
        s.till.cancel(h.idOf(number));
      }
      open(s);
      h.tap(s.till, h.pkuOf(1), false);
    },
    act: (s) => s.till.checked(s.histories.oldest(true, 0), 'SIGNATURE_INVALID'),
    states: ['accepted', 'open'],
  },
  {
    name: 'delivered',
    before: (s) => {
      open(s);
      h.tap(s.till, h.pkuOf(1));
    },
    act: (s) => s.till.delivered(s.histories.oldest(false, 0)),
    states: ['paid'],
  },
  {
    name: 'cancel',
    before: (s) => {
      open(s);
      s.till.bind(h.pkuOf(1));
      s.till.release(); // the tap came to nothing
    },
    act: (s) => void s.till.cancel(h.idOf(1)),
    states: ['open', 'cancelled'],
  },
  {
    name: 'tombstone delivered',
    before: (s) => {
      open(s);
      s.till.cancel(h.idOf(1));
    },
    act: (s) => s.tombstones.setDelivered(s.tombstones.next(0)),
    states: ['cancelled'],
  },
  {
    name: 'new deny list',
    before: (s) =>
      void s.notices.accept(
        KIND.denyList,
        h.makeDenyList(
          5,
          h.NOW_S,
          Array.from({ length: 160 }, (_, n) => h.pkuOf(n)),
        ),
        h.verifyMark,
      ),
    act: (s) =>
      void s.notices.accept(
        KIND.denyList,
        h.makeDenyList(
          6,
          h.NOW_S,
          Array.from({ length: 240 }, (_, n) => h.pkuOf(n + 400)),
        ),
        h.verifyMark,
      ),
    states: ['none'],
  },
];

/** Brings the first charge to its end after whatever happened, and checks that nothing was lost or doubled. */
function finish(shop: Shop, step: Step): void {
  const delivered: string[] = [];
  const deliver = (): void => {
    for (let slot = shop.histories.oldest(false, 0); slot >= 0; slot = shop.histories.oldest(false, 0)) {
      delivered.push(Buffer.from(history.decode(shop.histories.read(slot).history)!.challenge).toString('hex'));
      shop.till.delivered(slot);
    }
  };
  const code = shop.till.charge(h.idOf(1), 350, 1, 300);
  const state = stateName(shop.till.view().state);
  if (step.name === 'new deny list') {
    const old = shop.notices.denyVersion() === 5;
    for (let n = 0; n < 640; n += 8) expect(shop.notices.isDenied(h.pkuOf(n))).toBe(old ? n < 160 : n >= 400);
    return;
  }
  if (step.name === 'cancel' || step.name === 'tombstone delivered') expect(['open', 'cancelled']).toContain(state);
  if (state === 'cancelled') {
    expect(code).toBe('NO_CHARGE');
    expect(shop.tombstones.pending()).toBeLessThanOrEqual(1);
  } else {
    if (state === 'open') expect(h.tap(shop.till, h.pkuOf(1))).toBe('OK');
    else if (state === 'accepted') shop.till.checked(shop.histories.oldest(true, 0), 'OK');
    deliver();
    // The step `delivered` itself comes after the bridge has it.
    if (step.name !== 'delivered') expect(delivered.length).toBe(1);
    else expect(delivered.length).toBeLessThanOrEqual(1);
    expect(shop.till.charge(h.idOf(1), 350, 1, 300)).toBe('ALREADY_PAID');
  }
  // The shop goes on.
  expect(shop.till.charge(h.idOf(2), 100, 2, 300)).toBe('OK');
  expect(h.tap(shop.till, h.pkuOf(3))).toBe('OK');
  deliver();
  expect(shop.histories.count()).toBe(0);
}

describe.each(steps)('power cut during $name', (step) => {
  function prepare(): Shop {
    const shop = h.openShop(h.makeFlash());
    h.bringNotices(shop);
    step.before(shop);
    return shop;
  }

  test('at every flash operation and word', () => {
    let cuts = 0;
    for (let operation = 0; ; operation++) {
      let words = 1;
      const places: [CutPlace, number][] = [
        ['before', 0],
        ['scattered', 0],
        ['after', 0],
      ];
      for (let i = 0; i < places.length; i++) {
        const shop = prepare();
        const rs = shop.till.opening();
        shop.flash.cutAfter(operation, places[i][0], places[i][1]);
        let lost = false;
        try {
          step.act(shop);
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
          lost = true;
        }
        if (!lost) {
          // One operation more than the step has: the enumeration is complete.
          expect(cuts).toBeGreaterThan(3);
          return;
        }
        cuts++;
        if (i === 0) {
          words = shop.flash.counters.lastWords;
          // Of a long list's pieces the ends are enough: the log's own tests tear every word.
          for (let word = 0; word < words; word++)
            if (words < 60 || word < 6 || word > words - 6) places.push(['during', word]);
        }
        const again = h.openShop(shop.flash);
        if (step.name !== 'new deny list') h.bringNotices(again);
        const state = stateName(again.till.view().state);
        if (!step.states.includes(state))
          throw new Error(`${state} after a cut at operation ${operation}, ${places[i]}`);
        if (step.name === 'bind') expect(again.till.opening()).toEqual(rs);
        finish(again, step);
      }
    }
  });
});
