/** What a wallet keeps to itself, read from its store; and a search for it in what it says and others have. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { openSoftStore } from '../../host-bridge/soft-board/soft-store.js';
import { leaks } from '../kit/secrets.js';
import type { WalletRig } from './wallet-rig.js';

/** Ends the wallet; gives which secret of it is where. */
export function leaksOf(rig: WalletRig): string[] {
  const said = JSON.stringify(rig.wallet().status());
  rig.wallet().close();
  const secrets = new Map<string, Buffer>();
  const store = openSoftStore(join(rig.walletDir, 'wallet.db'), { busy: 'WALLET_RUNS', mayMake: false });
  for (const slot of store.records.slots(BOARD_RECORD.key)) {
    const seed = Buffer.from(store.records.get(BOARD_RECORD.key, slot)!.subarray(0, 32));
    const hash = createHash('sha512').update(seed).digest();
    secrets.set(`seed ${slot}`, seed).set(`prefix ${slot}`, hash.subarray(32));
  }
  store.close();
  if (secrets.size < 4) throw new Error('a wallet has two keys at least');
  const places = new Map<string, Buffer>([['status', Buffer.from(said)]]);
  for (const folder of ['shop', 'houses', 'wallet/desk'])
    for (const name of readdirSync(join(rig.folder, folder), { recursive: true, withFileTypes: true }))
      if (name.isFile()) places.set(`${folder}/${name.name}`, readFileSync(join(name.parentPath, name.name)));
  return leaks(secrets, places);
}
