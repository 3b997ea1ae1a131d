/**
 * Rewrites, before TypeScript emits ES5, what it would lower to something that Espruino answers differently.
 *
 * - A template becomes a sum. TypeScript writes "".concat(a, b), and Espruino's concat drops an argument `undefined`.
 * - Math.round(x) becomes Math.floor(x + 0.5). Espruino rounds halves away from zero, -0.5 to -1, and gives nonsense from
 *   2^52 on. (The sum is exact below 2^52; beyond, where every double is whole, an odd one may round to its neighbour.)
 */
import ts from 'typescript';

function templateSum(factory: ts.NodeFactory, template: ts.TemplateExpression): ts.Expression {
  // The literal in front makes every + a concatenation.
  let sum: ts.Expression = factory.createStringLiteral(template.head.text);
  for (const span of template.templateSpans) {
    sum = factory.createAdd(sum, factory.createParenthesizedExpression(span.expression));
    if (span.literal.text) sum = factory.createAdd(sum, factory.createStringLiteral(span.literal.text));
  }
  return factory.createParenthesizedExpression(sum);
}

function isMathRound(checker: ts.TypeChecker, node: ts.Node): node is ts.CallExpression {
  return (
    ts.isCallExpression(node) &&
    node.arguments.length === 1 &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === 'round' &&
    checker.getTypeAtLocation(node.expression.expression).symbol?.name === 'Math'
  );
}

/** The rewrites as a transformer for `before`. */
export function lowerForEspruino(program: ts.Program): ts.TransformerFactory<ts.SourceFile> {
  const checker = program.getTypeChecker();
  return (context) => {
    const { factory } = context;
    const visit = (node: ts.Node): ts.Node => {
      // Asked before the children change: only nodes of the source have types.
      const isRound = isMathRound(checker, node);
      const visited = ts.visitEachChild(node, visit, context);
      if (ts.isTemplateExpression(visited)) return templateSum(factory, visited);
      if (isRound && ts.isCallExpression(visited) && ts.isPropertyAccessExpression(visited.expression)) {
        const floor = factory.createPropertyAccessExpression(visited.expression.expression, 'floor');
        const sum = factory.createAdd(factory.createParenthesizedExpression(visited.arguments[0] as ts.Expression), factory.createNumericLiteral('0.5'));
        return factory.createCallExpression(floor, undefined, [sum]);
      }
      return visited;
    };
    return (file) => ts.visitNode(file, visit) as ts.SourceFile;
  };
}
