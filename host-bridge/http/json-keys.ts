/**
 * Keys that stand twice in one object of a JSON text. RFC 8259 4 leaves open what they mean: `JSON.parse` takes the
 * last, other readers the first, so a text that a person or a program checked could be another one here.
 *
 * JSON.parse itself cannot tell, and no parser that is maintained does; so this looks once through a text that
 * JSON.parse has taken, without recursion.
 */

/** A string with what follows it if it is a key, or a bracket. Strings are taken whole, so nothing in them counts. */
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;

/** The first key that an object has twice; null: none. @param json a valid JSON text */
export function repeatedKey(json: string): string | null {
  /** The keys of the objects that are open; null for an array. */
  const open: (Set<string> | null)[] = [];
  for (const [token, isKey] of json.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : null);
    else if (token === '}' || token === ']') open.pop();
    else if (isKey) {
      // As it is read: "amount" and "\u0061mount" are one key.
      const key = JSON.parse(token.slice(0, -isKey.length)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return null;
}
