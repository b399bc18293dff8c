/** Generates valid operations against a client schema: aliases, fragments, conditions, variables, merged selections, `__typename` everywhere. */
import {
  getNamedType, isAbstractType, isCompositeType, isEnumType, isInputObjectType, isInterfaceType, isListType, isNonNullType, isObjectType, isRequiredArgument, isUnionType, parse, validate,
  NoUndefinedVariablesRule, NoUnusedFragmentsRule, NoUnusedVariablesRule, OverlappingFieldsCanBeMergedRule, PossibleFragmentSpreadsRule, ProvidedRequiredArgumentsRule, ValuesOfCorrectTypeRule, VariablesInAllowedPositionRule,
  type DocumentNode, type GraphQLArgument, type GraphQLCompositeType, type GraphQLField, type GraphQLInputField, type GraphQLInputType, type GraphQLObjectType, type GraphQLSchema,
} from 'graphql';
import type { Random } from './random.js';

export interface GeneratedOperation {
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  /** Values for the same document, so that conditions take both ways. */
  readonly variables: ReadonlyArray<Readonly<Record<string, unknown>>>;
}

/** Response names that other fields of generated schemas have, so that aliases clash with keys and required fields. */
const ALIASES = ['a', 'b', 'id', 'name', 'sku', 'org', 'region', 'oid'];
const MAX_DEPTH = 6;
/** Most operations are small, since planning costs more than in proportion; one in ten is large. */
const SELECTIONS = { small: 16, large: 45 };
const LARGE_SHARE = 0.1;
/** Sets of variable values for a document that has variables, and runs of one that has none. */
const RUNS = { withVariables: 6, without: 3 };
const ATTEMPTS = 12;

/**
 * Makes one operation.
 * @returns undefined when no attempt was valid.
 */
export function generateOperation(random: Random, schema: GraphQLSchema): GeneratedOperation | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const writer = new OperationWriter(random, schema);
    const { text, operationName } = writer.write();
    const document = parse(text);
    if (validate(schema, document, RULES, { maxErrors: 1 }).length === 0) return { document, operationName, variables: Array.from({ length: writer.hasVariables ? RUNS.withVariables : RUNS.without }, () => writer.variableValues()) };
  }
  return undefined;
}

interface VariableDraft {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly defaultValue: string | undefined;
}

/** What the writer cannot be sure of by itself; the other rules hold by the way it writes. */
const RULES = [OverlappingFieldsCanBeMergedRule, PossibleFragmentSpreadsRule, NoUnusedFragmentsRule, NoUnusedVariablesRule, NoUndefinedVariablesRule, VariablesInAllowedPositionRule, ValuesOfCorrectTypeRule, ProvidedRequiredArgumentsRule];

/** What the fields of one response object were selected as, so that selections that merge are equal. */
type Scope = Map<string, string>;

class OperationWriter {
  private readonly variables: VariableDraft[] = [];
  private readonly fragments = new Map<string, { readonly on: string; readonly text: string }>();
  private selections = 0;
  private readonly limit: number;

  constructor(private readonly random: Random, private readonly schema: GraphQLSchema) {
    this.limit = random.chance(LARGE_SHARE) ? SELECTIONS.large : SELECTIONS.small;
  }

  get hasVariables(): boolean {
    return this.variables.length > 0;
  }

  write(): { text: string; operationName: string | undefined } {
    const { random, schema } = this;
    const mutation = schema.getMutationType();
    const mutates = mutation !== null && mutation !== undefined && random.chance(0.15);
    const root = mutates ? mutation : schema.getQueryType();
    if (root === null || root === undefined) throw new Error('The schema has no query type.');
    const name = random.chance(0.4) ? 'Named' : undefined;
    const selection = this.selectionSet(root, 0, new Map());
    const definitions = this.variables.map(({ name: variable, type, defaultValue }) => `$${variable}: ${String(type)}${defaultValue === undefined ? '' : ` = ${defaultValue}`}`);
    const head = [mutates ? 'mutation' : 'query', name, definitions.length === 0 ? undefined : `(${definitions.join(', ')})`].filter((part) => part !== undefined).join(' ');
    const fragments = [...this.fragments].map(([fragment, { on, text }]) => `fragment ${fragment} on ${on} ${text}`);
    const other = name !== undefined && random.chance(0.2) ? ['query Other { __typename }'] : [];
    return { text: [`${head} ${selection}`, ...fragments, ...other].join('\n'), operationName: name };
  }

  variableValues(): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const { name, type, defaultValue } of this.variables) {
      const optional = defaultValue !== undefined || !isNonNullType(type);
      if (!optional || this.random.chance(0.7)) result[name] = this.inputValue(type, 0);
    }
    return result;
  }

  private selectionSet(type: GraphQLCompositeType, depth: number, scope: Scope): string {
    const { random } = this;
    const parts: string[] = [];
    for (let index = random.int(1, this.limit > SELECTIONS.small ? 5 : 3); index > 0; index -= 1) {
      const part = this.selection(type, depth, scope);
      if (part !== undefined) parts.push(part);
    }
    if (parts.length === 0) parts.push('__typename');
    return `{ ${parts.join(' ')} }`;
  }

  private selection(type: GraphQLCompositeType, depth: number, scope: Scope): string | undefined {
    this.selections += 1;
    const shape = this.random.next();
    if (depth === 0 && type === this.schema.getQueryType() && shape < 0.02) return this.introspection();
    if (shape < 0.1) return this.typename(scope);
    if (shape < 0.26 && depth < MAX_DEPTH) return this.inlineFragment(type, depth, scope);
    if (shape < 0.34 && depth < MAX_DEPTH) return this.spread(type, depth, scope);
    if (isUnionType(type)) return depth < MAX_DEPTH ? this.inlineFragment(type, depth, scope) : this.typename(scope);
    return this.field(type, depth, scope);
  }

  private introspection(): string {
    return this.random.pick([
      '__schema { queryType { name } types { name kind } }', '__type(name: "Query") { name fields { name args { name defaultValue } type { name kind } } }',
      '__type(name: "Nothing") { name }', 'meta: __type(name: "Color") { enumValues { name } }',
    ]);
  }

  private typename(scope: Scope): string {
    const alias = this.random.chance(0.2) ? this.random.pick(['kind', 'a', 'id']) : undefined;
    return this.claim(scope, alias ?? '__typename', '__typename') ? `${alias === undefined ? '' : `${alias}: `}__typename${this.condition()}` : '__typename';
  }

  /** Notes a response name; false when it already means something else. */
  private claim(scope: Scope, responseName: string, meaning: string): boolean {
    const known = scope.get(responseName);
    if (known !== undefined) return known === meaning;
    scope.set(responseName, meaning);
    return true;
  }

  private inlineFragment(type: GraphQLCompositeType, depth: number, scope: Scope): string {
    const condition = this.typeCondition(type);
    // Fragments on different object types may use one response name for different fields.
    const inner = isObjectType(condition) && condition !== type && this.random.chance(0.5) ? new Map<string, string>() : scope;
    const on = condition === type && this.random.chance(0.4) ? '' : ` on ${condition.name}`;
    return `...${on}${this.condition()} ${this.selectionSet(condition, depth + 1, inner)}`;
  }

  /** A type whose objects overlap with those of another. */
  private typeCondition(type: GraphQLCompositeType): GraphQLCompositeType {
    const { random, schema } = this;
    const possible = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
    const abstract = Object.values(schema.getTypeMap()).filter((other) => isAbstractType(other) && schema.getPossibleTypes(other).some((object) => possible.includes(object)));
    return random.chance(0.6) ? random.pick(possible) : random.pick([type, ...(abstract as GraphQLCompositeType[])]);
  }

  private spread(type: GraphQLCompositeType, depth: number, scope: Scope): string {
    const { random } = this;
    const fitting = [...this.fragments].filter(([, { on }]) => on === type.name);
    if (fitting.length > 0 && random.chance(0.5)) return `...${random.pick(fitting)[0]}${this.condition()}`;
    const condition = random.chance(0.5) ? type : this.typeCondition(type);
    const text = this.selectionSet(condition, depth + 1, condition === type ? scope : new Map());
    const name = `F${this.fragments.size}`;
    this.fragments.set(name, { on: condition.name, text });
    return `...${name}${this.condition()}`;
  }

  private field(type: Exclude<GraphQLCompositeType, { getTypes: unknown }>, depth: number, scope: Scope): string | undefined {
    const { random } = this;
    if (!isObjectType(type) && !isInterfaceType(type)) return undefined;
    const fields = Object.values((type as GraphQLObjectType).getFields());
    const deep = depth >= MAX_DEPTH || this.selections > this.limit;
    const candidates = deep ? fields.filter((field) => !isCompositeType(getNamedType(field.type))) : fields;
    if (candidates.length === 0) return undefined;
    const composite = candidates.filter((field) => isCompositeType(getNamedType(field.type)));
    const field = composite.length > 0 && random.chance(0.5) ? random.pick(composite) : random.pick(candidates);
    const args = this.args(field);
    const meaning = `${field.name}${args}`;
    let alias = random.chance(0.25) ? random.pick([...ALIASES, ...fields.map(({ name }) => name)]) : undefined;
    if (alias === field.name) alias = undefined;
    let responseName = alias ?? field.name;
    for (let index = 0; !this.claim(scope, responseName, meaning); index += 1) responseName = alias = `${field.name}_${index}`;
    const named = getNamedType(field.type);
    const below = isCompositeType(named) ? ` ${this.selectionSet(named, depth + 1, this.scopeBelow(scope, responseName))}` : '';
    return `${alias === undefined ? '' : `${alias}: `}${field.name}${args}${this.condition()}${below}`;
  }

  /** One scope for a response name, however often it is selected, so that its sub-selections merge. */
  private scopeBelow(scope: Scope, responseName: string): Scope {
    const below = (this.below.get(scope) ?? new Map<string, Scope>());
    this.below.set(scope, below);
    const known = below.get(responseName);
    if (known !== undefined) return known;
    const made: Scope = new Map();
    below.set(responseName, made);
    return made;
  }

  private readonly below = new WeakMap<Scope, Map<string, Scope>>();

  private condition(): string {
    const { random } = this;
    if (!random.chance(0.09)) return '';
    const value = random.chance(0.35) ? String(random.chance(0.5)) : `$${this.booleanVariable()}`;
    const second = random.chance(0.15) ? ` @${random.pick(['skip', 'include'])}(if: ${random.chance(0.5)})` : '';
    const first = random.pick(['skip', 'include']);
    return second.includes(first) ? ` @${first}(if: ${value})` : ` @${first}(if: ${value})${second}`;
  }

  private booleanVariable(): string {
    const existing = this.variables.filter(({ name }) => name.startsWith('if'));
    if (existing.length > 0 && this.random.chance(0.6)) return this.random.pick(existing).name;
    const type = (this.schema.getDirective('include')?.args[0] as GraphQLArgument).type;
    const name = `if${this.variables.length}`;
    this.variables.push({ name, type, defaultValue: this.random.chance(0.3) ? String(this.random.chance(0.5)) : undefined });
    return name;
  }

  private args(field: GraphQLField<unknown, unknown>): string {
    const given = field.args.filter((argument) => isRequiredArgument(argument) || this.random.chance(0.4)).map((argument) => `${argument.name}: ${this.argument(argument)}`);
    return given.length === 0 ? '' : `(${given.join(', ')})`;
  }

  private argument({ type }: GraphQLArgument): string {
    if (!this.random.chance(0.4)) return this.literal(type, 0);
    const name = `v${this.variables.length}`;
    this.variables.push({ name, type, defaultValue: this.random.chance(0.3) ? this.literal(type, 0) : undefined });
    return `$${name}`;
  }

  private literal(type: GraphQLInputType, depth: number): string {
    return printLiteral(this.inputValue(type, depth), type);
  }

  private inputValue(type: GraphQLInputType, depth: number): unknown {
    const { random } = this;
    if (isNonNullType(type)) return this.inputValue(type.ofType, depth) ?? this.inputValue(type, depth);
    if (random.chance(0.1)) return null;
    if (isListType(type)) return Array.from({ length: random.int(0, 2) }, () => this.inputValue(type.ofType, depth + 1));
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields: GraphQLInputField[] = Object.values(type.getFields());
      return Object.fromEntries(fields.filter((field) => random.chance(0.5) && (depth < 2 || field.name !== 'inner')).map((field) => [field.name, this.inputValue(field.type, depth + 1)]));
    }
    switch (type.name) {
      case 'Int': return random.int(-2, 20);
      case 'Float': return random.pick([0.5, 2, -1.25]);
      case 'Boolean': return random.chance(0.5);
      default: return random.pick(['x', 'quo"te', 'ünï', '']);
    }
  }
}

function printLiteral(value: unknown, type: GraphQLInputType): string {
  if (isNonNullType(type)) return printLiteral(value, type.ofType);
  if (value === null || value === undefined) return 'null';
  if (isListType(type)) return `[${(value as unknown[]).map((element) => printLiteral(element, type.ofType)).join(', ')}]`;
  if (isEnumType(type)) return String(value);
  if (isInputObjectType(type)) {
    const fields = type.getFields();
    return `{ ${Object.entries(value).map(([name, inner]) => `${name}: ${printLiteral(inner, (fields[name] as GraphQLInputField).type)}`).join(', ')} }`;
  }
  return JSON.stringify(value);
}
