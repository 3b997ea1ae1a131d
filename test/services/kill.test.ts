/**
 * Bank and issuer as processes that are killed (SIGKILL) at any moment and started again, while a user registers,
 * withdraws, pays and repeats whatever got no answer: the end is the same as if nobody had been killed.
 *
 * The long form kills more often, and in every scheme with a bank; `npm run test:long -- services/kill --all` 200
 * times.
 */
import { extent } from '../kit/extent.js';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import { splitAmount, COUPON_AMOUNTS } from '../../host-bridge/base/crypto/coupon-signer.js';
import { isRetryable, type ErrorCode } from '../../host-bridge/base/errors.js';
import { bankSigner, finish, register } from '../houses/houses-rig.js';
import type { Outcome, ReferenceWallet } from '../houses/reference-wallet.js';
import { good, ISSUER, issuerSigner, rsOf, START_S } from '../kit/people.js';
import { compileSources, runScript, type Child } from './compiled-host.js';
import {
  clientsOf,
  endHouses,
  houseFolder,
  operator,
  placeOf,
  startHouses,
  userAt,
  type Clients,
} from './served-houses-rig.js';

const KILLS = extent(2, 4, 200);
const CHOSEN = extent([2], [2, 3, 4, 5, 6]);

afterEach(async () => {
  await endHouses();
  for (const mortal of mortals) await mortal.kill();
});

let compiled: string;
beforeAll(() => {
  compiled = compileSources();
});
afterAll(() => {
  rmSync(compiled, { recursive: true, force: true });
});

const hex = (bytes: Uint8Array) => `new Uint8Array(Buffer.from('${toHex(bytes)}', 'hex'))`;

/** Source of a process that is one house. */
function houseScript(
  role: 'issuer' | 'bank',
  number: number,
  dataDir: string,
  port: number,
  issuerUrl: string,
): string {
  const scheme = schemeOf(number);
  const { registrarKey } = placeOf(scheme, dataDir);
  const place = `dataDir: ${JSON.stringify(dataDir)}, scheme: ${number}, port: ${port}, clock: () => ${START_S}, operatorKeys: [${hex(operator.publicKey)}], registrarKey: ${hex(registrarKey)}`;
  const issuer = `startIssuer({ ${place}, bankKey: ${hex(bankSigner.publicKey)} })`;
  const channel = `(signer, issuerLine) => createBankChannel({ url: '${issuerUrl}', signer, issuerLine, issuer: ${hex(ISSUER)}, timeoutMs: 1000 })`;
  const bank = `startBank({ ${place}, issuerKey: ${hex(issuerSigner.publicKey)}, forwardMs: 5, issuerChannel: ${channel} })`;
  return `
    import { startBank, startIssuer } from './host-bridge/services/start.js';
    import { createBankChannel } from './host-bridge/http/client.js';
    const service = await ${role === 'issuer' ? issuer : bank};
    console.log(JSON.stringify(service.url));`;
}

/** Those alive, for a test that failed. */
const mortals = new Set<{ kill(): Promise<void> }>();

/** A house that is killed and comes back at the same address. */
class Mortal {
  url = '';
  private child: Child | null = null;
  /** Below those that a system gives by itself: while a house is down, nobody else must answer at its address. */
  private readonly port = 10_000 + Math.floor(Math.random() * 20_000);
  constructor(
    private readonly role: 'issuer' | 'bank',
    private readonly number: number,
    private readonly dataDir: string,
    private readonly issuerUrl: string,
  ) {}
  async start(): Promise<void> {
    this.child = runScript(compiled, houseScript(this.role, this.number, this.dataDir, this.port, this.issuerUrl));
    mortals.add(this);
    this.url = await this.child.line();
  }
  async kill(): Promise<void> {
    mortals.delete(this);
    this.child!.process.kill('SIGKILL');
    await this.child!.ended;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const isAway = (outcome: Outcome) => outcome !== 'OK' && isRetryable(outcome as ErrorCode);

/** Answers that houses gave, and who waits for the next one. */
let answers = 0;
let onAnswer = () => undefined as void;

/** Resolves when houses have given so many more answers, and then some turns of the event loop have passed. */
async function afterAnswers(count: number, turns: number): Promise<void> {
  const due = answers + count;
  await new Promise<void>((resolve) => (onAnswer = () => void (answers >= due && resolve())));
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Repeats until the houses have answered. */
async function insist(run: () => Promise<Outcome>): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    const outcome = await run();
    if (!isAway(outcome)) {
      answers++;
      onAnswer();
      return expect(outcome).toBe('OK');
    }
    await pause(5);
  }
  throw new Error('the houses never answered');
}

/** x to the wallet, each request the same bytes until its end. */
async function insistOnCash(clients: Clients, wallet: ReferenceWallet, amount: number): Promise<void> {
  if (clients.scheme.issue !== 'coupon') {
    await wallet.startWithdrawal(amount);
    return insist(() => finish(clients, wallet));
  }
  for (const part of splitAmount(amount, COUPON_AMOUNTS)!) {
    await wallet.startCoupon(part);
    await insist(() => finish(clients, wallet));
  }
  while (wallet.coupons.length > 0) {
    await wallet.startRedemption(wallet.coupons[0]!);
    await insist(() => finish(clients, wallet));
  }
}

test.each(CHOSEN)(`scheme %i: ${KILLS} kills anywhere, the same end`, async (number) => {
  const scheme = schemeOf(number);
  const dataDir = houseFolder(scheme);
  // Accounts, and where there is one the trustee, whole.
  const first = await startHouses(number, { dataDir });
  const whole = first.clients;
  good(await whole.accounts.openAccount('Shop', null));
  const ada = await userAt(whole, first.facts, 'Ada', 1000);
  if (scheme.registration === 'open') expect(await register(whole, ada)).toBe('OK');
  await first.close();

  const issuer = new Mortal('issuer', number, dataDir, '');
  await issuer.start();
  const bank = new Mortal('bank', number, dataDir, issuer.url);
  await bank.start();
  const clients = clientsOf(scheme, { issuer: issuer.url, bank: bank.url });

  let killing = true;
  let kills = 0;
  const killer = (async () => {
    // By answers, not by time: a house that is killed sooner than it can answer would come no further.
    for (; kills < KILLS; kills++) {
      const victim = kills % 2 ? bank : issuer;
      await afterAnswers(1 + ((kills * 7919) % 5), (kills * 31) % 23);
      await victim.kill();
      await victim.start();
    }
    killing = false;
  })();

  if (scheme.registration === 'sealed') await insist(() => register(clients, ada));
  let withdrawn = 0;
  let paid = 0;
  for (let i = 0; killing || i < 5; i++) {
    if (withdrawn < 900) await insistOnCash(clients, ada, 3);
    withdrawn = ada.receiptNumber === 0 ? 0 : ada.balance + ada.paid;
    const h = ada.pay('Shop', 2, rsOf(i), START_S);
    await insist(async () => {
      const given = await clients.bank!.deposit(h);
      return given.ok ? 'OK' : given.code;
    });
    paid += 2;
  }
  await killer;
  expect(kills).toBe(KILLS);

  for (let tries = 0; tries < 10_000; tries++) {
    const numbers = await clients.accounts.numbers();
    if (numbers.ok && numbers.numbers.unreturned + numbers.numbers.drawsPending === 0) break;
    await pause(20);
  }
  const numbers = good(await clients.accounts.numbers()).numbers;
  expect(conservationOf(numbers, good(await clients.office.numbers()).numbers)).toMatchObject({ ok: true, in: 1000 });
  expect(good(await clients.accounts.balanceOf('Ada')).balance).toBe(1000 - withdrawn);
  expect(good(await clients.accounts.balanceOf('Shop')).balance).toBe(paid);
  expect(good(await clients.office.counterOf(ada.pku)).ebc).toBe(ada.balance);
  expect(ada.balance).toBe(withdrawn - paid);
  // Also while both still run.
  const books = { issuerDatabase: join(dataDir, 'issuer.db'), bankDatabase: join(dataDir, 'bank.db') };
  expect(audit(books)).toMatchObject({ broken: [], in: 1000, held: 1000 });
  await Promise.all([bank.kill(), issuer.kill()]);
  expect(audit(books)).toMatchObject({ broken: [], in: 1000, held: 1000 });
  rmSync(dataDir, { recursive: true, force: true });
});
