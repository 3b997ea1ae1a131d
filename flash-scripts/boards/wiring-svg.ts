/**
 * A board's wiring as an SVG drawing: the board on the left, each part on the right beside the pins that it uses, one
 * straight wire for each connection, so that no two cross.
 */
import { fold, partsOf, type Part } from './wiring.js';
import type { BoardEntry } from './board-entry.js';

const WIDTH = 760;
const BOARD = { x: 20, width: 190 };
const PART = { x: 470, width: 270 };
const ROW = 24;
const GAP = 20;
const TOP = 90;

/** Colours as jumper wires have them; rails as everybody expects. */
const WIRES = ['#1f77b4', '#e07b00', '#2a9d3a', '#8e5bb5', '#8c564b', '#c2479b', '#00899c'];
const RAILS: Record<string, string> = { '3V3': '#d62728', GND: '#222222' };

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

interface Place {
  x: number;
  y: number;
}

function text({ x, y }: Place, size: number, what: string, more = ''): string {
  return `<text x="${x}" y="${y}" font-size="${size}"${more}>${escaped(what)}</text>`;
}

function box({ x, y }: Place, width: number, height: number, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" fill="${fill}" stroke="#444"/>`;
}

function noteLines(part: Part): string[] {
  return part.note ? fold(part.note, 36) : [];
}

const partHeight = (part: Part): number => 26 + noteLines(part).length * 16 + part.wires.length * ROW + 6;

/** One part, its wires and the board's pins for them. */
function drawPart(part: Part, y: number): string {
  const notes = noteLines(part);
  const out = [
    box({ x: PART.x, y }, PART.width, partHeight(part), '#eef4fb'),
    text({ x: PART.x + 12, y: y + 20 }, 15, part.name, ' font-weight="bold"'),
  ];
  notes.forEach((line, i) => out.push(text({ x: PART.x + 12, y: y + 37 + i * 16 }, 12, line, ' fill="#555"')));
  part.wires.forEach((wire, i) => {
    const at = y + 26 + notes.length * 16 + i * ROW + 14;
    const colour = RAILS[wire.to] ?? WIRES[i % WIRES.length];
    const from = BOARD.x + BOARD.width;
    out.push(
      `<line x1="${from}" y1="${at}" x2="${PART.x}" y2="${at}" stroke="${colour}" stroke-width="4"/>`,
      `<circle cx="${from}" cy="${at}" r="6" fill="${colour}"/>`,
      `<circle cx="${PART.x}" cy="${at}" r="6" fill="${colour}"/>`,
      text({ x: from - 14, y: at + 5 }, 14, wire.to, ' text-anchor="end" font-weight="bold" fill="#fff"'),
      text({ x: PART.x + 14, y: at + 5 }, 14, wire.note ? `${wire.pin}:  ${wire.note}` : wire.pin),
    );
  });
  return out.join('\n');
}

/** The drawing, as the text of an SVG file. */
export function wiringSvg(board: BoardEntry): string {
  const parts = partsOf(board);
  const outside = parts.filter((part) => !part.builtIn);
  const inside = parts.filter((part) => part.builtIn);
  let y = TOP;
  const drawn = outside.map((part) => {
    const at = y;
    y += partHeight(part) + GAP;
    return drawPart(part, at);
  });
  // Room in the board's box for its own parts, below the last wire.
  const own = inside.flatMap((part) => [part.wires.length ? `${part.name}: ${part.wires[0].to}` : part.name]);
  const boardEnd = y - GAP + (own.length ? 34 + own.length * 18 : 0);
  const title = fold(board.description.split('. ')[0].replace(/\.?$/, '.'), 96);
  const height = boardEnd + 20;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="DejaVu Sans, Verdana, sans-serif">`,
    `<title>Wiring of ${escaped(board.name)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...title.map((line, i) => text({ x: BOARD.x, y: 24 + i * 18 }, 13, line, ' fill="#333"')),
    box({ x: BOARD.x, y: TOP - 12 }, BOARD.width, boardEnd - TOP + 18, '#1d4d3a'),
    text(
      { x: BOARD.x + 12, y: TOP + 12 },
      board.name.length > 16 ? 13 : 15,
      board.name,
      ' font-weight="bold" fill="#fff"',
    ),
    ...drawn,
    ...(own.length ? [text({ x: BOARD.x + 12, y: y + 6 }, 13, 'on the board:', ' fill="#cfe8dd"')] : []),
    ...own.map((line, i) => text({ x: BOARD.x + 12, y: y + 26 + i * 18 }, 13, line, ' fill="#fff"')),
    '</svg>',
  ].join('\n')}\n`;
}
