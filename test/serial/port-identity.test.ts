/** Which board a path means: links, renumbering after a replug, and boards that cannot be told apart. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPty } from '../../host-bridge/emulator/pty.js';
import { createSerialDevice } from '../../host-bridge/serial/device.js';
import { createPortOpener } from '../../host-bridge/serial/port.js';
import { createPortFinder, isSamePort, lastingPath, type ListedPort } from '../../host-bridge/serial/port-identity.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-ports-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CP210X = { vendorId: '10c4', productId: 'ea60' };
const CH340 = { vendorId: '1a86', productId: '7523' };

/** A machine whose ports are what was plugged in. */
function machine(...ports: ListedPort[]) {
  const view = {
    ports,
    list: async () => view.ports,
    exists: (path: string) => view.ports.some((port) => isSamePort(port.path, path)),
  };
  return view;
}

const at = (path: string, ids: Partial<ListedPort>): ListedPort => ({ path, ...ids });
const failed = (code: string) => expect.objectContaining({ code });

test('a link by id is the port that it leads to: its USB ids are known, and it is named to people', async () => {
  const pty = await openPty();
  try {
    const link = join(folder, 'by-id');
    symlinkSync(pty.path, link);
    const device = await createSerialDevice(link, machine(at(pty.path, { vendorId: '303a', productId: '1001' })));
    expect(device.usb).toEqual({ vendorId: 0x303a, productId: 0x1001 });
  } finally {
    pty.close();
  }
  // A link that is not there, or leads elsewhere (two boards that share a serial number), is not named.
  expect(lastingPath(at('/dev/ttyUSB7', { pnpId: 'usb-tapcash-none' }))).toBe('/dev/ttyUSB7');
});

test('the callout device of macOS is the dial-in device that is listed', () => {
  expect(isSamePort('/dev/cu.usbserial-0001', '/dev/tty.usbserial-0001')).toBe(true);
  expect(isSamePort('/dev/cu.usbserial-0001', '/dev/tty.usbserial-0002')).toBe(false);
});

test('after a replug the board is found under its new number, by bridge and by flashing alike', async () => {
  const before = await openPty();
  const ids = { ...CP210X, serialNumber: 'A1' };
  const view = machine(at(before.path, ids));
  const open = createPortOpener(before.path, {}, view);
  const device = await createSerialDevice(before.path, view);
  await (await open()).close();
  before.close();
  const after = await openPty();
  try {
    view.ports = [at(after.path, ids)];
    // The system may give the number of the one that is gone to the next pty.
    const port = await open();
    expect(port.path).toBe(after.path);
    await port.close();
    await device.open(115200);
    expect(device.path).toBe(after.path);
    await device.close();
  } finally {
    after.close();
  }
});

describe('a finder', () => {
  test('tells two boards apart that changed places', async () => {
    const view = machine(
      at('/dev/ttyUSB0', { ...CP210X, serialNumber: 'A1' }),
      at('/dev/ttyUSB1', { ...CP210X, serialNumber: 'B2' }),
    );
    const finder = createPortFinder('/dev/ttyUSB0', view);
    expect(await finder.find()).toBe('/dev/ttyUSB0');
    view.ports = [
      at('/dev/ttyUSB0', { ...CP210X, serialNumber: 'B2' }),
      at('/dev/ttyUSB1', { ...CP210X, serialNumber: 'A1' }),
    ];
    expect(await finder.find()).toBe('/dev/ttyUSB1');
  });

  test('never takes a board that was there beside it for the one that is gone', async () => {
    const view = machine(at('/dev/ttyUSB0', CH340), at('/dev/ttyUSB1', CH340));
    const finder = createPortFinder('/dev/ttyUSB0', view);
    await finder.find();
    view.ports = [at('/dev/ttyUSB1', CH340)];
    expect(await finder.find()).toBe('/dev/ttyUSB0');
    view.ports = [at('/dev/ttyUSB1', CH340), at('/dev/ttyUSB2', CH340)];
    expect(await finder.find()).toBe('/dev/ttyUSB2');
  });

  test('does not choose among several new ones', async () => {
    const view = machine(at('/dev/ttyUSB0', CH340));
    const finder = createPortFinder('/dev/ttyUSB0', view);
    await finder.find();
    view.ports = [at('/dev/ttyUSB1', CH340), at('/dev/ttyUSB2', CH340)];
    expect(await finder.find()).toBe('/dev/ttyUSB0');
  });

  test('refuses another board at its path, and waits while the system does not know it yet', async () => {
    const view = machine(at('/dev/ttyUSB0', { ...CP210X, serialNumber: 'A1' }));
    const finder = createPortFinder('/dev/ttyUSB0', view);
    await finder.find();
    view.ports = [at('/dev/ttyUSB0', { ...CP210X, serialNumber: 'B2' })];
    await expect(finder.find()).rejects.toEqual(failed('PORT_MISSING'));
    view.ports = [at('/dev/ttyUSB0', {})];
    expect(await finder.find()).toBe('/dev/ttyUSB0');
  });

  test('keeps a chip on its own USB that has another product id in its loader', async () => {
    const view = machine(at('/dev/ttyACM0', { vendorId: '303a', productId: '4001', serialNumber: 'S' }));
    const finder = createPortFinder('/dev/ttyACM0', view);
    await finder.find();
    view.ports = [at('/dev/ttyACM0', { vendorId: '303a', productId: '1001', serialNumber: 'S' })];
    expect(await finder.find()).toBe('/dev/ttyACM0');
  });
});
