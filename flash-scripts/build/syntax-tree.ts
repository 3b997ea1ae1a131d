/** The bundle's syntax tree: acorn's, walked in the order of the text, with the functions around each node. */
import { parse } from 'acorn';
import type { AnyNode, FunctionDeclaration, FunctionExpression, Program } from 'acorn';

export type { AnyNode, Program };
export type FunctionNode = FunctionDeclaration | FunctionExpression;

/** A function with a block for a body, or the whole program. */
export type Scope = FunctionNode | Program;

/**
 * Parses ES5, a program or the statements of a function.
 * @throws SyntaxError (acorn's, with `loc`) for anything newer
 */
export function parseBundle(code: string): Program {
  return parse(code, { ecmaVersion: 5, sourceType: 'script', locations: true, allowReturnOutsideFunction: true });
}

export function isFunction(node: AnyNode): node is FunctionNode {
  return node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression';
}

/** The nodes right below a node, in the order of the text. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each && typeof (each as AnyNode).type === 'string' && typeof (each as AnyNode).start === 'number')
        found.push(each as AnyNode);
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** Calls `visit` for a node and all below it, children after parents; `parents` ends with the nearest. */
export function walk(node: AnyNode, visit: (node: AnyNode, parents: AnyNode[]) => void, parents: AnyNode[] = []): void {
  visit(node, parents);
  for (const child of childrenOf(node)) walk(child, visit, [...parents, node]);
}

/** The statements of a function or program. */
export function bodyOf(scope: Scope): AnyNode[] {
  return scope.type === 'Program' ? scope.body : scope.body.body;
}

/** True for an identifier that stands for a variable, not for a property's name. */
export function isReference(node: AnyNode, parent: AnyNode | undefined): boolean {
  if (node.type !== 'Identifier' || !parent) return node.type === 'Identifier';
  if (parent.type === 'MemberExpression') return parent.computed || parent.object === node;
  if (parent.type === 'Property') return parent.value === node;
  return true;
}

/** The function that a bundle is: the one that its only statement calls; null where it is none. */
export function wrapperOf(program: Program): FunctionNode | null {
  const outer = program.body[0];
  const call = outer?.type === 'ExpressionStatement' ? outer.expression : null;
  return call?.type === 'CallExpression' && isFunction(call.callee) ? call.callee : null;
}
