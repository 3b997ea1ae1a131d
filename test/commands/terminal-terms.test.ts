/**
 * What a shop chooses for its terminal: up to which amount it accepts before it has checked.
 */
import { terminalPurpose } from '../../host-bridge/commands/provision.js';

test.each([
  ['with a bridge beside it', {}, 2000],
  ['alone: it checks before it says anything', { alone: true }, 0],
  ['alone, and the shop chose otherwise', { alone: true, floorLimit: '5.00' }, 500],
  ['as the shop chose', { floorLimit: '1.00' }, 100],
])('the floor limit, %s', (_what, options, floorLimit) => {
  expect(terminalPurpose({ shop: 'Cafe', ...options }).terms).toMatchObject({ shop: 'Cafe', floorLimit });
});
