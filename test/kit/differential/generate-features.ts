/** Federation features the schema generator puts into a graph: @requires, @provides, abstract types and interface objects. */
import { baseName, type SubgraphDraft } from './generate-draft.js';
import { leaf, SCALARS, type EntityDraft, type FieldPlan, type GraphDraft } from './generate-parts.js';
import type { Random } from './random.js';

/** Lets the field promise a scalar of its target that another subgraph owns. */
export function addProvides(graph: GraphDraft, entity: EntityDraft, owner: SubgraphDraft, fieldName: string, target: EntityDraft): void {
  const field = entity.plan.fields.get(fieldName);
  const candidates = [...target.owned].flatMap(([draft, names]) => (draft === owner || draft.isFederation1 ? [] : names
    .filter((name) => !owner.hasField(target.plan.name, name) && !target.shared.has(name))
    .flatMap((name) => {
      const plan = target.plan.fields.get(name);
      return plan === undefined || plan.args.length > 0 || plan.holds.length > 0 || plan.computed ? [] : [{ draft, plan }];
    })));
  if (candidates.length === 0 || field === undefined) return;
  const { draft, plan } = graph.random.pick(candidates);
  graph.declare(owner, plan.type);
  target.shared.add(plan.name);
  draft.field(target.plan.name, plan, '@shareable');
  owner.field(target.plan.name, plan, '@external');
  owner.field(entity.plan.name, field, `@provides(fields: "${plan.name}")`);
}

export function addRequires(graph: GraphDraft, entity: EntityDraft): void {
  const { random } = graph;
  const { name } = entity.plan;
  const owner = random.pick(entity.allowed);
  const foreign = [...entity.plan.fields.values()].filter((field) => !field.key && !owner.hasField(name, field.name) && isOwned(graph, entity, field.name));
  const chosen = random.some(foreign, 1, 2).flatMap((field) => {
    const text = requiredText(graph, field, 0);
    return text === undefined ? [] : [{ field, text }];
  });
  if (chosen.length === 0) return;
  graph.appear(entity, owner);
  for (const { field } of chosen) {
    graph.declare(owner, field.type);
    graph.declareArguments(owner, field.args);
    owner.field(name, field, '@external');
  }
  const fields = chosen.map(({ text }) => text).join(' ').replace(/"/g, '\\"');
  for (let index = random.int(1, 2); index > 0; index -= 1) {
    const computed: FieldPlan = { name: graph.name('q'), type: random.pick(['String', 'String!', '[String]']), args: random.chance(0.2) ? graph.args() : [], computed: true, holds: [], key: false };
    graph.declareArguments(owner, computed.args);
    entity.plan.fields.set(computed.name, computed);
    owner.field(name, computed, `@requires(fields: "${fields}")`);
    entity.owned.set(owner, [...(entity.owned.get(owner) ?? []), computed.name]);
  }
}

function isOwned(graph: GraphDraft, entity: EntityDraft, fieldName: string): boolean {
  return [...entity.owned.values()].some((names) => names.includes(fieldName));
}

/** A field as a @requires selects it, with the arguments it must have; undefined when it leads too far. */
function requiredText(graph: GraphDraft, field: FieldPlan, depth: number): string | undefined {
  const args = field.args.filter(({ type, defaultValue }) => (type.includes('!') && defaultValue === undefined) || graph.random.chance(0.5)).map(({ name, type }) => `${name}: ${requiredLiteral(type, graph.random)}`);
  const text = `${field.name}${args.length === 0 ? '' : `(${args.join(', ')})`}`;
  if (field.holds.length === 0) return graph.members.has(baseName(field.type)) ? undefined : text;
  const [held] = field.holds;
  const value = graph.values.find((plan) => plan.name === held);
  if (value === undefined || depth > 1 || baseName(field.type) !== held) return undefined;
  const below = graph.random.some([...value.fields.values()], 1, 2).flatMap((inner) => requiredText(graph, inner, depth + 1) ?? []);
  return below.length === 0 ? undefined : `${text} { ${below.join(' ')} }`;
}

/** An interface that some entities implement; each subgraph that has it may give it a field of its own. */
export function addInterface(graph: GraphDraft): void {
  const { random } = graph;
  const name = graph.name('I');
  const implementers = random.some(graph.entities.filter(({ allowed }) => allowed.length === graph.drafts.length), 2, 3);
  if (implementers.length < 2) return;
  const bySubgraph = new Map<string, string[]>();
  for (const draft of random.some(graph.drafts, 1, 2)) {
    const own = leaf(graph.name('i'), random.pick(['String', 'Int', 'Color']), false);
    draft.type('interface', name);
    graph.declare(draft, own.type);
    for (const entity of implementers) {
      graph.own(entity, own, [draft], false);
      draft.implement(entity.plan.name, name);
    }
    if (implementers.every((entity) => draft.hasField(entity.plan.name, 'id'))) draft.field(name, leaf('id', 'ID!', true));
    draft.field(name, own);
    bySubgraph.set(draft.name, implementers.map(({ plan }) => plan.name));
  }
  graph.members.set(name, bySubgraph);
}

/** An entity interface: its implementations live in some subgraphs, another one adds fields to the interface as a whole. */
export function addInterfaceObject(graph: GraphDraft): void {
  const { random } = graph;
  const modern = graph.drafts.filter((draft) => draft.atLeast(3));
  const [adding, home] = random.shuffle(modern);
  if (adding === undefined || home === undefined) return;
  const name = graph.name('J');
  const allowed = graph.drafts.filter((draft) => draft !== adding);
  const implementers = [0, 1].map(() => graph.addEntity(allowed, graph.name('K'), home));
  home.type('interface', name, '@key(fields: "id")');
  home.field(name, leaf('id', 'ID!', true));
  for (const { plan } of implementers) home.implement(plan.name, name);
  const own = leaf(graph.name('j'), graph.wrap(random.pick(SCALARS), 0.1), false);
  graph.declare(home, own.type);
  home.field(name, own);
  for (const entity of implementers) graph.own(entity, own, [home], false);
  adding.type('type', name, '@key(fields: "id")', '@interfaceObject');
  adding.field(name, leaf('id', 'ID!', true));
  for (let index = random.int(1, 2); index > 0; index -= 1) {
    const added = leaf(graph.name('j'), graph.wrap(random.pick(SCALARS), 0.1), false);
    graph.declare(adding, added.type);
    adding.field(name, added);
    for (const { plan } of implementers) plan.fields.set(added.name, added);
  }
  const names = implementers.map(({ plan }) => plan.name);
  graph.members.set(name, new Map([[home.name, names], [adding.name, names]]));
}

export function addUnion(graph: GraphDraft): void {
  const { random } = graph;
  const name = graph.name('U');
  const bySubgraph = new Map<string, string[]>();
  for (const draft of random.some(graph.drafts, 1, 2)) {
    const entities = graph.entities.filter(({ allowed }) => allowed.includes(draft)).map(({ plan }) => plan.name);
    const members = random.some([...entities, ...graph.values.map((plan) => plan.name)], 1, 3);
    draft.type('union', name);
    for (const member of members) {
      graph.declare(draft, member);
      draft.line(name, member, member);
    }
    bySubgraph.set(draft.name, members);
  }
  graph.members.set(name, bySubgraph);
}

function requiredLiteral(type: string, random: Random): string {
  const name = type.trim();
  if (name.startsWith('[')) return '["a", "b"]';
  if (name.startsWith('Int')) return String(random.int(0, 5));
  if (name.startsWith('Color')) return random.pick(['RED', 'BLUE']);
  if (name.startsWith('Boolean')) return String(random.chance(0.5));
  if (name.startsWith('Filter')) return '{ text: "x", colors: [RED], inner: { limit: 1 } }';
  return '"req"';
}

/** An entity reached through one other entity alone, with an argument filled from that one. */
export function addContext(graph: GraphDraft): void {
  const { random } = graph;
  const setters = graph.entities.flatMap((entity) => [...entity.keysIn.keys()].filter((draft) => draft.atLeast(8) && entity.owned.has(draft)).map((draft) => ({ entity, draft })));
  if (setters.length === 0) return;
  const { entity, draft } = random.pick(setters);
  const sources = [...entity.plan.fields.values()].filter(({ key, args, holds, type, name }) => !key && args.length === 0 && holds.length === 0 && /^(?:Int|String|Float|Color)$/.test(type)
    && (draft.hasField(entity.plan.name, name) || [...entity.owned].some(([owner, names]) => owner !== draft && names.includes(name))));
  if (sources.length === 0) return;
  const source = random.pick(sources);
  if (!draft.hasField(entity.plan.name, source.name)) {
    graph.declare(draft, source.type);
    draft.field(entity.plan.name, source, '@external');
  }
  const context = graph.name('ctx');
  draft.type('type', entity.plan.name, `@context(name: "${context}")`);
  const others = graph.drafts.filter((other) => !other.isFederation1);
  const below = graph.addEntity(others, graph.name('C'), draft);
  graph.own(entity, { name: graph.name('c'), type: graph.wrap(below.plan.name, 0.1), args: [], computed: false, holds: [below.plan.name], key: false }, [draft]);
  const told: FieldPlan = {
    name: graph.name('c'), type: random.pick(['String', '[String]']), computed: true, holds: [], key: false,
    args: [...(random.chance(0.5) ? graph.args() : []), { name: 'context', type: source.type, fromContext: `$${context} { ${source.name} }` }],
  };
  graph.own(below, told, [draft], false);
  const plain = leaf(graph.name('f'), graph.wrap(random.pick(SCALARS), 0.1), false);
  graph.own(below, plain, [random.pick(others)]);
}

/** A value type whose parts come from two subgraphs, through a field both resolve. */
export function addOverlap(graph: GraphDraft): void {
  const { random } = graph;
  const [left, right] = random.shuffle(graph.drafts.filter((draft) => !draft.isFederation1));
  if (left === undefined || right === undefined) return;
  const plan = graph.plan(graph.name('P'), false);
  const entity = random.pick(graph.entities.filter(({ allowed }) => allowed.includes(left) && allowed.includes(right)).concat(graph.entities.slice(0, 1)));
  const field: FieldPlan = { name: graph.name('p'), type: graph.wrap(plan.name, 0.1), args: [], computed: false, holds: [plan.name], key: false };
  entity.plan.fields.set(field.name, field);
  entity.shared.add(field.name);
  for (const draft of [left, right]) {
    graph.appear(entity, draft);
    draft.type('type', plan.name);
    const own = leaf(graph.name('v'), graph.wrap(random.pick(SCALARS), 0.2), false);
    for (const part of [leaf('both', 'Int', false), own]) {
      graph.declare(draft, part.type);
      plan.fields.set(part.name, part);
      draft.field(plan.name, part, ...(part === own ? [] : ['@shareable']));
    }
    draft.field(entity.plan.name, field, '@shareable');
    entity.owned.set(draft, [...(entity.owned.get(draft) ?? []), field.name]);
  }
}

/** An interface with the key alone, which each subgraph has with implementations of its own choice. */
export function addUnevenInterface(graph: GraphDraft): void {
  const { random } = graph;
  const name = graph.name('N');
  const bySubgraph = new Map<string, string[]>();
  for (const draft of random.some(graph.drafts, 1, 3)) {
    const here = graph.entities.filter(({ plan }) => draft.hasField(plan.name, 'id'));
    const implementers = random.some(here, 1, 3).map(({ plan }) => plan.name);
    if (implementers.length === 0) continue;
    draft.type('interface', name);
    draft.field(name, leaf('id', 'ID!', true));
    for (const implementer of implementers) draft.implement(implementer, name);
    bySubgraph.set(draft.name, implementers);
  }
  if (bySubgraph.size > 0) graph.members.set(name, bySubgraph);
}
