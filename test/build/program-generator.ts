/**
 * Random ES5 programs about scopes: few names, so that everything shadows something; declarations behind their use and
 * in blocks; functions that change what is being added to. Repeatable by seed. They end: calls and loops run on fuel.
 */
import { seededRandom } from '../kit/random.js';

export type Random = (below: number) => number;

/** Random numbers for programs, repeatable by seed. */
export function createRandom(seed: number): Random {
  const next = seededRandom(seed);
  return (below) => (next() * 2 ** 32) % below;
}

const NAMES = ['a', 'b', 'c', 'd'];
const FUNCTIONS = ['f', 'g', 'h'];
const OPERATORS = ['+', '-', '*', '&', '|', '^'];
/** Without *: beyond 2^63 Espruino's `|0` differs (fixture differs-to-int32). */
const COMPOUND = ['+', '-', '&', '|', '^'];

/** Writes one program, as the body of a function that is called once. */
export function writeProgram(random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const name = (): string => pick(NAMES);

  function expression(depth: number): string {
    const kind = random(depth > 0 ? 12 : 4);
    if (kind < 2) return `(${name()}|0)`;
    if (kind < 4) return String(random(100));
    if (kind === 4) return `call(${pick(FUNCTIONS)})`;
    if (kind === 5) return `(${name()}=${expression(depth - 1)})`;
    if (kind === 6) return `(${name()}++|0)`;
    if (kind === 7)
      return `(${expression(depth - 1)}>${expression(depth - 1)}?${expression(depth - 1)}:${expression(depth - 1)})`;
    if (kind === 8) return `(${expression(depth - 1)}&&${expression(depth - 1)})`;
    return `((${expression(depth - 1)}${pick(OPERATORS)}${expression(depth - 1)})&255)`;
  }

  function block(depth: number, inLoop: boolean): string {
    return `{${statements(1 + random(3), depth, inLoop)}}`;
  }

  /** A statement as it stands behind `if (x)`: with braces or without. */
  function body(depth: number, inLoop: boolean): string {
    if (random(2)) return block(depth, inLoop);
    return pick([
      `var ${name()}=${expression(1)};`,
      `var ${name()};`,
      `${name()}=${expression(1)};`,
      `print(${name()}|0);`,
    ]);
  }

  function statement(depth: number, inLoop: boolean): string {
    switch (random(depth > 0 ? 17 : 8)) {
      case 0:
        return `var ${name()}=${expression(2)};`;
      case 1:
        return `var ${name()};`;
      case 2:
        return `var ${name()}=${expression(1)},${name()},${name()}=${expression(1)};`;
      case 3:
        return `${name()}=${expression(2)};`;
      case 4:
        return `${name()}${pick(COMPOUND)}=${expression(2)};`;
      case 5:
        return `o.${name()}${pick(COMPOUND)}=${expression(2)};`;
      case 6:
        return `print(typeof ${name()}+" "+${name()}+" "+(o.${name()}|0));`;
      case 7:
        return `call(${pick(FUNCTIONS)});`;
      case 8:
        return `if(${expression(1)})${body(depth - 1, inLoop)}${random(2) ? `else ${body(depth - 1, inLoop)}` : ''}`;
      case 9:
        return `for(var ${name()}=0,i=0;i++<${1 + random(3)}&&fuel-->0;)${body(depth - 1, true)}`;
      case 10:
        return `for(var ${name()} in {x:1,y:2})${body(depth - 1, true)}`;
      case 11:
        return `var w=${random(3)};while(w-->0&&fuel-->0)${block(depth - 1, true)}`;
      case 12:
        return `try{${statements(1, depth - 1, inLoop)}throw ${expression(1)};}catch(${pick(['e', ...NAMES])}){${statements(1, depth - 1, inLoop)}}`;
      case 13:
        return `switch(${expression(1)}&3){case 0:${statements(1, depth - 1, inLoop)}case 1:${statements(1, depth - 1, inLoop)}break;default:${statements(1, depth - 1, inLoop)}}`;
      case 14:
        return `l.push(function(){${statements(2, depth - 1, false)}return ${expression(1)};});`;
      case 15:
        return inLoop
          ? `if(${expression(1)})${pick(['break', 'continue'])};`
          : `if(${expression(1)})return ${expression(1)};`;
      default:
        return `var ${pick(FUNCTIONS)}=function(${name()}){${functionBody(depth - 1)}};`;
    }
  }

  function statements(count: number, depth: number, inLoop: boolean): string {
    let text = '';
    for (let i = 0; i < count; i++) text += statement(depth, inLoop);
    return text;
  }

  /** A body with functions anywhere among its statements. */
  function functionBody(depth: number): string {
    let text = '';
    for (let i = 0; i < 3; i++) {
      text += statements(1 + random(2), depth, false);
      if (depth > 0 && random(3) === 0)
        text += `function ${pick(FUNCTIONS)}(${pick(['', name(), `${name()},x`])}){${functionBody(depth - 1)}}`;
    }
    return `${text}return ${expression(1)};`;
  }

  const rest = 'while(l.length&&fuel-->0)call(l.pop());print(a+" "+b+" "+c+" "+d);';
  return (
    'var fuel=60,o={a:1,b:2,c:3,d:4},l=[],a=1,b=2,c=3,d=4;' +
    'function call(f){return typeof f==="function"&&fuel-->0?f(fuel&7)|0:7}' +
    'function f(){return 5}function g(){return 6}function h(a){return a}' +
    `function main(){${functionBody(3)}}` +
    `try{print(main()|0);${rest}}catch(e){print("threw");}`
  );
}
