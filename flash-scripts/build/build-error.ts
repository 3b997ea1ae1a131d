/** What stops a build: a list of places in the sources, each with the rule it breaks and what to write instead. */

/** One place in a source. `line` and `column` count from 1. */
export interface Problem {
  /** Name of the rule, as in refuse.ts and the fixtures of test/build; `types` for the compiler's own errors. */
  rule: string;
  /** Path relative to the package, with forward slashes; 'bundle' where only the output shows it. */
  file: string;
  line: number;
  column: number;
  message: string;
}

export type BuildErrorCode = 'BUILD_TYPES' | 'BUILD_REFUSED' | 'BUILD_TOO_BIG' | 'BUILD_NO_ENTRY' | 'BUILD_FAILED';

/** A build that gave no bundle; `problems` is empty where no place in a source is to blame. */
export class BuildError extends Error {
  constructor(
    readonly code: BuildErrorCode,
    message: string,
    readonly problems: Problem[] = [],
  ) {
    super([message, ...problems.map(describeProblem)].join('\n'));
    this.name = 'BuildError';
  }
}

/** A problem as one line that an editor can follow. */
function describeProblem(problem: Problem): string {
  return `  ${problem.file}:${problem.line}:${problem.column}  ${problem.rule}: ${problem.message}`;
}
