/*
 * Health tests of a noise source (NIST SP 800-90B 4.4) over samples of one byte, one draw after another.
 *
 * They run continuously: a run of equal samples and a window of the proportion test go on from draw to draw, however
 * short the draws are. A source that has failed once gives nothing until the next reset.
 *
 * Cut-offs are for H bits of min-entropy a sample and a false alarm rate of 2^-20 for each test. They
 * notice a source that is stuck or strongly biased. They do not notice a pseudo-random one: an ESP32's
 * register without its noise passes. That the noise is there is checked elsewhere (board/sar-adc.ts).
 */

/** Samples in a window of the adaptive proportion test, for a source that is not binary (4.4.2). */
export const WINDOW_SAMPLES = 512;

/** What a source must look like. */
export interface HealthLimits {
  /** Most times in a row that one value may come (4.4.1): 1 + ceil(20 / H). */
  repetitions: number;
  /** The first value of a window may come less often than this in the whole window (4.4.2). */
  proportion: number;
}

/**
 * One bit of min-entropy a sample, little enough to be true: 4.4.1, and 4.4.2's 1 + critbinom(512, 1/2, 1 - 2^-20).
 */
export const ONE_BIT: HealthLimits = { repetitions: 21, proportion: 311 };

/**
 * Both tests, of one source: takes the samples of each draw in turn, and says whether the source may still be used.
 * A failure is for good.
 */
export function createHealthTest(limits: HealthLimits): (samples: Uint8Array) => boolean {
  let last = -1;
  let run = 0;
  let first = 0;
  let count = 0;
  // Samples that are left of the window.
  let left = 0;
  let passes = true;
  return (samples) => {
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i];
      // 4.4.1
      if (sample !== last) {
        last = sample;
        run = 1;
      } else if (++run >= limits.repetitions) passes = false;
      // 4.4.2
      if (left-- === 0) {
        first = sample;
        count = 1;
        left = WINDOW_SAMPLES - 1;
      } else if (sample === first && ++count >= limits.proportion) passes = false;
    }
    return passes;
  };
}

/** Both tests over samples of their own, as many as a start-up test needs (4.3: 1,024). */
export function isHealthy(samples: Uint8Array, limits: HealthLimits): boolean {
  return samples.length >= 2 * WINDOW_SAMPLES && createHealthTest(limits)(samples);
}
