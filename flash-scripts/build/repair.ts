/**
 * Puts right in the shortened bundle what ECMAScript and Espruino 2v29 read differently, before hoisting.
 *
 * 1. `x += f()`: Espruino runs f first and reads x afterwards. Where f may change x it becomes `x = x + f()`. (Terser
 *    makes the first out of the second, so this cannot be left to whoever writes the source.)
 * 2. Numbers: Espruino reads 0.3 by adding 0.1 * 3 and gets a neighbour of the double that is meant; of 4e-7 and of
 *    2^70, too. Such a literal becomes a quotient or product of whole numbers and powers of two, which is exact.
 */
import { BuildError } from './build-error.js';
import { isFunction, parseBundle, walk } from './syntax-tree.js';
import type { AnyNode, Program } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';
import type { AssignmentExpression, MemberExpression } from 'acorn';

/** What Espruino's stringToFloatWithRadix (src/jsutils.c) makes of a decimal literal. */
export function espruinoNumber(raw: string): number {
  const text = raw.toLowerCase();
  // Whole numbers are read as 64-bit integers, exact as far as doubles are.
  if (/^(0x[0-9a-f]+|\d+)$/.test(text)) return Number(text) <= 9007199254740992 ? Number(text) : NaN;
  const [, whole = '', fraction = '', exponent = '0'] = /^(\d*)\.?(\d*)(?:e([-+]?\d+))?$/.exec(text) ?? [];
  let value = 0;
  for (const digit of whole) value = value * 10 + Number(digit);
  let place = 0.1;
  for (const digit of fraction) {
    value += place * Number(digit);
    place /= 10;
  }
  for (let e = Number(exponent); e > 0; e--) value *= 10;
  for (let e = Number(exponent); e < 0; e++) value /= 10;
  return value;
}

/** An expression of whole numbers that Espruino reads exactly as `value`, a positive double. */
export function exactNumber(value: number): string {
  let mantissa = value;
  let exponent = 0;
  // Doubling and halving are exact; a whole number below 2^53 is one that Espruino reads exactly.
  for (; mantissa % 1 !== 0; exponent--) mantissa *= 2;
  for (; mantissa >= 9007199254740992; exponent++) mantissa /= 2;
  for (; mantissa % 2 === 0 && exponent < 0; exponent++) mantissa /= 2;
  let text = String(mantissa);
  for (let left = Math.abs(exponent); left > 0; left -= 52) {
    text += (exponent < 0 ? '/' : '*') + String(2 ** Math.min(left, 52));
  }
  return `(${text})`;
}

/** The functions (or program) in which a variable is declared and those in which it is assigned, by name and scope. */
interface Variable {
  writers: Set<AnyNode>;
}

function functionOf(parents: AnyNode[]): AnyNode {
  for (let i = parents.length - 1; i >= 0; i--) if (isFunction(parents[i]!)) return parents[i]!;
  return parents[0]!;
}

/** Every name that a function declares: parameters, variables, functions. */
function declaredIn(program: Program): Map<AnyNode, Map<string, Variable>> {
  const scopes = new Map<AnyNode, Map<string, Variable>>([[program, new Map()]]);
  const declare = (scope: AnyNode, name: string): void => {
    const names = scopes.get(scope) ?? new Map<string, Variable>();
    if (!names.has(name)) names.set(name, { writers: new Set() });
    scopes.set(scope, names);
  };
  walk(program, (node, parents) => {
    const scope = parents.length ? functionOf(parents) : program;
    if (isFunction(node)) {
      if (node.type === 'FunctionDeclaration') declare(scope, node.id!.name);
      for (const param of node.params) declare(node, (param as { name: string }).name);
    }
    if (node.type === 'VariableDeclarator') declare(scope, (node.id as { name: string }).name);
    // A caught value is a variable of its own; as one of the function it is treated more strictly than needed.
    if (node.type === 'CatchClause' && node.param) declare(scope, (node.param as { name: string }).name);
  });
  return scopes;
}

type Resolve = (name: string, parents: AnyNode[]) => Variable | undefined;

function createResolver(program: Program): Resolve {
  const scopes = declaredIn(program);
  const find: Resolve = (name, parents) => {
    for (let i = parents.length - 1; i >= 0; i--) {
      const variable = scopes.get(parents[i]!)?.get(name);
      if (variable) return variable;
    }
    return undefined;
  };
  walk(program, (node, parents) => {
    const written =
      node.type === 'AssignmentExpression' ? node.left : node.type === 'UpdateExpression' ? node.argument : null;
    if (written?.type === 'Identifier') find(written.name, parents)?.writers.add(functionOf(parents));
  });
  return find;
}

/** Natives that change nothing of ours. */
function isHarmlessCall(node: AnyNode): boolean {
  return (
    node.type === 'CallExpression' &&
    node.callee.type === 'MemberExpression' &&
    node.callee.object.type === 'Identifier' &&
    ['Math', 'String', 'E'].includes(node.callee.object.name)
  );
}

/** What running an expression may do: call something, or write these names. */
function effectsOf(expression: AnyNode): { calls: boolean; writes: Set<string>; writesMembers: boolean } {
  const effects = { calls: false, writes: new Set<string>(), writesMembers: false };
  const visit = (node: AnyNode, parents: AnyNode[]): void => {
    if (parents.some(isFunction)) return;
    if ((node.type === 'CallExpression' || node.type === 'NewExpression') && !isHarmlessCall(node))
      effects.calls = true;
    const written =
      node.type === 'AssignmentExpression' ? node.left : node.type === 'UpdateExpression' ? node.argument : null;
    if (written?.type === 'Identifier') effects.writes.add(written.name);
    else if (written) effects.writesMembers = true;
  };
  walk(expression, visit);
  return effects;
}

function needsRepair(node: AssignmentExpression, parents: AnyNode[], resolve: Resolve): boolean {
  const effects = effectsOf(node.right);
  const target = node.left as AnyNode;
  if (target.type === 'Identifier') {
    if (effects.writes.has(target.name)) return true;
    const variable = resolve(target.name, parents);
    // A call can change it only if another function assigns it; a global, by anything.
    const own = functionOf(parents);
    return effects.calls && (!variable || [...variable.writers].some((writer) => writer !== own));
  }
  return effects.calls || effects.writesMembers || effects.writes.size > 0;
}

/** Whether a target can be written down twice: names, constants and members of such. */
function isPlain(node: AnyNode): boolean {
  if (node.type === 'Identifier' || node.type === 'Literal' || node.type === 'ThisExpression') return true;
  if (node.type === 'BinaryExpression') return isPlain(node.left) && isPlain(node.right);
  return node.type === 'MemberExpression' && isPlain(node.object) && isPlain((node as MemberExpression).property);
}

/** Repairs a bundle. @throws BuildError for a compound assignment that cannot be written out */
export function repair(source: string): string {
  const program = parseBundle(source);
  const resolve = createResolver(program);
  const code = new TextEdits(source);
  walk(program, (node, parents) => {
    const parent = parents[parents.length - 1];
    if (node.type === 'AssignmentExpression' && node.operator !== '=' && needsRepair(node, parents, resolve)) {
      const left = source.slice(node.left.start, node.left.end);
      if (!isPlain(node.left)) {
        const message = `${source.slice(node.start, Math.min(node.end, node.start + 60))}: Espruino reads the left side last`;
        throw new BuildError('BUILD_REFUSED', 'cannot be put right:', [
          { rule: 'compound-order', file: 'bundle', line: node.loc!.start.line, column: node.start + 1, message },
        ]);
      }
      const between = source.indexOf(node.operator, node.left.end);
      code.replace(between, between + node.operator.length, `=${left}${node.operator.slice(0, -1)}(`);
      code.insert(node.right.end, ')');
    }
    const isKey = parent?.type === 'Property' && parent.key === node;
    if (
      node.type === 'Literal' &&
      typeof node.value === 'number' &&
      !isKey &&
      espruinoNumber(node.raw!) !== node.value
    ) {
      code.replace(node.start, node.end, exactNumber(node.value));
    }
  });
  return code.toString();
}
