/**
 * The standard library of firmware is what ECMAScript 5 declares and Espruino has: every member of the declarations is
 * asked for in the interpreter. One that is absent and not refused would be a surprise on a board; one that is refused
 * and there, a rule for nothing.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { MISSING, POLYFILLED } from '../../flash-scripts/build/refuse-library.js';
import { interpreterTest, runInEspruino } from './fixture-runner.js';

/** A value of each interface, to ask for its members. */
const VALUES: { [name: string]: string } = {
  Object: '({})',
  ObjectConstructor: 'Object',
  Function: '(function(){})',
  CallableFunction: '(function(){})',
  String: '"a"',
  StringConstructor: 'String',
  Number: '5',
  NumberConstructor: 'Number',
  Math: 'Math',
  Date: 'new Date(0)',
  DateConstructor: 'Date',
  RegExp: '/a/',
  Error: 'new Error("x")',
  JSON: 'JSON',
  Array: '[1]',
  ReadonlyArray: '[1]',
  ArrayConstructor: 'Array',
  ArrayBuffer: 'new ArrayBuffer(4)',
  ArrayBufferConstructor: 'ArrayBuffer',
  RegExpMatchArray: '"a".match(/a/)',
  RegExpExecArray: '/a/.exec("a")',
};
for (const kind of ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float32', 'Float64']) {
  VALUES[`${kind}Array`] = `new ${kind}Array(2)`;
  VALUES[`${kind}ArrayConstructor`] = `${kind}Array`;
}

/** Every `Owner.member` of the ES5 declarations that the table above can ask for, and `global.name`. */
function declaredNames(): string[] {
  const path = join(dirname(ts.getDefaultLibFilePath({})), 'lib.es5.d.ts');
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES5, true);
  const names = new Set<string>();
  for (const node of file.statements) {
    if (ts.isInterfaceDeclaration(node) && VALUES[node.name.text]) {
      for (const { name } of node.members)
        if (name && ts.isIdentifier(name)) names.add(`${node.name.text}.${name.text}`);
    }
    if (ts.isVariableStatement(node))
      for (const { name } of node.declarationList.declarations) names.add(`global.${name.getText()}`);
    if (ts.isModuleDeclaration(node)) names.add(`global.${node.name.text}`);
    if (ts.isFunctionDeclaration(node)) names.add(`global.${node.name!.text}`);
  }
  return [...names];
}

interpreterTest('what is refused as missing is missing, and nothing else', () => {
  const names = declaredNames();
  expect(names.length).toBeGreaterThan(500);
  const asked = names.map((name) => {
    const [owner, member] = name.split('.') as [string, string];
    return `ask("${name}",${owner === 'global' ? 'global' : VALUES[owner]},"${member}");`;
  });
  const ask = 'function ask(n,v,k){var r;try{r=typeof v[k]}catch(e){r="undefined"}if(r==="undefined")print(n)}';
  // Whole-program names as Espruino sees them, in one run.
  const missing = runInEspruino(`${ask}\n${asked.join('\n')}`).filter((name) => name !== 'global.undefined');
  const refused = [...MISSING].flatMap(([owner, members]) => members.split(' ').map((member) => `${owner}.${member}`));
  expect(missing.sort()).toEqual(
    [...refused, ...POLYFILLED.map((name) => `global.${name}`)].filter((name) => names.includes(name)).sort(),
  );
  expect(refused.filter((name) => !names.includes(name))).toEqual([]);
});
