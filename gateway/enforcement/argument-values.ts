/** Reads values of arguments for cost estimates: list sizes at paths of input objects, and weights of what is given. */
import { getNamedType, isInputObjectType, isListType, isNonNullType, Kind, type FieldNode, type GraphQLArgument, type GraphQLInputType, type OperationDefinitionNode, type ValueNode } from 'graphql';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import { FREE, fixedCost, sum, variableCost, type Cost, type Variables } from './cost-amounts.js';

/** A value at some place of an operation: known when it is read, or found in the variables. */
type Found = { readonly value: unknown } | { readonly find: (variables: Variables) => unknown };

const ABSENT: Found = { value: undefined };

/** How many elements an argument lets expect: a number, the length of a list, or null. */
export type SizeAt = number | null | ((variables: Variables) => number | null);

/** Reads the arguments of one operation's fields. */
export class ArgumentReader {
  private readonly weighted = new Map<string, boolean>();

  constructor(private readonly operation: OperationDefinitionNode, private readonly directives: DirectiveIndex) {}

  /**
   * The size a slicing argument gives.
   * @param path name of an argument, or a path into its input object such as `input.page.first`.
   */
  sizeAt(node: FieldNode, definitions: readonly GraphQLArgument[], path: string): SizeAt {
    const [name, ...below] = path.split('.');
    const definition = definitions.find((argument) => argument.name === name);
    if (definition === undefined) return null;
    const literal = node.arguments?.find((argument) => argument.name.value === name)?.value;
    const found = this.at(literal, definition.type, definition.defaultValue, below);
    const isList = isListAt(definition.type, below);
    return 'value' in found ? sizeOf(found.value, isList) : (variables) => sizeOf(found.find(variables), isList);
  }

  /** Weights (`@cost`) of the arguments that are given, and of the input fields in them. */
  weightOf(node: FieldNode, definitions: readonly GraphQLArgument[], weights: ReadonlyMap<string, number> | null): Cost {
    const costs = (node.arguments ?? []).flatMap(({ name, value }): Cost[] => {
      const definition = definitions.find((argument) => argument.name === name.value);
      const own = Math.max(0, weights?.get(name.value) ?? 0);
      if (definition === undefined || (own === 0 && !this.isWeighted(definition.type))) return [];
      const amount = (given: unknown): number => (given === undefined || given === null ? 0 : own + this.weightIn(given, definition.type));
      const found = this.at(value, definition.type, undefined, []);
      return ['value' in found ? fixedCost(amount(found.value)) : variableCost((variables) => amount(found.find(variables)))];
    });
    return costs.length === 0 ? FREE : sum(costs);
  }

  /** @param fallback default of the argument or input field, used where no value is given. */
  private at(literal: ValueNode | undefined, type: GraphQLInputType, fallback: unknown, path: readonly string[]): Found {
    if (literal === undefined) return { value: within(fallback, type, path) };
    const variable = variablesIn(literal);
    if (variable === 'none') return { value: within(plain(literal, {}), type, path) };
    if (literal.kind === Kind.OBJECT && path.length > 0) {
      const named = isNonNullType(type) ? type.ofType : type;
      const [head, ...below] = path;
      const field = isInputObjectType(named) && head !== undefined ? own(named.getFields(), head) : undefined;
      return field === undefined ? ABSENT : this.at(literal.fields.find(({ name }) => name.value === head)?.value, field.type, field.defaultValue, below);
    }
    return {
      find: (variables) => {
        const value = plain(literal, new Lookup(this.operation, variables));
        return within(value === undefined ? fallback : value, type, path);
      },
    };
  }

  /** Weights of the input fields in a value. */
  private weightIn(value: unknown, type: GraphQLInputType): number {
    if (value === null || value === undefined || !this.isWeighted(type)) return 0;
    if (isNonNullType(type)) return this.weightIn(value, type.ofType);
    if (isListType(type)) {
      const elements: readonly unknown[] = Array.isArray(value) ? value : [value];
      return elements.reduce((total: number, element) => total + this.weightIn(element, type.ofType), 0);
    }
    if (!isInputObjectType(type) || typeof value !== 'object') return 0;
    let total = 0;
    for (const [name, given] of Object.entries(value)) {
      const field = own(type.getFields(), name);
      if (field === undefined || given === null || given === undefined) continue;
      total += Math.max(0, this.directives.inputWeight(type.name, name) ?? 0) + this.weightIn(given, field.type);
    }
    return total;
  }

  /** True when a value of the type can have fields with weights. */
  private isWeighted(type: GraphQLInputType): boolean {
    const named = getNamedType(type);
    if (!isInputObjectType(named)) return false;
    const known = this.weighted.get(named.name);
    if (known !== undefined) return known;
    // Set first, so that input objects that contain themselves end here.
    this.weighted.set(named.name, false);
    const fields = Object.values(named.getFields());
    const weighted = fields.some(({ name }) => (this.directives.inputWeight(named.name, name) ?? 0) > 0) || fields.some((field) => this.isWeighted(field.type));
    this.weighted.set(named.name, weighted);
    return weighted;
  }
}

/** Values of variables with the operation's defaults. */
class Lookup {
  constructor(private readonly operation: OperationDefinitionNode, private readonly variables: Variables) {}

  valueOf(name: string): unknown {
    if (Object.hasOwn(this.variables, name)) return this.variables[name];
    const fallback = this.operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
    return fallback === undefined ? undefined : plain(fallback, {});
  }
}

function variablesIn(value: ValueNode): 'none' | 'some' {
  if (value.kind === Kind.VARIABLE) return 'some';
  if (value.kind === Kind.LIST) return value.values.some((element) => variablesIn(element) === 'some') ? 'some' : 'none';
  if (value.kind === Kind.OBJECT) return value.fields.some((field) => variablesIn(field.value) === 'some') ? 'some' : 'none';
  return 'none';
}

/** A literal as JSON has it; numbers as numbers. */
function plain(value: ValueNode, lookup: Partial<Pick<Lookup, 'valueOf'>>): unknown {
  switch (value.kind) {
    case Kind.VARIABLE: return lookup.valueOf?.(value.name.value);
    case Kind.INT: case Kind.FLOAT: return Number(value.value);
    case Kind.NULL: return null;
    case Kind.LIST: return value.values.map((element) => plain(element, lookup));
    case Kind.OBJECT: return Object.fromEntries(value.fields.map((field) => [field.name.value, plain(field.value, lookup)]));
    default: return value.value;
  }
}

/** What stands at a path of a value, with the defaults of input fields. */
function within(value: unknown, type: GraphQLInputType, path: readonly string[]): unknown {
  const [head, ...below] = path;
  if (head === undefined) return value;
  const named = isNonNullType(type) ? type.ofType : type;
  const field = isInputObjectType(named) ? own(named.getFields(), head) : undefined;
  if (field === undefined || typeof value !== 'object' || value === null) return undefined;
  const given = Object.hasOwn(value, head) ? (value as Readonly<Record<string, unknown>>)[head] : undefined;
  return within(given === undefined ? field.defaultValue : given, field.type, below);
}

function isListAt(type: GraphQLInputType, path: readonly string[]): boolean {
  const nullable = isNonNullType(type) ? type.ofType : type;
  const [head, ...below] = path;
  if (head === undefined) return isListType(nullable);
  const field = isInputObjectType(nullable) ? own(nullable.getFields(), head) : undefined;
  return field !== undefined && isListAt(field.type, below);
}

/** Sizes of custom scalars may come as text; one value stands for a list of one (GraphQL specification, section 3.11). */
function sizeOf(value: unknown, isList: boolean): number | null {
  if (isList && value !== null && value !== undefined) return Array.isArray(value) ? value.length : 1;
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^\d{1,30}$/.test(value)) return Number(value);
  return null;
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
