/** The link with its board end in the real interpreter, on a pty. Skipped where there is none. */
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { createInterpreterBoard, type InterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { openPtyPair } from '../../host-bridge/emulator/pty.js';
import { openBoardPort } from '../../host-bridge/serial/port.js';
import { createTerminalSession, type TerminalSession } from '../../host-bridge/serial/terminal-session.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { pattern } from './link-rig.js';

const path = findInterpreter(process.env);
const whenPresent = path ? describe : describe.skip;

whenPresent('the link in the real interpreter', () => {
  let board: InterpreterBoard;
  let pair: Awaited<ReturnType<typeof openPtyPair>>;
  let session: TerminalSession;
  const downs: string[] = [];
  const requests: number[] = [];

  beforeAll(async () => {
    const { program } = await buildBundle(join(__dirname, 'board/echo.ts'));
    pair = await openPtyPair();
    board = await createInterpreterBoard({
      path: path!,
      name: 'link',
      bundle: program.bundle,
      files: { 'tapcash.cfg': JSON.stringify({ board: { link: { port: 'Serial1', burstBytesMax: 64 } } }) },
      paths: { Serial1: pair.paths[0] },
    });
    board.powerOn();
    await board.ready();
    session = createTerminalSession({
      open: () => openBoardPort(pair.paths[1]),
      onRequest: (kind, body, reply) => {
        requests.push(body.length);
        reply(kind === KIND.verify ? 'OK' : 'BAD_REQUEST');
      },
      onUp: () => undefined,
      onDown: (why) => void downs.push(why),
    });
    await session.start();
    await session.waitUp(10_000);
  });
  afterAll(async () => {
    await session?.stop();
    board?.close();
    pair?.close();
  });

  test('every byte value and every size come back', async () => {
    for (const length of [0, 1, 35, 36, 37, 100, 1000]) {
      const body = length === 100 ? Uint8Array.from({ length: 256 }, (_, i) => i) : pattern(length, length);
      const answer = await session.ask(1, body, 30_000);
      expect(answer.code).toBe('OK');
      expect(Buffer.compare(answer.body, body)).toBe(0);
    }
    expect(board.errors).toEqual([]);
  });

  test('the board asks and is answered: a VERIFY within what a customer waits', async () => {
    const times: number[] = [];
    for (let i = 0; i < 21; i++) {
      const answer = await session.ask(2, Uint8Array.of(30), 10_000);
      expect(answer.code).toBe('OK');
      times.push(answer.body[2]! * 256 + answer.body[3]!);
    }
    times.sort((a, b) => a - b);
    // The fastest one: slower ones are what else the machine did.
    expect(times[0]).toBeLessThan(500);
    expect(requests.slice(-21)).toEqual(new Array(21).fill(240));
  });

  test('requests at once, both ways', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        i % 2 ? session.ask(1, pattern(50 * i, i), 10_000) : session.ask(2, Uint8Array.of(i + 1), 10_000),
      ),
    );
    answers.forEach(({ code, body }, i) => {
      expect(code).toBe('OK');
      expect(body.length).toBe(i % 2 ? 50 * i : 4);
    });
  });

  test('a reset of the board is noticed, and the session begins anew', async () => {
    const lost = session.ask(1, pattern(1000, 1), 20_000);
    board.reset();
    expect((await lost).code).toBe('LINK_DOWN');
    await session.waitUp(10_000);
    expect(downs).toEqual(['LINK_DOWN']);
    expect((await session.ask(1, pattern(100, 2), 10_000)).body.length).toBe(100);
    expect(board.errors).toEqual([]);
  });
});

if (!path) test('the link in the real interpreter', () => console.log('skipped: no Espruino interpreter'));
