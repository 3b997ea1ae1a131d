/**
 * The queue of deposits: what is verified and how often, how many commits a batch takes, who fails with whom, and how
 * many may wait.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyHere, type SignatureCheck, type VerifyMany } from '../../host-bridge/base/crypto/verify-many.js';
import type { LineKey } from '../../host-bridge/base/keys/key-line.js';
import { challenge, history, license, licenseBody } from '../../firmware/wire/payment.js';
import { decodeHistory } from '../../host-bridge/houses/read-history.js';
import { createHistoryVerifier } from '../../host-bridge/houses/verified-histories.js';
import {
  BOOKS,
  codeOf,
  createRig,
  CURRENCY,
  good,
  historyOf,
  ISSUER,
  licenseOf,
  person,
  registrarSigner,
  rsOf,
  signerOf,
  START_S,
} from '../kit/people.js';
import { watchScans } from '../kit/query-plans.js';

const ada = person('Ada');
const bob = person('Bob');
const paid = (charge: number, who = ada) => historyOf(who, 'Shop', 1, rsOf(charge));

test('a history reads by place as its codecs read it, whole, cut and with any byte changed', () => {
  const whole = paid(1);
  const ours = { issuer: ISSUER, currency: CURRENCY };
  const byCodecs = (bytes: Uint8Array) => {
    const h = history.decode(bytes);
    const read = h && challenge.decode(h.challenge);
    const licensed = h && license.decode(h.license);
    const terms = licensed && licenseBody.decode(licensed.body);
    return h && read && licensed && terms && { ...h, paid: read, licensed, terms };
  };
  const changed = [...whole.keys()].flatMap((at) => [0, 0x20, 0x7f, 0xff].map((byte) => whole.with(at, byte)));
  const cut = [...whole.keys()].map((at) => whole.subarray(0, at));
  let good = 0;
  for (const bytes of [whole, new Uint8Array([...whole, 65]), ...cut, ...changed]) {
    const wanted = byCodecs(bytes);
    const decoded = decodeHistory(ours, bytes);
    if (!wanted) expect(codeOf(decoded)).toBe('BAD_REQUEST');
    if (wanted && decoded.ok) {
      const { challengeBytes, ...read } = decoded.read;
      expect({ ...read, challenge: challengeBytes }).toEqual(wanted);
      good++;
    }
    // Another issuer or currency is another answer.
    if (wanted && !decoded.ok) expect(['ISSUER_UNKNOWN', 'CURRENCY_UNKNOWN']).toContain(decoded.code);
  }
  expect(good).toBeGreaterThan(changed.length / 2);
});

describe('licenses', () => {
  const successor = signerOf('registrar 2');
  const lineKey = (key: Uint8Array, untilS = Infinity): LineKey => ({
    ...{ key, sealKey: null, fromS: 0 },
    ...{ endS: untilS, untilS },
  });

  function counting(licensesMax?: number) {
    let keys = [lineKey(BOOKS.registrarKey)];
    const counts: number[] = [];
    const verify: VerifyMany = (checks: SignatureCheck[]) => {
      counts.push(checks.length);
      return verifyHere(checks);
    };
    const registrar = { keys: () => keys };
    const verifier = createHistoryVerifier({ issuer: ISSUER, currency: CURRENCY, registrar }, verify, licensesMax);
    return { verifier, counts, rotate: (next: LineKey[]) => void (keys = next) };
  }

  test('are verified once, and again when a key of their line has changed', async () => {
    const { verifier, counts, rotate } = counting();
    const codes = async (histories: Uint8Array[]) => (await verifier.verify(histories)).map(codeOf);
    expect(await codes([paid(1), paid(2), paid(3, bob)])).toEqual(['OK', 'OK', 'OK']);
    expect(await codes([paid(4), paid(5, bob)])).toEqual(['OK', 'OK']);
    rotate([lineKey(BOOKS.registrarKey, START_S), lineKey(successor.publicKey)]);
    // Their licenses end later than the key's time.
    expect(await codes([paid(6), paid(7, bob)])).toEqual(['KEY_RETIRED', 'KEY_RETIRED']);
    const renewed = licenseOf(ada.pku, {}, successor);
    expect(await codes([historyOf(ada, 'Shop', 1, rsOf(8), {}, { license: renewed })])).toEqual(['OK']);
    expect(counts).toEqual([3 + 2, 2, 2 + 2, 1 + 1]);
  });

  test('that are false are not remembered, and the oldest goes where there is no room', async () => {
    const { verifier, counts } = counting(1);
    const forged = historyOf(ada, 'Shop', 1, rsOf(1), {}, { license: licenseOf(ada.pku, {}, successor) });
    const code = async (history: Uint8Array) => codeOf((await verifier.verify([history]))[0]!);
    expect([await code(forged), await code(forged)]).toEqual(['LICENSE_INVALID', 'LICENSE_INVALID']);
    expect([await code(paid(2)), await code(paid(3))]).toEqual(['OK', 'OK']);
    expect([await code(paid(4, bob)), await code(paid(5))]).toEqual(['OK', 'OK']);
    expect(counts).toEqual([2, 2, 2, 1, 2, 2]);
  });

  test('that were verified before a key ended are asked again before they are judged', async () => {
    const { verifier, rotate } = counting();
    const verified = await verifier.verify([paid(1), paid(2).subarray(1)]);
    expect(verifier.recheck(verified).map(codeOf)).toEqual(['OK', 'BAD_REQUEST']);
    rotate([lineKey(registrarSigner.publicKey, START_S), lineKey(successor.publicKey)]);
    expect(verifier.recheck(verified).map(codeOf)).toEqual(['KEY_RETIRED', 'BAD_REQUEST']);
  });
});

/** Transactions in a write-ahead log (sqlite.org/fileformat2.html 4.1: a frame that commits says the file's size). */
function commitsIn(wal: string): number {
  const bytes = readFileSync(wal);
  const pageBytes = bytes.readUInt32BE(8);
  const salt = bytes.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + 24 <= bytes.length && bytes.subarray(at + 8, at + 16).equals(salt); at += 24 + pageBytes)
    if (bytes.readUInt32BE(at + 4) > 0) commits++;
  return commits;
}

describe('a batch', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tapcash-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('of 64 that arrive together is one commit; no query goes through a table', async () => {
    const issuerPath = join(folder, 'issuer.db');
    const watched = watchScans(() => {
      const rig = createRig({ issuerPath, trusteePath: join(folder, 'trustee.db'), verifyMany: verifyHere });
      rig.shop('Shop');
      // Through every statement.
      good(rig.issuer.deposit(paid(0)));
      return rig;
    });
    expect(watched.scans.filter((scan) => scan.includes('json_each'))).toEqual([]);
    const rig = watched.result;
    const before = commitsIn(`${issuerPath}-wal`);
    const replies = await Promise.all(Array.from({ length: 64 }, (_, i) => rig.issuer.depositMany([paid(1 + i)])));
    expect(replies.map((reply) => codeOf(good(reply).results[0]!))).toEqual(Array(64).fill('OK'));
    expect(commitsIn(`${issuerPath}-wal`)).toBe(before + 1);
    // One alone waits for nobody.
    good(await rig.issuer.depositMany([paid(65)]));
    expect(commitsIn(`${issuerPath}-wal`)).toBe(before + 2);
    rig.close();
  });

  test('fails where one of them does, and then each is judged alone', async () => {
    const rig = createRig({ verifyMany: verifyHere });
    rig.shop('Shop');
    const { issuerStore } = rig;
    const note = issuerStore.addOverspend;
    // Whatever it is that fails behind one history: here what follows Ada's overspend.
    issuerStore.addOverspend = (row) => {
      if (Buffer.from(row.pku).equals(ada.pku)) throw new TypeError('a mistake of ours');
      note(row);
    };
    const replies = await Promise.allSettled(
      [paid(1, bob), paid(2), paid(3, bob)].map((h) => rig.issuer.depositMany([h])),
    );
    expect(replies.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(good(rig.office.balanceOf('Shop')).balance).toBe(2);
    rig.close();
  });

  test('is refused while too many wait, and taken when they are through', async () => {
    const rig = createRig({ verifyMany: verifyHere });
    rig.shop('Shop');
    const garbage = Array.from({ length: 4096 }, () => new Uint8Array(1));
    const waiting = rig.issuer.depositMany(garbage);
    expect(codeOf(await rig.issuer.depositMany([paid(1)]))).toBe('BUSY');
    expect(good(await waiting).results.length).toBe(garbage.length);
    expect(codeOf(good(await rig.issuer.depositMany([paid(1)])).results[0]!)).toBe('OK');
    rig.close();
  });
});
