/** What elements of one supergraph cost, and how large their lists are taken to be, as the gateway counts it. */
import { isCompositeType, isInputObjectType, isListType, isNonNullType, type Schema } from '@apollo/federation-internals';
import { costOfField, costOfValue, DEFAULT_SLICING_ARGUMENTS, type FieldCost } from '../cost-defaults.js';
import type { ListSize } from '../directive-data.js';
import { CostReader, fieldsType, namedTypeOf, possibleTypes } from '../directive-values.js';

/** A field as it is counted. */
export interface CountedField {
  readonly cost: FieldCost;
  /** Weight of the field itself; null where the default applies. */
  readonly weight: number | null;
  /** True when a directive has a part in its cost. */
  readonly isWeighted: boolean;
  /** Name of the type it returns, lists aside. */
  readonly typeName: string;
  readonly listSize: ListSize | null;
  /** Type and weight of its arguments by name. */
  readonly argumentCosts: ReadonlyMap<string, CountedInput>;
}

/** An argument or input field as it is counted where it is given. */
export interface CountedInput {
  readonly typeName: string;
  readonly cost: number;
}

export class CostSide {
  private readonly reader: CostReader;
  private readonly weights = new Map<string, number | null>();

  constructor(private readonly supergraph: Schema) {
    this.reader = new CostReader(supergraph);
  }

  *typeNames(): Iterable<string> {
    for (const { name } of this.supergraph.types()) yield name;
  }

  /** What a value of the type costs, the dearest possible one of interfaces and unions; null when there is no such type. */
  typeCost(name: string): { readonly cost: number; readonly isWeighted: boolean } | null {
    const type = this.supergraph.type(name);
    if (type === undefined) return null;
    const weight = this.typeWeight(name);
    return { cost: costOfValue(weight, !isCompositeType(type)), isWeighted: weight !== null };
  }

  /** Names of the types a value of an interface or union can have; none for others. */
  membersOf(name: string): readonly string[] {
    return possibleTypes(this.supergraph.type(name)).map((type) => type.name).filter((member) => member !== name);
  }

  fieldNames(typeName: string): readonly string[] {
    return fieldsType(this.supergraph, typeName)?.fields().map(({ name }) => name) ?? [];
  }

  field(typeName: string, fieldName: string): CountedField | null {
    const field = fieldsType(this.supergraph, typeName)?.field(fieldName);
    if (field?.type === undefined) return null;
    const { weight, listSize, argumentWeights } = this.reader.field(typeName, fieldName);
    const named = namedTypeOf(field);
    const typeWeight = this.typeWeight(named.name);
    const isList = isListType(isNonNullType(field.type) ? field.type.ofType : field.type);
    const mutates = this.supergraph.schemaDefinition.rootType('mutation')?.name === typeName;
    return {
      cost: costOfField({ weight, typeWeight, isList, isLeaf: !isCompositeType(named), mutates }), weight, isWeighted: weight !== null || typeWeight !== null, typeName: named.name, listSize,
      argumentCosts: new Map(field.arguments().map((argument) => [argument.name, { typeName: namedTypeOf(argument).name, cost: Math.max(0, argumentWeights?.get(argument.name) ?? 0) }])),
    };
  }

  /** Fields of an input object by name; none for any other type. */
  inputs(typeName: string): ReadonlyMap<string, CountedInput> {
    const type = this.supergraph.type(typeName);
    if (type === undefined || !isInputObjectType(type)) return new Map();
    const weights = this.reader.inputs(typeName);
    return new Map(type.fields().map((field) => [field.name, { typeName: namedTypeOf(field).name, cost: Math.max(0, weights.get(field.name) ?? 0) }]));
  }

  /** Names of list fields of a type, and of what it may be. */
  listsOf(typeName: string, unsizedOnly = false): readonly string[] {
    const names = [typeName, ...this.membersOf(typeName)].flatMap((name) => this.fieldNames(name).filter((fieldName) => {
      const field = this.field(name, fieldName);
      return field?.cost.isList === true && !(unsizedOnly && field.listSize !== null);
    }));
    return [...new Set(names)].sort();
  }

  /** Coordinates of fields without @listSize that hand what their slicing arguments say to the lists of a type. */
  givers(typeName: string): readonly string[] {
    return [...this.typeNames()].flatMap((parent) => this.fieldNames(parent).flatMap((fieldName) => {
      const field = this.field(parent, fieldName);
      if (field === null || field.cost.isList || field.listSize !== null || !DEFAULT_SLICING_ARGUMENTS.some((name) => field.argumentCosts.has(name))) return [];
      const reads = field.typeName === typeName || this.membersOf(field.typeName).includes(typeName) || this.membersOf(typeName).includes(field.typeName);
      return reads ? [`${parent}.${fieldName}`] : [];
    }));
  }

  private typeWeight(name: string): number | null {
    const known = this.weights.get(name);
    if (known !== undefined) return known;
    const weight = this.reader.type(name);
    this.weights.set(name, weight);
    return weight;
  }
}
