/** Generates federated schemas: entities, value types and abstract types spread over subgraphs, with every federation directive in play. */
import type { SubgraphDraft } from './generate-draft.js';
import { addContext, addInterface, addInterfaceObject, addOverlap, addProvides, addRequires, addUnevenInterface, addUnion } from './generate-features.js';
import { GraphDraft, leaf, SCALARS, type EntityDraft, type TypePlan } from './generate-parts.js';
import { addRoots } from './generate-roots.js';
import type { Random } from './random.js';

/** The logical graph behind the subgraphs. */
export interface GraphPlan {
  readonly drafts: readonly SubgraphDraft[];
  readonly types: ReadonlyMap<string, TypePlan>;
  /** Pairs whose objects a subgraph may not know without another one knowing better. */
  readonly forgettable: readonly ForgettablePair[];
}

export interface ForgettablePair {
  readonly type: string;
  readonly subgraph: string;
}

export function generateSchema(random: Random): GraphPlan {
  const graph = new GraphDraft(random);
  for (let index = random.int(2, 4); index > 0; index -= 1) graph.addEntity(graph.drafts);
  for (let index = random.int(1, 2); index > 0; index -= 1) addValueType(graph);
  if (random.chance(0.5)) addInterfaceObject(graph);
  for (const entity of graph.entities) addFields(graph, entity);
  if (random.chance(0.7)) addInterface(graph);
  if (random.chance(0.7)) addUnion(graph);
  if (random.chance(0.4)) addUnevenInterface(graph);
  for (const entity of graph.entities) addReferences(graph, entity);
  for (const entity of graph.entities) if (random.chance(0.6)) addRequires(graph, entity);
  if (random.chance(0.3)) addOverlap(graph);
  addRoots(graph);
  if (random.chance(0.5)) addContext(graph);
  const forgettable = graph.entities.flatMap(forgettablePairs);
  for (const entity of graph.entities) graph.markKeys(entity);
  return { drafts: graph.drafts, types: graph.types, forgettable };
}

function addValueType(graph: GraphDraft): void {
  const { random } = graph;
  const plan = graph.plan(graph.name('V'), false);
  for (let index = random.int(1, 3); index > 0; index -= 1) {
    const field = leaf(graph.name('v'), graph.wrap(random.pick(SCALARS), 0.2), false);
    plan.fields.set(field.name, field);
  }
  const inner = graph.values.at(-1);
  if (inner !== undefined && random.chance(0.6)) graph.setField(plan, graph.name('v'), graph.wrap(inner.name, 0.2), [inner.name]);
  if (random.chance(0.5)) {
    const entity = random.pick(graph.entities);
    if (entity.allowed.length === graph.drafts.length) graph.setField(plan, graph.name('v'), graph.wrap(entity.plan.name, 0.1), [entity.plan.name]);
  }
  graph.values.push(plan);
}

function addFields(graph: GraphDraft, entity: EntityDraft): void {
  const { random } = graph;
  for (let index = random.int(2, 5); index > 0; index -= 1) {
    const named = random.chance(0.25) && graph.values.length > 0 ? random.pick(graph.values).name : random.pick(SCALARS);
    const withArguments = (SCALARS as readonly string[]).includes(named) && random.chance(0.35);
    const type = withArguments ? random.pick(['String', 'String!', '[String]']) : graph.wrap(named, 0.2);
    const name = random.chance(0.3) && !entity.plan.fields.has('name') ? 'name' : graph.name('f');
    graph.own(entity, { name, type, args: withArguments ? graph.args() : [], computed: withArguments, holds: graph.types.has(named) ? [named] : [], key: false }, graph.owners(entity));
  }
}

function addReferences(graph: GraphDraft, entity: EntityDraft): void {
  const { random } = graph;
  for (let index = random.int(1, 2); index > 0; index -= 1) {
    const owner = random.pick(entity.allowed);
    const name = graph.name('r');
    const abstract = random.chance(0.35) ? graph.abstractIn(owner) : undefined;
    if (abstract !== undefined) {
      graph.own(entity, { name, type: graph.wrap(abstract.name, 0.1), args: [], computed: false, holds: abstract.holds, key: false }, [owner]);
      continue;
    }
    const target = random.pick(graph.entities.filter(({ allowed }) => allowed.includes(owner)));
    graph.own(entity, { name, type: graph.wrap(target.plan.name, 0.1), args: [], computed: false, holds: [target.plan.name], key: false }, [owner]);
    if (random.chance(0.4)) addProvides(graph, entity, owner, name, target);
  }
}

function forgettablePairs(entity: EntityDraft): ForgettablePair[] {
  return [...entity.owned].flatMap(([draft, names]) => {
    // It must never be asked for a part of a key, which another subgraph would know.
    const single = entity.keysIn.get(draft)?.join() === 'id';
    return draft !== entity.home && single && names.every((name) => !entity.shared.has(name)) ? [{ type: entity.plan.name, subgraph: draft.name }] : [];
  });
}
