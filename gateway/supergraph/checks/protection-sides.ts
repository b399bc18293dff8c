/** One side of a comparison of protections: what each subgraph declares, what they declare together, and what reading demands in the end. */
import { baseType, isInputObjectType, isInterfaceType, isObjectType, type NamedType, type Schema } from '@apollo/federation-internals';
import { DemandReader } from '../directive-demands.js';
import { fieldsType } from '../directive-values.js';
import { CostSide } from './cost-side.js';
import { NOTHING_DECLARED, readDeclaredProtection, type Declared, type DeclaredProtection } from './declared-protection.js';
import { FieldOwners } from './field-owners.js';
import { both, DEMAND_PARTS, partOf, type Demand, type DemandPart } from './requirement-logic.js';

/** Parts of a schema coordinate. */
const COORDINATE = /^(\w+)(?:\.(\w+)(?:\((\w+):\))?)?$/;

export class ProtectionSide {
  readonly costs: CostSide;
  readonly owners: FieldOwners;
  private readonly demands: DemandReader;
  /** What the composed schema itself carries, merged as composition merges it. */
  private readonly composed: DeclaredProtection;

  /**
   * @param declared by name of subgraph.
   * @param supergraph the composed schema, inaccessible elements included.
   * @throws Error when a field set of the supergraph cannot be read.
   */
  constructor(readonly declared: ReadonlyMap<string, DeclaredProtection>, private readonly supergraph: Schema) {
    this.costs = new CostSide(supergraph);
    this.owners = new FieldOwners(supergraph);
    this.demands = new DemandReader(supergraph);
    this.composed = readDeclaredProtection(supergraph);
  }

  /** Elements of the composed schema that carry a guarding directive. */
  guarded(): Iterable<string> {
    return this.composed.elements.keys();
  }

  /** What the composed schema carries on an element. */
  carried(coordinate: string): Declared {
    return this.composed.elements.get(coordinate) ?? NOTHING_DECLARED;
  }

  has(coordinate: string): boolean {
    return this.typed(coordinate) !== null;
  }

  /** What a subgraph declares on an element. */
  in(subgraph: string, coordinate: string): Declared {
    return this.declared.get(subgraph)?.elements.get(coordinate) ?? NOTHING_DECLARED;
  }

  /** What all subgraphs demand together. */
  together(coordinate: string): Demand {
    return [...this.declared.values()].reduce<Demand>((merged, { elements }) => {
      const own = elements.get(coordinate);
      return own === undefined ? merged : both(merged, own);
    }, NOTHING_DECLARED);
  }

  /** What reading an element demands in the end, through everything that is read with it; arguments and inputs demand nothing. */
  effective(coordinate: string): Demand {
    const [, typeName = '', fieldName, argument] = COORDINATE.exec(coordinate) ?? [];
    if (argument !== undefined) return NOTHING_DECLARED;
    const type = this.supergraph.type(typeName);
    if (type === undefined) return NOTHING_DECLARED;
    if (fieldName === undefined) return { critical: false, requirements: this.named(this.demands.type(typeName)) };
    if (fieldsType(this.supergraph, typeName)?.field(fieldName) === undefined) return NOTHING_DECLARED;
    const { critical, requirements } = this.demands.field(typeName, fieldName);
    return { critical, requirements: this.named(requirements) };
  }

  /**
   * What reading a type or field would demand if nothing had changed but what `changes` names: those parts of those
   * elements are as `later` has them.
   */
  effectiveAfter(coordinate: string, changes: ReadonlyMap<string, ReadonlySet<DemandPart>>, later: ProtectionSide): Demand {
    let total: Demand = NOTHING_DECLARED;
    for (const at of this.reached(coordinate)) {
      const [own, changed] = [this.own(at), changes.get(at)];
      if (changed === undefined) {
        total = both(total, own);
        continue;
      }
      // What an element has from its interfaces is no part of what was taken from the element.
      total = both(total, this.inherited(at));
      const now = later.own(at);
      for (const part of DEMAND_PARTS) total = both(total, partOf(changed.has(part) ? now : own, part));
    }
    return { critical: total.critical, requirements: [...new Set(total.requirements)] };
  }

  /** Everything that is read with a type or field, itself included. */
  reached(coordinate: string): ReadonlySet<string> {
    return this.demands.reached(coordinate);
  }

  /** Coordinates of the fields of a type; none for types without output fields. */
  fieldsOf(typeName: string): readonly string[] {
    return this.demands.fieldNames(typeName).map((field) => `${typeName}.${field}`);
  }

  /** Coordinates of every type with fields, and of its fields. */
  *readable(): Iterable<string> {
    for (const type of this.supergraph.types()) {
      if (!isObjectType(type) && !isInterfaceType(type)) continue;
      yield type.name;
      for (const field of type.fields()) yield field.coordinate;
    }
  }

  /** Fields of the root types that clients may ask. */
  *rootFields(): Iterable<string> {
    for (const kind of ['query', 'mutation', 'subscription'] as const) {
      // What federation adds to the root is no field of the supergraph that clients meet.
      for (const field of this.supergraph.schemaDefinition.rootType(kind)?.fields() ?? []) if (!field.name.startsWith('_')) yield field.coordinate;
    }
  }

  /** The named type an element is or has; null when there is no such element. */
  private typed(coordinate: string): NamedType | null {
    const [, typeName = '', fieldName, argument] = COORDINATE.exec(coordinate) ?? [];
    const type = this.supergraph.type(typeName);
    if (type === undefined) return null;
    if (fieldName === undefined) return type;
    if (type.kind === 'EnumType') return type.value(fieldName) === undefined ? null : type;
    const field = isInputObjectType(type) ? type.field(fieldName) : fieldsType(this.supergraph, typeName)?.field(fieldName);
    if (field === undefined) return null;
    const element = argument === undefined ? field : field.kind === 'FieldDefinition' ? field.argument(argument) : undefined;
    return element?.type === undefined ? null : baseType(element.type);
  }

  /** What an element demands itself; of interfaces only what subgraphs declare: composition copies to them what their implementations demand, which are read with them. */
  private own(coordinate: string): Demand {
    const type = this.supergraph.type(coordinate.split('.')[0] ?? '');
    if (type !== undefined && isInterfaceType(type)) return this.together(coordinate);
    const { critical, requirements } = this.demands.own(coordinate);
    return { critical, requirements: this.named(requirements) };
  }

  private inherited(coordinate: string): Demand {
    const { critical, requirements } = this.demands.inherited(coordinate);
    return { critical, requirements: this.named(requirements) };
  }

  private named(ids: readonly number[]): Demand['requirements'] {
    return ids.flatMap((id) => this.demands.requirements[id] ?? []);
  }
}
