/** Jest runs this before each test file: bundles that `npm run build` did not leave are built into a place of tests. */
import { join } from 'node:path';
import { buildMissingInto } from '../../flash-scripts/build/built-bundles.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

buildMissingInto(join(packageRoot(), 'node_modules', '.cache', 'tapcash-bundles'));
