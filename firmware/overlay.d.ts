/**
 * A part of a role's program that lies in a file of its own in Storage, for what is rarely wanted: there it takes neither
 * room in the bundle nor variables until it is loaded. Only main files have overlays.
 *
 * `make` is a function expression without parameters that uses names of modules only. The build (flash-scripts/overlays.ts)
 * puts it, with every function and constant that nothing else uses, into `file`, and writes `open(file, id, Function)` in its
 * place: of the file's text `Function` makes `make` again, and `id` is what the text must begin with, in quotes.
 */
declare function overlay<T>(open: <U>(file: string, id: string, start: (text: string) => () => U) => () => U, file: string, make: () => T): () => T;
