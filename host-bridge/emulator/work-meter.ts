/**
 * How long a program would take on a slower machine: counts what it does, at given prices.
 *
 * Counted are statements (expressions joined by commas each, as minified code has them), elements of dot products, blocks
 * of hashes, bytes of overlays and flash operations; everything else of the interpreter is in the price of a statement. An estimate.
 */
import { walk, type AnyNode, type Program } from '../../flash-scripts/syntax-tree.js';
import type { TextEdits } from '../../flash-scripts/text-edits.js';
import type { EmulatedFlash } from './flash.js';

/** Prices of a machine. */
export interface Speed {
  statementUs: number;
  /** One product of E.convolve. */
  dotElementUs: number;
  /** One block of SHA-256 or SHA-512. */
  hashBlockUs: number;
  /** One byte on I2C, at 400 kHz nine bits; the bus is waited for. */
  i2cByteUs: number;
  /** One byte of an overlay that is loaded, beside what its statements take. */
  overlayByteUs: number;
  flashWriteMs: number;
  flashEraseMs: number;
}

/**
 * An ESP32 at 240 MHz; every one of these is an estimate, none was measured on a board.
 * statement: 0.4 us of the Linux build times 100, by published loops on boards of this class; dot product: one
 * multiplication and one addition of doubles in software, and reading two elements, some 250 cycles; hash: SHA-512 in C, some
 * 4,000 cycles a block; flash: a word's and a 4 kB sector's typical times in data sheets of serial flash (W25Q32); overlay: 13,284 bytes
 * of functions took as long as 330 rounds of an empty loop where flash is mapped (a Linux build of 32 bits with that).
 */
export const ESP32_SPEED: Speed = { statementUs: 40, dotElementUs: 1, hashBlockUs: 17, i2cByteUs: 22.5, overlayByteUs: 1, flashWriteMs: 0.4, flashEraseMs: 45 };

const isStatement = (node: AnyNode): boolean => (node.type.endsWith('Statement') || node.type === 'VariableDeclaration') && node.type !== 'BlockStatement' && node.type !== 'EmptyStatement';

/** Lets a program count its statements; `$work()` tells them, with elements and blocks. `METER` must run before it. */
export function meterProgram(program: Program, edits: TextEdits): void {
  walk(program, (node, parents) => {
    const parent = parents[parents.length - 1];
    if (!isStatement(node) || !parent) return;
    // The initialiser of a loop is no statement of its own.
    if (node.type === 'VariableDeclaration' && (parent.type === 'ForStatement' || parent.type === 'ForInStatement')) return;
    let weight = 1;
    walk(node, (inner, between) => {
      if (inner.type === 'SequenceExpression' && !between.some((each) => each !== node && isStatement(each))) weight += inner.expressions.length - 1;
    });
    const listed = parent.type === 'BlockStatement' || parent.type === 'Program' || parent.type === 'SwitchCase';
    edits.insert(node.start, listed ? `$work.n+=${weight};` : `{$work.n+=${weight};`);
    if (!listed) edits.insert(node.end, '}');
  });
}

/** Runs before the program, in its context. */
export const METER = `
function $work(){return [$work.n,$work.dots,$work.blocks,$work.i2c,$work.loaded];}
$work.n=$work.dots=$work.blocks=$work.i2c=$work.loaded=0;
(function(){
  var convolve=E.convolve,old=require,writeTo=I2C1.writeTo,readFrom=I2C1.readFrom;
  I2C1.writeTo=function(a,data){$work.i2c+=1+(data.length||1);return writeTo.apply(I2C1,arguments);};
  I2C1.readFrom=function(a,n){$work.i2c+=1+n;return readFrom.call(I2C1,a,n);};
  E.convolve=function(a,b,c){$work.dots+=a.length;return convolve(a,b,c);};
  function metered(hash,bytes){return function(data){$work.blocks+=Math.ceil(((data.length||data.byteLength||0)+9)/bytes);return hash(data);};}
  require=function(name){
    var module=old(name);
    if(name!=="crypto"||module.$metered)return module;
    module.$metered=true;
    module.SHA256=metered(module.SHA256,64);
    module.SHA512=metered(module.SHA512,128);
    return module;
  };
})();
`;

/** Milliseconds that a program has worked since its start; read in its context. */
export function workMs(speed: Speed, read: () => number[], flash: EmulatedFlash): () => number {
  const { writes, erases } = flash.counters;
  return () => {
    const [statements, dots, blocks, i2c, loaded] = read() as [number, number, number, number, number];
    const now = flash.counters;
    const flashMs = (now.writes - writes) * speed.flashWriteMs + (now.erases - erases) * speed.flashEraseMs;
    return (statements * speed.statementUs + dots * speed.dotElementUs + blocks * speed.hashBlockUs + i2c * speed.i2cByteUs + loaded * speed.overlayByteUs) / 1000 + flashMs;
  };
}
