/** Cards at the terminal that are no tokens: told soon, while they are there, and no bar to a token beside them. */
import { createForeignCard, type ForeignCard, type ForeignCardOptions } from '../nfc/foreign-card.js';
import { codeNumber, type Code } from '../../firmware/core/codes.js';
import { KIND, deskRequest } from '../../firmware/wire/link/link-messages.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { createRig, createToken, denyList, keyOf, type Bench } from './terminal-board-rig.js';

/** Both win anticollision. */
const STRANGERS: [string, ForeignCardOptions][] = [
  ['a MIFARE card', {}],
  ['a bank card', { ats: [0x05, 0x78, 0x80, 0x70, 0x02] }],
];
const PROMPT = ['PAY', '3.50 EUR', 'tap your token', '5 min left'];
const TOLD = ['PAY', '3.50 EUR', 'not a token', 'one card only'];

let rig: Bench;
afterEach(() => rig.close());

/** A terminal with its bridge. */
async function online(): Promise<void> {
  rig = await createRig(null);
  rig.board.powerOn();
  await rig.until(() => rig.board.screen()[0] === 'READY', 30_000);
  rig.connect();
  await rig.until(() => rig.bridge.up, 15_000);
  await rig.request(KIND.denyList, denyList(3, [keyOf(9).publicKey]));
}

/** A terminal with an open charge. */
async function charging(): Promise<void> {
  await online();
  expect(await rig.charge(1, 350)).toBe('OK');
  expect(rig.board.screen()).toEqual(PROMPT);
}

function bring(options: ForeignCardOptions): ForeignCard {
  const card = createForeignCard(rig.scheduler, options);
  rig.field.present(card);
  return card;
}

const shows = (lines: string[]) => () => String(rig.board.screen()) === String(lines);
const pause = (ms: number) => {
  const endMs = rig.scheduler.nowMs() + ms;
  return rig.until(() => rig.scheduler.nowMs() >= endMs, ms + 1000);
};

test.each(STRANGERS)('%s is told within a second, once, and not after it left', async (_what, options) => {
  await charging();
  const card = bring(options);
  await rig.until(shows(TOLD), 1000);
  for (let i = 0; i < 20; i++) {
    await pause(250);
    expect(rig.board.screen()).toEqual(TOLD);
  }
  expect(rig.bridge.reports.map((report) => report.code)).toEqual([codeNumber('NO_TOKEN')]);
  rig.field.remove(card);
  await rig.until(shows(PROMPT), 1000);
  await pause(3000);
  expect(rig.board.screen()).toEqual(PROMPT);
  const token = createToken(1);
  rig.present(token);
  await rig.until(() => rig.board.screen()[0] === 'PAID', 5000);
});

test.each(STRANGERS)('a token beside %s pays at once', async (_what, options) => {
  await charging();
  const card = bring(options);
  rig.present(createToken(1));
  await rig.until(() => rig.board.screen()[0] === 'PAID', 3000);
  expect(card.log).toContain('selected');
  await rig.until(() => rig.bridge.reports.length > 0, 5000);
  expect(rig.bridge.reports.map((report) => report.code)).toEqual([0]);
});

test.each(STRANGERS)('a token that comes to %s later pays, too', async (_what, options) => {
  await charging();
  bring(options);
  await rig.until(shows(TOLD), 1000);
  rig.present(createToken(1));
  await rig.until(() => rig.board.screen()[0] === 'PAID', 3000);
});

test('after a payment a MIFARE card that stays keeps no token from the next charge', async () => {
  await charging();
  const token = createToken(1);
  bring({});
  rig.present(token);
  await rig.until(() => rig.board.screen()[0] === 'PAID', 3000);
  await rig.until(() => [...token.debits.values()].every((debit) => debit.settled), 5000);
  rig.present(null);
  await pause(2000);
  expect(await rig.charge(2, 350)).toBe('OK');
  rig.present(createToken(2));
  await rig.until(() => rig.board.screen()[0] === 'PAID', 5000);
});

describe('the desk', () => {
  const PROMPT_DESK = ['DESK', 'tap your token'];
  const TOLD_DESK = ['DESK', 'not a token', 'one card only'];
  let code: Code | null;

  /** A command to whatever token is tapped within the time. */
  async function ask(timeoutMs: number): Promise<void> {
    code = null;
    const body = deskRequest.encode({ timeoutMs, ins: INS.identity, data: new Uint8Array(0) });
    rig.ask(KIND.desk, body, (answer) => void (code = answer));
    await rig.until(shows(PROMPT_DESK), 1000);
  }
  const isAnswered = () => code !== null;

  test.each(STRANGERS)('%s is told while it is there, and the command waits for its token', async (_what, options) => {
    await online();
    await ask(20_000);
    const card = bring(options);
    await rig.until(shows(TOLD_DESK), 1000);
    for (let i = 0; i < 10; i++) {
      await pause(250);
      expect([rig.board.screen(), code]).toEqual([TOLD_DESK, null]);
    }
    rig.field.remove(card);
    await rig.until(shows(PROMPT_DESK), 1000);
    await pause(1000);
    expect([rig.board.screen(), code]).toEqual([PROMPT_DESK, null]);
    rig.present(createToken(1));
    await rig.until(isAnswered, 3000);
    expect(code).toBe('OK');
  });

  test.each(STRANGERS)('a token beside %s gets the command, whichever came first', async (_what, options) => {
    await online();
    bring(options);
    await ask(20_000);
    await rig.until(shows(TOLD_DESK), 1000);
    rig.present(createToken(1));
    await rig.until(isAnswered, 3000);
    expect(code).toBe('OK');
    rig.present(null);
    await pause(1000);
    rig.present(createToken(1));
    await ask(20_000);
    await rig.until(isAnswered, 3000);
    expect(code).toBe('OK');
  });

  test.each(STRANGERS)('with %s alone the command ends in its time', async (_what, options) => {
    await online();
    bring(options);
    const startMs = rig.scheduler.nowMs();
    await ask(3000);
    await rig.until(isAnswered, 6000);
    expect(code).toBe('NO_TOKEN');
    expect(rig.scheduler.nowMs() - startMs).toBeLessThan(5000);
    expect(rig.board.screen()[0]).toBe('READY');
  });
});
