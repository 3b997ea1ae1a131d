/**
 * The houses of a scheme as services, a shop's bridge with terminals at its cable, and users with reference wallets,
 * for lives by seed (simulation-houses.test.ts). Each machine has a clock of its own; every request to a service may be
 * lost, or its reply. Time of the bridge and its cable is virtual, and stands still while a service answers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import type { HouseName } from '../../host-bridge/base/keys/key-line.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { refusal } from '../../host-bridge/base/errors.js';
import type { Signer } from '../../host-bridge/base/crypto/signer.js';
import { startBridge, type Bridge } from '../../host-bridge/bridge/bridge.js';
import {
  createBankChannel,
  createBankClient,
  createBankOfficeClient,
  createClockClient,
  createHouseClient,
  createIssuerClient,
  createOfficeCall,
  createTrusteeClient,
} from '../../host-bridge/http/client.js';
import { createEmulatedPort } from '../../host-bridge/serial/port.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { rotate } from '../../host-bridge/services/rotate.js';
import { startBank, startIssuer, startTrustee } from '../../host-bridge/services/start.js';
import type { Bank } from '../../host-bridge/houses/bank/bank.js';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import { createFakeTerminal, type FakeTerminal } from '../bridge/fake-terminal.js';
import { createBits } from '../../host-bridge/emulator/flash.js';
import { bankSigner } from '../houses/houses-rig.js';
import { good, ISSUER, issuerSigner, registrarSigner, seedOf, signerOf, START_S } from '../kit/people.js';
import { SHOP } from '../kit/histories.js';
import { giveNextCoupons, housesOf } from '../services/rotating-houses-rig.js';
import { houseFolder, operator } from '../services/served-houses-rig.js';

const HOUSE_TIMEOUT_MS = 20_000;
/** Nothing of a life is about how often the bridge asks for a new list by itself. */
const DENY_POLL_MS = 1e9;
/** Events of the cable until something must have come of it. */
const STEPS_MAX = 1_000_000;

/** A terminal of the shop, with what its flash keeps. */
export interface Till {
  fake: FakeTerminal;
  id: Uint8Array;
  key: Signer;
  /** Histories and tombstones that no bridge has taken, in order. */
  kept: { kind: number; bytes: Uint8Array }[];
  /** Charges that it signed for. */
  charges: number;
  line: ReturnType<typeof createSerialLine>;
}

/** Whole numbers from 0 to below n, by seed and label. */
export function diceOf(seed: number, label = ''): (n: number) => number {
  const bits = createBits(seed ^ seedOf(label).reduce((sum, byte) => (sum * 33 + byte) | 0, 7));
  for (let i = 0; i < 20; i++) bits();
  return (n) => bits() % n;
}

/** What is lost between machines. Each service's calls have dice of their own, so no order of events changes a life. */
class Network {
  /** One request in so many is lost, and one reply; 0: none. */
  oneIn = 0;
  inFlight = 0;
  lost = 0;
  private readonly dice = new Map<string, (n: number) => number>();

  constructor(private readonly seed: number) {}

  through<T extends object>(service: T, name: string): T {
    return new Proxy(service, {
      get:
        (_, procedure) =>
        (...values: unknown[]) =>
          this.call(service as never, name, String(procedure), values),
    });
  }

  private async call(
    service: Record<string, (...given: unknown[]) => unknown>,
    name: string,
    procedure: string,
    values: unknown[],
  ): Promise<unknown> {
    const label = `${name}.${procedure}`;
    if (!this.dice.has(label)) this.dice.set(label, diceOf(this.seed, label));
    const fate = this.oneIn === 0 ? -1 : this.dice.get(label)!(2 * this.oneIn);
    if (fate === 0 || fate === 1) this.lost++;
    if (fate === 0) return refusal('SERVICE_DOWN', 'lost request');
    this.inFlight++;
    try {
      const reply = await service[procedure]!(...values);
      return fate === 1 ? refusal('SERVICE_SILENT', 'lost reply') : reply;
    } finally {
      this.inFlight--;
    }
  }
}

/** A machine with a clock. */
export type Machine = HouseName | 'bridge' | 'terminal';

/** Everything that a life has. */
export class Lived {
  readonly scheme: Scheme;
  readonly houses: HouseName[];
  readonly dataDir: string;
  readonly bridgeDir = mkdtempSync(join(tmpdir(), 'tapcash-bridge-'));
  readonly scheduler = createVirtualScheduler();
  readonly network: Network;
  /** How far each machine's clock is off. */
  readonly offsetS: Record<Machine, number> = { issuer: 0, bank: 0, trustee: 0, bridge: 0, terminal: 0 };
  readonly running: Partial<
    Record<HouseName, { url: string; port: number; database: string; close(): Promise<void> }>
  > = {};
  readonly actors = { issuer: null as unknown as Issuer, bank: null as Bank | null };
  bridge: Bridge | null = null;
  readonly tills: Till[] = [];
  /** The one at the cable. */
  till = null as unknown as Till;
  services = null as unknown as ReturnType<Lived['clients']>;
  private skippedS = 0;

  constructor(number: number, seed: number) {
    this.scheme = schemeOf(number);
    this.houses = housesOf(number);
    this.dataDir = houseFolder(this.scheme);
    this.network = new Network(seed);
  }

  /** What the time is, whatever a machine says. */
  trueS = (): number => START_S + this.skippedS + this.scheduler.nowMs() / 1000;
  clockOf = (machine: Machine) => () => this.trueS() + this.offsetS[machine];

  private get bankKey(): Uint8Array | null {
    return this.houses.includes('bank') ? bankSigner.publicKey : null;
  }

  private get registrarKey(): Uint8Array {
    return this.houses.includes('trustee') ? registrarSigner.publicKey : issuerSigner.publicKey;
  }

  async start(): Promise<void> {
    for (const house of this.houses) await this.startHouse(house);
    this.services = this.clients();
    good(await this.services.office(new Uint8Array(16).fill(255)).openAccount(SHOP, null));
    const { issuer, bank } = this.actors;
    if (bank && this.scheme.issue === 'coupon')
      good(issuer.office('operator').publishCouponKeys(good(bank.couponKeys()).keys));
    this.till = this.addTill();
    good(await this.enrol(this.till));
    await this.startBridge();
  }

  private async startHouse(house: HouseName): Promise<void> {
    const { bankKey, registrarKey, dataDir, running, actors } = this;
    const place = {
      ...{ dataDir, scheme: this.scheme.number, operatorKeys: [operator.publicKey], clock: this.clockOf(house) },
      ...{ monotonic: () => this.trueS() - START_S, issuerKey: issuerSigner.publicKey, registrarKey },
      port: running[house]?.port ?? 0,
    };
    if (house === 'issuer') {
      const issuer = await startIssuer({ ...place, bankKey });
      [running.issuer, actors.issuer] = [issuer, issuer.actor];
      return;
    }
    const { clock } = place;
    if (house === 'trustee') {
      const issuer = this.network.through(createIssuerClient(this.at('issuer')), 'issuer of the trustee');
      running.trustee = await startTrustee({ ...place, issuer, ...(bankKey ? { accountsKey: bankKey } : {}) });
      return;
    }
    const bank = await startBank({
      ...{ ...place, forwardMs: 3_600_000 },
      issuerChannel: (signer, issuerLine) =>
        this.network.through(
          createBankChannel({ ...this.at('issuer'), signer, issuerLine, issuer: ISSUER, clock }),
          'channel',
        ),
    });
    [running.bank, actors.bank] = [bank, bank.actor];
  }

  private at = (house: HouseName) => ({ url: this.running[house]!.url, timeoutMs: HOUSE_TIMEOUT_MS });

  /** The services as bridge, desk and operators reach them. */
  clients() {
    const { network, at, bankKey, scheme } = this;
    const office = { ...at(bankKey ? 'bank' : 'issuer'), operator, issuer: ISSUER };
    return {
      scheme,
      issuer: network.through(createIssuerClient(at('issuer')), 'issuer'),
      ...(bankKey ? { bank: network.through(createBankClient(at('bank')), 'bank') } : {}),
      ...(this.houses.includes('trustee')
        ? { trustee: network.through(createTrusteeClient(at('trustee')), 'trustee') }
        : {}),
      office: (id: Uint8Array) =>
        network.through(bankKey ? createBankOfficeClient(office, id) : createOfficeCall(office, id), 'office'),
    };
  }

  /** Runs the cable until the promise is settled; time stands still while a service answers. */
  go = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const mark = () => void (done = true);
    promise.then(mark, mark);
    for (let steps = 0; ;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (done) return promise;
      if (this.network.inFlight > 0) continue;
      if (++steps > STEPS_MAX || !this.scheduler.step()) throw new Error('not settled');
    }
  };

  async startBridge(): Promise<void> {
    const { services, scheduler, bridgeDir, registrarKey } = this;
    this.bridge = await this.go(
      startBridge({
        ...{ services, scheduler, dataDir: bridgeDir, denyPollMs: DENY_POLL_MS },
        ...{ issuerKey: issuerSigner.publicKey, registrarKey, clock: this.clockOf('bridge') },
        port: async () => createEmulatedPort(this.till.line.a),
      }),
    );
    await this.go(this.bridge.terminal.waitUp(10_000));
  }

  async stopBridge(): Promise<void> {
    await this.go(this.bridge!.close());
    this.bridge = null;
  }

  pass(seconds: number): Promise<void> {
    return this.go(new Promise<void>((resolve) => void this.scheduler.setTimer(resolve, seconds * 1000)));
  }

  /** The shop is closed for so long. */
  async skip(seconds: number): Promise<void> {
    await this.stopBridge();
    this.skippedS += seconds;
    await this.startBridge();
  }

  async restart(house: HouseName): Promise<void> {
    await this.running[house]!.close();
    await this.startHouse(house);
    // Connections that were kept open end meanwhile.
    for (let tries = 0; tries < 10 && !(await createHouseClient(this.at(house)).parameters()).ok; tries++);
  }

  /** Makes a house's next key. @returns the notice, which nobody has heard yet */
  async rotate(house: HouseName): Promise<Uint8Array> {
    const { dataDir, trueS } = this;
    if (house === 'bank' && this.scheme.issue === 'coupon') giveNextCoupons(dataDir);
    const { notice, fromS } = await rotate({ dataDir, house, nowS: Math.floor(trueS()), fromS: 0 });
    await this.pass(Math.max(1, Math.ceil(fromS - trueS())));
    return notice;
  }

  tell(house: HouseName, notice: Uint8Array) {
    return this.network.through(createHouseClient(this.at(house)), 'notice').succeed(notice);
  }

  /** An operator says that a house's clock is right. */
  confirm(house: HouseName) {
    const client = createClockClient({ ...this.at(house), operator, issuer: ISSUER });
    return this.network.through(client, 'clock').confirm(Math.floor(this.trueS()), 'looked at another clock');
  }

  addTill(): Till {
    const n = this.tills.length + 1;
    const line = createSerialLine(this.scheduler, 0);
    const [id, key] = [new Uint8Array([1, 2, 3, n]), signerOf(n === 1 ? 'terminal' : `terminal ${n}`)];
    const fake = createFakeTerminal(this.scheduler, line.b, 64, key);
    fake.terminalId = id;
    const till: Till = { fake, id, key, kept: [], charges: 0, line };
    this.tills.push(till);
    return till;
  }

  /** Who keeps the accounts gets to know a terminal, under one id however often. */
  enrol({ id, key }: Till) {
    return this.services.office(seedOf(toHex(id)).slice(0, 16)).registerTerminal(SHOP, id, key.publicKey);
  }

  async close(): Promise<void> {
    if (this.bridge) await this.stopBridge();
    for (const { fake } of this.tills) fake.off();
    for (const house of Object.values(this.running)) await house.close();
    for (const folder of [this.dataDir, this.bridgeDir]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts everything that a life begins with. */
export async function startLived(number: number, seed: number): Promise<Lived> {
  const lived = new Lived(number, seed);
  try {
    await lived.start();
    return lived;
  } catch (thrown) {
    await lived.close();
    throw thrown;
  }
}
