/**
 * Last transform of the build: every `var` and function declaration to the top of its function.
 *
 * Espruino executes declarations where they stand. Until then a name means the variable outside the function, which is
 * silently read or overwritten, and a function cannot be called. ECMAScript 5.1, 10.5, makes both known from the start.
 *
 * 1. Directives stay first.
 * 2. Function declarations follow, and `var` with the names that need it: not parameters, not functions, and not those
 *    whose first mention in the whole function is a `var` statement of its body proper. There hoisting would change
 *    nothing but cost a statement.
 * 3. Among these the busiest come first (lookup-frequency.ts); functions of one name keep their order.
 * 4. Elsewhere `var` goes: an initial value becomes an assignment, `for (var i in o)` becomes `for (i in o)`.
 */
import { estimateHeat } from './lookup-frequency.js';
import { bodyOf, childrenOf, isFunction, isReference, parseBundle, walk } from './syntax-tree.js';
import type { AnyNode, FunctionNode, Scope } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';
import type { VariableDeclaration } from 'acorn';

interface Declarations {
  functions: FunctionNode[];
  variables: { node: VariableDeclaration; parent: AnyNode }[];
}

/** The declarations of one function, without those of functions in it. */
function declarationsOf(scope: Scope): Declarations {
  const found: Declarations = { functions: [], variables: [] };
  const visit = (node: AnyNode, parent: AnyNode): void => {
    if (node.type === 'FunctionDeclaration') found.functions.push(node as FunctionNode);
    if (isFunction(node)) return;
    if (node.type === 'VariableDeclaration') found.variables.push({ node, parent });
    for (const child of childrenOf(node)) visit(child, node);
  };
  for (const statement of bodyOf(scope)) visit(statement, scope);
  return found;
}

const nameOf = (declarator: VariableDeclaration['declarations'][number]): string =>
  (declarator.id as { name: string }).name;

/** Where each name is first mentioned in a function; -1 for a mention in a declaration that moves to the top. */
function firstMentions(scope: Scope): Map<string, number> {
  const first = new Map<string, number>();
  for (const statement of bodyOf(scope)) {
    const moves = statement.type === 'FunctionDeclaration';
    walk(statement, (node, parents) => {
      if (node.type !== 'Identifier' || !isReference(node, parents[parents.length - 1])) return;
      const at = moves ? -1 : node.start;
      first.set(node.name, Math.min(first.get(node.name) ?? at, at));
    });
  }
  return first;
}

/** `var` statements that may stay: in the body proper, run once, every name new. */
function mayStay(
  node: VariableDeclaration,
  parent: AnyNode,
  scope: Scope,
  first: Map<string, number>,
  taken: Set<string>,
): boolean {
  const top = bodyOf(scope);
  const inPlace =
    top.includes(node) || (parent.type === 'ForStatement' && parent.init === node && top.includes(parent));
  return (
    inPlace && node.declarations.every((each) => !taken.has(nameOf(each)) && first.get(nameOf(each)) === each.id.start)
  );
}

function removeVar(code: TextEdits, node: VariableDeclaration, parent: AnyNode): void {
  const assignments = node.declarations.filter((each) => each.init).map((each) => code.slice(each.start, each.end));
  if (parent.type === 'ForInStatement' && parent.left === node) {
    code.replace(node.start, node.end, nameOf(node.declarations[0]!));
  } else if (parent.type === 'ForStatement' && parent.init === node) {
    code.replace(node.start, node.end, assignments.join(','));
  } else {
    // A lone `;` stays where a statement must, after `if (x)` or `else`.
    const inList =
      ('body' in parent && Array.isArray(parent.body)) || parent.type === 'SwitchCase' || isFunction(parent);
    code.replace(node.start, node.end, assignments.length ? `${assignments.join(',')};` : inList ? '' : ';');
  }
}

function hoistScope(code: TextEdits, scope: Scope): void {
  const { functions, variables } = declarationsOf(scope);
  const taken = new Set(functions.map((each) => each.id!.name));
  if (scope.type !== 'Program') for (const param of scope.params) taken.add((param as { name: string }).name);
  const first = firstMentions(scope);
  const stay = variables.filter(({ node, parent }) => mayStay(node, parent, scope, first, taken));
  for (const { node } of stay) for (const each of node.declarations) taken.add(nameOf(each));
  const names = new Set<string>();
  for (const variable of variables) {
    if (stay.includes(variable)) continue;
    for (const each of variable.node.declarations) if (!taken.has(nameOf(each))) names.add(nameOf(each));
    removeVar(code, variable.node, variable.parent);
  }
  const statements = bodyOf(scope);
  const start = statements.find((each) => !('directive' in each && each.directive));
  if (!start) return;
  const texts = functions.map((each) => ({ name: each.id!.name, text: code.slice(each.start, each.end) }));
  for (const each of functions) code.replace(each.start, each.end, '');
  code.insert(start.start, inOrder(scope, texts, [...names]));
}

/** Declarations as text, the busiest first. */
function inOrder(scope: Scope, functions: { name: string; text: string }[], variables: string[]): string {
  const all = [...variables.map((name) => ({ name, text: '' })), ...functions];
  const heat = estimateHeat(scope, new Set(all.map(({ name }) => name)));
  // In steps, and variables first within one: each `var` between two functions is bytes.
  const step = ({ name }: { name: string }): number => Math.floor(Math.log2(heat.get(name)! + 1) / 3);
  let text = '';
  let open: string[] = [];
  const close = (): void => {
    if (open.length) text += `var ${open.join(',')};`;
    open = [];
  };
  for (const each of all.sort((a, b) => step(b) - step(a))) {
    if (each.text) {
      close();
      text += each.text;
    } else open.push(each.name);
  }
  close();
  return text;
}

/** Functions, innermost first, the program last. */
function scopesOf(program: AnyNode): Scope[] {
  const scopes: Scope[] = [];
  const visit = (node: AnyNode): void => {
    for (const child of childrenOf(node)) visit(child);
    if (isFunction(node) || node.type === 'Program') scopes.push(node as Scope);
  };
  visit(program);
  return scopes;
}

/** Hoists every declaration of an ES5 bundle. The result means on Espruino what the input means by ECMAScript. */
export function hoist(source: string): string {
  const code = new TextEdits(source);
  // Innermost first, so that a text that moves has been put right inside.
  for (const scope of scopesOf(parseBundle(source))) hoistScope(code, scope);
  return code.toString();
}
