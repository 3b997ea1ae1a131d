/**
 * What a test reports of the patent's claims (test/claims.json). Jest's workers write into one folder;
 * claims-reporter.mjs reads it when the run is over.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** Names the folder that temp-in-memory.ts makes; Jest's set-up cannot import it. Without Jest's set-up: none. */
const ELEMENTS_FOLDER = 'TAPCASH_TESTS_ELEMENTS';

const TEST = join(__dirname, '..');

/** An element of a claim: id, what it is, the tests that exercise it, and in what we differ. */
export type ElementRow = [id: string, what: string, tests: string, differs?: string];
/** test/claims.json. */
export interface ClaimsTable {
  /** Test files below test/ and titles as written there, by a short name. */
  tests: Record<string, [file: string, title: string]>;
  claims: { claim: number; of: string; schemes: number[]; elements: ElementRow[] }[];
}

/** Reads test/claims.json. */
export function claimsTable(): ClaimsTable {
  return JSON.parse(readFileSync(join(TEST, 'claims.json'), 'utf8')) as ClaimsTable;
}

let known: Set<string> | null = null;

/**
 * Says that the test which runs has just shown these elements: to be called after what shows them.
 * @throws Error for an id that test/claims.json does not have
 */
export function exercises(...ids: string[]): void {
  known ??= new Set(claimsTable().claims.flatMap(({ elements }) => elements.map(([id]) => id)));
  const unknown = ids.filter((id) => !known!.has(id));
  if (unknown.length > 0) throw new Error(`test/claims.json has no element ${unknown.join(', ')}`);
  const folder = process.env[ELEMENTS_FOLDER];
  if (!folder) return;
  const { testPath, currentTestName } = expect.getState();
  const file = relative(TEST, testPath!).split(sep).join('/');
  appendFileSync(join(folder, String(process.pid)), `${JSON.stringify({ ids, file, test: currentTestName })}\n`);
}
