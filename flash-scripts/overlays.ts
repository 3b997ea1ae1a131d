/**
 * Cuts a program into its bundle and its overlays: files of Storage that are evaluated when they are wanted
 * (firmware/overlay.d.ts says what a source writes).
 *
 * 1. gatherOverlays, before minifying: what only overlays use moves into their functions. Until the last step the program
 *    stays one text, so that names are shortened alike everywhere.
 * 2. cutOverlays, last: the function's statements become the file. Of an `overlay`, `Function` stands in its place, which makes
 *    a function of them again. Of a `resident`, `eval` does: its names, made unlike all others, become global, and the file
 *    says which, so that they can be deleted.
 * 3. openBundle: the program's own function goes, too, and its variables become global, where an overlay finds them. With
 *    each function Espruino keeps the scopes around it: none costs nothing, one takes a variable, and d of them a list of
 *    d + 2. With 600 functions that was every sixth variable of a board.
 *
 * An overlay begins with its id, a hash of the whole program: overlays of another build are not evaluated.
 */
import { createHash } from 'node:crypto';
import { BuildError } from './build-error.js';
import { bodyOf, isFunction, isReference, parseBundle, walk, wrapperOf } from './syntax-tree.js';
import type { AnyNode, FunctionNode } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';

/** Longest list of a resident's names: what a board reads of the file to find them (firmware/drivers/startup.ts). */
const NAMES_BYTES_MAX = 1000;

/** A call of `overlay` or `resident`, taken apart. */
interface OverlayCall {
  isResident: boolean;
  node: AnyNode;
  open: AnyNode;
  file: string;
  make: FunctionNode;
  parents: AnyNode[];
}

function overlayCalls(program: AnyNode): OverlayCall[] {
  const calls: OverlayCall[] = [];
  walk(program, (node, parents) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return;
    const { name } = node.callee;
    if (name !== 'overlay' && name !== 'resident') return;
    const [open, file, make] = node.arguments;
    if (!open || file?.type !== 'Literal' || typeof file.value !== 'string' || make?.type !== 'FunctionExpression' || make.params.length) {
      throw new BuildError('BUILD_REFUSED', `${name}(open, 'file', function () { ... }) expected`);
    }
    calls.push({ isResident: name === 'resident', node, open, file: file.value, make: make as FunctionNode, parents });
  });
  return calls;
}

/** The name that a statement declares, if that is all it does. */
function declaredName(statement: AnyNode): string | null {
  if (statement.type === 'FunctionDeclaration') return statement.id!.name;
  if (statement.type !== 'VariableDeclaration' || statement.declarations.length !== 1) return null;
  return (statement.declarations[0]!.id as { name: string }).name;
}

/** Names that a piece of program mentions, `outside` overlays only. */
function namesIn(node: AnyNode, outside: AnyNode[]): Set<string> {
  const names = new Set<string>();
  walk(node, (each, parents) => {
    if (each.type !== 'Identifier' || !isReference(each, parents[parents.length - 1])) return;
    if (!outside.some((part) => parents.includes(part))) names.add(each.name);
  });
  return names;
}

/** Names that functions around an overlay declare, the program's own left out: its file could not see them. */
function namesAround(parents: AnyNode[], wrapper: AnyNode): Set<string> {
  const names = new Set<string>();
  for (const scope of parents.filter((each) => isFunction(each) && each !== wrapper)) {
    for (const param of (scope as FunctionNode).params) names.add((param as { name: string }).name);
    walk(scope, (node, inside) => {
      if (inside.slice(1).some(isFunction)) return;
      if (node.type === 'VariableDeclarator') names.add((node.id as { name: string }).name);
      if (node.type === 'FunctionDeclaration') names.add(node.id!.name);
    });
  }
  return names;
}

/** @throws BuildError where an overlay uses what its file cannot see */
function checkFree({ file, make, parents }: OverlayCall, wrapper: AnyNode): void {
  const around = namesAround(parents, wrapper);
  const hidden = [...namesIn(make, [])].filter((name) => around.has(name));
  if (hidden.length) throw new BuildError('BUILD_REFUSED', `${file}: only names of modules can be used in an overlay, not ${hidden.join(', ')}`);
}

/** Whether a statement is a variable that the program assigns again: two copies of it would be two variables. */
function isState(statement: AnyNode, assigned: Set<string>): boolean {
  return statement.type === 'VariableDeclaration' && assigned.has(declaredName(statement)!);
}

/** Names that are assigned to, or counted up or down, after their declaration. */
function assignedNames(program: AnyNode): Set<string> {
  const names = new Set<string>();
  walk(program, (node) => {
    const target = node.type === 'AssignmentExpression' ? node.left : node.type === 'UpdateExpression' ? node.argument : null;
    if (target?.type === 'Identifier') names.add(target.name);
  });
  return names;
}

/**
 * Moves what only overlays use into their functions; what several use, into each of them: it would take room in the bundle
 * and variables while none of them is loaded. @param source one self-calling function
 */
export function gatherOverlays(source: string): string {
  const program = parseBundle(source);
  const calls = overlayCalls(program);
  const wrapper = wrapperOf(program);
  if (!calls.length || !wrapper) return source;
  for (const call of calls) checkFree(call, wrapper);
  const makes = calls.map(({ make }) => make);
  const statements = bodyOf(wrapper);
  const declares = new Map(statements.map((statement) => [declaredName(statement), statement]));
  const uses = new Map(statements.map((statement) => [statement, namesIn(statement, makes)]));

  /** All statements that these need, themselves left out unless they need each other. */
  function neededBy(names: Iterable<string>): Set<AnyNode> {
    const needed = new Set<AnyNode>();
    const waiting = [...names];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const statement = declares.get(name);
      if (!statement || needed.has(statement)) continue;
      needed.add(statement);
      waiting.push(...uses.get(statement)!);
    }
    return needed;
  }

  const byMain = neededBy(statements.filter((statement) => declaredName(statement) === null).flatMap((statement) => [...uses.get(statement)!]));
  const byOverlay = makes.map((make) => neededBy(namesIn(make, [])));
  const code = new TextEdits(source);
  const assigned = assignedNames(program);
  const moving = statements.filter((statement) => !byMain.has(statement) && byOverlay.some((needed) => needed.has(statement)));
  for (const { start, end } of moving) code.replace(start, end, '');
  makes.forEach((make, i) => {
    const own = moving.filter((statement) => byOverlay[i]!.has(statement));
    for (const statement of own) {
      if (!isState(statement, assigned) || byOverlay.every((needed, j) => i === j || !needed.has(statement))) continue;
      throw new BuildError('BUILD_REFUSED', `${calls[i]!.file}: ${declaredName(statement)} changes, and another overlay uses it, too`);
    }
    code.insert(make.body.start + 1, own.map(({ start, end }) => `\n${source.slice(start, end)}`).join(''));
  });
  return code.toString();
}

/** A program in its files. */
export interface CutProgram {
  bundle: string;
  /** By the name of their files. */
  overlays: Record<string, string>;
}

/** The statements of a function, as text. */
function statementsOf(code: string, { body }: FunctionNode): string {
  return code.slice(body.start + 1, body.end - 1);
}

/** Names that a function declares for itself: parameters, variables, functions. */
function ownNames(scope: FunctionNode): Set<string> {
  const names = new Set(scope.params.map((param) => (param as { name: string }).name));
  if (scope.type === 'FunctionExpression' && scope.id) names.add(scope.id.name);
  walk(scope.body, (node, parents) => {
    if (parents.some(isFunction)) return;
    if (node.type === 'VariableDeclarator') names.add((node.id as { name: string }).name);
    if (node.type === 'FunctionDeclaration') names.add(node.id!.name);
  });
  return names;
}

/** Words of two letters that are no names. */
const WORDS = new Set(['do', 'if', 'in']);

/** Gives names of two letters that nothing in a program is called. */
function unusedNames(program: AnyNode): () => string {
  const used = new Set(WORDS);
  walk(program, (node) => {
    if (node.type === 'Identifier') used.add(node.name);
  });
  const letters = 'abcdefghijklmnopqrstuvwxyz$_';
  let at = 0;
  return () => {
    for (;;) {
      const name = `${letters[Math.floor(at / letters.length)]}${letters[at % letters.length]}`;
      at++;
      if (name.length !== 2) throw new BuildError('BUILD_FAILED', 'no names are left for a resident overlay');
      if (!used.has(name)) return name;
    }
  };
}

/**
 * A resident's statements as they make its names global: `var` and `function` give way to assignments, since in a setter,
 * where boards evaluate them (firmware/drivers/startup.ts), Espruino would declare a function where nobody finds it.
 */
function globalStatements(code: string, { file, make }: OverlayCall, fresh: () => string): { names: string; statements: string } {
  const edits = new TextEdits(code);
  const names = new Map([...ownNames(make)].map((name) => [name, fresh()]));
  walk(make.body, (node, parents) => {
    if (node.type !== 'Identifier' || !names.has(node.name) || !isReference(node, parents[parents.length - 1])) return;
    // A function around it may have a name of its own that reads the same; a declared function's own name lies outside it.
    const around = parents.filter((each) => isFunction(each) && !(each.type === 'FunctionDeclaration' && each.id === node));
    if (!around.some((each) => ownNames(each as FunctionNode).has(node.name))) edits.replace(node.start, node.end, names.get(node.name)!);
  });
  const statements = make.body.body;
  const last = statements[statements.length - 1];
  if (last?.type !== 'ReturnStatement' || !last.argument) throw new BuildError('BUILD_REFUSED', `${file}: one statement, return, expected`);
  const parts = statements.map((statement) => {
    if (statement.type === 'FunctionDeclaration') return `${names.get(statement.id!.name)}=function${edits.slice(statement.id!.end, statement.end)};`;
    if (statement.type === 'VariableDeclaration') {
      return statement.declarations.map(({ id, init }) => `${names.get((id as { name: string }).name)}=${init ? edits.slice(init.start, init.end) : 'void 0'};`).join('');
    }
    if (statement === last) return `global["${file}"]=${edits.slice(last.argument!.start, last.argument!.end)}`;
    return edits.slice(statement.start, statement.end);
  });
  const list = [...names.values()].join(' ');
  if (list.length > NAMES_BYTES_MAX) throw new BuildError('BUILD_FAILED', `${file}: ${names.size} names`);
  return { names: list, statements: parts.join('') };
}

/** Cuts finished code. @param code one self-calling function */
export function cutOverlays(code: string): CutProgram {
  const id = createHash('sha256').update(code).digest('hex').slice(0, 8);
  const program = parseBundle(code);
  const fresh = unusedNames(program);
  const edits = new TextEdits(code);
  const overlays: Record<string, string> = {};
  for (const call of overlayCalls(program)) {
    const { isResident, node, open, file, make } = call;
    if (isResident) {
      const { names, statements } = globalStatements(code, call, fresh);
      overlays[file] = `"${id}";"${names}";${statements}`;
    } else {
      overlays[file] = `"${id}";${statementsOf(code, make)}`;
    }
    edits.replace(node.start, node.end, `${code.slice(open.start, open.end)}("${file}","${id}",${isResident ? 'eval' : 'Function'})`);
  }
  return { bundle: edits.toString(), overlays };
}

/** A bundle without the function around it: its variables become global. */
export function openBundle(code: string): string {
  const wrapper = wrapperOf(parseBundle(code));
  return wrapper ? statementsOf(code, wrapper) : code;
}
