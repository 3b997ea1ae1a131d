/** A whole shop with its bench and page, and the browser that looks at it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createBench, type Bench } from '../../host-bridge/demo/bench.js';
import { openBenchPage } from '../../host-bridge/demo/bench-page.js';
import { createStage, openAccounts } from '../../host-bridge/demo/stage.js';
import { startWholeShop } from '../../host-bridge/rig/whole-shop.js';

/** Debian's, or the one that CHROMIUM names; null where there is none. */
export const chromium: string | null =
  [process.env.CHROMIUM, '/usr/bin/chromium'].find((path) => path !== undefined && existsSync(path)) ?? null;

/** `test` where there is a browser, else a test that reads skipped. */
export const browserTest = chromium ? test : test.skip;

/** A shop with Alice and Bob, who have cash, and its page. */
export async function openBench() {
  execFileSync(process.execPath, [join(packageRoot(), 'host-bridge/web/build-pages.mjs')]);
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-bench-'));
  let bench: Bench | null = null;
  const rig = await startWholeShop({
    dataDir,
    shops: ['Cafe Roma'],
    users: ['Alice', 'Bob'],
    interpreter: null,
    seed: 7,
    onStep: () => undefined,
    onEvent: (shop, event) => bench?.onBridge(shop, event),
    onLook: () => bench?.onLook(),
  });
  await openAccounts(createStage(rig, new Map(), () => undefined));
  const made = (bench = await createBench(rig));
  const page = await openBenchPage(made);
  return {
    rig,
    dataDir,
    bench: made,
    url: page.url,
    async close() {
      made.close();
      await page.close();
      await rig.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What axe finds serious or worse on a page as it is now. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
}
