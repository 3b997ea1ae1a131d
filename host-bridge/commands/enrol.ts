/** A terminal's registration with the houses of a folder, where its operator's key is. */
import { isFailure, must } from '../base/errors.js';
import { openOffice } from './office.js';

import { BANK_URL, urlOf, type Settings } from './settings.js';

/**
 * The shop's account, and in it the terminal's key for its cancellations, where the folder's houses run. Both may be
 * there already. @returns null, or why it was not done
 */
export async function enrol(
  shop: string,
  { terminalId, terminalKey }: { terminalId: Uint8Array; terminalKey: Uint8Array },
  data: string,
  settings: Settings,
): Promise<string | null> {
  try {
    const { accounts } = await openOffice({
      data,
      issuerUrl: urlOf(settings, 'issuer')!,
      bankUrl: urlOf(settings, 'bank') ?? BANK_URL,
    });
    must(await accounts.openAccount(shop, null));
    must(await accounts.registerTerminal(shop, terminalId, terminalKey));
    return null;
  } catch (thrown) {
    if (!isFailure(thrown)) throw thrown;
    return thrown.code;
  }
}
