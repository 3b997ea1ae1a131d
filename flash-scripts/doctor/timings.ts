/**
 * What native calls and an empty loop take on a board, by programs typed on its console: for the report that replaces
 * our estimates (board-report.ts). Nothing is written, and no firmware need be there.
 */
import type { BoardConsole } from '../flash/console.js';
import { BOARD_FIGURES, type BoardTimings } from './board-report.js';

/** Longest that one of them takes, on a slow board. */
const PROGRAM_MS = 30_000;
const ROUNDS = 1000;
const ELEMENTS = 200;
const BYTES = 1000;
/** Blocks of SHA-256 in that, with its padding. */
const HASH_BLOCKS = Math.ceil((BYTES + 9) / 64);
const CALLS = 20;

/** Microseconds of one unit, where a program does `units` of them in all. */
const timed = (prepare: string, work: string, units: number): string =>
  `(function(){${prepare};var t=getTime(),i;${work};return (getTime()-t)/${units}*1e6})()`;
const calls = (call: string): string => `for(i=0;i<${CALLS};i++)${call}`;

/** A program for each figure, in microseconds. */
export const PROGRAMS: Record<(typeof BOARD_FIGURES)[number], string> = {
  emptyLoopUs: timed('', `for(i=0;i<${ROUNDS};i++)`, ROUNDS),
  dotElementUs: timed(`var a=new Float64Array(${ELEMENTS}).fill(1)`, calls('E.convolve(a,a,0)'), CALLS * ELEMENTS),
  byteUs: timed(`var a=new Uint8Array(${BYTES})`, calls('E.sum(a)'), CALLS * BYTES),
  characterUs: timed(`var a="x".repeat(${BYTES})`, calls('a.indexOf("y")'), CALLS * BYTES),
  hashBlockUs: timed(`var a=new Uint8Array(${BYTES}),c=require("crypto")`, calls('c.SHA256(a)'), CALLS * HASH_BLOCKS),
};

/** Takes each figure once; one that a board's clock is too coarse for is left out. @throws TapcashError BOARD_SILENT */
export async function measureTimings(console: BoardConsole): Promise<BoardTimings> {
  const timings: BoardTimings = {};
  for (const name of BOARD_FIGURES) {
    const us = Number(await console.evaluate(PROGRAMS[name], PROGRAM_MS));
    if (Number.isFinite(us) && us > 0) timings[name] = Math.round(us * 1000) / 1000;
  }
  return timings;
}
