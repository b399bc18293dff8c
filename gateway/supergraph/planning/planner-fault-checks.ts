/** Checks a finished plan, so that what it would silently leave out becomes an error. */
import type { FetchNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import {
  getNamedType, getOperationAST, isInterfaceType, isObjectType, Kind, parse,
  type DocumentNode, type FieldNode, type GraphQLNamedType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode,
} from 'graphql';
import { fragmentsOf, placesOf } from './planner-fault-places.js';
import type { EntityFacts } from './planner-fault-facts.js';

/** The plan would not answer the operation as it was asked. */
export class UnusablePlan extends Error {
  override readonly name: string = 'UnusablePlan';
}

/** A name the client chose keeps its document from being planned; the message says which, and is for the client. */
export class NameTaken extends UnusablePlan {
  override readonly name = 'NameTaken';
}

/**
 * Checks that a subgraph is asked for entities only by a key it can resolve, for fields only with what they require, and
 * that no variable of the client takes the place of the representations.
 * @param interfacesOf interfaces of an object type: a subgraph may know the object by one of them alone.
 * @throws UnusablePlan
 */
export function checkFetch(fetch: FetchNode, facts: EntityFacts, interfacesOf: (typeName: string) => readonly string[]): void {
  const sent = fetch.requires === undefined ? undefined : sentNames(fetch.requires);
  if (sent !== undefined && fetch.variableUsages?.includes('representations') === true) {
    throw new UnusablePlan('The variable "$representations" cannot be passed to a subgraph beside the representations of entities; give it another name.');
  }
  for (const [type, names] of sent ?? []) {
    const keys = [type, ...interfacesOf(type)].flatMap((name) => facts.keys(fetch.serviceName, name));
    if (!keys.some((key) => [...key].every((name) => names.has(name)))) throw new UnusablePlan(`The subgraph ${fetch.serviceName} cannot resolve ${type} by a key that the plan could send.`);
  }
  if (facts.requires) checkRequirements(fetch, facts, sent);
}

/** Names sent for each type. */
function sentNames(requires: readonly QueryPlanSelectionNode[]): ReadonlyMap<string, ReadonlySet<string>> {
  const sent = new Map<string, Set<string>>();
  const collect = (selections: readonly QueryPlanSelectionNode[], type: string): void => {
    for (const selection of selections) {
      if (selection.kind === 'InlineFragment') collect(selection.selections, selection.typeCondition ?? type);
      else sent.set(type, (sent.get(type) ?? new Set()).add(selection.name));
    }
  };
  collect(requires, '');
  return sent;
}

/** Fields that require something can be had of entities that are represented with it, or where the subgraph has it itself. */
function checkRequirements({ operation, serviceName }: FetchNode, facts: EntityFacts, sent: ReadonlyMap<string, ReadonlySet<string>> | undefined): void {
  const document = parse(operation, { noLocation: true });
  const fragments = fragmentsOf(document);
  const represented = new Set([...(sent?.values() ?? [])].flatMap((names) => [...names]));
  const walk = (set: SelectionSetNode, type: string | undefined, known: ReadonlySet<string>): void => {
    for (const selection of set.selections) {
      if (selection.kind !== Kind.FIELD) {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (fragment !== undefined) walk(fragment.selectionSet, fragment.typeCondition?.name.value ?? type, known);
        continue;
      }
      const name = selection.name.value;
      if (type !== undefined) {
        for (const required of facts.required(serviceName, type, name)) {
          if (!known.has(required) && !facts.resolves(serviceName, type, required)) throw new UnusablePlan(`The plan asks ${serviceName} for ${type}.${name} without what it requires (${required}).`);
        }
      }
      if (selection.selectionSet === undefined) continue;
      if (name === '_entities' && type === undefined) walk(selection.selectionSet, undefined, represented);
      else walk(selection.selectionSet, type === undefined ? undefined : facts.typeOf(serviceName, type, name), type === undefined ? NOTHING : facts.provided(serviceName, type, name));
    }
  };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const root = `${definition.operation.charAt(0).toUpperCase()}${definition.operation.slice(1)}`;
    walk(definition.selectionSet, sent === undefined ? root : undefined, NOTHING);
  }
}

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Checks that every field the operation is certain to ask for is fetched at its place, under its name, by its arguments.
 * Fields under a condition or a narrower type are left out: they may never apply.
 * @param document as it was planned.
 * @throws UnusablePlan naming the first field that is not fetched.
 */
export function checkCoverage(plan: QueryPlan, schema: GraphQLSchema, document: DocumentNode, operationName: string | undefined): void {
  const operation = getOperationAST(document, operationName);
  if (operation === null || operation === undefined) return;
  const { node } = plan;
  const parts = node?.kind === 'Subscription' ? [placesOf(node.primary, []), placesOf(node.rest, [])] : [placesOf(node, [])];
  for (const { place, field } of certainFields(schema, document, operation)) {
    const found = parts.flatMap((fetched) => fetched.get(place) ?? []).some((other) => other.name.value === field.name.value && (field.arguments ?? []).every(({ name }) => other.arguments?.some((argument) => argument.name.value === name.value)));
    if (!found) throw new UnusablePlan(`The plan does not fetch ${place.replaceAll(' ', '.')} (${field.name.value}).`);
  }
}

interface PlacedField {
  /** Response names from the root, with spaces between. */
  readonly place: string;
  readonly field: FieldNode;
}

function certainFields(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): PlacedField[] {
  const fragments = fragmentsOf(document);
  const result: PlacedField[] = [];
  const walk = (set: SelectionSetNode, parent: GraphQLNamedType | undefined, path: readonly string[]): void => {
    for (const selection of set.selections) {
      if ((selection.directives ?? []).some(({ name }) => name.value === 'skip' || name.value === 'include')) continue;
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value;
        if (name.startsWith('__')) continue;
        const place = [...path, selection.alias?.value ?? name];
        result.push({ place: place.join(' '), field: selection });
        if (selection.selectionSet === undefined) continue;
        const type = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name]?.type : undefined;
        walk(selection.selectionSet, type === undefined ? undefined : getNamedType(type), place);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      const condition = fragment?.typeCondition?.name.value;
      if (fragment !== undefined && (condition === undefined || condition === parent?.name)) walk(fragment.selectionSet, parent, path);
    }
  };
  walk(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined, []);
  return result;
}
