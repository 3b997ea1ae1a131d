/**
 * Copies the files of EspruinoTools (npm "espruino") that flashing needs into dist, with their license: so the package
 * that is packed does without the rest, which wants Bluetooth, USB and WebRTC. `npm run build` runs this once the host
 * is compiled; flash-scripts/flash/node/espruino-tools.ts, which names the files, and the flasher's page read the
 * copies.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONNECTION_FILES } from '../../dist/flash-scripts/flash/node/espruino-tools.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const from = dirname(createRequire(join(root, 'package.json')).resolve('espruino/package.json'));
const to = join(root, 'dist', 'espruino-tools');

for (const file of [...CONNECTION_FILES, 'LICENSE', 'package.json']) {
  mkdirSync(dirname(join(to, file)), { recursive: true });
  copyFileSync(join(from, file), join(to, file));
}
