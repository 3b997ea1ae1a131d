/**
 * How the build names a file to people.
 */
import { relative, sep } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';

/** A path as problems name it. */
export function displayPath(path: string): string {
  return relative(packageRoot(), path).split(sep).join('/');
}
