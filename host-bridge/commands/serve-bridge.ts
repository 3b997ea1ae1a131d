/** `tapcash bridge`: the terminal on a serial port, the services, and the clerk's commands between them. */
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { serviceKey } from '../base/keys/key-file.js';
import type { AccountsOffice, Remote } from '../base/services/procedures.js';
import { issuerIdOf } from '../base/crypto/signer.js';
import { failure } from '../base/errors.js';
import { createLog } from '../base/log.js';
import { startBridge } from '../bridge/bridge.js';
import { startControl } from '../control/control-api.js';
import {
  createBankClient,
  createBankOfficeClient,
  createApprovalCheck,
  createFundingCheck,
  createIssuerClient,
  createOfficeCall,
  createTrusteeClient,
} from '../http/client.js';
import { createPortOpener } from '../serial/port.js';
import type { Settings } from './settings.js';
import type { CommandContext } from './table/spec.js';
import {
  amountArgument,
  interrupted,
  keyArgument,
  keyOf,
  lossArgument,
  schemeArgument,
  useCurrency,
} from './output.js';
import { agreedCurrency } from './settings-arguments.js';

/** Options of `tapcash bridge`. */
interface BridgeCommand {
  data: string;
  serial: string;
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
  const { dataDir, operatorData } = placesOf(options, settings);
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const scheme = schemeOf(schemeArgument(options.scheme));
  const registrarKey = keyOf(options.trusteeKey, '--trustee-key', scheme.licenseFrom === 'trustee') ?? issuerKey;
  const atBank = scheme.accountsAt === 'bank';
  const issuerClient = createIssuerClient({ url: options.issuerUrl });
  // A teller's: the desk holds no key that can trace (base/services/roles.ts).
  const operator = operatorData ? serviceKey(operatorData, 'teller') : null;
  // Another issuer there, or none, is an outage, which the bridge tells and outlasts (depositary-identity.ts).
  const known = await issuerClient.parameters();
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
  const running = await startBridge({
    port: createPortOpener(options.serial),
    services: {
      scheme,
      issuer: issuerClient,
      ...(atBank ? { bank: createBankClient({ url: options.bankUrl }) } : {}),
      checkApproval: createApprovalCheck({ url: atBank ? options.bankUrl : options.issuerUrl }),
      ...(options.trusteeUrl ? { trustee: createTrusteeClient({ url: options.trusteeUrl }) } : {}),
      ...(office
        ? {
            office: (id: Uint8Array): Remote<AccountsOffice> =>
              atBank ? createBankOfficeClient(office, id) : createOfficeCall(office, id),
            checkFunding: createFundingCheck(office),
          }
        : {}),
    },
    dataDir,
    issuerKey,
    registrarKey,
    chargeLifetimeS: lifetimeArgument(options.chargeMinutes),
    refundMax: options.refundLimit === undefined ? undefined : amountArgument(options.refundLimit),
    log: createLog('bridge'),
    acceptLoss: lossArgument(options.acceptLoss),
  });
  try {
    const control = await startControl({ bridge: running, dataDir, currency });
    await interrupted();
    await control.close();
  } finally {
    await running.close();
  }
}
