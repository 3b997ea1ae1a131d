/**
 * 20,000 denied pseudonyms from the issuer's books through the bridge to a terminal, which refuses a token that is one
 * of them; then differences, and a terminal whose list is another one.
 */
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { codeOf, type Code } from '../../firmware/core/codes.js';
import { createNoticePush, type NoticePush } from '../../host-bridge/bridge/notice-push.js';
import { fixedLine } from '../../host-bridge/base/keys/key-line.js';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createDenyLists } from '../../host-bridge/houses/issuer/deny-list.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import type { EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { emulatedBoards } from '../../host-bridge/rig/nfc-boards.js';
import { createRandom } from '../../host-bridge/rig/random.js';
import { createTapRig, type TapRig, type Token } from '../../host-bridge/rig/tap-rig.js';
import { silentLog } from '../../host-bridge/base/log.js';

const SEED = 11;
const COUNT = 20_000;
const START_S = 1_800_000_000;
const scheduler = createVirtualScheduler();
/** The rig's issuer. */
const signer = createSigner(createRandom(SEED, 'bench')(32));
const store = openIssuerStore(':memory:', {
  issuerKey: signer.publicKey,
  registrarKey: signer.publicKey,
  currency: 'EUR',
  scheme: 1,
  bankKey: null,
});
const lists = createDenyLists(store, signer, issuerIdOf(signer.publicKey), 3600);

let rig: TapRig;
let alice: Token;
let bob: Token;
let brought: Uint8Array[] = [];
let answers: Code[] = [];
let notices: NoticePush;

const pkuOf = (n: number): Uint8Array => createRandom(n, 'denied')(32);

beforeAll(async () => {
  rig = await createTapRig({ scheduler, maker: emulatedBoards(scheduler), seed: SEED });
  expect(await rig.connected()).toBe(true);
  alice = await rig.addToken('Alice', 1000);
  bob = await rig.addToken('Bob', 1000);
  notices = createNoticePush({
    issuer: {
      signedTime: () => ({ ok: false, code: 'SERVICE_DOWN', message: '' }) as never,
      denyList: (from) => ({ ok: true, ...lists.messages(from, START_S) }),
      terminalNotice: () => ({ ok: true, notice: null }),
    },
    terminal: {
      up: () => true,
      time: async () => 'OK',
      retired: async () => 'OK',
      async denyList(bytes) {
        brought.push(bytes);
        const { code } = await rig.answered(rig.ask(KIND.denyList, bytes));
        answers.push(code!);
        return code!;
      },
    },
    issuerLine: fixedLine(signer.publicKey),
    learn: async () => undefined,
    scheduler,
    log: silentLog(),
    denyPollMs: 1e9,
  });
  store.transaction(() => {
    for (let n = 0; n < COUNT - 1; n++)
      store.putDenial({ pku: pkuOf(n), untilS: null, why: 'test', sinceS: START_S - 1 });
  });
});

afterAll(() => {
  notices?.stop();
  rig?.close();
  store.close();
});

/** Looks for a newer list now; the messages that the terminal got. */
async function push(): Promise<number> {
  brought = [];
  answers = [];
  await notices.pushDenyList();
  return brought.length;
}

/** What the terminal says of a tap for the open charge. */
async function tap(token: Token): Promise<string[]> {
  const before = rig.reports.length;
  token.presence.hold(rig.field);
  await rig.until(() => rig.reports.length > before, 20_000);
  token.presence.leave();
  await rig.rest(500);
  return rig.reports.slice(before).map((report) => codeOf(report.code));
}

test('20,000 in 25 messages; a token that is denied then comes in one, and is refused', async () => {
  expect(await push()).toBe(25);
  expect(new Set(answers)).toEqual(new Set(['OK']));
  await rig.charge(1);
  expect(await tap(bob)).toContain('OK');
  lists.deny([bob.pku], null, 'lost', START_S);
  expect(lists.count(START_S)).toBe(COUNT);
  expect(lists.listsAll([bob.pku, pkuOf(7)], START_S)).toBe(true);
  expect(await push()).toBe(1);
  expect(brought[0].length).toBe(64 + 60 + 4);
  await rig.charge(1);
  expect(await tap(bob)).toContain('DENIED');
  expect(await tap(alice)).toContain('OK');
});

test('after a start it still refuses; a terminal that lost its pages gets the whole list', async () => {
  rig.terminalDevice.board.reset();
  await rig.rest(5000);
  expect(await rig.connected()).toBe(true);
  expect(await push()).toBe(0);
  await rig.charge(1);
  expect(await tap(bob)).toContain('DENIED');
  expect(await tap(alice)).toContain('OK');
  const { reserved } = rig.terminalDevice.board as EmulatedBoard;
  for (let page = 1; page < 81; page++) reserved.flash().erasePage(0x320000 + page * 4096);
  rig.terminalDevice.board.reset();
  await rig.rest(5000);
  expect(await rig.connected()).toBe(true);
  // The bridge does not know yet.
  lists.deny([pkuOf(COUNT)], null, 'lost', START_S);
  expect([await push(), answers[0]]).toEqual([1 + 26, 'LIST_MISMATCH']);
  await rig.charge(1);
  expect(await tap(bob)).toContain('DENIED');
  expect(await tap(alice)).toContain('OK');
});
