/**
 * The houses of a scheme as HTTP services of this process, with the clients that bridges and the demo call them by.
 * They can be ended and started again, on their databases and ports, as an outage does.
 */
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import type { Result } from '../base/errors.js';
import type { AccountsOffice, Remote } from '../base/services/procedures.js';
import { issuerIdOf, type Signer } from '../base/crypto/signer.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import {
  createBankChannel,
  createBankClient,
  createBankOfficeClient,
  createClockClient,
  createApprovalCheck,
  createFundingCheck,
  createHouseClient,
  createIssuerClient,
  createOfficeCall,
  createOfficeClient,
  createTrusteeClient,
} from '../http/client.js';
import { firstKey } from '../services/house-keys.js';
import { serviceKey } from '../base/keys/key-file.js';
import { rotate } from '../services/rotate.js';
import { startBank, startIssuer, startTrustee, type RunningService } from '../services/start.js';
import { createRandom } from './random.js';
import { must } from './must.js';

export interface HousesOptions {
  dataDir: string;
  /** null: keys from the operating system. */
  seed: number | null;
  scheme: Scheme;
  /** ISO 4217. */
  currency: string;
  /** Unix time, seconds. */
  clock(): number;
  /** The first house's TCP port, which the others follow; null: any free ones. */
  port: number | null;
}

type House = 'issuer' | 'trustee' | 'bank';

/** How often the clock is looked at. */
const CLOCK_MS = 50;

/** How often the bank looks for what to return. */
const FORWARD_MS = 200;

/**
 * Asks once more where no answer came: a house that is busy closes a connection just as a request begins on it. For
 * what may come twice.
 */
async function insist<T extends object>(ask: () => Promise<Result<T>>): Promise<Result<T>> {
  const first = await ask();
  return !first.ok && first.code === 'SERVICE_DOWN' ? ask() : first;
}

/** How long a client waits for these houses, which share its processor: a busy machine is late for all of them. */
const PATIENT_MS = 60_000;

/** The houses that a scheme has. */
export function housesOf(scheme: Scheme): House[] {
  return [
    'issuer',
    ...(scheme.licenseFrom === 'trustee' ? (['trustee'] as const) : []),
    ...(scheme.accountsAt === 'bank' ? (['bank'] as const) : []),
  ];
}

/** Starts the houses. Each is told the others' public keys, so all keys come first. */
export async function startHouses(options: HousesOptions) {
  const { scheme } = options;
  const operator = serviceKey(options.dataDir, 'operator', createRandom(options.seed, 'operator'));
  const teller = serviceKey(options.dataDir, 'teller', createRandom(options.seed, 'teller'));
  const opened = openersOf(options, operator, teller);
  const running = new Map<House, RunningService<unknown>>();
  const ports = new Map<House, number>();
  if (options.port !== null)
    for (const [after, house] of housesOf(scheme).entries()) ports.set(house, options.port + after);

  async function stop(): Promise<void> {
    const services = [...running.values()].reverse();
    running.clear();
    for (const service of services) await service.close();
  }
  async function start(): Promise<void> {
    try {
      for (const house of housesOf(scheme)) {
        const service = await opened[house](ports.get(house) ?? 0, running.get('issuer')?.url ?? '');
        running.set(house, service);
        ports.set(house, service.port);
      }
    } catch (thrown) {
      await stop();
      throw thrown;
    }
  }

  await start();
  const issuer = running.get('issuer')!;
  const trustee = running.get('trustee') ?? null;
  const bank = running.get('bank') ?? null;
  const { issuer: issuerId } = issuer.parameters;
  try {
    const clients = await clientsOf(scheme, operator, teller, issuerId, issuer, trustee, bank);
    const rotateKey = async (house: House): Promise<void> => {
      const { notice, fromS } = await rotate({
        dataDir: options.dataDir,
        house,
        nowS: Math.floor(options.clock()),
        fromS: 0,
      });
      for (const { url } of running.values())
        must(
          `tell of the ${house}'s key`,
          await insist(() => createHouseClient({ url, timeoutMs: PATIENT_MS }).succeed(notice)),
        );
      while (options.clock() < fromS) await new Promise((resolve) => setTimeout(resolve, CLOCK_MS));
      await clients.publishCouponKeys();
    };
    /** Time has passed for the houses at once, which they doubt: the operator says that it has. */
    const confirmClocks = async (): Promise<void> => {
      for (const [house, { url }] of running) {
        const clock = createClockClient({ url, operator, issuer: issuerId, timeoutMs: PATIENT_MS });
        must(`confirm the ${house}'s clock`, await clock.confirm(Math.floor(options.clock()), 'time has passed'));
      }
    };
    return { issuer, trustee, bank, operator, start, stop, rotateKey, confirmClocks, ...clients };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** What starts each house on a port, with the issuer's address. */
function openersOf(
  { dataDir, seed, scheme, currency, clock }: HousesOptions,
  operator: Signer,
  teller: Signer,
): Record<House, (port: number, issuerUrl: string) => Promise<RunningService<unknown>>> {
  const houses = housesOf(scheme);
  const keyOf = (role: House) => firstKey(dataDir, role, createRandom(seed, role));
  const issuerKey = keyOf('issuer');
  const bankKey = houses.includes('bank') ? keyOf('bank') : null;
  const registrarKey = houses.includes('trustee') ? keyOf('trustee') : issuerKey;
  const random = createRandom(seed, 'issuer service');
  const place = {
    ...{ dataDir, scheme: scheme.number, currency, operatorKeys: [operator.publicKey], clock },
    // Nobody is cheated by a demo's desk.
    ...{ tellerKeys: [teller.publicKey], tellerLimit: AMOUNT_MAX },
  };
  return {
    issuer: (port) => startIssuer({ ...place, port, registrarKey, bankKey, random }),
    trustee: (port, issuerUrl) =>
      startTrustee({
        ...place,
        port,
        issuerKey,
        issuer: createIssuerClient({ url: issuerUrl, timeoutMs: PATIENT_MS }),
        ...(bankKey ? { accountsKey: bankKey } : {}),
      }),
    bank: (port, url) =>
      startBank({
        ...place,
        port,
        issuerKey,
        registrarKey,
        forwardMs: FORWARD_MS,
        issuerChannel: (signer, issuerLine) =>
          createBankChannel({ url, signer, issuerLine, issuer: issuerIdOf(issuerKey), clock }),
      }),
  };
}

/** What bridges and the demo itself call. */
async function clientsOf(
  scheme: Scheme,
  operator: Signer,
  teller: Signer,
  issuerId: Uint8Array,
  issuer: { url: string },
  trustee: { url: string } | null,
  bank: { url: string } | null,
) {
  const timeoutMs = PATIENT_MS;
  const officeOptions = { url: issuer.url, operator, issuer: issuerId, timeoutMs };
  const issuerClient = createIssuerClient({ url: issuer.url, timeoutMs });
  const office = createOfficeClient(officeOptions);
  const bankOptions = bank && { ...officeOptions, url: bank.url };
  const bankOffice = bankOptions && createBankOfficeClient(bankOptions);
  const bankClient = bank && createBankClient({ url: bank.url, timeoutMs });
  const trusteeClient = trustee && createTrusteeClient({ url: trustee.url, timeoutMs });
  const publishCouponKeys = async (): Promise<void> => {
    if (bankClient && scheme.issue === 'coupon')
      must(
        'publish coupon keys',
        await office.publishCouponKeys(must('coupon keys', await bankClient.couponKeys()).keys),
      );
  };
  await publishCouponKeys();
  // The desk holds no key that can trace.
  const desk = { url: (bank ?? issuer).url, operator: teller, issuer: issuerId, timeoutMs };
  const forBridge = {
    scheme,
    issuer: issuerClient,
    ...(trusteeClient ? { trustee: trusteeClient } : {}),
    ...(bankClient ? { bank: bankClient } : {}),
    office: (requestId: Uint8Array): Remote<AccountsOffice> =>
      bank ? createBankOfficeClient(desk, requestId) : createOfficeCall(desk, requestId),
    checkFunding: createFundingCheck(desk),
    checkApproval: createApprovalCheck(desk),
  };
  return {
    publishCouponKeys,
    issuerClient,
    trusteeClient,
    office,
    bankOffice,
    accounts: (bankOffice ?? office) as Remote<AccountsOffice>,
    forBridge,
  };
}
