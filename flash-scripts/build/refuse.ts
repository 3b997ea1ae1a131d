/**
 * What the sources may not say because Espruino answers it wrongly, or lacks it, and no compiler makes it right.
 *
 * Every rule was seen to be needed in Espruino 2v29 (Linux build); each has fixtures in test/build/fixtures, which show
 * the refusal, and `rules` below says what to write instead. Rules look at the TypeScript sources, so that a problem
 * has its file and line; refuse-output.ts looks at the bundle once more for what a compiler may have put there.
 * Leaves out what no rule can see (how fractions print, what JSON takes): firmware/espruino.d.ts lists it.
 */
import { sep } from 'node:path';
import ts from 'typescript';
import type { Problem } from './build-error.js';
import { checkLibrary } from './refuse-library.js';
import { checkRegex } from './refuse-regex.js';
import { checkSyntax } from './refuse-syntax.js';
import type { RuleContext, Rule } from './refuse-rule.js';
import { displayPath } from './display-path.js';

/**
 * Folders of firmware/ whose files get Espruino's globals as arguments; board/espruino-*.ts makes those arguments.
 */
const WITHOUT_GLOBALS = /\/firmware\/(core|crypto|wire|nfc|records|panel|board)\//;
const MAKES_ARGUMENTS = /\/firmware\/board\/espruino-[^/]*\.ts$/;

function checkDeviceGlobal(node: ts.Node, context: RuleContext): void {
  const file = node.getSourceFile().fileName;
  if (!ts.isIdentifier(node) || !WITHOUT_GLOBALS.test(file) || MAKES_ARGUMENTS.test(file)) return;
  const symbol = context.checker.getSymbolAtLocation(node);
  // A property of one of the interfaces there is no global: `bus.writeTo` where a structural type was given.
  const declared = symbol?.declarations?.find((declaration) =>
    declaration.getSourceFile().fileName.endsWith('/firmware/espruino.d.ts'),
  );
  if (!declared || ts.isTypeElement(declared) || ts.isParameter(declared)) return;
  context.report('device-global', node, `${node.text} is Espruino's: take it as an argument, with a type of your own`);
}

const rules: Rule[] = [checkSyntax, checkRegex, checkLibrary, checkDeviceGlobal];

function checkPlace(file: ts.SourceFile, folders: string[], report: RuleContext['report']): void {
  const place = file.fileName.split('/').join(sep);
  if (!folders.some((folder) => place.startsWith(folder + sep))) {
    report('import-outside', file, 'firmware imports nothing outside firmware/');
  }
}

/**
 * Applies every rule to every source.
 * @param folders where sources may lie
 */
export function findRefusals(
  program: ts.Program,
  sources: ts.SourceFile[],
  folders: string[],
): { problems: Problem[]; polyfills: Set<string> } {
  const problems: Problem[] = [];
  const polyfills = new Set<string>();
  const report = (rule: string, node: ts.Node, message: string): void => {
    const file = node.getSourceFile();
    const { line, character } = file.getLineAndCharacterOfPosition(ts.isSourceFile(node) ? 0 : node.getStart());
    problems.push({ rule, file: displayPath(file.fileName), line: line + 1, column: character + 1, message });
  };
  const context: RuleContext = { program, checker: program.getTypeChecker(), polyfills, report };
  const visit = (node: ts.Node): void => {
    // Types are erased: nothing in them reaches the interpreter, but device-global forbids naming them too.
    for (const rule of ts.isTypeNode(node) ? [] : rules) rule(node, context);
    if (ts.isTypeNode(node)) visitType(node);
    else ts.forEachChild(node, visit);
  };
  const visitType = (node: ts.Node): void => {
    checkDeviceGlobal(node, context);
    ts.forEachChild(node, visitType);
  };
  for (const file of sources) {
    checkPlace(file, folders, report);
    visit(file);
  }
  return { problems, polyfills };
}
