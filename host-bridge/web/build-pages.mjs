/**
 * Builds each page of this folder into dist/web/, by Vite; nothing where dist/ has been made of the same sources.
 *
 *     node host-bridge/web/build-pages.mjs
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const WEB = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(WEB));
const OUT = join(ROOT, 'dist', 'web');
const MARK = join(OUT, 'built-from');
/** What a page is made of: its own sources, the codecs, and the versions of what it is built with. */
const SOURCES = ['host-bridge/web', 'firmware/wire', 'firmware/core', 'package-lock.json'];
const PAGES = ['bench', 'till', 'office'];

function filesBelow(path) {
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function hashOfSources() {
  const hash = createHash('sha256');
  const files = SOURCES.flatMap((name) => (name.endsWith('.json') ? [join(ROOT, name)] : filesBelow(join(ROOT, name))));
  for (const file of files.sort())
    hash
      .update(`${relative(ROOT, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

const made = hashOfSources();
if (!existsSync(MARK) || readFileSync(MARK, 'utf8') !== made) {
  // Whoever calls may be a test: what is built is for use.
  process.env.NODE_ENV = 'production';
  const { build } = await import('vite');
  for (const page of PAGES)
    await build({
      root: join(WEB, page),
      configFile: false,
      mode: 'production',
      logLevel: 'warn',
      base: '/',
      build: {
        outDir: join(OUT, page),
        emptyOutDir: true,
        target: 'es2022',
        // Its policy lets a page have nothing inline.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
      },
    });
  writeFileSync(MARK, made);
}
