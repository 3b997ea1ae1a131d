/**
 * Ceilings of what decides how many variables a terminal takes, for boards that count none. Calibrated by the counts of
 * docs/memory.md: at rest 5,165, of which the functions of the bundle and those that 'make.js' leaves behind take most.
 */
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { isFunction, parseBundle, walk } from '../../flash-scripts/build/syntax-tree.js';
import { detokenise } from '../../flash-scripts/build/tokens.js';

/** Variables of the functions in a text: a name, the function, two for its code, its parameters, and a scope within. */
function functionVariables(code: string): { resident: number; left: number } {
  const counted = { resident: 0, left: 0 };
  walk(parseBundle(detokenise(code)), (node, parents) => {
    if (!isFunction(node)) return;
    const isWithin = parents.some(isFunction);
    counted[isWithin ? 'left' : 'resident'] += 4 + node.params.length + (isWithin ? 1 : 0);
  });
  return counted;
}

test("a terminal's functions and overlays stay as few and as small as they were counted", async () => {
  const { bundle, overlays } = await builtProgram('shop-terminal');
  const own = functionVariables(bundle);
  // Functions of the file itself are gone once they have run; those within them are what they make.
  const made = functionVariables(overlays['make.js']!);
  expect(own.resident + own.left + made.left).toBeLessThanOrEqual(3320);
  expect(bundle.length).toBeLessThanOrEqual(24_000);
  const ceilings = { 'check.js': 12_100, 'curve.js': 5200, 'make.js': 27_500, 'deny.js': 3200, 'boot.js': 5000 };
  const above = Object.entries(ceilings).filter(([file, bytes]) => overlays[file]!.length > bytes);
  expect(above).toEqual([]);
});
