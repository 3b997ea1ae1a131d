/**
 * The host's sources as plain JavaScript in a folder of its own, for tests that need a second process: jest compiles
 * only in its own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';

const ROOT = join(__dirname, '..', '..');

/** Compiles host-bridge and firmware into a new folder. @returns its path */
export function compileSources(): string {
  const out = mkdtempSync(join(tmpdir(), 'tapcash-compiled-'));
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(out, 'node_modules'));
  for (const folder of ['host-bridge', 'firmware']) {
    for (const path of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || path.endsWith('.d.ts') || path.includes('node_modules')) continue;
      const file = join(out, folder, path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(
        file,
        transformSync(readFileSync(join(ROOT, folder, path), 'utf8'), {
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'es6' },
        }).code,
      );
    }
  }
  return out;
}

export interface Child {
  process: ChildProcess;
  /** The next line of its standard output, parsed as JSON; null at its end. */
  line(): Promise<any>;
  /** Sends a line. */
  say(value: unknown): void;
  /** Resolves at its end with exit code or signal. */
  ended: Promise<number | string | null>;
}

/** Runs a script, given as source, in the compiled folder. It may import './host-bridge/...js'. */
export function runScript(folder: string, source: string, options: { uid?: number } = {}): Child {
  const file = join(folder, `script-${Math.random().toString(36).slice(2)}.js`);
  writeFileSync(file, source);
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'], cwd: folder, ...options });
  const lines: string[] = [];
  const waiting: ((line: string | null) => void)[] = [];
  let rest = '';
  let over = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() as string;
    for (const line of parts) {
      const next = waiting.shift();
      if (next) next(line);
      else lines.push(line);
    }
  });
  child.stdout.on('close', () => {
    over = true;
    for (const next of waiting.splice(0)) next(null);
  });
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal)),
  );
  return {
    process: child,
    ended,
    say: (value) => void child.stdin.write(JSON.stringify(value) + '\n'),
    async line() {
      const line =
        lines.shift() ?? (over ? null : await new Promise<string | null>((resolve) => waiting.push(resolve)));
      return line === null ? null : JSON.parse(line);
    },
  };
}
