/** A terminal with another program than this installation has is named, with what to do. */
import { firmwareLines } from '../../host-bridge/commands/terminal-firmware.js';
import { programName } from '../../flash-scripts/build/bundle-files.js';

const UPDATE = expect.stringContaining('tapcash flash --only-app');

test.each([
  ['the same', 'fa1b2c3d', 'fa1b2c3d', [/fa1b2c3d$/]],
  ['another', 'fa1b2c3d', '00000001', [/fa1b2c3d; this program has 00000001/, UPDATE]],
  ['one from before names were told', null, '00000001', [/older .*; this program has 00000001/, UPDATE]],
  ['any, with nothing built here', 'fa1b2c3d', null, [/fa1b2c3d$/]],
])('%s', (_what, terminal, own, expected) => {
  const lines = firmwareLines({ terminal, own });
  expect(lines).toEqual(expected.map((each) => (each instanceof RegExp ? expect.stringMatching(each) : each)));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});

test('a program is named by what its overlays begin with', () => {
  expect(programName({ bundle: '', overlays: { 'make.js': '"fa1b2c3d";"a b";' } })).toBe('fa1b2c3d');
  expect(programName({ bundle: '', overlays: {} })).toBeNull();
});
