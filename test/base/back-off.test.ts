/** Later and later, up to a limit. */
import { createBackOff } from '../../host-bridge/base/back-off.js';

const next = (backOff: { nextMs(): number }, count: number) => Array.from({ length: count }, () => backOff.nextMs());

test('twice as long each time, never longer than the limit, and from the beginning after it has worked', () => {
  const backOff = createBackOff(1000, 5000);
  expect(next(backOff, 5)).toEqual([1000, 2000, 4000, 5000, 5000]);
  backOff.reset();
  expect(next(backOff, 2)).toEqual([1000, 2000]);
  expect(next(createBackOff(9000, 5000), 2)).toEqual([5000, 5000]);
});

test('with chance, from half of the delay to all of it', () => {
  expect(
    next(
      createBackOff(1000, 3000, () => 0),
      3,
    ),
  ).toEqual([500, 1000, 1500]);
  expect(
    next(
      createBackOff(1000, 3000, () => 0.5),
      3,
    ),
  ).toEqual([750, 1500, 2250]);
});
