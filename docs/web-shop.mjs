/**
 * The smallest web shop: one thing to buy, paid over a line (wallet.md). Beside it runs `tapcash bridge --wallets`.
 *
 *     node docs/web-shop.mjs FOLDER [PORT]      FOLDER as in tapcash bridge --data FOLDER
 *
 * What a shop does is two calls: `tapcash charge AMOUNT --json` opens a charge and prints the link that pays it, and
 * POST /v2/line/charges at the line says how it goes. Goods go out at `paid`, and at nothing before. An order keeps its
 * charge: asking twice must not charge twice. This one forgets its orders when it ends; yours has a database.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

const PRICE = '3.50';
const [folder, port = '0'] = process.argv.slice(2);
const tapcash = process.env.TAPCASH ?? 'tapcash';
const run = promisify(execFile);

/** Opens a charge. @returns the link that pays it */
async function charge() {
  const { stdout } = await run(tapcash, ['charge', PRICE, '--json', '--data', folder]);
  return JSON.parse(stdout).pay;
}

/** open, accepted, paid or cancelled. */
async function stateOf(link) {
  const [, line, id] = /^(.+)\/pay\/([0-9a-f]{16})$/.exec(link);
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(`${line}/v2/line/charges`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ charge: id }),
  });
  return (await reply.json()).state;
}

/** Links of charges, by the order's number. */
const orders = [];

const server = createServer(async (request, response) => {
  const answer = (status, body, headers = {}) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body);
  try {
    const order = /^\/orders\/(\d{1,6})$/.exec(request.url)?.[1];
    const link = orders[Number(order)];
    if (request.method === 'POST' && request.url === '/orders') {
      orders.push(await charge());
      answer(303, '', { location: `/orders/${orders.length - 1}` });
    } else if (request.url === '/')
      answer(200, `<form method="post" action="/orders"><button>Coffee, ${PRICE}</button></form>`);
    else if (order === undefined || link === undefined) answer(404, 'No such order.');
    else if ((await stateOf(link)) === 'paid') answer(200, 'Paid. Here is your coffee.');
    else answer(200, `<meta http-equiv="refresh" content="2"><a href="${link}" target="_blank">Pay ${PRICE}</a>`);
  } catch (thrown) {
    answer(502, 'The shop cannot take payments now.');
    console.error(thrown);
  }
});

server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
