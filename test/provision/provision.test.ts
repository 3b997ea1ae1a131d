/**
 * Provisioning on the emulated board, from a flashed one to one that works: keys, root, resumption, and what the host
 * sees.
 */
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { inflateSync } from 'node:zlib';
import decodeQr from 'qr/decode.js';
import { createSigner, issuerIdOf, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { TERMINAL_TERMS, TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { decode } from 'fast-png';
import { labelPng, labelSvg } from '../../flash-scripts/provision/label.js';
import { parseManifest, signManifest, type Manifest } from '../../flash-scripts/provision/manifest.js';
import {
  provisionBoard,
  type BoardPurpose,
  type ProvisionOptions,
} from '../../flash-scripts/provision/provision-board.js';
import { fromChars, toHex } from '../../firmware/core/bytes.js';
import { institutionsText } from '../../firmware/core/provisioned.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { HOUSE, signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import { writeSuccession } from '../../host-bridge/base/keys/succession.js';
import {
  attemptOn,
  benchWith,
  BOARD,
  espRig,
  imageOf,
  plantInterpreter,
  type BoardImage,
  type EspRig,
} from '../flash/flash-rig.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const signer = (n: number): Signer => createSigner(new Uint8Array(32).fill(n));
const ROOT = signer(1);
const facts = (issuerKey = ROOT.publicKey, registrar = 2) => ({
  issuer: issuerIdOf(ROOT.publicKey),
  currency: 'EUR',
  issuerKey,
  registrarKey: signer(registrar).publicKey,
});
const MANIFEST = signManifest(facts(), ROOT, null);

const TOKEN: BoardPurpose = { role: 'user-token', limits: TOKEN_LIMITS, scheme: { number: 1 } };
const TERMINAL: BoardPurpose = { role: 'shop-terminal', terms: { ...TERMINAL_TERMS, shop: 'Cafe Roma' } };
const silent = { step: () => undefined, progress: () => undefined, hint: () => undefined };

const made = new Map<BoardPurpose['role'], BoardImage>();

/** A board with a role's program: one is flashed, the others are copies of it. */
async function flashed(role: BoardPurpose['role']): Promise<EspRig> {
  const image = made.get(role);
  if (image) return benchWith(image);
  const rig = espRig();
  plantInterpreter(rig.esp);
  await flashBoard({
    ...NODE_TOOLS,
    device: rig.cable,
    attempt: attemptOn(rig.cable),
    reporter: silent,
    board: BOARD,
    parts: null,
    role,
    burstBytesMax: 1024,
  });
  made.set(role, imageOf(rig));
  return rig;
}

const give = (rig: EspRig, more: Partial<ProvisionOptions> = {}) =>
  provisionBoard({
    ...NODE_TOOLS,
    device: rig.cable,
    attempt: attemptOn(rig.cable),
    reporter: silent,
    board: BOARD,
    manifest: MANIFEST,
    purpose: TOKEN,
    burstBytesMax: 1024,
    handMs: 2000,
    ...more,
  });

describe('the manifest', () => {
  test('is read back, and not when a letter of it is another', () => {
    const text = JSON.stringify(MANIFEST);
    expect(parseManifest(text)).toEqual(MANIFEST);
    for (const change of [
      { version: 2 },
      { currency: 'USD' },
      { issuer: '00000000' },
      { registrarKey: MANIFEST.issuerKey },
      { tables: '' },
      { sealKey: MANIFEST.issuerKey },
      { root: MANIFEST.registrarKey },
      { signature: '00' },
    ]) {
      expect(() => parseManifest(JSON.stringify({ ...MANIFEST, ...change }))).toThrow(
        expect.objectContaining({ code: 'MANIFEST_INVALID' }),
      );
    }
    for (const wrong of ['', 'null', '[]', '{}', '{"version":1}'])
      expect(() => parseManifest(wrong)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });

  test('stays as it is until something changes, and keeps its root', () => {
    expect(signManifest(facts(), ROOT, MANIFEST)).toBe(MANIFEST);
    expect(signManifest(facts(ROOT.publicKey, 3), ROOT, MANIFEST)).toMatchObject({ version: 2, root: MANIFEST.root });
    expect(() => signManifest(facts(), signer(9), MANIFEST)).toThrow(expect.objectContaining({ code: 'KEY_MISMATCH' }));
  });
});

test('a token makes its keys, proves them, and keeps them when it is provisioned again', async () => {
  const rig = await flashed('user-token');
  const first = await give(rig);
  expect(first).toMatchObject({ role: 'user-token', terminalId: null });
  expect(first.keys).toHaveLength(2);
  expect(rig.esp.board.files.has('tapcash.seed')).toBe(false);
  expect(rig.esp.board.files.has('tapcash.ask')).toBe(false);
  const again = await give(rig);
  expect(again.keys).toEqual(first.keys);
  expect(rig.esp.board.errors).toEqual([]);
});

test('a terminal gets a new id each time, and keeps its key', async () => {
  const rig = await flashed('shop-terminal');
  const first = await give(rig, { purpose: TERMINAL });
  const again = await give(rig, { purpose: TERMINAL });
  expect(first.keys).toHaveLength(1);
  expect(again.keys).toEqual(first.keys);
  expect(again.terminalId).not.toEqual(first.terminalId);
});

describe('the root', () => {
  const other = signer(7);
  const stranger = signManifest({ ...facts(other.publicKey), issuer: issuerIdOf(other.publicKey) }, other, null);
  const second = signManifest(facts(ROOT.publicKey, 3), ROOT, MANIFEST);

  test('signs later institutions; a stranger and an older version are refused, by the host and by the board', async () => {
    const rig = await flashed('user-token');
    const { keys } = await give(rig);
    expect((await give(rig, { manifest: second })).keys).toEqual(keys);
    await expect(give(rig, { manifest: stranger })).rejects.toMatchObject({
      code: 'ROOT_MISMATCH',
      detail: expect.stringContaining(MANIFEST.root),
    });
    await expect(give(rig, { manifest: MANIFEST })).rejects.toMatchObject({
      code: 'ROOT_MISMATCH',
      detail: expect.stringContaining('version 2'),
    });
    // Whoever takes the provisioned file away meets the board itself.
    const forged: Manifest = { ...stranger, root: MANIFEST.root };
    for (const [manifest, why] of [
      [{ ...stranger, version: 9 }, 'not signed'],
      [forged, 'older'],
      [MANIFEST, 'older'],
      [{ ...forged, version: 9 }, 'not signed'],
    ] as const) {
      rig.esp.board.files.delete('tapcash.cfg');
      await expect(give(rig, { manifest })).rejects.toMatchObject({
        code: 'ROOT_MISMATCH',
        detail: expect.stringContaining(why),
      });
      expect(rig.esp.board.files.has('tapcash.cfg')).toBe(false);
    }
    expect((await give(rig, { manifest: second })).keys).toEqual(keys);
  });

  test('signs the tables, too', async () => {
    const rig = await flashed('user-token');
    const wrong = { ...MANIFEST, tables: second.tables };
    wrong.signature = toHex(ROOT.sign(SIGNED.institutions, fromChars(institutionsText(wrong))));
    await expect(give(rig, { manifest: wrong })).rejects.toMatchObject({
      code: 'ROOT_MISMATCH',
      detail: expect.stringContaining('tab.registrar'),
    });
    await give(rig);
  });
});

test('a board with other firmware is to be flashed first', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  await expect(give(rig)).rejects.toMatchObject({ code: 'FIRMWARE_MISSING' });
  const terminal = await flashed('shop-terminal');
  await give(terminal, { purpose: TERMINAL });
  await expect(give(terminal)).rejects.toMatchObject({ code: 'USAGE' });
});

/** The pixels of a label, as a reader of codes takes them. */
function pixelsOf(png: Uint8Array): { width: number; height: number; data: Uint8Array } {
  const buffer = Buffer.from(png);
  const [width, height] = [buffer.readUInt32BE(16), buffer.readUInt32BE(20)];
  const at = buffer.indexOf('IDAT');
  const rows = inflateSync(buffer.subarray(at + 4, at + 4 + buffer.readUInt32BE(at - 4)));
  const data = new Uint8Array(width * height * 4);
  const rowBytes = rows.length / height;
  for (let i = 0; i < width * height; i++) {
    const x = i % width;
    const white = (rows[Math.floor(i / width) * rowBytes + 1 + (x >> 3)] >> (7 - (x & 7))) & 1;
    data.fill(white ? 255 : 0, i * 4, i * 4 + 3).fill(255, i * 4 + 3, i * 4 + 4);
  }
  return { width, height, data };
}

test('a label shows its key to a reader of codes', () => {
  const label = {
    kind: 'token',
    name: 'Alice & Bob',
    keyName: 'pseudonym PKU',
    key: '7f3a'.repeat(16),
    lines: ['one'],
  };
  expect(labelSvg(label)).toContain('Alice &amp; Bob');
  expect(decode(labelPng(label), { checkCrc: true })).toMatchObject({
    depth: 1,
    resolution: { x: 11811, y: 11811, unit: 1 }, // 300 dpi: printed in its true size
  });
  expect(decodeQr(pixelsOf(labelPng(label)))).toBe(`TAPCASH:TOKEN:${label.key.toUpperCase()}`);
});

describe('the root, when the issuer has another key', () => {
  const [next, third] = [signer(11), signer(12)];
  const issuer = issuerIdOf(ROOT.publicKey);
  const succession = (old: Signer, number: number, to: Signer, house: number = HOUSE.issuer): Uint8Array =>
    writeSuccession(old, {
      house,
      issuer,
      number,
      newKey: to.publicKey,
      sealKey: new Uint8Array(32),
      fromS: number,
      untilS: number + 1,
    });
  const first = succession(ROOT, 1, next);
  const later = {
    ...facts(next.publicKey),
    issuer,
    before: { registrarKey: null, registrarUntilS: 0, issuerKey: ROOT.publicKey },
  };
  const following = signManifest(later, next, MANIFEST, [first]);

  test('the manifest is read back, and signed by nobody who does not follow', () => {
    expect(parseManifest(JSON.stringify(following))).toEqual(following);
    expect(following).toMatchObject({
      version: 2,
      root: toHex(next.publicKey),
      issuerBefore: MANIFEST.root,
      roots: toHex(first),
    });
    for (const change of [{ issuerBefore: '' }, { registrarUntilS: 9 }, { roots: 'x' }]) {
      expect(() => parseManifest(JSON.stringify({ ...following, ...change }))).toThrow(
        expect.objectContaining({ code: 'MANIFEST_INVALID' }),
      );
    }
    expect(() => signManifest(later, third, MANIFEST, [first.slice(1)])).toThrow(
      expect.objectContaining({ code: 'KEY_MISMATCH' }),
    );
  });

  test('a board follows it by the notices, over several at once, and never back; a notice of somebody else, or for another house, leads nowhere', async () => {
    const rig = await flashed('user-token');
    const { keys } = await give(rig);
    const as = (root: Signer, version: number, ...notices: Uint8Array[]): Manifest => {
      const unsigned = { ...following, version, root: toHex(root.publicKey), roots: notices.map(toHex).join(',') };
      return { ...unsigned, signature: toHex(root.sign(SIGNED.institutions, fromChars(institutionsText(unsigned)))) };
    };
    const forged = [
      as(third, 3, succession(third, 1, third)),
      as(third, 3, relabelled(first, third.publicKey)),
      as(next, 3, succession(ROOT, 1, next, HOUSE.bank)),
      as(next, 3),
    ];
    for (const manifest of forged) {
      rig.esp.board.files.delete('tapcash.cfg');
      await expect(give(rig, { manifest })).rejects.toMatchObject({
        code: 'ROOT_MISMATCH',
        detail: expect.stringContaining('not signed'),
      });
    }
    expect((await give(rig, { manifest: as(third, 3, first, succession(next, 2, third)) })).keys).toEqual(keys);
    // The old root signs nothing any more, and leads nowhere else.
    rig.esp.board.files.delete('tapcash.cfg');
    for (const manifest of [as(ROOT, 4), as(signer(13), 4, succession(ROOT, 1, signer(13)))]) {
      await expect(give(rig, { manifest })).rejects.toMatchObject({
        code: 'ROOT_MISMATCH',
        detail: expect.stringContaining('not signed'),
      });
    }
  });
});

/** The same with another new key, and so not signed. */
function relabelled(notice: Uint8Array, newKey: Uint8Array): Uint8Array {
  const { signature, body } = signedSuccession.decode(notice)!;
  return signedSuccession.encode({
    signature,
    body: successionBody.encode({ ...successionBody.decode(body)!, newKey }),
  });
}
