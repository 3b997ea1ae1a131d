/** Both sides of the money as boards and houses have it, for the bench's page. */
import { conservationOf } from '../ledger/rules-bank.js';
import { must } from '../rig/must.js';
import { ownerOf } from '../rig/people.js';
import type { Token, WholeShop } from '../rig/whole-shop.js';
import type { StateEvent } from '../web/bench/bench-events.js';
import { readTokenMemory } from './token-memory.js';

/** Newest payments that are told. */
const LINES_MAX = 8;

/** @param at the token that lies on the reader */
export async function readBooks(
  rig: WholeShop,
  { tokens, at, online }: { tokens: Token[]; at: Token | null; online: boolean },
): Promise<StateEvent> {
  const [shop] = rig.shops;
  const { numbers } = must('numbers', await rig.accounts.numbers());
  const atIssuer = rig.bank ? must('numbers', await rig.office.numbers()).numbers : null;
  const { payments } = must('payments', await rig.accounts.payments({ limit: LINES_MAX }));
  const { overspends } = must('overspends', await rig.office.overspends());
  const { charge, outbox, terminal } = await shop.bridge.status();
  const sides: StateEvent['tokens'] = {};
  for (const token of tokens) sides[token.name] = { ...(await sidesOf(rig, token)), at: token === at };
  return {
    type: 'state',
    tokens: sides,
    charge: charge && { id: charge.id, amount: charge.amount, state: charge.state, code: charge.code },
    undelivered: outbox.pending + (terminal?.historiesPending ?? 0),
    online,
    shopAccount: must('ABC', await rig.accounts.balanceOf(shop.name)).balance,
    ledger: payments.map(({ amount, pku }) => ({ amount, token: ownerOf(rig.tokens, pku) })),
    conservation: conservationOf(numbers, atIssuer),
    overspends: overspends.map(({ pku, ebc }) => ({ name: ownerOf(rig.tokens, pku), ebc })),
  };
}

/** What the token's own flash says, and what the issuer has. */
async function sidesOf(
  rig: WholeShop,
  { device, pkus: [pku] }: Token,
): Promise<Omit<StateEvent['tokens'][string], 'at'>> {
  const memory = device.flash ? readTokenMemory(device.flash.image(), rig.maker.config.flash) : null;
  const counter = pku ? await rig.office.counterOf(pku) : null;
  return {
    balance: memory?.balance ?? 0,
    debits: memory?.debits.slice(0, LINES_MAX) ?? [],
    ebc: counter?.ok ? counter.ebc : null,
  };
}
