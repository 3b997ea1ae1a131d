/** Which boards have the variables that a role needs, and that others are refused before anything is written. */
import { checkMemoryFor, memoryFault, variablesNeeded } from '../../flash-scripts/boards/memory-needs.js';
import { buildsOf, INTERPRETER_BUILDS } from '../../flash-scripts/boards/interpreter-builds.js';
import { ROLES } from '../../flash-scripts/boards/roles.js';
import { boardNames, checkEntry, loadBoard } from '../../flash-scripts/flash/node/load-board.js';

test('no role needs more than four fifths of 16,383, and none fits a module without PSRAM', () => {
  for (const role of ROLES)
    for (const registration of ['open', 'sealed'] as const) {
      const needed = variablesNeeded(role, registration);
      expect(needed).toBeLessThanOrEqual(0.8 * 16_383);
      expect(memoryFault(16_383, role, registration)).toBe('');
      expect(memoryFault(needed, role, registration)).toBe('');
      expect(memoryFault(needed - 1, role, registration)).toMatch(/PSRAM \(esp32-devkitc-wrover\)/);
      expect(memoryFault(5886, role, registration)).toContain('5,886 variables');
    }
});

test('a board is refused where it can be none of what it may be, and not where it counts no variables', () => {
  const low = expect.objectContaining({ code: 'MEMORY_LOW', detail: expect.stringContaining('board has 5,886') });
  expect(() => checkMemoryFor('board', 5886, ROLES)).toThrow(low);
  expect(() => checkMemoryFor('board', variablesNeeded('user-token'), ROLES)).not.toThrow();
  expect(() => checkMemoryFor('board', variablesNeeded('user-token'), ['shop-terminal'])).toThrow();
  expect(() => checkMemoryFor('board', 0, ROLES)).not.toThrow();
});

test('the entry of each board says whether its module has enough, and which builds there are', () => {
  const few = boardNames().filter((name) => ROLES.every((role) => memoryFault(loadBoard(name).variables, role)));
  expect(few).toEqual(['esp32-cyd', 'esp32-devkitc', 'm5stack-core']);
  for (const name of few) {
    const { limits = [], variables } = loadBoard(name);
    for (const role of ROLES) expect(limits.join()).toContain(variablesNeeded(role).toLocaleString('en-US'));
    expect(limits.join()).toContain(variables.toLocaleString('en-US'));
  }
  expect(boardNames().filter((name) => !buildsOf(loadBoard(name).firmware).length)).toEqual(['linux']);
});

test('an entry cannot have more variables than its chip or its builds', () => {
  const refused = (name: string, variables: number) => () => checkEntry({ ...loadBoard(name), variables }, name);
  expect(refused('esp32-devkitc', 5887)).toThrow(/an ESP32 without PSRAM has 5886 at most/);
  expect(refused('esp32-devkitc-wrover', 16_384)).toThrow(/numbers 16383 at most/);
});

test('builds go by the name of their file', () => {
  expect(buildsOf('espruino_2v29_esp32.bin').map(({ name }) => name)).toEqual(['ESP32', 'ESP32_IDF4', 'ESP32_IDF5']);
  expect(buildsOf('espruino_2v29_esp32_cyd.bin').map(({ name }) => name)).toEqual(['ESP32_CYD']);
  expect(buildsOf('espruino_*_esp32c3.bin on ESP-IDF 5').map(({ idf }) => idf)).toEqual([4, 5]);
  expect(buildsOf('espruino 2v29 for Linux')).toEqual([]);
  for (const { counts, modules } of INTERPRETER_BUILDS)
    for (const { variables } of modules) expect(variables ?? 0).toBeLessThanOrEqual(counts);
});
