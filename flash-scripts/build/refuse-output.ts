/**
 * Looks at the finished bundle once more: what no source said but a compiler may have written.
 *
 * A helper of TypeScript here means a construct that refuse-syntax.ts should have refused with its place in the source.
 */
import type { Problem } from './build-error.js';
import { bodyOf, isFunction, isReference, parseBundle, walk } from './syntax-tree.js';
import type { AnyNode, Program, Scope } from './syntax-tree.js';
import { regexFault } from './refuse-regex.js';
import { espruinoNumber } from './repair.js';

/** TypeScript's helpers that Espruino cannot run. */
const HELPERS =
  /^__(spreadArray|generator|awaiter|read|values|rest|extends|makeTemplateObject|asyncValues|await|decorate)$/;

type Say = (rule: string, node: AnyNode, message: string) => void;

function checkNode(node: AnyNode, parents: AnyNode[], say: Say): void {
  const parent = parents[parents.length - 1];
  if (node.type === 'LabeledStatement') say('label', node, 'label');
  if (node.type === 'MemberExpression' && !node.computed && node.property.type === 'Identifier') {
    const { object, property } = node;
    const isPrototype =
      object.type === 'MemberExpression' &&
      object.property.type === 'Identifier' &&
      object.property.name === 'prototype';
    const owner = isPrototype && object.object.type === 'Identifier' ? object.object.name : '';
    if (['Array', 'Function', 'String', 'Uint8Array'].includes(owner))
      say('prototype', node, `${owner}.prototype.${property.name}`);
    if (
      object.type === 'Identifier' &&
      object.name === 'Math' &&
      ['imul', 'clz32', 'trunc', 'pow'].includes(property.name)
    ) {
      say('library', node, `Math.${property.name}`);
    }
  }
  if (node.type === 'SwitchStatement') {
    const at = node.cases.findIndex((each) => !each.test);
    if (at >= 0 && at < node.cases.length - 1) say('default-last', node, '`case` after `default`');
  }
  if (node.type === 'Literal' && 'regex' in node && node.regex) {
    const fault = regexFault(node.regex.pattern, node.regex.flags);
    if (fault) say('regex', node, fault);
  }
  const isKey = parent?.type === 'Property' && parent.key === node;
  if (node.type === 'Literal' && typeof node.value === 'number' && !isKey && espruinoNumber(node.raw!) !== node.value) {
    say('number', node, node.raw!);
  }
}

/** Whether a statement only declares: a function, or variables without values. */
function isDeclaration(statement: AnyNode): boolean {
  return (
    statement.type === 'FunctionDeclaration' ||
    (statement.type === 'VariableDeclaration' && statement.declarations.every((each) => !each.init))
  );
}

/** The names of the variables that a statement list declares before anything else runs. */
function hoistedNames(statements: AnyNode[]): Set<string> {
  const names = new Set<string>();
  for (const statement of statements) {
    if ('directive' in statement && statement.directive) continue;
    if (!isDeclaration(statement)) break;
    if (statement.type === 'VariableDeclaration')
      for (const { id } of statement.declarations) names.add((id as { name: string }).name);
  }
  return names;
}

/**
 * Asks of each function what hoist.ts should have done: declarations first, or mentioned nowhere before.
 * Written apart from hoist.ts, so that a slip there does not pass here.
 */
function checkHoisted(scope: Scope, say: Say): void {
  const statements = bodyOf(scope);
  const hoisted = hoistedNames(statements);
  const mentioned = new Set<string>();
  const checkDeclarator = (node: AnyNode & { type: 'VariableDeclarator' }, parents: AnyNode[]): void => {
    const name = (node.id as { name: string }).name;
    if (parents.some(isFunction)) return;
    if (mentioned.has(name) && !hoisted.has(name)) say('hoist', node, `${name} is mentioned before its var`);
    // Its var statement, and for a loop's first part the loop: deeper than that it may never run.
    if (parents.length > 2 || (parents.length === 2 && parents[0]!.type !== 'ForStatement'))
      say('hoist', node, `var ${name} in a block`);
  };
  let functionsOver = false;
  for (const statement of statements) {
    if (statement.type === 'FunctionDeclaration' && functionsOver)
      say('hoist', statement, `function ${statement.id?.name} after a statement`);
    if (!isDeclaration(statement) && !('directive' in statement && statement.directive)) functionsOver = true;
    walk(statement, (node, parents) => {
      if (node.type === 'VariableDeclarator') checkDeclarator(node, parents);
      else if (node.type === 'Identifier' && isReference(node, parents[parents.length - 1])) {
        const parent = parents[parents.length - 1];
        if (!(parent?.type === 'VariableDeclarator' && parent.id === node)) mentioned.add(node.name);
      }
    });
  }
}

/**
 * The helpers of TypeScript in code that still has its names; each means that a rule of refuse-syntax.ts has a hole.
 * @param code before minifying
 */
export function findHelpers(code: string): Problem[] {
  const problems: Problem[] = [];
  walk(parseBundle(code), (node) => {
    if (node.type !== 'Identifier' || !HELPERS.test(node.name)) return;
    problems.push({
      rule: 'helper',
      file: 'bundle',
      line: node.loc!.start.line,
      column: node.loc!.start.column + 1,
      message: node.name,
    });
  });
  return problems;
}

/** What is wrong with a bundle; empty where nothing is. */
export function checkBundle(code: string): Problem[] {
  const problems: Problem[] = [];
  const say: Say = (rule, node, message) => {
    problems.push({ rule, file: 'bundle', line: node.loc!.start.line, column: node.loc!.start.column + 1, message });
  };
  let program: Program;
  try {
    program = parseBundle(code);
  } catch (error) {
    return [{ rule: 'es5', file: 'bundle', line: 1, column: 1, message: String((error as Error).message) }];
  }
  for (let i = 0; i < code.length; i++) {
    if (code.charCodeAt(i) > 126) {
      problems.push({
        rule: 'ascii',
        file: 'bundle',
        line: 1,
        column: i + 1,
        message: `character ${code.charCodeAt(i)}`,
      });
      break;
    }
  }
  walk(program, (node, parents) => {
    checkNode(node, parents, say);
    if (isFunction(node) || node.type === 'Program') checkHoisted(node, say);
  });
  return problems;
}
