/**
 * Gives the natives that functions use a name in the bundle's own scope: `Math.floor` becomes a variable.
 *
 * Espruino looks for a name through the whole chain of scopes, one name after another, before it asks its own table. In
 * a bundle of 500 functions a miss costs as much as two statements, at every `Math.floor` and `new Uint8Array`. Only
 * what every build has, since an alias is made at start whether it is used or not.
 */
import { isFunction, isReference, parseBundle, walk, wrapperOf } from './syntax-tree.js';
import type { AnyNode } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';

const GLOBALS = new Set(
  (
    'Math String Array Object JSON Error TypeError Number parseInt parseFloat isNaN isFinite NaN Infinity ArrayBuffer ' +
    'Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float32Array Float64Array E print getTime setTimeout clearTimeout'
  ).split(' '),
);

/** Functions of natives that do not look at `this`. */
const STATICS = /^(Math\.(abs|ceil|floor|max|min)|String\.fromCharCode)$/;

function declaredNames(program: AnyNode): Set<string> {
  const names = new Set<string>();
  walk(program, (node) => {
    if (isFunction(node)) {
      if (node.id) names.add(node.id.name);
      for (const param of node.params) names.add((param as { name: string }).name);
    }
    if (node.type === 'VariableDeclarator') names.add((node.id as { name: string }).name);
    if (node.type === 'CatchClause' && node.param) names.add((node.param as { name: string }).name);
  });
  return names;
}

/** What a reference to a native says in full, "Math.floor" or "Math"; null for anything else. */
function nativeOf(node: AnyNode, parents: AnyNode[], declared: Set<string>): { node: AnyNode; name: string } | null {
  if (node.type !== 'Identifier' || !GLOBALS.has(node.name) || declared.has(node.name)) return null;
  const parent = parents[parents.length - 1];
  if (!isReference(node, parent)) return null;
  // What is written to, or asked for with typeof, is left alone.
  if (parent?.type === 'AssignmentExpression' && parent.left === node) return null;
  if (parent?.type === 'UnaryExpression' && parent.operator === 'typeof') return null;
  if (
    parent?.type === 'MemberExpression' &&
    parent.object === node &&
    !parent.computed &&
    parent.property.type === 'Identifier'
  ) {
    const name = `${node.name}.${parent.property.name}`;
    if (STATICS.test(name)) return { node: parent, name };
  }
  return { node, name: node.name };
}

/**
 * Aliases natives in a bundle of one self-calling function, before it is shortened.
 * @returns the bundle, unchanged where no function uses a native
 */
export function aliasNatives(source: string): string {
  const program = parseBundle(source);
  const declared = declaredNames(program);
  const wrapper = wrapperOf(program);
  if (!wrapper) return source;

  const code = new TextEdits(source);
  const aliases = new Map<string, string>();
  walk(program, (node, parents) => {
    // What the wrapper itself uses, it uses once.
    if (parents.filter(isFunction).length < 2) return;
    const native = nativeOf(node, parents, declared);
    if (!native) return;
    const alias = aliases.get(native.name) ?? `native_${native.name.replace('.', '_')}`;
    if (declared.has(alias)) return;
    aliases.set(native.name, alias);
    const parent = parents[parents.length - 1];
    const isShorthand = parent?.type === 'Property' && parent.shorthand;
    if (!isShorthand) code.replace(native.node.start, native.node.end, alias);
  });
  if (!aliases.size) return source;
  code.insert(
    wrapper.body.start + 1,
    `\nvar ${[...aliases].map(([name, alias]) => `${alias} = ${name}`).join(', ')};\n`,
  );
  return code.toString();
}
