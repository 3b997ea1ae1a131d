/**
 * What arithmetic on doubles costs where they are software, and our firmware's modules with their arithmetic counted
 * so.
 *
 * The paths are those of libgcc's __muldf3, __adddf3, __floatsidf and __fixdfsi for Xtensa: a zero leaves early, a
 * difference of exponents picks the shift, a sum that carries or cancels is put in order again. The counts of each path
 * are estimates of ours; what a test needs is that two paths differ.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { parseBundle, walk } from '../../flash-scripts/build/syntax-tree.js';
import { TextEdits } from '../../flash-scripts/build/text-edits.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

const view = new DataView(new ArrayBuffer(8));

/** Exponent of a number as it is stored, 0 for zero and subnormals. */
function exponentOf(value: number): number {
  view.setFloat64(0, value);
  return (view.getUint16(0) >> 4) & 0x7ff;
}

function addCost(a: number, b: number): number {
  const sum = a + b;
  const [ea, eb, es] = [exponentOf(a), exponentOf(b), exponentOf(sum)];
  const most = Math.max(ea, eb);
  const apart = Math.abs(ea - eb);
  let cost = 30 + (ea === 0 ? 3 : 0) + (eb === 0 ? 3 : 0);
  cost += apart === 0 ? 0 : apart < 32 ? 4 : apart < 64 ? 7 : -10;
  if (a < 0 === b < 0) return cost + (es > most ? 5 : 0);
  // A difference loses high bits: none, some, a whole word, all.
  if (sum === 0) return cost + 6;
  const lost = most - es;
  return cost + (lost === 0 ? 0 : lost <= 20 ? 12 : 17);
}

function multiplyCost(a: number, b: number): number {
  if (a === 0 || b === 0) return 14;
  const carries = exponentOf(a * b) > exponentOf(a) + exponentOf(b) - 1023;
  return 94 + (carries ? 0 : 4) + (exponentOf(a) === 0 || exponentOf(b) === 0 ? 12 : 0);
}

function divideCost(a: number): number {
  return a === 0 ? 14 : 180;
}

/** newlib's floor: by where the point is. */
function floorCost(value: number): number {
  const exponent = exponentOf(value) - 1023;
  const cut = Math.floor(value) !== value && value < 0 ? 5 : 0;
  return (exponent < 0 ? 9 : exponent < 20 ? 15 : exponent < 52 ? 19 : 7) + cut;
}

function toIntegerCost(value: number): number {
  const exponent = exponentOf(value) - 1023;
  return exponent < 0 ? 6 : exponent < 31 ? 11 : 13;
}

function fromIntegerCost(value: number): number {
  return value === 0 ? 4 : 15 + (value < 0 ? 1 : 0);
}

/** Counts what a module does. */
export class Counter {
  cost = 0;

  binary(operator: string, a: number, b: number): number {
    if (operator === '+' || operator === '-') this.cost += addCost(a, operator === '+' ? b : -b);
    else if (operator === '*') this.cost += multiplyCost(a, b);
    else this.cost += divideCost(a);
    return operator === '+'
      ? a + b
      : operator === '-'
        ? a - b
        : operator === '*'
          ? a * b
          : operator === '/'
            ? a / b
            : a % b;
  }

  floor = (value: number): number => {
    this.cost += floorCost(value);
    return Math.floor(value);
  };

  store(into: ArrayLike<number> & { [index: number]: number }, at: number, value: number): number {
    if (!(into instanceof Float64Array)) this.cost += toIntegerCost(value);
    return (into[at] = value);
  }

  /** E.convolve: both elements become doubles, product and sum. */
  dot = (a: ArrayLike<number>, b: ArrayLike<number>, offset: number): number => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) {
      const other = b[offset + i] ?? 0;
      if (!(a instanceof Float64Array)) this.cost += fromIntegerCost(a[i]!);
      if (!(b instanceof Float64Array)) this.cost += fromIntegerCost(other);
      this.cost += multiplyCost(a[i]!, other) + addCost(sum, a[i]! * other);
      sum += a[i]! * other;
    }
    return sum;
  };
}

/** A module of firmware/crypto whose arithmetic on doubles goes through `counter`. @param given what it imports */
export function countedModule<T>(name: string, counter: Counter, given: Record<string, unknown>): T {
  const source = readFileSync(join(packageRoot(), 'firmware', 'crypto', `${name}.ts`), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES5, module: ts.ModuleKind.CommonJS, alwaysStrict: false },
  });
  const edits = new TextEdits(outputText);
  /** Puts `text` where `what` stands between two places. */
  function put(from: number, to: number, what: string, text: string): void {
    const at = outputText.indexOf(what, from);
    if (at < 0 || at >= to) throw new Error(`${name}.ts: no ${what} where one was expected`);
    edits.replace(at, at + what.length, text);
  }
  walk(parseBundle(outputText), (node) => {
    if (node.type === 'BinaryExpression' && ['+', '-', '*', '/', '%'].includes(node.operator)) {
      edits.insert(node.start, `$count.binary("${node.operator}",`);
      put(node.left.end, node.right.start, node.operator, ',');
      edits.insert(node.end, ')');
    } else if (node.type === 'AssignmentExpression' && node.operator === '=') {
      const { left } = node;
      if (left.type !== 'MemberExpression' || !left.computed) return;
      edits.insert(node.start, '$count.store(');
      put(left.object.end, left.property.start, '[', ',');
      put(left.property.end, node.right.start, ']', '');
      put(left.property.end, node.right.start, '=', ',');
      edits.insert(node.end, ')');
    }
  });
  const exported = {} as T;
  const run = new Function('exports', 'require', '$count', 'Math', edits.toString());
  run(exported, (path: string) => given[path], counter, { floor: counter.floor });
  return exported;
}
