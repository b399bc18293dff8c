/** Decides what of a planned subscription may be shared: everything its fetches select must be marked impersonal by the subgraph that answers it. */
import type { FetchNode, PlanNode, SubscriptionNode } from '@apollo/query-planner';
import { Kind, getNamedType, isInterfaceType, isObjectType, isUnionType, parse, type DocumentNode, type FragmentDefinitionNode, type GraphQLSchema, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { PreparedOperation, SupergraphSnapshot } from '../execution/contracts.js';
import { impersonalMarksOf, type ImpersonalMarks } from './impersonal-marks.js';

/** What depends on who asks. */
export interface PrincipalDependence {
  /** The stream itself. */
  readonly stream: boolean;
  /** What is joined to its events. */
  readonly joins: boolean;
}

const known = new WeakMap<PreparedOperation, PrincipalDependence>();

/** Reads it from the plan; once an operation. Anything that is not understood counts as dependent. */
export function dependenceOf(snapshot: Pick<SupergraphSnapshot, 'sdl' | 'supergraphSchema'>, prepared: PreparedOperation, { primary, rest }: SubscriptionNode): PrincipalDependence {
  let dependence = known.get(prepared);
  if (dependence === undefined) {
    const { supergraphSchema } = snapshot;
    const marks = impersonalMarksOf(snapshot);
    const personal = (fetch: FetchNode): boolean => !isImpersonal(fetch, supergraphSchema, marks);
    dependence = { stream: personal(primary), joins: fetchesOf(rest).some(personal) };
    known.set(prepared, dependence);
  }
  return dependence;
}

function fetchesOf(node: PlanNode | undefined): FetchNode[] {
  if (node === undefined) return [];
  if (node.kind === 'Fetch') return [node];
  return stepsOf(node).flatMap(fetchesOf);
}

function stepsOf(node: Exclude<PlanNode, FetchNode>): ReadonlyArray<PlanNode | undefined> {
  if (node.kind === 'Sequence' || node.kind === 'Parallel') return node.nodes;
  if (node.kind === 'Flatten') return [node.node];
  if (node.kind === 'Condition') return [node.ifClause, node.elseClause];
  return [node.primary.node, ...node.deferred.map(({ node: deferred }) => deferred)];
}

function isImpersonal(fetch: FetchNode, schema: GraphQLSchema, marks: ImpersonalMarks): boolean {
  const document: DocumentNode = fetch.operationDocumentNode ?? parse(fetch.operation, { noLocation: true });
  const fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return false;

  const covered = (selectionSet: SelectionSetNode | undefined, typeName: string | undefined): boolean => (selectionSet?.selections ?? []).every((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return covered(selection.selectionSet, selection.typeCondition?.name.value ?? typeName);
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(selection.name.value);
      return fragment !== undefined && covered(fragment.selectionSet, fragment.typeCondition.name.value);
    }
    const name = selection.name.value;
    if (name === '__typename') return true;
    // A mark on a field covers the resolving of references to its entity, so that something marked must be read of each.
    if (name === '_entities') return covered(selection.selectionSet, undefined) && (selection.selectionSet?.selections ?? []).every(readsField);
    return typeName !== undefined && marks.covers(fetch.serviceName, typeName, name) && covered(selection.selectionSet, resultTypeOf(schema, typeName, name));
  });
  return covered(operation.selectionSet, rootTypeOf(schema, operation.operation));
}

function readsField(selection: SelectionNode): boolean {
  return selection.kind === Kind.INLINE_FRAGMENT && selection.selectionSet.selections.some((inner) => inner.kind === Kind.FIELD && inner.name.value !== '__typename');
}

function rootTypeOf(schema: GraphQLSchema, kind: 'query' | 'mutation' | 'subscription'): string | undefined {
  return (kind === 'subscription' ? schema.getSubscriptionType() : schema.getQueryType())?.name;
}

function resultTypeOf(schema: GraphQLSchema, typeName: string, fieldName: string): string | undefined {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInterfaceType(type)) return undefined;
  const field = type.getFields()[fieldName];
  const result = field === undefined ? undefined : getNamedType(field.type);
  return isObjectType(result) || isInterfaceType(result) || isUnionType(result) ? result.name : undefined;
}
