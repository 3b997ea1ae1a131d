/**
 * A conversation about payments that are paid already: a wallet that did not hear of the end of one comes again, and
 * its debits for this shop are acknowledged, as a terminal does after each tap (firmware/shop-terminal/tap.ts, RECALL
 * and ACK). It needs no charge, and nothing is paid in it.
 */
import { SW_OK } from '../../firmware/core/codes.js';
import { createApduClient } from '../../firmware/nfc/iso-dep-client.js';
import { encodeSelect, selectToken } from '../../firmware/shop-terminal/tap.js';
import type { Till } from '../../firmware/shop-terminal/till.js';
import { chargeId, RS_BYTES } from '../../firmware/wire/payment.js';
import { CLA, INS, recallRequest } from '../../firmware/wire/token-commands.js';
import type { ErrorCode } from '../base/errors.js';
import { radioOf, RESPONSE_BYTES_MAX } from './line-reader.js';
import type { Visit } from './visit.js';

/** Debits looked at in one conversation, as in a tap. */
const RECALLS_MAX = 16;

/**
 * Runs one.
 * @param end the code that the wallet is told when nothing is left to acknowledge
 */
export function settleVisit(visit: Visit, till: Pick<Till, 'wasPaid'>, shop: string, end: ErrorCode): void {
  const client = createApduClient({ radio: radioOf(visit), responseBytesMax: RESPONSE_BYTES_MAX });

  function send(ins: number, data: Uint8Array, then: (data: Uint8Array | null) => void): void {
    client.command(CLA, ins, 0, 0, data, (result) => {
      if (!result.ok) visit.end('TAP_TORN');
      else then(result.sw === SW_OK ? result.data : null);
    });
  }

  function recall(index: number, left: number): void {
    if (left === 0) return visit.end(end);
    send(INS.recall, recallRequest.encode({ index, shop }), (rs) => {
      if (!rs || rs.length !== RS_BYTES) return visit.end(end);
      if (!till.wasPaid(rs)) return recall(index + 1, left - 1);
      send(INS.ack, chargeId.encode({ rs, shop }), (acked) => {
        if (acked) recall(index, left - 1);
        else visit.end(end);
      });
    });
  }

  selectToken(
    client,
    encodeSelect(client),
    () => 'TAP_TORN',
    (code) => {
      if (code === 'OK') recall(0, RECALLS_MAX);
      else visit.end(code);
    },
  );
}
