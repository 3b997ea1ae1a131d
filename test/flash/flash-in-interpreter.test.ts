/**
 * The real interpreter as a board: our flashing through EspruinoTools brings the firmware to Espruino's Linux build
 * over a pty, provisions it, examines it, and the token answers a reader.
 *
 * Skipped, and said so, where there is no interpreter (ESPRUINO, or espruino-linux on the PATH).
 */
import { NODE_TOOLS, testProgram } from '../../flash-scripts/flash/node/board-tools.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { appFiles } from '../../flash-scripts/flash/node/board-tools.js';
import { SELFTEST_FIGURES, type BoardTimings } from '../../flash-scripts/doctor/board-report.js';
import { examineBoard } from '../../flash-scripts/doctor/doctor.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { createAttempt } from '../../flash-scripts/flash/attempt.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { signManifest } from '../../flash-scripts/provision/manifest.js';
import { provisionBoard } from '../../flash-scripts/provision/provision-board.js';
import { identity, INS } from '../../firmware/wire/token-commands.js';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { createConsoleFilter } from '../../host-bridge/emulator/interpreter-console.js';
import { createInterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialDevice } from '../../host-bridge/serial/device.js';
import { openBoardPort } from '../../host-bridge/serial/port.js';
import { type Answered, createShop, wiredChip } from '../user-token/token-board-rig.js';

const path = findInterpreter(process.env);
const suite = path ? describe : describe.skip;
const BUTTON = 'D0';

suite('a host at the console of the interpreter', () => {
  test('brings the firmware, provisions a token, examines it; and the token answers a reader', async () => {
    const scheduler = createRealScheduler();
    const { chip, end } = wiredChip(scheduler);
    const esp = await createInterpreterBoard({
      path: path!,
      name: 'token',
      boot: 'storage',
      console: true,
      serials: { Serial2: end },
    });
    const linux = loadBoard('linux');
    const board = {
      ...linux,
      pn532: { ...linux.pn532, path: esp.paths.Serial2 },
      buttons: { ...linux.buttons, console: { pin: BUTTON, active: 0 } },
      consoleLeaves: 'Serial1',
    };
    /** A board whose firmware has the port gets its console back by a reset with its console button held. */
    async function resetHoldingButton(): Promise<void> {
      esp.hold(BUTTON, 0);
      esp.reset();
      await esp.ready();
      esp.release(BUTTON);
    }
    const hint = (text: string): void => void (text.includes('reset') && resetHoldingButton());
    const access = async () => ({
      ...NODE_TOOLS,
      device: await createSerialDevice(esp.consolePath!),
      attempt: createAttempt(),
      reporter: { step: () => undefined, progress: () => undefined, hint },
      burstBytesMax: 1024,
    });
    try {
      esp.powerOn();
      await esp.ready();
      const flashed = await flashBoard({ ...(await access()), board, parts: null, role: 'user-token' });
      expect(flashed).toMatchObject({ provisioned: false, right: [] });
      const files = esp.files();
      for (const [name, data] of Object.entries(await appFiles('user-token', board)))
        expect([name, Buffer.compare(files.get(name)!, data)]).toEqual([name, 0]);

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
      const { keys } = await provisionBoard({
        ...(await access()),
        board,
        manifest,
        purpose: { role: 'user-token', limits: TOKEN_LIMITS, scheme: { number: 1 } },
      });
      let timings: BoardTimings = {};
      const findings = await examineBoard({
        ...(await access()),
        selftest: testProgram,
        onMeasured: (measured) => void ({ timings } = measured),
        openLink: () => openBoardPort(esp.consolePath!),
      });
      expect(findings.filter(({ ok }) => !ok)).toEqual([]);
      expect(findings.map(({ check }) => check)).toEqual(
        expect.arrayContaining(['pn532', 'answers', 'curve', 'start']),
      );
      // Its display is the console, which takes no time of its own; its flash holds the token's keys.
      const clocked = SELFTEST_FIGURES.filter((name) => !/^(picture|flash)/.test(name));
      for (const name of clocked) expect([name, timings[name]]).toEqual([name, expect.any(Number)]);

      const shop = createShop(scheduler);
      shop.field.present(chip.card);
      const [who] = await new Promise<Answered[]>((resolve) => shop.tap([[INS.identity, new Uint8Array(0)]], resolve));
      expect(identity.decode(who.data)!.pku).toEqual(keys[1]);
    } finally {
      esp.close();
    }
  });
});

test('a packet waits behind its head, and of the Ctrl-C in lines one in five seconds passes', () => {
  let ms = 0;
  const filter = createConsoleFilter(() => ms);
  expect(filter('\x03a\x03\n\x10\x01\x20\x04\x03\x03\x10\x01\x03b')).toEqual([
    '\x03a\n\x10\x01',
    '\x20\x04\x03\x03\x10\x01b',
  ]);
  ms = 6000;
  expect(filter('\x03\x10p\x10')).toEqual(['\x03\x10p\x10']);
  expect(filter('\x01\x60')).toEqual(['\x01', '\x60']);
  ms = 12_000;
  expect(filter('\x03x')).toEqual(['\x03x']);
});
