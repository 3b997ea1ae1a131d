/**
 * What turns the schemas of our endpoints into functions that check requests and write replies: once for each schema
 * in this process, whatever number of servers is built of it. Fastify has a compiler for each server, and compiling
 * takes most of the time in which a house's service starts.
 *
 * The compilers are Fastify's own. None of ours keeps anything of a request, so servers can share what was compiled.
 */
import validatorSelector from '@fastify/ajv-compiler';
import serializerSelector from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';

type Factory = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;
type BuildSerializer = NonNullable<Factory['buildSerializer']>;
type Serialize = ReturnType<ReturnType<BuildSerializer>>;

const buildSerializer = (serializerSelector as unknown as () => BuildSerializer)();
/** By the schema's identity: schemas are constants of their modules. */
const serializers = new WeakMap<object, Serialize>();

/** For `schemaController.compilersFactory` of every server; none of them has schemas that others refer to. */
export const sharedCompilers: Factory = {
  // It keeps one compiler for servers with the same options, and that one keeps what it compiled by the schema. Names
  // of headers stand in our schemas in small letters, as Node has them: for compilers of ours Fastify makes none.
  buildValidator: (validatorSelector as unknown as () => NonNullable<Factory['buildValidator']>)(),
  buildSerializer(externalSchemas, options) {
    const compile = buildSerializer(externalSchemas, options);
    return (route) => {
      const schema = route.schema as object;
      const serialize = serializers.get(schema) ?? compile(route);
      serializers.set(schema, serialize);
      return serialize;
    };
  },
};
