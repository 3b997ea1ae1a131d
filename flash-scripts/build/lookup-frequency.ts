/**
 * Estimates how often each name of a scope is looked up, so that hoist.ts can declare the busiest first.
 *
 * Espruino finds a variable by going through its scope from the first declared on. In a bundle of 500 functions the
 * last one costs 2.7 us more at each use than the first (Linux build), where a call with its statement costs 1.6 us.
 *
 * A use in a loop counts LOOP times, in a loop within it LOOP times that; and a function's uses count as often as the
 * function is used. That is crude, but field arithmetic comes out far ahead of what runs once at boot.
 * Names that shadow each other are told apart by name only: an inner `a` warms an outer one a little.
 */
import { isFunction, isReference, walk } from './syntax-tree.js';
import type { AnyNode, Scope } from './syntax-tree.js';

const LOOP = 8;
/** Calls within calls that are followed: comb, addition, multiplication, carry. */
const ROUNDS = 6;
const HEAT_MAX = 1e12;

const LOOPS = ['ForStatement', 'ForInStatement', 'WhileStatement', 'DoWhileStatement'];

/** One use of a name: by which function of the scope ('' for its body), and how deep in loops. */
interface Use {
  name: string;
  by: string;
  times: number;
}

/**
 * The name under which a function of the scope is known: its declaration's, or that of the variable it is assigned to.
 */
function nameOfFunction(node: AnyNode, parent: AnyNode | undefined): string {
  if (node.type === 'FunctionDeclaration') return node.id?.name ?? '';
  if (parent?.type === 'VariableDeclarator' && parent.id.type === 'Identifier') return parent.id.name;
  if (parent?.type === 'AssignmentExpression' && parent.left.type === 'Identifier') return parent.left.name;
  return '';
}

function usesIn(scope: Scope, names: ReadonlySet<string>): Use[] {
  const uses: Use[] = [];
  walk(scope, (node, parents) => {
    if (node.type !== 'Identifier' || !names.has(node.name) || !isReference(node, parents[parents.length - 1])) return;
    let times = 1;
    let by = '';
    for (let i = 1; i < parents.length && !by; i++)
      if (isFunction(parents[i]!)) by = nameOfFunction(parents[i]!, parents[i - 1]);
    for (const parent of parents) if (LOOPS.includes(parent.type)) times *= LOOP;
    uses.push({ name: node.name, by: names.has(by) ? by : '', times });
  });
  return uses;
}

/** How often each of these names of a scope is used, as a number to compare with the others. */
export function estimateHeat(scope: Scope, names: ReadonlySet<string>): Map<string, number> {
  const uses = usesIn(scope, names);
  let heat = new Map([...names].map((name) => [name, 1]));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Map([...names].map((name) => [name, 0]));
    for (const { name, by, times } of uses) {
      if (by !== name) next.set(name, Math.min(HEAT_MAX, next.get(name)! + times * (by ? heat.get(by)! : 1)));
    }
    heat = next;
  }
  return heat;
}
