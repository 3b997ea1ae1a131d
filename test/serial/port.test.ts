/** Serial ports: ptys as real ones, what goes wrong with them, and the pace of the line. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPty } from '../../host-bridge/emulator/pty.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { ERRORS } from '../../host-bridge/base/errors.js';
import {
  createEmulatedPort,
  createPacer,
  listBoardPorts,
  openBoardPort,
  openFailure,
} from '../../host-bridge/serial/port.js';
import { compile } from '../kit/compile.js';
import { until } from '../kit/real-time.js';
import { BURST_REST_MS } from '../../host-bridge/serial/board-line.js';

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

test('a pty carries every byte value both ways, though it has no control lines', async () => {
  const pty = await openPty();
  try {
    const there: number[] = [];
    const back: number[] = [];
    pty.end.onData = (data) => there.push(...Buffer.from(data, 'latin1'));
    const port = await openBoardPort(pty.path);
    port.onData = (bytes) => back.push(...bytes);
    port.write(ALL_BYTES);
    await until(() => there.length >= 256);
    expect(there).toEqual([...ALL_BYTES]);
    pty.end.write(Buffer.from(ALL_BYTES).toString('latin1'));
    await until(() => back.length >= 256);
    expect(back).toEqual([...ALL_BYTES]);
    await port.close();
    await port.close();
    port.write(ALL_BYTES);
  } finally {
    pty.close();
  }
});

test('a port that vanishes says so once; one that was closed does not', async () => {
  const pty = await openPty();
  const port = await openBoardPort(pty.path);
  const lost: string[] = [];
  port.onLost = (why) => lost.push(why.code);
  pty.close();
  await until(() => lost.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(lost).toEqual(['LINK_LOST']);

  const other = await openPty();
  const closed = await openBoardPort(other.path);
  closed.onLost = (why) => lost.push(why.code);
  await closed.close();
  other.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(lost.length).toBe(1);
});

test('a missing port is named, with those there are', async () => {
  await expect(openBoardPort('/dev/tapcash-none')).rejects.toMatchObject({
    code: 'PORT_MISSING',
    message: expect.stringMatching(/\/dev\/tapcash-none; there (is|are)/),
  });
  expect(ERRORS.PORT_MISSING.remedy).toContain('Plug');
});

test('a port in use is named', async () => {
  const pty = await openPty();
  try {
    const port = await openBoardPort(pty.path);
    await expect(openBoardPort(pty.path)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(pty.path),
    });
    await port.close();
    await (await openBoardPort(pty.path)).close();
  } finally {
    pty.close();
  }
});

test('what is no serial port fails by name', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tapcash-port-')), 'file');
  writeFileSync(path, '');
  await expect(openBoardPort(path)).rejects.toMatchObject({ code: 'PORT_FAILED' });
});

test('a port that this user may not open is named', async () => {
  const pty = await openPty();
  try {
    chmodSync(pty.path, 0o600);
    const module = compile(join(__dirname, '../../host-bridge/serial/port.ts'));
    const script = `
      if (process.getuid() !== 0) process.exit(77);
      const { openBoardPort } = await import(${JSON.stringify(module)});
      process.setuid(65534);
      await openBoardPort(${JSON.stringify(pty.path)}).then(() => console.log('opened'), (error) => console.log(error.code));
      process.exit(0);`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    if (ran.status === 77) return void console.log('skipped: only root can become somebody who may not open a port');
    expect(ran.stdout.trim()).toBe('PORT_DENIED');
  } finally {
    pty.close();
  }
});

test.each([
  // The texts of @serialport/bindings-cpp, with what each system means by them.
  ['win32', 'Opening COM3: Access denied', 'PORT_IN_USE'],
  ['win32', 'Opening COM3: File not found', 'PORT_MISSING'],
  ['win32', 'Opening COM3: Unknown error code 31', 'PORT_FAILED'],
  ['linux', 'Error: Permission denied, cannot open /dev/ttyUSB0', 'PORT_DENIED'],
  ['linux', 'Error: Device or resource busy, cannot open /dev/ttyUSB0', 'PORT_IN_USE'],
  ['linux', 'Error Resource temporarily unavailable Cannot lock port', 'PORT_IN_USE'],
  ['linux', 'Error: No such file or directory, cannot open /dev/ttyUSB0', 'PORT_MISSING'],
  ['darwin', 'Error: Resource busy, cannot open /dev/tty.usbserial-0001', 'PORT_IN_USE'],
  ['darwin', 'Error: Permission denied, cannot open /dev/tty.usbserial-0001', 'PORT_DENIED'],
])('on %s "%s" is %s', (platform, message, code) => {
  expect(openFailure('the port', new Error(message), platform)).toMatchObject({ code });
});

test('the list of ports never fails', async () => {
  expect(Array.isArray(await listBoardPorts())).toBe(true);
});

test('writes keep the pace of the line, and a long one rests after each burst', () => {
  const scheduler = createVirtualScheduler();
  const out: [number, number][] = [];
  const pacer = createPacer({
    baud: 115200,
    burstBytesMax: 64,
    scheduler,
    write: (bytes) => out.push([Math.round(scheduler.nowMs() * 10) / 10, bytes.length]),
  });
  pacer.write(new Uint8Array(64));
  pacer.write(new Uint8Array(10));
  pacer.write(new Uint8Array(130));
  scheduler.advance(1000);
  const burstMs = (64 * 10_000) / 115200;
  const third = burstMs + (10 * 10_000) / 115200;
  const at = [0, burstMs, third, third + burstMs + BURST_REST_MS, third + 2 * (burstMs + BURST_REST_MS)];
  expect(out.map(([, length]) => length)).toEqual([64, 10, 64, 64, 2]);
  out.forEach(([ms], i) => expect(ms).toBeCloseTo(at[i] as number, 0));
  pacer.write(new Uint8Array(200));
  pacer.stop();
  scheduler.advance(1000);
  expect(out.length).toBe(6);
});

test('an emulated cable looks like any port', async () => {
  const scheduler = createVirtualScheduler();
  const line = createSerialLine(scheduler);
  const port = createEmulatedPort(line.a);
  const got: number[] = [];
  const sent: string[] = [];
  port.onData = (bytes) => got.push(...bytes);
  line.b.onData = (data) => sent.push(data);
  line.b.write('\x00\xff');
  port.write(new Uint8Array([200, 1]));
  scheduler.advance(10);
  expect([got, sent]).toEqual([[0, 255], ['\xc8\x01']]);
  await port.close();
  line.b.write('x');
  port.write(new Uint8Array([1]));
  scheduler.advance(10);
  expect([got.length, sent.length]).toEqual([2, 1]);
});
