/**
 * Boards in the middle of their work: an update, a cable pulled at any write, and what the host gets to see of secrets.
 *
 * The short form pulls the cable at a few of the writes, the long one at more; `npm run test:long -- update --all` at
 * each of them.
 */
import { extent } from '../kit/extent.js';
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { examineBoard } from '../../flash-scripts/doctor/doctor.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import { signManifest } from '../../flash-scripts/provision/manifest.js';
import { provisionBoard, type BoardPurpose, type Provisioned } from '../../flash-scripts/provision/provision-board.js';
import { payment } from '../../firmware/wire/payment.js';
import { identity, INS, tokenStatus } from '../../firmware/wire/token-commands.js';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { createEmulatedCable } from '../../host-bridge/emulator/esp-cable.js';
import type { EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createEmulatedPort } from '../../host-bridge/serial/port.js';
import { createRig } from '../shop-terminal/terminal-board-rig.js';
import { createToken } from '../shop-terminal/terminal-rig.js';
import { createShop, filesFor, type Answered } from '../user-token/token-board-rig.js';
import { challengeBytes, chargeBytes, grantBytes, nameBytes, receiptBytes } from '../user-token/purse-rig.js';
import { attemptOn, benchWith, BOARD, espRig, imageOf, plantInterpreter, type EspRig } from './flash-rig.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeRelease } from './firmware-kit.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const root = createSigner(new Uint8Array(32).fill(1));
const manifest = signManifest(
  {
    issuer: issuerIdOf(root.publicKey),
    currency: 'EUR',
    issuerKey: root.publicKey,
    registrarKey: createSigner(new Uint8Array(32).fill(2)).publicKey,
  },
  root,
  null,
);
const TOKEN: BoardPurpose = { role: 'user-token', limits: TOKEN_LIMITS, scheme: { number: 1 } };
const none = new Uint8Array(0);

/** Everything that a person at the host sees. */
const seen: string[] = [];
const reporter = {
  step: (text: string) => void seen.push(text),
  progress: (name: string) => void seen.push(name),
  hint: (text: string) => void seen.push(text),
};
const access = (rig: EspRig) => ({
  ...NODE_TOOLS,
  device: rig.cable,
  attempt: attemptOn(rig.cable),
  reporter,
  burstBytesMax: 1024,
  handMs: 1000,
});
const update = (rig: EspRig, role: BoardPurpose['role']) =>
  flashBoard({ ...access(rig), board: BOARD, parts: null, role });
const provide = (rig: EspRig): Promise<Provisioned> =>
  provisionBoard({ ...access(rig), board: BOARD, manifest, purpose: TOKEN });

/** An older version of the firmware: the same program, with a blank that no other has. */
function makeOld(rig: EspRig): void {
  const { files } = rig.esp.board;
  files.set('.bootcde', Buffer.concat([files.get('.bootcde')!, Buffer.from(' ')]));
}

async function untilLine(rig: EspRig, text: string): Promise<void> {
  for (let tries = 0; !rig.lines.includes(text); tries++) {
    if (tries > 30_000) throw new Error(`${text} never came; ${rig.lines.slice(-3).join(' / ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a token updated between debit and ACK keeps Balance and keys, and gives the same signature again', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  for (const [name, data] of Object.entries(filesFor('esp32-devkitc'))) rig.esp.board.files.set(name, data);
  await update(rig, 'user-token');
  const shop = createShop(createRealScheduler());
  shop.field.present(rig.pn532.card);
  const tap = (commands: [number, Uint8Array][]) => new Promise<Answered[]>((resolve) => shop.tap(commands, resolve));
  const codes = (answers: Answered[]): string[] => answers.map(({ code }) => code);
  const [who] = await tap([
    [INS.identity, none],
    [INS.register, nameBytes('Ada')],
  ]);
  const { pku } = identity.decode(who.data)!;
  expect(
    codes(
      await tap([
        [INS.license, grantBytes({ pku })],
        [INS.receipt, receiptBytes({ pku, number: 1, amount: 5000 })],
      ]),
    ),
  ).toEqual(['OK', 'OK']);
  const challenge = challengeBytes({});
  const [, paid] = await tap([
    [INS.open, chargeBytes(1)],
    [INS.challenge, challenge],
  ]);
  expect(paid.code).toBe('OK');

  makeOld(rig);
  expect((await update(rig, 'user-token')).written).toContain('.bootcde');
  rig.lines.length = 0;
  const findings = await examineBoard({
    ...access(rig),
    openLink: () => Promise.reject(new Error('a token has no link')),
  });
  expect(findings.at(-1)).toMatchObject({
    check: 'unacknowledged',
    ok: true,
    found: expect.stringMatching(/^1 debit, 3\.50 EUR: tap at the same shop again/),
  });
  await untilLine(rig, 'tapcash: user-token runs');
  // A tap that comes while the token still starts is torn: tap again.
  let again: Answered[] = [];
  for (let tries = 0; tries < 10 && again.length < 3; tries++)
    again = await tap([
      [INS.open, chargeBytes(1)],
      [INS.challenge, challenge],
      [INS.ack, chargeBytes(1)],
    ]);
  expect(codes(again)).toEqual(['OK', 'OK', 'OK']);
  expect(payment.decode(again[1].data)!.signature).toEqual(payment.decode(paid.data)!.signature);
  rig.esp.board.press('D26', 100);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [state] = await tap([[INS.status, none]]);
  expect(tokenStatus.decode(state.data)).toMatchObject({ balance: 4650, receiptNumber: 1, unacknowledged: 0 });
});

test('a terminal updated with a history that nobody took still has it', async () => {
  const shop = await createRig(null);
  shop.bridge.stores = false;
  shop.board.powerOn();
  await shop.until(() => shop.board.screen()[0] === 'READY', 30_000);
  shop.connect();
  await shop.until(() => shop.bridge.up, 30_000);
  expect(await shop.charge(1, 900)).toBe('OK');
  shop.present(createToken(1));
  await shop.until(() => shop.board.screen()[0] === 'PAID', 60_000);
  const worked = shop.board as EmulatedBoard;
  shop.close();

  const rig = benchWith({ records: worked.flash.image(), files: worked.files });
  const pending = async () =>
    (await examineBoard({ ...access(rig), openLink: async () => createEmulatedPort(rig.esp.cable) })).find(
      ({ check }) => check === 'undelivered',
    )!.found;
  expect(await pending()).toContain('1 histories');
  makeOld(rig);
  expect((await update(rig, 'shop-terminal')).written).toContain('.bootcde');
  expect(await pending()).toContain('1 histories');
});

/** Pulls the cable after k writes, for each k or some; then the same again must end well. */
async function pulledEverywhere(
  lost: 'request' | 'reply',
  every: number,
  fresh: () => EspRig,
  work: (rig: EspRig) => Promise<unknown>,
  check: (rig: EspRig) => void,
): Promise<number> {
  for (let writes = every - 1, pulls = 0; ; writes += every, pulls++) {
    const rig = fresh();
    rig.cable.pullAfter(writes, lost);
    const ended = await work(rig).then(
      () => true,
      (thrown: { code?: string }) => (thrown.code === 'LINK_LOST' ? false : Promise.reject(thrown)),
    );
    // Another device, as for another process: what a library still had in mind with the first one does not meddle.
    rig.cable = createEmulatedCable(rig.esp);
    if (!ended) await work(rig);
    check(rig);
    rig.esp.board.powerOff();
    if (ended) return pulls;
  }
}

/** What a cable loses that is pulled, and how many writes apart in the short form. */
const LOST: ['request' | 'reply', flash: number, provision: number][] = [
  ['request', 83, 37],
  ['reply', 167, 73],
];

test.each(LOST)('flash: any %s lost, then the same again, ends in a board that starts', async (lost, every) => {
  const folder = tempFolder();
  writeRelease(folder, { appBytes: 60_000 });
  const parts = readFirmware(folder, BOARD);
  const pulls = await pulledEverywhere(
    lost,
    extent(every, 41, 1),
    () => espRig(),
    (rig) => flashBoard({ ...access(rig), board: BOARD, parts, role: 'user-token' }),
    (rig) => {
      expect(rig.lines.at(-1)).toContain('NOT_PROVISIONED');
    },
  );
  expect(pulls).toBeGreaterThan(extent(0, 2));
});

test.each(LOST)(
  'provision: any %s lost, then the same again, ends in a token with its keys',
  async (lost, _, every) => {
    const made = espRig();
    plantInterpreter(made.esp);
    await update(made, 'user-token');
    const { keys } = await provide(made);
    made.esp.board.powerOff();
    const image = imageOf(made);
    for (const name of ['tapcash.cfg', 'tab.issuer', 'tab.registrar']) image.files.delete(name);
    const again = (): EspRig => benchWith(image);
    let found: Provisioned | null = null;
    const pulls = await pulledEverywhere(
      lost,
      extent(every, 19, 1),
      again,
      async (rig) => (found = await provide(rig)),
      (rig) => {
        expect(rig.lines.at(-1)).toBe('tapcash: user-token runs');
        expect(found!.keys).toEqual(keys);
      },
    );
    expect(pulls).toBeGreaterThan(extent(0, 2));

    // Records of seeds: no 16 bytes of what only they hold were shown, as hexadecimal, base64 or numbers.
    const bits = Buffer.from(image.records);
    const shown = [...seen, ...made.lines].join('\n');
    let secrets = 0;
    for (let at = 0; at + 16 <= bits.length; at += 4) {
      const bytes = bits.subarray(at, at + 16);
      if (
        new Set(bytes).size < 8 ||
        keys.some(
          (key) => Buffer.from(key).includes(bytes.subarray(0, 8)) || Buffer.from(key).includes(bytes.subarray(8)),
        )
      )
        continue;
      secrets++;
      for (const form of [
        bytes.toString('hex'),
        bytes.toString('latin1'),
        bytes.toString('base64').slice(0, 20),
        [...bytes].join(),
      ])
        expect(shown.includes(form)).toBe(false);
    }
    expect(secrets).toBeGreaterThan(10);
  },
);
