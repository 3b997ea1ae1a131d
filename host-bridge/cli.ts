#!/usr/bin/env node
/**
 * tapcash: one command with subcommands, which are data in host-bridge/commands/table/. The only place that reads the
 * environment. A command's module is loaded when it runs.
 */
import { CommanderError } from 'commander';
import { EXIT } from './base/errors.js';
import { reportFailure, watchOutput } from './commands/failures.js';
import { createProgram } from './commands/program.js';

watchOutput();
// Also a rejection that nobody handles, which Node throws. What was on disk is complete, and the next start goes on.
process.on('uncaughtException', (thrown) => {
  reportFailure(thrown, false);
  process.exit();
});
try {
  await createProgram(process.env).parseAsync();
} catch (thrown) {
  // Commander has said what is wrong with the command line.
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
