/**
 * Finds the names of a program that only its start uses, so that a board can delete them once it runs: the functions
 * that make its parts, and what these alone name (firmware/overlay.d.ts, `atStart`).
 *
 * A name is kept where code that may run later names it: every function inside another one, except those that are
 * marked with `atStart` or called where they stand; every overlay; and whatever what is kept names in turn. All else is
 * run by the program's own statements, or by what they call, before the start is over. Works on minified code, in which
 * no two names are the same; in other code it may keep more than it must.
 */
import { BuildError } from './build-error.js';
import { bodyOf, isFunction, isReference, parseBundle, walk, wrapperOf } from './syntax-tree.js';
import type { AnyNode } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';

const MARK = 'atStart';
const LIST = 'startNames';

/** The functions that `atStart` marks, by their calls. */
function markedFunctions(program: AnyNode): Map<AnyNode, AnyNode> {
  const marked = new Map<AnyNode, AnyNode>();
  walk(program, (node) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier' || node.callee.name !== MARK) return;
    const [run] = node.arguments;
    if (node.arguments.length !== 1 || !run) throw new BuildError('BUILD_REFUSED', `${MARK}(a function) expected`);
    marked.set(node, run);
  });
  return marked;
}

/** Whether a function without a name is called where it stands: it runs with the code around it, and never again. */
function isCalledAtOnce(node: AnyNode, parent: AnyNode | undefined): boolean {
  return node.type === 'FunctionExpression' && !node.id && parent?.type === 'CallExpression' && parent.callee === node;
}

/** What the program's function declares, one node a name. */
function declarationsOf(statements: AnyNode[]): Map<string, AnyNode> {
  const nodes = new Map<string, AnyNode>();
  for (const statement of statements) {
    if (statement.type === 'FunctionDeclaration') nodes.set(statement.id!.name, statement);
    else if (statement.type === 'VariableDeclaration')
      for (const each of statement.declarations) nodes.set((each.id as { name: string }).name, each);
  }
  return nodes;
}

/** Names that only the start uses, in the order of the text. */
function startNamesOf(statements: AnyNode[], marked: Set<AnyNode>): string[] {
  const declared = declarationsOf(statements);
  /** All that a node names, and what of that functions name that may run later. */
  const named = (node: AnyNode): { all: string[]; later: string[] } => {
    const all: string[] = [];
    const later: string[] = [];
    walk(node, (each, parents) => {
      if (each.type !== 'Identifier' || !declared.has(each.name) || !isReference(each, parents[parents.length - 1]))
        return;
      all.push(each.name);
      // The function that a name stands for runs when it is called; those inside it may run later.
      const own = node.type === 'VariableDeclarator' ? node.init : node;
      const runsLater = (parent: AnyNode, i: number): boolean =>
        isFunction(parent) && parent !== own && !marked.has(parent) && !isCalledAtOnce(parent, parents[i - 1]);
      if (parents.some(runsLater)) later.push(each.name);
    });
    return { all, later };
  };
  const kept = new Set<string>();
  const waiting = statements.flatMap((statement) =>
    statement.type === 'VariableDeclaration'
      ? statement.declarations.flatMap((each) => named(each).later)
      : named(statement).later,
  );
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (kept.has(name)) continue;
    kept.add(name);
    waiting.push(...named(declared.get(name)!).all);
  }
  return [...declared.keys()].filter((name) => !kept.has(name));
}

/**
 * Puts the list of these names, in quotes and with a blank between two, in the place of `startNames`, and each marked
 * function in the place of its call of `atStart`. @param source one self-calling function, minified
 */
export function listStartNames(source: string): string {
  const program = parseBundle(source);
  const wrapper = wrapperOf(program);
  if (!wrapper) return source;
  const calls = markedFunctions(program);
  const edits = new TextEdits(source);
  for (const [call, run] of calls) {
    edits.replace(call.start, run.start, '');
    edits.replace(run.end, call.end, '');
  }
  let names: string[] | null = null;
  walk(program, (node, parents) => {
    if (node.type !== 'Identifier' || node.name !== LIST || !isReference(node, parents[parents.length - 1])) return;
    names = names ?? startNamesOf(bodyOf(wrapper), new Set(calls.values()));
    edits.replace(node.start, node.end, JSON.stringify(names.join(' ')));
  });
  return edits.toString();
}
