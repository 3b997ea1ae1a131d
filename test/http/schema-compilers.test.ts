/** A schema is compiled once in a process, whatever number of servers has it. */
import Fastify from 'fastify';
import { sharedCompilers } from '../../host-bridge/http/schema-compilers.js';

const SCHEMA = {
  body: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer' } } },
  response: { 200: { type: 'object', properties: { amount: { type: 'integer' } } } },
};

type Compilers = (external: unknown, options: unknown) => (route: object) => unknown;

/** As `compilers`, and tells what they gave. */
function watched(compilers: unknown, found: Set<unknown>): never {
  const watching: Compilers = (external, options) => {
    const compile = (compilers as Compilers)(external, options);
    return (route) => {
      const compiled = compile(route);
      found.add(compiled);
      return compiled;
    };
  };
  return watching as never;
}

test('three servers of one schema share its check and its writer', async () => {
  const checks = new Set<unknown>();
  const writers = new Set<unknown>();
  const compilersFactory = {
    buildValidator: watched(sharedCompilers.buildValidator, checks),
    buildSerializer: watched(sharedCompilers.buildSerializer, writers),
  };
  for (const amount of [1, 2, 3]) {
    const http = Fastify({ schemaController: { compilersFactory } });
    http.post('/', { schema: SCHEMA }, (request) => request.body);
    const good = await http.inject({ method: 'POST', url: '/', payload: { amount } });
    expect(good.json()).toEqual({ amount });
    expect((await http.inject({ method: 'POST', url: '/', payload: { amount: 'much' } })).statusCode).toBe(400);
    await http.close();
  }
  expect([checks.size, writers.size]).toEqual([1, 1]);
});
