/**
 * How long a program would take on a slower machine: counts the instructions of what it does, at given cycles for each.
 *
 * Counted are the constructs of the program (construct-counts.ts), what native calls go through (elements, bytes,
 * characters, blocks of hashes), bytes on I2C and of overlays, and flash operations. Left out: the search for room for
 * an array, which walks along free variables and takes the longer the more scattered they are. An estimate.
 */
import {
  bodyOf,
  childrenOf,
  isFunction,
  isReference,
  type AnyNode,
  type Program,
  type Scope,
} from '../../flash-scripts/build/syntax-tree.js';
import type { TextEdits } from '../../flash-scripts/build/text-edits.js';
import { COUNTS, NATIVES, SCALE } from './construct-counts.js';

/** How fast a machine is. */
export interface Speed {
  /** Cycles that an instruction takes, waiting for flash and memory included. */
  cycles: number;
  mhz: number;
  /** One byte on I2C, at 400 kHz nine bits; the bus is waited for. */
  i2cByteUs: number;
  /** One byte on I2C that Espruino drives in software. */
  softI2cByteUs: number;
  /** For how long a PN532 holds SCL low in each transfer. */
  stretchUs: number;
  /** How often bytes on a serial port are looked for: no work, but a wait (serial-line.ts). */
  serialPollMs: number;
  flashWriteMs: number;
  flashEraseMs: number;
}

/**
 * An ESP32 at 240 MHz with its flash at QIO 80 MHz; nothing of it was measured on a board.
 *
 * - cycles: a model of the cache, run over the instructions of an ESP32 build in an emulator, gave 1.5 with all in the
 *   cache and about 1.8 here (OTHER_SPEEDS has more);
 * - serial ports: a task looks every 5 ms, on the console's port after 5 ms of silence (targets/esp32/jshardwareUart.c
 *   since 2v29.267, August 2026; every 100 ms in 2v29 as released, and when nothing has come for 25 s);
 * - I2C in software without a pause between levels (400 kHz): for a bit 3 or 4 levels and 5 to 7 directions of a pin
 *   are set (src/jsi2c.c), each direction by some 200 instructions of ESP-IDF; the clock is stretched for 0.4 to 1 ms;
 * - flash: a word's and a 4 kB sector's typical times in data sheets of serial flash (W25Q32).
 */
export const ESP32_SPEED: Speed = {
  cycles: 1.8,
  mhz: 240,
  i2cByteUs: 22.5,
  softI2cByteUs: 80,
  stretchUs: 700,
  serialPollMs: 5,
  flashWriteMs: 0.4,
  flashEraseMs: 45,
};

/** Other boards that the model is asked about. The C3's cycles are taken from the ESP32: nobody modelled its cache. */
export const OTHER_SPEEDS: readonly { board: string; speed: Speed }[] = [
  { board: 'ESP32, flash at DIO 40 MHz', speed: { ...ESP32_SPEED, cycles: 2.5 } },
  { board: 'ESP32 with its variables in PSRAM', speed: { ...ESP32_SPEED, cycles: 4.5 } },
  { board: 'ESP32-C3', speed: { ...ESP32_SPEED, mhz: 160 } },
];

const isStatement = (node: AnyNode): boolean =>
  (node.type.endsWith('Statement') || node.type === 'VariableDeclaration') &&
  node.type !== 'BlockStatement' &&
  node.type !== 'EmptyStatement';

/** Objects of the interpreter whose members are functions. */
const TOOLS = new Set(['E', 'Math', 'JSON', 'Object', 'String', 'Graphics', 'process']);
/** What arrays and texts have. */
const NATIVE_MEMBERS = new Set(
  (
    'set subarray slice fill buffer charCodeAt substr substring indexOf split join push pop shift splice concat map ' +
    'forEach reverse toString apply call bind'
  ).split(' '),
);

/** Names of a function or program in the order in which they are looked through. */
function namesOf(scope: Scope): string[] {
  const names: string[] = scope.type === 'Program' ? [] : scope.params.map((each) => (each as { name: string }).name);
  function collect(node: AnyNode): void {
    if (node.type === 'FunctionDeclaration') names.push(node.id!.name);
    if (node.type === 'VariableDeclarator') names.push((node.id as { name: string }).name);
    if (!isFunction(node)) childrenOf(node).forEach(collect);
  }
  bodyOf(scope).forEach(collect);
  return [...new Set(names)];
}

/** Counts of a program's constructs, as construct-counts.ts has them. */
class Pricing {
  private readonly scopes: string[][] = [];

  enter(scope: Scope): void {
    this.scopes.push(namesOf(scope));
  }

  leave(): void {
    this.scopes.pop();
  }

  private name(name: string): number {
    let count = COUNTS.name;
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const at = this.scopes[i]!.indexOf(name);
      if (at >= 0) return count + at * COUNTS.nameBefore;
      count += this.scopes[i]!.length * COUNTS.nameBefore + COUNTS.functionBefore;
    }
    return count + COUNTS.globalName;
  }

  private member(node: Extract<AnyNode, { type: 'MemberExpression' }>): number {
    if (node.computed) return COUNTS.element;
    const { name } = node.property as { name: string };
    if (node.object.type === 'Identifier' && TOOLS.has(node.object.name)) return COUNTS.toolMember;
    return name === 'length' ? COUNTS.length : NATIVE_MEMBERS.has(name) ? COUNTS.nativeMember : COUNTS.member;
  }

  /** Of a node alone, without those below it. */
  own(node: AnyNode, parent: AnyNode | undefined): number {
    switch (node.type) {
      case 'Identifier':
        return isReference(node, parent) ? this.name(node.name) : 0;
      case 'Literal':
        return typeof node.value === 'string' ? COUNTS.text : COUNTS.number;
      case 'SequenceExpression':
        return (node.expressions.length - 1) * COUNTS.comma;
      case 'BinaryExpression':
      case 'UnaryExpression':
        return COUNTS.operator;
      case 'AssignmentExpression': {
        const written = node.left.type === 'MemberExpression' && node.left.computed ? COUNTS.elementWritten : 0;
        return COUNTS.assignment + written + (node.operator === '=' ? 0 : COUNTS.operator);
      }
      case 'UpdateExpression':
        return COUNTS.update;
      case 'ConditionalExpression':
        return COUNTS.condition;
      case 'LogicalExpression':
        return COUNTS.logical;
      case 'MemberExpression':
        return this.member(node);
      case 'CallExpression':
        return COUNTS.call + node.arguments.length * COUNTS.argument;
      case 'NewExpression':
        return COUNTS.made + node.arguments.length * COUNTS.argument;
      case 'ObjectExpression':
        return node.properties.length * COUNTS.objectField;
      case 'ArrayExpression':
        return node.elements.length * COUNTS.arrayElement;
      case 'FunctionExpression':
      case 'FunctionDeclaration':
        return COUNTS.functionMade + (node.end - node.start) * COUNTS.characterSkipped;
      case 'VariableDeclarator':
        return node.init ? COUNTS.variable + COUNTS.assignment : COUNTS.variable;
      case 'IfStatement':
      case 'SwitchStatement':
        return COUNTS.statement + COUNTS.branch;
      case 'TryStatement':
        return COUNTS.attempt;
      case 'ReturnStatement':
        return COUNTS.statement + COUNTS.returned;
      default:
        return isStatement(node) ? COUNTS.statement : 0;
    }
  }
}

/** What is done only sometimes has a count of its own: a branch of an expression. */
function branchesOf(node: AnyNode): AnyNode[] {
  if (node.type === 'ConditionalExpression') return [node.consequent, node.alternate];
  return node.type === 'LogicalExpression' ? [node.right] : [];
}

/**
 * Lets a program count what it does, in instructions; `$work()` tells them, with elements and blocks. `METER` must run
 * before it.
 */
// eslint-disable-next-line max-lines-per-function -- its parts call each other, over one text
export function meterProgram(program: Program, edits: TextEdits): void {
  const pricing = new Pricing();
  const instructions = (count: number): number => Math.round(count * SCALE);

  /** What is below a node and done whenever it is; what is done at other times is metered by itself. */
  function cost(node: AnyNode, parent: AnyNode | undefined): number {
    let sum = pricing.own(node, parent);
    if (isFunction(node)) {
      meterScope(node);
      return sum;
    }
    const branches = branchesOf(node);
    for (const child of childrenOf(node)) {
      if (branches.includes(child)) {
        edits.insert(child.start, `($work.n+=${instructions(cost(child, node))},`);
        edits.insert(child.end, ')');
      } else if (isStatement(child) || child.type === 'BlockStatement') meterStatement(child, node);
      else if (child.type === 'SwitchCase' || child.type === 'CatchClause') sum += meterCase(child);
      else sum += cost(child, node);
    }
    return sum;
  }

  /** Its test is counted with the switch. */
  function meterCase(node: AnyNode): number {
    for (const child of childrenOf(node))
      if (isStatement(child) || child.type === 'BlockStatement') meterStatement(child, node);
    return node.type === 'SwitchCase' && node.test ? cost(node.test, node) + COUNTS.operator : 0;
  }

  /** Of a loop: what each round does beside its body. */
  function roundCost(node: AnyNode): number {
    if (node.type === 'ForStatement') {
      const parts = [node.test, node.update];
      return parts.reduce((sum: number, each) => (each ? sum + cost(each, node) : sum), COUNTS.round);
    }
    if (node.type === 'WhileStatement' || node.type === 'DoWhileStatement') return COUNTS.round + cost(node.test, node);
    return COUNTS.round;
  }

  function meterStatement(node: AnyNode, parent: AnyNode): void {
    if (node.type === 'BlockStatement') return node.body.forEach((each) => meterStatement(each, node));
    if (node.type === 'FunctionDeclaration') return void cost(node, parent);
    if (!isStatement(node)) return;
    let count: number;
    if (/^(For|While|DoWhile)/.test(node.type)) {
      const loop = node as Extract<AnyNode, { type: 'ForStatement' }>;
      const once = [
        loop.init,
        (loop as unknown as { left?: AnyNode }).left,
        (loop as unknown as { right?: AnyNode }).right,
      ];
      count = once.reduce((sum, each) => (each ? sum + cost(each, node) : sum), COUNTS.statement as number);
      const round = `$work.n+=${instructions(roundCost(node))};`;
      const { body } = loop;
      if (body.type === 'BlockStatement') edits.insert(body.start + 1, round);
      else {
        edits.insert(body.start, `{${round}`);
        if (body.type === 'EmptyStatement') edits.insert(body.end, '}');
      }
      meterStatement(body, node);
      if (body.type !== 'BlockStatement' && body.type !== 'EmptyStatement') edits.insert(body.end, '}');
    } else count = cost(node, parent);
    const listed = parent.type === 'BlockStatement' || parent.type === 'Program' || parent.type === 'SwitchCase';
    edits.insert(node.start, `${listed ? '' : '{'}$work.n+=${instructions(count)};`);
    if (!listed) edits.insert(node.end, '}');
  }

  function meterScope(scope: Scope): void {
    pricing.enter(scope);
    const body = bodyOf(scope);
    const holder = scope.type === 'Program' ? scope : scope.body;
    let entered = body.length > 0 && scope.type !== 'Program' ? COUNTS.entered : 0;
    for (const each of body) if (each.type === 'FunctionDeclaration') entered += pricing.own(each, holder);
    const first = body.find((each) => isStatement(each));
    for (const each of body) meterStatement(each, holder);
    if (first && entered) edits.insert(first.start, `$work.n+=${instructions(entered)};`);
    pricing.leave();
  }

  meterScope(program);
}

/** What `$work()` tells, in this order. */
const COUNTED = ['n', 'dots', 'pairs', 'bytes', 'characters', 'blocks', 'i2c', 'softI2c', 'stretches', 'loaded'];

/** Runs before the program, in its context. */
export const METER = `
function $work(){return [${COUNTED.map((name) => `$work.${name}`).join()}];}
${COUNTED.map((name) => `$work.${name}=`).join('')}0;
(function(){
  var old=require,image=Graphics.createArrayBuffer;
  // Counts what a method goes through, each time that it is called.
  function meter(object,name,count,size){
    var plain=object[name];
    if(plain)object[name]=function(){$work[count]+=size.apply(this,arguments);return plain.apply(this,arguments);};
  }
  function first(data){return data.length;}
  function own(){return this.length;}
  function written(){for(var n=1,i=1;i<arguments.length;i++)n+=arguments[i].length||1;return n;}
  function read(a,n){return 1+n;}
  function once(){return 1;}
  meter(I2C1,"writeTo","i2c",written);
  meter(I2C1,"readFrom","i2c",read);
  var soft=I2C;
  I2C=function(){
    var port=soft();
    meter(port,"writeTo","softI2c",written);
    meter(port,"readFrom","softI2c",read);
    ["writeTo","readFrom"].forEach(function(name){meter(port,name,"stretches",once);});
    return port;
  };
  meter(E,"convolve","dots",first);
  meter(E,"mapInPlace","pairs",first);
  ["sum","CRC32","toUint8Array"].forEach(function(name){meter(E,name,"bytes",first);});
  meter(Uint8Array.prototype.__proto__,"set","bytes",first);
  meter(String.prototype,"split","characters",own);
  meter(String.prototype,"indexOf","characters",own);
  function joined(){for(var n=0,i=0;i<this.length;i++)n+=(""+this[i]).length;return n;}
  meter(Array.prototype,"join","characters",joined);
  meter(Uint8Array.prototype.__proto__,"join","characters",joined);
  Graphics.createArrayBuffer=function(){
    var g=image.apply(Graphics,arguments);
    meter(g,"transformVertices","pairs",first);
    return g;
  };
  require=function(name){
    var module=old(name);
    if(name!=="crypto"||module.$metered)return module;
    module.$metered=true;
    function blocks(bytes){return function(data){return Math.ceil(((data.length||data.byteLength||0)+9)/bytes);};}
    meter(module,"SHA256","blocks",blocks(64));
    meter(module,"SHA512","blocks",blocks(128));
    return module;
  };
})();
`;

/**
 * Milliseconds that a program has worked since its start; read in its context.
 * @param read `$work`, or nothing before METER has run @param flashes operations on each flash so far
 */
export function workMs(
  speed: Speed,
  read: () => number[],
  flashes: () => { readonly writes: number; readonly erases: number }[],
): () => number {
  const flashMs = () =>
    flashes().reduce((sum, now) => sum + now.writes * speed.flashWriteMs + now.erases * speed.flashEraseMs, 0);
  const beforeMs = flashMs();
  const counts = [
    1,
    NATIVES.dotElement,
    NATIVES.pairValue,
    NATIVES.byte,
    NATIVES.character,
    NATIVES.hashBlock,
    0,
    0,
    0,
    NATIVES.overlayByte,
  ];
  const instructionUs = speed.cycles / speed.mhz;
  const prices = counts.map((count) => count * instructionUs);
  prices[COUNTED.indexOf('i2c')] = speed.i2cByteUs;
  prices[COUNTED.indexOf('softI2c')] = speed.softI2cByteUs;
  prices[COUNTED.indexOf('stretches')] = speed.stretchUs;
  return () => read().reduce((sum, count, i) => sum + count * prices[i]!, 0) / 1000 + flashMs() - beforeMs;
}
