/*
 * `tapcash bench`: what the board's signatures cost in the real interpreter, beside TweetNaCl.js in the
 * same process, and how that compares with the same code on Node.
 *
 * Ratios are the result; times are this machine's. They are the process's own CPU time where the
 * interpreter can read it, because machines are shared. No figure here is an ESP32's.
 *
 * Left out for now: HPKE, RSA, a tap's phases, SVG.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../flash-scripts/package-root.js';
import { BASE_SHAPE, KEY_SHAPE, makeCombTable } from '../flash-scripts/tables.js';
import { createEd25519, type Ed25519 } from '../firmware/crypto/ed25519.js';
import { multiplesOf } from './relay/key-multiples.js';
import { boardScript, runBoardScript } from './bench-board.js';
import { createHostNatives } from './emulator/natives.js';

/** One operation. */
export interface Figure {
  ms: number;
  /** How many times as fast as TweetNaCl.js in the same process; absent without TweetNaCl. */
  timesTweetnacl?: number;
}

export type Operation = 'signAtTap' | 'makeNonce' | 'keyPair' | 'verifyKnownKey' | 'verifyAnyKey' | 'verifyBareKey';

/** What `--json` prints. */
export interface BenchReport {
  machine: string;
  commit: string;
  interpreter: { version: string; build: string } | null;
  emptyLoopUs: number | null;
  operations: Record<Operation, Figure> | null;
  node: { version: string; operations: Record<Operation, Figure> };
  /** Interpreter: variables of 27 bytes (14 on ESP32) that curve code and two keys keep, and at most while it works. */
  memory: { variablesKept: number; variablesPeak: number } | null;
  bytes: { baseTable: number; keyTable: number; script: number };
}

export interface BenchOptions {
  /** Path of Espruino's Linux build, or null: then only Node is measured. */
  interpreter: string | null;
  json?: boolean;
  log?: (line: string) => void;
}

const SEED = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const OPERATIONS: [Operation, string, 'keyPair' | 'sign' | 'verify'][] = [
  ['signAtTap', 'sign at the tap (nonce ready)', 'sign'],
  ['makeNonce', 'make one nonce (batch of 8)', 'sign'],
  ['keyPair', 'key pair', 'keyPair'],
  ['verifyKnownKey', 'verify, key known in advance', 'verify'],
  ['verifyAnyKey', 'verify, any key (licensed)', 'verify'],
  ['verifyBareKey', 'verify, any key (unlicensed)', 'verify'],
];

/** Measures in the interpreter; prints one line for each figure. */
const PROGRAM = `
function time(name,n,f){var t=cpu();for(var i=0;i<n;i++)f();print(name,(cpu()-t)/n*1000000000);}
var used=process.memory().usage,most=0;
function look(){var m=process.memory().usage;if(m>most)most=m;}
var ed=lib.createEd25519(lib.natives,{base:baseTable}),known=ed.prepareKey(keyTable),seed=fromHex("${SEED}"),key=ed.keyFromSeed(seed);
var kept=process.memory().usage-used,count=0,message=new Uint8Array(100),nonces,signature;
var natives={dot:function(a,b,c){look();return E.convolve(a,b,c);},sha256:lib.natives.sha256,sha512:lib.natives.sha512};
function draw(n){count++;return lib.natives.sha512(new Uint8Array([count&255,count>>8])).subarray(0,n);}
time("loop",100000,function(){});
(function(){var t=cpu();for(var i=0;i<200000;i++);print("emptyLoop",(cpu()-t)/200000*1000000000);})();
time("keyPair",8,function(){ed.keyFromSeed(seed);});
time("makeNonce",1,function(){nonces=ed.makeNonces(draw,8);});
nonces=nonces.concat(ed.makeNonces(draw,42));
time("signAtTap",50,function(){signature=ed.sign(key,nonces.pop(),message);});
time("verifyKnownKey",8,function(){if(!ed.verifyKnown(known,message,signature))throw "known key";});
time("verifyAnyKey",8,function(){if(!ed.verifyKnown(ed.prepareWithMultiples(key.publicKey,multiples),message,signature))throw "any key";});
time("verifyBareKey",4,function(){if(!ed.verify(key.publicKey,message,signature))throw "bare key";});
print("kept",kept);
(function(){
  var before=process.memory().usage,e=lib.createEd25519(natives,{base:baseTable});
  e.keyFromSeed(seed);
  e.verify(key.publicKey,message,signature);
  print("peak",most-before);
})();
print("version",process.env.VERSION,process.env.BOARD||"");
`;

const COMPETITOR = `
var nacl=module.exports,pair,sig;
time("tweetnacl.keyPair",1,function(){pair=nacl.sign.keyPair.fromSeed(seed);});
if(toHex(pair.publicKey)!=toHex(key.publicKey))throw "tweetnacl's key differs";
time("tweetnacl.sign",1,function(){sig=nacl.sign.detached(message,pair.secretKey);});
time("tweetnacl.verify",1,function(){if(!nacl.sign.detached.verify(message,signature,pair.publicKey))throw "tweetnacl";});
`;

/** Source of TweetNaCl.js, the faster of its two builds, or null where it is not installed. */
function tweetnacl(): string | null {
  const path = join(packageRoot(), 'node_modules', 'tweetnacl', 'nacl-fast.min.js');
  return existsSync(path) ? readFileSync(path, 'latin1') : null;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

function random(count: number): Uint8Array {
  return new Uint8Array(count).map((_, i) => (i * 89 + 7) & 255);
}

/** Milliseconds of one call, the best of three rounds. */
function measure(repeat: number, call: () => void): number {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < repeat; i++) call();
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / 1000 / repeat);
  }
  return best;
}

function measureOnNode(baseTable: Uint8Array): Record<Operation, Figure> {
  const ed: Ed25519 = createEd25519(createHostNatives({ checked: false }), { base: baseTable });
  const key = ed.keyFromSeed(new Uint8Array(Buffer.from(SEED, 'hex')));
  const known = ed.prepareKey(makeCombTable(KEY_SHAPE, key.publicKey))!;
  const multiples = multiplesOf(key.publicKey);
  const message = new Uint8Array(100);
  const [spare] = ed.makeNonces(random, 1);
  const signature = ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message);
  return {
    signAtTap: { ms: measure(300, () => ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message)) },
    makeNonce: { ms: measure(3, () => ed.makeNonces(random, 8)) / 8 },
    keyPair: { ms: measure(20, () => ed.keyFromSeed(random(32))) },
    verifyKnownKey: { ms: measure(20, () => ed.verifyKnown(known, message, signature)) },
    verifyAnyKey: { ms: measure(10, () => ed.verifyKnown(ed.prepareWithMultiples(key.publicKey, multiples)!, message, signature)) },
    verifyBareKey: { ms: measure(10, () => ed.verify(key.publicKey, message, signature)) },
  };
}

/** Figures by name, in nanoseconds or as printed. */
function parse(lines: string[]): Map<string, string> {
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

async function measureInInterpreter(path: string, files: { baseTable: Uint8Array; keyTable: Uint8Array; multiples: Uint8Array }) {
  const competitor = tweetnacl();
  const program = PROGRAM + (competitor ? `\nvar module={exports:{}};\n${competitor}\n${COMPETITOR}` : '');
  const script = await boardScript(files, program);
  const values = parse(await runBoardScript(path, files, script, 600000));
  const ms = (name: string): number => Number(values.get(name)) / 1e6;
  const figure = ([name, , against]: (typeof OPERATIONS)[number]): [Operation, Figure] => {
    const own = ms(name) / (name === 'makeNonce' ? 8 : 1);
    return [name, competitor ? { ms: own, timesTweetnacl: ms(`tweetnacl.${against}`) / own } : { ms: own }];
  };
  return {
    operations: Object.fromEntries(OPERATIONS.map(figure)) as Record<Operation, Figure>,
    emptyLoopUs: ms('emptyLoop') * 1000,
    version: values.get('version') ?? '',
    memory: { variablesKept: Number(values.get('kept')), variablesPeak: Number(values.get('peak')) },
  };
}

/**
 * Measures, and prints a table or JSON.
 * @throws Error when the interpreter stops before the end: its output is in the message
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const log = options.log ?? ((line: string) => console.log(line));
  const say = options.json ? () => undefined : log;
  say('making tables ...');
  const baseTable = makeCombTable(BASE_SHAPE);
  const ed = createEd25519(createHostNatives({ checked: false }), { base: baseTable });
  const publicKey = ed.keyFromSeed(new Uint8Array(Buffer.from(SEED, 'hex'))).publicKey;
  const keyTable = makeCombTable(KEY_SHAPE, publicKey);
  say('measuring on Node ...');
  const node = measureOnNode(baseTable);
  const bare = await boardScript({}, '');
  if (options.interpreter) say(`measuring in ${options.interpreter}, a minute or two ...`);
  const inside = options.interpreter ? await measureInInterpreter(options.interpreter, { baseTable, keyTable, multiples: multiplesOf(publicKey) }) : null;
  const report: BenchReport = {
    machine: `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}`,
    commit: commit(),
    interpreter: inside && { version: inside.version.split(' ')[0]!, build: inside.version.split(' ').slice(1).join(' ') },
    emptyLoopUs: inside && inside.emptyLoopUs,
    operations: inside && inside.operations,
    node: { version: process.version, operations: node },
    memory: inside && inside.memory,
    bytes: { baseTable: baseTable.length, keyTable: keyTable.length, script: bare.length },
  };
  if (options.json) log(JSON.stringify(report));
  else describe(report, log);
  return report;
}

function describe(report: BenchReport, log: (line: string) => void): void {
  log(`${report.machine}, commit ${report.commit}, Node ${report.node.version}`);
  if (report.interpreter) log(`Espruino ${report.interpreter.version} ${report.interpreter.build}, empty loop ${report.emptyLoopUs!.toFixed(2)} us`);
  else log('interpreter: skipped, none found (set ESPRUINO or put espruino-linux on the PATH)');
  log(`${''.padEnd(32)}${'interpreter'.padStart(14)}${'x TweetNaCl'.padStart(14)}${'Node'.padStart(12)}`);
  for (const [name, title] of OPERATIONS) {
    const inside = report.operations?.[name];
    const times = inside?.timesTweetnacl?.toFixed(0) ?? '-';
    log(`${title.padEnd(32)}${(inside ? `${inside.ms.toFixed(2)} ms` : '-').padStart(14)}${times.padStart(14)}${`${report.node.operations[name].ms.toFixed(3)} ms`.padStart(12)}`);
  }
  if (report.memory) log(`variables: ${report.memory.variablesKept} kept, ${report.memory.variablesPeak} at most while working`);
  log(`bytes: base table ${report.bytes.baseTable}, key table ${report.bytes.keyTable}, script of the cryptography alone ${report.bytes.script}`);
}
