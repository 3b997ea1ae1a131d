/**
 * Every construct that Espruino gets wrong: compiled to something right, shown in Node and in the interpreter, or
 * refused with file and line. And, so that a rule is not kept for nothing, what the interpreter does with the refused
 * ones is in the table of docs/espruino.md 1 and in the comment of the rule.
 */
import { relative } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import type { BuildError, Bundle } from '../../flash-scripts/build/build.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { isLong } from '../kit/extent.js';
import { allFixtures, interpreterTest, runInEspruino, runInNode } from './fixture-runner.js';

const bundles = new Map<string, Promise<Bundle>>();

/** A fixture's bundle, built once for Node and interpreter. */
function bundleOf(path: string, minify: boolean): Promise<Bundle> {
  const key = `${path} ${minify}`;
  if (!bundles.has(key)) bundles.set(key, buildBundle(path, { minify }));
  return bundles.get(key)!;
}

const fixtures = allFixtures();
const runnable = fixtures.filter((fixture) => fixture.expect !== 'refused');

describe.each(runnable)('$name', ({ path, expect: expected, prints }) => {
  for (const minify of [true, false]) {
    const how = minify ? 'minified' : 'as written';
    // As written, in Node: the long form. The interpreter, where there is one, is asked both ways.
    (minify || isLong ? test : test.skip)(`${how}: Node prints what its header says`, async () => {
      expect(prints.node.length).toBeGreaterThan(0);
      expect(runInNode((await bundleOf(path, minify)).code)).toEqual(prints.node);
    });
    interpreterTest(`${how}: Espruino prints what its header says`, async () => {
      if (expected === 'differs') expect(prints.espruino).not.toEqual(prints.node);
      expect(runInEspruino((await bundleOf(path, minify)).program.bundle)).toEqual(prints.espruino);
    });
  }
});

describe.each(fixtures.filter((fixture) => fixture.expect === 'refused'))('$name', ({ path, rule, refusedLines }) => {
  test('is refused with file and line', async () => {
    const error = await buildBundle(path).then(
      () => null,
      (thrown: BuildError) => thrown,
    );
    expect(error?.code).toBe(rule === 'types' ? 'BUILD_TYPES' : 'BUILD_REFUSED');
    const found = error!.problems.filter((problem) => problem.rule === rule);
    expect(found.length).toBeGreaterThan(0);
    if (refusedLines.length) {
      expect(new Set(found.map((problem) => problem.file))).toEqual(
        new Set([relative(packageRoot(), path).split('\\').join('/')]),
      );
      expect([...new Set(found.map((problem) => problem.line))].sort((a, b) => a - b)).toEqual(refusedLines);
    }
    expect(error!.message).toContain(`${found[0]!.file}:${found[0]!.line}:`);
  });
});
