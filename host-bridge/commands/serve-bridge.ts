/** `tapcash bridge`: the terminal on a serial port, the services, and the clerk's commands between them. */
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { serviceKey } from '../base/keys/key-file.js';
import type { PublicParameters } from '../base/services/procedures.js';
import { issuerIdOf } from '../base/crypto/signer.js';
import { bodyOfThrown, failure } from '../base/errors.js';
import { createLog } from '../base/log.js';
import { startBridge } from '../bridge/bridge.js';
import { startControl } from '../control/control-api.js';
import { createIssuerClient } from '../http/client.js';
import { servicesAt } from './services-at.js';
import { isName } from '../../firmware/wire/name.js';
import { currentFacts } from '../../flash-scripts/provision/current-facts.js';
import type { LineService } from '../line/line-service.js';
import { openLineTerminal, type LineTerminal } from '../line/line-terminal.js';
import { createPortOpener } from '../serial/port.js';
import { enrol } from './enrol.js';
import type { Settings } from './settings.js';
import type { CommandContext } from './table/spec.js';
import {
  amountArgument,
  interrupted,
  keyArgument,
  keyOf,
  lossArgument,
  quoted,
  schemeArgument,
  useCurrency,
} from './output.js';
import { agreedCurrency } from './settings-arguments.js';

/** Options of `tapcash bridge`. */
interface BridgeCommand {
  data: string;
  serial?: string;
  wallets?: string;
  host: string;
  shop?: string;
  issuerUrl: string;
  bankUrl: string;
  trusteeUrl?: string;
  scheme: string;
  currency?: string;
  issuerKey: string;
  trusteeKey?: string;
  operatorData?: string;
  acceptLoss?: string;
  chargeMinutes: string;
  refundLimit?: string;
}

/** Minutes of a charge, in seconds. @throws TapcashError USAGE */
function lifetimeArgument(text: string): number {
  if (!/^[0-9]{1,2}$/.test(text) || Number(text) < 1 || Number(text) > 60)
    throw failure('USAGE', '--charge-minutes: 1 to 60 expected');
  return Number(text) * 60;
}

/** Where a bridge keeps what it has, and who may act at its desk: in a folder with settings, both are known. */
function placesOf(options: BridgeCommand, settings: Settings | null): { dataDir: string; operatorData?: string } {
  const operatorData = options.operatorData ?? (settings ? options.data : undefined);
  return {
    dataDir: settings ? join(options.data, 'bridge') : options.data,
    ...(operatorData === undefined ? {} : { operatorData }),
  };
}

/** `tapcash bridge`. */
export async function bridge(options: BridgeCommand, { settings }: Pick<CommandContext, 'settings'>): Promise<void> {
  if ((options.serial === undefined) === (options.wallets === undefined))
    throw failure('USAGE', 'either --serial, a terminal on a cable, or --wallets, a terminal for wallets');
  const { dataDir, operatorData } = placesOf(options, settings);
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const scheme = schemeOf(schemeArgument(options.scheme));
  const registrarKey = keyOf(options.trusteeKey, '--trustee-key', scheme.licenseFrom === 'trustee') ?? issuerKey;
  const atBank = scheme.accountsAt === 'bank';
  // A teller's: the desk holds no key that can trace (base/services/roles.ts).
  const operator = operatorData ? serviceKey(operatorData, 'teller') : null;
  // Another issuer there, or none, is an outage, which the bridge tells and outlasts (depositary-identity.ts).
  const known = await createIssuerClient({ url: options.issuerUrl }).parameters();
  const isOurs = known.ok && toHex(known.parameters.issuerKey) === toHex(issuerKey);
  if (isOurs && known.parameters.scheme !== scheme.number)
    throw failure('USAGE', `--scheme ${scheme.number}: the issuer has scheme ${known.parameters.scheme}`);
  const currency = agreedCurrency(options.currency, isOurs ? known.parameters.currency : null, 'the issuer');
  if (currency) useCurrency(currency);
  const office = operator && {
    operator,
    issuer: issuerIdOf(issuerKey),
    url: atBank ? options.bankUrl : options.issuerUrl,
  };
  const line = options.wallets === undefined ? null : openLine(options, dataDir, isOurs ? known.parameters : null);
  const running = await startBridge({
    port: line ? line.port : createPortOpener(options.serial!),
    services: servicesAt({
      scheme,
      urls: { issuer: options.issuerUrl, bank: options.bankUrl, trustee: options.trusteeUrl ?? null },
      office,
    }),
    dataDir,
    issuerKey,
    registrarKey,
    chargeLifetimeS: lifetimeArgument(options.chargeMinutes),
    refundMax: options.refundLimit === undefined ? undefined : amountArgument(options.refundLimit),
    log: createLog('bridge'),
    acceptLoss: lossArgument(options.acceptLoss),
  }).catch((thrown) => {
    line?.close();
    throw thrown;
  });
  let service: LineService | null = null;
  try {
    if (line) {
      const { startLineService } = await import('../line/line-service.js');
      service = await startLineService({ terminal: line, host: options.host, port: portArgument(options.wallets!) });
      await tellLine(line, service, options, settings);
    }
    const control = await startControl({ bridge: running, dataDir, currency, line: service?.url });
    await interrupted();
    await control.close();
  } finally {
    await service?.close();
    await running.close();
    line?.close();
  }
}

function portArgument(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw failure('USAGE', '--wallets: a TCP port expected, 0 for any free one');
  return port;
}

/** The terminal of a line. @param parameters the issuer's; null: it does not answer now */
function openLine(options: BridgeCommand, dataDir: string, parameters: PublicParameters | null): LineTerminal {
  const { shop } = options;
  if (shop === undefined || !isName(shop)) throw failure(shop === undefined ? 'USAGE' : 'NAME_INVALID', '--shop');
  return openLineTerminal({
    path: join(dataDir, 'line.db'),
    shop,
    facts: parameters && currentFacts(parameters, Date.now() / 1000),
    chargeLifetimeS: lifetimeArgument(options.chargeMinutes),
    onFault: (thrown) => {
      process.stderr.write(`line: ${bodyOfThrown(thrown).message}\n`);
    },
  });
}

/** Says where wallets pay, and registers the terminal where the folder may. */
async function tellLine(
  line: LineTerminal,
  service: LineService,
  options: BridgeCommand,
  settings: Settings | null,
): Promise<void> {
  const terminal = { terminalId: line.terminalId, terminalKey: line.terminalKey };
  const why = settings ? await enrol(line.shop, terminal, options.data, settings) : 'no settings';
  const next =
    why === null
      ? []
      : [
          `The terminal of this line is not registered by this command (${why}). Once:`,
          `  tapcash office open ${quoted(line.shop)}`,
          `  tapcash office terminal ${quoted(line.shop)} ${toHex(line.terminalId)} \\`,
          `    ${toHex(line.terminalKey)}`,
        ];
  process.stderr.write([`Wallets pay ${line.shop} at ${service.url}`, ...next, ''].join('\n'));
}
