/*
 * The board's cryptography as a script for the real interpreter: for the benchmark and for tests.
 *
 * The script gives the global `lib` with everything below, natives and tables included; what is appended to
 * it runs in the interpreter as it is, without the build. Tables are read from files and copied to RAM, as
 * on the Linux build flash is not memory-mapped.
 *
 * Left out: the roles' bundles, which need a whole board around them.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { packageRoot } from '../base/package-root.js';

/** What the script's `lib` holds besides natives: module and exported names. */
const EXPORTS: [string, string[]][] = [
  ['crypto/ed25519', ['createEd25519']],
  ['crypto/field', ['createField', 'createElement']],
  ['crypto/scalar', ['createScalars']],
  ['crypto/nonce-pool', ['createNoncePool']],
  ['crypto/nonce-source', ['createNonceSource']],
  ['crypto/hmac-drbg', ['createHmacDrbg']],
  ['crypto/health', ['isHealthy', 'ONE_BIT']],
  ['crypto/comb-table', ['openCombTable']],
  ['crypto/edwards', ['createEdwards']],
  ['crypto/x25519', ['createX25519']],
  ['crypto/hpke', ['createSealer']],
  ['crypto/gcm', ['gcmSeal', 'gcmOpen']],
  ['crypto/rsa', ['createRsa']],
  ['crypto/blind-rsa', ['createBlindRsa']],
  ['board/espruino-natives', ['createEspruinoNatives', 'createEspruinoCiphers']],
];

/**
 * Plain JavaScript before the bundle. A table in pieces of 27 bytes is read ten times as slowly as one in
 * flash or in contiguous memory; the Linux build has contiguous memory only after it had to ask for more.
 * lib.cpu() is the process's own time where /proc tells it (machines are shared), else the clock.
 */
const PRELUDE = `
var lib;
function give(l){lib=l;}
var readTable=(function(){
  var room=[];
  while(process.memory().total<32768)for(var i=0;i<1000;i++)room.push(i);
  room=undefined;
  process.memory();
  return function(path,bytes){
    var out=new Uint8Array(bytes);
    if(!E.getAddressOf(out,true))throw path+": its memory is in pieces, figures would be wrong";
    var file=E.openFile(path,"r"),at=0,part;
    while((part=file.read(512))!==undefined){out.set(E.toUint8Array(part),at);at+=part.length;}
    file.close();
    return out;
  };
})();
var cpu=(function(){
  var fs=require("fs"),path="/proc/self/schedstat";
  function read(){return parseFloat(fs.readFileSync(path).split(" ")[0])/1000000000;}
  try{if(read()>0)return read;}catch(e){}
  return getTime;
})();
function toHex(b){var s="";for(var i=0;i<b.length;i++)s+=(b[i]+256).toString(16).substr(1);return s;}
function fromHex(t){var b=new Uint8Array(t.length/2);for(var i=0;i<b.length;i++)b[i]=parseInt(t.substr(2*i,2),16);return b;}
`;

/** The bundle's code, without the prelude; it calls `give` with `lib`. */
export async function libraryBundle(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-entry-'));
  try {
    const lines = EXPORTS.map(
      ([path, names]) =>
        `import { ${names.join(', ')} } from ${JSON.stringify(join(packageRoot(), 'firmware', `${path}.js`))};`,
    );
    const names = EXPORTS.flatMap(([, each]) => each).filter((name) => !name.startsWith('createEspruino'));
    lines.push('declare function give(lib: unknown): void;');
    lines.push(
      `give({ natives: createEspruinoNatives(E, require('crypto') as any), ciphers: createEspruinoCiphers(require('crypto') as any), ${names.join(', ')} });`,
    );
    const entry = join(folder, 'entry.ts');
    writeFileSync(entry, lines.join('\n'));
    return (await buildBundle(entry)).code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files that the script reads, by name: tables. */
export type BoardFiles = { [name: string]: Uint8Array };

/** A script that has `lib` and, as globals of their names, the tables; `program` runs after that. */
export async function boardScript(files: BoardFiles, program: string): Promise<string> {
  const tables = Object.entries(files).map(
    ([name, data]) => `var ${name}=readTable(${JSON.stringify(name)},${data.length});`,
  );
  return [PRELUDE, ...tables, await libraryBundle(), program, 'print("@end");'].join('\n');
}

/**
 * Runs such a script and gives the lines it prints.
 * @throws Error with all that it printed, when it stops before its end or takes longer than timeoutMs
 */
export async function runBoardScript(
  interpreter: string,
  files: BoardFiles,
  script: string,
  timeoutMs: number,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-board-'));
  try {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    writeFileSync(join(folder, 'script.js'), `print("@start");${script}`);
    const output = await new Promise<string>((done) => {
      const options = {
        cwd: folder,
        encoding: 'latin1' as const,
        timeout: timeoutMs,
        killSignal: 'SIGKILL' as const,
        maxBuffer: 1 << 24,
      };
      execFile(interpreter, ['script.js'], options, (_error, stdout, stderr) => done(stdout + stderr)).stdin?.end();
    });
    const lines = output.split(/\r?\n/).map((line) => line.replace(/^>/, ''));
    const end = lines.indexOf('@end');
    if (end < 0) throw new Error(`the interpreter did not come to the end of the script:\n${lines.join('\n')}`);
    return lines.slice(lines.indexOf('@start') + 1, end);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
