/**
 * `tapcash office operators`, and `office operator add`, `remove` and `key`: who may act in the houses, and by which
 * role (base/services/roles.ts). Each house has a list of its own; the commands keep them alike.
 */
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { failure, must, type Result } from '../base/errors.js';
import { bytes } from '../base/hex.js';
import { serviceKey } from '../base/keys/key-file.js';
import { hasLimit, isRole, ROLES } from '../base/services/roles.js';
import { table } from '../base/text-table.js';
import { createIssuerClient, createOperatorsClient, type OperatorsClient } from '../http/client.js';
import { operatorIdOf } from '../http/operator-requests.js';
import { mustBeOperator, type OfficeCommand } from './office.js';
import { amountArgument, keyArgument, money, moment, print } from './output.js';
import { underId } from './pending-acts.js';
import { TRUSTEE_URL } from './settings.js';

/** The houses of the scheme, by name, and how an operator reaches each. */
async function housesOf(options: OfficeCommand): Promise<{ house: string; at(id?: Uint8Array): OperatorsClient }[]> {
  mustBeOperator(options.data);
  const operator = serviceKey(options.data, 'operator');
  const { parameters } = must(await createIssuerClient({ url: options.issuerUrl }).parameters());
  const scheme = schemeOf(parameters.scheme);
  const urls: [string, string][] = [
    ['issuer', options.issuerUrl],
    ...(scheme.accountsAt === 'bank' ? ([['bank', options.bankUrl]] as [string, string][]) : []),
    ...(scheme.licenseFrom === 'trustee'
      ? ([['trustee', options.trusteeUrl ?? TRUSTEE_URL]] as [string, string][])
      : []),
  ];
  return urls.map(([house, url]) => ({
    house,
    at: (id) => createOperatorsClient({ url, operator, issuer: parameters.issuer }, id),
  }));
}

/** `tapcash office operators`. */
export async function listOperators(options: OfficeCommand): Promise<void> {
  const houses = [];
  for (const { house, at } of await housesOf(options)) {
    const { roots, operators } = must(await at().list());
    houses.push({ house, roots, operators });
  }
  const lines = houses.flatMap(({ house, roots, operators }) => [
    `${house}:`,
    ...table([
      ...roots.map((key) => ['root', 'supervisor', operatorIdOf(bytes(key)), 'the house is started with it']),
      ...operators.map(({ name, role, limit, id, addedS, removedS, isForgotten }) => [
        name,
        limit === null ? role : `${role} up to ${money(limit)}`,
        id,
        removedS !== null
          ? `removed ${moment(removedS)}`
          : isForgotten
            ? 'WAITS: the books were restored; a root key adds it again, or removes it'
            : `since ${moment(addedS)}`,
      ]),
    ]),
  ]);
  print(options.json, { ok: true, houses }, lines.join('\n'));
}

/** One act in every house under one id: a house that has done it answers the same again. */
async function everywhere(
  command: string,
  values: object,
  options: OfficeCommand,
  run: (client: OperatorsClient) => Promise<Result<{ repeated: boolean }>>,
): Promise<{ house: string; repeated: boolean }[]> {
  const houses = await housesOf(options);
  const send = async (id: string): Promise<Result<{ done: { house: string; repeated: boolean }[] }>> => {
    const done = [];
    for (const { house, at } of houses) {
      const result = await run(at(bytes(id)));
      // What one house has done stands: the same command again finishes it in the others.
      if (!result.ok) return { ...result, detail: [house, result.detail].filter(Boolean).join(': ') };
      done.push({ house, repeated: result.repeated });
    }
    return { ok: true, done };
  };
  return (await underId({ command, values, idBytes: 16, send }, options)).done;
}

/** `tapcash office operator add`. */
export async function addOperator(
  name: string,
  options: OfficeCommand & { role: string; key: string; actLimit?: string },
): Promise<void> {
  const { role } = options;
  if (!isRole(role)) throw failure('USAGE', `--role ${role}: ${ROLES.join(', ')} expected`);
  if (options.actLimit !== undefined && !hasLimit(role))
    throw failure('USAGE', `--act-limit: ${role} has no act with a limit`);
  const limit = options.actLimit === undefined ? null : amountArgument(options.actLimit);
  const key = toHex(keyArgument(options.key, '--key'));
  const who = { name, role, key, limit };
  const houses = await everywhere('office operator add', who, options, (client) => client.add(who));
  print(
    options.json,
    { ok: true, ...who, houses },
    `${name} is ${role} in ${houses.map(({ house }) => house).join(', ')}`,
  );
}

/** `tapcash office operator remove`. */
export async function removeOperator(name: string, options: OfficeCommand): Promise<void> {
  const houses = await everywhere('office operator remove', { name }, options, (client) => client.remove(name));
  print(
    options.json,
    { ok: true, name, houses },
    `${name} is no operator any more in ${houses.map(({ house }) => house).join(', ')}`,
  );
}

/** `tapcash office operator key`: makes the folder's key where there is none. */
export function operatorKey(options: { data: string; role: string; json?: boolean }): void {
  if (options.role !== 'teller' && options.role !== 'operator' && !isRole(options.role))
    throw failure('USAGE', `--role ${options.role}: ${ROLES.join(', ')} expected`);
  // A desk's key lies apart: its bridge looks for it, and never takes another one.
  const file = options.role === 'teller' ? 'teller' : 'operator';
  const { publicKey } = serviceKey(options.data, file);
  const path = join(options.data, `${file}.key`);
  print(
    options.json,
    { ok: true, key: toHex(publicKey), id: operatorIdOf(publicKey), file: path },
    [`${toHex(publicKey)}`, `The private key is ${path}. Key id: ${operatorIdOf(publicKey)}`].join('\n'),
  );
}
