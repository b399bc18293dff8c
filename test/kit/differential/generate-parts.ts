/** The growing graph of the schema generator: entities, value types and where they are declared. */
import type { Random } from './random.js';
import { baseName, SubgraphDraft, type ArgumentDraft, type FederationVersion, type FieldDraft } from './generate-draft.js';

/** How the values of a field are made. */
export interface FieldPlan extends FieldDraft {
  /** Computed from required fields, arguments or state by a function. */
  readonly computed: boolean;
  /** Object types an abstract or object field may hold; empty for leaves. */
  readonly holds: readonly string[];
  readonly key: boolean;
}

export interface TypePlan {
  readonly name: string;
  readonly entity: boolean;
  readonly fields: Map<string, FieldPlan>;
}

export interface EntityDraft {
  readonly plan: TypePlan;
  /** Field sets; the first subgraph has them all, so that every other one is reached through it. */
  readonly keys: readonly string[];
  readonly home: SubgraphDraft;
  /** Subgraphs that may mention it. */
  readonly allowed: readonly SubgraphDraft[];
  readonly owned: Map<SubgraphDraft, string[]>;
  /** Its keys in each subgraph that has it. */
  readonly keysIn: Map<SubgraphDraft, readonly string[]>;
  readonly shared: Set<string>;
}

export const VERSIONS: readonly FederationVersion[] = ['2.3', '2.5', '2.7', '2.8', '2.9', '2.11'];
export const SCALARS = ['Int', 'String', 'Boolean', 'Float', 'ID', 'JSON', 'Color'] as const;

/** What the parts of the generator work on. */
export class GraphDraft {
  readonly drafts: readonly SubgraphDraft[];
  readonly types = new Map<string, TypePlan>();
  readonly entities: EntityDraft[] = [];
  readonly values: TypePlan[] = [];
  /** Abstract type name to subgraph name to the object types it has there. */
  readonly members = new Map<string, Map<string, string[]>>();
  private counter = 0;

  constructor(readonly random: Random) {
    this.drafts = Array.from({ length: random.int(2, 5) }, (_, index) => new SubgraphDraft(`s${index}`, random.chance(0.15) ? '1' : random.pick(VERSIONS)));
  }

  name(prefix: string): string {
    this.counter += 1;
    return `${prefix}${this.counter}`;
  }

  plan(name: string, entity: boolean): TypePlan {
    const plan: TypePlan = { name, entity, fields: new Map() };
    this.types.set(name, plan);
    return plan;
  }

  addEntity(allowed: readonly SubgraphDraft[], name = this.name('E'), home = this.random.pick(allowed)): EntityDraft {
    const { random } = this;
    const plan = this.plan(name, true);
    const keys = ['id'];
    plan.fields.set('id', leaf('id', 'ID!', true));
    if (random.chance(0.4)) {
      keys.push('sku');
      plan.fields.set('sku', leaf('sku', 'String!', true));
    }
    if (random.chance(0.3)) {
      keys.push('org { oid } region');
      const org = this.plan(`Org${name}`, false);
      org.fields.set('oid', leaf('oid', 'ID!', true));
      plan.fields.set('org', { ...leaf('org', `Org${name}!`, true), holds: [org.name] });
      plan.fields.set('region', leaf('region', 'Int!', true));
    }
    const entity: EntityDraft = { plan, keys: random.shuffle(keys), home, allowed, owned: new Map(), keysIn: new Map(), shared: new Set() };
    this.entities.push(entity);
    this.appear(entity, home);
    return entity;
  }

  /** Declares the entity in a subgraph with some of its keys. */
  appear(entity: EntityDraft, draft: SubgraphDraft): void {
    const { random } = this;
    const { name } = entity.plan;
    if (draft.has(name)) return;
    const keys = draft === entity.home ? entity.keys : random.some(entity.keys, 1, entity.keys.length);
    entity.keysIn.set(draft, keys);
    draft.type(draft.isFederation1 && draft !== entity.home ? 'extend type' : 'type', name);
    for (const key of keys) {
      for (const field of key.replace(/\{.*\}/, '').split(/\s+/).filter(Boolean)) {
        const plan = entity.plan.fields.get(field);
        if (plan === undefined) throw new Error(`The key field ${field} is not planned.`);
        draft.field(name, plan, ...(draft.isFederation1 && draft !== entity.home ? ['@external'] : []));
        if (field !== 'org') continue;
        draft.type('type', `Org${name}`, ...(draft.isFederation1 ? [] : ['@shareable']));
        draft.field(`Org${name}`, leaf('oid', 'ID!', true));
      }
    }
  }

  /** Says which keys are resolvable: at least one wherever fields are owned. */
  markKeys({ plan, home, keysIn, owned }: EntityDraft): void {
    for (const [draft, keys] of keysIn) {
      const most = draft === home || draft.isFederation1 ? 0 : owned.has(draft) ? keys.length - 1 : keys.length;
      const unresolvable = this.random.int(0, most);
      draft.type('type', plan.name, ...keys.map((key, index) => `@key(fields: "${key}"${index < unresolvable ? ', resolvable: false' : ''})`));
    }
  }

  /** Marks of lists and non-null around a named type. */
  wrap(name: string, nonNull: number): string {
    const { random } = this;
    const mark = (): string => (random.chance(nonNull) ? '!' : '');
    const shape = random.next();
    if (shape < 0.65) return `${name}${mark()}`;
    if (shape < 0.93) return `[${name}${mark()}]${mark()}`;
    return `[[${name}${mark()}]${mark()}]${mark()}`;
  }

  /** Makes a subgraph able to name a type: everything the type needs is declared too. */
  declare(draft: SubgraphDraft, type: string): void {
    const name = baseName(type);
    if (name === 'JSON') draft.type('scalar', 'JSON');
    if (name === 'Color') this.declareEnum(draft, 'Color');
    const entity = this.entities.find(({ plan }) => plan.name === name);
    if (entity !== undefined) this.appear(entity, draft);
    const value = this.values.find((plan) => plan.name === name);
    if (value === undefined || draft.has(name)) return;
    draft.type('type', name, ...(draft.isFederation1 ? [] : ['@shareable']));
    for (const field of value.fields.values()) {
      this.declare(draft, field.type);
      draft.field(name, field);
    }
  }

  declareEnum(draft: SubgraphDraft, name: string): void {
    draft.type('enum', name);
    for (const value of ['RED', 'GREEN', 'BLUE']) draft.line(name, value, value);
  }

  declareArguments(draft: SubgraphDraft, args: readonly ArgumentDraft[]): void {
    for (const { type } of args) {
      if (type.includes('Color')) this.declareEnum(draft, 'Color');
      if (!type.includes('Filter')) continue;
      this.declareEnum(draft, 'Color');
      draft.type('input', 'Filter');
      draft.line('Filter', 'text', 'text: String = "all"');
      draft.line('Filter', 'colors', 'colors: [Color!]');
      draft.line('Filter', 'limit', 'limit: Int');
      draft.line('Filter', 'inner', 'inner: Filter');
    }
  }

  args(): ArgumentDraft[] {
    const all: ArgumentDraft[] = [
      { name: 'n', type: 'Int' }, { name: 'limit', type: 'Int', defaultValue: '2' }, { name: 'color', type: 'Color', defaultValue: 'GREEN' },
      { name: 'filter', type: 'Filter' }, { name: 'text', type: 'String!' }, { name: 'flag', type: 'Boolean!', defaultValue: 'true' }, { name: 'ids', type: '[ID!]' },
    ];
    return this.random.some(all, 1, 3);
  }

  /** Adds a field to a type in the subgraphs given; one of them may take it over from the other. */
  own(entity: EntityDraft, field: FieldPlan, owners: readonly SubgraphDraft[], mayHide = true): void {
    const { random } = this;
    const { name } = entity.plan;
    entity.plan.fields.set(field.name, field);
    const [first, second] = owners;
    const overrides = second !== undefined && first !== undefined && !second.isFederation1 && random.chance(0.4);
    if (second !== undefined) entity.shared.add(field.name);
    for (const draft of owners) {
      this.appear(entity, draft);
      this.declare(draft, field.type);
      this.declareArguments(draft, field.args);
      const label = draft.atLeast(7) && random.chance(0.5) ? `, label: "percent(${random.pick([0, 100])})"` : '';
      const override = overrides && draft === second ? [`@override(from: "${first.name}"${label})`] : [];
      const shareable = second !== undefined && !overrides && !draft.isFederation1 ? ['@shareable'] : [];
      const hidden = mayHide && owners.length === 1 && !draft.isFederation1 && field.args.length === 0 && random.chance(0.04) ? ['@inaccessible'] : [];
      draft.field(name, field, ...override, ...shareable, ...hidden);
      entity.owned.set(draft, [...(entity.owned.get(draft) ?? []), field.name]);
    }
  }

  owners(entity: EntityDraft): SubgraphDraft[] {
    return this.random.some(entity.allowed, 1, this.random.chance(0.2) ? 2 : 1);
  }

  setField(plan: TypePlan, name: string, type: string, holds: readonly string[]): void {
    plan.fields.set(name, { name, type, args: [], computed: false, holds, key: false });
  }

  abstractIn(draft: SubgraphDraft): { name: string; holds: string[] } | undefined {
    const here = [...this.members].flatMap(([name, bySubgraph]) => {
      const holds = bySubgraph.get(draft.name);
      return holds === undefined ? [] : [{ name, holds }];
    });
    return here.length === 0 ? undefined : this.random.pick(here);
  }
}

export function leaf(name: string, type: string, key: boolean): FieldPlan {
  return { name, type, args: [], computed: false, holds: [], key };
}
