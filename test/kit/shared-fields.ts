/** The graph that is dear to plan, with subgraphs that answer. */
import { sharedFieldsContracts, sharedFieldsQuery } from '../../ops/bench/shared-fields.js';
import type { MiniDefinition } from './mini-subgraphs.js';

export { sharedFieldsQuery };

/** @param count fields of the root that lead to a shared field; `f3` has the value 3. */
export function sharedFieldsGraph(count: number): readonly MiniDefinition[] {
  const names = Array.from({ length: count }, (_, index) => `f${index}`);
  return sharedFieldsContracts(count, ['auth', 'constitutional-ai', 'policy-governance']).map(({ name, sdl }) => ({
    name, sdl,
    resolvers: name === 'auth'
      ? { Query: { word: () => 'yes', ...Object.fromEntries(names.map((field, index) => [field, () => ({ id: String(index) })])) } }
      : { Shared: { __resolveReference: ({ id }: { id: string }) => ({ id, value: Number(id) }) } },
  }));
}
