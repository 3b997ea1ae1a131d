/** Rules of refuse.ts that the shape of the source decides. */
import ts from 'typescript';
import type { Rule, RuleContext } from './refuse-rule.js';

/** Syntax kinds that are refused wherever they stand: rule and remedy. */
const KINDS = new Map<ts.SyntaxKind, [rule: string, message: string]>([
  [ts.SyntaxKind.LabeledStatement, ['label', 'Espruino has no labels: use a function and `return`, or a flag']],
  [ts.SyntaxKind.YieldExpression, ['generator', 'Espruino has no generators: write a factory with a `next` function']],
  [ts.SyntaxKind.AwaitExpression, ['async', 'Espruino has no async functions: take a callback']],
  [ts.SyntaxKind.BigIntLiteral, ['bigint', 'Espruino reads 10n as the number 10: keep limbs in arrays']],
  [
    ts.SyntaxKind.TaggedTemplateExpression,
    ['tagged-template', 'tagged templates need Object.freeze, which Espruino lacks: call a function'],
  ],
  [ts.SyntaxKind.DebuggerStatement, ['debugger', 'a `debugger` statement stops the board for ever']],
  [ts.SyntaxKind.MetaProperty, ['meta-property', 'Espruino has neither new.target nor import.meta']],
  [ts.SyntaxKind.WithStatement, ['with', 'Espruino has no `with`']],
  [ts.SyntaxKind.SuperKeyword, ['class-extends', 'no inheritance on the board: use a factory function']],
  [
    ts.SyntaxKind.PrivateIdentifier,
    ['private-name', '#names need WeakMap, which Espruino lacks: keep it in a closure'],
  ],
]);

function checkFunction(node: ts.SignatureDeclaration, context: RuleContext): void {
  if (ts.isFunctionLike(node) && 'asteriskToken' in node && node.asteriskToken) {
    context.report('generator', node, KINDS.get(ts.SyntaxKind.YieldExpression)![1]);
  }
  if (
    ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.AsyncKeyword)
  ) {
    context.report('async', node, KINDS.get(ts.SyntaxKind.AwaitExpression)![1]);
  }
}

function checkSwitch(node: ts.CaseBlock, context: RuleContext): void {
  const at = node.clauses.findIndex(ts.isDefaultClause);
  if (at >= 0 && at < node.clauses.length - 1) {
    context.report('default-last', node.clauses[at]!, 'Espruino takes no `case` after `default`: put `default` last');
  }
}

function checkSpread(node: ts.SpreadElement, context: RuleContext): void {
  const parent = node.parent;
  // f(...list) becomes f.apply(void 0, list), which is right; everything else needs a helper that Espruino cannot run.
  if (ts.isCallExpression(parent) && parent.arguments.length === 1) return;
  context.report(
    'spread',
    node,
    'spread needs Array.prototype.slice, which Espruino lacks: use concat, or f(...list) alone',
  );
}

function checkRest(node: ts.BindingElement | ts.SpreadAssignment, context: RuleContext): void {
  context.report('object-rest', node, 'the rest of an object needs a helper: name the properties');
}

/**
 * True for a destructuring pattern whose right side is an array: TypeScript reads it by index, so only rests are wrong.
 */
function isRestBinding(node: ts.Node): node is ts.BindingElement {
  return ts.isBindingElement(node) && !!node.dotDotDotToken && ts.isObjectBindingPattern(node.parent);
}

function checkText(node: ts.LiteralLikeNode, context: RuleContext): void {
  for (let i = 0; i < node.text.length; i++) {
    if (node.text.charCodeAt(i) > 255) {
      context.report('unicode', node, 'ESP32 builds have no characters above 255: write bytes');
      return;
    }
  }
}

/** The loops around a node within its function. */
function insideForIn(node: ts.Node): boolean {
  for (let at: ts.Node = node; !ts.isFunctionLike(at) && !ts.isSourceFile(at); at = at.parent) {
    if (ts.isForInStatement(at)) return true;
  }
  return false;
}

const COMPOUND = (kind: ts.SyntaxKind): boolean =>
  kind >= ts.SyntaxKind.FirstCompoundAssignment && kind <= ts.SyntaxKind.LastCompoundAssignment;

/** A target that can be written twice without doing anything twice. */
function isPlainTarget(node: ts.Expression): boolean {
  if (ts.isIdentifier(node) || node.kind === ts.SyntaxKind.ThisKeyword || ts.isLiteralExpression(node)) return true;
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node) || ts.isAsExpression(node))
    return isPlainTarget(node.expression);
  if (ts.isPropertyAccessExpression(node)) return isPlainTarget(node.expression);
  if (ts.isBinaryExpression(node)) return !isAssignment(node) && isPlainTarget(node.left) && isPlainTarget(node.right);
  return ts.isElementAccessExpression(node) && isPlainTarget(node.expression) && isPlainTarget(node.argumentExpression);
}

function isAssignment(node: ts.BinaryExpression): boolean {
  return (
    node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment && node.operatorToken.kind <= ts.SyntaxKind.LastAssignment
  );
}

function hasEffects(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false;
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) return true;
  if (ts.isBinaryExpression(node) && isAssignment(node)) return true;
  if (ts.isPostfixUnaryExpression(node)) return true;
  if (
    ts.isPrefixUnaryExpression(node) &&
    (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken)
  )
    return true;
  return ts.forEachChild(node, (child) => hasEffects(child) || undefined) === true;
}

function checkBinary(node: ts.BinaryExpression, context: RuleContext): void {
  const { kind } = node.operatorToken;
  if (COMPOUND(kind) && hasEffects(node.right) && !isPlainTarget(node.left)) {
    context.report(
      'compound-order',
      node,
      'Espruino reads the left side after the right side ran: take the place into a variable first',
    );
  }
  if (kind === ts.SyntaxKind.AsteriskAsteriskToken || kind === ts.SyntaxKind.AsteriskAsteriskEqualsToken) {
    context.report(
      'inexact-power',
      node,
      'becomes Math.pow, which Espruino computes inexactly: multiply, or double in a loop',
    );
  }
}

/** Rules by syntax alone. */
export const checkSyntax: Rule = (node, context) => {
  const refused = KINDS.get(node.kind);
  if (refused) context.report(refused[0], node, refused[1]);
  if (ts.isFunctionLike(node)) checkFunction(node, context);
  if (ts.isCaseBlock(node)) checkSwitch(node, context);
  if (ts.isSpreadElement(node)) checkSpread(node, context);
  if (isRestBinding(node)) checkRest(node, context);
  if (ts.isHeritageClause(node) && node.token === ts.SyntaxKind.ExtendsKeyword && ts.isClassLike(node.parent)) {
    context.report('class-extends', node, 'Espruino loses statics, and calls super twice: use a factory function');
  }
  if (
    ts.isStringLiteral(node) ||
    ts.isNoSubstitutionTemplateLiteral(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node)
  ) {
    checkText(node, context);
  }
  if (ts.isDeleteExpression(node) && insideForIn(node)) {
    context.report(
      'delete-in-for-in',
      node,
      'Espruino ends the loop early when a key goes away: collect the keys first',
    );
  }
  if (
    ts.isIdentifier(node) &&
    node.text === 'arguments' &&
    !(ts.isPropertyAccessExpression(node.parent) && node.parent.name === node)
  ) {
    context.report('arguments', node, 'Espruino counts parameters that were not given: use a rest parameter');
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    context.report('dynamic-import', node, 'there is one bundle: import at the top');
  }
  if (ts.isBinaryExpression(node)) checkBinary(node, context);
};
