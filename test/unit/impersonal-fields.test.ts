/** A field that is marked as the same for everyone cannot find out who asks. */
import { describe, expect, test } from '@jest/globals';
import { parse, subscribe, execute, type ExecutionResult } from 'graphql';
import type { HopClaims, PrincipalClaims } from '../../ops/runtime/hop-token.js';
import { SubgraphContext } from '../../subgraphs/kernel/context.js';
import { buildGuardedSchema } from '../../subgraphs/kernel/run-subgraph.js';

const SDL = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@composeDirective", "@requiresScopes"])
    @link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@impersonal"])
    @composeDirective(name: "@impersonal")
  directive @impersonal(subgraph: String!) repeatable on OBJECT | INTERFACE | FIELD_DEFINITION
  directive @cacheControl(maxAge: Int!, scope: String! = "PUBLIC") on FIELD_DEFINITION
  scalar DateTime  scalar Cursor  scalar JSON  scalar ConstitutionalHash
  type Query { note: Note  mine: String  letter: Letter }
  type Subscription { marked: Message! @impersonal(subgraph: "notes")  own: Message! }
  type Message { text: String }
  type Note @key(fields: "id") @impersonal(subgraph: "notes") {
    id: ID!  plain: String  loaded: String  reader: String  scoped: String @requiresScopes(scopes: [["note:read"]])  asked: String
  }
  interface Signed @impersonal(subgraph: "notes") { signer: String }
  interface Sealed { sealer: String @impersonal(subgraph: "notes") }
  type Letter implements Signed & Sealed { signer: String  sealer: String  own: String }
  type Draft @key(fields: "id") {
    id: ID!  marked: String @impersonal(subgraph: "notes")  own: String
    kept: String @cacheControl(maxAge: 1)  keptOne: String @cacheControl(maxAge: 1, scope: "PRIVATE")
  }
`;
const PRINCIPAL: PrincipalClaims = { id: 'ann', kind: 'HUMAN', roles: [], scopes: ['note:read'], policies: [] };
const CLAIMS: HopClaims = { principal: PRINCIPAL, credentialId: 'session', revocationEpoch: 0, constitutionalHash: 'x', hashPresented: true, requestId: 'request-1', deadline: null };

const reader = (_parent: unknown, _args: unknown, context: SubgraphContext): string => context.principal?.id ?? 'nobody';
async function* messages(text: string): AsyncGenerator {
  yield { marked: { text }, own: { text } };
}
const stream = { subscribe: (_parent: unknown, _args: unknown, context: SubgraphContext): AsyncGenerator => messages(context.requirePrincipal().id) };
const SCHEMA = buildGuardedSchema(SDL, {
  Query: { note: () => ({ id: '1', plain: 'text' }), mine: reader, letter: () => ({}) },
  Subscription: { marked: stream, own: stream },
  Note: {
    __resolveReference: ({ id }: { id: string }, context: SubgraphContext) => ({ id, plain: context.requestId }),
    loaded: (_parent: unknown, _args: unknown, context: SubgraphContext) => context.loader('notes', async (keys: readonly string[]) => new Map(keys.map((key) => [key, `loaded ${key}`]))).load('1'),
    reader, scoped: () => 'secret', asked: (_parent: unknown, _args: unknown, context: SubgraphContext) => context.hop.credentialId,
  },
  Letter: { signer: reader, sealer: reader, own: reader },
  Draft: {
    __resolveReference: ({ id }: { id: string }, context: SubgraphContext) => ({ id: `${id} of ${context.requirePrincipal().id}` }),
    marked: reader, own: reader, kept: reader, keptOne: reader,
  },
});
const run = async (query: string, claims = CLAIMS): Promise<ExecutionResult> => execute({ schema: SCHEMA, document: parse(query), contextValue: new SubgraphContext(claims) });

describe('a marked field', () => {
  test('that reads properties, loaders or the request id answers', async () => {
    expect(await run('{ note { plain loaded scoped } }')).toEqual({ data: { note: { plain: 'text', loaded: 'loaded 1', scoped: 'secret' } } });
    expect(await run('{ _entities(representations: [{ __typename: "Note", id: "2" }]) { ... on Note { id plain } } }')).toEqual({ data: { _entities: [{ id: '2', plain: 'request-1' }] } });
  });

  test.each([
    ['the principal', '{ note { reader } }'],
    ['the credential', '{ note { asked } }'],
    ['the principal, marked by its interface', '{ letter { signer } }'],
    ['the principal, marked on the field of its interface', '{ letter { sealer } }'],
  ])('fails when it reads %s', async (_what, query) => {
    const { errors } = await run(query);
    expect(errors?.map(({ message }) => message)).toEqual([expect.stringMatching(/marked as the same for everyone .* reads who asks/)]);
  });

  test('is still refused to who lacks its scope', async () => {
    const { data, errors } = await run('{ note { plain scoped } }', { ...CLAIMS, principal: { ...PRINCIPAL, scopes: [] } });
    expect(data).toEqual({ note: { plain: 'text', scoped: null } });
    expect(errors).toHaveLength(1);
  });
});

test('a reference to an entity with a marked field is resolved without the principal', async () => {
  const { errors } = await run('{ _entities(representations: [{ __typename: "Draft", id: "2" }]) { ... on Draft { marked } } }');
  expect(errors?.[0]?.message).toContain('reads who asks');
});

test('a marked stream is opened without the principal, others with it', async () => {
  const open = async (query: string): Promise<ExecutionResult | AsyncGenerator<ExecutionResult>> => subscribe({ schema: SCHEMA, document: parse(query), contextValue: new SubgraphContext(CLAIMS) });
  expect(await open('subscription { marked { text } }')).toEqual({ errors: [expect.objectContaining({ message: expect.stringContaining('reads who asks') })] });
  const own = await open('subscription { own { text } }') as AsyncGenerator<ExecutionResult>;
  expect((await own.next()).value).toEqual({ data: { own: { text: 'ann' } } });
});

test('fields without a mark read the principal, private hints of the cache too; public ones do not', async () => {
  expect(await run('{ mine }')).toEqual({ data: { mine: 'ann' } });
  const draft = SCHEMA.getType('Draft');
  if (draft === undefined || !('getFields' in draft)) throw new Error('There is no Draft.');
  const answer = (field: string): unknown => (draft.getFields()[field] as { resolve: (...args: unknown[]) => unknown }).resolve({}, {}, new SubgraphContext(CLAIMS), undefined);
  expect([answer('own'), answer('keptOne')]).toEqual(['ann', 'ann']);
  expect(() => answer('marked')).toThrow('reads who asks');
  expect(() => answer('kept')).toThrow('reads who asks');
});
