/** Plans an operation with Apollo's planner, mending what the planner is known to get wrong (docs/decisions/0008-planner-faults.md). */
import { InterfaceType, ObjectType, operationFromDocument, type Supergraph } from '@apollo/federation-internals';
import { QueryPlanner, type FetchNode, type PlanNode, type QueryPlan } from '@apollo/query-planner';
import { getOperationAST, Kind, OperationTypeNode, type DocumentNode, type GraphQLSchema, type SelectionSetNode } from 'graphql';
import { checkCoverage, checkFetch, NameTaken } from './planner-fault-checks.js';
import { withSafeConditions } from './planner-fault-conditions.js';
import { entityFacts, type EntityFacts } from './planner-fault-facts.js';
import { orderMutation } from './planner-fault-mutations.js';
import { contextsInOrder } from './planner-fault-order.js';
import { mapFetches, withRealFields } from './planner-fault-rewrites.js';
import { splitFetch } from './planner-fault-split.js';
import { fieldSetNames, prepareSupergraph, type Twins, type TwinScope } from './planner-fault-twins.js';
import { spellOutTypes, troubledTypes, type TroubledTypes } from './planner-fault-types.js';

export interface PlanningInput {
  readonly supergraph: Supergraph;
  /** Built for `supergraph`. */
  readonly planner: QueryPlanner;
  /** Valid against the API schema of `supergraph`. */
  readonly document: DocumentNode;
  /** Which operation of the document; undefined when it has one only. */
  readonly operationName: string | undefined;
  /** Which labels of progressive @override are on; `percent(100)` is on and every other label off where this says nothing. */
  readonly overrides?: ReadonlyMap<string, boolean> | undefined;
}

/**
 * Plans one operation of a validated document.
 * @throws Error when the planner cannot plan it, or the plan would not answer it.
 */
export function planOperation({ supergraph, planner, document, operationName, overrides }: PlanningInput): QueryPlan {
  const ways = planningWays(supergraph, planner);
  const overrideConditions = new Map([...ways.overrides, ...(overrides ?? [])]);
  const plan = (part: DocumentNode): QueryPlan => {
    const aliases = [...aliasesOf(part)];
    const way = aliases.some((alias) => ways.names.has(alias)) ? ways.apart() : ways.usual;
    const taken = aliases.find((alias) => way.twins.has(alias));
    if (taken !== undefined) throw new NameTaken(`The alias "${taken}" is used by the gateway itself; choose another one.`);
    const operation = operationFromDocument(way.supergraph.apiSchema(), part, { ...(operationName === undefined ? {} : { operationName }), validate: false });
    const planned = contextsInOrder(mapFetches(way.planner.buildQueryPlan(operation, { overrideConditions }), (fetch) => {
      checkFetch(fetch, way.facts, ways.interfacesOf);
      return splitFetch(fetch, way.twins, way.facts).map((one) => outputsInOrder(withRealFields(one, way.twins)));
    }));
    checkCoverage(planned, ways.schema, part, operationName);
    return planned;
  };
  const safe = withSafeConditions(document);
  const written = ways.types === undefined ? safe : spellOutTypes(safe, ways.schema, ways.types);
  const operation = getOperationAST(written, operationName);
  if (operation?.operation !== OperationTypeNode.MUTATION) return plan(written);
  const nodes = orderMutation(written, operation).flatMap((part): PlanNode[] => {
    const { node } = plan(part);
    return node === undefined || node.kind === 'Subscription' ? [] : [node];
  });
  const node: PlanNode | undefined = nodes.length < 2 ? nodes[0] : { kind: 'Sequence', nodes };
  return { kind: 'QueryPlan', ...(node === undefined ? {} : { node }) };
}

interface PlanningWay {
  readonly supergraph: Supergraph;
  readonly planner: QueryPlanner;
  readonly twins: Twins;
  readonly facts: EntityFacts;
}

interface PlanningWays {
  /** For nearly every operation. */
  readonly usual: PlanningWay;
  /** For operations with an alias that is the name of a field the planner fetches for itself; made at the first of them. */
  readonly apart: () => PlanningWay;
  /** Names such an alias may have. */
  readonly names: ReadonlySet<string>;
  readonly overrides: ReadonlyMap<string, boolean>;
  readonly types: TroubledTypes | undefined;
  /** What clients see. */
  readonly schema: GraphQLSchema;
  readonly interfacesOf: (typeName: string) => readonly string[];
}

const known = new WeakMap<QueryPlanner, PlanningWays>();

function planningWays(supergraph: Supergraph, planner: QueryPlanner): PlanningWays {
  let ways = known.get(planner);
  if (ways !== undefined) return ways;
  const stock: PlanningWay = { supergraph, planner, twins: new Map(), facts: entityFacts(supergraph) };
  let apart: PlanningWay | undefined;
  ways = {
    usual: prepared(stock, 'arguments'),
    apart: () => (apart ??= prepared(stock, 'all')),
    names: fieldSetNames(supergraph),
    overrides: overridesOf(supergraph),
    types: troubledTypes(supergraph),
    schema: supergraph.apiSchema().toGraphQLJSSchema(),
    interfacesOf: (typeName) => {
      const type = supergraph.schema.type(typeName);
      return type instanceof ObjectType || type instanceof InterfaceType ? type.interfaces().map(({ name }) => name) : [];
    },
  };
  known.set(planner, ways);
  return ways;
}

function prepared(stock: PlanningWay, scope: TwinScope): PlanningWay {
  const result = prepareSupergraph(stock.supergraph, scope);
  if (result === undefined) return stock;
  const planner = new QueryPlanner(result.supergraph, stock.planner['config']);
  return { ...result, planner, facts: entityFacts(result.supergraph) };
}

/** Aliases that are not the name of their own field. */
function aliasesOf(document: DocumentNode): ReadonlySet<string> {
  const aliases = new Set<string>();
  const read = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD && selection.alias !== undefined && selection.alias.value !== selection.name.value) aliases.add(selection.alias.value);
      if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet !== undefined) read(selection.selectionSet);
    }
  };
  for (const definition of document.definitions) if ('selectionSet' in definition) read(definition.selectionSet);
  return aliases;
}

/** Labels that decide for themselves. The planner takes every label it is told nothing about as off. */
function overridesOf(supergraph: Supergraph): ReadonlyMap<string, boolean> {
  const labels = [...(supergraph.schema.directive('join__field')?.applications() ?? [])].flatMap((application) => {
    const label: unknown = application.arguments()['overrideLabel'];
    return typeof label === 'string' ? [label] : [];
  });
  return new Map(labels.map((label) => [label, /^percent\(100(?:\.0*)?\)$/.test(label)]));
}

/** The planner renames from the outside in, but the inner paths speak of names before the outer rename. */
function outputsInOrder(fetch: FetchNode): FetchNode {
  return fetch.outputRewrites === undefined ? fetch : { ...fetch, outputRewrites: [...fetch.outputRewrites].reverse() };
}
