/**
 * The phases of a modelled tap as a picture: one bar for each bus, with and without a bridge, all on one scale.
 *
 * The scale ends a little above the slowest tap with a bridge. A bar that is longer is cut off there, and says so.
 */
import type { ModelledTap, Phases } from './tap-budget.js';

/** Phases in their order: name, words, colour. What is left of a tap is grey. */
const PHASES: [keyof Phases, string, string][] = [
  ['found', 'token found', '#9c755f'],
  ['select', 'SELECT', '#4e79a7'],
  ['license', 'license', '#59a14f'],
  ['challenge', 'challenge and signature', '#f28e2b'],
  ['verify', 'check of the signature', '#e15759'],
  ['flash', 'flash', '#b07aa1'],
];
const REST_COLOR = '#bab0ac';

const WIDTH = 910;
const LEFT = 160;
const RIGHT = 240;
const TOP = 50;
const ROW = 42;
const BAR = 24;
const TICK_MS = 100;

/** Pixels from the left of a time. */
type Place = (ms: number) => number;

const text = (x: number, y: number, said: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${said}</text>`;

function bar(y: number, title: string, { p50Ms, p99Ms, phases }: ModelledTap, msMax: number, at: Place): string {
  const parts = [text(LEFT - 8, y + 17, title, ' text-anchor="end"')];
  let startMs = 0;
  const segment = (ms: number, color: string): void => {
    const [from, to] = [at(Math.min(startMs, msMax)), at(Math.min(startMs + ms, msMax))];
    if (to > from)
      parts.push(
        `<rect x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="${BAR}" fill="${color}"/>`,
      );
    startMs += ms;
  };
  for (const [name, , color] of PHASES) segment(phases[name], color);
  segment(Math.max(0, p50Ms - startMs), REST_COLOR);
  if (p50Ms > msMax) {
    // A torn edge: the bar goes on.
    const x = at(msMax);
    const teeth = [0, 1, 2, 3, 4].map((i) => `${x - (i % 2) * 6},${y + (i * BAR) / 4}`).join(' ');
    parts.push(`<polygon points="${x + 1},${y} ${teeth} ${x + 1},${y + BAR}" fill="white"/>`);
    parts.push(text(x + 8, y + 17, `PAID after ${p50Ms} ms`));
    return parts.join('\n');
  }
  if (p99Ms <= msMax) {
    const x = at(p99Ms).toFixed(1);
    parts.push(`<path d="M${x} ${y}v${BAR}M${at(p50Ms).toFixed(1)} ${y + BAR / 2}H${x}" stroke="black" fill="none"/>`);
  }
  parts.push(text(at(msMax) + 8, y + 17, `PAID after ${p50Ms} ms (p99 ${p99Ms})`));
  return parts.join('\n');
}

function axis(y: number, msMax: number, at: Place): string {
  const parts: string[] = [];
  for (let ms = 0; ms <= msMax; ms += TICK_MS) {
    const x = at(ms).toFixed(1);
    parts.push(`<path d="M${x} ${TOP - 8}V${y}" stroke="#ddd"/>`);
    parts.push(text(at(ms), y + 16, String(ms), ' text-anchor="middle"'));
  }
  parts.push(`<path d="M${LEFT} ${y}H${at(msMax)}" stroke="black"/>`);
  parts.push(text(at(msMax) + 22, y + 16, 'ms since the token answered'));
  return parts.join('\n');
}

function legend(y: number): string {
  let x = 24;
  const entries = [...PHASES.map(([, words, color]) => [words, color] as const), ['between them', REST_COLOR] as const];
  return entries
    .map(([words, color]) => {
      const entry = `<rect x="${x}" y="${y}" width="12" height="12" fill="${color}"/>${text(x + 16, y + 11, words)}`;
      x += 34 + words.length * 6.6;
      return entry;
    })
    .join('\n');
}

/** An SVG of the taps. @param taps by bus: each with a bridge, and with a terminal alone */
export function tapSvg(taps: { title: string; withBridge: ModelledTap; alone: ModelledTap }[]): string {
  const msMax = Math.ceil((Math.max(...taps.map(({ withBridge }) => withBridge.p99Ms)) + 20) / TICK_MS) * TICK_MS;
  const at: Place = (ms) => LEFT + (ms * (WIDTH - LEFT - RIGHT)) / msMax;
  const rows = [
    ...taps.map(({ title, withBridge }) => [`${title}, with a bridge`, withBridge] as const),
    ...taps.map(({ title, alone }) => [`${title}, terminal alone`, alone] as const),
  ];
  const bottom = TOP + rows.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 60}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
${text(12, 24, 'A tap on two ESP32 boards, modelled: an estimate, not measured on a board', ' font-size="15"')}
${axis(bottom, msMax, at)}
${rows.map(([title, tap], index) => bar(TOP + index * ROW, title, tap, msMax, at)).join('\n')}
${legend(bottom + 34)}
</svg>
`;
}
