/** Keys that stand twice: found wherever they are, and nothing else is taken for one. */
import { repeatedKey } from '../../host-bridge/http/json-keys.js';
import { seededRandom } from '../kit/random.js';

test.each<[string, string]>([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"":1,"":2}', ''],
  ['[{"b":[{"c":{"d":1,"e":{},"d":2}}]}]', 'd'],
  ['{"a":{"b":1},"c":[],"a":0}', 'a'],
  ['{"a" : 1 ,\n"a"\t: 2}', 'a'],
  ['{"\\"":1,"\\u0022":2}', '"'],
  ['{"constructor":1,"constructor":2}', 'constructor'],
])('%s has %j twice', (json, key) => {
  expect(() => JSON.parse(json)).not.toThrow();
  expect(repeatedKey(json)).toBe(key);
});

test.each([
  'null',
  '"a"',
  '[]',
  '{}',
  '{"a":"a","b":"a"}',
  '[{"a":1},{"a":2}]',
  '{"a":{"a":{"a":1}}}',
  '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  '{"a":["b","b"],"b":"c\\\\"}',
  '{"a":"\\\\\\":","b":1}',
  '{"hasOwnProperty":1,"toString":2}',
  '{"A":1,"a":2}',
])('%s has none', (json) => {
  expect(repeatedKey(json)).toBeNull();
});

test('deep and long texts are looked through once', () => {
  const deep = 100_000;
  expect(repeatedKey(`${'[{"a":'.repeat(deep)}1${'}]'.repeat(deep)}`)).toBeNull();
  const long = Array.from({ length: 100_000 }, (_, i) => `"k${i}":${i}`).join();
  expect(repeatedKey(`{${long}}`)).toBeNull();
  expect(repeatedKey(`{${long},"k7":0}`)).toBe('k7');
  expect(repeatedKey(`{"a":"${'\\\\'.repeat(100_000)}"}`)).toBeNull();
});

test('against a reader that keeps every pair: random objects', () => {
  const random = seededRandom(18);
  const keys = ['a', 'b', '\\u0061', 'c:"', ''];
  const text = (depth: number): { json: string; twice: boolean } => {
    const kind = random() * 4;
    if (depth === 0 || kind < 1) return { json: ['1', '"a"', '"{"', 'null'][Math.floor(random() * 4)]!, twice: false };
    const parts = Array.from({ length: Math.floor(random() * 4) }, () => text(depth - 1));
    const inside = parts.some(({ twice }) => twice);
    if (kind < 2) return { json: `[${parts.map(({ json }) => json).join()}]`, twice: inside };
    const names = parts.map(() => keys[Math.floor(random() * keys.length)]!.replace('"', '\\"'));
    const read = names.map((name) => JSON.parse(`"${name}"`) as string);
    return {
      json: `{${parts.map(({ json }, i) => `"${names[i]}":${json}`).join()}}`,
      twice: inside || new Set(read).size < read.length,
    };
  };
  const seen = { twice: 0, once: 0 };
  for (let i = 0; i < 2000; i++) {
    const { json, twice } = text(4);
    expect([json, repeatedKey(json) !== null]).toEqual([json, twice]);
    seen[twice ? 'twice' : 'once']++;
  }
  expect(Math.min(seen.twice, seen.once)).toBeGreaterThan(100);
});
