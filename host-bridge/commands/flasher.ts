/** `tapcash flasher`: the page that flashes boards from a browser. */
import { join } from 'node:path';
import { silentLog } from '../base/log.js';
import { packageRoot } from '../base/package-root.js';
import { createHttpServer, listen } from '../http/http-server.js';
import { refuseStrangers, servePages } from '../http/page-files.js';
import { portArgument } from './settings-arguments.js';
import { interrupted, print } from './output.js';

/** Its files on 127.0.0.1, where a browser lets a page have a serial port. They hold nothing secret. */
export async function openFlasherPage(port: number): Promise<{ url: string; close(): Promise<void> }> {
  const app = createHttpServer({ log: silentLog() });
  refuseStrangers(app);
  servePages(app, join(packageRoot(), 'dist', 'web', 'flasher'));
  return { url: `http://127.0.0.1:${await listen(app, '127.0.0.1', port)}/`, close: () => app.close() };
}

/** `tapcash flasher`. */
export async function flasher(options: { listen: string; json?: boolean }): Promise<void> {
  const page = await openFlasherPage(portArgument(options.listen));
  print(
    options.json,
    { url: page.url },
    `${page.url}\nOpen it in Chrome, Edge or Opera on this computer, where the board is plugged in. Ctrl-C ends it.`,
  );
  await interrupted();
  await page.close();
}
