/**
 * Which names of a program its start alone uses: a name too many in that list would be missing on a board that runs.
 */
import { listStartNames } from '../../flash-scripts/build/start-names.js';

/** The list that a program is given, sorted. */
function namesOf(statements: string): string[] {
  const text = listStartNames(`(function(){${statements}; forget(startNames)})()`);
  const list = JSON.parse(/forget\((".*?")\)/.exec(text)![1]!) as string;
  return list.split(' ').filter(Boolean).sort();
}

const PARTS = 'function make(){return help()} function help(){return 1} function other(){} var limit=3;';

test('what the program calls while it starts is listed, with all that this alone names', () => {
  expect(namesOf(`${PARTS} make(limit)`)).toEqual(['help', 'limit', 'make', 'other']);
});

test('what a function inside another one names stays, and what that names', () => {
  expect(namesOf(`${PARTS} make(function(){return help()})`)).toEqual(['limit', 'make', 'other']);
  expect(namesOf(`${PARTS} function part(){return function(){return make()}} part()`)).toEqual([
    'limit',
    'other',
    'part',
  ]);
  expect(namesOf(`${PARTS} var table={read:function(){return limit}}; make(table)`)).toEqual([
    'help',
    'make',
    'other',
    'table',
  ]);
});

test('what overlays name stays', () => {
  expect(namesOf(`${PARTS} overlay(open,'a.js',function(){return help})`)).toEqual(['limit', 'make', 'other']);
  expect(namesOf(`${PARTS} resident(open,'a.js',function(){return make})`)).toEqual(['limit', 'other']);
});

test('a function that is marked, or called where it stands, counts as the code around it; one inside it does not', () => {
  const all = ['help', 'limit', 'make', 'other'];
  expect(namesOf(`${PARTS} other(atStart(function(){make()}))`)).toEqual(all);
  expect(namesOf(`${PARTS} (function(){make()})()`)).toEqual(all);
  expect(namesOf(`${PARTS} other(atStart(make))`)).toEqual(all);
  expect(namesOf(`${PARTS} other(atStart(function(){return function(){make()}}))`)).toEqual(['limit', 'other']);
  // One with a name may call itself later.
  expect(namesOf(`${PARTS} (function again(){make();later(again)})()`)).toEqual(['limit', 'other']);
});

test('the marks are gone from the program, with or without a list', () => {
  expect(listStartNames('(function(){f(atStart(function(){return 1}),atStart(g))})()')).toBe(
    '(function(){f(function(){return 1},g)})()',
  );
  expect(() => listStartNames('(function(){atStart(1,2)})()')).toThrow(/a function/);
});
