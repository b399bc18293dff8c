/** The client schema has no @defer or @stream, so that an operation with one is refused with a clear error instead of answered without. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const graph = ruleGraph({ one: `${federation('2.9', '@key')} type Query { thing: Thing  things: [Thing] } type Thing @key(fields: "id") { id: ID! }` }, { query: { thing: null, things: [] } });

test('@defer is unknown', async () => {
  await expect(ask(graph, '{ thing { ... @defer { id } } }')).rejects.toThrow('Unknown directive "@defer"');
});

test('@stream is unknown', async () => {
  await expect(ask(graph, '{ things @stream { id } }')).rejects.toThrow('Unknown directive "@stream"');
});

test('introspection does not offer them', async () => {
  const { data } = await ask(graph, '{ __schema { directives { name } } }');
  const names = (data as { __schema: { directives: { name: string }[] } }).__schema.directives.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['skip', 'include']));
  expect(names).not.toEqual(expect.arrayContaining(['defer']));
});
