/**
 * A shop and its customers with names as people have them, from the desk to the books, on emulated boards, whose
 * strings hold bytes: in the open, and sealed with several pseudonyms.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '../../host-bridge/audit/audit.js';
import { lookInto, pay, redeem, register, withdraw } from '../../host-bridge/rig/people.js';
import { startWholeShop, type WholeShop } from '../../host-bridge/rig/whole-shop.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';
import { NAMES } from '../kit/names.js';
import { good } from '../kit/people.js';
import { spread } from '../kit/extent.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [SHOP, ...OWNERS] = ['Ünal & Söhne', 'Nguyễn Văn', '小林', 'Δημήτρης'] as const;

test('the names are of the list', () => expect(NAMES).toEqual(expect.arrayContaining([SHOP, ...OWNERS])));

const kinds: [scheme: number, pseudonyms: number][] = [
  [4, 2],
  [1, 1],
];
test.each(spread(kinds, 1))(
  'scheme %i with %i pseudonyms',
  async (scheme, pseudonyms) => {
    let listener: ((report: TapReport) => void) | null = null;
    const rig = await startWholeShop({
      ...{ dataDir: join(folder, String(scheme)), shops: [SHOP], users: [...OWNERS], interpreter: null, seed: 1 },
      ...{ scheme, pseudonyms },
      onStep: () => undefined,
      onEvent: (_shop, event) => void (event.type === 'tap' && listener?.(event.report)),
    });
    try {
      const [shop] = rig.shops as [WholeShop['shops'][number]];
      expect(shop.device.board.screen()).toContain('Ünal & Söhne');
      for (const token of rig.tokens) {
        await register(rig, shop, token, 10_000);
        await withdraw(rig, shop, token, 500);
        if (rig.scheme.issue === 'coupon') await redeem(rig, shop, token);
        const tap = await pay(rig, shop, token, 350, (heard) => void (listener = heard));
        expect([token.name, tap.result]).toEqual([token.name, 'paid']);
        expect((await lookInto(rig, shop, token)).balance).toBe(150);
        expect(good(await rig.accounts.balanceOf(token.name)).balance).toBe(9500);
      }
      const listed = good(shop.bridge.payments({ limit: 10 })).payments;
      expect(listed.map((each) => each.shop)).toEqual(OWNERS.map(() => SHOP));
    } finally {
      await rig.close();
    }
    const { broken } = audit({
      issuerDatabase: rig.issuer.database,
      ...(rig.bank ? { bankDatabase: rig.bank.database } : {}),
      ...(rig.trustee ? { trusteeDatabase: rig.trustee.database } : {}),
    });
    expect(broken).toEqual([]);
  },
  240_000,
);
