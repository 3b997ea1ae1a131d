/** The tables of every board that there can be stay below their limit. */
import { generateKeyPairSync } from 'node:crypto';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import {
  tableBytes,
  terminalFiles,
  TERMINAL_TERMS,
  tokenFiles,
  TOKEN_LIMITS,
  type IssuerFacts,
} from '../../flash-scripts/provision/board-files.js';
import { TABLES_BYTES_MAX } from '../../flash-scripts/provision/tables.js';
import { SCHEMES } from '../../firmware/core/scheme.js';

const keyOf = (type: 'ed25519' | 'x25519'): Uint8Array =>
  new Uint8Array(
    Buffer.from(
      (generateKeyPairSync(type as 'ed25519').publicKey.export({ format: 'jwk' }) as { x: string }).x,
      'base64url',
    ),
  );
const issuerKey = keyOf('ed25519');
const board = loadBoard('emulated');
const registrars: [string, Uint8Array][] = [
  ['the issuer licenses', issuerKey],
  ['another registrar', keyOf('ed25519')],
];
const sealKey = keyOf('x25519');

describe.each(registrars)('%s', (_who, registrarKey) => {
  const facts: IssuerFacts = { issuer: new Uint8Array(4), currency: 'EUR', registrarKey, issuerKey, sealKey };
  test.each(SCHEMES.map(({ number }) => number))('a token of scheme %i', (number) => {
    const bytes = tableBytes(tokenFiles(board, facts, TOKEN_LIMITS, new Uint8Array(32), { number }));
    expect(bytes).toBeGreaterThan(80_000);
    expect(bytes).toBeLessThan(TABLES_BYTES_MAX);
  });
  test('a terminal', () => {
    const files = terminalFiles(
      board,
      facts,
      { ...TERMINAL_TERMS, shop: 'Cafe Roma', terminalId: new Uint8Array(4) },
      new Uint8Array(32),
    );
    expect(tableBytes(files)).toBeLessThan(TABLES_BYTES_MAX);
  });
});
