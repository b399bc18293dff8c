/** Names what a principal may not read of an operation: one error for each refused selection, at its response path. */
import { GraphQLError, Kind, type DirectiveNode, type FieldNode, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLSchema, type InlineFragmentNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import type { Permissions } from '../execution/contracts.js';
import type { DocumentAnalysis } from './document-analysis.js';
import { compositeType, resultType } from './schema-lookup.js';

/** Refusals reported for one operation; more are refused all the same and summed up in the last. */
const MAX_REPORTED = 100;

/** Values that Boolean variables must have for a selection to be asked for at all, by name; empty when it always is. */
type Conditions = ReadonlyMap<string, boolean>;

/** A refused selection. */
export class Refusal extends GraphQLError {
  /** @param asked one entry for each occurrence: the conditions under which it is asked for. */
  constructor(message: string, path: readonly string[], readonly asked: readonly Conditions[]) {
    super(message, { path, extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } });
  }
}

/** What is known where a selection set is read. */
interface Place {
  readonly parent: GraphQLCompositeType | undefined;
  readonly path: readonly string[];
  /** True inside a fragment on a refused type. */
  readonly hidden: boolean;
  readonly when: Conditions;
}

/**
 * Refusals of the operation, in document order. A selection that `@skip` or `@include` exclude whatever the variables is no refusal.
 * @returns at most 101 of them, the last without a coordinate when there are more.
 */
export function refusalsOf(schema: GraphQLSchema, { operation, fragments }: Pick<DocumentAnalysis, 'operation' | 'fragments'>, permissions: Permissions): readonly Refusal[] {
  const found = new Map<string, { message: string; readonly path: readonly string[]; readonly asked: Conditions[] }>();
  const walked = new Set<string>();

  const add = ({ parent, path, when }: Place, name: string): void => {
    const coordinate = `${parent?.name ?? ''}.${name}`;
    const key = JSON.stringify([coordinate, ...path]);
    const known = found.get(key);
    if (known !== undefined) known.asked.push(when);
    else found.set(key, { message: found.size < MAX_REPORTED ? `The principal may not read ${coordinate}.` : 'The principal may not read further fields of this operation.', path, asked: [when] });
  };
  const readField = (field: FieldNode, place: Place): void => {
    const name = field.name.value;
    if (name.startsWith('__')) return;
    const { parent, hidden, when } = place;
    const path = [...place.path, field.alias?.value ?? name];
    if (hidden || (parent !== undefined && !permissions.maySelect(parent.name, name))) add({ ...place, path }, name);
    else if (field.selectionSet !== undefined) readSet(field.selectionSet, { parent: resultType(schema, parent, name), path, hidden: false, when });
  };
  const readFragment = (fragment: InlineFragmentNode | FragmentDefinitionNode, { parent, path, hidden, when }: Place): void => {
    const condition = fragment.typeCondition?.name.value;
    readSet(fragment.selectionSet, {
      parent: condition === undefined ? parent : compositeType(schema, condition), path, when,
      hidden: hidden || (condition !== undefined && !permissions.mayEnter(condition)),
    });
  };
  const readSet = (set: SelectionSetNode, place: Place): void => {
    for (const selection of set.selections) {
      if (found.size > MAX_REPORTED) return;
      const when = withConditions(place.when, selection.directives);
      if (when === undefined) continue;
      const here = when === place.when ? place : { ...place, when };
      if (selection.kind === Kind.FIELD) {
        readField(selection, here);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        readFragment(selection, here);
      } else {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        const key = JSON.stringify([name, here.hidden, here.path, [...when]]);
        if (fragment === undefined || walked.has(key)) continue;
        walked.add(key);
        readFragment(fragment, here);
      }
    }
  };

  const root = schema.getRootType(operation.operation) ?? undefined;
  readSet(operation.selectionSet, { parent: root, path: [], hidden: root !== undefined && !permissions.mayEnter(root.name), when: new Map() });
  return [...found.values()].map(({ message, path, asked }) => new Refusal(message, path, asked.some(({ size }) => size === 0) ? [] : asked));
}

/**
 * Refusals of selections that the client asks for under these variables: what `@skip` and `@include` leave out is not refused.
 * @param variables as the client sent them; the operation's defaults are looked at where one is absent.
 * @returns the same array when every refusal applies.
 */
export function refusalsThatApply(refusals: readonly GraphQLError[], operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): readonly GraphQLError[] {
  const isTrue = (name: string): boolean => {
    if (Object.hasOwn(variables, name)) return variables[name] === true;
    const fallback = operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
    return fallback?.kind === Kind.BOOLEAN && fallback.value;
  };
  const applies = (refusal: GraphQLError): boolean => !(refusal instanceof Refusal) || refusal.asked.length === 0
    || refusal.asked.some((conditions) => [...conditions].every(([name, expected]) => isTrue(name) === expected));
  return refusals.every(applies) ? refusals : refusals.filter(applies);
}

/** Adds the conditions of one selection; undefined when it is never asked for. */
function withConditions(when: Conditions, directives: readonly DirectiveNode[] | undefined): Conditions | undefined {
  let result = when;
  for (const directive of directives ?? []) {
    const name = directive.name.value;
    if (name !== 'skip' && name !== 'include') continue;
    const expected = name === 'include';
    const value = directive.arguments?.find((argument) => argument.name.value === 'if')?.value;
    if (value?.kind === Kind.BOOLEAN && value.value !== expected) return undefined;
    if (value?.kind !== Kind.VARIABLE) continue;
    const variable = value.name.value;
    const known = result.get(variable);
    if (known !== undefined && known !== expected) return undefined;
    result = new Map(result).set(variable, expected);
  }
  return result;
}
