/** Keeps operations within bounds: tokens, depth, aliases, expansion and estimated cost (cost specification v0.1). */
import {
  getNamedType, getNullableType, GraphQLError, isCompositeType, isListType, Kind,
  type ASTVisitor, type FieldNode, type GraphQLCompositeType, type GraphQLField, type GraphQLSchema, type SelectionSetNode, type ValidationContext,
} from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { OperationLimits } from '../config.js';
import type { DirectiveIndex, ListSize } from '../supergraph/directive-index.js';
import { compositeType, fieldOf, resultType, type DocumentAnalysis } from './document-analysis.js';

/** Elements a list is taken to have when neither an argument nor @listSize says. */
const ASSUMED_LIST_SIZE = 10;
const MUTATION_COST = 10;
const DEFAULT_SLICING_ARGUMENTS = ['first', 'last'];
/** Depth standard introspection documents need. */
const MAX_INTROSPECTION_DEPTH = 20;
/** Selections after expansion of fragments; above it planning and validation would take seconds. */
const MAX_EXPANDED_SELECTIONS = 10_000;

/**
 * Checks everything that does not depend on variables.
 * @throws AcgsError QUERY_TOO_MANY_ALIASES, QUERY_TOO_DEEP, QUERY_TOO_COSTLY or INTROSPECTION_DISABLED.
 */
export function checkStaticLimits(analysis: DocumentAnalysis, limits: OperationLimits, introspection: boolean): void {
  const { aliases, depth, introspectionDepth, expandedSelections, introspects } = analysis;
  if (introspects && !introspection) throw new AcgsError('INTROSPECTION_DISABLED');
  if (aliases > limits.maxAliases) throw new AcgsError('QUERY_TOO_MANY_ALIASES', undefined, { aliases, limit: limits.maxAliases });
  if (depth > limits.maxDepth) throw new AcgsError('QUERY_TOO_DEEP', undefined, { depth, limit: limits.maxDepth });
  if (introspectionDepth > MAX_INTROSPECTION_DEPTH) throw new AcgsError('QUERY_TOO_DEEP', undefined, { depth: introspectionDepth, limit: MAX_INTROSPECTION_DEPTH });
  if (expandedSelections > MAX_EXPANDED_SELECTIONS) throw new AcgsError('QUERY_TOO_COSTLY', 'The document selects too much once its fragments are expanded.', { limit: MAX_EXPANDED_SELECTIONS });
}

/**
 * Estimates and checks the cost: 1 for each object, 0 for each leaf, 10 for each mutation, or the @cost weight; what is
 * inside a list counts once for each element that its slicing argument, @listSize, or 10 lets expect.
 * @returns the estimate.
 * @throws AcgsError QUERY_TOO_COSTLY.
 */
export function checkCost(schema: GraphQLSchema, directives: DirectiveIndex, analysis: DocumentAnalysis, variables: Readonly<Record<string, unknown>>, maxCost: number): number {
  const cost = new CostEstimate(schema, directives, analysis, variables).total();
  if (cost > maxCost) throw new AcgsError('QUERY_TOO_COSTLY', undefined, { cost, limit: maxCost });
  return cost;
}

class CostEstimate {
  private readonly fragments = new Map<string, number>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly directives: DirectiveIndex,
    private readonly analysis: DocumentAnalysis,
    private readonly variables: Readonly<Record<string, unknown>>,
  ) {}

  total(): number {
    const { operation } = this.analysis;
    const root = this.schema.getRootType(operation.operation) ?? undefined;
    return this.ofSet(operation.selectionSet, root, null, operation.operation === 'mutation');
  }

  private ofSet(set: SelectionSetNode, parent: GraphQLCompositeType | undefined, inherited: InheritedSize | null, mutates: boolean): number {
    let sum = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) sum += this.ofField(selection, parent, inherited, mutates);
      else if (selection.kind === Kind.INLINE_FRAGMENT) sum += this.ofSet(selection.selectionSet, selection.typeCondition === undefined ? parent : compositeType(this.schema, selection.typeCondition.name.value), inherited, mutates);
      else sum += this.ofFragment(selection.name.value, inherited, mutates);
    }
    return sum;
  }

  private ofFragment(name: string, inherited: InheritedSize | null, mutates: boolean): number {
    const key = `${name} ${inherited?.size ?? ''} ${inherited?.fields?.join() ?? ''}`;
    const known = this.fragments.get(key);
    if (known !== undefined) return known;
    this.fragments.set(key, 0);
    const fragment = this.analysis.fragments.get(name);
    const cost = fragment === undefined ? 0 : this.ofSet(fragment.selectionSet, compositeType(this.schema, fragment.typeCondition.name.value), inherited, mutates);
    this.fragments.set(key, cost);
    return cost;
  }

  private ofField(node: FieldNode, parent: GraphQLCompositeType | undefined, inherited: InheritedSize | null, mutates: boolean): number {
    const name = node.name.value;
    if (name.startsWith('__')) return node.selectionSet === undefined ? 0 : 1 + this.ofSet(node.selectionSet, resultType(this.schema, parent, name), null, false);
    const field = fieldOf(parent, name);
    if (field === undefined || parent === undefined) return 0;
    const rule = this.directives.field(parent.name, name);
    const isLeaf = !isCompositeType(getNamedType(field.type));
    const own = rule.weight ?? (mutates ? MUTATION_COST : isLeaf ? 0 : 1);
    if (isLeaf) return own;
    const isList = isListType(getNullableType(field.type));
    const sliced = this.slicedSize(node, field, rule.listSize);
    const passedOn = !isList && sliced !== null ? { size: sliced, fields: (rule.listSize?.sizedFields.length ?? 0) > 0 ? (rule.listSize?.sizedFields ?? null) : null } : null;
    const below = node.selectionSet === undefined ? 0 : this.ofSet(node.selectionSet, resultType(this.schema, parent, name), passedOn, false);
    if (!isList) return own + below;
    const fromParent = inherited !== null && (inherited.fields === null || inherited.fields.includes(name)) ? inherited.size : null;
    const size = sliced ?? fromParent ?? rule.listSize?.assumedSize ?? ASSUMED_LIST_SIZE;
    return own + size * (1 + below);
  }

  /** Largest value of the slicing arguments; null when none is given. */
  private slicedSize(node: FieldNode, field: GraphQLField<unknown, unknown>, listSize: ListSize | null): number | null {
    const names = listSize !== null && listSize.slicingArguments.length > 0 ? listSize.slicingArguments : DEFAULT_SLICING_ARGUMENTS;
    let size: number | null = null;
    for (const name of names) {
      const definition = field.args.find((argument) => argument.name === name);
      if (definition === undefined) continue;
      const value = this.numberOf(node.arguments?.find((argument) => argument.name.value === name)?.value ?? null) ?? definition.defaultValue;
      // Zero or less is no promise about the size: a subgraph may read it as "all".
      if (typeof value === 'number' && value > 0) size = Math.max(size ?? 0, value);
    }
    return size;
  }

  private numberOf(value: NonNullable<FieldNode['arguments']>[number]['value'] | null): number | null {
    if (value?.kind === Kind.INT) return Number(value.value);
    if (value?.kind !== Kind.VARIABLE) return null;
    const name = value.name.value;
    if (Object.hasOwn(this.variables, name)) return typeof this.variables[name] === 'number' ? this.variables[name] : null;
    const fallback = this.analysis.operation.variableDefinitions?.find((definition) => definition.variable.name.value === name)?.defaultValue;
    return fallback?.kind === Kind.INT ? Number(fallback.value) : null;
  }
}

/** Size a slicing argument of the parent gives to list fields below it, as in connections; `fields` null means any. */
interface InheritedSize {
  readonly size: number;
  readonly fields: readonly string[] | null;
}

/** Validation rule: names that begin with two underscores are reserved (GraphQL specification, section 2.1.9), so no alias or variable has one. */
export function reservedNamesRule(context: ValidationContext): ASTVisitor {
  const refuse = (what: string, name: string, node: FieldNode): void => context.reportError(new GraphQLError(`${what} "${name}" is reserved: names must not begin with two underscores.`, { nodes: node }));
  return {
    Field(node) {
      if (node.alias?.value.startsWith('__') === true && node.alias.value !== node.name.value) refuse('The alias', node.alias.value, node);
    },
    VariableDefinition(node) {
      const name = node.variable.name.value;
      if (name.startsWith('__')) context.reportError(new GraphQLError(`The variable "$${name}" is reserved: names must not begin with two underscores.`, { nodes: node }));
    },
  };
}
