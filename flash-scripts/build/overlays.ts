/**
 * Cuts a program into its bundle and its overlays: files of Storage that are evaluated when they are wanted
 * (firmware/overlay.d.ts says what a source writes).
 *
 * 1. gatherOverlays, before minifying: what only an `overlay` uses moves into its function, what several use into each
 *    of them. Until the last step the program stays one text, so that names are shortened alike everywhere.
 * 2. gatherResidents, after minifying, when no two names of the program are the same: the same for each `resident`.
 *    What several of these use moves into the program's first, which must be loaded before the others. Into the file of
 *    a `passing` moves only what its function names.
 * 3. cutOverlays, last: the function's statements become the file. Of an `overlay`, `Function` stands in its place,
 *    which makes a function of them again; of a `resident` or `passing`, `eval`, which makes its names global. The file
 *    says which, so that they can be deleted.
 * 4. openBundle: the program's own function goes, too, and its variables become global, where an overlay finds them.
 *    With each function Espruino keeps the scopes around it: none costs nothing, one takes a variable, and d of them a
 *    list of d + 2. With 600 functions that was every sixth variable of a board.
 *
 * An overlay begins with its id, a hash of the whole program: overlays of another build are not evaluated.
 */
import { sha256 } from '../../host-bridge/base/crypto/hash.js';
import { BuildError } from './build-error.js';
import { bodyOf, isFunction, isReference, parseBundle, walk, wrapperOf } from './syntax-tree.js';
import type { AnyNode, FunctionNode } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';

/** Longest list of a resident's names: what a board reads of the file to find them (firmware/board/startup.ts). */
const NAMES_BYTES_MAX = 1000;

/** A call of `overlay`, `resident` or `passing`, taken apart. */
interface OverlayCall {
  /** `resident` or `passing`: its names are global. */
  isResident: boolean;
  isPassing: boolean;
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
    if (name !== 'overlay' && name !== 'resident' && name !== 'passing') return;
    const [open, file, make] = node.arguments;
    if (
      !open ||
      file?.type !== 'Literal' ||
      typeof file.value !== 'string' ||
      make?.type !== 'FunctionExpression' ||
      make.params.length
    ) {
      throw new BuildError('BUILD_REFUSED', `${name}(open, 'file', function () { ... }) expected`);
    }
    const kind = { isResident: name !== 'overlay', isPassing: name === 'passing' };
    calls.push({ ...kind, node, open, file: file.value, make: make as FunctionNode, parents });
  });
  return calls;
}

const declaredNames = new WeakMap<AnyNode, Set<string>>();

/** Names that a function declares for itself: parameters, variables, functions. */
function ownNames(scope: FunctionNode): Set<string> {
  let names = declaredNames.get(scope);
  if (names) return names;
  declaredNames.set(scope, (names = new Set(scope.params.map((param) => (param as { name: string }).name))));
  const add = (name: string): void => void names!.add(name);
  if (scope.type === 'FunctionExpression' && scope.id) add(scope.id.name);
  walk(scope.body, (node, parents) => {
    if (parents.some(isFunction)) return;
    if (node.type === 'VariableDeclarator') add((node.id as { name: string }).name);
    if (node.type === 'FunctionDeclaration') add(node.id!.name);
  });
  return names;
}

/** Names of others that a piece of program mentions, `outside` overlays only. */
function namesIn(node: AnyNode, outside: AnyNode[]): Set<string> {
  const names = new Set<string>();
  walk(node, (each, parents) => {
    if (each.type !== 'Identifier' || !isReference(each, parents[parents.length - 1])) return;
    if (
      outside.some((part) => parents.includes(part)) ||
      parents.some((part) => isFunction(part) && ownNames(part).has(each.name))
    )
      return;
    names.add(each.name);
  });
  return names;
}

/** Names that functions around an overlay declare, the program's own left out: its file could not see them. */
function namesAround(parents: AnyNode[], wrapper: AnyNode): Set<string> {
  return new Set(parents.flatMap((each) => (isFunction(each) && each !== wrapper ? [...ownNames(each)] : [])));
}

/** @throws BuildError where an overlay uses what its file cannot see */
function checkFree({ file, make, parents }: OverlayCall, wrapper: AnyNode): void {
  const around = namesAround(parents, wrapper);
  const hidden = [...namesIn(make, [])].filter((name) => around.has(name));
  if (hidden.length)
    throw new BuildError(
      'BUILD_REFUSED',
      `${file}: only names of modules can be used in an overlay, not ${hidden.join(', ')}`,
    );
}

/** Names that are assigned to, or counted up or down, after their declaration. */
function assignedNames(program: AnyNode): Set<string> {
  const names = new Set<string>();
  walk(program, (node) => {
    const target =
      node.type === 'AssignmentExpression' ? node.left : node.type === 'UpdateExpression' ? node.argument : null;
    if (target?.type === 'Identifier') names.add(target.name);
  });
  return names;
}

/** What a program's function declares, one name each, and what it does. */
class Declarations {
  /** By name, in the order of the text: a function, or one variable of a `var`. */
  readonly nodes = new Map<string, AnyNode>();
  private readonly uses = new Map<AnyNode, Set<string>>();
  private readonly others: AnyNode[] = [];

  /** @param outside functions whose mentions of names do not count */
  constructor(
    readonly statements: AnyNode[],
    private readonly outside: AnyNode[],
  ) {
    for (const statement of statements) {
      if (statement.type === 'FunctionDeclaration') this.nodes.set(statement.id!.name, statement);
      else if (statement.type === 'VariableDeclaration')
        for (const each of statement.declarations) this.nodes.set((each.id as { name: string }).name, each);
      else this.others.push(statement);
    }
    for (const node of this.nodes.values()) this.uses.set(node, namesIn(node, outside));
  }

  /** What a declaration names. */
  namedBy(node: AnyNode): ReadonlySet<string> {
    return this.uses.get(node)!;
  }

  /** All that these names need, themselves included. */
  neededBy(names: Iterable<string>): Set<AnyNode> {
    const needed = new Set<AnyNode>();
    const waiting = [...names];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const node = this.nodes.get(name);
      if (!node || needed.has(node)) continue;
      needed.add(node);
      waiting.push(...this.uses.get(node)!);
    }
    return needed;
  }

  /** All that the program does not do without. */
  neededByMain(): Set<AnyNode> {
    return this.neededBy(this.others.flatMap((statement) => [...namesIn(statement, this.outside)]));
  }

  /** These as statements, in the order of the text. */
  text(source: string, chosen: (node: AnyNode) => boolean): string {
    const parts = [...this.nodes.values()]
      .filter(chosen)
      .map((node) => (node.type === 'VariableDeclarator' ? 'var ' : '') + source.slice(node.start, node.end));
    return parts.map((part) => `\n${part}${part.startsWith('var ') ? ';' : ''}`).join('');
  }

  /** Takes these out of the text. */
  remove(source: string, edits: TextEdits, gone: (node: AnyNode) => boolean): void {
    for (const statement of this.statements) {
      if (statement.type === 'FunctionDeclaration' && gone(statement))
        edits.replace(statement.start, statement.end, '');
      if (statement.type !== 'VariableDeclaration' || !statement.declarations.some(gone)) continue;
      const left = statement.declarations
        .filter((each) => !gone(each))
        .map(({ start, end }) => source.slice(start, end));
      edits.replace(statement.start, statement.end, left.length ? `var ${left.join(',')};` : '');
    }
  }
}

/**
 * Moves what only overlays use into their functions; what several use, into each of them: it would take room in the
 * bundle and variables while none of them is loaded. @param source one self-calling function
 */
export function gatherOverlays(source: string): string {
  const program = parseBundle(source);
  const wrapper = wrapperOf(program);
  const all = overlayCalls(program);
  if (!all.length || !wrapper) return source;
  for (const call of all) checkFree(call, wrapper);
  const calls = all.filter(({ isResident }) => !isResident);
  const declared = new Declarations(
    bodyOf(wrapper),
    all.map(({ make }) => make),
  );
  const byMain = declared.neededByMain();
  const byOverlay = calls.map(({ make }) => declared.neededBy(namesIn(make, [])));
  // These stay where they are until residents are gathered.
  const byResident = declared.neededBy(
    all.flatMap(({ isResident, make }) => (isResident ? [...namesIn(make, [])] : [])),
  );
  const assigned = assignedNames(program);
  const edits = new TextEdits(source);
  calls.forEach(({ file, make }, i) => {
    const isOwn = (node: AnyNode): boolean => byOverlay[i]!.has(node) && !byMain.has(node);
    for (const [name, node] of declared.nodes) {
      const isShared =
        isOwn(node) && (byResident.has(node) || byOverlay.some((needed, j) => i !== j && needed.has(node)));
      if (isShared && node.type === 'VariableDeclarator' && assigned.has(name))
        throw new BuildError('BUILD_REFUSED', `${file}: ${name} changes, and another overlay uses it, too`);
    }
    edits.insert(make.body.start + 1, declared.text(source, isOwn));
  });
  declared.remove(
    source,
    edits,
    (node) => !byMain.has(node) && !byResident.has(node) && byOverlay.some((needed) => needed.has(node)),
  );
  return edits.toString();
}

/**
 * @throws BuildError where a function that may be called later names one that is gone by then
 * @param staying what the program keeps @param passing declarations that are deleted, by their names
 */
function checkGone(file: string, staying: ReadonlySet<AnyNode>, passing: ReadonlyMap<string, AnyNode>): void {
  const gone = new Set(passing.values());
  const refuse = (name: string, by: string): never => {
    throw new BuildError('BUILD_REFUSED', `${file}: ${name} would be gone, and ${by} uses it`);
  };
  for (const [name, node] of passing) if (staying.has(node)) refuse(name, 'the bundle');
  for (const node of gone)
    walk(node, (each, parents) => {
      if (each.type !== 'Identifier' || !isReference(each, parents[parents.length - 1])) return;
      const around = parents.filter(isFunction);
      if (!passing.has(each.name) || around.length < 2) return;
      if (!around.some((part) => ownNames(part).has(each.name))) refuse(each.name, 'a function that stays');
    });
}

/** Moves what a `passing` names into its function; what that needs stays. */
function gatherPassing(source: string): string {
  const program = parseBundle(source);
  const wrapper = wrapperOf(program);
  const calls = overlayCalls(program).filter(({ isPassing }) => isPassing);
  if (!calls.length || !wrapper) return source;
  const declared = new Declarations(
    bodyOf(wrapper),
    calls.map(({ make }) => make),
  );
  const edits = new TextEdits(source);
  const moved = new Set<AnyNode>();
  for (const { file, make } of calls) {
    const names = [...namesIn(make, [])].filter((name) => declared.nodes.has(name));
    const passing = new Map(names.map((name) => [name, declared.nodes.get(name)!]));
    const own = [...passing.values()];
    const staying = declared.neededByMain();
    const needs = own.flatMap((node) => [...declared.namedBy(node)]).filter((name) => !passing.has(name));
    for (const node of declared.neededBy(needs)) staying.add(node);
    checkGone(file, staying, passing);
    edits.insert(
      make.body.start + 1,
      declared.text(source, (node) => own.includes(node)),
    );
    for (const node of own) moved.add(node);
  }
  declared.remove(source, edits, (node) => moved.has(node));
  return edits.toString();
}

/** The same for residents, of minified code. What is needed by several, the program's first has. */
function gatherStaying(source: string): string {
  const program = parseBundle(source);
  const wrapper = wrapperOf(program);
  const calls = overlayCalls(program).filter(({ isResident, isPassing }) => isResident && !isPassing);
  if (!calls.length || !wrapper) return source;
  const declared = new Declarations(
    bodyOf(wrapper),
    calls.map(({ make }) => make),
  );
  const taken = declared.neededByMain();
  const edits = new TextEdits(source);
  const needed = calls.map(({ make }) => declared.neededBy(namesIn(make, [])));
  const isShared = (node: AnyNode): boolean => needed.filter((nodes) => nodes.has(node)).length > 1;
  calls.forEach(({ make }, i) => {
    const isOwn = (node: AnyNode): boolean => !taken.has(node) && (isShared(node) ? i === 0 : needed[i]!.has(node));
    edits.insert(make.body.start + 1, declared.text(source, isOwn));
  });
  declared.remove(source, edits, (node) => !taken.has(node) && needed.some((nodes) => nodes.has(node)));
  return edits.toString();
}

/** Gathers residents, then what passes, of minified code: a function that passes may load a resident. */
export function gatherResidents(source: string): string {
  return gatherPassing(gatherStaying(source));
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

/**
 * A resident's statements as they make its names global: `var` and `function` give way to assignments, since in a
 * setter, where boards evaluate them (firmware/board/startup.ts), Espruino would declare a function where nobody
 * finds it.
 */
function globalStatements(code: string, { file, make }: OverlayCall): { names: string; statements: string } {
  const names: string[] = [];
  const text = ({ start, end }: AnyNode): string => code.slice(start, end);
  const assign = (name: string, value: string): string => {
    names.push(name);
    return `${name}=${value};`;
  };
  const statements = make.body.body;
  const last = statements[statements.length - 1];
  if (last?.type !== 'ReturnStatement' || !last.argument)
    throw new BuildError('BUILD_REFUSED', `${file}: one statement, return, expected`);
  const parts = statements.map((statement) => {
    if (statement.type === 'FunctionDeclaration')
      return assign(statement.id!.name, `function${code.slice(statement.id!.end, statement.end)}`);
    if (statement.type === 'VariableDeclaration')
      return statement.declarations
        .map(({ id, init }) => assign((id as { name: string }).name, init ? text(init) : 'void 0'))
        .join('');
    return statement === last ? `global["${file}"]=${text(last.argument!)}` : text(statement);
  });
  const list = names.join(' ');
  if (list.length > NAMES_BYTES_MAX) throw new BuildError('BUILD_FAILED', `${file}: ${names.length} names`);
  return { names: list, statements: parts.join('') };
}

/** Cuts finished code, overlays within overlays first. @param code one self-calling function */
export function cutOverlays(code: string): CutProgram {
  const id = Buffer.from(sha256(code)).toString('hex', 0, 4);
  const overlays: Record<string, string> = {};
  for (let left = code; ;) {
    const calls = overlayCalls(parseBundle(left));
    const call = calls.find(({ make }) => !calls.some(({ parents }) => parents.includes(make)));
    if (!call) return { bundle: left, overlays };
    const { isResident, node, open, file, make } = call;
    if (isResident) {
      const { names, statements } = globalStatements(left, call);
      overlays[file] = `"${id}";"${names}";${statements}`;
    } else {
      overlays[file] = `"${id}";${statementsOf(left, make)}`;
    }
    const opened = `${left.slice(open.start, open.end)}("${file}","${id}",${isResident ? 'eval' : 'Function'})`;
    left = left.slice(0, node.start) + opened + left.slice(node.end);
  }
}

/** A bundle without the function around it: its variables become global. */
export function openBundle(code: string): string {
  const wrapper = wrapperOf(parseBundle(code));
  return wrapper ? statementsOf(code, wrapper) : code;
}
