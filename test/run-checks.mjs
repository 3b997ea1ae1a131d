/**
 * `npm run check`: every script of package.json named check:..., in its order, as many at once as there are
 * processors. Each says at its end what it took, and what it found where it failed.
 *
 *     npm run check                   all
 *     npm run check -- format lint    some
 *
 * They keep what they found in node_modules/.cache, and look again at what has changed.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PATH = `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`;
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const CHECKS = Object.keys(scripts)
  .filter((name) => name.startsWith('check:'))
  .map((name) => name.slice('check:'.length));

/** Runs one check. @returns whether nothing was found */
function run(name) {
  const started = Date.now();
  const command = scripts[`check:${name}`];
  const child = spawn(command, {
    cwd: ROOT,
    env: { ...process.env, PATH },
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stdout.on('data', (part) => output.push(part));
  child.stderr.on('data', (part) => output.push(part));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
      console.log(`${seconds} s  ${name}${code === 0 ? '' : ` FAILED: ${command}`}`);
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      resolve(code === 0);
    });
  });
}

const named = process.argv.slice(2);
const unknown = named.filter((name) => !CHECKS.includes(name));
if (unknown.length > 0) {
  console.error(`No check named ${unknown.join(', ')}. Checks: ${CHECKS.join(' ')}`);
  process.exit(2);
}
const waiting = CHECKS.filter((name) => named.length === 0 || named.includes(name));
const results = [];
async function runInTurn() {
  for (let name = waiting.shift(); name; name = waiting.shift()) results.push(await run(name));
}
await Promise.all(Array.from({ length: availableParallelism() }, runInTurn));
process.exitCode = results.every(Boolean) ? 0 : 1;
