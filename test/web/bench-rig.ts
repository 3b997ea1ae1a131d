/** A whole shop with its bench and page, and the browser that looks at it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { openBenchShop } from '../../host-bridge/demo/bench-shop.js';
import { openBenchPage } from '../../host-bridge/demo/bench-page.js';

/** Debian's, or the one that CHROMIUM names; null where there is none. */
const chromium: string | null =
  [process.env.CHROMIUM, '/usr/bin/chromium'].find((path) => path !== undefined && existsSync(path)) ?? null;

/** `test` where there is a browser, else a test that reads skipped. */
export const browserTest = chromium ? test : test.skip;

/** A shop with Alice and Bob, who have cash, and its page. */
export async function openBench() {
  execFileSync(process.execPath, [join(packageRoot(), 'host-bridge/web/build-pages.mjs')]);
  const shop = await openBenchShop(1, 7, 0);
  const page = await openBenchPage(shop.bench);
  return {
    ...shop,
    url: page.url,
    async close() {
      await page.close();
      await shop.close();
    },
  };
}

/** The browser; null where there is none. */
export async function openBrowser(): Promise<Browser | null> {
  if (!chromium) return null;
  const playwright = await import('playwright-core');
  return playwright.chromium.launch({ executablePath: chromium, args: ['--no-sandbox'] });
}

/** A page of this size, in English. @param problems is told what goes wrong in it */
export async function openPage(
  browser: Browser,
  viewport: { width: number; height: number },
  problems: string[],
): Promise<Page> {
  const page = await browser.newPage({ viewport, locale: 'en-GB' });
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  return page;
}

/** Makes a picture where somebody asks for pictures, `TAPCASH_SCREENS=folder`. */
export async function keepScreen(page: Page, name: string): Promise<void> {
  const folder = process.env.TAPCASH_SCREENS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
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
