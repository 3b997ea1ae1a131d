/*
 * Health tests of a noise source (NIST SP 800-90B 4.4), as pure functions over samples of one byte.
 *
 * Cut-offs are for H bits of min-entropy a sample and a false alarm rate of 2^-20 for each test. They
 * notice a source that is stuck or strongly biased. They do not notice a pseudo-random one: an ESP32's
 * register with the radio off passes. That the radio is on is checked elsewhere.
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

/** One bit of min-entropy a sample, little enough to be true: 4.4.1, and 4.4.2's table for W = 512. */
export const ONE_BIT: HealthLimits = { repetitions: 21, proportion: 325 };

/** Repetition count test (4.4.1): false if a value comes `limits.repetitions` times in a row. */
export function passesRepetitionCount(samples: Uint8Array, limits: HealthLimits): boolean {
  let run = 0;
  for (let i = 0; i < samples.length; i++) {
    run = i && samples[i] === samples[i - 1] ? run + 1 : 1;
    if (run >= limits.repetitions) return false;
  }
  return true;
}

/** Adaptive proportion test (4.4.2) over all whole windows; samples that fill no window are not judged. */
export function passesAdaptiveProportion(samples: Uint8Array, limits: HealthLimits): boolean {
  for (let start = 0; start + WINDOW_SAMPLES <= samples.length; start += WINDOW_SAMPLES) {
    let count = 0;
    for (let i = 0; i < WINDOW_SAMPLES; i++) if (samples[start + i] === samples[start]) count++;
    if (count >= limits.proportion) return false;
  }
  return true;
}

/** Both tests over at least one whole window (4.3: start-up tests need 1,024 samples). */
export function isHealthy(samples: Uint8Array, limits: HealthLimits): boolean {
  return (
    samples.length >= 2 * WINDOW_SAMPLES &&
    passesRepetitionCount(samples, limits) &&
    passesAdaptiveProportion(samples, limits)
  );
}
