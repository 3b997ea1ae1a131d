/** What the bench can show by itself, a step at a time, each with what to look at; and what a link reproduces. */
import type { BenchAct } from './bench-events.js';
import type { BenchModel } from './bench-model.js';

/** A step, and what to look at once it is done. */
export interface Step {
  act: BenchAct;
  say: string;
}

export interface Scenario {
  name: string;
  title: string;
  steps: Step[];
}

const charge = (amount: number, say: string): Step => ({ act: { do: 'charge', amount }, say });
const tap = (board: string, say: string, fault: Partial<BenchAct> = {}): Step => ({
  act: { do: 'tap', board, ...fault },
  say,
});
const leave: Step = { act: { do: 'leave' }, say: 'The token is away from the reader.' };
const NEAR_END = 330;

/** Scenarios of tapcash demo that hands can play. */
export const SCENARIOS: Scenario[] = [
  {
    name: 'pay',
    title: 'A payment',
    steps: [
      charge(350, "The terminal's display asks for 3.50. Nobody has paid yet."),
      tap('Alice', 'Look at the bytes below: the token signs the amount, and the shop keeps the proof.'),
      leave,
    ],
  },
  {
    name: 'torn',
    title: 'A torn tap',
    steps: [
      charge(350, 'The shop asks for 3.50.'),
      tap('Alice', 'The radio was cut near the end. Compare both balances: they may differ now, and nothing is lost.', {
        tearAfter: NEAR_END,
      }),
      tap('Alice', 'The same tap again: the token gives the same signature, and has paid once.'),
      leave,
    ],
  },
  {
    name: 'power',
    title: 'Power cut while it pays',
    steps: [
      charge(350, 'The shop asks for 3.50.'),
      tap('Alice', 'The token lost its power at a write to its flash, came back, and finished: paid once.', {
        cutToken: 0,
      }),
      leave,
    ],
  },
  {
    name: 'outage',
    title: 'Without a network',
    steps: [
      { act: { do: 'network', on: false }, say: 'The shop cannot reach any house now.' },
      charge(350, 'It charges all the same.'),
      tap('Alice', 'Paid. The books say that a payment waits to be delivered.'),
      leave,
      { act: { do: 'network', on: true }, say: 'The houses can be reached again.' },
      { act: { do: 'deliver' }, say: 'The proof is delivered, and credited once.' },
    ],
  },
  {
    name: 'overspend',
    title: 'A copied token spends twice',
    steps: [
      { act: { do: 'network', on: false }, say: 'The shop is offline, so nobody can warn it.' },
      { act: { do: 'clone', board: 'Bob' }, say: "Bob has copied his token's memory: the clone holds the same cash." },
      charge(2500, 'The shop asks for 25.00.'),
      tap('Bob', 'Bob pays. So far all is honest.'),
      leave,
      charge(1000, 'The shop asks for 10.00.'),
      tap("Bob's clone", 'The clone pays with money that is spent already. The shop cannot see that.'),
      leave,
      {
        act: { do: 'network', on: true },
        say: 'The houses can be reached again.',
      },
      {
        act: { do: 'deliver' },
        say: "Both payments are credited: the shop loses nothing. Bob's counter at the issuer is below zero, and he is denied.",
      },
    ],
  },
];

/** What a link reproduces. */
export interface Play {
  scheme: number;
  seed: number;
  steps: BenchAct[];
}

const STEPS_MAX = 100;
const DOES = ['charge', 'cancel', 'tap', 'leave', 'press', 'key', 'network', 'clone', 'deliver'];

/** As a part of an address. */
export const playText = (play: Play): string => encodeURIComponent(JSON.stringify(play));

/** From an address; null where it is none. What an act may be, the server judges. */
export function readPlay(search: string): Play | null {
  try {
    const { scheme, seed, steps } = JSON.parse(new URLSearchParams(search).get('play') ?? '') as Play;
    const isGood =
      Number.isInteger(scheme) && Number.isInteger(seed) && Array.isArray(steps) && steps.length <= STEPS_MAX;
    return isGood && steps.every((act) => DOES.includes(act.do)) ? { scheme, seed, steps } : null;
  } catch {
    return null;
  }
}

/** Whether an act has come to what it leads to. @param before the conversation that there was when it was asked for */
export function isSettled(model: BenchModel, act: BenchAct, before: BenchModel['tap']): boolean {
  const { state, scene, tap, result } = model;
  switch (act.do) {
    case 'charge':
      return state?.charge?.state === 'open' && state.charge.amount === act.amount;
    case 'tap':
      // A token without power comes back, and goes on.
      return tap !== before && (result !== '' || model.fault()?.what === 'torn');
    case 'leave':
      return !Object.values(state?.tokens ?? {}).some(({ at }) => at);
    case 'network':
      return state?.online === act.on;
    case 'clone':
      return scene?.tokens.includes(`${act.board}'s clone`) ?? false;
    default:
      return true;
  }
}
