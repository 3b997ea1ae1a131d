/**
 * What Node's language has and Espruino's does not: taken away before a bundle runs, so that code using it fails here
 * too.
 *
 * Found by asking Espruino 2v29 (Linux build) for every name that Node 20 has; the conformance test asks again. Things
 * that Espruino has but gets wrong cannot be taken away, nor can Number's constants (MAX_SAFE_INTEGER and others); the
 * build refuses those. Symbol.iterator stays reachable through the prototypes.
 */

/** Global names. RangeError is among them: `throw new RangeError(...)` throws a ReferenceError on a board. */
export const ABSENT_GLOBALS = (
  'Symbol AggregateError EvalError RangeError URIError Intl BigUint64Array BigInt64Array Map BigInt Set WeakMap WeakSet ' +
  'Proxy Reflect FinalizationRegistry WeakRef decodeURI encodeURI escape unescape SharedArrayBuffer Atomics WebAssembly ' +
  'queueMicrotask structuredClone Iterator'
).split(' ');

/** Members by the expression that has them. */
export const ABSENT_MEMBERS: Record<string, string> = {
  Object: 'getOwnPropertySymbols hasOwn is preventExtensions seal freeze isExtensible isFrozen isSealed groupBy',
  'Object.prototype': 'isPrototypeOf propertyIsEnumerable toLocaleString',
  Array: 'from of fromAsync',
  'Array.prototype':
    'at copyWithin findLast findLastIndex lastIndexOf keys entries values flat flatMap reduceRight toLocaleString ' +
    'toReversed toSorted toSpliced with',
  Number: 'isFinite isInteger isNaN isSafeInteger parseFloat parseInt',
  'Number.prototype': 'toExponential toPrecision toLocaleString',
  String: 'fromCodePoint raw',
  'String.prototype':
    'at codePointAt isWellFormed localeCompare matchAll normalize search toWellFormed trimStart trimLeft trimEnd trimRight ' +
    'toLocaleLowerCase toLocaleUpperCase sub sup big bold link small fixed anchor blink italics strike fontcolor fontsize',
  Date: 'UTC',
  'RegExp.prototype': 'flags sticky unicode compile',
  Math: 'acosh asinh atanh cbrt expm1 clz32 cosh fround hypot imul log1p log2 log10 sinh tanh trunc',
  ArrayBuffer: 'isView',
  'ArrayBuffer.prototype': 'slice resize transfer transferToFixedLength',
  'Object.getPrototypeOf(Uint8Array)': 'from of',
  'Object.getPrototypeOf(Uint8Array.prototype)':
    'at copyWithin entries findLast findLastIndex keys lastIndexOf reduceRight toReversed toSorted values with ' +
    'toLocaleString',
  Error: 'captureStackTrace',
};

/** A script that takes all of it away from the context that it runs in. */
export function absentScript(): string {
  const lines = ABSENT_GLOBALS.map((name) => `delete globalThis.${name};`);
  for (const [owner, names] of Object.entries(ABSENT_MEMBERS)) {
    // Object.getPrototypeOf exists on Espruino and stays.
    lines.push(`for (const name of ${JSON.stringify(names.split(' '))}) delete (${owner})[name];`);
  }
  return lines.join('\n');
}
