/** Estimates how much of the schema an introspection reads: it is answered here, in one go, and nothing else runs meanwhile. */
import { getIntrospectionQuery, isAbstractType, isEnumType, isInputObjectType, isInterfaceType, isObjectType, Kind, parse, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLNamedType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import { compositeType, resultType } from './schema-lookup.js';

/** An introspection may ask for this many times as much as the fullest standard one. */
const ALLOWANCE = 3;

/** Elements of each list of introspection types, by `Type.field`. */
type ListSizes = ReadonlyMap<string, number>;

/** What introspection reads of a schema. */
interface SchemaSizes {
  /** Over all types. */
  readonly average: ListSizes;
  /** Of the greatest type: what `__type` may pick. */
  readonly greatest: ListSizes;
  readonly allowed: number;
}

interface Introspection {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

const known = new WeakMap<GraphQLSchema, SchemaSizes>();

/** Fields of introspection types an operation is estimated to read; 0 when it does not introspect. */
export function introspectionWork(schema: GraphQLSchema, introspection: Introspection): number {
  return new Work(schema, introspection.fragments, sizesOf(schema)).total(introspection.operation);
}

/** The most an operation may be estimated to read of this schema. */
export function allowedIntrospectionWork(schema: GraphQLSchema): number {
  return sizesOf(schema).allowed;
}

function sizesOf(schema: GraphQLSchema): SchemaSizes {
  let sizes = known.get(schema);
  if (sizes === undefined) {
    const lists = { average: listSizes(schema, average), greatest: listSizes(schema, (counts) => Math.max(1, ...counts)) };
    known.set(schema, sizes = { ...lists, allowed: ALLOWANCE * standardWork(schema, lists) });
  }
  return sizes;
}

function standardWork(schema: GraphQLSchema, lists: Omit<SchemaSizes, 'allowed'>): number {
  const document = parse(getIntrospectionQuery({ descriptions: true, directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true, schemaDescription: true, specifiedByUrl: true }), { noLocation: true });
  const fragments = new Map(document.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [])));
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  return operation === undefined ? 0 : new Work(schema, fragments, lists).total(operation);
}

/** @param sum makes one number of the lengths of a list on all its parents. */
function listSizes(schema: GraphQLSchema, sum: (counts: readonly number[]) => number): ListSizes {
  const types = Object.values(schema.getTypeMap());
  const directives = schema.getDirectives();
  const fields = types.filter((type) => isObjectType(type) || isInterfaceType(type)).flatMap((type) => Object.values(type.getFields()));
  const over = (count: (type: GraphQLNamedType) => number): number => sum(types.map(count));
  return new Map([
    ['__Schema.types', types.length],
    ['__Schema.directives', directives.length],
    ['__Type.fields', over((type) => (isObjectType(type) || isInterfaceType(type) ? Object.keys(type.getFields()).length : 0))],
    ['__Type.inputFields', over((type) => (isInputObjectType(type) ? Object.keys(type.getFields()).length : 0))],
    ['__Type.enumValues', over((type) => (isEnumType(type) ? type.getValues().length : 0))],
    ['__Type.interfaces', over((type) => (isObjectType(type) || isInterfaceType(type) ? type.getInterfaces().length : 0))],
    ['__Type.possibleTypes', over((type) => (isAbstractType(type) ? schema.getPossibleTypes(type).length : 0))],
    ['__Field.args', sum(fields.map(({ args }) => args.length))],
    ['__Directive.args', sum(directives.map(({ args }) => args.length))],
  ]);
}

function average(counts: readonly number[]): number {
  return Math.max(1, Math.ceil(counts.reduce((total, count) => total + count, 0) / Math.max(1, counts.length)));
}

class Work {
  private readonly measured = new Map<ListSizes | undefined, Map<string, number>>();

  constructor(private readonly schema: GraphQLSchema, private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>, private readonly sizes: Omit<SchemaSizes, 'allowed'>) {}

  total({ operation, selectionSet }: OperationDefinitionNode): number {
    return this.ofSet(selectionSet, this.schema.getRootType(operation) ?? undefined, undefined);
  }

  /** @param lists sizes that count here; undefined outside introspection. */
  private ofSet(set: SelectionSetNode, parent: GraphQLCompositeType | undefined, lists: ListSizes | undefined): number {
    let work = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        work += this.ofFragment(selection.name.value, lists);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        work += this.ofSet(selection.selectionSet, selection.typeCondition === undefined ? parent : compositeType(this.schema, selection.typeCondition.name.value), lists);
      } else {
        const name = selection.name.value;
        const inside = lists ?? (name === '__schema' ? this.sizes.average : name === '__type' ? this.sizes.greatest : undefined);
        const below = selection.selectionSet === undefined ? 0 : this.ofSet(selection.selectionSet, resultType(this.schema, parent, name), inside);
        work += inside === undefined ? below : 1 + (inside.get(`${parent?.name ?? ''}.${name}`) ?? 1) * below;
      }
    }
    return work;
  }

  private ofFragment(name: string, lists: ListSizes | undefined): number {
    let byName = this.measured.get(lists);
    if (byName === undefined) this.measured.set(lists, byName = new Map());
    const before = byName.get(name);
    if (before !== undefined) return before;
    byName.set(name, 0);
    const fragment = this.fragments.get(name);
    const work = fragment === undefined ? 0 : this.ofSet(fragment.selectionSet, compositeType(this.schema, fragment.typeCondition.name.value), lists);
    byName.set(name, work);
    return work;
  }
}
