/** Commands that move money and have no answer yet. */
import { as, type CommandSpec } from './spec.js';
import { OPTIONS } from './vocabulary.js';

const { data, json } = OPTIONS;
const id = { name: '<id>', what: 'of the act, or how it begins' };

export const ACTS_COMMANDS: CommandSpec = {
  name: 'acts',
  what: 'commands that move money and have no answer yet: finish them, or give them up',
  examples: ['acts', 'acts finish 5f0c', 'acts forget 5f0c --why "never reached the bank"'],
  commands: [
    {
      name: 'list',
      isDefault: true,
      what: 'acts without an answer in this folder, oldest first',
      options: [data, json],
      examples: ['acts list --data cafe', 'acts list --json'],
      run: async () => (await import('../acts.js')).list,
    },
    {
      name: 'finish',
      what: 'give the same command again under its id: it is done once, whatever became of it',
      arguments: [id],
      options: [data, json],
      examples: ['acts finish 5f0c --data cafe'],
      run: async () => (await import('../acts.js')).finish,
    },
    {
      name: 'forget',
      what: 'wait no longer for one that was never booked, as the books of the house show; it moves nothing',
      arguments: [id],
      options: [as(OPTIONS.why, { isNeeded: true }), data, json],
      examples: ['acts forget 5f0c --why "never reached the bank"'],
      run: async () => (await import('../acts.js')).forget,
    },
  ],
};
