/** A schema is compiled once in a process, whatever number of servers has it. */
import Fastify, { type FastifyServerOptions } from 'fastify';
import { sharedCompilers } from '../../host-bridge/http/schema-compilers.js';

const SCHEMA = {
  body: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer' } } },
  response: { 200: { type: 'object', properties: { amount: { type: 'integer' } } } },
};

type Factory = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;
type Route = Parameters<ReturnType<NonNullable<Factory['buildValidator']>>>[0];

/** @returns what each server's compilers gave for the schema's body and reply */
async function compiledBy(servers: number): Promise<{ checks: Set<unknown>; writers: Set<unknown> }> {
  const found = { checks: new Set<unknown>(), writers: new Set<unknown>() };
  for (let server = 0; server < servers; server++) {
    const http = Fastify({
      schemaController: {
        compilersFactory: {
          buildValidator(external, options) {
            const compile = sharedCompilers.buildValidator!(external, options);
            return (route: Route) => {
              const check = compile(route);
              found.checks.add(check);
              return check;
            };
          },
          buildSerializer(external, options) {
            const compile = sharedCompilers.buildSerializer!(external, options);
            return (route) => {
              const write = compile(route);
              found.writers.add(write);
              return write;
            };
          },
        },
      },
    });
    http.post('/', { schema: SCHEMA }, (request) => request.body);
    const good = await http.inject({ method: 'POST', url: '/', payload: { amount: server } });
    expect(good.json()).toEqual({ amount: server });
    const bad = await http.inject({ method: 'POST', url: '/', payload: { amount: 'much' } });
    expect(bad.statusCode).toBe(400);
    await http.close();
  }
  return found;
}

test('three servers of one schema share its check and its writer', async () => {
  const { checks, writers } = await compiledBy(3);
  expect([checks.size, writers.size]).toEqual([1, 1]);
});
