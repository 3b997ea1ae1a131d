/**
 * Operators and their roles: each endpoint by each role, from the list of endpoints itself; who is removed, what a
 * limit allows, and what is left of it all after a restart and after a restore.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TSchema } from '@sinclair/typebox';
import Sqlite from 'better-sqlite3';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { makeBackup } from '../../host-bridge/backup/backup.js';
import { restore } from '../../host-bridge/backup/restore.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { RIGHTS, ROLES, type Role } from '../../host-bridge/base/services/roles.js';
import { createOfficeCall, createOfficeClient, createOperatorsClient } from '../../host-bridge/http/client.js';
import { operatorIdOf, signOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import { BANK_ENDPOINTS, ISSUER_ENDPOINTS, TRUSTEE_ENDPOINTS, type Endpoint } from '../../host-bridge/http/schemas.js';
import { startIssuer } from '../../host-bridge/services/start.js';
import type { Signer } from '../../host-bridge/base/crypto/signer.js';
import { codeOf, good, ISSUER, registrarSigner, seedOf, signerOf, START_S } from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';
import { endHouses, operator, startHouses } from './served-houses-rig.js';

const HOUSES = {
  issuer: ISSUER_ENDPOINTS as Record<string, Endpoint>,
  bank: BANK_ENDPOINTS as Record<string, Endpoint>,
  trustee: TRUSTEE_ENDPOINTS as Record<string, Endpoint>,
};
const all = Object.entries(HOUSES).flatMap(([house, endpoints]) =>
  Object.entries(endpoints).map(([name, endpoint]) => ({ house: house as keyof typeof HOUSES, name, endpoint })),
);
const keyOf = (role: Role) => signerOf(`a ${role}`);
let counter = 0;
const newId = () => seedOf(`roles ${counter++}`).subarray(0, 16);

afterEach(endHouses);

test('every address of an office has an act of the table, and every act has an address', () => {
  for (const { house, name, endpoint } of all)
    expect([house, name, endpoint.act !== undefined]).toEqual([house, name, endpoint.path.startsWith('/v2/office/')]);
  const used = new Set(all.flatMap(({ endpoint }) => (endpoint.act ? [endpoint.act] : [])));
  // What a clerk gives back is looked up by the bridge.
  expect([...used, 'refund'].sort()).toEqual(Object.keys(RIGHTS).sort());
  // A limit is one of the amount that the body names.
  for (const { name, endpoint } of all.filter(
    ({ endpoint: { act } }) => act && Object.values(RIGHTS[act]).includes('limited'),
  ))
    expect([name, Object.keys((endpoint.body as { properties?: object }).properties ?? {})]).toEqual([
      name,
      expect.arrayContaining(['amount']),
    ]);
});

test('docs/operations.md shows the table', () => {
  const page = readFileSync(join(packageRoot(), 'docs', 'operations.md'), 'utf8');
  const rows = Object.entries(RIGHTS).map(
    ([act, row]) => `| ${[act, ...ROLES.map((role) => row[role])].join(' | ')} |`,
  );
  expect(page).toContain([`| act | ${ROLES.join(' | ')} |`, '|---|---|---|---|---|', ...rows, ''].join('\n'));
});

test('the table as the issue has it', () => {
  const may = (role: Role) => Object.entries(RIGHTS).flatMap(([act, row]) => (row[role] === 'no' ? [] : [act]));
  expect(may('teller')).toEqual(['register', 'fund', 'self']);
  expect(may('clerk')).toEqual(['refund', 'self']);
  expect(may('auditor')).toEqual(['self', 'read']);
  expect(may('supervisor')).toEqual(Object.keys(RIGHTS));
});

/** A body that a schema takes. */
function sampleOf(schema: TSchema): unknown {
  if (schema['const'] !== undefined) return schema['const'];
  if (schema['anyOf']) return sampleOf((schema['anyOf'] as TSchema[])[0]!);
  switch (schema['type']) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema['properties'] as Record<string, TSchema>)
          .filter(([name]) => (schema['required'] as string[] | undefined)?.includes(name))
          .map(([name, one]) => [name, sampleOf(one)]),
      );
    case 'integer':
      return schema['minimum'] ?? 1;
    case 'array':
      return [];
    case 'null':
      return null;
    default: {
      const bytes = /\{(\d+),/.exec(String(schema['pattern'] ?? ''));
      return bytes ? '58'.repeat(Number(bytes[1])) : 'Nobody';
    }
  }
}

/** All rows of a database, but for what every start writes. */
function rowsOf(path: string): string {
  const database = new Sqlite(path, { readonly: true });
  try {
    const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all() as string[];
    return JSON.stringify(tables.map((name) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]));
  } finally {
    database.close();
  }
}

async function send(url: string, endpoint: Endpoint, signer: Signer, body: unknown, id = newId()): Promise<string> {
  const text = JSON.stringify(body);
  const response = await fetch(url + endpoint.path, {
    method: 'POST',
    body: text,
    headers: {
      'content-type': 'application/json',
      ...signOperatorRequest(signer, ISSUER, id, 'POST', endpoint.path, text),
    },
  });
  return ((await response.json()) as { code?: string }).code ?? 'OK';
}

test.each([1, 2])('scheme %i: every address by every role; what is forbidden changes nothing', async (number) => {
  const at = await startHouses(number);
  for (const house of ['issuer', 'bank', 'trustee'] as const) {
    const service = at.services[house];
    if (!service) continue;
    const roots = createOperatorsClient({ url: service.url, operator, issuer: ISSUER });
    for (const role of ROLES)
      good(await roots.add({ name: role, role, key: toHex(keyOf(role).publicKey), limit: null }));
    const seen: string[] = [];
    for (const { endpoint, name } of all.filter((one) => one.house === house && one.endpoint.act)) {
      for (const role of ROLES) {
        const right = RIGHTS[endpoint.act!][role];
        const before = rowsOf(service.database);
        const code = await send(service.url, endpoint, keyOf(role), sampleOf(endpoint.body));
        const isRefused = code === 'ROLE_FORBIDDEN';
        // Without a limit what is limited is forbidden, and a supervisor that was added is no root.
        expect([house, name, role, isRefused]).toEqual([house, name, role, right !== 'yes']);
        if (isRefused || endpoint.looks) expect(rowsOf(service.database)).toBe(before);
        // A stranger learns nothing, whatever his role elsewhere.
        seen.push(`${name} ${role} ${code}`);
      }
      expect(await send(service.url, endpoint, signerOf('stranger'), sampleOf(endpoint.body))).toBe('OPERATOR_UNKNOWN');
      const byRoot = await send(service.url, endpoint, operator, sampleOf(endpoint.body));
      expect([name, byRoot]).not.toEqual([name, 'ROLE_FORBIDDEN']);
    }
    expect(seen.length).toBeGreaterThanOrEqual(4 * 5);
  }
  await at.close();
  const { issuer, bank, trustee } = at.services;
  expect(
    audit({
      issuerDatabase: issuer.database,
      ...(bank ? { bankDatabase: bank.database } : {}),
      ...(trustee ? { trusteeDatabase: trustee.database } : {}),
      operatorKeys: [operator.publicKey],
    }),
  ).toMatchObject({ ok: true, broken: [] });
  at.end();
});

describe('one house', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const desk = signerOf('the desk');
  const clock = { nowS: START_S };
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  const start = async (more: { tellerLimit?: number } = {}) => {
    issuer = await startIssuer({
      ...{ dataDir: join(folder, 'data'), clock: () => clock.nowS, monotonic: () => clock.nowS },
      ...{ random: () => seedOf('issuer'), registrarKey: registrarSigner.publicKey },
      ...{ operatorKeys: [operator.publicKey], tellerKeys: [desk.publicKey], ...more },
    });
  };
  const at = (signer: Signer) => ({ url: issuer.url, operator: signer, issuer: ISSUER, timeoutMs: PATIENT_MS });
  const roots = () => createOperatorsClient(at(operator));
  const add = (name: string, role: Role, signer: Signer, limit: number | null = null) =>
    roots().add({ name, role, key: toHex(signer.publicKey), limit });

  beforeAll(() => start());
  afterAll(async () => {
    await issuer.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a desk that the house is started with opens accounts, and funds and traces nothing', async () => {
    const office = createOfficeClient(at(desk));
    good(await office.openAccount('Ada', null));
    expect(codeOf(await office.fundAccount('Ada', 1))).toBe('ROLE_FORBIDDEN');
    expect(codeOf(await office.trace(seedOf('x'), 'curious'))).toBe('ROLE_FORBIDDEN');
    expect(codeOf(await office.balanceOf('Ada'))).toBe('ROLE_FORBIDDEN');
    expect(good(await createOperatorsClient(at(desk)).self())).toMatchObject({
      name: 'desk',
      role: 'teller',
      isRoot: false,
    });
    expect(good(await createOperatorsClient(at(operator)).self())).toMatchObject({ role: 'supervisor', isRoot: true });
  });

  test('a limit is of one act, and follows the settings that the house is started with', async () => {
    await issuer.close();
    await start({ tellerLimit: 100 });
    const office = createOfficeClient(at(desk));
    expect(codeOf(await office.fundAccount('Ada', 101))).toBe('ROLE_FORBIDDEN');
    expect(good(await office.fundAccount('Ada', 100))).toEqual({ ok: true, balance: 100 });
    await issuer.close();
    await start();
    expect(codeOf(await createOfficeClient(at(desk)).fundAccount('Ada', 1))).toBe('ROLE_FORBIDDEN');
  });

  test.each<[string, string, () => ReturnType<typeof add>]>([
    ['a bad name', 'NAME_INVALID', () => add(' x', 'auditor', signerOf('n'))],
    ['a limit for who has none', 'BAD_REQUEST', () => add('Lim', 'auditor', signerOf('n'), 5)],
    ['a root as something else', 'OPERATOR_EXISTS', () => add('Root', 'teller', operator)],
    ["another operator's name", 'OPERATOR_EXISTS', () => add('desk', 'teller', signerOf('n'))],
    ['a key under another name', 'OPERATOR_EXISTS', () => add('Desk 9', 'teller', desk)],
    ['a key in another role', 'OPERATOR_EXISTS', () => add('desk', 'supervisor', desk)],
    [
      'a key that is no point',
      'KEY_INVALID',
      () => roots().add({ name: 'Zero', role: 'auditor', key: '00'.repeat(32), limit: null }),
    ],
    ['nobody removed', 'OPERATOR_NOT_LISTED', () => roots().remove('Nobody')],
    [
      'a supervisor who is no root',
      'ROLE_FORBIDDEN',
      async () => {
        good(await add('Sup', 'supervisor', signerOf('sup')));
        const own = createOperatorsClient(at(signerOf('sup')));
        expect(codeOf(await own.remove('desk'))).toBe('ROLE_FORBIDDEN');
        return own.add({ name: 'Friend', role: 'supervisor', key: toHex(signerOf('f').publicKey), limit: null });
      },
    ],
  ])('%s: %s', async (_what, expected, run) => {
    expect(codeOf(await run())).toBe(expected);
  });

  test('who was removed is refused from the next request on, the stored answer too, and after a restart', async () => {
    const tom = signerOf('Tom');
    good(await add('Tom', 'supervisor', tom));
    const id = newId();
    const call = () => createOfficeCall(at(tom), id).fundAccount('Ada', 5);
    const first = good(await call());
    expect(good(await call())).toEqual(first);
    expect(good(await roots().remove('Tom'))).toEqual({ ok: true, repeated: false });
    expect(codeOf(await call())).toBe('OPERATOR_UNKNOWN');
    expect(good(await roots().remove('Tom'))).toEqual({ ok: true, repeated: true });
    // The key is gone for good; the name is free.
    expect(codeOf(await add('Tom', 'supervisor', tom))).toBe('OPERATOR_EXISTS');
    good(await add('Tom', 'auditor', signerOf('Tom anew')));
    good(await roots().remove('desk'));
    await issuer.close();
    await start({ tellerLimit: 100 });
    expect(codeOf(await call())).toBe('OPERATOR_UNKNOWN');
    expect(good(await createOfficeClient(at(signerOf('Tom anew'))).balanceOf('Ada')).balance).toBe(first.balance);
    // Also the desk that the settings still name.
    expect(codeOf(await createOfficeClient(at(desk)).openAccount('Bob', null))).toBe('OPERATOR_UNKNOWN');
    const listed = good(await roots().list());
    expect(listed.roots).toEqual([toHex(operator.publicKey)]);
    expect(listed.operators.map(({ name, role, addedBy, removedBy }) => [name, role, addedBy, removedBy])).toEqual([
      ['desk', 'teller', 'settings', operatorIdOf(operator.publicKey)],
      ['Sup', 'supervisor', operatorIdOf(operator.publicKey), null],
      ['Tom', 'supervisor', operatorIdOf(operator.publicKey), operatorIdOf(operator.publicKey)],
      ['Tom', 'auditor', operatorIdOf(operator.publicKey), null],
    ]);
    // Each recorded act says who did it, and as what.
    await issuer.close();
    const books = new Sqlite(issuer.database, { readonly: true });
    const acts = books.prepare('SELECT DISTINCT operator_key AS key, role FROM operator_requests').all() as {
      key: Buffer;
      role: string;
    }[];
    books.close();
    expect(acts.map(({ key, role }) => `${role} ${operatorIdOf(key)}`).sort()).toEqual(
      [
        ['supervisor', operator],
        ['supervisor', tom],
        ['teller', desk],
        ['auditor', signerOf('Tom anew')],
      ]
        .map(([role, signer]) => `${String(role)} ${operatorIdOf((signer as Signer).publicKey)}`)
        .sort(),
    );
    await start();
  });

  test('a restored database may have forgotten a removal: nobody but a root counts until a root says so', async () => {
    const [kim, lea] = [signerOf('Kim'), signerOf('Lea')];
    const second = signerOf('second desk');
    good(await add('Kim', 'supervisor', kim));
    good(await add('Lea', 'auditor', lea));
    await makeBackup({ data: join(folder, 'data'), to: join(folder, 'backup'), passphrase: null, nowS: clock.nowS });
    good(await roots().remove('Kim'));
    await issuer.close();
    clock.nowS += 60;
    restore({
      ...{ from: join(folder, 'backup'), data: join(folder, 'data') },
      ...{ replace: true, passphrase: null, nowS: clock.nowS },
    });
    issuer = await startIssuer({
      ...{ dataDir: join(folder, 'data'), clock: () => clock.nowS, monotonic: () => clock.nowS },
      ...{ registrarKey: registrarSigner.publicKey, operatorKeys: [operator.publicKey] },
      tellerKeys: [desk.publicKey, second.publicKey],
    });
    for (const signer of [kim, lea, second]) {
      const refused = await createOfficeClient(at(signer)).openAccount('Eve', null);
      expect(refused).toMatchObject({ code: 'ROLE_FORBIDDEN', detail: expect.stringMatching(/restored/) });
      expect(codeOf(await createOfficeClient(at(signer)).balanceOf('Ada'))).toBe('ROLE_FORBIDDEN');
    }
    expect(good(await roots().list()).operators.filter(({ isForgotten }) => isForgotten).length).toBe(5);
    // A root says it again, of those whom it means.
    expect(good(await add('Lea', 'auditor', lea)).repeated).toBe(true);
    good(await createOfficeClient(at(lea)).balanceOf('Ada'));
    expect(good(await roots().remove('Kim'))).toEqual({ ok: true, repeated: false });
    expect(codeOf(await createOfficeClient(at(kim)).balanceOf('Ada'))).toBe('OPERATOR_UNKNOWN');
    await issuer.close();
    expect(audit({ issuerDatabase: issuer.database, operatorKeys: [operator.publicKey] })).toMatchObject({ ok: true });
    await start();
    good(await createOfficeClient(at(lea)).balanceOf('Ada'));
    expect(fromHex(good(await roots().list()).roots[0]!)).toEqual(operator.publicKey);
  });
});
