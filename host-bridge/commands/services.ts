/**
 * The services and the bridge as processes of their own, and the issuer's office.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { failure, type Result } from '../errors.js';
import { createIssuerClient, createOfficeCall, createOfficeClient, createTrusteeClient } from '../http/client.js';
import { serviceKey } from '../http/key-file.js';
import { createLog } from '../http/log.js';
import { startIssuer, startTrustee } from '../http/start.js';
import { audit, type AuditReport } from '../ledger/audit.js';
import { startBridge } from '../relay/bridge.js';
import { startControl } from '../relay/control-api.js';
import { openBoardPort } from '../serial/port.js';
import { amountArgument, interrupted, keyArgument, money, must, print } from './output.js';

interface ServiceCommand {
  data: string;
  port: string;
  host: string;
}

function portNumber(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw failure('USAGE', `--port ${text}: 0 to 65535 expected`);
  return port;
}

/** `tapcash keys`: makes what is missing and prints the public keys that services are started with. */
export function keys(options: { data: string; json?: boolean }): void {
  const of = (role: string) => toHex(serviceKey(options.data, role).publicKey);
  const found = { issuer: of('issuer'), trustee: of('trustee'), operator: of('operator') };
  print(options.json, found, Object.entries(found).map(([role, key]) => `${role.padEnd(9)} ${key}`).join('\n'));
}

/** `tapcash issuer`. */
export async function issuer(options: ServiceCommand & { registrar: string; operator: string[] }): Promise<void> {
  const service = await startIssuer({
    dataDir: options.data,
    port: portNumber(options.port),
    host: options.host,
    registrarKey: keyArgument(options.registrar, '--registrar'),
    operatorKeys: options.operator.map((key) => keyArgument(key, '--operator')),
    log: createLog('issuer'),
  });
  await interrupted();
  await service.close();
}

/** `tapcash trustee`. */
export async function trustee(options: ServiceCommand & { issuer: string; issuerUrl: string }): Promise<void> {
  const issuerClient = createIssuerClient({ url: options.issuerUrl });
  const service = await startTrustee({ issuer: issuerClient, dataDir: options.data, port: portNumber(options.port), host: options.host, issuerKey: keyArgument(options.issuer, '--issuer'), log: createLog('trustee') });
  await interrupted();
  await service.close();
}

/** `tapcash bridge`. */
export async function bridge(options: { data: string; port: string; issuer: string; trustee?: string; issuerKey: string; registrarKey: string; operatorData?: string }): Promise<void> {
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const issuerClient = createIssuerClient({ url: options.issuer });
  const operator = options.operatorData ? serviceKey(options.operatorData, 'operator') : null;
  const office = async () => must(await issuerClient.parameters()).parameters;
  const known = operator ? await office() : null;
  if (known && toHex(known.issuerKey) !== toHex(issuerKey)) throw failure('WRONG_SERVICE', options.issuer);
  const running = await startBridge({
    port: () => openBoardPort(options.port),
    services: {
      issuer: issuerClient,
      ...(options.trustee ? { trustee: createTrusteeClient({ url: options.trustee }) } : {}),
      ...(operator && known ? { office: (id: Uint8Array) => createOfficeCall({ url: options.issuer, operator, issuer: known.issuer }, id) } : {}),
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

export interface OfficeCommand {
  data: string;
  url: string;
  json?: boolean;
}

/** What the office can be asked on the command line. */
export type OfficeVerb = 'open' | 'fund' | 'terminal' | 'deny' | 'trace' | 'balance' | 'overspends' | 'numbers';

/** `tapcash office ...`: one act of an operator, whose key lies in the data folder. */
export async function office(verb: OfficeVerb, values: string[], options: OfficeCommand): Promise<void> {
  if (!existsSync(join(options.data, 'operator.key'))) throw failure('FILE_MISSING', `${join(options.data, 'operator.key')}: tapcash keys --data ${options.data}`);
  const operator = serviceKey(options.data, 'operator');
  const { parameters } = must(await createIssuerClient({ url: options.url }).parameters());
  const remote = createOfficeClient({ url: options.url, operator, issuer: parameters.issuer });
  const [first, second, third] = values;
  const bytes = (text: string) => fromHex(text) ?? new Uint8Array(0);
  const calls: Record<OfficeVerb, () => Promise<Result<object>>> = {
    open: () => remote.openAccount(first, null),
    fund: () => remote.fundAccount(first, amountArgument(second)),
    terminal: () => remote.registerTerminal(first, bytes(second), bytes(third)),
    deny: () => remote.deny(bytes(first), second),
    trace: () => remote.trace(bytes(first), second),
    balance: () => remote.balanceOf(first),
    overspends: () => remote.overspends(),
    numbers: () => remote.numbers(),
  };
  const reply = must(await calls[verb]());
  const shown = JSON.parse(JSON.stringify(reply, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value))) as Record<string, unknown>;
  const { ok: _, ...rest } = shown;
  print(options.json, shown, Object.entries(rest).map(([name, value]) => `${name.padEnd(12)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join('\n') || 'done');
}

/** `tapcash audit`. @returns whether nothing is broken */
export function auditCommand(options: { data: string; json?: boolean }): boolean {
  const house = (name: string) => join(options.data, `${name}.db`);
  const report = audit({
    issuerDatabase: house('issuer'),
    ...(existsSync(house('bank')) ? { bankDatabase: house('bank') } : {}),
    ...(existsSync(house('trustee')) ? { trusteeDatabase: house('trustee') } : {}),
    progress: (table, rows) => void (!options.json && process.stderr.isTTY && process.stderr.write(`  ${table}: ${rows}\n`)),
  });
  print(options.json, report, auditText(report));
  return report.ok;
}

function auditText(report: AuditReport): string {
  const rows = Object.entries(report.rows).map(([table, count]) => `  ${table.padEnd(18)} ${String(count).padStart(6)} checked`);
  const broken = report.broken.map((row) => `  BROKEN ${row.database} ${row.table} ${row.row}: ${row.problem}`);
  const kept = report.in === report.held ? 'conservation holds' : 'CONSERVATION BROKEN';
  return [...rows, ...broken, `${report.ok ? 'The books are right' : `${report.broken.length} rows are broken`}: ${kept}, put in ${money(report.in)}, held ${money(report.held)}.`].join('\n');
}
