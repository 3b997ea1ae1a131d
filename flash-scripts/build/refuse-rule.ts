/**
 * What a rule about sources is, and what it sees of the program (refuse.ts has them all).
 */
import type ts from 'typescript';

/** What a rule sees of the program, and where it reports. */
export interface RuleContext {
  program: ts.Program;
  checker: ts.TypeChecker;
  /** Names of the standard library that the bundle must bring. */
  polyfills: Set<string>;
  report(rule: string, node: ts.Node, message: string): void;
}

/** Looks at one node, and reports what may not be there. */
export type Rule = (node: ts.Node, context: RuleContext) => void;
