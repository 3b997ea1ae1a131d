/**
 * A part of a role's program that lies in a file of its own in Storage, for what is rarely wanted: there it takes
 * neither room in the bundle nor variables until it is loaded. Only main files have overlays.
 *
 * `make` is a function expression without parameters that uses names of modules only. The build
 * (flash-scripts/build/overlays.ts) puts it, with every function and constant that only overlays use, into `file`, and writes
 * `open(file, id, Function)` in its place: of the file's text `Function` makes `make` again, and `id` is what the text
 * must begin with, in quotes.
 */
declare function overlay<T>(
  open: <U>(file: string, id: string, start: (text: string) => () => U) => () => U,
  file: string,
  make: () => T,
): () => T;

/** An overlay whose names are global while it is loaded. */
interface Resident<T> {
  /** Loads it, again if it is there. */
  load(): T;
  /** Deletes its names; nothing that came from it may be used any more. */
  drop(): void;
}

/**
 * The same for a part of many functions that stays loaded for long: with each function Espruino keeps the scopes around
 * it, in an overlay a list of three variables, here one or none. A name outside its function is found later, behind all
 * of the program's own. `make` returns an expression; `evaluate` leaves its value in the global of the file's name.
 * What several of them use, the one that stands first in the program has: it must be there while any other is.
 */
declare function resident<T>(
  open: <U>(file: string, id: string, evaluate: (text: string) => void) => Resident<U>,
  file: string,
  make: () => T,
): Resident<T>;

/**
 * Marks a function inside another one that runs while the program starts, and never after: without the mark what it
 * names stays. The build (flash-scripts/build/start-names.ts) puts the function itself in the place of the call.
 */
declare function atStart<T>(run: T): T;

/** Names of the program that only its start uses, with a blank between two: to be deleted when it is over. */
declare const startNames: string;

/**
 * The same for functions that run once and leave behind what they make. Only what `make` itself names is in the file,
 * and its names are deleted when it is dropped: what was made stays, and all that it uses, which the bundle keeps. The
 * build refuses one that is named by a function which stays.
 */
declare function passing<T>(
  open: <U>(file: string, id: string, evaluate: (text: string) => void) => Resident<U>,
  file: string,
  make: () => T,
): Resident<T>;
