/**
 * Issuer, trustee and bank as processes of their own. Which keys a house needs is its scheme's row.
 */
import { CLASS_FULL, CLASS_SMALL, classPaymentMax } from '../../firmware/core/license-class.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import type { KeyLine } from '../base/keys/key-line.js';
import { issuerIdOf, type Signer } from '../base/crypto/signer.js';
import { failure } from '../base/errors.js';
import { createLog } from '../base/log.js';
import { createBankChannel, createIssuerClient } from '../http/client.js';
import { startBank, startIssuer, startTrustee } from '../services/start.js';
import { currencyArgument, portArgument } from './settings-arguments.js';
import {
  amountArgument,
  interrupted,
  keyArgument,
  keyOf,
  lossArgument,
  schemeArgument,
  useCurrency,
} from './output.js';

interface ServiceCommand {
  data: string;
  listen: string;
  host: string;
  scheme: string;
  currency: string;
  acceptLoss?: string;
  tellerKey?: string[];
  actLimit?: string;
}

/** What every house is started with. @throws TapcashError USAGE */
function placeOf(role: string, options: ServiceCommand) {
  const currency = currencyArgument(options.currency);
  useCurrency(currency);
  return {
    dataDir: options.data,
    port: portArgument(options.listen),
    host: options.host,
    scheme: schemeArgument(options.scheme),
    currency,
    log: createLog(role),
    tellerKeys: (options.tellerKey ?? []).map((key) => keyArgument(key, '--teller-key')),
    tellerLimit: options.actLimit === undefined ? null : amountArgument(options.actLimit),
    ...(options.acceptLoss === undefined ? {} : { acceptLoss: lossArgument(options.acceptLoss)! }),
  };
}

/** A class of licenses. @throws TapcashError USAGE */
function classArgument(text: string): number {
  const number = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (classPaymentMax(number) === 0)
    throw failure('USAGE', `--license-class ${text}: ${CLASS_FULL} or ${CLASS_SMALL} expected`);
  return number;
}

/** When names are opened. @throws TapcashError USAGE */
function traceArgument(text: string): 'automatic' | 'operator' {
  if (text !== 'automatic' && text !== 'operator')
    throw failure('USAGE', `--trace ${text}: automatic or operator expected`);
  return text;
}

/** Serves until Ctrl-C or SIGTERM. */
async function untilInterrupted(service: { close(): Promise<void> }): Promise<void> {
  await interrupted();
  await service.close();
}

/** `tapcash issuer`. */
export async function issuer(
  options: ServiceCommand & {
    trusteeKey?: string;
    bankKey?: string;
    operatorKey: string[];
    licenseClass: string;
    trace: string;
  },
): Promise<void> {
  const place = placeOf('issuer', options);
  const row = schemeOf(place.scheme);
  const registrarKey = keyOf(options.trusteeKey, '--trustee-key', row.licenseFrom === 'trustee');
  const bankKey = keyOf(options.bankKey, '--bank-key', row.accountsAt === 'bank');
  const operatorKeys = options.operatorKey.map((key) => keyArgument(key, '--operator-key'));
  await untilInterrupted(
    await startIssuer({
      ...place,
      operatorKeys,
      bankKey,
      licenseClass: classArgument(options.licenseClass),
      tracePolicy: traceArgument(options.trace),
      ...(registrarKey ? { registrarKey } : {}),
    }),
  );
}

/** `tapcash bank`. */
export async function bank(
  options: ServiceCommand & { issuerKey: string; issuerUrl: string; trusteeKey?: string; operatorKey: string[] },
): Promise<void> {
  const place = placeOf('bank', options);
  const row = schemeOf(place.scheme);
  if (row.accountsAt !== 'bank') throw failure('USAGE', `--scheme ${row.number}: the issuer keeps the accounts`);
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const registrarKey = keyOf(options.trusteeKey, '--trustee-key', row.licenseFrom === 'trustee') ?? issuerKey;
  const operatorKeys = options.operatorKey.map((key) => keyArgument(key, '--operator-key'));
  const issuerChannel = (signer: Signer, issuerLine: KeyLine) =>
    createBankChannel({ url: options.issuerUrl, signer, issuerLine, issuer: issuerIdOf(issuerKey) });
  await untilInterrupted(await startBank({ ...place, issuerKey, registrarKey, operatorKeys, issuerChannel }));
}

/** `tapcash trustee`. */
export async function trustee(
  options: ServiceCommand & {
    issuerKey: string;
    issuerUrl: string;
    bankKey?: string;
    licenseClass: string;
    operatorKey?: string[];
  },
): Promise<void> {
  const place = placeOf('trustee', options);
  const row = schemeOf(place.scheme);
  if (row.licenseFrom !== 'trustee') throw failure('USAGE', `--scheme ${row.number}: the issuer signs licenses`);
  const accountsKey = keyOf(options.bankKey, '--bank-key', row.accountsAt === 'bank');
  const issuerClient = createIssuerClient({ url: options.issuerUrl });
  await untilInterrupted(
    await startTrustee({
      ...place,
      licenseClass: classArgument(options.licenseClass),
      issuer: issuerClient,
      issuerKey: keyArgument(options.issuerKey, '--issuer-key'),
      operatorKeys: (options.operatorKey ?? []).map((key) => keyArgument(key, '--operator-key')),
      ...(accountsKey ? { accountsKey } : {}),
    }),
  );
}
