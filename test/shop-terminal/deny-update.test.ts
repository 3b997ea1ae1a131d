/**
 * The deny list in raw flash: what messages make of it, whatever power does and whoever sends them; and how often an
 * honest pseudonym is taken for a denied one.
 */
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { DENIED_MAX, DENY_CHANGES_MAX, denyBody, signedDenyList, type DenyBody } from '../../firmware/wire/notices.js';
import {
  denyDigest,
  denyMessages,
  denyPrefixesOf,
  difference,
  isListed,
  prefixBytes,
  wholeList,
} from '../../host-bridge/base/deny-lists.js';
import { createBits, type CutPlace, PowerLost } from '../../host-bridge/emulator/flash.js';
import { findDenyArea } from '../../firmware/shop-terminal/deny-area.js';
import { DENY_FILE, DENY_FILE_BYTES } from '../../firmware/core/deny-file.js';
import { findPrefix } from '../../firmware/shop-terminal/deny-store.js';
import { createReservedPages, DENY_FILE_BLANK } from '../../host-bridge/emulator/reserved-pages.js';
import * as h from './till-rig.js';
import { extent } from '../kit/extent.js';

const { ISSUER, NOW_S } = h;
type Shop = h.Shop;

/** A list of this many random prefixes. */
function randomList(count: number, seed: number): Uint32Array {
  const bits = createBits(seed);
  const all = new Set<number>();
  while (all.size < count) all.add(bits());
  return Uint32Array.from(all).sort();
}

const pkuWith = (prefix: number): Uint8Array => {
  const pku = new Uint8Array(32).fill(7);
  new DataView(pku.buffer).setUint32(0, prefix);
  return pku;
};

const whole = (version: number, prefixes: Uint32Array, timeS = NOW_S): Uint8Array[] =>
  wholeList({ issuer: ISSUER, version, timeS, prefixes }, h.signList);

/** The messages from one list to another. */
const step = (fromVersion: number, from: Uint32Array, toVersion: number, to: Uint32Array): Uint8Array[] =>
  denyMessages(
    {
      issuer: ISSUER,
      fromVersion,
      toVersion,
      timeS: NOW_S,
      size: to.length,
      digest: denyDigest(to),
      changes: difference(from, to),
    },
    h.signList,
  );

/** Brings messages up to the first that is not taken. */
function bring(shop: Shop, messages: readonly Uint8Array[]): string {
  for (const message of messages) {
    const code = shop.notices.accept(KIND.denyList, message, h.verifyMark);
    if (code !== 'OK') return code;
  }
  return 'OK';
}

const HALF_20000 = 81920;
/** A shop with room for so many. */
const openFor = (halfBytes = HALF_20000, flash = h.makeFlash(halfBytes)): Shop => h.openShop(flash, {}, 128, halfBytes);

/** What the flash of a shop has, as far as an update may not touch it: the list that counts. */
function stateOf(shop: Shop, listed: Uint32Array): unknown {
  return {
    version: shop.notices.denyVersion(),
    record: shop.log.get(36, 0),
    listed: [...listed].filter((_, i) => i % 97 === 0).map((prefix) => shop.notices.isDenied(pkuWith(prefix))),
  };
}

describe('lists and differences', () => {
  test('20,000 pseudonyms in 25 messages, then a difference in one; all of them are found, also after a start', () => {
    const first = randomList(20_000, 1);
    let shop = openFor();
    const messages = whole(1, first);
    expect(messages.length).toBe(25);
    expect(Math.max(...messages.map((message) => message.length))).toBeLessThanOrEqual(3324);
    expect(bring(shop, messages)).toBe('OK');
    const gone = first.filter((_, i) => i % 500 === 3);
    const come = randomList(60, 2);
    const second = difference(difference(first, gone), come);
    expect(step(1, first, 2, second).length).toBe(1);
    expect(bring(shop, step(1, first, 2, second))).toBe('OK');
    for (let life = 0; life < 2; life++) {
      expect(shop.notices.denyVersion()).toBe(2);
      for (const prefix of second) if (!shop.notices.isDenied(pkuWith(prefix))) throw new Error(`missing ${prefix}`);
      for (const prefix of gone) if (shop.notices.isDenied(pkuWith(prefix))) throw new Error(`still there ${prefix}`);
      shop = h.openShop(shop.flash, {}, 128, HALF_20000);
    }
  });

  test.each([
    ['the first and the last prefix there can be', Uint32Array.of(), Uint32Array.of(0, 0xffffffff)],
    ['everything goes', randomList(700, 3), Uint32Array.of()],
    ['nothing stays', randomList(300, 4), randomList(300, 5)],
    ['all before', Uint32Array.of(1000, 1001), Uint32Array.of(1, 2, 3, 1000, 1001)],
    ['all behind', Uint32Array.of(1, 2), Uint32Array.of(1, 2, 1000, 1001)],
    ['a piece to the byte', randomList(255, 6), randomList(256, 6)],
    ['a page to the byte', randomList(1000, 7), randomList(1024, 7)],
    ['over a page', randomList(1024, 8), randomList(1025, 8)],
    ['in several messages', randomList(3000, 9), randomList(1500, 10)],
  ])('%s', (_, from, to) => {
    const shop = openFor();
    expect(bring(shop, whole(4, from))).toBe('OK');
    expect(bring(shop, step(4, from, 9, to))).toBe('OK');
    expect(shop.notices.denyVersion()).toBe(9);
    for (const prefix of to) expect(shop.notices.isDenied(pkuWith(prefix))).toBe(true);
    for (const prefix of difference(from, to))
      expect(shop.notices.isDenied(pkuWith(prefix))).toBe(isListed(to, pkuWith(prefix)));
  });

  test('random differences of random lists', () => {
    const bits = createBits(77);
    const shop = openFor();
    let held: Uint32Array = new Uint32Array(0);
    for (let version = 1; version <= 40; version++) {
      const keep = bits() % 4;
      const next = difference(
        held.filter(() => bits() % 4 >= keep),
        randomList(bits() % 1200, version + 100).filter((prefix) => !held.includes(prefix)),
      );
      expect(bring(shop, version % 7 === 1 ? whole(version, next) : step(version - 1, held, version, next))).toBe('OK');
      held = next;
      for (let i = 0; i < held.length; i += 13) expect(shop.notices.isDenied(pkuWith(held[i]))).toBe(true);
    }
  });

  test('the same list at a later time costs one record and no page', () => {
    const list = randomList(2000, 11);
    const shop = openFor();
    bring(shop, whole(1, list));
    const before = { ...shop.flash.counters };
    expect(bring(shop, step(1, list, 2, list))).toBe('OK');
    expect(shop.notices.denyVersion()).toBe(2);
    expect(shop.flash.counters.erases).toBe(before.erases);
    expect(shop.flash.counters.bytesWritten - before.bytesWritten).toBeLessThan(200);
    expect(shop.notices.isDenied(pkuWith(list[1234]))).toBe(true);
  });

  test('a message that comes again is answered like the first time', () => {
    const list = randomList(2500, 12);
    const shop = openFor();
    const messages = whole(1, list);
    for (const message of messages.slice(0, -1)) expect(bring(shop, [message, message])).toBe('OK');
    expect(bring(shop, [messages.at(-1)!])).toBe('OK');
    expect(bring(shop, [messages.at(-1)!])).toBe('NOT_NEWER');
    expect(shop.notices.isDenied(pkuWith(list[2400]))).toBe(true);
  });

  test('a list in the middle of which another version comes', () => {
    const [a, b] = [randomList(2500, 13), randomList(2400, 14)];
    const shop = openFor();
    expect(bring(shop, whole(1, a).slice(0, 2))).toBe('OK');
    expect(bring(shop, whole(2, b))).toBe('OK');
    expect(bring(shop, whole(1, a).slice(2))).toBe('NOT_NEWER');
    expect(shop.notices.isDenied(pkuWith(b[2000]))).toBe(true);
    expect(shop.notices.isDenied(pkuWith(a[2000]))).toBe(false);
  });

  test('flash that lost the list: the version is 0 until the whole list has come, and no older one is taken', () => {
    const list = randomList(1500, 15);
    const full = openFor();
    bring(full, whole(7, list));
    full.flash.erasePage(h.DENY_AT);
    const shop = h.openShop(full.flash, {}, 128, HALF_20000);
    expect(shop.notices.denyVersion()).toBe(0);
    expect(shop.notices.listIsStale()).toBe(true);
    expect(bring(shop, whole(6, list))).toBe('NOT_NEWER');
    expect(bring(shop, step(7, list, 8, list))).toBe('LIST_MISMATCH');
    expect(bring(shop, whole(7, list))).toBe('OK');
    expect(shop.notices.isDenied(pkuWith(list[1000]))).toBe(true);
  });
});

describe('what is wrong changes nothing', () => {
  const held = randomList(1300, 20);
  const next = difference(held, randomList(40, 21));
  const changes = prefixBytes(difference(held, next));
  const good: DenyBody = {
    issuer: ISSUER,
    fromVersion: 3,
    toVersion: 4,
    timeS: NOW_S,
    size: next.length,
    digest: denyDigest(next),
    total: 40,
    first: 0,
    changes,
  };
  const sealed = (change: Partial<DenyBody>): Uint8Array => {
    const body = denyBody.encode({ ...good, ...change });
    return signedDenyList.encode({ signature: h.signList(body), body });
  };
  const turned = (bytes: Uint8Array, at: number): Uint8Array => {
    const out = bytes.slice();
    out[at] ^= 1;
    return out;
  };
  const swapped = changes.slice();
  swapped.set(changes.subarray(4, 8), 0);
  swapped.set(changes.subarray(0, 4), 4);
  const many = prefixBytes(randomList(DENY_CHANGES_MAX + 1, 22));

  test.each<[string, Uint8Array, string]>([
    ['a signature with a wrong bit', turned(sealed({}), 5), 'SIGNATURE_INVALID'],
    ['a body with a wrong bit', turned(sealed({}), 64 + 60 + 9), 'SIGNATURE_INVALID'],
    ['another issuer', sealed({ issuer: Uint8Array.of(4, 4, 4, 4) }), 'BAD_REQUEST'],
    ['another base, older', sealed({ fromVersion: 2 }), 'LIST_MISMATCH'],
    ['another base, newer', sealed({ fromVersion: 5, toVersion: 6 }), 'LIST_MISMATCH'],
    ['not newer', sealed({ toVersion: 3 }), 'NOT_NEWER'],
    ['unsorted', sealed({ changes: swapped }), 'BAD_REQUEST'],
    [
      'the same prefix twice',
      sealed({ changes: Uint8Array.from([...changes.slice(0, 156), ...changes.slice(152, 156)]) }),
      'BAD_REQUEST',
    ],
    ['half a prefix', sealed({ changes: changes.slice(0, 159) }), 'BAD_REQUEST'],
    ['too many in one message', sealed({ total: DENY_CHANGES_MAX + 1, changes: many }), 'BAD_REQUEST'],
    ['more than it says', sealed({ total: 39 }), 'BAD_REQUEST'],
    ['nothing of something', sealed({ changes: new Uint8Array(0) }), 'BAD_REQUEST'],
    ['a later message without the first', sealed({ total: 80, first: 40 }), 'LIST_MISMATCH'],
    ['another digest', sealed({ digest: new Uint8Array(32).fill(9) }), 'LIST_MISMATCH'],
    ['another size, smaller', sealed({ size: next.length - 1 }), 'LIST_MISMATCH'],
    ['another size, larger', sealed({ size: next.length + 1 }), 'LIST_MISMATCH'],
    ['a size of nothing', sealed({ size: 0 }), 'LIST_MISMATCH'],
    ['longer than any list', sealed({ size: DENIED_MAX + 1 }), 'DENY_LIST_FULL'],
    ['longer than this board has room for', sealed({ size: 4097 }), 'DENY_LIST_FULL'],
    ['refreshed with another size', sealed({ total: 0, changes: new Uint8Array(0) }), 'LIST_MISMATCH'],
    [
      'refreshed with another digest',
      sealed({ total: 0, changes: new Uint8Array(0), size: held.length }),
      'LIST_MISMATCH',
    ],
    [
      'an empty whole list that is none',
      sealed({ fromVersion: 0, total: 0, changes: new Uint8Array(0) }),
      'LIST_MISMATCH',
    ],
    ['no message', new Uint8Array(10), 'BAD_REQUEST'],
  ])('%s', (_, message, code) => {
    // A half of 4,096 prefixes, and the pages behind it belong to somebody else.
    const shop = h.openShop(h.makeFlash());
    expect(bring(shop, whole(3, held))).toBe('OK');
    const before = stateOf(shop, held);
    expect(shop.notices.accept(KIND.denyList, message, h.verifyMark)).toBe(code);
    expect(stateOf(shop, held)).toEqual(before);
    expect(stateOf(h.openShop(shop.flash), held)).toEqual(before);
    expect(shop.notices.accept(KIND.denyList, sealed({}), h.verifyMark)).toBe('OK');
    expect(shop.notices.isDenied(pkuWith(difference(held, next)[3]))).toBe(
      isListed(next, pkuWith(difference(held, next)[3])),
    );
  });

  test('a difference that would grow beyond its half writes nothing behind it', () => {
    const full = randomList(4096, 23);
    const shop = h.openShop(h.makeFlash());
    expect(bring(shop, whole(1, full))).toBe('OK');
    const more = randomList(600, 24).filter((prefix) => !isListed(full, pkuWith(prefix)));
    const grown = (fromVersion: number): Uint8Array => {
      const toVersion = fromVersion + 1;
      const body = denyBody.encode({
        ...good,
        fromVersion,
        toVersion,
        size: 4096,
        total: more.length,
        changes: prefixBytes(more),
      });
      return signedDenyList.encode({ signature: h.signList(body), body });
    };
    // What is made of the list in half 0 goes to half 1, at the end of this flash; then the other way round.
    expect(shop.notices.accept(KIND.denyList, grown(1), h.verifyMark)).toBe('LIST_MISMATCH');
    expect(shop.notices.isDenied(pkuWith(full[4095]))).toBe(true);
    const fewer = full.slice(0, 4095);
    expect(bring(shop, step(1, full, 2, fewer))).toBe('OK');
    expect(shop.notices.accept(KIND.denyList, grown(2), h.verifyMark)).toBe('LIST_MISMATCH');
    for (let i = 0; i < fewer.length; i += 11) expect(shop.notices.isDenied(pkuWith(fewer[i]))).toBe(true);
  });
});

describe('power cut', () => {
  const from = randomList(1500, 30);
  const to = difference(from, randomList(900, 31));

  /** What brings the list of version 2: a difference of two messages, or the whole list. */
  test.each([
    ['a difference', step(1, from, 2, to)],
    ['a whole list', whole(2, to)],
    ['the same list again', step(1, from, 2, from)],
  ])('at every flash operation of %s: old or new, and the next try succeeds', (name, messages) => {
    const after = name === 'the same list again' ? from : to;
    const prepared = h.openShop(h.makeFlash());
    expect(bring(prepared, whole(1, from))).toBe('OK');
    const image = prepared.flash.save();
    const places: [CutPlace, number][] = [
      ['before', 0],
      ['during', 0],
      ['during', 7],
      ['during', 255],
      ['scattered', 0],
      ['weak', 0],
      ['after', 0],
    ];
    let cuts = 0;
    for (let operation = 0; ; operation++) {
      for (const [place, word] of places) {
        const flash = prepared.flash;
        flash.restore(image);
        const shop = h.openShop(flash);
        flash.cutAfter(operation, place, word);
        try {
          bring(shop, messages);
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
          cuts++;
          const again = h.openShop(flash);
          // Bits that looked done and were not fade at one of the next two starts.
          const later = h.openShop(flash);
          for (const now of [again, later]) {
            const version = now.notices.denyVersion();
            expect([1, 2]).toContain(version);
            const list = version === 1 ? from : after;
            for (let i = 0; i < list.length; i += 41)
              if (!now.notices.isDenied(pkuWith(list[i]))) throw new Error(`operation ${operation}, ${place}: ${i}`);
          }
          expect(['OK', 'NOT_NEWER']).toContain(bring(later, messages));
          expect(later.notices.denyVersion()).toBe(2);
          for (let i = 0; i < after.length; i += 41) expect(later.notices.isDenied(pkuWith(after[i]))).toBe(true);
          continue;
        }
        // One operation more than the step has: the enumeration is complete.
        expect(cuts).toBeGreaterThan(name === 'the same list again' ? 5 : 80);
        return;
      }
    }
  });
});

describe('a look-up', () => {
  test('on 20,000 takes 7 reads of flash, 23 at most whatever the list is', () => {
    const list = randomList(20_000, 40);
    const shop = openFor();
    bring(shop, whole(1, list));
    const bits = createBits(41);
    let most = 0;
    const before = shop.flash.counters.reads;
    for (let i = 0; i < 20_000; i++) {
      const one = shop.flash.counters.reads;
      shop.notices.isDenied(pkuWith(bits()));
      most = Math.max(most, shop.flash.counters.reads - one);
    }
    expect((shop.flash.counters.reads - before) / 20_000).toBeLessThan(7);
    expect(most).toBeLessThanOrEqual(23);
    // Keys that somebody chose so that guesses are as wrong as can be.
    const skewed = Uint32Array.from({ length: 20_000 }, (_, i) => (i < 19_999 ? i : 0xffffffff));
    const pages = { read: (n: number, at: number) => prefixBytes(skewed.subarray(at / 4, (at + n) / 4)) };
    let reads = 0;
    const flash = { ...pages, read: (n: number, at: number) => (reads++, pages.read(n, at)) } as never;
    for (const prefix of [0, 1, 9_999, 19_998, 20_001, 0xfffffffe, 0xffffffff]) {
      reads = 0;
      expect(findPrefix(flash, 0, 0, skewed.length, 0, prefix) >= 0).toBe(isListed(skewed, pkuWith(prefix)));
      expect(reads).toBeLessThanOrEqual(23);
    }
  });

  test('of many honest pseudonyms with 20,000 on the list fewer than one in 100,000 is refused', () => {
    const list = randomList(20_000, 50);
    const shop = openFor();
    bring(shop, whole(1, list));
    const bits = createBits(51);
    let refused = 0;
    const honest = extent(300_000, 1_000_000);
    for (let i = 0; i < honest; i++) {
      const prefix = bits();
      if (shop.notices.isDenied(pkuWith(prefix))) refused++;
      else if (i % 50_000 === 0 && isListed(list, pkuWith(prefix))) throw new Error('missed');
    }
    // Expected are 4.7 of a million; 10 would be one in 100,000.
    expect(refused).toBeLessThan(honest / 100_000);
    expect(DENIED_MAX / 2 ** 32).toBeLessThan(1 / 100_000);
  });
});

describe('the pages', () => {
  test('are found in the file that was reserved, in whole pages, and hold two lists of the greatest length', () => {
    const pages = createReservedPages(new Map([[DENY_FILE, DENY_FILE_BLANK]]));
    const area = findDenyArea(pages.flash(), 0x320000, 4096)!;
    expect([area.address % 4096, area.halfBytes % 4096]).toEqual([0, 0]);
    expect(area.address).toBeGreaterThanOrEqual(0x320000 + 32);
    expect(area.address + 2 * area.halfBytes).toBeLessThanOrEqual(0x320000 + 32 + DENY_FILE_BYTES);
    expect(area.halfBytes).toBeGreaterThanOrEqual(DENIED_MAX * 4);
  });

  test('wherever the file is among others', () => {
    const image = new Uint8Array(600_000).fill(0xff);
    const read = (length: number, address: number) => image.slice(address, address + length);
    const put = (at: number, name: string, bytes: number): number => {
      image.fill(0, at, at + 32);
      new DataView(image.buffer).setUint32(at, bytes, true);
      image.set(Buffer.from(name), at + 4);
      return at + 32 + ((bytes + 3) & ~3);
    };
    const flash = { read } as never;
    expect(findDenyArea(flash, 0, 4096)).toBeNull();
    let at = put(0, '.bootcde', 48_001);
    at = put(at, '\0eleted', 10_000);
    expect(findDenyArea(flash, 0, 4096)).toBeNull();
    // A page that ends early.
    at = put(Math.ceil(at / 4096) * 4096, DENY_FILE + '2', 100);
    const from = at + 32;
    put(at, DENY_FILE, DENY_FILE_BYTES);
    expect(findDenyArea(flash, 0, 4096)).toMatchObject({ address: Math.ceil(from / 4096) * 4096, halfBytes: 163_840 });
  });
});

test('prefixes of pseudonyms ascend, each once', () => {
  expect([...denyPrefixesOf([pkuWith(9), pkuWith(0xfffffff0), pkuWith(1), pkuWith(9)])]).toEqual([1, 9, 0xfffffff0]);
});
