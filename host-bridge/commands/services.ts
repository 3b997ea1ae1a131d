/**
 * The services and the bridge as processes of their own, and the audit. Which keys a house needs is its scheme's row.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { CLASS_FULL, CLASS_SMALL, classPaymentMax } from '../../firmware/core/license-class.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { createUnsealer } from '../base/crypto/sealed-box.js';
import type { AccountsOffice, Remote } from '../base/services/procedures.js';
import type { HouseName, KeyLine } from '../base/keys/key-line.js';
import { issuerIdOf, type Signer } from '../base/crypto/signer.js';
import { failure } from '../base/errors.js';
import {
  createBankChannel,
  createBankClient,
  createBankOfficeClient,
  createIssuerClient,
  createOfficeCall,
  createTrusteeClient,
} from '../http/client.js';
import { firstKey } from '../services/house-keys.js';
import { sealSeed, serviceKey } from '../base/keys/key-file.js';
import { keyLines, keyLinesText } from './rotate.js';
import { createLog } from '../base/log.js';
import { startBank, startIssuer, startTrustee } from '../services/start.js';
import { audit, type AuditReport } from '../audit/audit.js';
import { linkage, linkageText } from '../audit/linkage.js';
import { startBridge } from '../bridge/bridge.js';
import { startControl } from '../control/control-api.js';
import { openBoardPort } from '../serial/port.js';
import { day, interrupted, keyArgument, money, must, print, schemeArgument } from './output.js';

interface ServiceCommand {
  data: string;
  port: string;
  host: string;
  scheme: string;
}

function portNumber(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw failure('USAGE', `--port ${text}: 0 to 65535 expected`);
  return port;
}

/** `tapcash keys`: makes what is missing and prints the public keys that services are started with. */
export async function keys(options: { data: string; json?: boolean }): Promise<void> {
  const first = (house: HouseName) => toHex(firstKey(options.data, house));
  const found: Record<string, string> = {
    issuer: first('issuer'),
    trustee: first('trustee'),
    bank: first('bank'),
    operator: toHex(serviceKey(options.data, 'operator').publicKey),
  };
  // What tokens of schemes 2 to 6 seal to; an issuer that began without one has none.
  const began = existsSync(join(options.data, 'issuer.db')) && !existsSync(join(options.data, 'issuer-seal.key'));
  const followed = keyLines(options.data);
  const isFirst = followed.every(({ house, fromS }) => house !== 'issuer' || fromS === 0);
  if (!began && isFirst) found['seal'] = toHex((await createUnsealer(sealSeed(options.data))).publicKey);
  const lines = keyLinesText(followed);
  print(
    options.json,
    { ...found, lines: followed },
    [
      ...Object.entries(found).map(([role, key]) => `${role.padEnd(9)} ${key}`),
      ...(lines.length > 0 ? ['', 'Houses are started with their first keys. They sign with:', ...lines] : []),
    ].join('\n'),
  );
}

/** What every house is started with. @throws TapcashError USAGE */
function placeOf(role: string, options: ServiceCommand) {
  return {
    dataDir: options.data,
    port: portNumber(options.port),
    host: options.host,
    scheme: schemeArgument(options.scheme),
    log: createLog(role),
  };
}

/** A key that the scheme's row needs, or does not have. @throws TapcashError USAGE */
function keyOf(text: string | undefined, option: string, needed: boolean): Uint8Array | null {
  if (needed && text === undefined) throw failure('USAGE', `${option}: this scheme needs it`);
  return text === undefined ? null : keyArgument(text, option);
}

/** A class of licenses. @throws TapcashError USAGE */
function classArgument(text: string): number {
  const number = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (classPaymentMax(number) === 0)
    throw failure('USAGE', `--license-class ${text}: ${CLASS_FULL} or ${CLASS_SMALL} expected`);
  return number;
}

/** Serves until Ctrl-C or SIGTERM. */
async function untilInterrupted(service: { close(): Promise<void> }): Promise<void> {
  await interrupted();
  await service.close();
}

/** `tapcash issuer`. */
export async function issuer(
  options: ServiceCommand & { registrar?: string; bank?: string; operator: string[]; licenseClass: string },
): Promise<void> {
  const place = placeOf('issuer', options);
  const row = schemeOf(place.scheme);
  const registrarKey = keyOf(options.registrar, '--registrar', row.licenseFrom === 'trustee');
  const bankKey = keyOf(options.bank, '--bank', row.accountsAt === 'bank');
  const operatorKeys = options.operator.map((key) => keyArgument(key, '--operator'));
  await untilInterrupted(
    await startIssuer({
      ...place,
      operatorKeys,
      bankKey,
      licenseClass: classArgument(options.licenseClass),
      ...(registrarKey ? { registrarKey } : {}),
    }),
  );
}

/** `tapcash bank`. */
export async function bank(
  options: ServiceCommand & { issuer: string; issuerUrl: string; registrar?: string; operator: string[] },
): Promise<void> {
  const place = placeOf('bank', options);
  const row = schemeOf(place.scheme);
  if (row.accountsAt !== 'bank') throw failure('USAGE', `--scheme ${row.number}: the issuer keeps the accounts`);
  const issuerKey = keyArgument(options.issuer, '--issuer');
  const registrarKey = keyOf(options.registrar, '--registrar', row.licenseFrom === 'trustee') ?? issuerKey;
  const operatorKeys = options.operator.map((key) => keyArgument(key, '--operator'));
  const issuerChannel = (signer: Signer, issuerLine: KeyLine) =>
    createBankChannel({ url: options.issuerUrl, signer, issuerLine, issuer: issuerIdOf(issuerKey) });
  await untilInterrupted(await startBank({ ...place, issuerKey, registrarKey, operatorKeys, issuerChannel }));
}

/** `tapcash trustee`. */
export async function trustee(
  options: ServiceCommand & { issuer: string; issuerUrl: string; accounts?: string; licenseClass: string },
): Promise<void> {
  const place = placeOf('trustee', options);
  const row = schemeOf(place.scheme);
  if (row.licenseFrom !== 'trustee') throw failure('USAGE', `--scheme ${row.number}: the issuer signs licenses`);
  const accountsKey = keyOf(options.accounts, '--accounts', row.accountsAt === 'bank');
  const issuerClient = createIssuerClient({ url: options.issuerUrl });
  await untilInterrupted(
    await startTrustee({
      ...place,
      licenseClass: classArgument(options.licenseClass),
      issuer: issuerClient,
      issuerKey: keyArgument(options.issuer, '--issuer'),
      ...(accountsKey ? { accountsKey } : {}),
    }),
  );
}

/** `tapcash bridge`. */
export async function bridge(options: {
  data: string;
  port: string;
  issuer: string;
  bank: string;
  trustee?: string;
  scheme: string;
  issuerKey: string;
  registrarKey: string;
  operatorData?: string;
}): Promise<void> {
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const scheme = schemeOf(schemeArgument(options.scheme));
  const atBank = scheme.accountsAt === 'bank';
  const issuerClient = createIssuerClient({ url: options.issuer });
  const operator = options.operatorData ? serviceKey(options.operatorData, 'operator') : null;
  if (operator) {
    const { parameters } = must(await issuerClient.parameters());
    if (toHex(parameters.issuerKey) !== toHex(issuerKey)) throw failure('WRONG_SERVICE', options.issuer);
    if (parameters.scheme !== scheme.number)
      throw failure('USAGE', `--scheme ${scheme.number}: the issuer has scheme ${parameters.scheme}`);
  }
  const office = operator && { operator, issuer: issuerIdOf(issuerKey), url: atBank ? options.bank : options.issuer };
  const running = await startBridge({
    port: () => openBoardPort(options.port),
    services: {
      scheme,
      issuer: issuerClient,
      ...(atBank ? { bank: createBankClient({ url: options.bank }) } : {}),
      ...(options.trustee ? { trustee: createTrusteeClient({ url: options.trustee }) } : {}),
      ...(office
        ? {
            office: (id: Uint8Array): Remote<AccountsOffice> =>
              atBank ? createBankOfficeClient(office, id) : createOfficeCall(office, id),
          }
        : {}),
    },
    dataDir: options.data,
    issuerKey,
    registrarKey: keyArgument(options.registrarKey, '--registrar-key'),
    log: createLog('bridge'),
  });
  try {
    const control = await startControl({ bridge: running, dataDir: options.data });
    await interrupted();
    await control.close();
  } finally {
    await running.close();
  }
}

/** The databases of the houses that keep them in one folder, as in a demo. */
function databasesIn(data: string) {
  const house = (name: string) => join(data, `${name}.db`);
  return {
    issuerDatabase: house('issuer'),
    ...(existsSync(house('bank')) ? { bankDatabase: house('bank') } : {}),
    ...(existsSync(house('trustee')) ? { trusteeDatabase: house('trustee') } : {}),
  };
}

/** `tapcash audit`. @returns whether nothing is broken */
export function auditCommand(options: { data: string; json?: boolean }): boolean {
  const report = audit({
    ...databasesIn(options.data),
    progress: (table, rows) =>
      void (!options.json && process.stderr.isTTY && process.stderr.write(`  ${table}: ${rows}\n`)),
  });
  print(options.json, report, auditText(report));
  return report.ok;
}

/** `tapcash linkage`. */
export function linkageCommand(options: { data: string; json?: boolean }): void {
  const databases = databasesIn(options.data);
  if (!existsSync(databases.issuerDatabase)) throw failure('FILE_MISSING', databases.issuerDatabase);
  const parties = linkage(databases);
  print(options.json, { ok: true, parties }, linkageText(parties));
}

function auditText(report: AuditReport): string {
  const rows = Object.entries(report.rows).map(
    ([table, count]) => `  ${table.padEnd(18)} ${String(count).padStart(6)} checked`,
  );
  const broken = report.broken.map((row) => `  BROKEN ${row.database} ${row.table} ${row.row}: ${row.problem}`);
  const keys = report.keys
    .filter(({ fromS, untilS }) => fromS > 0 || untilS !== null)
    .map(
      ({ house, key, fromS, untilS }) =>
        `  key of the ${house.padEnd(8)} ${key.slice(0, 16)}  signed ${fromS > 0 ? `from ${day(fromS)}` : 'first'}${untilS === null ? '' : `, taken until ${day(untilS)}`}`,
    );
  const kept = report.in === report.held ? 'conservation holds' : 'CONSERVATION BROKEN';
  return [
    ...rows,
    ...keys,
    ...broken,
    `${report.ok ? 'The books are right' : `${report.broken.length} rows are broken`}: ${kept}, put in ${money(report.in)}, held ${money(report.held)}.`,
  ].join('\n');
}
