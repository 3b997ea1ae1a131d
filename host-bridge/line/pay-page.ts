/**
 * The page behind the link of a charge, for whoever opens it in a browser: shop, amount, how it goes, and what to give
 * to a wallet. It runs no script, loads nothing, and looks anew by itself until the charge has ended.
 */
import { createHash } from 'node:crypto';
import { moneyText } from '../base/money.js';
import type { LineCharge } from './line-terminal.js';

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em}' +
  'strong{font-size:2em}code{display:block;padding:1em;overflow-wrap:anywhere;border:1px solid}';

/** Nothing but this style; nobody frames it. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const LOOK_AGAIN_S = 2;

const STATES: Record<LineCharge['state'], string> = {
  open: 'Not paid yet.',
  accepted: 'Signed; the shop checks the signature.',
  paid: 'Paid.',
  cancelled: 'Cancelled: it cannot be paid any more.',
};

const escaped = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/** The page. @param link of the charge, as a wallet takes it */
export function payPage({ shop, currency, amount, state }: LineCharge, link: string): string {
  const isOver = state === 'paid' || state === 'cancelled';
  const how = isOver ? '' : `<p>Pay it with your wallet:<code>tapcash wallet pay ${escaped(link)}</code></p>`;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    isOver ? '' : `<meta http-equiv="refresh" content="${LOOK_AGAIN_S}">`,
    `<title>Pay ${escaped(shop)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escaped(shop)}</h1><p><strong>${escaped(moneyText(amount, currency))}</strong></p>`,
    `<p role="status">${STATES[state]}</p>${how}</body></html>\n`,
  ].join('');
}
