/**
 * Rules of refuse.ts about the standard library: what ECMAScript 5 declares and Espruino lacks, or answers differently.
 *
 * The compiler knows ES5 alone (`lib: ["ES5"]`), so Math.imul, Map or Array.from are type errors. `MISSING` is the part
 * of ES5 itself that Espruino 2v29 lacks: test/build/library.test.ts asks the interpreter for every member of the ES5
 * declarations, and fails for one that is missing here or there. `DIFFERENT` was found by comparing answers.
 */
import ts from 'typescript';
import type { Rule, RuleContext } from './refuse-rule.js';

const TYPED_ARRAYS = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float32', 'Float64'].map(
  (kind) => `${kind}Array`,
);

/** Members of ES5 that Espruino lacks, by the interface that declares them; `global` are names of the root scope. */
export const MISSING: ReadonlyMap<string, string> = new Map([
  ['global', 'EvalError Intl URIError decodeURI encodeURI escape unescape'],
  ['Array', 'lastIndexOf reduceRight toLocaleString'],
  ['ReadonlyArray', 'lastIndexOf reduceRight toLocaleString'],
  ...TYPED_ARRAYS.map((name): [string, string] => [
    name,
    'BYTES_PER_ELEMENT copyWithin lastIndexOf reduceRight toLocaleString',
  ]),
  ...TYPED_ARRAYS.map((name): [string, string] => [`${name}Constructor`, 'BYTES_PER_ELEMENT from of']),
  ['ArrayBuffer', 'slice'],
  ['ArrayBufferConstructor', 'isView'],
  [
    'Date',
    'setUTCDate setUTCFullYear setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds' +
      ' toDateString toLocaleDateString toLocaleString toLocaleTimeString toTimeString',
  ],
  ['DateConstructor', 'UTC'],
  ['Error', 'name'],
  ['Function', 'arguments caller'],
  ['Number', 'toExponential toLocaleString toPrecision'],
  ['Object', 'constructor isPrototypeOf propertyIsEnumerable toLocaleString'],
  ['ObjectConstructor', 'freeze isExtensible isFrozen isSealed preventExtensions seal'],
  ['RegExp', 'compile global ignoreCase multiline'],
  ['String', 'localeCompare search toLocaleLowerCase toLocaleUpperCase'],
]);

/** Globals of ES5 that Espruino lacks and the bundle brings (minify.ts). */
export const POLYFILLED = ['RangeError'];

/** Members that Espruino has and answers differently: the rule's name and what to write. */
const DIFFERENT: ReadonlyMap<string, [rule: string, message: string]> = new Map([
  ['Math.pow', ['inexact-power', 'Espruino computes Math.pow(2, 22) inexactly: multiply, or double in a loop']],
  ...['sqrt', 'exp', 'log', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2'].map(
    (name): [string, [string, string]] => [
      `Math.${name}`,
      ['inexact-math', `Espruino's Math.${name} differs in the last bits (the square root of 256 is less than 16)`],
    ],
  ),
  ['global.Uint8ClampedArray', ['clamped', 'Espruino clamps 32 bits of a number only: 2^32 becomes 0']],
  ['Math.random', ['random', 'a generator with a fixed seed on ESP32 (docs/security.md 1): draw from the DRBG']],
  ['Number.toFixed', ['number-text', 'Espruino rounds down and prints 12 digits: work in whole units']],
  ['global.DataView', ['dataview', 'Espruino reads beyond the end without an error: use core/bytes']],
  ['global.eval', ['eval', 'names are changed by minifying']],
  ['global.Function', ['eval', 'names are changed by minifying']],
  ['RegExpConstructor.new', ['regex', 'a pattern made at run time cannot be checked: write a literal']],
]);

/** The `Owner.member` of a symbol that the ES5 declarations declare, else null. */
function libraryName(symbol: ts.Symbol | undefined, context: RuleContext): { owner: string; member: string } | null {
  const declaration = symbol?.declarations?.find((each) =>
    context.program.isSourceFileDefaultLibrary(each.getSourceFile()),
  );
  if (!symbol || !declaration) return null;
  const parent = declaration.parent;
  if (ts.isInterfaceDeclaration(parent)) return { owner: parent.name.text, member: symbol.name };
  return { owner: 'global', member: symbol.name };
}

function checkName(node: ts.Node, name: { owner: string; member: string }, context: RuleContext): void {
  const { owner, member } = name;
  if (MISSING.get(owner)?.split(' ').includes(member)) {
    context.report('library', node, `Espruino has no ${owner === 'global' ? '' : `${owner}.`}${member}`);
  }
  const different = DIFFERENT.get(`${owner}.${member}`);
  if (different) context.report(different[0], node, different[1]);
  if (owner === 'global' && POLYFILLED.includes(member)) context.polyfills.add(member);
}

/** Names that nothing has on Espruino, whatever the receiver: for receivers of type `any`. */
const NOWHERE =
  'imul clz32 trunc flat flatMap reduceRight copyWithin localeCompare toLocaleString matchAll codePointAt freeze'.split(
    ' ',
  );

function checkAccess(node: ts.PropertyAccessExpression | ts.ElementAccessExpression, context: RuleContext): void {
  const { checker } = context;
  const receiver = checker.getTypeAtLocation(node.expression);
  const key = ts.isPropertyAccessExpression(node) ? node.name : node.argumentExpression;
  const name = libraryName(checker.getSymbolAtLocation(key), context);
  if (name) checkName(node, name, context);
  const text = ts.isPropertyAccessExpression(node) ? node.name.text : ts.isStringLiteral(key) ? key.text : '';
  if (receiver.flags & ts.TypeFlags.Any && NOWHERE.includes(text))
    context.report('library', node, `Espruino has no ${text}`);
  // Object.prototype has hasOwnProperty; of most others, Array.prototype first of all, the members are undefined.
  const owner = libraryName(receiver.symbol, context);
  if (
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === 'prototype' &&
    owner &&
    !(owner.member === 'Object' && text === 'hasOwnProperty')
  ) {
    context.report(
      'prototype',
      node,
      `${node.getText()} is undefined, or something else, on Espruino: call it on a value`,
    );
  }
}

function isLibraryCall(node: ts.CallExpression, context: RuleContext, ...names: string[]): boolean {
  const name = libraryName(
    context.checker.getSymbolAtLocation(
      ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression,
    ),
    context,
  );
  return !!name && names.includes(`${name.owner}.${name.member}`);
}

function checkSort(node: ts.CallExpression, context: RuleContext): void {
  const { checker } = context;
  const receiver = checker.getTypeAtLocation((node.expression as ts.PropertyAccessExpression).expression);
  const element = checker.getIndexTypeOfType(receiver, ts.IndexKind.Number);
  // Equal primitives cannot be told apart, so their order does not show.
  const primitive = ts.TypeFlags.NumberLike | ts.TypeFlags.StringLike | ts.TypeFlags.BooleanLike;
  if (!element || !(element.flags & primitive)) {
    context.report(
      'unstable-sort',
      node,
      'Espruino does not keep the order of equals: insert in order, or sort numbers',
    );
  }
}

function checkCall(node: ts.CallExpression, context: RuleContext): void {
  const given = node.arguments;
  if (isLibraryCall(node, context, 'String.split') && given.length > 1) {
    context.report('split-limit', node, "Espruino ignores split's limit: take a slice of the parts");
  }
  if (isLibraryCall(node, context, 'Array.sort')) checkSort(node, context);
  if (isLibraryCall(node, context, 'JSON.stringify') && given.length > 1) {
    context.report(
      'json-options',
      node,
      'Espruino ignores the replacer and indents in its own way: give the value alone',
    );
  }
  const replacement = given[1];
  if (
    isLibraryCall(node, context, 'String.replace') &&
    replacement &&
    ts.isStringLiteralLike(replacement) &&
    /\$[&`'<]/.test(replacement.text)
  ) {
    context.report('replace-pattern', node, 'Espruino knows $1 to $9 only: use a function');
  }
}

/** Typed arrays and buffers, which Espruino compares by content with ==, and by identity only with luck. */
function isBytes(type: ts.Type, context: RuleContext): boolean {
  const name = libraryName(type.symbol, context);
  return !!name && name.owner === 'global' && (TYPED_ARRAYS.includes(name.member) || name.member === 'ArrayBuffer');
}

const EQUALITY = [
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
];

function checkBinary(node: ts.BinaryExpression, context: RuleContext): void {
  const { checker } = context;
  if (
    EQUALITY.includes(node.operatorToken.kind) &&
    [node.left, node.right].every((side) => isBytes(checker.getTypeAtLocation(side), context))
  ) {
    context.report(
      'bytes-equality',
      node,
      'Espruino compares the contents of typed arrays here: call a function of core/bytes',
    );
  }
  if (node.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword) {
    const name = libraryName(checker.getSymbolAtLocation(node.right), context);
    if (name?.owner === 'global' && name.member.endsWith('Error')) {
      context.report('instanceof-error', node, 'a TypeError is no Error on Espruino: look at a code of your own');
    }
  }
}

/** `x.length = n`, `x.length++`: Espruino's arrays have a constant length. */
function checkLength(node: ts.PropertyAccessExpression, context: RuleContext): void {
  const name = libraryName(context.checker.getSymbolAtLocation(node.name), context);
  if (name?.owner !== 'Array' || name.member !== 'length') return;
  const parent = node.parent;
  const assigned =
    (ts.isBinaryExpression(parent) &&
      parent.left === node &&
      parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
      parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment) ||
    ts.isPostfixUnaryExpression(parent) ||
    (ts.isPrefixUnaryExpression(parent) &&
      parent.operator !== ts.SyntaxKind.MinusToken &&
      parent.operator !== ts.SyntaxKind.PlusToken &&
      parent.operator !== ts.SyntaxKind.ExclamationToken &&
      parent.operator !== ts.SyntaxKind.TildeToken);
  if (assigned)
    context.report('array-length', node, "an array's length is constant on Espruino: use splice or a new array");
}

/** A namespace import that is more than the left side of a dot: rollup would make an object of it. */
function checkNamespace(node: ts.Identifier, context: RuleContext): void {
  const parent = node.parent;
  if (ts.isNamespaceImport(parent) || (ts.isPropertyAccessExpression(parent) && parent.expression === node)) return;
  const symbol = context.checker.getSymbolAtLocation(node);
  if (symbol?.declarations?.some(ts.isNamespaceImport)) {
    context.report(
      'namespace-value',
      node,
      'a namespace as a value needs Object.freeze and __proto__: import the names',
    );
  }
}

/** `const { pow } = Math`: the same members by another way. */
function checkPattern(node: ts.ObjectBindingPattern, context: RuleContext): void {
  const type = context.checker.getTypeAtLocation(node);
  for (const element of node.elements) {
    const key = element.propertyName ?? element.name;
    const property = ts.isIdentifier(key) ? type.getProperty(key.text) : undefined;
    const name = libraryName(property, context);
    if (name) checkName(element, name, context);
  }
}

/** Rules that need types. */
export const checkLibrary: Rule = (node, context) => {
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) checkAccess(node, context);
  if (ts.isPropertyAccessExpression(node)) checkLength(node, context);
  if (ts.isCallExpression(node)) checkCall(node, context);
  if (ts.isBinaryExpression(node)) checkBinary(node, context);
  if (ts.isObjectBindingPattern(node)) checkPattern(node, context);
  if (ts.isNewExpression(node)) {
    const name = libraryName(context.checker.getSymbolAtLocation(node.expression), context);
    if (name?.member === 'RegExp') checkName(node, { owner: 'RegExpConstructor', member: 'new' }, context);
    if (name?.member.endsWith('Error') && !node.arguments?.length) {
      context.report(
        'error-message',
        node,
        'without a message its `message` is undefined on Espruino: say what is wrong',
      );
    }
  }
  if (ts.isIdentifier(node)) {
    checkNamespace(node, context);
    const isMember = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
    const name = isMember ? null : libraryName(context.checker.getSymbolAtLocation(node), context);
    if (name?.owner === 'global') checkName(node, name, context);
  }
};
