/**
 * Images: a program in a file under the root's signature. Every byte changed, every length, other formats, other
 * signers, other boards and roles; and a board flashed from one, which is left as it was by what is not for it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fromChars, toHex } from '../../firmware/core/bytes.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { appFiles, NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { signManifest } from '../../flash-scripts/provision/manifest.js';
import {
  checkImage,
  checkImageFor,
  makeImage,
  readImage,
  type ProgramImage,
} from '../../flash-scripts/provision/program-image.js';
import { provisionBoard } from '../../flash-scripts/provision/provision-board.js';
import { createSigner, issuerIdOf, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { HOUSE } from '../../firmware/wire/succession.js';
import { ROLES } from '../../flash-scripts/boards/roles.js';
import { writeSuccession } from '../../host-bridge/base/keys/succession.js';
import { sha256 } from '../../host-bridge/base/crypto/hash.js';
import { failed } from '../kit/failed.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeImages } from '../../host-bridge/commands/image.js';
import { flash, type FlashCommand } from '../../host-bridge/commands/flash.js';
import { serviceKey } from '../../host-bridge/base/keys/key-file.js';
import { exercises } from '../kit/exercises.js';
import { skipWaits } from '../kit/skipped-waits.js';
import { attemptOn, BOARD, espRig, plantInterpreter, type EspRig } from '../flash/flash-rig.js';

skipWaits();

const signer = (n: number): Signer => createSigner(new Uint8Array(32).fill(n));
const ROOT = signer(1);
const rootHex = toHex(ROOT.publicKey);
const WHAT = { role: 'user-token', board: 'esp32-devkitc', program: '0123abcd', roots: '' } as const;
const CONTENTS = { 'tab.base': fromChars('table'), 'desk.js': fromChars('desk'), '.bootcde': fromChars('boot') };
const SMALL = makeImage(WHAT, CONTENTS, ROOT);

/** A file whose lines and bytes are as given, signed by the root. */
function signed(first: string, manifest: object, bytes: string): Uint8Array {
  const head = `${first}\n${JSON.stringify(manifest)}\n`;
  return fromChars(`${head}${toHex(ROOT.sign(SIGNED.image, fromChars(head)))}\n${bytes}`);
}

const manifestOf = ({ contents: _, ...manifest }: ProgramImage) => manifest;

test('what was put in comes out, and the same program gives the same bytes', () => {
  const read = readImage(SMALL);
  expect(read).toMatchObject({ ...WHAT, root: rootHex });
  expect(Object.keys(read.contents)).toEqual(Object.keys(CONTENTS));
  for (const [name, data] of Object.entries(CONTENTS)) expect([name, ...read.contents[name]!]).toEqual([name, ...data]);
  expect(Buffer.compare(makeImage(WHAT, CONTENTS, ROOT), SMALL)).toBe(0);
});

/** The code that a call ends with; none: what it gave. */
function codeOf(call: () => unknown): string {
  try {
    call();
    return 'OK';
  } catch (thrown) {
    return String((thrown as { code?: string }).code);
  }
}

test('any byte that is changed, and any length but its own, is refused', () => {
  const refused = new Set(['IMAGE_INVALID', 'IMAGE_FORMAT']);
  for (let at = 0; at < SMALL.length; at++) {
    const changed = SMALL.slice();
    changed[at] ^= 1 << (at % 7);
    expect([at, refused.has(codeOf(() => readImage(changed)))]).toEqual([at, true]);
    expect([at, codeOf(() => readImage(SMALL.slice(0, at)))]).toEqual([at, 'IMAGE_INVALID']);
  }
  expect(() => readImage(Buffer.concat([SMALL, Buffer.from(' ')]))).toThrow('bytes follow its last file');
});

const MANIFEST = manifestOf(readImage(SMALL));
const BYTES = 'tabledeskboot';
const entry = (name: string) => ({ name, bytes: 4, sha256: MANIFEST.files[2]!.sha256 });

test.each<[what: string, first: string, manifest: object, code: string, why: string]>([
  ['of a newer format', 'tapcash image 2', MANIFEST, 'IMAGE_FORMAT', 'format 2, which is newer than 1'],
  ['of an older format', 'tapcash image 0', MANIFEST, 'IMAGE_FORMAT', 'format 0, which is older than 1'],
  ['with its number in another writing', 'tapcash image 01', MANIFEST, 'IMAGE_INVALID', 'does not begin'],
  ['that is another file', '#!/bin/sh', MANIFEST, 'IMAGE_INVALID', 'does not begin'],
  ['of no role', 'tapcash image 1', { ...MANIFEST, role: 'bank' }, 'IMAGE_INVALID', 'role'],
  ['without a boot file', 'tapcash image 1', { ...MANIFEST, files: [] }, 'IMAGE_INVALID', 'no .bootcde'],
  ...['tapcash.cfg', 'tapcash.seed', 'tab.issuer', '.boot0', '../x.js'].map(
    (name): [string, string, object, string, string] => [
      `with the file ${name}`,
      'tapcash image 1',
      { ...MANIFEST, files: [...MANIFEST.files, entry(name)] },
      'IMAGE_INVALID',
      `file ${name}`,
    ],
  ),
  [
    'with a name twice',
    'tapcash image 1',
    { ...MANIFEST, files: [...MANIFEST.files, entry('.bootcde')] },
    'IMAGE_INVALID',
    'a name twice',
  ],
])('an image %s is refused, also under the root', (_, first, manifest, code, why) => {
  expect(() => readImage(signed(first, manifest, BYTES))).toThrow(failed(code, new RegExp(why)));
});

test('an image that nobody signed, or that another signed than it says, is refused', () => {
  const [first, manifest] = Buffer.from(SMALL).toString('latin1').split('\n');
  const of = (signature: string) => readImage(fromChars(`${first}\n${manifest}\n${signature}\n${BYTES}`));
  expect(() => of('')).toThrow(failed('IMAGE_INVALID', /no signature/));
  expect(() => of('0'.repeat(128))).toThrow(failed('IMAGE_INVALID', /not signed by the root that it names/));
  const head = fromChars(`${first}\n${manifest}\n`);
  expect(() => of(toHex(signer(2).sign(SIGNED.image, head)))).toThrow(failed('IMAGE_INVALID', /not signed/));
  // A signature of the root for something else.
  expect(() => of(toHex(ROOT.sign(SIGNED.institutions, head)))).toThrow(failed('IMAGE_INVALID', /not signed/));
});

test('an image is for one role and board, of one root or of the key that followed it', () => {
  const image = readImage(SMALL);
  const check = (wish: Parameters<typeof checkImage>[1]) => codeOf(() => checkImage(image, wish));
  expect(check({ role: 'user-token', board: 'esp32-devkitc', root: rootHex })).toBe('OK');
  expect(check({ role: 'shop-terminal', root: rootHex })).toBe('IMAGE_MISMATCH');
  expect(check({ board: 'esp32-c3', root: rootHex })).toBe('IMAGE_MISMATCH');
  expect(check({ root: toHex(signer(2).publicKey) })).toBe('IMAGE_FOREIGN');

  const body = { house: HOUSE.issuer, issuer: issuerIdOf(ROOT.publicKey), number: 1, sealKey: new Uint8Array(32) };
  const notice = (by: Signer) => writeSuccession(by, { ...body, newKey: signer(3).publicKey, fromS: 1, untilS: 2 });
  const later = (by: Signer) => readImage(makeImage({ ...WHAT, roots: toHex(notice(by)) }, CONTENTS, signer(3)));
  expect(codeOf(() => checkImage(later(ROOT), { root: rootHex }))).toBe('OK');
  // Who signs a notice for somebody else's key.
  expect(codeOf(() => checkImage(later(signer(3)), { root: rootHex }))).toBe('IMAGE_FOREIGN');
  // One that was made before the rotation.
  expect(check({ root: toHex(signer(3).publicKey) })).toBe('IMAGE_FOREIGN');
});

describe('a board', () => {
  const FACTS = {
    issuer: issuerIdOf(ROOT.publicKey),
    currency: 'EUR',
    issuerKey: ROOT.publicKey,
    registrarKey: signer(2).publicKey,
  };
  const silent = { step: () => undefined, progress: () => undefined, hint: () => undefined };
  const access = (rig: EspRig) => ({
    ...NODE_TOOLS,
    device: rig.cable,
    attempt: attemptOn(rig.cable),
    reporter: silent,
    burstBytesMax: 1024,
  });

  const flashFrom = (rig: EspRig, image: ProgramImage, root: string | null) =>
    flashBoard({
      ...access(rig),
      board: BOARD,
      parts: null,
      role: image.role,
      appFiles: () => Promise.resolve(image.contents),
      checkBefore: (provision) => checkImageFor(image, { root }, provision),
    });
  const storage = (rig: EspRig) => new Map([...rig.esp.board.files].map(([name, data]) => [name, toHex(data)]));
  const imageOf = async (root: Signer, change = '', board = BOARD.name) => {
    const files = await appFiles('user-token', BOARD);
    const boot = Buffer.concat([files['.bootcde']!, Buffer.from(change)]);
    return readImage(makeImage({ ...WHAT, board }, { ...files, '.bootcde': boot }, root));
  };

  test('runs what its image holds, byte for byte, and is left as it is by an image that is not for it', async () => {
    const rig = espRig();
    plantInterpreter(rig.esp);
    const image = await imageOf(ROOT);
    // It pins nothing yet, and nobody said whose image it must be.
    const empty = storage(rig);
    await expect(flashFrom(rig, image, null)).rejects.toMatchObject({ code: 'IMAGE_FOREIGN' });
    expect(storage(rig)).toEqual(empty);

    expect(await flashFrom(rig, image, rootHex)).toMatchObject({ role: 'user-token', provisioned: false });
    for (const [name, data] of Object.entries(image.contents))
      expect([name, storage(rig).get(name)]).toEqual([name, toHex(data)]);
    await provisionBoard({
      ...access(rig),
      board: BOARD,
      manifest: signManifest(FACTS, ROOT, null),
      purpose: { role: 'user-token', limits: TOKEN_LIMITS, scheme: { number: 1 } },
    });
    expect(rig.lines.at(-1)).toBe('tapcash: user-token runs');

    const before = storage(rig);
    const records = rig.esp.records.image();
    const refused: [ProgramImage, string][] = [
      [await imageOf(signer(5), ' '), 'IMAGE_FOREIGN'],
      [await imageOf(ROOT, ' ', 'm5stack-core'), 'IMAGE_MISMATCH'],
      [{ ...(await imageOf(ROOT, ' ')), role: 'shop-terminal' }, 'IMAGE_MISMATCH'],
    ];
    for (const [other, code] of refused) await expect(flashFrom(rig, other, null)).rejects.toMatchObject({ code });
    expect(storage(rig)).toEqual(before);
    expect(Buffer.compare(rig.esp.records.image(), records)).toBe(0);

    // An update: the board's own root is enough.
    const update = await imageOf(ROOT, ' ');
    expect(await flashFrom(rig, update, null)).toMatchObject({ provisioned: true, written: ['.bootcde'] });
    expect(storage(rig).get('.bootcde')).toBe(toHex(update.contents['.bootcde']!));
    expect(rig.lines.at(-1)).toBe('tapcash: user-token runs');
    exercises('28.1');
  });
});

describe('the commands', () => {
  const folder = tempFolder();
  const path = (name: string) => join(folder, name);
  const BASE = { board: undefined, data: folder, baud: '460800', flashMode: 'keep', serial: path('no-port') };
  const run = (more: Partial<FlashCommand>) => flash({ ...BASE, ...more } as FlashCommand);
  /** The only secret of the folder. */
  const SEED = sha256(fromChars('seed'));
  let root: Signer;
  beforeAll(() => {
    root = serviceKey(folder, 'issuer', () => Buffer.from(SEED));
    const facts = {
      issuer: issuerIdOf(root.publicKey),
      currency: 'EUR',
      issuerKey: root.publicKey,
      registrarKey: root.publicKey,
    };
    writeFileSync(path('manifest.json'), JSON.stringify(signManifest(facts, root, null)));
  });

  test('build one image for each role of a board, with its program and nothing secret', async () => {
    const written = await writeImages(path('images'), folder, ROLES, BOARD.name);
    expect(written.map(({ file }) => basename(file))).toEqual(ROLES.map((role) => `${role}.${BOARD.name}.image`));
    for (const { role, file } of written) {
      const bytes = readFileSync(file);
      const { contents } = readImage(new Uint8Array(bytes));
      expect(contents).toEqual(await appFiles(role, BOARD));
      expect([bytes.includes(Buffer.from(SEED)), bytes.includes(toHex(SEED))]).toEqual([false, false]);
    }
    await expect(writeImages(path('images'), path('empty'), ROLES)).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  test('say what is wrong with an image before they open a port', async () => {
    const good = readFileSync(path(`images/user-token.${BOARD.name}.image`));
    const put = (name: string, bytes: Uint8Array) => (writeFileSync(path(name), bytes), path(name));
    const changed = Buffer.from(good);
    changed[changed.length - 1]! ^= 1;
    const image = put('good.image', good);
    await expect(run({ image: put('changed.image', changed) })).rejects.toThrow(failed('IMAGE_INVALID', /bootcde/));
    await expect(run({ image: path('none.image') })).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await expect(run({ image: put('foreign.image', SMALL) })).rejects.toMatchObject({ code: 'IMAGE_FOREIGN' });
    await expect(run({ image, board: 'm5stack-core' })).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
    await expect(run({ image, role: 'terminal' })).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
    await expect(run({ image, onlyApp: true })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(run({ image, manifest: path('none.json') })).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await expect(run({ manifest: path('manifest.json'), onlyApp: true })).rejects.toMatchObject({ code: 'USAGE' });
    // What is right goes as far as the port, which is not there.
    await expect(run({ image })).rejects.toMatchObject({ code: expect.stringMatching(/^PORT_|^DEVICE_/) });
  });
});
