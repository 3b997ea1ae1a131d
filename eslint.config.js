/*
 * ESLint's rules, all of them errors. They hold what can be held of how the code reads: short functions, no `any`,
 * no promise that nobody waits for, nothing unused. Format is Prettier's, types are tsc's.
 *
 * The exceptions of the day when the rules came stand in eslint-suppressions.json. ESLint fails on a suppression
 * that is no longer needed (`npx eslint --prune-suppressions` takes it out), so that list only ever shrinks.
 *
 * Two programs are enough for the types: test/tsconfig.json holds host-bridge/ and flash-scripts/ as well.
 */
import { builtinRules } from 'eslint/use-at-your-own-risk';
import tseslint from 'typescript-eslint';

const maxLinesPerFunction = builtinRules.get('max-lines-per-function');

/** True for the callback of describe() or describe.each(): a table of contents, not a function. */
function isDescribeCallback(node) {
  if (node.parent?.type !== 'CallExpression' || !node.parent.arguments.includes(node)) return false;
  let callee = node.parent.callee;
  for (;;) {
    if (callee.type === 'Identifier') return callee.name === 'describe';
    if (callee.type === 'CallExpression') callee = callee.callee;
    else if (callee.type === 'TaggedTemplateExpression') callee = callee.tag;
    else if (callee.type === 'MemberExpression') callee = callee.object;
    else return false;
  }
}

/** ESLint's max-lines-per-function, but for the callbacks of describe. */
const maxLinesPerTest = {
  meta: maxLinesPerFunction.meta,
  create: (context) =>
    maxLinesPerFunction.create(
      Object.create(context, {
        report: { value: (problem) => isDescribeCallback(problem.node) || context.report(problem) },
      }),
    ),
};

const LINES = { max: 60, skipBlankLines: true, skipComments: true };

export default tseslint.config(
  { ignores: ['**/node_modules/', 'dist/', 'test/build/fixtures/', 'test/wire/board/', 'test/board/program/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: 'test/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines-per-function': ['error', LINES],
      'max-len': [
        'error',
        { code: 120, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true, ignoreUrls: true },
      ],
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-unused-expressions': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      // A field that is named to be left out, and a place before the one that is used.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    files: ['host-bridge/web/**/*.ts'],
    languageOptions: { parserOptions: { project: 'host-bridge/web/tsconfig.json' } },
  },
  {
    // With the types of Node, which the rooms that flash boards are written against.
    files: ['host-bridge/web/flasher/**/*.ts'],
    languageOptions: { parserOptions: { project: 'host-bridge/web/flasher/tsconfig.json' } },
  },
  {
    files: ['firmware/**/*.ts'],
    // What boards have another file for.
    ignores: ['firmware/wire/name.ts'],
    languageOptions: { parserOptions: { project: 'firmware/tsconfig.json' } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'off',
      // The interpreter has no catch without a name.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
    },
  },
  {
    // What nobody waits for says itself who hears of its failure: a rejection that nobody handles ends the process.
    files: ['host-bridge/**/*.ts', 'flash-scripts/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }] },
  },
  {
    files: ['test/**/*.ts'],
    plugins: { tapcash: { rules: { 'max-lines-per-function': maxLinesPerTest } } },
    rules: { 'max-lines-per-function': 'off', 'tapcash/max-lines-per-function': ['error', LINES] },
  },
  {
    // Its inputs are the same in each run only where the module of tests has said so.
    files: ['test/**/*.ts'],
    ignores: ['test/kit/properties.ts'],
    rules: {
      'no-restricted-imports': ['error', { name: 'fast-check', message: 'Take fc from test/kit/properties.js.' }],
    },
  },
);
