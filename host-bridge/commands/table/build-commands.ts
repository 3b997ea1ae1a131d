/** For those who work on the firmware: bundles, and what they cost. */
import { as, type CommandSpec } from './spec.js';
import { OPTIONS, SERVICE_DATA } from './vocabulary.js';

export const BUILD_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'build',
    what: 'build the firmware bundles',
    arguments: [{ name: '[roles...]', what: 'user-token, shop-terminal; default: both' }],
    options: [
      OPTIONS.out,
      as(OPTIONS.image, { detail: 'write one for each role and board into this folder' }),
      as(OPTIONS.board, { detail: 'with --image; default: all of them' }),
      as(OPTIONS.data, { standard: SERVICE_DATA, detail: "with --image; the issuer's keys and its manifest.json" }),
      OPTIONS.json,
    ],
    examples: ['build', 'build user-token', 'build --image images --data cafe'],
    run: async () => (await import('../develop.js')).build,
  },
  {
    name: 'bench',
    what: 'measure the cryptography in the interpreter, beside TweetNaCl in the same process, and on Node',
    options: [
      OPTIONS.interpreter,
      OPTIONS.quick,
      OPTIONS.svg,
      OPTIONS.write,
      OPTIONS.report,
      as(OPTIONS.boardReport, { detail: 'show its figures beside our estimates, and measure nothing' }),
      OPTIONS.services,
      OPTIONS.seconds,
      OPTIONS.large,
      OPTIONS.json,
    ],
    examples: [
      'bench --quick',
      'bench --services',
      'bench --services --write',
      'bench --write',
      'bench --write --report report.json',
      'bench --board-report boards.json',
    ],
    run: async () => (await import('../develop.js')).bench,
  },
];
