/** Labels of boards whose owners have names in any script. */
import { decode } from 'fast-png';
import { labelPng, labelSvg, type Label } from '../../flash-scripts/provision/label.js';
import { NAMES } from '../kit/names.js';

const labelOf = (name: string | null): Label => ({
  kind: 'token',
  name,
  keyName: 'account key',
  key: '0123456789abcdef'.repeat(4),
  lines: ['No copy of its keys exists.'],
});
const inkOf = (name: string | null): number => {
  const { data } = decode(labelPng(labelOf(name)));
  return [...data].reduce((sum, byte) => sum + 8 - byte.toString(2).replace(/0/g, '').length, 0);
};

test.each(NAMES)('%s stands on the drawing as it is written', (name) => {
  const svg = labelSvg(labelOf(name));
  const written = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
  expect(written.join(' ')).toContain(name.replace(/&/g, '&amp;'));
});

test('on the picture for printers a letter that its font lacks is spelled', () => {
  expect(inkOf('Łukasz Süß')).toBe(inkOf('Lukasz Süss'));
  expect(inkOf('Δημήτρης')).toBe(inkOf('Dimitris'));
  expect(inkOf('Zoë')).toBe(inkOf('Zoe'));
  expect(inkOf('Zoe')).toBeGreaterThan(inkOf(null));
});

test('the longest names leave the key below free', () => {
  for (const name of ['W'.repeat(64), 'ü'.repeat(32), '小'.repeat(21), `${'Wort '.repeat(12)}Ende`]) {
    const ys = [...labelSvg(labelOf(name)).matchAll(/<text x="\d+" y="(\d+)"/g)].map(([, y]) => Number(y));
    expect(Math.max(...ys.slice(0, -1))).toBeLessThan(ys.at(-1)! - 14);
  }
});
