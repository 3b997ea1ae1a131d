/**
 * Builds each page of this folder into dist/web/, by Vite; nothing where dist/ has been made of the same sources.
 *
 *     node host-bridge/web/build-pages.mjs
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const WEB = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(WEB));
const OUT = join(ROOT, 'dist', 'web');
const MARK = join(OUT, 'built-from');
/** What a page is made of: its own sources, the codecs, and the versions of what it is built with. */
const SOURCES = ['host-bridge/web', 'firmware', 'package-lock.json'];
/** The flasher is made of the rooms that flash and provision boards, and of the programs. */
const FLASHER_SOURCES = ['flash-scripts', 'board-configs', 'host-bridge/base', 'host-bridge/serial'];
const PAGES = ['bench', 'till', 'office', 'flasher'];

function filesBelow(path) {
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function hashOfSources() {
  const hash = createHash('sha256');
  const files = [...SOURCES, ...FLASHER_SOURCES].flatMap((name) =>
    name.endsWith('.json') ? [join(ROOT, name)] : filesBelow(join(ROOT, name)),
  );
  for (const file of files.sort())
    hash
      .update(`${relative(ROOT, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

/**
 * What a browser has instead of Node: `node:crypto` and `node:zlib`, as far as flashing uses them, and keys as bytes.
 */
function browserForms() {
  const at = (name) => join(WEB, 'flasher', 'browser', name);
  const forms = { 'node:crypto': at('node-crypto.ts'), 'node:zlib': at('node-zlib.ts') };
  return {
    name: 'browser-forms',
    enforce: 'pre',
    resolveId(id, importer) {
      if (id.endsWith('/key-objects.js') && importer?.includes('/base/crypto/')) return at('key-objects.ts');
      return forms[id] ?? null;
    },
  };
}

/** From what is compiled: the boards with their drawings, each role's program; and EspruinoTools. */
async function writeFlasherFiles(folder) {
  const compiled = (path) => import(pathToFileURL(join(ROOT, 'dist', path)).href);
  const { ROLES } = await compiled('flash-scripts/boards/roles.js');
  const { realBoardNames, loadBoard } = await compiled('flash-scripts/flash/node/load-board.js');
  const { wiringSvg } = await compiled('flash-scripts/boards/wiring-svg.js');
  const { builtProgram } = await compiled('flash-scripts/build/built-bundles.js');
  const { CONNECTION_FILES } = await compiled('flash-scripts/flash/node/espruino-tools.js');
  const boards = realBoardNames()
    .map(loadBoard)
    // First the one that README says to buy.
    .sort((a, b) => Number(b.name.endsWith('wrover')) - Number(a.name.endsWith('wrover')));
  const drawn = boards.map((entry) => ({ entry, wiring: wiringSvg(entry) }));
  writeFileSync(join(folder, 'boards.json'), JSON.stringify(drawn));
  for (const role of ROLES)
    writeFileSync(join(folder, `program-${role}.json`), JSON.stringify(await builtProgram(role)));
  const tools = join(ROOT, 'dist', 'espruino-tools');
  // Scripts that say to the console what they do.
  const text = CONNECTION_FILES.map((name) => readFileSync(join(tools, name), 'utf8')).join('\n;\n');
  writeFileSync(join(folder, 'espruino-tools.js'), text);
  copyFileSync(join(tools, 'LICENSE'), join(folder, 'espruino-tools.LICENSE'));
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
      base: page === 'flasher' ? './' : '/',
      plugins: page === 'flasher' ? [browserForms()] : [],
      build: {
        outDir: join(OUT, page),
        emptyOutDir: true,
        target: 'es2022',
        // Its policy lets a page have nothing inline.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
      },
    });
  await writeFlasherFiles(join(OUT, 'flasher'));
  writeFileSync(MARK, made);
}
