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

/** Puts into a program what counts its work. */
class Metering {
  private readonly pricing = new Pricing();

  constructor(private readonly edits: TextEdits) {}

  /** Text that counts so many instructions. */
  private counting(count: number): string {
    return `$work.n+=${Math.round(count * SCALE)}`;
  }

  /** What is below a node and done whenever it is; what is done at other times is metered by itself. */
  private cost(node: AnyNode, parent: AnyNode | undefined): number {
    let sum = this.pricing.own(node, parent);
    if (isFunction(node)) {
      this.scope(node);
      return sum;
    }
    const branches = branchesOf(node);
    for (const child of childrenOf(node)) {
      if (branches.includes(child)) {
        this.edits.insert(child.start, `(${this.counting(this.cost(child, node))},`);
        this.edits.insert(child.end, ')');
      } else if (isStatement(child) || child.type === 'BlockStatement') this.statement(child, node);
      else if (child.type === 'SwitchCase' || child.type === 'CatchClause') sum += this.case(child);
      else sum += this.cost(child, node);
    }
    return sum;
  }

  /** Its test is counted with the switch. */
  private case(node: AnyNode): number {
    for (const child of childrenOf(node))
      if (isStatement(child) || child.type === 'BlockStatement') this.statement(child, node);
    return node.type === 'SwitchCase' && node.test ? this.cost(node.test, node) + COUNTS.operator : 0;
  }

  /** Of those of these nodes that are there. */
  private costs(nodes: readonly (AnyNode | null | undefined)[], parent: AnyNode): number {
    return nodes.reduce((sum: number, each) => (each ? sum + this.cost(each, parent) : sum), 0);
  }

  /** Of a loop: what is done once. What each round does is counted in its body. */
  private loop(node: AnyNode): number {
    const parts = node as unknown as Record<
      'init' | 'left' | 'right' | 'test' | 'update' | 'body',
      AnyNode | undefined
    >;
    const count = COUNTS.statement + this.costs([parts.init, parts.left, parts.right], node);
    const round = `${this.counting(COUNTS.round + this.costs([parts.test, parts.update], node))};`;
    const body = parts.body!;
    if (body.type === 'BlockStatement') this.edits.insert(body.start + 1, round);
    else {
      this.edits.insert(body.start, `{${round}`);
      if (body.type === 'EmptyStatement') this.edits.insert(body.end, '}');
    }
    this.statement(body, node);
    if (body.type !== 'BlockStatement' && body.type !== 'EmptyStatement') this.edits.insert(body.end, '}');
    return count;
  }

  private statement(node: AnyNode, parent: AnyNode): void {
    if (node.type === 'BlockStatement') return node.body.forEach((each) => this.statement(each, node));
    if (node.type === 'FunctionDeclaration') return void this.cost(node, parent);
    if (!isStatement(node)) return;
    const count = /^(For|While|DoWhile)/.test(node.type) ? this.loop(node) : this.cost(node, parent);
    const listed = parent.type === 'BlockStatement' || parent.type === 'Program' || parent.type === 'SwitchCase';
    this.edits.insert(node.start, `${listed ? '' : '{'}${this.counting(count)};`);
    if (!listed) this.edits.insert(node.end, '}');
  }

  scope(scope: Scope): void {
    this.pricing.enter(scope);
    const body = bodyOf(scope);
    const holder = scope.type === 'Program' ? scope : scope.body;
    let entered = body.length > 0 && scope.type !== 'Program' ? COUNTS.entered : 0;
    for (const each of body) if (each.type === 'FunctionDeclaration') entered += this.pricing.own(each, holder);
    const first = body.find((each) => isStatement(each));
    for (const each of body) this.statement(each, holder);
    if (first && entered) this.edits.insert(first.start, `${this.counting(entered)};`);
    this.pricing.leave();
  }
}

/**
 * Lets a program count what it does, in instructions; `$work()` tells them, with elements and blocks. `METER` must run
 * before it.
 */
export function meterProgram(program: Program, edits: TextEdits): void {
  new Metering(edits).scope(program);
}

/** What `$work()` tells, in this order. */
const COUNTED = [
  'n',
  'dots',
  'pairs',
  'bytes',
  'characters',
  'blocks',
  'loaded',
  'i2c',
  'softI2c',
  'stretches',
] as const;

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
  const us = (instructions: number): number => (instructions * speed.cycles) / speed.mhz;
  const prices: Record<(typeof COUNTED)[number], number> = {
    n: us(1),
    dots: us(NATIVES.dotElement),
    pairs: us(NATIVES.pairValue),
    bytes: us(NATIVES.byte),
    characters: us(NATIVES.character),
    blocks: us(NATIVES.hashBlock),
    loaded: us(NATIVES.overlayByte),
    i2c: speed.i2cByteUs,
    softI2c: speed.softI2cByteUs,
    stretches: speed.stretchUs,
  };
  return () => read().reduce((sum, count, i) => sum + count * prices[COUNTED[i]!], 0) / 1000 + flashMs() - beforeMs;
}
