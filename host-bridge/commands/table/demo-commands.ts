/** The demo: a shop without hardware, and the people in it. */
import { SCENARIO_TEXTS } from '../../demo/scenario-names.js';
import { as, type CommandSpec } from './spec.js';
import { DEMO_DATA, OPTIONS } from './vocabulary.js';

const { json } = OPTIONS;
const data = as(OPTIONS.data, { standard: DEMO_DATA });
const token = { name: '<token>', what: 'Alice or Bob' };
const person = async () => (await import('../people.js')).askPerson;

export const DEMO_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'demo',
    what: 'run a whole shop: register, withdraw, tap, deposit; then stay up for charges and taps',
    options: [
      OPTIONS.once,
      as(OPTIONS.scenario, {
        standard: 'pay',
        detail: Object.entries(SCENARIO_TEXTS)
          .map(([name, what]) => `${name}: ${what}`)
          .join('; '),
      }),
      as(OPTIONS.scheme, { setting: undefined }),
      as(OPTIONS.currency, { setting: undefined }),
      as(OPTIONS.pseudonyms, { detail: 'default 1, with --all 3' }),
      as(OPTIONS.all, {
        detail: 'every scenario in every scheme, one after the other, and a table of what held; minutes',
      }),
      OPTIONS.interpreter,
      OPTIONS.seed,
      as(OPTIONS.listen, { standard: '0', detail: 'the first house; the others get the next ports' }),
      OPTIONS.verbose,
      OPTIONS.fresh,
      data,
      json,
    ],
    examples: [
      'demo',
      'demo --once --scenario overspend',
      'demo --once --scheme 6 --pseudonyms 3 --json',
      'demo --currency JPY',
    ],
    run: async () => (await import('../demo.js')).demo,
  },
  {
    name: 'tap',
    what: 'hold a token of the running demo to its reader',
    arguments: [token],
    options: [data, json],
    examples: ['tap Alice'],
    run: async () => {
      const ask = await person();
      return (name: string, options: { data: string }) => ask('tap', name, options);
    },
  },
  {
    name: 'press',
    what: "press a demo token's button",
    arguments: [token],
    options: [data, json],
    examples: ['press Alice'],
    run: async () => {
      const ask = await person();
      return (name: string, options: { data: string }) => ask('press', name, options);
    },
  },
  {
    name: 'stop',
    what: 'end the running demo',
    options: [data, json],
    examples: ['stop'],
    run: async () => {
      const ask = await person();
      return (options: { data: string }) => ask('stop', '', options);
    },
  },
];
