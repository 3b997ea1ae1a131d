/** Reader and card above a scripted link: each answer of the chip, and what becomes of it. */
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createPn532Card, initAsTargetCommand } from '../../firmware/nfc/pn532-card.js';
import type { LinkResult, Pn532Link } from '../../firmware/nfc/pn532-link.js';
import { apduBytesMax, commandDataBytesMax, rfFailure } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader } from '../../firmware/nfc/pn532-reader.js';
import { await1, clockOf } from './nfc-rig.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const TARGET = '01 01 0004 20 04 08010203 05 75339203';

type Script = (command: string, index: number) => string | LinkResult;

/** A link that answers from a script: hexadecimal data, a failure, or '' for nothing yet. */
function createScript(script: Script) {
  const scheduler = createVirtualScheduler();
  const sent: string[] = [];
  let waiting: ((result: LinkResult) => void) | null = null;
  const link: Pn532Link = {
    command(command, timeoutMs, once, callback) {
      link.exchange({ frame: command, timeoutMs, once, callback });
    },
    commandFrame: (head, data, tail = []) => Uint8Array.of(...head, ...data, ...tail),
    exchange({ frame: command, callback }) {
      if (waiting) throw new Error('two commands at once');
      const reply = script(text(command), sent.push(text(command)) - 1);
      waiting = callback;
      if (reply === 'wait') return;
      scheduler.setTimer(() => {
        if (waiting !== callback) return;
        waiting = null;
        callback(typeof reply === 'string' ? { ok: true, data: hex(reply) } : reply);
      }, 1);
    },
    cancel() {
      const callback = waiting;
      waiting = null;
      callback?.({ ok: false, code: 'CANCELLED' });
    },
    speedUp: (done) => done({ ok: true, data: hex('') }),
    busy: () => waiting !== null,
  };
  return { scheduler, sent, link, clock: clockOf(scheduler) };
}

test('error bytes: every one has a name, and the byte stays with it', () => {
  const lost = [0x01, 0x0a, 0x27, 0x29, 0x2b];
  const error = [2, 3, 4, 5, 6, 7, 8, 9, 0x0b, 0x13];
  for (let status = 1; status < 64; status++) {
    const code = lost.includes(status) ? 'RF_LOST' : error.includes(status) ? 'RF_ERROR' : 'PN532_ERROR';
    expect(rfFailure(status)).toEqual({ ok: false, code, status });
    expect(rfFailure(status | 0x40).status).toBe(status); // MI is no part of it
  }
});

test('limits: with the ACK before it, no answer that carries an APDU is longer than the burst', () => {
  for (let burst = 32; burst <= 400; burst++) {
    // ACK, 00 00 FF LEN LCS TFI code status ... DCS 00
    expect(6 + 5 + 3 + apduBytesMax(burst) + 2).toBeLessThanOrEqual(Math.max(burst, 0));
    // CLA INS P1 P2 Lc ... Le
    expect(6 + commandDataBytesMax(burst)).toBe(apduBytesMax(burst));
    expect(3 + apduBytesMax(burst)).toBeLessThanOrEqual(255); // never an extended frame
  }
  expect([apduBytesMax(64), commandDataBytesMax(64)]).toEqual([48, 42]);
});

describe('reader', () => {
  function createReader(script: Script) {
    const s = createScript(script);
    const reader = createPn532Reader(s.link, s.clock, {});
    const find = () => await1<any>(s.scheduler, 5000, (done) => reader.findCard(done, 300));
    const exchange = () =>
      await1<any>(s.scheduler, 5000, (done) => reader.transceive(reader.frameOf(hex('00a40400'), 64), done));
    return { ...s, reader, find, exchange };
  }
  const withExchanges = (...answers: (string | LinkResult)[]) =>
    createReader((command) => (command.startsWith('4a') ? TARGET : command.startsWith('40') ? answers.shift()! : ''));

  test("configures the chip in the manual's order", () => {
    const r = createReader((command) => (command === '02' ? '32010607' : ''));
    expect(await1(r.scheduler, 1000, (done) => r.reader.init(done))).toEqual({ ok: true });
    expect(r.sent).toEqual(['14010001', '02', '1214', '320402', '3205ff0102', '320100']);
  });

  test.each(['33010607', '32010606', '320106', ''])('another chip (%s) is refused', (version) => {
    const r = createReader((command) => (command === '02' ? version : ''));
    expect(await1(r.scheduler, 1000, (done) => r.reader.init(done))).toEqual({ ok: false, code: 'PN532_ERROR' });
  });

  test('answers in parts are joined; an endless one is cut off', () => {
    const r = withExchanges('40 aabb', '40 cc', '00 dd9000');
    r.find();
    expect(r.exchange()).toEqual({ ok: true, data: hex('aabbccdd9000') });
    expect(r.sent.slice(-3)).toEqual(['400100a40400', '4001', '4001']);
    const endless = withExchanges(...Array.from({ length: 100 }, () => '40' + '00'.repeat(100)));
    endless.find();
    expect(endless.exchange()).toEqual({ ok: false, code: 'TOO_LONG' });
    expect(endless.sent.length).toBeLessThan(12);
    const empty = withExchanges(...Array.from({ length: 100 }, () => '40'));
    empty.find();
    expect(empty.exchange()).toEqual({ ok: false, code: 'TOO_LONG' });
  });

  test('after a failure nothing more is sent to the card before it is found anew', () => {
    for (const [answer, code] of [
      ['01', 'RF_LOST'],
      ['02', 'RF_ERROR'],
      ['', 'PN532_ERROR'],
      ['4b', 'RF_ERROR'],
    ] as const) {
      const r = withExchanges(answer, '00 9000');
      r.find();
      expect(r.exchange()).toMatchObject({ ok: false, code });
      const sent = r.sent.length;
      expect(r.exchange()).toEqual({ ok: false, code: 'RF_LOST' });
      expect(r.sent.length).toBe(sent);
      r.find();
      expect(r.exchange()).toEqual({ ok: true, data: hex('9000') });
    }
  });

  test.each([
    ['nobody', '00', 'NO_CARD'],
    ['a card without ISO/IEC 14443-4', '01 01 0004 08 04 01020304', 'CARD_UNSUPPORTED'],
    ['a card whose SEL_RES denies its ATS', '01 01 0004 08 04 01020304 05 75339203', 'CARD_UNSUPPORTED'],
    ['a card without ATS', '01 01 0004 20 04 01020304', 'CARD_UNSUPPORTED'],
    ['a half answer', '01 01 00', 'NO_CARD'],
  ])('search finds %s', (_what, answer, code) => {
    const r = createReader((command) => (command.startsWith('4a') ? answer : ''));
    expect(r.find()).toEqual({ ok: false, code });
    expect(r.scheduler.nowMs()).toBeGreaterThan(300);
    expect(r.scheduler.nowMs()).toBeLessThan(450);
    expect(r.exchange()).toEqual({ ok: false, code: 'RF_LOST' });
  });

  test('search goes on after a damaged answer, not after a dead chip', () => {
    let n = 0;
    const r = createReader((command) =>
      !command.startsWith('4a') ? '' : n++ < 2 ? { ok: false, code: 'PN532_DAMAGED' } : TARGET,
    );
    expect(r.find().ok).toBe(true);
    const dead = createReader((command) => (command.startsWith('4a') ? { ok: false, code: 'PN532_NO_ACK' } : ''));
    expect(dead.find()).toEqual({ ok: false, code: 'PN532_NO_ACK' });
    expect(dead.scheduler.nowMs()).toBeLessThan(50);
    const mute = createReader((command) => (command.startsWith('4a') ? { ok: false, code: 'PN532_TIMEOUT' } : ''));
    expect(mute.find()).toEqual({ ok: false, code: 'PN532_TIMEOUT' });
  });

  test('release deselects and switches the field off; without a card only the field', () => {
    const r = withExchanges();
    r.find();
    await1(r.scheduler, 100, (done) => r.reader.release(done));
    expect(r.sent.slice(-2)).toEqual(['5200', '320100']);
    const sent = r.sent.length;
    await1(r.scheduler, 100, (done) => r.reader.release(done));
    expect(r.sent.slice(sent)).toEqual(['320100']);
  });
});

describe('card', () => {
  function createCard(
    script: Script,
    onCommand: (apdu: Uint8Array) => Uint8Array = () => hex('9000'),
    onWaiting?: () => void,
  ) {
    const s = createScript(script);
    const log: string[] = [];
    let uid = 0;
    const card = createPn532Card(s.link, s.clock, {
      random: (n) => new Uint8Array(n).fill(++uid),
      onCommand: (apdu) => s.link.commandFrame([0x8e], onCommand(apdu)),
      onWaiting,
      onActivated: () => log.push('activated'),
      onReleased: (reason) => log.push('released ' + reason.code),
      onError: (failure, final) => log.push('error ' + failure.code + (final ? ' final' : '')),
    });
    card.start();
    return { ...s, card, log };
  }
  /** Activation, then these answers to TgGetData; TgSetData succeeds; then nothing more. */
  const serving = (...commands: (string | LinkResult)[]): Script => {
    let activated = false;
    return (command) => {
      if (command.startsWith('8c')) {
        if (activated) return 'wait';
        activated = true;
        return '08 e080';
      }
      return command.startsWith('86') ? (commands.shift() ?? 'wait') : command.startsWith('8e') ? '00' : '';
    };
  };

  test('TgInitAsTarget, byte for byte (7.3.14)', () => {
    expect(text(initAsTargetCommand(hex('aabbcc')))).toBe(
      '8c05' + '0400' + 'aabbcc' + '20' + '00'.repeat(18) + '00'.repeat(10) + '0000',
    );
  });

  test('configures, listens, serves, and listens again under another UID', () => {
    const c = createCard(serving('00 aa', '00 bb', '29'));
    c.scheduler.advance(1000);
    expect(c.sent.map((s) => s.slice(0, 14))).toEqual([
      '14010001',
      '1220',
      '320100',
      '8c050400010101',
      '86',
      '8e9000',
      '86',
      '8e9000',
      '86',
      '8c050400020202',
    ]);
    expect(c.log).toEqual(['activated', 'released RF_LOST']);
  });

  test('commands in two parts are joined, longer ones end the tap', () => {
    const seen: string[] = [];
    const c = createCard(serving('40 aabb', '00 cc', '40 01', '40 02', '40 03'), (apdu) => {
      seen.push(text(apdu));
      return hex('9000');
    });
    c.scheduler.advance(1000);
    expect(seen).toEqual(['aabbcc']);
    expect(c.log).toEqual(['activated', 'released TOO_LONG']);
  });

  test('an activation of another kind is no activation', () => {
    let n = 0;
    const c = createCard((command) => (command.startsWith('8c') ? (n++ < 2 ? ['04', ''][n - 1] : 'wait') : ''));
    c.scheduler.advance(1000);
    expect(c.log).toEqual([]);
    expect(c.sent.filter((s) => s.startsWith('8c'))).toHaveLength(3);
    expect(c.sent).not.toContain('86');
  });

  test('a reader that selects us as another kind at once, again and again, is not answered as fast as it asks', () => {
    const asked = (ms: number, script: Script) => {
      const c = createCard(script);
      c.scheduler.advance(ms);
      return c.sent.filter((s) => s.startsWith('8c')).length;
    };
    const other: Script = (command) => (command.startsWith('8c') ? '04' : '');
    expect(asked(10_000, other)).toBeLessThan(90);
    // Whoever comes first costs a terminal nothing: the first pauses are 1 and 2 ms.
    let n = 0;
    const soon = createCard((command) =>
      command.startsWith('8c') ? (n++ < 2 ? '04' : '08') : command.startsWith('86') ? 'wait' : '',
    );
    soon.scheduler.advance(15);
    expect(soon.log).toEqual(['activated']);
    // A pause ends with the card.
    const stopped = createCard(other);
    stopped.scheduler.advance(1000);
    stopped.card.stop();
    const sent = stopped.sent.length;
    stopped.scheduler.advance(10_000);
    expect(stopped.sent).toHaveLength(sent);
  });

  test('what no reader waits for comes after the next command was asked for, and not once the reader has gone', () => {
    const c = createCard(
      serving('00 aa', '40 bb', '00 cc', '00 dd', '29'),
      () => (c.log.push('command'), hex('9000')),
      () => c.log.push('waiting'),
    );
    c.scheduler.advance(1000);
    expect(c.log).toEqual([
      'activated',
      'command',
      'waiting',
      'command',
      'waiting',
      'command',
      'waiting',
      'released RF_LOST',
    ]);
    expect(c.sent.slice(4, 8)).toEqual(['86', '8e9000', '86', '86']);
  });

  test('a card that its own program stops sends no answer', () => {
    const c = createCard(serving('00 aa'), () => (c.card.stop(), hex('9000')));
    c.scheduler.advance(60_000);
    expect(c.sent.filter((s) => s.startsWith('8e'))).toEqual([]);
    expect(c.log).toEqual(['activated']);
  });

  test('a failed answer ends the tap', () => {
    let n = 0;
    const c = createCard((command) => {
      if (command.startsWith('8c')) return n++ === 0 ? '08' : 'wait';
      return command.startsWith('86') ? '00 aa' : command.startsWith('8e') ? '29' : '';
    });
    c.scheduler.advance(100);
    expect(c.sent.filter((s) => s === '86')).toHaveLength(1);
    expect(c.log).toEqual(['activated', 'released RF_LOST']);
  });

  test('a chip without ACK is configured again, one that timed out only listens', () => {
    for (const [code, configurations] of [
      ['PN532_NO_ACK', 2],
      ['PN532_TIMEOUT', 1],
    ] as const) {
      const c = createCard(serving({ ok: false, code }));
      c.scheduler.advance(2000);
      expect(c.log).toEqual(['activated', 'released ' + code]);
      expect(c.sent.filter((s) => s === '1220')).toHaveLength(configurations);
      expect(c.sent.filter((s) => s.startsWith('8c'))).toHaveLength(2);
    }
  });

  test('waiting without a reader is no failure, however long; failures in a row are', () => {
    let n = 0;
    const c = createCard((command) =>
      !command.startsWith('8c')
        ? ''
        : n++ % 4 === 3
          ? { ok: false, code: 'PN532_TIMEOUT' }
          : { ok: false, code: 'PN532_ERROR' },
    );
    c.scheduler.advance(100_000);
    expect(c.log.length).toBeGreaterThan(100);
    expect(c.log).not.toContain('error PN532_ERROR final');
    const bad = createCard((command) => (command.startsWith('8c') ? { ok: false, code: 'PN532_ERROR' } : ''));
    bad.scheduler.advance(100_000);
    expect(bad.log).toEqual([...Array(4).fill('error PN532_ERROR'), 'error PN532_ERROR final']);
  });
});
