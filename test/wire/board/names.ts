/**
 * A program for the interpreter: names in the firmware's codec and on its display, and prints what became of them. They
 * are the bytes of test/kit/names.ts; what is refused is not well-formed, or has control characters or odd spaces.
 */
import { toHex, fromChars } from '../../../firmware/core/bytes.js';
import { spell } from '../../../firmware/panel/spell.js';
import { isName } from '../../../firmware/wire/name.js';
import { nameRequest } from '../../../firmware/wire/token-commands.js';

declare const print: any;

const names = [
  'M\xc3\xbcller',
  'Caf\xc3\xa9 Roma',
  "O'Brien",
  '\xc5\x81ukasz',
  'Nguy\xe1\xbb\x85n V\xc4\x83n',
  '\xe5\xb0\x8f\xe6\x9e\x97',
  '\xce\x94\xce\xb7\xce\xbc\xce\xae\xcf\x84\xcf\x81\xce\xb7\xcf\x82',
  'S\xc3\xb8ren',
  'Zo\xc3\xab',
  "D'Angelo",
  '\xc3\x91and\xc3\xba',
  '\xc4\xb0pek',
  '\xc3\x86r\xc3\xb8 Bar',
  'Stra\xc3\x9fe 7',
  'Jean-Luc',
  '\xc3\x9cnal & S\xc3\xb6hne',
];

const wrong = [
  'a\x80',
  '\xc3',
  '\xc0\xaf',
  '\xed\xa0\x80',
  '\xf4\x90\x80\x80',
  '\xe0\x9f\xbf',
  '\xc2\x85',
  ' a',
  'a  b',
  'a\x00',
];

for (let i = 0; i < names.length; i++) {
  const bytes = nameRequest.encode({ commandId: new Uint8Array(8), name: names[i] });
  const read = nameRequest.decode(bytes);
  const same = !!read && read.name === names[i] && isName(read.name);
  print(toHex(bytes) + ' ' + same + ' ' + toHex(fromChars(spell(names[i], 32))));
}
let refused = 0;
for (let i = 0; i < wrong.length; i++) if (!isName(wrong[i])) refused++;
print('refused ' + refused + ' of ' + wrong.length);
