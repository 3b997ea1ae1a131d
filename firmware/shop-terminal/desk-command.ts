/**
 * One command of the teller to a token, through the terminal's reader: what a desk needs for registration and
 * withdrawal.
 *
 * The terminal only carries it: what the command means is between token and bridge (wire/token-commands.ts).
 */
import { Code, codeOfStatusWord } from '../core/codes.js';
import type { ApduClient } from '../nfc/iso-dep-client.js';
import type { NfcCode } from '../nfc/pn532-link.js';
import { DeskRequest } from '../wire/link/link-messages.js';
import { CLA } from '../wire/token-commands.js';
import { encodeSelect, selectToken } from './tap.js';

/**
 * Sends the command to the token that the reader has found; `done` gets the token's code and data, or TAP_TORN,
 * NO_TOKEN.
 */
export function runDeskCommand(
  client: ApduClient,
  request: DeskRequest,
  onFailure: (code: NfcCode) => Code,
  done: (code: Code, data?: Uint8Array) => void,
): void {
  selectToken(client, encodeSelect(client), onFailure, function (code, answer) {
    if (code !== 'OK') return done(code, answer);
    client.command(CLA, request.ins, 0, 0, request.data, function (result) {
      if (result.ok) done(codeOfStatusWord(result.sw), result.data);
      else done(onFailure(result.code));
    });
  });
}
