/** Ptys: bytes of every value both ways, and a pair as node-serialport and the interpreter use it. */
import { SerialPort } from 'serialport';
import { openPty, openPtyPair } from '../../host-bridge/emulator/pty.js';
import { until } from '../kit/real-time.js';

const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');

function openPort(path: string): Promise<{ port: SerialPort; received: () => string }> {
  return new Promise((resolve, reject) => {
    let received = '';
    const port = new SerialPort({ path, baudRate: 115200 }, (error) =>
      error ? reject(error) : resolve({ port, received: () => received }),
    );
    port.on('data', (data: Buffer) => (received += data.toString('latin1')));
  });
}

test('a pty carries every byte both ways', async () => {
  const pty = await openPty();
  const { port, received } = await openPort(pty.path);
  let came = '';
  pty.end.onData = (data) => (came += data);
  pty.end.write(all + all);
  port.write(Buffer.from(all, 'latin1'));
  await until(() => came.length >= 256 && received().length >= 512);
  expect(came).toBe(all);
  expect(received()).toBe(all + all);
  await new Promise((resolve) => port.close(resolve));
  pty.close();
});

test('a pair of ptys is a cable', async () => {
  const pair = await openPtyPair();
  const [a, b] = [await openPort(pair.paths[0]), await openPort(pair.paths[1])];
  a.port.write(Buffer.from(all.repeat(20), 'latin1'));
  b.port.write(Buffer.from('back', 'latin1'));
  await until(() => b.received().length >= 5120 && a.received().length >= 4);
  expect(b.received()).toBe(all.repeat(20));
  expect(a.received()).toBe('back');
  for (const { port } of [a, b]) await new Promise((resolve) => port.close(resolve));
  pair.close();
});
