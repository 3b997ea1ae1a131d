/**
 * A withdrawal whose desk loses one answer of the token's, at each place in turn, and that is given again under its id:
 * it is done once, whoever had done what. Coupons and sealed requests, on an emulated board; in the open:
 * test/bridge/teller.test.ts. With `TAPCASH_SCHEMES=all` keyed ones, too: the same code.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '../../host-bridge/audit/audit.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import { lookInto, pressButton, redeem, register } from '../../host-bridge/rig/people.js';
import { startWholeShop, type WholeShop } from '../../host-bridge/rig/whole-shop.js';
import type { DeskEvent } from '../../host-bridge/bridge/desk/desk-steps.js';
import { good } from '../kit/people.js';
import { spread } from '../kit/extent.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-lost-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AMOUNT = 20;
/** More desk commands than a withdrawal has. */
const CUTS_MAX = 40;

const schemes: [what: string, scheme: number][] = [
  ['sealed', 3],
  ['coupons', 2],
];
test.each(process.env.TAPCASH_SCHEMES === 'all' ? [...schemes, ['keyed', 4] as const] : spread(schemes, 1))(
  '%s',
  async (_what, scheme) => {
    const rig: WholeShop = await startWholeShop({
      ...{ dataDir: join(folder, String(scheme)), shops: ['Cafe'], users: ['Ada'], interpreter: null, seed: 1, scheme },
      onStep: () => undefined,
    });
    try {
      const [shop] = rig.shops as [WholeShop['shops'][number]];
      const [token] = rig.tokens as [WholeShop['tokens'][number]];
      await register(rig, shop, token, 10_000);
      const onEvent = ({ wait }: DeskEvent) => {
        if (wait === 'tap' || wait === 'again') token.presence.hold(shop.field);
        if (wait === 'button' || wait === 'confirm') pressButton(rig, token.device.board);
      };
      let cutAt = 0;
      let calls = 0;
      const { terminal } = shop.bridge;
      const desk = terminal.desk.bind(terminal);
      terminal.desk = async (...asked) => {
        const answer = await desk(...asked);
        if (answer.code !== 'OK' || ++calls !== cutAt) return answer;
        return { code: 'REFUSED', body: new Uint8Array(0) };
      };
      let withdrawals = 0;
      for (let wasCut = true; wasCut && cutAt < CUTS_MAX; withdrawals++) {
        cutAt++;
        calls = 0;
        const id = new Uint8Array(16).fill(cutAt);
        const first = await shop.bridge.teller.withdraw({ amount: AMOUNT, id, onEvent });
        wasCut = !first.ok;
        const again = await shop.bridge.teller.withdraw({ amount: AMOUNT, id, onEvent });
        expect([cutAt, again]).toEqual([cutAt, expect.objectContaining({ ok: true, amount: AMOUNT })]);
        token.presence.leave();
        expect([cutAt, good(await rig.accounts.balanceOf('Ada')).balance]).toEqual([cutAt, 10_000 - AMOUNT * cutAt]);
      }
      expect(withdrawals).toBeGreaterThanOrEqual(3);
      expect(withdrawals).toBeLessThan(CUTS_MAX);
      cutAt = 0;
      if (rig.scheme.issue === 'coupon') await redeem(rig, shop, token);
      expect((await lookInto(rig, shop, token)).balance).toBe(AMOUNT * withdrawals);
      const numbers = good(await rig.accounts.numbers()).numbers;
      const issuer = good(await rig.office.numbers()).numbers;
      expect(conservationOf(numbers, issuer)).toEqual({ ok: true, in: 10_000, held: 10_000 });
    } finally {
      await rig.close();
    }
    expect(audit({ issuerDatabase: rig.issuer.database, bankDatabase: rig.bank!.database }).broken).toEqual([]);
  },
  240_000,
);
