/**
 * From a file's bytes, as Espruino runs them, to the text that V8 runs: tokens in letters, for what is evaluated too.
 *
 * Nothing else is changed, unless the board's time is modelled (work-meter.ts).
 */
import { isReference, parseBundle, walk } from '../../flash-scripts/build/syntax-tree.js';
import { TextEdits } from '../../flash-scripts/build/text-edits.js';
import { detokenise } from '../../flash-scripts/build/tokens.js';
import { meterProgram } from './work-meter.js';

/** In the context, in the place of `Function` and `eval`: the same of a text that may be in tokens. */
export const FUNCTION = '$Function';
export const EVAL = '$eval';
const STAND_INS = new Map([
  ['Function', FUNCTION],
  ['eval', EVAL],
]);

/** Texts by what they were made from, however often boards start. */
const letters = new Map<string, string>();
const metered = new Map<string, string>();
const TEXTS_MAX = 64;

function convert(code: string, isMetered: boolean): string {
  const text = detokenise(code);
  if (![...STAND_INS.keys()].some((name) => text.includes(name)) && !isMetered) return text;
  const edits = new TextEdits(text);
  const program = parseBundle(text);
  walk(program, (node, parents) => {
    const standIn =
      node.type === 'Identifier' && isReference(node, parents[parents.length - 1]) && STAND_INS.get(node.name);
    if (standIn) edits.replace(node.start, node.end, standIn);
  });
  if (isMetered) meterProgram(program, edits);
  return edits.toString();
}

/** The text of a program or an overlay. @param code characters 0 to 255 */
export function programText(code: string, isMetered: boolean): string {
  const known = isMetered ? metered : letters;
  let text = known.get(code);
  if (text === undefined) {
    if (known.size >= TEXTS_MAX) known.clear();
    known.set(code, (text = convert(code, isMetered)));
  }
  return text;
}
