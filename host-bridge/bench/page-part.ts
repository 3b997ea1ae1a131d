/**
 * Parts of docs/performance.md that commands of their own write, between two lines by which they are found again: so
 * each is kept when another is written anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import { packageRoot } from '../base/package-root.js';

const PAGE = 'docs/performance.md';
/** The section that comes after what was measured. */
export const NEXT_SECTION = '## How to measure';

/** Where a part is, and before which line it goes where there is none. */
export interface PagePart {
  markers: readonly [begin: string, end: string];
  before: string;
}

/** The part with its markers; null where the page has none. */
function partOf(page: string, { markers }: PagePart): string | null {
  const [start, end] = [page.indexOf(markers[0]), page.indexOf(markers[1])];
  return start < 0 || end < start ? null : page.slice(start, end + markers[1].length);
}

/** The page with this text, markers included, as that part. @throws TapcashError BAD_REQUEST where it has no place */
function withPart(page: string, which: PagePart, text: string): string {
  const old = partOf(page, which);
  if (old !== null) return page.replace(old, () => text);
  if (!page.includes(which.before)) throw failure('BAD_REQUEST', `docs/performance.md has no ${which.before}`);
  return page.replace(which.before, () => `${text}\n\n${which.before}`);
}

/** docs/performance.md. */
export const readPage = (root = packageRoot()): string => readFileSync(join(root, PAGE), 'utf8');

/** Puts a part into docs/performance.md. @returns the file, from the repository's root */
export function writePart(which: PagePart, text: string, root: string): string {
  writeFileSync(join(root, PAGE), withPart(readPage(root), which, text));
  return PAGE;
}

/** A page that was written anew, with that part of the one before. */
export function keepPart(before: string, page: string, which: PagePart): string {
  const part = partOf(before, which);
  return part === null ? page : withPart(page, which, part);
}
