/**
 * Serves pages that were built: a closed list of files, read once, compressed once.
 *
 * Nothing of a request ever becomes a path, so no address can reach another file. The pages' own policy lets them load
 * and call what comes from here alone, and run and style nothing that stands inside a page.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure, refusal } from '../base/errors.js';
import { answerRefusal, sendAnswer } from './http-server.js';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json; charset=utf-8',
};

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

interface PageFile {
  address: string;
  type: string;
  plain: Buffer;
  gzip: Buffer;
  /** Its name has the hash of what is in it. */
  isLasting: boolean;
}

/** The files below a folder. @throws TapcashError NOT_FOUND: nobody has built it */
function readFiles(folder: string): PageFile[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => TYPES[extname(name)] !== undefined)
      .map((name) => {
        const plain = readFileSync(join(folder, name));
        const address = `/${name.split('\\').join('/')}`;
        const isLasting = address.startsWith('/assets/');
        return { address, type: TYPES[extname(name)], plain, gzip: gzipSync(plain, { level: 9 }), isLasting };
      });
  } catch (thrown) {
    throw failure('NOT_FOUND', `${folder}: run npm run build`, thrown);
  }
}

/** Adds the addresses of a page's files; its index.html is "/". @param folder as Vite has built it */
export function servePages(app: FastifyInstance, folder: string): void {
  for (const file of readFiles(folder)) {
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const isPacked = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      reply.headers({
        ...HEADERS,
        'content-type': file.type,
        'cache-control': file.isLasting ? 'public, max-age=31536000, immutable' : 'no-cache',
        vary: 'accept-encoding',
        ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      });
      return reply.send(isPacked ? file.gzip : file.plain);
    };
    app.get(file.address === '/index.html' ? '/' : file.address, { config: { isOpen: true } }, handler);
  }
}

/**
 * Refuses who came by another name than the loopback's, or from another page: a name that was pointed here, or a page
 * elsewhere that makes a browser call.
 */
export function refuseStrangers(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { host = '', origin } = request.headers;
    const isLoopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
    if (isLoopback && (origin === undefined || origin === `http://${host}`)) return undefined;
    return sendAnswer(reply, answerRefusal(refusal('CONTROL_DENIED')));
  });
}
