/**
 * How long a program would take on a slower machine: counts what it does, at given prices.
 *
 * Counted are statements (expressions joined by commas each, as minified code has them), what native calls go through
 * (elements, bytes, characters, blocks of hashes), bytes on I2C and of overlays, and flash operations; everything else
 * of the interpreter is in the price of a statement: tests of loops and branches, calls, and the search for room for an
 * array, which walks along free variables and takes the longer the more scattered they are. An estimate.
 */
import { walk, type AnyNode, type Program } from '../../flash-scripts/build/syntax-tree.js';
import type { TextEdits } from '../../flash-scripts/build/text-edits.js';

/** Prices of a machine. */
export interface Speed {
  statementUs: number;
  /** One product of E.convolve. */
  dotElementUs: number;
  /** One value of Graphics.transformVertices, or of E.mapInPlace. */
  pairValueUs: number;
  /** One byte or other element that a native call copies, sums or converts. */
  byteUs: number;
  /** One character that a native call searches or joins. */
  characterUs: number;
  /** One block of SHA-256 or SHA-512. */
  hashBlockUs: number;
  /** One byte on I2C, at 400 kHz nine bits; the bus is waited for. */
  i2cByteUs: number;
  /** One byte on I2C that Espruino drives in software. */
  softI2cByteUs: number;
  /** For how long a PN532 holds SCL low in each transfer. */
  stretchUs: number;
  /** How often bytes on a serial port are looked for: no work, but a wait (serial-line.ts). */
  serialPollMs: number;
  /** One byte of an overlay that is loaded, beside what its statements take. */
  overlayByteUs: number;
  flashWriteMs: number;
  flashEraseMs: number;
}

/**
 * An ESP32 at 240 MHz; every one of these is an estimate, none was measured on a board.
 *
 * A hundred times what Espruino's Linux build takes (2v29.277, -O2, on an AMD EPYC; empty loop 0.39 us a round).
 * Published is a loop on an Espruino Pico of 84 MHz, whose doubles are in software too: the series for pi, 458 us a
 * round, here 1.54 us. By the clock that is 104 times at 240 MHz. An ESP32 runs its interpreter from flash, through a
 * cache.
 *
 * - statement: messages and frames of this firmware took 1.5 to 2.3 us for each that is counted here, 4 to 6 rounds of
 *   the empty loop, for a statement has calls, members and arithmetic in it;
 * - dot product: 24 to 31 ns an element, of typed arrays of any kind, on flash or not (an iterator goes byte by byte);
 *   and in software some 120 cycles for multiplication and addition, which cost nothing there;
 * - pairs and picks: 92 and 104 ns; bytes: 20 to 29 ns (set, E.sum, E.CRC32, E.toUint8Array);
 * - characters: indexOf and split compare at each, 58 and 68 ns; join takes 93;
 * - hash: 0.54 us for a block of SHA-256, 0.26 for one of SHA-512, whose words of 64 bits an ESP32 does not have;
 * - serial ports: a task looks every 5 ms, on the console's port after 5 ms of silence (targets/esp32/jshardwareUart.c
 *   since 2v29.267, August 2026; every 100 ms in 2v29 as released, and when nothing has come for 25 s);
 * - I2C in software without a pause between levels (400 kHz): for a bit 3 or 4 levels and 5 to 7 directions of a pin
 *   are set (src/jsi2c.c), each direction by some 200 instructions of ESP-IDF; the clock is stretched for 0.4 to 1 ms;
 * - flash: a word's and a 4 kB sector's typical times in data sheets of serial flash (W25Q32); overlay: 13,284 bytes of
 *   functions took as long as 330 rounds of an empty loop where flash is mapped (a Linux build of 32 bits with that).
 */
export const ESP32_SPEED: Speed = {
  statementUs: 180,
  dotElementUs: 3,
  pairValueUs: 10,
  byteUs: 2,
  characterUs: 7,
  hashBlockUs: 50,
  i2cByteUs: 22.5,
  softI2cByteUs: 80,
  stretchUs: 700,
  serialPollMs: 5,
  overlayByteUs: 1,
  flashWriteMs: 0.4,
  flashEraseMs: 45,
};

const isStatement = (node: AnyNode): boolean =>
  (node.type.endsWith('Statement') || node.type === 'VariableDeclaration') &&
  node.type !== 'BlockStatement' &&
  node.type !== 'EmptyStatement';

/** Lets a program count its statements; `$work()` tells them, with elements and blocks. `METER` must run before it. */
export function meterProgram(program: Program, edits: TextEdits): void {
  walk(program, (node, parents) => {
    const parent = parents[parents.length - 1];
    if (!isStatement(node) || !parent) return;
    // The initialiser of a loop is no statement of its own.
    if (node.type === 'VariableDeclaration' && (parent.type === 'ForStatement' || parent.type === 'ForInStatement'))
      return;
    let weight = 1;
    walk(node, (inner, between) => {
      if (inner.type === 'SequenceExpression' && !between.some((each) => each !== node && isStatement(each)))
        weight += inner.expressions.length - 1;
    });
    const listed = parent.type === 'BlockStatement' || parent.type === 'Program' || parent.type === 'SwitchCase';
    edits.insert(node.start, listed ? `$work.n+=${weight};` : `{$work.n+=${weight};`);
    if (!listed) edits.insert(node.end, '}');
  });
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
  const prices = [
    speed.statementUs,
    speed.dotElementUs,
    speed.pairValueUs,
    speed.byteUs,
    speed.characterUs,
    speed.hashBlockUs,
    speed.i2cByteUs,
    speed.softI2cByteUs,
    speed.stretchUs,
    speed.overlayByteUs,
  ];
  return () => read().reduce((sum, count, i) => sum + count * prices[i]!, 0) / 1000 + flashMs() - beforeMs;
}
