/** Runs fixtures: builds them, and runs a bundle in Node and in the real interpreter, giving the lines it prints. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vm from 'node:vm';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

export const FIXTURES = join(packageRoot(), 'test', 'build', 'fixtures');

export interface Fixture {
  name: string;
  path: string;
  expect: 'compiled' | 'refused' | 'differs';
  rule: string;
  /** Lines that it prints: everywhere, or in Node and in the interpreter. */
  prints: { node: string[]; espruino: string[] };
  /** Lines marked `// <- refused`, from 1. */
  refusedLines: number[];
}

/** Reads a fixture's header. @throws Error when it has none */
function readFixture(file: string): Fixture {
  const path = join(FIXTURES, file);
  const lines = readFileSync(path, 'utf8').split('\n');
  const [, expect, rule = ''] = /^\/\/ expect: (compiled|refused|differs) ?(\S*)$/.exec(lines[0] ?? '') ?? [];
  if (!expect) throw new Error(`${file}: its first line must say what to expect`);
  const said = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`// ${word}: `)).map((line) => line.slice(word.length + 5));
  const both = said('prints');
  return {
    name: file.replace(/\.ts$/, ''),
    path,
    expect: expect as Fixture['expect'],
    rule,
    prints: { node: both.length ? both : said('node'), espruino: both.length ? both : said('espruino') },
    refusedLines: lines.flatMap((line, i) => (line.endsWith('// <- refused') ? [i + 1] : [])),
  };
}

export function allFixtures(): Fixture[] {
  return readdirSync(FIXTURES)
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map(readFixture);
}

/** Lines that a script prints in Node, with nothing but ECMAScript and `print` around it. */
export function runInNode(code: string): string[] {
  const lines: string[] = [];
  vm.runInNewContext(
    code,
    { print: (...values: unknown[]) => lines.push(values.map(String).join(' ')) },
    { timeout: 10000 },
  );
  return lines;
}

export const interpreter = findInterpreter(process.env);

/** `test` where there is an interpreter, else a test that reads skipped. */
export const interpreterTest = interpreter ? test : test.skip;

/** Lines that a script prints in Espruino. Its working directory is its own: the emulated flash lies there. */
export function runInEspruino(code: string, timeoutMs = 20000): string[] {
  if (!interpreter) throw new Error('no interpreter');
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-build-'));
  try {
    const file = join(folder, 'script.js');
    // The interpreter prints a banner first, and a prompt where it likes.
    writeFileSync(file, `print("@start");\n${code}\nprint("@end");\n`, 'latin1');
    let output = '';
    try {
      output = execFileSync(interpreter, [file], {
        cwd: folder,
        encoding: 'latin1',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      output = String((error as { stdout?: string }).stdout ?? error);
    }
    const lines = output.split(/\r?\n/).map((line) => line.replace(/^>/, ''));
    const start = lines.indexOf('@start');
    const end = lines.indexOf('@end');
    return end < 0 ? [...lines.slice(start + 1), '(did not end)'] : lines.slice(start + 1, end);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
