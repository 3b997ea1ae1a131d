/** `tapcash` for tests: in this process, where nothing is served; or as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createProgram } from '../../host-bridge/commands/program.js';

/** What `npm run prepare` has compiled. */
export const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');

/** A command that ended. */
export interface Ended {
  status: number;
  out: string;
  err: string;
}

/** Runs a command in this process. */
export async function tapcashHere(args: string[]): Promise<Ended> {
  const said = { out: '', err: '' };
  const note = (name: 'out' | 'err') => (text: unknown) => ((said[name] += String(text)), true);
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(note('out')),
    jest.spyOn(process.stderr, 'write').mockImplementation(note('err')),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await createProgram({}).parseAsync(['node', 'tapcash', ...args]);
    return { status: Number(process.exitCode), ...said };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** A command that serves, as a process; what `npm run prepare` has built. */
export function tapcashProcess(args: string[], cwd: string): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (text: Buffer) => (said.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (said.err += text.toString()));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ status: code ?? -1, ...said })));
  return { child, ended };
}
