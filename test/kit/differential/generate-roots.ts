/** Root fields of generated graphs: queries in several subgraphs, some shared, and mutations whose order shows. */
import type { ArgumentDraft } from './generate-draft.js';
import type { FieldPlan, GraphDraft, TypePlan } from './generate-parts.js';

export function addRoots(graph: GraphDraft): void {
  const { random } = graph;
  const query = graph.plan('Query', false);
  for (const draft of graph.drafts) {
    draft.type(draft.isFederation1 ? 'extend type' : 'type', 'Query');
    const add = (type: string, holds: readonly string[], args: readonly ArgumentDraft[] = [], computed = false): void => {
      const field: FieldPlan = { name: graph.name(`q_${draft.name}_`), type, args, computed, holds, key: false };
      graph.declare(draft, type);
      graph.declareArguments(draft, args);
      query.fields.set(field.name, field);
      draft.field('Query', field);
    };
    add('String', [], graph.args(), true);
    for (const { plan } of random.some(graph.entities.filter(({ allowed }) => allowed.includes(draft)), 1, 2)) add(graph.wrap(plan.name, 0.1), [plan.name]);
    for (const value of random.some(graph.values, 0, 1)) add(graph.wrap(value.name, 0.1), [value.name]);
    const abstract = graph.abstractIn(draft);
    if (abstract !== undefined) add(graph.wrap(abstract.name, 0.1), abstract.holds);
  }
  if (random.chance(0.3)) addWayBack(graph);
  if (random.chance(0.5)) addSharedRoot(graph, query);
  if (random.chance(0.5)) addMutations(graph);
}

function addSharedRoot(graph: GraphDraft, query: TypePlan): void {
  const drafts = graph.random.some(graph.drafts, 2, 3);
  const entity = graph.random.pick(graph.entities.filter(({ allowed }) => drafts.every((draft) => allowed.includes(draft))).concat(graph.entities.filter(({ allowed }) => allowed.length === graph.drafts.length)));
  const field: FieldPlan = { name: 'shared', type: entity.plan.name, args: [], computed: false, holds: [entity.plan.name], key: false };
  query.fields.set(field.name, field);
  for (const draft of drafts.filter((candidate) => entity.allowed.includes(candidate))) {
    graph.declare(draft, field.type);
    draft.field('Query', field, ...(draft.isFederation1 ? [] : ['@shareable']));
  }
}

function addMutations(graph: GraphDraft): void {
  const mutation = graph.plan('Mutation', false);
  for (const draft of graph.random.some(graph.drafts, 2, 3)) {
    draft.type(draft.isFederation1 ? 'extend type' : 'type', 'Mutation');
    const count: FieldPlan = { name: graph.name(`m_${draft.name}_`), type: 'Int!', args: [{ name: 'by', type: 'Int!', defaultValue: '3' }], computed: true, holds: [], key: false };
    const entity = graph.random.pick(graph.entities.filter(({ allowed }) => allowed.includes(draft)));
    const touch: FieldPlan = { name: graph.name(`m_${draft.name}_`), type: entity.plan.name, args: [], computed: false, holds: [entity.plan.name], key: false };
    for (const field of [count, touch]) {
      graph.declare(draft, field.type);
      mutation.fields.set(field.name, field);
      draft.field('Mutation', field);
    }
  }
}

/** A field of an entity that leads back to the query type, whose fields any subgraph may have. */
function addWayBack(graph: GraphDraft): void {
  const owners = graph.entities.flatMap((entity) => [...entity.owned.keys()].map((draft) => ({ entity, draft })));
  if (owners.length === 0) return;
  const { entity, draft } = graph.random.pick(owners);
  const field: FieldPlan = { name: graph.name('back'), type: 'Query', args: [], computed: false, holds: ['Query'], key: false };
  entity.plan.fields.set(field.name, field);
  draft.field(entity.plan.name, field);
}
