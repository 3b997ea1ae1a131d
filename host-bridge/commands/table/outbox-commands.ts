/** What a bridge has to deliver: to look at, to send again, to take along. */
import { as, type CommandSpec } from './spec.js';
import { DEMO_DATA, OPTIONS } from './vocabulary.js';

const { json } = OPTIONS;
const data = as(OPTIONS.data, { standard: DEMO_DATA });

const STATES = `
States: "pending" waits for its turn; "held" had an answer that may change, and
is sent again by itself, after a minute at first and an hour at most; "refused"
had an answer that nothing changes any more (docs/protocol.md lists these).
Nothing is ever dropped.`;

export const OUTBOX_COMMANDS: CommandSpec = {
  name: 'outbox',
  what: 'payments, cancellations and refunds on their way to the house that keeps the accounts',
  examples: ['outbox', 'outbox resend 17', 'outbox export outbox.jsonl'],
  more: STATES,
  commands: [
    {
      name: 'list',
      isDefault: true,
      what: 'what is not delivered, newest first, with its last code and what to do; works without the bridge, too',
      options: [OPTIONS.delivered, OPTIONS.limit, OPTIONS.before, data, json],
      examples: ['outbox list', 'outbox list --delivered --limit 50', 'outbox list --before 120', 'outbox list --json'],
      more: STATES,
      run: async () => (await import('../undelivered.js')).list,
    },
    {
      name: 'resend',
      what: 'try now what is held or was refused, instead of waiting; harmless, as each message has its effect once',
      arguments: [{ name: '[id]', what: 'the number that tapcash outbox shows' }],
      options: [as(OPTIONS.all, { detail: 'held and refused' }), data, json],
      examples: ['outbox resend 17', 'outbox resend --all'],
      run: async () => (await import('../undelivered.js')).resend,
    },
    {
      name: 'acknowledge',
      what: 'take note of what was refused for good, with a reason: it stays listed, and tapcash status is 0 again',
      arguments: [{ name: '<id>', what: 'the number that tapcash outbox shows' }],
      options: [as(OPTIONS.why, { isNeeded: true }), data, json],
      examples: ['outbox acknowledge 17 --why "the customer paid again in cash"'],
      run: async () => (await import('../undelivered.js')).acknowledge,
    },
    {
      name: 'export',
      what: 'write the complete signed messages into a file, a line of JSON each: to keep, or to send by hand',
      arguments: [{ name: '<file>', what: 'a new file' }],
      options: [OPTIONS.delivered, data, json],
      examples: ['outbox export outbox.jsonl', 'outbox export everything.jsonl --delivered'],
      more: `
A line has "path" and "body". Post the body to that path of the house:
  curl -H 'content-type: application/json' -d BODY http://HOUSE/PATH
The house takes each message once, whoever brings it and however often.
The file names pseudonyms and amounts: keep it as the books are kept.`,
      run: async () => (await import('../undelivered.js')).exportMessages,
    },
  ],
};
