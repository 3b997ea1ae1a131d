/**
 * Ceilings for what a token's program takes of a board's variables.
 *
 * The emulated board counts none. So this counts in the built program what takes them: a function takes four (itself,
 * its code and where that lies, its name) and one for each parameter; one inside another takes two more, for its scope.
 * The ceilings stand a hundredth above what was there when docs/memory.md was counted: who needs more counts again.
 */
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { isFunction, parseBundle, walk } from '../../flash-scripts/build/syntax-tree.js';
import { detokenise } from '../../flash-scripts/build/tokens.js';

/** Variables that the functions of a text take once all of it has run. */
function variablesOf(tokens: string, without: Set<string> = new Set()): number {
  let count = 0;
  walk(parseBundle(detokenise(tokens)), (node, parents) => {
    if (!isFunction(node) || (node.id && without.has(node.id.name))) return;
    count += 4 + node.params.length + (parents.some(isFunction) ? 2 : 0);
  });
  return count;
}

/** Names that the token deletes once it runs: the longest list of names in its program. */
function startNames(code: string): string[] {
  const lists = [...code.matchAll(/"((?:[\w$]{1,3} )+[\w$]{1,3})"/g)].map((found) => found[1]!.split(' '));
  return lists.sort((a, b) => b.length - a.length)[0]!;
}

/** A hundredth above what was counted. */
const CEILINGS: Record<string, number> = {
  'what stays': 2592,
  'curve.js': 450,
  'nonces.js': 77,
  'check.js': 55,
  'anykey.js': 147,
  'desk.js': 227,
  'papers.js': 71,
  'sealed.js': 795,
};

test('the functions that a running token keeps, and those of its overlays, stay below their ceilings', async () => {
  const { bundle, overlays } = await builtProgram('user-token');
  const gone = startNames(detokenise(bundle));
  expect(gone.length).toBeGreaterThan(50);
  const counted: Record<string, number> = { 'what stays': variablesOf(bundle, new Set(gone)) };
  for (const [file, code] of Object.entries(overlays)) counted[file] = variablesOf(code);
  const above = Object.keys(CEILINGS).filter((part) => !(counted[part]! <= CEILINGS[part]!));
  expect({ above, counted }).toEqual({ above: [], counted });
});
