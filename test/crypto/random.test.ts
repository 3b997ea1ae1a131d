import { createHash, createHmac } from 'node:crypto';
import { fc } from '../kit/properties.js';
import { ONE_BIT, WINDOW_SAMPLES, createHealthTest, isHealthy } from '../../firmware/crypto/health.js';
import { NOTHING, createHmacDrbg } from '../../firmware/crypto/hmac-drbg.js';
import { hmacSha256 } from '../../firmware/crypto/hmac.js';
import { createNoncePool } from '../../firmware/crypto/nonce-pool.js';
import { createNonceSource, DRAWS_PER_ENTROPY } from '../../firmware/crypto/nonce-source.js';
import { bytes, fastEd, hex, plain, random } from './crypto-kit.js';

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

describe('HMAC-SHA-256', () => {
  test('as node:crypto, keys longer than a block included', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 4 }),
        (key, parts) => {
          const expected = createHmac('sha256', key);
          for (const part of parts) expected.update(part);
          expect(hex(hmacSha256(plain, key, parts))).toBe(expected.digest('hex'));
        },
      ),
    );
  });
});

/** SP 800-90A 10.1.2 once more, written from the standard with other tools. */
class Reference {
  private K = Buffer.alloc(32);
  private V = Buffer.alloc(32, 1);
  constructor(seed: Buffer) {
    this.update(seed);
  }
  private mac(...parts: Uint8Array[]): Buffer {
    return createHmac('sha256', this.K).update(Buffer.concat(parts)).digest();
  }
  update(data: Buffer): void {
    for (const round of data.length ? [0, 1] : [0]) {
      this.K = this.mac(this.V, Buffer.from([round]), data) as Buffer<ArrayBuffer>;
      this.V = this.mac(this.V) as Buffer<ArrayBuffer>;
    }
  }
  generate(count: number, additional: Buffer): Buffer {
    if (additional.length) this.update(additional);
    let out = Buffer.alloc(0);
    while (out.length < count) {
      this.V = this.mac(this.V) as Buffer<ArrayBuffer>;
      out = Buffer.concat([out, this.V]);
    }
    this.update(additional);
    return out.subarray(0, count);
  }
}

describe('HMAC_DRBG', () => {
  // RFC 6979 A.2.5: its k is the first output of this generator from x and the message's hash.
  test.each([
    ['sample', 'a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60'],
    ['test', 'd16b6ae827f17175e040871a1c7ec3500192c4c92677336ec2537acaee0008e0'],
  ])('RFC 6979, P-256 and SHA-256, message "%s"', (message, k) => {
    const x = bytes('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721');
    expect(hex(createHmacDrbg(plain, x, sha256(message), NOTHING).generate(32, NOTHING))).toBe(k);
  });

  // NIST CAVP 14.3, HMAC_DRBG.rsp, SHA-256: the second of two outputs of 1,024 bits, without and with reseeding.
  test.each([
    [
      'ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488',
      '659ba96c601dc69fc902940805ec0ca8',
      '',
      'e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc107694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8',
    ],
    [
      '06032cd5eed33f39265f49ecb142c511da9aff2af71203bffaf34a9ca5bd9c0d',
      '0e66f71edc43e42a45ad3c6fc6cdc4df',
      '01920a4e669ed3a85ae8a33b35a74ad7fb2a6bb4cf395ce00334a9c9a5a5d552',
      '76fc79fe9b50beccc991a11b5635783a83536add03c157fb30645e611c2898bb2b1bc215000209208cd506cb28da2a51bdb03826aaf2bd2335d576d519160842e7158ad0949d1a9ec3e66ea1b1a064b005de914eac2e9d4f2d72a8616a80225422918250ff66a41bd2f864a6a38cc5b6499dc43f7f2bd09e1e0f8f5885935124',
    ],
  ])('NIST vector %#', (entropy, nonce, fresh, expected) => {
    const drbg = createHmacDrbg(plain, bytes(entropy), bytes(nonce), NOTHING);
    if (fresh) drbg.reseed(bytes(fresh), NOTHING);
    drbg.generate(128, NOTHING);
    expect(hex(drbg.generate(128, NOTHING))).toBe(expected);
  });

  test('as a second implementation: personalization, additional input, reseeding, any lengths', () => {
    const some = fc.uint8Array({ maxLength: 70 });
    const call = fc.tuple(fc.integer({ min: 0, max: 100 }), some, fc.option(some));
    fc.assert(
      fc.property(some, some, some, fc.array(call, { maxLength: 4 }), (entropy, nonce, personal, calls) => {
        const drbg = createHmacDrbg(plain, entropy, nonce, personal);
        const reference = new Reference(Buffer.concat([entropy, nonce, personal]));
        for (const [count, additional, fresh] of calls) {
          if (fresh) {
            drbg.reseed(fresh, additional);
            reference.update(Buffer.concat([fresh, additional]));
          }
          expect(hex(drbg.generate(count, additional))).toBe(
            reference.generate(count, Buffer.from(additional)).toString('hex'),
          );
        }
      }),
    );
  });

  test('too much at once', () => {
    expect(() => createHmacDrbg(plain, random(32), random(16), NOTHING).generate(65537, NOTHING)).toThrow(RangeError);
  });
});

/** 1 - 2^-20: a false alarm in a million tests (SP 800-90B 4.4). */
const ALPHA = 2 ** -20;

/** 1 + critbinom(n, p, 1 - alpha): 4.4.2's cut-off, summed from the binomial distribution itself. */
function proportionCutOff(n: number, p: number, alpha = ALPHA): number {
  let term = (1 - p) ** n;
  let below = term;
  let k = 0;
  while (below < 1 - alpha) {
    term *= ((n - k) / (k + 1)) * (p / (1 - p));
    below += term;
    k++;
  }
  return 1 + k;
}

describe('health tests', () => {
  const good = (): Uint8Array => random(2 * WINDOW_SAMPLES);
  /** The repetition count alone, and the proportion alone, of one draw. */
  const passesRepetitionCount = (samples: Uint8Array) =>
    createHealthTest({ ...ONE_BIT, proportion: Infinity })(samples);
  const passesAdaptiveProportion = (samples: Uint8Array) =>
    createHealthTest({ ...ONE_BIT, repetitions: Infinity })(samples);

  test("cut-offs are those of the standard's formulas for one bit a sample and 2^-20", () => {
    expect(ONE_BIT.repetitions).toBe(1 + Math.ceil(-Math.log2(ALPHA) / 1));
    expect(ONE_BIT.proportion).toBe(proportionCutOff(WINDOW_SAMPLES, 2 ** -1));
    // 325, which stood here once, is for 2^-30.
    expect(proportionCutOff(WINDOW_SAMPLES, 2 ** -1, 2 ** -30)).toBe(325);
  });

  test('a good source passes, ten times in a row', () => {
    for (let i = 0; i < 10; i++) expect(isHealthy(good(), ONE_BIT)).toBe(true);
  });

  test('repetition count: 20 in a row pass, 21 fail, anywhere', () => {
    for (const at of [0, 1, 500, 1024 - 21]) {
      const samples = good();
      for (let i = 1; i < samples.length; i++) if (samples[i] === samples[i - 1]) samples[i]! ^= 1;
      const value = 7;
      for (let i = Math.max(0, at - 1); i < Math.min(samples.length, at + 22); i++) samples[i] = value ^ 255 ^ (i & 1);
      samples.fill(value, at, at + 20);
      expect(passesRepetitionCount(samples)).toBe(true);
      samples[at + 20] = value;
      expect(passesRepetitionCount(samples)).toBe(false);
    }
  });

  test('adaptive proportion: 310 of 512 pass, 311 fail, in every whole window', () => {
    for (const window of [0, 1]) {
      for (const [count, passes] of [
        [310, true],
        [311, false],
      ] as const) {
        const samples = new Uint8Array(2 * WINDOW_SAMPLES).map((_, i) => 1 + (i % 200));
        for (let i = 0; i < count; i++) samples[window * WINDOW_SAMPLES + i] = 0;
        expect(passesAdaptiveProportion(samples)).toBe(passes);
      }
    }
  });

  test('stuck, alternating 3:1, and too few samples fail', () => {
    expect(isHealthy(new Uint8Array(1024), ONE_BIT)).toBe(false);
    expect(
      isHealthy(
        new Uint8Array(1024).map((_, i) => (i % 4 ? 1 : 2)),
        ONE_BIT,
      ),
    ).toBe(true); // its first value is the rare one
    expect(
      isHealthy(
        new Uint8Array(1024).map((_, i) => (i % 4 === 3 ? 1 : 2)),
        ONE_BIT,
      ),
    ).toBe(false);
    expect(isHealthy(good().subarray(0, 1023), ONE_BIT)).toBe(false);
  });

  /** The number of the first draw that is refused; -1: none is. */
  function refusedDraw(samples: Uint8Array, drawSamples: number): number {
    const isGood = createHealthTest(ONE_BIT);
    for (let i = 0; i * drawSamples < samples.length; i++)
      if (!isGood(samples.subarray(i * drawSamples, (i + 1) * drawSamples))) return i;
    return -1;
  }

  test('a run of equal samples that begins in one draw and ends in the next is noticed', () => {
    for (const drawSamples of [1, 7, 20, 64]) {
      const samples = new Uint8Array(512).map((_, i) => i & 255);
      // The last 10 samples of a draw and the first 11 of the next, or wherever draws of this length cut it.
      samples.fill(9, 192 - 10, 192 + 10);
      expect([drawSamples, refusedDraw(samples, drawSamples)]).toEqual([drawSamples, -1]);
      samples[192 + 10] = 9;
      expect([drawSamples, refusedDraw(samples, drawSamples)]).toEqual([drawSamples, Math.floor(202 / drawSamples)]);
    }
  });

  test('a source that turns biased long after its start-up test is noticed, however short the draws', () => {
    for (const drawSamples of [1, 64, 100, 256, 512]) {
      // Two whole windows as they should be, one in which every third sample is another: 342 of 512, never 21 in a row.
      const bad = new Uint8Array(WINDOW_SAMPLES).map((_, i) => (i % 3 === 2 ? i & 255 : 5));
      const samples = Uint8Array.from([...new Uint8Array(1024).map((_, i) => i & 255), ...bad]);
      const refused = refusedDraw(samples, drawSamples);
      expect([drawSamples, refused * drawSamples > 1024 + 310]).toEqual([
        drawSamples,
        drawSamples < 256, // longer draws hold the sample that shows it and what comes before
      ]);
      expect(refused).toBeGreaterThanOrEqual(0);
      // Judged draw by draw, each with a new test, none of them would be: what the tests were before.
      if (drawSamples < WINDOW_SAMPLES)
        for (let at = 1024; at < samples.length; at += drawSamples)
          expect(createHealthTest(ONE_BIT)(samples.subarray(at, at + drawSamples))).toBe(true);
    }
  });

  test('a failure is for good', () => {
    const isGood = createHealthTest(ONE_BIT);
    expect(isGood(good())).toBe(true);
    expect(isGood(new Uint8Array(21))).toBe(false);
    for (let i = 0; i < 5; i++) expect(isGood(good())).toBe(false);
  });
});

describe('nonces', () => {
  const ed = fastEd();
  const secret = random(32);
  const broken = (): Uint8Array => new Uint8Array(32);

  function firstR(
    options: { secret?: Uint8Array; bootCounter: number; entropy: () => Uint8Array | null },
    count = 4,
  ): string[] {
    const source = createNonceSource({ natives: plain, secret, ...options });
    return ed.makeNonces(source.draw, count).map((nonce) => hex(nonce.R));
  }

  test('no R repeats across clones, boots and draws', () => {
    const all: string[] = [];
    // Clones: the same flash, so the same secret and boot counter; their entropy differs.
    for (let clone = 0; clone < 8; clone++) all.push(...firstR({ bootCounter: 5, entropy: () => random(32) }));
    // A broken source: the boot counter and the draws keep nonces apart.
    for (let boot = 0; boot < 4; boot++) all.push(...firstR({ bootCounter: boot, entropy: broken }));
    all.push(...firstR({ bootCounter: 2 ** 32, entropy: broken }, 3 * DRAWS_PER_ENTROPY));
    all.push(...firstR({ secret: random(32), bootCounter: 0, entropy: broken }));
    expect(new Set(all).size).toBe(all.length);
    expect(firstR({ bootCounter: 0, entropy: broken })).toEqual(firstR({ bootCounter: 0, entropy: broken }));
  });

  test('none without entropy: not at construction, and none once fresh entropy is due', () => {
    const make = (entropy: () => Uint8Array | null) =>
      createNonceSource({ natives: plain, secret, bootCounter: 3, entropy });
    expect(() => make(() => null)).toThrow('entropy: the source fails');
    let asked = 0;
    let isThere = true;
    const source = make(() => {
      asked++;
      return isThere ? random(64) : null;
    });
    expect(asked).toBe(1);
    isThere = false;
    for (let i = 0; i < DRAWS_PER_ENTROPY; i++) {
      expect(source.isReady()).toBe(true);
      expect(source.draw(96)).toHaveLength(96);
    }
    expect(asked).toBe(1);
    expect(source.isReady()).toBe(false);
    expect(() => source.draw(1)).toThrow('entropy: the source fails');
    expect(() => source.freshen()).toThrow('entropy: the source fails');
    const pool = createNoncePool({ ed: () => ed, source, size: 2, batch: 2 });
    expect(pool.take()).toBe(null);
    expect(() => pool.fillStep()).toThrow('entropy: the source fails');
    isThere = true;
    expect(pool.take()!.R).toHaveLength(32);
  });

  test('at most a stated number of draws between two of fresh entropy; ahead of need in idle time', () => {
    let asked = 0;
    const source = createNonceSource({
      natives: plain,
      secret,
      bootCounter: 1,
      entropy: () => {
        asked++;
        return random(64);
      },
    });
    for (let i = 1; i <= 5 * DRAWS_PER_ENTROPY; i++) {
      source.draw(96);
      expect(asked).toBe(Math.ceil(i / DRAWS_PER_ENTROPY));
    }
    const before = asked;
    expect(source.freshen()).toBe(true);
    expect(source.freshen()).toBe(false);
    for (let i = 0; i < DRAWS_PER_ENTROPY; i++) source.draw(96);
    expect(asked).toBe(before + 1);
  });

  test('flash rolled back: with entropy no R comes twice, with a broken source there is no nonce at all', () => {
    const boot = (entropy: () => Uint8Array | null) => firstR({ bootCounter: 5, entropy }, 20);
    const all = Array.from({ length: 5 }, () => boot(() => random(64))).flat();
    expect(new Set(all).size).toBe(all.length);
    expect(() => boot(() => null)).toThrow('entropy');
  });

  test('pool: filled step by step, never a nonce twice, never empty-handed', () => {
    const source = createNonceSource({ natives: plain, secret, bootCounter: 1, entropy: () => random(32) });
    const pool = createNoncePool({ ed: () => ed, source, size: 5, batch: 3 });
    const key = ed.keyFromSeed(random(32));
    const seen = new Set<string>();
    const take = (): void => {
      const nonce = pool.take()!;
      expect(seen.has(hex(nonce.R))).toBe(false);
      seen.add(hex(nonce.R));
      // A verification between two steps must not disturb the one under way.
      const signature = ed.sign(key, nonce, random(4).fill(1));
      expect(ed.verify(key.publicKey, new Uint8Array(4).fill(1), signature)).toBe(true);
    };
    expect(pool.level()).toBe(0);
    take();
    let stepsTaken = 0;
    while (!pool.fillStep()) {
      stepsTaken++;
      if (stepsTaken < 50 && stepsTaken % 10 === 3) take();
      expect(pool.level()).toBeLessThanOrEqual(5);
      expect(stepsTaken).toBeLessThan(1000);
    }
    expect(pool.level()).toBe(5);
    expect(pool.fillStep()).toBe(true);
    for (let i = 0; i < 8; i++) take();
    expect(pool.level()).toBe(0);
  });

  test('pool: each step is small', () => {
    const pool = createNoncePool({ ed: () => ed, source: { draw: random, isReady: () => true }, size: 4, batch: 4 });
    let stepsTaken = 1;
    while (!pool.fillStep()) stepsTaken++;
    // 11 columns and one encoding for each nonce, one inversion.
    expect(stepsTaken).toBe(4 * 12 + 1);
  });
});
