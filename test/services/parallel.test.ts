/**
 * Many at once: 100 withdrawals with funds for 37, one history deposited 1,000 times by two bridges, the same
 * withdrawal 100 times, and two services on one database file. The long form kills a service more often.
 */
import { rmSync } from 'node:fs';
import { toHex } from '../../firmware/core/bytes.js';
import { createIssuerClient } from '../../host-bridge/http/client.js';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import { startIssuer, type RunningService } from '../../host-bridge/services/start.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { abcOf, ebcOf } from '../../host-bridge/ledger/rules.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import {
  BOOKS,
  codeOf,
  createRig,
  good,
  historyOf,
  person,
  registrarSigner,
  rsOf,
  START_S,
  withdrawalOf,
  type Person,
} from '../kit/people.js';
import { extent, spread } from '../kit/extent.js';
import { answered, PATIENT_MS } from '../kit/patience.js';
import { compileSources, runScript, type Child } from './compiled-host.js';
import { dataDirWithKeys, startServices, type Services } from '../http/services-rig.js';

const ada = person('Ada');
/** Ada with many pseudonyms: the issuer does not limit them, the trustee does. */
const faces = Array.from({ length: 100 }, (_, i): Person => ({ ...person('Ada', `face ${i}`) }));

const count = (codes: string[]) =>
  Object.fromEntries([...new Set(codes)].sort().map((code) => [code, codes.filter((other) => other === code).length]));

/** Histories in one call, of those that are killed. */
const BATCH = 20;

/** Turns of the event loop between a request and the kill, by round. */
const TURNS = spread([0, 3, 10, 30, 100, 300], 3);
/** How often one history is deposited at once. */
const TIMES = extent(200, 1000);
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('one service', () => {
  let at: Services;
  beforeEach(async () => {
    at = await startServices();
    await at.open(ada, 37);
    await at.shop('Shop');
  });
  afterEach(async () => {
    await at.issuer.close();
    expect(audit({ issuerDatabase: at.issuer.database }).broken).toEqual([]);
    await at.end();
  });

  test('100 withdrawals with funds for 37: exactly 37', async () => {
    const results = await Promise.all(
      faces.map((face) => answered(() => at.issuerClient.withdraw(withdrawalOf(face, 1, 1)))),
    );
    expect(count(results.map(codeOf))).toEqual({ FUNDS_INSUFFICIENT: 63, OK: 37 });
    expect(good(await at.office.balanceOf('Ada')).balance).toBe(0);
  });

  test('the same withdrawal 100 times: one debit, the same bytes', async () => {
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => answered(() => at.issuerClient.withdraw(withdrawalOf(ada, 1, 20)))),
    );
    expect(new Set(replies.map((reply) => toHex(good(reply).receipt))).size).toBe(1);
    expect(replies.filter((reply) => !good(reply).repeated).length).toBe(1);
    expect(good(await at.office.balanceOf('Ada')).balance).toBe(17);
  });

  test('one history, again and again in parallel by two bridges: one credit', async () => {
    good(await at.issuerClient.withdraw(withdrawalOf(ada, 1, 30)));
    const h = historyOf(ada, 'Shop', 20, rsOf(1));
    const bridges = [
      createIssuerClient({ url: at.issuer.url, timeoutMs: PATIENT_MS }),
      createIssuerClient({ url: at.issuer.url, timeoutMs: PATIENT_MS }),
    ];
    const replies = await Promise.all(
      Array.from({ length: TIMES }, (_, i) => answered(() => bridges[i % 2]!.deposit(h))),
    );
    expect(count(replies.map(codeOf))).toEqual({ OK: TIMES });
    expect(replies.filter((reply) => !good(reply).repeated).length).toBe(1);
    expect(good(await at.office.balanceOf('Shop')).balance).toBe(20);
    expect(good(await at.office.counterOf(ada.pku)).ebc).toBe(10);
  });
});

describe('two processes on one database file', () => {
  let folder: string;
  const children: Child[] = [];
  let third: RunningService<Issuer> | null = null;
  beforeAll(() => {
    folder = compileSources();
  });
  afterAll(async () => {
    await third?.close();
    for (const child of children) child.process.kill('SIGKILL');
    await Promise.all(children.map((child) => child.ended));
    rmSync(folder, { recursive: true, force: true });
  });

  test('100 withdrawals with funds for 37, half to each; one history to both: exactly 37, and one credit', async () => {
    const dataDir = dataDirWithKeys();
    const source = `
      import { startIssuer } from './host-bridge/services/start.js';
      const hex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
      const service = await startIssuer({ dataDir: ${JSON.stringify(dataDir)}, registrarKey: hex('${toHex(registrarSigner.publicKey)}'), operatorKeys: [], clock: () => ${START_S} });
      console.log(JSON.stringify(service.url));
      process.stdin.on('end', () => service.close()).resume();`;
    // Both start at once, on a file that neither has made.
    children.push(runScript(folder, source), runScript(folder, source));
    const urls = await Promise.all(children.map((child) => child.line()));
    expect(urls).toEqual([expect.stringContaining('http'), expect.stringContaining('http')]);

    // A third one, in this process, opens the account.
    third = await startIssuer({
      dataDir,
      registrarKey: registrarSigner.publicKey,
      operatorKeys: [],
      clock: () => START_S,
    });
    const office = third.actor.office('test');
    good(office.openAccount('Ada', ada.account.publicKey));
    good(office.fundAccount('Ada', 37));
    good(office.openAccount('Shop', null));

    const clients = urls.map((url) => createIssuerClient({ url, timeoutMs: PATIENT_MS }));
    const at = (i: number) => clients[i % 2] as (typeof clients)[0];
    const results = await Promise.all(faces.map((face, i) => answered(() => at(i).withdraw(withdrawalOf(face, 1, 1)))));
    expect(count(results.map(codeOf))).toEqual({ FUNDS_INSUFFICIENT: 63, OK: 37 });
    const rich = faces[results.findIndex((result) => result.ok)] as Person;
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, i) => answered(() => at(i).deposit(historyOf(rich, 'Shop', 1, rsOf(1))))),
    );
    expect(count(replies.map(codeOf))).toEqual({ OK: 200 });
    expect(replies.filter((reply) => !good(reply).repeated).length).toBe(1);
    expect([good(office.balanceOf('Shop')).balance, good(office.balanceOf('Ada')).balance]).toEqual([1, 0]);

    for (const child of children) child.process.stdin?.end();
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0]);
    await third.close();
    expect(audit({ issuerDatabase: third.database })).toMatchObject({ broken: [], in: 37, held: 37 });
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('kill -9 in the middle, again and again: nothing acknowledged is lost', async () => {
    const dataDir = dataDirWithKeys();
    const database = `${dataDir}/issuer.db`;
    const rig = createRig({ issuerPath: database });
    rig.open(ada, 100_000);
    rig.shop('Shop');
    rig.close();
    const source = `
      import { startIssuer } from './host-bridge/services/start.js';
      const hex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
      const service = await startIssuer({ dataDir: ${JSON.stringify(dataDir)}, registrarKey: hex('${toHex(registrarSigner.publicKey)}'), operatorKeys: [], clock: () => ${START_S} });
      console.log(JSON.stringify(service.url));`;
    const receipts: Uint8Array[] = [];
    let credited = 0;
    for (let round = 0; round < TURNS.length; round++) {
      const child = runScript(folder, source);
      children.push(child);
      const client = createIssuerClient({ url: await child.line(), timeoutMs: PATIENT_MS });
      // Everything acknowledged before the last kill is still there, byte for byte, and repeats without effect.
      for (let n = 0; n < receipts.length; n++)
        expect(good(await client.withdraw(withdrawalOf(ada, n + 1, n + 1)))).toEqual({
          ok: true,
          receipt: receipts[n],
          repeated: true,
        });
      for (let n = 0; n < credited; n++)
        expect(good(await client.deposit(historyOf(ada, 'Shop', 1, rsOf(n))))).toMatchObject({ repeated: true });
      // Killed while its next act is under way, each round at another moment of it: counted in acts and in turns of the
      // event loop, so that a busy machine comes as far as a quiet one.
      for (let act = 0; ; act++) {
        const drawing = client.withdraw(withdrawalOf(ada, receipts.length + 1, receipts.length + 1));
        if (act === 3 + round) void turns(TURNS[round]!).then(() => child.process.kill('SIGKILL'));
        const drawn = await drawing;
        if (!drawn.ok) break;
        receipts.push(drawn.receipt);
        const paid = await client.deposit(historyOf(ada, 'Shop', 1, rsOf(credited)));
        if (!paid.ok) break;
        credited++;
      }
      expect(await child.ended).toBe('SIGKILL');
      expect(audit({ issuerDatabase: database }).broken).toEqual([]);
    }
    expect(receipts.length).toBeGreaterThan(3);
    const store = openIssuerStore(database, BOOKS);
    // What was on its way when the process died is there or not; what was acknowledged is there.
    const given = store.pseudonym(ada.pku)?.receiptNumber as number;
    expect([receipts.length, receipts.length + 1]).toContain(given);
    expect([credited, credited + 1]).toContain(store.balance(abcOf('Shop')));
    expect(store.balance(ebcOf(toHex(ada.pku)))).toBe((given * (given + 1)) / 2 - store.balance(abcOf('Shop')));
    store.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('kill -9 while batches are written: a batch is there or not, and what was acknowledged is there', async () => {
    const dataDir = dataDirWithKeys();
    const database = `${dataDir}/issuer.db`;
    const rig = createRig({ issuerPath: database });
    rig.shop('Shop');
    rig.close();
    const source = `
      import { startIssuer } from './host-bridge/services/start.js';
      const hex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
      const service = await startIssuer({ dataDir: ${JSON.stringify(dataDir)}, registrarKey: hex('${toHex(registrarSigner.publicKey)}'), operatorKeys: [], clock: () => ${START_S} });
      console.log(JSON.stringify(service.url));`;
    const acknowledged = new Set<number>();
    const batch = (from: number) => Array.from({ length: BATCH }, (_, i) => historyOf(ada, 'Shop', 1, rsOf(from + i)));
    let next = 0;
    for (let round = 0; round < TURNS.length; round++) {
      const child = runScript(folder, source);
      children.push(child);
      const client = createIssuerClient({ url: await child.line(), timeoutMs: PATIENT_MS });
      for (const from of acknowledged)
        for (const result of good(await client.depositMany(batch(from))).results)
          expect(result).toMatchObject({ ok: true, repeated: true });
      // Two at a time, until it is gone.
      for (let act = 0, isAlive = true; isAlive; act++) {
        const froms = [next, next + BATCH];
        next += 2 * BATCH;
        const asked = froms.map((from) => client.depositMany(batch(from)));
        if (act === 2 + round) void turns(TURNS[round]!).then(() => child.process.kill('SIGKILL'));
        for (const [i, reply] of (await Promise.all(asked)).entries()) {
          isAlive &&= reply.ok;
          if (!reply.ok) continue;
          expect(reply.results.every((result) => result.ok && !result.repeated)).toBe(true);
          acknowledged.add(froms[i]!);
        }
      }
      expect(await child.ended).toBe('SIGKILL');
      expect(audit({ issuerDatabase: database }).broken).toEqual([]);
    }
    const store = openIssuerStore(database, BOOKS);
    const isThere = (n: number) => store.history(ada.pku, 'Shop', rsOf(n)) !== null;
    let credited = 0;
    for (let from = 0; from < next; from += BATCH) {
      const found = Array.from({ length: BATCH }, (_, i) => isThere(from + i)).filter((there) => there).length;
      expect(acknowledged.has(from) ? [BATCH] : [0, BATCH]).toContain(found);
      credited += found;
    }
    expect(store.balance(abcOf('Shop'))).toBe(credited);
    store.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
});
