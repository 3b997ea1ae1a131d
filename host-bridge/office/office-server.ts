/**
 * The office's page on 127.0.0.1: its files, what the houses say as Server-Sent Events, and an operator's acts.
 *
 * The address that is printed ends with a random token after "#", which no browser sends on: the page itself reads it,
 * and shows it with each request. The operator's key stays here; the page has acts by name, never a signature. Left
 * out: other computers, and TLS.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Type, type Static, type TSchema } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { LinkageOptions } from '../audit/linkage.js';
import { bodyOfThrown, ERRORS, failure, isFailure } from '../base/errors.js';
import { silentLog } from '../base/log.js';
import { packageRoot } from '../base/package-root.js';
import { LISTED_MAX, PAYMENTS_MAX } from '../base/payment-query.js';
import { openEventStream } from '../http/event-stream.js';
import { createHttpServer, listen, sendAnswer } from '../http/http-server.js';
import { refuseStrangers, servePages } from '../http/page-files.js';
import {
  OFFICE_VERBS,
  type AuditState,
  type Broken,
  type OfficeAct,
  type OfficeState,
  type OpenAct,
  type PartyLinks,
} from '../web/office/office-state.js';
import { readBooks } from './books.js';
import type { OfficeHouses } from './office-houses.js';
import { terminalsIn } from './terminals.js';

/** What the page's acts come to: the command line's own (commands/office-serve.ts). */
export interface OfficeActs {
  /** @param id 32 hexadecimal digits, from before the first try @throws TapcashError of a refusal */
  do(verb: OfficeAct, values: string[], id: string): Promise<object>;
  /** Those without an answer, oldest first. */
  open(): OpenAct[];
  /** The same act again, under its id. */
  finish(id: string): Promise<object>;
  /** It is over without an answer: somebody says so. @throws TapcashError NOT_FOUND */
  forget(id: string, why: string): void;
}

export interface OfficeOptions {
  houses: OfficeHouses;
  acts: OfficeActs;
  /** The houses' databases. @throws TapcashError FILE_MISSING: they lie on another machine */
  databases(): LinkageOptions;
  /** Bridges that run with it are asked for their terminals. */
  dataDir: string;
  /** Default 0: any free port. */
  port?: number;
}

/** The page, open. */
export interface OfficePage {
  /** With its token. */
  url: string;
  close(): Promise<void>;
}

/** How often the houses are asked while a page looks. */
const LOOK_MS = 3000;
const UNREAD_BYTES_MAX = 1024 * 1024;
/** Longest that an act may wait for its house. */
const HELD_MS = 60_000;

const object = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
const Nothing = object({});
const Text = Type.String({ maxLength: 8192 });
const Id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const Seconds = Type.Optional(Type.Integer({ minimum: 0 }));
const Place = Type.Integer({ minimum: 0 });
const Listed = Type.Integer({ minimum: 1, maximum: LISTED_MAX });

/** Opens it. @throws TapcashError NOT_FOUND: nobody has built the page; PORT_IN_USE */
export async function openOfficePage(options: OfficeOptions): Promise<OfficePage> {
  const token = randomBytes(32).toString('hex');
  const app = createHttpServer({ log: silentLog(), token, heldMs: HELD_MS, cutsAtClose: true });
  refuseStrangers(app);
  servePages(app, join(packageRoot(), 'dist', 'web', 'office'));
  const told = createTold(options);
  const books = createBooks(options, told.look);
  told.from(() => books.audit);
  addActs(app, options, { told, books });
  addLooks(app, options, { told, books });
  app.get('/events', (_request, reply) => told.listen(reply as FastifyReply));
  const url = `http://127.0.0.1:${await listen(app, '127.0.0.1', options.port ?? 0)}/#${token}`;
  return {
    url,
    async close() {
      told.end();
      await books.end();
      await app.close();
    },
  };
}

/** Tells pages the state, whenever it is another. */
function createTold({ houses, acts }: OfficeOptions) {
  const pages = new Set<(states: OfficeState[]) => void>();
  let audit: () => AuditState | null = () => null;
  let said: Awaited<ReturnType<OfficeHouses['state']>> | null = null;
  let last = '';
  let timer: NodeJS.Timeout | null = null;
  let isAsking = false;
  /** Something was done since the houses were asked. */
  let isWanted = false;

  const state = (): OfficeState => ({ ...said!, openActs: acts.open(), audit: audit() });
  function tell(): void {
    if (!said) return;
    const now = state();
    const text = JSON.stringify(now);
    if (text === last) return;
    last = text;
    for (const page of pages) page([now]);
  }
  function again(): void {
    if (timer) clearTimeout(timer);
    timer = pages.size > 0 ? setTimeout(ask, LOOK_MS) : null;
  }
  /** Asks the houses; once, however often it is wanted meanwhile. */
  function ask(): void {
    isWanted = true;
    if (isAsking) return;
    isAsking = true;
    isWanted = false;
    houses
      .state()
      .then((found) => (said = found))
      .then(tell)
      // A house that does not answer is no failure, but a part of the state.
      .catch(() => undefined)
      .finally(() => {
        isAsking = false;
        if (isWanted) ask();
        else again();
      });
  }
  return {
    from: (given: typeof audit) => void (audit = given),
    /** Something of ours has changed. */
    look: tell,
    /** An act was done: the houses' sums are others. */
    ask,
    listen(reply: FastifyReply) {
      const send = openEventStream(reply, {
        unreadBytesMax: UNREAD_BYTES_MAX,
        onClose() {
          pages.delete(send);
          if (pages.size === 0 && timer) clearTimeout(timer);
        },
      });
      if (said) send([state()]);
      pages.add(send);
      ask();
    },
    end() {
      pages.clear();
      if (timer) clearTimeout(timer);
    },
  };
}

/** The audit that runs, or ran last; and who can link what. */
function createBooks({ databases }: OfficeOptions, onChange: () => void) {
  let audit: AuditState | null = null;
  let broken: Broken[] = [];
  const working = new Set<{ end(): Promise<unknown> }>();
  return {
    get audit() {
      return audit;
    },
    broken: (from: number, limit: number) => ({ rows: broken.slice(from, from + limit), total: broken.length }),
    /** Begins one, unless one runs. */
    begin() {
      if (audit?.isRunning) return;
      const now: AuditState = (audit = { isRunning: true, rows: [], result: null, said: null });
      broken = [];
      const work = readBooks('audit', databases(), (message) => {
        if ('table' in message) now.rows.push([message.table, message.rows]);
        else {
          working.delete(work);
          now.isRunning = false;
          if ('said' in message) now.said = message.said;
          if ('report' in message) {
            const { ok, held, rows, lines, broken: found, in: put } = message.report;
            broken = found;
            now.rows = Object.entries(rows);
            const notes = lines.map(({ database, cause }) => `${database}: ${cause}`);
            now.result = { ok, in: put, held, broken: found.length, notes };
          }
        }
        onChange();
      });
      working.add(work);
      onChange();
    },
    linkage: () =>
      new Promise<PartyLinks[]>((resolve, reject) => {
        const work = readBooks('linkage', databases(), (message) => {
          working.delete(work);
          if ('parties' in message) resolve(message.parties);
          else if ('said' in message) reject(failure(message.said.code));
        });
        working.add(work);
      }),
    end: () => Promise.all([...working].map((work) => work.end())),
  };
}

interface Parts {
  told: ReturnType<typeof createTold>;
  books: ReturnType<typeof createBooks>;
}

/** Adds addresses of what only looks. */
function lookRoutes(app: FastifyInstance) {
  return <Body extends TSchema>(path: string, body: Body, run: (body: Static<Body>) => unknown): void => {
    app.post(path, { schema: { body } }, async (request) => ({
      ...((await run(request.body as Static<Body>)) as object),
    }));
  };
}

function addActs(app: FastifyInstance, { acts }: OfficeOptions, { told }: Parts): void {
  /** An act, and whether it is kept without an answer: then its id is used again. */
  function act<Body extends TSchema>(
    path: string,
    body: Body,
    run: (body: Static<Body>) => Promise<object>,
    idOf: (body: Static<Body>) => string,
  ): void {
    app.post(path, { schema: { body } }, async (request, reply) => {
      const given = request.body as Static<Body>;
      try {
        return await run(given);
      } catch (thrown) {
        if (!isFailure(thrown)) throw thrown;
        const isKept = acts.open().some(({ id }) => id === idOf(given));
        const status = ERRORS[thrown.code].http;
        return sendAnswer(reply as FastifyReply, { status, body: { ...bodyOfThrown(thrown), isKept } as never });
      } finally {
        told.ask();
      }
    });
  }
  const Verb = Type.Union(OFFICE_VERBS.map((verb) => Type.Literal(verb)));
  const Act = object({ verb: Verb, values: Type.Array(Text, { maxItems: 4 }), id: Id });
  act(
    '/act',
    Act,
    ({ verb, values, id }) => acts.do(verb, values, id),
    ({ id }) => id,
  );
  act(
    '/finish',
    object({ id: Id }),
    ({ id }) => acts.finish(id),
    ({ id }) => id,
  );
  lookRoutes(app)('/forget', object({ id: Id, why: Type.String({ minLength: 1, maxLength: 200 }) }), ({ id, why }) => {
    acts.forget(id, why);
    told.look();
  });
}

function addLooks(app: FastifyInstance, { houses, dataDir }: OfficeOptions, { books }: Parts): void {
  const ask = lookRoutes(app);
  ask('/today', Nothing, () => houses.today(Date.now() / 1000));
  ask('/accounts', object({ limit: Listed, after: Text }), ({ limit, after }) => houses.held(limit, after));
  const Payments = object({
    limit: Type.Integer({ minimum: 1, maximum: PAYMENTS_MAX }),
    before: Type.Optional(Text),
    shop: Type.Optional(Text),
    ...{ sinceS: Seconds, untilS: Seconds },
  });
  ask('/payments', Payments, (query) => houses.payments(query));
  ask('/overspends', object({ from: Place, limit: Listed }), async ({ from, limit }) => {
    const all = await houses.overspends();
    return { rows: all.slice(from, from + limit), total: all.length };
  });
  ask('/terminals', Nothing, async () => ({
    terminals: await terminalsIn(dataDir),
    denyVersion: await houses.denyVersion(),
  }));
  ask('/denied', object({ from: Place, limit: Listed, begin: Text }), async ({ from, limit, begin }) => {
    const { version, prefixes } = await houses.denied();
    // A pseudonym is looked for by its first 4 bytes: a list holds no more of it.
    const found = prefixes.filter((prefix) => prefix.startsWith(begin.slice(0, 8)));
    return { version, rows: found.slice(from, from + limit), total: found.length };
  });
  ask('/keys', Nothing, async () => ({ keys: await houses.keys() }));
  ask('/audit', Nothing, () => books.begin());
  ask('/broken', object({ from: Place, limit: Listed }), ({ from, limit }) => books.broken(from, limit));
  ask('/linkage', Nothing, async () => ({ parties: await books.linkage() }));
}
