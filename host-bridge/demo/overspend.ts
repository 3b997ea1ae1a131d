/**
 * The scenario of a cloned token: found by EBC, named by trace, denied everywhere [0031], [0056], [0081].
 */
import { toHex } from '../../firmware/core/bytes.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { TERMINAL_TERMS } from '../../flash-scripts/provision/board-files.js';
import type { Trace } from '../base/services/procedures.js';
import { failure, type Result } from '../base/errors.js';
import { deliver, WITHDRAWALS, type Stage } from './stage.js';
import type { Shop, WholeShop } from '../rig/whole-shop.js';
import { must } from '../rig/must.js';

/**
 * Overspend [0031]: Bob's token pays at one shop, its copy at another that is offline, with the same money. What the
 * clone can take there is bounded by the terminal's limit for an old deny list.
 */
export async function spendTwice(stage: Stage): Promise<void> {
  const { rig, step } = stage;
  const [first, second] = rig.shops;
  const bob = rig.tokens[1];
  const clone = await step("copy the memory of Bob's token", () => rig.clone(bob, "Bob's clone"));
  const half = WITHDRAWALS.Bob / 2;
  for (let part = 0; part < 2; part++) await stage.pay(first, bob, half);
  for (let part = 0; part < 2; part++) await stage.pay(second, clone, half);
  second.setOnline(true);
  await deliver(stage);

  const { overspends } = must('overspends', await rig.office.overspends());
  const [found] = overspends;
  if (!found) throw failure('NOT_OVERSPENT', 'no EBC is negative');
  const trace = await step('trace', async () =>
    must('trace', await traceBy[rig.scheme.traceBy](rig, found.pku, 'EBC is negative')),
  );
  const deniedAt: string[] = [];
  await step('bring the deny list to the terminals', async () => {
    for (const shop of rig.shops) if (await holdsNewestList(rig, shop)) deniedAt.push(shop.name);
  });
  const again = await stage.pay(second, clone, 100);
  stage.overspend = {
    pku: toHex(found.pku),
    ebc: found.ebc,
    name: trace.name,
    proof: trace.proof,
    deniedAt,
    afterwards: again.result,
    loss: -found.ebc,
    // n pseudonyms, c at each terminal without a fresh list: one.
    bound: rig.pseudonyms * TERMINAL_TERMS.staleListLimit,
  };
  stage.check('the right name, proven', trace.name === bob.name && trace.proof === 'PROVEN');
  stage.check('denied at every terminal', deniedAt.length === rig.shops.length && again.result === 'DENIED');
  stage.check('the loss is within its bound', -found.ebc <= stage.overspend.bound);
}

/** Who gives the name out, by the scheme's column; trustee and bank do so on the issuer's signed order alone. */
const traceBy: Record<Scheme['traceBy'], (rig: WholeShop, pku: Uint8Array, why: string) => Promise<Result<Trace>>> = {
  issuer: (rig, pku, why) => rig.office.trace(pku, why),
  async trustee(rig, pku, why) {
    const ordered = await rig.office.traceOrder(pku, why);
    return ordered.ok ? rig.trusteeClient!.trace(ordered.order) : ordered;
  },
  async bank(rig, pku, why) {
    const ordered = await rig.office.traceOrder(pku, why);
    return ordered.ok ? rig.bankOffice!.trace(ordered.order) : ordered;
  },
};

/** Brings the newest deny list to a shop's terminal; whether it has it, at most 10 s later. */
async function holdsNewestList(rig: WholeShop, shop: Shop): Promise<boolean> {
  const { version } = must('deny list', await rig.issuerClient.denyList(0));
  for (let tries = 0; tries < 100; tries++) {
    await shop.bridge.pushDenyList();
    const { status } = must('terminal status', await shop.bridge.terminal.status());
    if (status.denyVersion >= version) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
