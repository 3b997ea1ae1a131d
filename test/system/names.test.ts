/**
 * A shop and its customers with names as people have them, from the desk to the books, on emulated boards, whose
 * strings hold bytes: in the open, and sealed with several pseudonyms.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '../../host-bridge/audit/audit.js';
import { lookInto, pay, redeem, register, withdraw } from '../../host-bridge/rig/people.js';
import { startWorld, type World } from '../../host-bridge/rig/whole-shop.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';
import { NAMES } from '../kit/names.js';
import { good } from '../kit/people.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [SHOP, ...OWNERS] = ['Ünal & Söhne', 'Nguyễn Văn', '小林', 'Δημήτρης'] as const;

test('the names are of the list', () => expect(NAMES).toEqual(expect.arrayContaining([SHOP, ...OWNERS])));

test.each([
  [1, 1],
  [4, 2],
])(
  'scheme %i with %i pseudonyms',
  async (scheme, pseudonyms) => {
    let listener: ((report: TapReport) => void) | null = null;
    const world = await startWorld({
      ...{ dataDir: join(folder, String(scheme)), shops: [SHOP], users: [...OWNERS], interpreter: null, seed: 1 },
      ...{ scheme, pseudonyms },
      onStep: () => undefined,
      onEvent: (_shop, event) => void (event.type === 'tap' && listener?.(event.report)),
    });
    try {
      const [shop] = world.shops as [World['shops'][number]];
      expect(shop.device.board.screen()).toContain('Ünal & Söhne');
      for (const token of world.tokens) {
        await register(world, shop, token, 10_000);
        await withdraw(world, shop, token, 500);
        if (world.scheme.issue === 'coupon') await redeem(world, shop, token);
        const tap = await pay(world, shop, token, 350, (heard) => void (listener = heard));
        expect([token.name, tap.result]).toEqual([token.name, 'paid']);
        expect((await lookInto(world, shop, token)).balance).toBe(150);
        expect(good(await world.accounts.balanceOf(token.name)).balance).toBe(9500);
      }
      const listed = good(shop.bridge.payments({ limit: 10 })).payments;
      expect(listed.map((each) => each.shop)).toEqual(OWNERS.map(() => SHOP));
    } finally {
      await world.close();
    }
    const { broken } = audit({
      issuerDatabase: world.issuer.database,
      ...(world.bank ? { bankDatabase: world.bank.database } : {}),
      ...(world.trustee ? { trusteeDatabase: world.trustee.database } : {}),
    });
    expect(broken).toEqual([]);
  },
  240_000,
);
