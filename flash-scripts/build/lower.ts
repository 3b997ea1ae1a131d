/**
 * Rewrites, before TypeScript emits ES5, what Espruino 2v29 would answer differently and a few more words make right.
 *
 * - A template becomes a sum. TypeScript writes "".concat(a, b), and Espruino's concat drops an argument `undefined`.
 * - Math.round(x) becomes Math.floor(x + 0.5). Espruino rounds halves away from zero, -0.5 to -1, and gives nonsense
 *   from 2^52 on. (The sum is exact below 2^52; beyond, where every double is whole, an odd one may round to its
 *   neighbour.)
 * - bytes.subarray(start, end) is clamped to the end of `bytes`. Espruino gives a view as long as it was asked for:
 *   onto what lies behind in the same buffer, or zeros. A field of a message that is too short would look complete.
 * - text.split(separator) is asked only where the separator is not the longer one. Espruino then gives no part at all.
 */
import ts from 'typescript';

/** What the bundle brings for these rewrites, by the name that they call. */
export const LOWERING_HELPERS: { readonly [name: string]: string } = {
  // An `end` that was not given, or is negative, is no larger.
  __subarray: 'function __subarray(a, s, e) { return a.subarray(s, e > a.length ? a.length : e); }',
  __split: 'function __split(t, s) { return t.length < s.length ? [t] : t.split(s); }',
};

type Lowering = '' | 'round' | '__subarray' | '__split';

/** Whether `end` already names the receiver's length: `a.length`, `Math.min(n, a.length)`. */
function isClamped(receiver: ts.Expression, end: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(end))
    return end.name.text === 'length' && end.expression.getText() === receiver.getText();
  return (
    ts.isCallExpression(end) &&
    end.expression.getText() === 'Math.min' &&
    end.arguments.some((each) => isClamped(receiver, each))
  );
}

/** What a call of a source has to become. */
function loweringOf(checker: ts.TypeChecker, node: ts.Node): Lowering {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return '';
  const { expression: receiver, name } = node.expression;
  const type = checker.getTypeAtLocation(receiver);
  const [first, second] = node.arguments;
  if (name.text === 'round' && node.arguments.length === 1 && type.symbol?.name === 'Math') return 'round';
  if (name.text === 'subarray' && second) return isClamped(receiver, second) ? '' : '__subarray';
  if (name.text === 'split' && first && !ts.isRegularExpressionLiteral(first)) {
    // One character is never longer than a text, but for the empty one, which Espruino splits right.
    return ts.isStringLiteralLike(first) && first.text.length < 2 ? '' : '__split';
  }
  return '';
}

function templateSum(factory: ts.NodeFactory, template: ts.TemplateExpression): ts.Expression {
  // The literal in front makes every + a concatenation.
  let sum: ts.Expression = factory.createStringLiteral(template.head.text);
  for (const span of template.templateSpans) {
    sum = factory.createAdd(sum, factory.createParenthesizedExpression(span.expression));
    if (span.literal.text) sum = factory.createAdd(sum, factory.createStringLiteral(span.literal.text));
  }
  return factory.createParenthesizedExpression(sum);
}

function lowerCall(factory: ts.NodeFactory, call: ts.CallExpression, lowering: Lowering): ts.Expression {
  const { expression: receiver } = call.expression as ts.PropertyAccessExpression;
  if (lowering === 'round') {
    const sum = factory.createAdd(
      factory.createParenthesizedExpression(call.arguments[0]!),
      factory.createNumericLiteral('0.5'),
    );
    return factory.createCallExpression(factory.createPropertyAccessExpression(receiver, 'floor'), undefined, [sum]);
  }
  return factory.createCallExpression(factory.createIdentifier(lowering), undefined, [receiver, ...call.arguments]);
}

/** The rewrites as a transformer for `before`. */
export function lowerForEspruino(program: ts.Program): ts.TransformerFactory<ts.SourceFile> {
  const checker = program.getTypeChecker();
  return (context) => {
    const { factory } = context;
    const visit = (node: ts.Node): ts.Node => {
      // Asked before the children change: only nodes of the source have types and text.
      const lowering = loweringOf(checker, node);
      const visited = ts.visitEachChild(node, visit, context);
      if (ts.isTemplateExpression(visited)) return templateSum(factory, visited);
      return lowering ? lowerCall(factory, visited as ts.CallExpression, lowering) : visited;
    };
    return (file) => ts.visitNode(file, visit) as ts.SourceFile;
  };
}
