/**
 * The phases of a modelled tap as a picture: one bar for each bus, with and without a bridge, on one scale each.
 */
import type { Phases, TapBudget } from './tap-budget.js';

const NAMES: [keyof Phases, string, string][] = [
  ['select', 'SELECT', '#4e79a7'],
  ['license', 'license', '#59a14f'],
  ['challenge', 'challenge and signature', '#f28e2b'],
  ['verify', 'verify', '#e15759'],
  ['flash', 'flash', '#b07aa1'],
];
const WIDTH = 760;
const LEFT = 150;
const RIGHT = 130;
const ROW = 44;

function bar(y: number, title: string, phases: Phases, msMax: number): string {
  const scale = (WIDTH - LEFT - RIGHT) / msMax;
  let x = LEFT;
  const parts = [`<text x="${LEFT - 8}" y="${y + 18}" text-anchor="end">${title}</text>`];
  const rest = phases.paid - NAMES.reduce((sum, [name]) => sum + phases[name], 0);
  for (const [ms, color] of [
    ...NAMES.map(([name, , color]) => [phases[name], color] as const),
    [Math.max(0, rest), '#bab0ac'] as const,
  ]) {
    parts.push(`<rect x="${x.toFixed(1)}" y="${y}" width="${(ms * scale).toFixed(1)}" height="26" fill="${color}"/>`);
    x += ms * scale;
  }
  parts.push(`<text x="${(x + 6).toFixed(1)}" y="${y + 18}">PAID ${phases.paid} ms</text>`);
  return parts.join('\n');
}

/** An SVG of the budgets. */
export function tapSvg(budgets: TapBudget[]): string {
  const rows: string[] = [];
  let y = 40;
  for (const [kind, title] of [
    ['withBridge', 'with a bridge'],
    ['alone', 'terminal alone'],
  ] as const) {
    const msMax = Math.max(...budgets.map(({ phases }) => phases[kind].paid));
    for (const { bus, phases } of budgets) {
      rows.push(bar(y, `${bus === 'uart' ? 'HSU' : 'I2C'}, ${title}`, phases[kind], msMax));
      y += ROW;
    }
    y += 12;
  }
  let x = 24;
  for (const [, name, color] of [...NAMES, ['paid', 'between them', '#bab0ac'] as const]) {
    rows.push(
      `<rect x="${x}" y="${y}" width="12" height="12" fill="${color}"/><text x="${x + 16}" y="${y + 11}">${name}</text>`,
    );
    x += 36 + name.length * 7.5;
  }
  const height = y + 40;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
<text x="12" y="22" font-size="15">A tap on two ESP32 boards, modelled: an estimate, not measured on a board</text>
${rows.join('\n')}
</svg>
`;
}
