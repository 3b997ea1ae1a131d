/**
 * `tapcash office` against running houses: accounts where the scheme keeps them, and trace by each scheme's own path,
 * whose proof the asker checks instead of believing it. EP 0926637 [0031], [0056], [0081].
 */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { office, type OfficeVerb } from '../../host-bridge/commands/office.js';
import { operatorIdOf } from '../../host-bridge/http/operator-requests.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { bankSigner, register, withdraw } from '../houses/houses-rig.js';
import { good, issuerSigner, rsOf, seedOf, signerOf, START_S } from '../kit/people.js';
import { endHouses, operator, startHouses, userAt } from '../services/served-houses-rig.js';

afterEach(endHouses);

test.each([1, 2, 5])('scheme %i', async (number) => {
  const at = await startHouses(number);
  const { issuer, bank, trustee } = at.services;
  writeKeyFile(join(at.dataDir, 'operator.key'), seedOf('operator'));
  const ask = async (verb: OfficeVerb, values: string[], extra: { accountsKey?: string } = {}) => {
    const written: string[] = [];
    const spy = jest.spyOn(process.stdout, 'write').mockImplementation((text) => (written.push(String(text)), true));
    try {
      await office(verb, values, {
        data: at.dataDir,
        issuerUrl: issuer.url,
        bankUrl: bank?.url ?? '',
        trusteeUrl: trustee?.url ?? '',
        json: true,
        ...extra,
      });
    } finally {
      spy.mockRestore();
    }
    return JSON.parse(written.join(''));
  };

  const ada = await userAt(at.clients, at.facts, 'Ada', 100);
  await ask('open', ['Shop']);
  expect(await ask('fund', ['Shop', '7'])).toEqual({
    ok: true,
    balance: 7,
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(await ask('balance', ['Shop'])).toEqual({ ok: true, balance: 7 });
  if (schemeOf(number).issue === 'coupon')
    expect(await ask('coupon-keys', [])).toMatchObject({ version: 1, repeated: true });
  expect(await register(at.clients, ada)).toBe('OK');
  expect(await withdraw(at.clients, ada, 10)).toBe('OK');
  const pku = toHex(ada.pku);
  // Closing is for good, and 90 are in the account, 10 on the token.
  await expect(ask('close', ['Ada'])).rejects.toMatchObject({
    code: 'ACCOUNT_NOT_EMPTY',
    ...(schemeOf(number).registration === 'sealed'
      ? { detail: expect.stringMatching(/cash of Ada is still out/) }
      : {}),
  });
  await expect(ask('trace', [pku, 'just so'])).rejects.toMatchObject({ code: 'NOT_OVERSPENT' });
  good(await (at.clients.bank ?? at.clients.issuer).deposit(ada.pay('Shop', 12, rsOf(1), START_S)));
  for (let tries = 0; tries < 10_000 && (await ask('overspends', [])).overspends.length === 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(ask('trace', [pku, ' '])).rejects.toMatchObject({ code: 'REASON_MISSING' });

  const accountsKey = schemeOf(number).accountsAt === 'bank' ? bankSigner.publicKey : issuerSigner.publicKey;
  expect(await ask('trace', [pku, 'overspent'], { accountsKey: toHex(accountsKey) })).toMatchObject({
    name: 'Ada',
    ebc: -2,
    proof: 'PROVEN',
    proofBy: 'checked here',
  });
  // Under another key the certificate is nothing: the house's word alone does not make it PROVEN.
  expect(await ask('trace', [pku, 'overspent'], { accountsKey: toHex(signerOf('Mallory').publicKey) })).toMatchObject({
    name: 'Ada',
    proof: 'UNPROVEN',
  });
  expect((await ask('trace', [pku, 'overspent'])).proofBy).toMatch(number === 1 ? /checked here/ : /says so/);
  await expect(ask('trace', [pku, 'overspent'], { accountsKey: 'ff' })).rejects.toMatchObject({ code: 'USAGE' });
  // What is no key is named, with what one looks like; not by the pattern that it does not match.
  for (const verb of number === 5 ? (['deny'] as const) : (['lose', 'deny', 'trace'] as const))
    await expect(ask(verb, ['Nobody', 'why'])).rejects.toMatchObject({
      code: 'USAGE',
      detail: expect.stringMatching(/^Nobody: a pseudonym PKU.* 64 hexadecimal digits$/),
    });
  // Without an operator's key nobody asks at all.
  await expect(
    office('numbers', [], {
      data: join(at.dataDir, 'nowhere'),
      issuerUrl: issuer.url,
      bankUrl: '',
      trusteeUrl: '',
      json: true,
    }),
  ).rejects.toMatchObject({ code: 'FILE_MISSING' });

  await at.close();
  // Who asked, why, and on which EBC stands in every house that had a part in it.
  for (const service of [issuer, bank, trustee]) {
    if (!service) continue;
    const rows = new Sqlite(service.database, { readonly: true })
      .prepare('SELECT operator, why, ebc, name FROM traces')
      .all() as { operator: string; why: string; ebc: number; name: string | null }[];
    const role = service === issuer ? 'issuer' : service === bank ? 'bank' : 'trustee';
    const { traceBy } = schemeOf(number);
    const takesPart = role === 'issuer' || role === traceBy;
    expect([role, rows.length]).toEqual([role, takesPart ? 3 : 0]);
    for (const row of rows)
      expect(row).toEqual({
        operator: operatorIdOf(operator.publicKey),
        why: 'overspent',
        ebc: -2,
        name: role === traceBy ? 'Ada' : null,
      });
  }
  at.end();
});
