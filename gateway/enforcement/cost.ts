/**
 * Cost of operations by the cost specification v0.1: estimated from the document before anything is fetched, and counted
 * from the response afterwards by the same weights.
 *
 * - An object costs its type's `@cost`, by default 1; a leaf its type's, by default 0; a field with a weight of its own
 *   costs that instead. A root field of a mutation costs 10 instead.
 * - A list costs 1 (or its field's weight) and, for each element, what an element and the selection below it cost.
 * - Arguments and input fields with a weight cost it where a value is given.
 * - A list has as many elements as its slicing arguments say (the greatest one), or its parent's where the parent names
 *   it in `sizedFields`, or `assumedSize`, or 10. Without @listSize, arguments named `first` and `last` are taken for
 *   slicing arguments of the list, or of the lists in the object that the field returns.
 * - `@skip` and `@include` change nothing: the estimate is an upper bound.
 * - Negative weights count as 0, so that no selection makes another cheaper.
 */
import {
  getNamedType, getNullableType, isCompositeType, isListType, Kind,
  type FieldNode, type GraphQLCompositeType, type GraphQLField, type GraphQLSchema, type SelectionSetNode,
} from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import { ASSUMED_LIST_SIZE, costOfField, DEFAULT_SLICING_ARGUMENTS, type FieldCost } from '../supergraph/cost-defaults.js';
import type { FieldRule } from '../supergraph/directive-data.js';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import { ArgumentReader, type SizeAt } from './argument-values.js';
import { evaluate, fixedCost, FREE, sum, times, type Cost, type Size, type Variables } from './cost-amounts.js';
import type { DocumentAnalysis } from './document-analysis.js';
import { compositeType, fieldOf, resultType } from './schema-lookup.js';

/** The estimate of one operation: one number, or one for each set of variables. */
export type CostReader =
  | { readonly static: number }
  | {
    /** @param variables valid for the operation. @throws AcgsError BAD_USER_INPUT as `costReader` does. */
    of(variables: Variables): number;
  };

/**
 * Compiles the estimate of an operation, so that asking for it costs nothing where it does not depend on variables.
 * @throws AcgsError BAD_USER_INPUT when a field needs exactly one of its slicing arguments and has none or several.
 */
export function costReader(schema: GraphQLSchema, directives: DirectiveIndex, analysis: DocumentAnalysis): CostReader {
  const cost = new Estimate(schema, directives, analysis).total();
  return cost.terms.length === 0 ? { static: cost.fixed } : { of: (variables) => evaluate(cost, variables) };
}

/** Reads the weights that apply to a field. @param mutates true for a root field of a mutation. */
export function fieldCost(directives: DirectiveIndex, { weight }: Pick<FieldRule, 'weight'>, { type }: Pick<GraphQLField<unknown, unknown>, 'type'>, mutates: boolean): FieldCost {
  const named = getNamedType(type);
  return costOfField({ weight, typeWeight: directives.typeWeight(named.name), isList: isListType(getNullableType(type)), isLeaf: !isCompositeType(named), mutates });
}

/** Size a slicing argument of the parent gives to list fields below it, as in connections; `fields` null means any that says nothing itself. */
interface InheritedSize {
  readonly size: Size;
  readonly fields: readonly string[] | null;
}

class Estimate {
  private readonly fragments = new Map<string, Map<InheritedSize | null, Cost>>();
  private readonly argumentReader: ArgumentReader;

  constructor(private readonly schema: GraphQLSchema, private readonly directives: DirectiveIndex, private readonly analysis: DocumentAnalysis) {
    this.argumentReader = new ArgumentReader(analysis.operation, directives);
  }

  total(): Cost {
    const { operation } = this.analysis;
    return this.ofSet(operation.selectionSet, this.schema.getRootType(operation.operation) ?? undefined, null, operation.operation === 'mutation');
  }

  private ofSet(set: SelectionSetNode, parent: GraphQLCompositeType | undefined, inherited: InheritedSize | null, mutates: boolean): Cost {
    return sum(set.selections.map((selection) => {
      if (selection.kind === Kind.FIELD) return this.ofField(selection, parent, inherited, mutates);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return this.ofFragment(selection.name.value, inherited, mutates);
      return this.ofSet(selection.selectionSet, selection.typeCondition === undefined ? parent : compositeType(this.schema, selection.typeCondition.name.value), inherited, mutates);
    }));
  }

  private ofFragment(name: string, inherited: InheritedSize | null, mutates: boolean): Cost {
    let bySize = this.fragments.get(name);
    if (bySize === undefined) this.fragments.set(name, bySize = new Map());
    const known = bySize.get(inherited);
    if (known !== undefined) return known;
    bySize.set(inherited, FREE);
    const fragment = this.analysis.fragments.get(name);
    const cost = fragment === undefined ? FREE : this.ofSet(fragment.selectionSet, compositeType(this.schema, fragment.typeCondition.name.value), inherited, mutates);
    bySize.set(inherited, cost);
    return cost;
  }

  private ofField(node: FieldNode, parent: GraphQLCompositeType | undefined, inherited: InheritedSize | null, mutates: boolean): Cost {
    const name = node.name.value;
    // Introspection has a limit of its own.
    if (name.startsWith('__')) return FREE;
    const field = fieldOf(parent, name);
    if (field === undefined || parent === undefined) return FREE;
    const rule = this.directives.field(parent.name, name);
    const { call, element, isList } = fieldCost(this.directives, rule, field, mutates);
    const sliced = this.slicedSize(node, field, rule);
    const passedOn = isList ? null : passedSize(rule, sliced);
    const own = sum([fixedCost(call), this.argumentReader.weightOf(node, field.args, rule.argumentWeights)]);
    const below = node.selectionSet === undefined ? FREE : this.ofSet(node.selectionSet, resultType(this.schema, parent, name), passedOn, false);
    if (!isList) return sum([own, below]);
    return sum([own, times(listSize(rule, name, sliced, inherited), sum([fixedCost(element), below]))]);
  }

  /** The greatest value of the slicing arguments; null when none is given or the field has none. */
  private slicedSize(node: FieldNode, field: GraphQLField<unknown, unknown>, { listSize: declared }: FieldRule): SizeAt {
    const names = declared === null ? DEFAULT_SLICING_ARGUMENTS : declared.slicingArguments;
    const sizes = names.map((path) => this.argumentReader.sizeAt(node, field.args, path));
    const chosen = (given: readonly (number | null)[]): number | null => {
      if (declared?.requireOneSlicingArgument === true) requireOne(given.filter((size) => size !== null).length, names, field.name);
      // Zero or less is no promise about the size: a subgraph may read it as "all".
      return given.reduce((greatest, size) => (size === null || !(size > 0) ? greatest : Math.max(greatest ?? 0, size)), null);
    };
    if (sizes.every((size) => typeof size !== 'function')) return chosen(sizes);
    return (variables) => chosen(sizes.map((size) => (typeof size === 'function' ? size(variables) : size)));
  }
}

/** What a field that is no list hands to lists below it. */
function passedSize({ listSize: declared }: FieldRule, sliced: SizeAt): InheritedSize | null {
  if (declared === null) return sliced === null ? null : { size: orElse(sliced, ASSUMED_LIST_SIZE), fields: null };
  if (declared.sizedFields.length === 0) return null;
  return { size: orElse(sliced, declared.assumedSize ?? ASSUMED_LIST_SIZE), fields: declared.sizedFields };
}

function listSize({ listSize: declared }: FieldRule, name: string, sliced: SizeAt, inherited: InheritedSize | null): Size {
  const fromParent = inherited !== null && (inherited.fields === null ? declared === null : inherited.fields.includes(name)) ? inherited.size : null;
  const otherwise = fromParent ?? declared?.assumedSize ?? ASSUMED_LIST_SIZE;
  return orElse(sliced, otherwise);
}

function orElse(size: SizeAt, otherwise: Size): Size {
  if (typeof size === 'number') return size;
  if (size === null) return otherwise;
  return (variables) => size(variables) ?? (typeof otherwise === 'number' ? otherwise : otherwise(variables));
}

function requireOne(given: number, names: readonly string[], field: string): void {
  if (given !== 1) throw new AcgsError('BAD_USER_INPUT', `The field "${field}" needs exactly one of the arguments ${names.join(', ')}; ${given} are given.`);
}
