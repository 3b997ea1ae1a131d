/** `tapcash office operators` and `office operator`: in every house of the scheme, and finished where one was down. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { readKeyFile, writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { createOfficeClient } from '../../host-bridge/http/client.js';
import { codeOf, good, ISSUER, seedOf } from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';
import { endHouses, startHouses } from '../services/served-houses-rig.js';
import { tapcashHere } from './command-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-operators-'));
const office = join(folder, 'office');
const mine = join(folder, 'mine');
afterEach(endHouses);
afterAll(() => rmSync(folder, { recursive: true }));

test('a key is made, added in all houses, used and removed', async () => {
  const at = await startHouses(2);
  const { issuer, bank, trustee } = at.services;
  const urls = ['--issuer-url', issuer.url, '--bank-url', bank!.url];
  const root = (...args: string[]) =>
    tapcashHere(['office', ...args, ...urls, '--trustee-url', trustee!.url, '--data', office, '--json']);

  const made = await tapcashHere(['office', 'operator', 'key', '--data', mine, '--json']);
  const { key } = JSON.parse(made.out) as { key: string };
  const signer = readKeyFile(join(mine, 'operator.key'));
  expect(toHex(signer.publicKey)).toBe(key);
  const desk = await tapcashHere(['office', 'operator', 'key', '--role', 'teller', '--data', mine, '--json']);
  expect(JSON.parse(desk.out)).toMatchObject({ file: join(mine, 'teller.key') });
  expect(JSON.parse(desk.out).key).not.toBe(key);

  // Without a key nobody asks; with one that no house knows, in vain.
  const add = ['operator', 'add', 'Ines', '--role', 'auditor', '--key', key];
  expect((await root(...add)).err).toMatch(/FILE_MISSING/);
  expect(existsSync(join(office, 'operator.key'))).toBe(false);
  writeKeyFile(join(folder, 'operator.key'), seedOf('operator'));
  const asRoot = (...args: string[]) =>
    tapcashHere(['office', ...args, ...urls, '--trustee-url', trustee!.url, '--data', folder, '--json']);
  expect((await asRoot('operator', 'add', 'Ines', '--role', 'boss', '--key', key)).err).toMatch(/teller, clerk/);
  expect((await asRoot(...add, '--act-limit', '5.00')).err).toMatch(/no act with a limit/);

  // One house is down: the others have it, and the same command finishes it.
  await trustee!.close();
  const cut = await asRoot(...add);
  expect([cut.status, cut.err]).toEqual([3, expect.stringMatching(/the same command finishes it/)]);
  const again = await startTrusteeAgain();
  const done = await tapcashHere(['office', ...add, ...urls, '--trustee-url', again.url, '--data', folder, '--json']);
  expect(JSON.parse(done.out)).toMatchObject({
    role: 'auditor',
    houses: [
      { house: 'issuer', repeated: false },
      { house: 'bank', repeated: false },
      { house: 'trustee', repeated: false },
    ],
  });
  const own = createOfficeClient({ url: bank!.url, operator: signer, issuer: ISSUER, timeoutMs: PATIENT_MS });
  good(await own.numbers());
  expect(codeOf(await own.payOut('Nobody', 1, 'x'))).toBe('ROLE_FORBIDDEN');
  const numbers = await tapcashHere(['office', 'numbers', ...urls, '--data', mine, '--json']);
  expect(numbers.status).toBe(0);

  const listing = ['office', 'operators', ...urls, '--trustee-url', again.url, '--data', mine];
  const listed = JSON.parse((await tapcashHere([...listing, '--json'])).out) as {
    houses: { house: string; operators: { name: string; role: string }[] }[];
  };
  expect(listed.houses.map(({ house, operators }) => [house, operators.map(({ name, role }) => [name, role])])).toEqual(
    ['issuer', 'bank', 'trustee'].map((house) => [house, [['Ines', 'auditor']]]),
  );
  expect((await tapcashHere(listing)).out).toMatch(/root +supervisor[^]*Ines +auditor/);

  const removing = ['office', 'operator', 'remove', 'Ines', ...urls, '--trustee-url', again.url, '--data', folder];
  expect((await tapcashHere(removing)).out).toMatch(/no operator any more in issuer, bank, trustee/);
  expect(codeOf(await own.numbers())).toBe('OPERATOR_UNKNOWN');
  await again.close();
  await at.close();
  at.end();

  async function startTrusteeAgain() {
    const { startTrustee } = await import('../../host-bridge/services/start.js');
    const { placeOf } = await import('../services/served-houses-rig.js');
    return startTrustee({ ...placeOf(at.clients.scheme, at.dataDir), accountsKey: bank!.publicKey });
  }
});
