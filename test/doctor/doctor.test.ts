/**
 * `tapcash doctor` on the emulated board: nothing wrong with a good one, and each fault by its name on one that has it.
 */
import { NODE_TOOLS, testProgram } from '../../flash-scripts/flash/node/board-tools.js';
import { TERMINAL_TERMS, TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import type { BoardTimings } from '../../flash-scripts/doctor/board-report.js';
import { examineBoard, type DoctorOptions, type Finding } from '../../flash-scripts/doctor/doctor.js';
import { PAGE_HEADER_BYTES } from '../../flash-scripts/doctor/selftest.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { PAGE_HEADER_BYTES as RECORDS_HEADER_BYTES } from '../../firmware/records/record-format.js';
import { signManifest } from '../../flash-scripts/provision/manifest.js';
import { provisionBoard, type BoardPurpose } from '../../flash-scripts/provision/provision-board.js';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { createEmulatedPort } from '../../host-bridge/serial/port.js';
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
const TERMINAL: BoardPurpose = { role: 'shop-terminal', terms: { ...TERMINAL_TERMS, shop: 'Cafe Roma' } };

const access = (rig: EspRig) => ({
  ...NODE_TOOLS,
  device: rig.cable,
  attempt: attemptOn(rig.cable),
  reporter: { step: () => undefined, progress: () => undefined, hint: () => undefined },
  burstBytesMax: 1024,
  handMs: 500,
});

const made = new Map<BoardPurpose, BoardImage>();

/** A board that was flashed and provisioned: one for each purpose, and then copies of it. */
async function working(purpose: BoardPurpose): Promise<EspRig> {
  const image = made.get(purpose);
  if (image) return benchWith(image);
  const rig = espRig();
  plantInterpreter(rig.esp);
  await flashBoard({ ...access(rig), board: BOARD, parts: null, role: purpose.role });
  await provisionBoard({ ...access(rig), board: BOARD, manifest, purpose });
  made.set(purpose, imageOf(rig));
  return rig;
}

const examine = (rig: EspRig, more: Partial<DoctorOptions> = {}): Promise<Finding[]> =>
  examineBoard({ ...access(rig), board: BOARD, openLink: async () => createEmulatedPort(rig.esp.cable), ...more });

const faults = (findings: Finding[]): string[] =>
  findings.filter(({ ok }) => !ok).map(({ check, code }) => `${check} ${code}`);

test('a good token: everything is found, and it runs again afterwards', async () => {
  const rig = await working(TOKEN);
  const findings = await examine(rig);
  expect(faults(findings)).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual([
    'interpreter',
    'natives',
    'radio',
    'memory',
    'storage',
    'provision',
    'firmware',
    'entropy',
    'pn532',
    'start',
    'unacknowledged',
  ]);
  expect(findings.find(({ check }) => check === 'pn532')!.found).toContain('firmware 1.6');
  expect(rig.lines.at(-1)).toBe('tapcash: user-token runs');
});

test('a good terminal also says what it has to deliver', async () => {
  const rig = await working(TERMINAL);
  const findings = await examine(rig);
  expect(faults(findings)).toEqual([]);
  expect(findings.at(-1)).toMatchObject({ check: 'undelivered', found: '0 histories, 0 cancellations' });
});

/** A button that nobody presses, or somebody does once the hint has come. */
function fingerOn(rig: EspRig, presses: boolean): Partial<DoctorOptions> {
  const { user } = BOARD.buttons;
  const hint = (text: string): void => {
    if (presses && text.includes('"user"')) rig.esp.board.press(user.pin, 300, user.active as 0 | 1);
  };
  return { reporter: { step: () => undefined, progress: () => undefined, hint } };
}

test.each([TOKEN, TERMINAL])(
  'a self-test of a $role tries all that it has, and writes nothing of its own',
  async (purpose) => {
    const rig = await working(purpose);
    const before = { records: rig.esp.records.image(), files: new Map(rig.esp.board.files) };
    let timings: BoardTimings = {};
    const findings = await examine(rig, {
      ...fingerOn(rig, true),
      selftest: testProgram,
      onMeasured: (measured) => void ({ timings } = measured),
    });
    expect(faults(findings)).toEqual([]);
    const found = Object.fromEntries(findings.map(({ check, found }) => [check, found]));
    expect(found).toMatchObject({
      answers: 'the natives give the published answers',
      field: 'all bytes come back; the field goes on and off',
      buttons: expect.stringContaining(`user (${BOARD.buttons.user.pin}) pressed`),
      flash: 'holds records, left alone: only an unprovisioned board is tried',
      curve: expect.stringMatching(/^key pair .+, nonce .+, signature .+, check .+ variables in use$/),
      display: expect.stringContaining('five lines were shown'),
      start: 'the firmware runs',
    });
    expect(Object.keys(timings)).not.toContain('flashEraseUs');
    expect(new Map(rig.esp.board.files)).toEqual(before.files);
  },
);

test('a self-test of a bare board tries its flash, and leaves it blank', async () => {
  expect(PAGE_HEADER_BYTES).toBe(RECORDS_HEADER_BYTES);
  const rig = espRig();
  plantInterpreter(rig.esp);
  const findings = await examine(rig, { ...fingerOn(rig, false), selftest: testProgram });
  expect(faults(findings).filter((fault) => !fault.startsWith('radio'))).toEqual(['provision NOT_PROVISIONED']);
  const found = Object.fromEntries(findings.map(({ check, found }) => [check, found]));
  expect(found).toMatchObject({
    flash: expect.stringMatching(/^24 bytes written in .+, a page erased in .+$/),
    buttons: expect.stringContaining('nobody pressed it, not tried'),
    curve: 'not tried: provision the board with this firmware first',
  });
  expect(rig.esp.records.image().every((byte) => byte === 255)).toBe(true);
});

test('a self-test names what is wrong', async () => {
  const rig = await working(TOKEN);
  const { user } = BOARD.buttons;
  rig.esp.board.press(user.pin, 60_000, user.active as 0 | 1);
  const found = faults(
    await examine(rig, {
      // A program that says that its key came out wrong.
      selftest: async () => '"00000000";return function(){print("tapcash: test key+refusal 1 1 1 1 1 0 9")}',
    }),
  );
  expect(found).toEqual(['buttons DEVICE_FAULT', 'curve DEVICE_FAULT']);
});

test('a self-test leaves a program of another build alone', async () => {
  const rig = await working(TOKEN);
  const table = rig.esp.board.files.get('tab.base')!.slice();
  table[0] ^= 1;
  rig.esp.board.files.set('tab.base', table);
  const findings = await examine(rig, { selftest: testProgram });
  expect(findings.find(({ check }) => check === 'curve')).toMatchObject({ found: expect.stringMatching(/^not tried/) });
});

test.each(['i2c', 'spi'] as const)('a PN532 on %s answers, and one that is not there does not', async (bus) => {
  const board = loadBoard('esp32-devkitc-wrover');
  if (bus === 'i2c') board.pn532 = loadBoard('esp32-c3-devkitm').pn532;
  const rig = espRig('esp32', true, board.pn532);
  plantInterpreter(rig.esp);
  const found = (await examine(rig, { board })).find(({ check }) => check === 'pn532')!;
  expect(found).toMatchObject({ ok: true, found: `PN532, firmware 1.6, on ${bus}` });
  const elsewhere = { ...board, pn532: { ...board.pn532, ...(bus === 'i2c' ? { port: 'I2C1' } : { nss: 'D27' }) } };
  expect((await examine(rig, { board: elsewhere })).find(({ check }) => check === 'pn532')).toMatchObject({
    ok: false,
    code: 'PN532_NO_ACK',
  });
});

test.each<[string, (rig: EspRig) => void, string[]]>([
  ['no file of its own', (rig) => rig.esp.board.files.clear(), ['provision NOT_PROVISIONED']],
  [
    'another firmware',
    (rig) => void rig.esp.board.files.set('desk.js', Buffer.from('"x"')),
    ['firmware FIRMWARE_MISSING', 'start DEVICE_FAULT'],
  ],
  ['no PN532', (rig) => void (rig.wire.connected = false), ['pn532 PN532_NO_ACK']],
  [
    'Bluetooth on in its settings',
    (rig) => void (rig.esp.board.settings.bluetooth = true),
    ['radio RADIO_ON', 'start DEVICE_FAULT'],
  ],
  [
    'Telnet that cannot be switched off',
    (rig) => plantInterpreter(rig.esp, { interpreter: '2v29.277 !Telnet' }),
    ['radio RADIO_ON', 'start DEVICE_FAULT'],
  ],
  [
    'an interpreter that opens an access point by itself',
    (rig) => plantInterpreter(rig.esp, { interpreter: '2v29' }),
    ['radio RADIO_ON', 'start DEVICE_FAULT'],
  ],
  ['a dead source of entropy', (rig) => void (rig.entropy.fixed = 7), ['entropy ENTROPY_WEAK', 'start DEVICE_FAULT']],
  [
    'an interpreter without crypto',
    (rig) => plantInterpreter(rig.esp, { interpreter: '2v29.277 crypto' }),
    ['natives NATIVE_MISSING'],
  ],
  ['an old interpreter', (rig) => plantInterpreter(rig.esp, { interpreter: '2v20' }), ['interpreter INTERPRETER_OLD']],
  ['no interpreter', (rig) => void (rig.esp.flash.fill(0xff), rig.esp.pressReset()), ['console BOARD_SILENT']],
])('%s', async (_, spoil, expected) => {
  const rig = await working(TOKEN);
  spoil(rig);
  const findings = await examine(rig);
  expect(faults(findings)).toEqual(expected);
  for (const { ok, remedy } of findings) expect(ok).toBe(remedy === undefined);
});
