/**
 * `tapcash doctor` on the emulated board: nothing wrong with a good one, and each fault by its name on one that has it.
 */
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { TERMINAL_TERMS, TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { examineBoard, type DoctorOptions, type Finding } from '../../flash-scripts/doctor/doctor.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
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
