/** Another shop of emulated boards for the bench's page: of a chosen scheme, and from a seed the same each time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWholeShop, type WholeShop } from '../rig/whole-shop.js';
import { createBench, type Bench } from './bench.js';
import { createStage, openAccounts, SHOPS, USERS } from './stage.js';

/** A shop with its bench. */
export interface BenchShop {
  rig: WholeShop;
  bench: Bench;
  /** Where its books and keys lie; gone when it is closed. */
  dataDir: string;
  close(): Promise<void>;
}

/** Alice and Bob have accounts and cash, and nobody has paid. @param run counts shops: a page forgets the one before */
export async function openBenchShop(scheme: number, seed: number, run: number): Promise<BenchShop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-bench-'));
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true });
  let bench: Bench | null = null;
  let rig: WholeShop | null = null;
  try {
    rig = await startWholeShop({
      ...{ dataDir, scheme, seed, users: USERS, shops: SHOPS.slice(0, 1), interpreter: null },
      onStep: () => undefined,
      onEvent: (shop, event) => bench?.onBridge(shop, event),
      onLook: () => bench?.onLook(),
    });
    await openAccounts(createStage(rig, new Map(), () => undefined));
    const own = rig;
    const made = (bench = await createBench(rig, { run, seed }));
    return {
      ...{ rig, bench: made, dataDir },
      async close() {
        made.close();
        await own.close();
        remove();
      },
    };
  } catch (thrown) {
    await rig?.close();
    remove();
    throw thrown;
  }
}
