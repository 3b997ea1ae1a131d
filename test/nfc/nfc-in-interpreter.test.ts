/**
 * The same drivers, built as firmware is built, in the real interpreter: its Serial1 and Serial2 are ptys, with chip
 * models at their other ends. Skipped where there is no interpreter.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { createInterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import type { Pty } from '../../host-bridge/emulator/pty.js';
import { openPty } from '../../host-bridge/emulator/pty.js';
import { createRadioField } from '../../host-bridge/emulator/radio-field.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';

const path = findInterpreter(process.env);
const TAPS = 2;

/** Terminal and token in one program: the token gives back what it gets, reversed. Prints a line for each tap. */
function program(shopPath: string, userPath: string): string {
  const nfc = resolve(__dirname, '../../firmware/nfc');
  const core = resolve(__dirname, '../../firmware/core');
  return `
import { createApduClient, INS_SELECT } from '${nfc}/iso-dep-client.js';
import { createApduServer } from '${nfc}/iso-dep-server.js';
import { createClock } from '${core}/clock.js';
import { answerFrames, createPn532Card } from '${nfc}/pn532-card.js';
import { createHsuPort } from '${nfc}/pn532-hsu.js';
import { apduBytesMax, commandDataBytesMax, createPn532Link } from '${nfc}/pn532-link.js';
import { createPn532Reader } from '${nfc}/pn532-reader.js';

const clock = createClock({ getTime: getTime, setTimeout: setTimeout, clearTimeout: clearTimeout });
const aid = new Uint8Array([0xf0, 0x74, 0x61, 0x70, 0x63, 0x61, 0x73, 0x68]);
Serial1.setup(115200, { path: '${shopPath}' });
Serial2.setup(115200, { path: '${userPath}' });
let uid = 0;
let taps = 0;
let gone = 0;

const userLink = createPn532Link(createHsuPort(Serial2), clock, { burstBytesMax: 64 });
const server = createApduServer({
  aid: aid,
  respond: answerFrames(userLink),
  handlers: {
    selectAnswer: new Uint8Array([1, commandDataBytesMax(64)]),
    select: function () {},
    command: function (_ins, data) {
      const out = new Uint8Array(data.length);
      for (let i = 0; i < data.length; i++) out[i] = data[data.length - 1 - i];
      return { sw: 0x9000, data: out };
    },
  },
});
const card = createPn532Card(userLink, clock, {
  random: function (count) {
    const out = new Uint8Array(count);
    out[0] = ++uid;
    return out;
  },
  onCommand: server.handle,
  onActivated: server.reset,
  onReleased: function () {
    gone++;
  },
});
const reader = createPn532Reader(createPn532Link(createHsuPort(Serial1), clock, { burstBytesMax: 64 }), clock, {});
const client = createApduClient({ radio: reader, responseBytesMax: apduBytesMax(64) });
const message = new Uint8Array(300);
for (let i = 0; i < 300; i++) message[i] = (i * 7) & 255;

function fail(where: string, code: string): void {
  print('nfc ' + where + ' ' + code);
}
function done(good: boolean, ms: number): void {
  print('nfc tap ' + good + ' ' + ms);
  reader.release(function () {
    taps++;
    if (taps < ${TAPS}) tap();
    else print('nfc end ' + gone);
  });
}
function tap(): void {
  const startMs = clock.nowMs();
  reader.findCard(function (found) {
    if (!found.ok) return fail('find', found.code);
    client.command(0x00, INS_SELECT, 0x04, 0x00, aid, function (selected) {
      if (!selected.ok) return fail('select', selected.code);
      client.setLimits(selected.data[1]);
      client.command(0x80, 2, 0, 0, message, function (result) {
        if (!result.ok) return fail('command', result.code);
        let good = result.sw === 0x9000 && result.data.length === 300;
        for (let i = 0; i < 300; i++) if (result.data[i] !== message[299 - i]) good = false;
        done(good, Math.round(clock.nowMs() - startMs));
      });
    });
  }, 10000);
}
card.start();
reader.init(function (result) {
  if (result.ok) tap();
  else fail('init', result.code);
});
`;
}

(path ? test : test.skip)('300 bytes both ways, two taps, in the interpreter', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-nfc-'));
  const ptys: Pty[] = [await openPty(), await openPty()];
  const scheduler = createRealScheduler();
  const field = createRadioField(scheduler);
  const [shop, user] = ptys.map((pty) => {
    const chip = createPn532Chip(scheduler);
    chip.connectHsu(pty.end);
    return chip;
  });
  shop.enterAsReader(field);
  field.present(user.card);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tap.ts'), program(ptys[0].path, ptys[1].path));

  const lines: string[] = [];
  let board;
  try {
    const bundle = await buildBundle(join(folder, 'tap.ts'));
    let ended: () => void = () => undefined;
    const end = new Promise<void>((done) => (ended = done));
    board = await createInterpreterBoard({
      path: path!,
      name: 'nfc',
      bundle: bundle.program.bundle,
      onConsole: (line) => {
        lines.push(line);
        if (/^.?nfc (end|find|select|command|init)/.test(line)) ended();
      },
    });
    board.powerOn();
    await Promise.race([end, new Promise((done) => setTimeout(done, 45_000).unref())]);
    expect(board.errors).toEqual([]);
    const told = lines.filter((line) => line.includes('nfc ')).map((line) => line.slice(line.indexOf('nfc ')));
    expect(told.filter((line) => line.startsWith('nfc tap true'))).toHaveLength(TAPS);
    expect(told[TAPS]).toMatch(/^nfc end/);
  } finally {
    board?.close();
    for (const pty of ptys) pty.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
