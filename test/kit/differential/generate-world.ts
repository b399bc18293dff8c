/** Fills a generated schema with data: nulls, empty lists, repeated and missing objects, cycles, and on demand failing fields. */
import { baseName } from './generate-draft.js';
import type { FieldPlan, TypePlan } from './generate-parts.js';
import type { GraphPlan } from './generate-schema.js';
import type { Random } from './random.js';
import { isWorldNode, stableJson, type FieldFunction, type World, type WorldNode } from './world.js';

type MutableNode = { __typename: string; [field: string]: unknown };

const MAX_VALUE_DEPTH = 3;

/** What is wrong with a world. */
export interface WorldTroubles {
  /** Some subgraphs do not find some objects by reference. */
  readonly missing: boolean;
  /** Some fields fail when they are resolved. */
  readonly faults: boolean;
}

export function generateWorld(random: Random, plan: GraphPlan, troubles: WorldTroubles): World {
  return new WorldFiller(random, plan).fill(troubles);
}

class WorldFiller {
  private readonly byType = new Map<string, MutableNode[]>();
  private readonly all: MutableNode[] = [];
  private readonly roots: MutableNode[] = [];

  constructor(private readonly random: Random, private readonly plan: GraphPlan) {}

  fill({ missing, faults }: WorldTroubles): World {
    const { random, plan } = this;
    for (const type of plan.types.values()) {
      if (!type.entity) continue;
      const nodes = Array.from({ length: random.int(2, 4) }, (_, index) => this.entity(type, index));
      this.byType.set(type.name, nodes);
      this.all.push(...nodes);
    }
    const query: MutableNode = { __typename: 'Query' };
    this.byType.set('Query', [query]);
    for (const node of this.all) this.fillFields(node, this.type(node.__typename), 0);
    this.fillFields(query, this.type('Query'), 0);
    const mutationType = plan.types.get('Mutation');
    const mutation: MutableNode = { __typename: 'Mutation' };
    if (mutationType !== undefined) this.fillFields(mutation, mutationType, 0);
    this.roots.push(query, mutation);
    if (faults) this.breakFields();
    return { nodes: this.all, query, ...(mutationType === undefined ? {} : { mutation }), ...(missing ? { missing: this.forget() } : {}) };
  }

  private type(name: string): TypePlan {
    const type = this.plan.types.get(name);
    if (type === undefined) throw new Error(`The type ${name} is not planned.`);
    return type;
  }

  private entity(type: TypePlan, index: number): MutableNode {
    const node: MutableNode = { __typename: type.name };
    for (const field of type.fields.values()) {
      if (!field.key) continue;
      node[field.name] = field.name === 'org' ? { __typename: `Org${type.name}`, oid: `${type.name}-org-${index % 2}` } : field.name === 'region' ? index : `${type.name}-${field.name}-${index}`;
    }
    return node;
  }

  private fillFields(node: MutableNode, type: TypePlan, depth: number): void {
    for (const field of type.fields.values()) {
      if (!field.key) node[field.name] = field.computed ? this.computed(field) : this.value(field.type, field, depth);
    }
  }

  /** A value of an SDL type. */
  private value(type: string, field: FieldPlan, depth: number): unknown {
    const { random } = this;
    if (type.endsWith('!')) return this.present(type.slice(0, -1), field, depth);
    return random.chance(0.15) ? null : this.present(type, field, depth);
  }

  private present(type: string, field: FieldPlan, depth: number): unknown {
    const { random } = this;
    if (type.startsWith('[')) return Array.from({ length: random.pick([0, 1, 2, 2, 3]) }, () => this.value(type.slice(1, -1), field, depth));
    if (field.holds.length > 0) return this.object(random.pick(field.holds), depth);
    switch (type) {
      case 'Int': return random.int(-3, 9);
      case 'Float': return random.pick([0, 0.5, -1.25, 3]);
      case 'Boolean': return random.chance(0.5);
      case 'ID': return `i${random.int(0, 5)}`;
      case 'Color': return random.pick(['RED', 'GREEN', 'BLUE']);
      case 'JSON': return random.pick<unknown>([{ a: [1, { b: null }] }, [], 'text', 0, false, { __proto: 'x', 'quo"te': '\\' }]);
      default: return random.pick(['', 'plain', 'quo"te', 'back\\slash', 'línea\n', 'snow ☃ 😀', `t${random.int(0, 99)}`]);
    }
  }

  private object(typeName: string, depth: number): MutableNode | null {
    const nodes = this.byType.get(typeName);
    if (nodes !== undefined) return this.random.pick(nodes);
    const node: MutableNode = { __typename: typeName };
    if (depth > MAX_VALUE_DEPTH) throw new Error(`The value type ${typeName} nests without end.`);
    this.fillFields(node, this.type(typeName), depth + 1);
    return node;
  }

  private computed(field: FieldPlan): FieldFunction {
    const base = this.random.int(0, 99);
    if (baseName(field.type) === 'Int') return ({ args, run }) => (run.count = run.count * 7 + Number(args['by']) + base);
    const list = field.type.startsWith('[');
    return ({ args, required }) => {
      const text = `${field.name}:${base}${stableJson(args)}${required === undefined ? '' : stableJson(required)}`;
      return list ? [text, null] : text;
    };
  }

  /** Objects that one subgraph cannot find when it is asked by reference. */
  private forget(): Map<WorldNode, Set<string>> {
    const missing = new Map<WorldNode, Set<string>>();
    const referring = this.referringSubgraphs();
    for (const { type, subgraph } of this.plan.forgettable) {
      for (const node of this.byType.get(type) ?? []) {
        if (referring.get(node)?.has(subgraph) !== true && this.random.chance(0.25)) missing.set(node, (missing.get(node) ?? new Set()).add(subgraph));
      }
    }
    return missing;
  }

  /** Subgraphs whose own fields lead to an object: those know it. */
  private referringSubgraphs(): Map<MutableNode, Set<string>> {
    const result = new Map<MutableNode, Set<string>>();
    const seen = new Set<MutableNode>();
    const note = (value: unknown, subgraphs: readonly string[]): void => {
      if (Array.isArray(value)) value.forEach((element) => note(element, subgraphs));
      if (!isWorldNode(value)) return;
      result.set(value, new Set([...(result.get(value) ?? []), ...subgraphs]));
      walk(value);
    };
    const walk = (node: MutableNode): void => {
      if (seen.has(node)) return;
      seen.add(node);
      for (const [field, value] of Object.entries(node)) note(value, this.plan.drafts.filter((draft) => draft.hasField(node.__typename, field)).map(({ name }) => name));
    };
    this.roots.forEach(walk);
    this.all.forEach(walk);
    return result;
  }

  private breakFields(): void {
    for (const node of this.all) {
      for (const field of this.type(node.__typename).fields.values()) {
        if (!field.key && this.random.chance(0.06)) node[field.name] = new Error(`${node.__typename}.${field.name} fails`);
      }
    }
  }
}
