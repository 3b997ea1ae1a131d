/** The APDU layer by itself: chaining both ways, limits, a table of refusals, hostile bytes. ISO/IEC 7816-4. */
import { fc } from '../kit/properties.js';
import { type ApduClient, createApduClient, encodeApdu, INS_SELECT } from '../../firmware/nfc/iso-dep-client.js';
import type { ApduServerOptions } from '../../firmware/nfc/iso-dep-server.js';
import { createApduServer, parseApdu } from '../../firmware/nfc/iso-dep-server.js';

const AID = Uint8Array.of(0xf0, 0x74, 0x61, 0x70, 0x63, 0x61, 0x73, 0x68);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (n: number, seed = 0) => Uint8Array.from({ length: n }, (_, i) => (i * 13 + seed) & 255);
const SELECT = '00a4040008f07461706361736800';

function createToken(overrides: Partial<ApduServerOptions> = {}) {
  const log: { ins: number; data: string }[] = [];
  const server = createApduServer({
    aid: AID,
    handlers: {
      selectAnswer: Uint8Array.of(1, 42),
      select: () => undefined,
      command: (ins, data) => {
        log.push({ ins, data: text(data) });
        if (ins === 0x02) return { sw: 0x9000, data: data.slice() };
        if (ins === 0x04) return { sw: 0x9000, data: bytes(705) };
        if (ins === 0x06) return { sw: 0x6401 };
        if (ins === 0x08) throw new Error('secret');
        return { sw: 0x6d00 };
      },
    },
    ...overrides,
  });
  return { server, log, send: (apdu: string) => text(server.handle(hex(apdu))) };
}

test.each([
  // [what, commands before, command, answer]
  ['SELECT', [], SELECT, '012a9000'],
  ['SELECT with a small Le', [], '00a4040008f07461706361736801', '016101'],
  ['rest of the answer to SELECT', ['00a4040008f07461706361736801'], '00c0000001', '2a9000'],
  ['SELECT without Le', [], '00a4040008f074617063617368', '012a9000'],
  ['SELECT of another application', [], '00a4040007a000000003101000', '6a82'],
  ['SELECT of part of the name', [], '00a4040004f0746170', '6a82'],
  ['SELECT by file identifier', [], '00a4000c023f00', '6a86'],
  ['chained SELECT', [], '10a4040004f0746170', '6884'],
  ['command before SELECT', [], '8002000001aa00', '6985'],
  ['command', [SELECT], '8002000002aabb00', 'aabb9000'],
  ['command without data or Le', [SELECT], '80020000', '9000'],
  ['command without data', [SELECT], '8002000000', '9000'],
  ['command refused by its handler', [SELECT], '80060000', '6401'],
  ['unknown instruction', [SELECT], '80fe0000', '6d00'],
  ['handler that fails', [SELECT], '80080000', '6f00'],
  ['another class', [SELECT], '00020000', '6e00'],
  ['secure messaging', [SELECT], '8c020000', '6e00'],
  ['logical channel', [SELECT], '81020000', '6e00'],
  ['empty', [SELECT], '', '6700'],
  ['three bytes', [SELECT], '800200', '6700'],
  ['Lc 0 with data', [SELECT], '800200000001', '6700'],
  ['extended length', [SELECT], '80020000000002aabb', '6700'],
  ['Lc too large', [SELECT], '8002000003aabb', '6700'],
  ['Lc too small', [SELECT], '8002000001aabbcc', '6700'],
  ['GET RESPONSE with nothing to fetch', [SELECT], '80c0000000', '6985'],
  ['GET RESPONSE before SELECT', [], '00c0000000', '6985'],
  ['GET RESPONSE with parameters', [SELECT, '8002000002aabb01'], '00c0000100', '6a86'],
  ['chained GET RESPONSE', [SELECT, '8002000002aabb01'], '90c0000000', '6884'],
  ['rest of an answer', [SELECT, '8002000003aabbcc01'], '80c0000005', 'bbcc9000'],
  ['rest under class 00', [SELECT, '8002000003aabbcc01'], '00c0000005', 'bbcc9000'],
  ['an answer is fetched once', [SELECT, '8002000002aabb00'], '80c0000005', '6985'],
  ['a command voids the rest', [SELECT, '8002000002aabb01', '80060000'], '80c0000005', '6985'],
  ['part of a chain', [SELECT], '9002000002aabb', '9000'],
  ['last of a chain', [SELECT, '9002000002aabb'], '8002000001cc00', 'aabbcc9000'],
  ['chain left off', [SELECT, '9002000002aabb'], '8006000001cc00', '6883'],
  ['chain with other parameters', [SELECT, '9002000002aabb'], '8002000101cc00', '6883'],
  ['a chain left off is forgotten', [SELECT, '9002000002aabb', '8006000001cc'], '8002000001dd00', 'dd9000'],
  ['an empty part', [SELECT], '90020000', '6700'],
  ['SELECT within a chain forgets it', [SELECT, '9002000002aabb', SELECT], '8002000001dd00', 'dd9000'],
  ['garbage within a chain leaves it', [SELECT, '9002000002aabb', '8002'], '8002000001cc00', 'aabbcc9000'],
  ['a failed SELECT leaves the selection', [SELECT, '00a4040004f0746170'], '8002000001aa00', 'aa9000'],
])('%s', (_what, before, command, answer) => {
  const token = createToken();
  for (const apdu of before) token.send(apdu);
  expect(token.send(command)).toBe(answer);
});

test('reset forgets the selection, a chain and a pending answer', () => {
  const token = createToken();
  token.send(SELECT);
  token.send('9002000002aabb');
  token.server.reset();
  expect(token.send('8002000001cc00')).toBe('6985');
  expect(token.send(SELECT)).toBe('012a9000');
  expect(token.send('8002000001dd00')).toBe('dd9000');
  token.send('8002000002aabb01');
  token.server.reset();
  expect(token.send('80c0000000')).toBe('6985');
});

test('a chain is bounded: 704 bytes pass, one more is refused and forgotten', () => {
  const token = createToken();
  token.send(SELECT);
  for (let i = 0; i < 704; i++) expect(token.send('9002000001' + text(Uint8Array.of(i & 255)))).toBe('9000');
  expect(token.send('90020000aa01')).toBe('6700'); // malformed: changes nothing
  expect(token.send('9002000001aa')).toBe('6700');
  expect(token.log).toEqual([]);
  expect(token.send('8002000001dd00')).toBe('dd9000');
});

test('no handler is reached, and nothing thrown, by hostile APDUs outside a selected application', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (apdus) => {
      const token = createToken();
      for (const apdu of apdus) {
        const answer = token.server.handle(apdu);
        expect(answer.length).toBeGreaterThanOrEqual(2);
        expect(answer.length).toBeLessThanOrEqual(258);
      }
      expect(token.log).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('hostile APDUs near the real ones: an answer to each, a bounded one; handlers get only what was sent to them', () => {
  const byte = fc.constantFrom(0x00, 0x10, 0x80, 0x90, 0x81, 0xa4, 0xc0, 0x02, 0x04, 0x06, 0x08, 0xff);
  const head = fc.tuple(byte, byte, fc.constantFrom(0, 0, 0, 4), fc.constantFrom(0, 0, 0, 1));
  const body = fc.oneof(
    fc.constant(Uint8Array.of()),
    fc.uint8Array({ minLength: 1, maxLength: 255 }).map((d) => Uint8Array.of(d.length, ...d)),
    fc.uint8Array({ minLength: 1, maxLength: 255 }).map((d) => Uint8Array.of(d.length, ...d, 0)),
    fc.uint8Array({ maxLength: 9 }),
    fc.constant(Uint8Array.of(8, ...AID)),
  );
  const apdu = fc.oneof(
    { weight: 1, arbitrary: fc.constant(hex(SELECT)) },
    { weight: 6, arbitrary: fc.tuple(head, body).map(([h, b]) => Uint8Array.of(...h, ...b)) },
  );
  fc.assert(
    fc.property(fc.array(apdu, { maxLength: 60 }), (apdus) => {
      const token = createToken();
      let selected = false;
      for (const sent of apdus) {
        const calls = token.log.length;
        const answer = token.server.handle(sent);
        const sw = (answer[answer.length - 2] << 8) | answer[answer.length - 1];
        expect(answer.length).toBeLessThanOrEqual(258);
        expect([0x90, 0x61, 0x64, 0x67, 0x68, 0x69, 0x6a, 0x6d, 0x6e, 0x6f]).toContain(sw >> 8);
        if (sent[1] === 0xa4 && sw === 0x9000 && sent[0] === 0) selected = true;
        // A refusal of this layer means that no handler ran.
        if ([0x67, 0x68, 0x69, 0x6a, 0x6e].includes(sw >> 8)) expect(token.log.length).toBe(calls);
        if (!selected) expect(token.log).toEqual([]);
        for (const { data } of token.log) expect(data.length).toBeLessThanOrEqual(2 * 704);
        token.log.length = 0;
      }
      // And whatever came before, a clean conversation works.
      token.send(SELECT);
      expect(token.send('8002000001dd00')).toBe('dd9000');
    }),
    { numRuns: 400 },
  );
});

test('APDUs: what is encoded is parsed, at every length; nothing else is', () => {
  for (let n = 0; n <= 255; n++) {
    for (const le of [1, 46, 256]) {
      const parsed = parseApdu(encodeApdu(0x80, 2, 3, 4, bytes(n), le))!;
      expect(parsed).toEqual({ cla: 0x80, ins: 2, p1: 3, p2: 4, data: bytes(n), le });
    }
    const apdu = encodeApdu(0x80, 2, 3, 4, bytes(n, 1), 256);
    for (let length = 0; length < apdu.length; length++) {
      const parsed = parseApdu(apdu.subarray(0, length));
      // Only the header alone, and the whole without Le, are APDUs too; 5 bytes read as Le.
      if (length === 4 || length === 5 || length === apdu.length - 1) expect(parsed).not.toBeNull();
      else expect(parsed).toBeNull();
    }
  }
});

describe('client against server', () => {
  /** A radio that needs no frames. */
  const radioOf = (transceive: (apdu: Uint8Array, callback: (result: any) => void) => void): any => ({
    frameOf: (apdu: Uint8Array) => apdu,
    transceive,
  });
  const select = (client: ApduClient, done: (result: any) => void) =>
    client.command(0x00, INS_SELECT, 0x04, 0x00, AID, done);

  function connect(responseBytesMax: number, commandDataBytesMax: number) {
    const token = createToken();
    const traffic: string[] = [];
    const client = createApduClient({
      responseBytesMax,
      commandDataBytesMax,
      radio: radioOf((apdu, callback) => {
        expect(apdu.length).toBeLessThanOrEqual(6 + commandDataBytesMax);
        const answer = token.server.handle(apdu);
        expect(answer.length).toBeLessThanOrEqual(responseBytesMax);
        traffic.push(text(apdu));
        callback({ ok: true, data: answer });
      }),
    });
    token.send(SELECT);
    return { client, token, traffic };
  }

  test('any data, any limits: the handler gets all of it once, the client all of the answer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 258 }),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(704),
        (answerMax, commandMax, n) => {
          const { client, token } = connect(answerMax, commandMax);
          let result: any;
          client.command(0x80, 2, 0, 0, bytes(n, n), (r) => (result = r));
          expect(result).toEqual({ ok: true, data: bytes(n, n), sw: 0x9000 });
          expect(token.log).toEqual([{ ins: 2, data: text(bytes(n, n)) }]);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('an answer above the bound ends by name', () => {
    const { client, traffic } = connect(48, 42);
    let result: any;
    client.command(0x80, 4, 0, 0, bytes(0), (r) => (result = r));
    expect(result).toEqual({ ok: false, code: 'TOO_LONG' });
    expect(traffic.length).toBeLessThan(18);
    client.command(0x80, 2, 0, 0, bytes(5), (r) => (result = r));
    expect(result.ok).toBe(true);
  });

  test('a refusal in the middle of a chain ends it', () => {
    const { client, token } = connect(48, 42);
    token.server.reset();
    let result: any;
    client.command(0x80, 2, 0, 0, bytes(300), (r) => (result = r));
    expect(result).toEqual({ ok: true, data: bytes(0), sw: 0x6985 });
  });

  test.each([
    ['no status word', '90', 'RF_ERROR'],
    ['nothing', '', 'RF_ERROR'],
    ['more than Le', '00'.repeat(47) + '9000', 'RF_ERROR'],
    ['61xx without data', '6110', 'RF_ERROR'],
    ['61xx for ever', '0061ff', 'TOO_LONG'],
  ])('a hostile card: %s', (_what, answer, code) => {
    let calls = 0;
    const client = createApduClient({
      responseBytesMax: 48,
      radio: radioOf((_apdu, callback) => {
        calls++;
        callback({ ok: true, data: hex(answer) });
      }),
    });
    let result: any;
    client.command(0x80, 2, 0, 0, bytes(3), (r) => (result = r));
    expect(result).toEqual({ ok: false, code });
    expect(calls).toBeLessThan(710);
  });

  test('a failure of the radio goes through, and the client is free again; two commands at once are BUSY', () => {
    let pending: any;
    const client = createApduClient({
      responseBytesMax: 48,
      radio: radioOf((_apdu, callback) => (pending = callback)),
    });
    const results: any[] = [];
    select(client, (r) => results.push(r));
    select(client, (r) => results.push(r));
    expect(results).toEqual([{ ok: false, code: 'BUSY' }]);
    pending({ ok: false, code: 'RF_LOST', status: 1 });
    expect(results[1]).toEqual({ ok: false, code: 'RF_LOST', status: 1 });
    select(client, (r) => results.push(r));
    pending({ ok: true, data: hex('012a9000') });
    expect(results[2]).toEqual({ ok: true, data: hex('012a'), sw: 0x9000 });
    expect(() => createApduClient({ responseBytesMax: 2, radio: radioOf(() => undefined) })).toThrow(RangeError);
  });
});
