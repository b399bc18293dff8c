/**
 * Prepares a supergraph for the planner so that what the planner fetches for itself never meets what the client selected.
 *
 * The planner puts the fields of keys, @requires and @fromContext into the same response objects as the client's own
 * selections and takes one response name for one value. That is wrong when a required field has arguments, or when the
 * client uses such a name as an alias. Here each of these fields gets a twin: a further field of the supergraph with a
 * name of its own, which field sets name instead. The plan is made with twins and then speaks of the real fields again
 * (`planner-fault-rewrites.ts`).
 */
import { printSchema, Supergraph } from '@apollo/federation-internals';
import {
  Kind, parse, print, visit,
  type ArgumentNode, type ConstDirectiveNode, type ConstValueNode, type DefinitionNode, type DocumentNode, type FieldDefinitionNode, type FieldNode, type InterfaceTypeDefinitionNode, type ObjectTypeDefinitionNode, type SelectionNode, type SelectionSetNode,
} from 'graphql';

/** A field that stands in for another one in field sets. */
export interface Twin {
  /** Of the twin; also the response name under which its value is kept. */
  readonly name: string;
  /** Name of the real field. */
  readonly field: string;
  /** Arguments the field set gives to the real field. */
  readonly arguments: readonly ArgumentNode[];
}

/** By name. */
export type Twins = ReadonlyMap<string, Twin>;

export interface PreparedSupergraph {
  readonly supergraph: Supergraph;
  readonly twins: Twins;
}

/** Which fields of field sets get twins: those with arguments, or all. */
export type TwinScope = 'arguments' | 'all';

type TypeNode = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

/**
 * Prepares a supergraph.
 * Keys that can be resolved come before others of the same subgraph, since the planner takes the first one.
 * @returns undefined when there is nothing to change.
 */
export function prepareSupergraph(supergraph: Supergraph, scope: TwinScope): PreparedSupergraph | undefined {
  const preparation = new Preparation(parse(printSchema(supergraph.schema), { noLocation: true }), scope);
  const document = preparation.run();
  if (document === undefined) return undefined;
  return { supergraph: Supergraph.build(print(document), { supportedFeatures: null, validateSupergraph: false }), twins: preparation.twins };
}

/** Names that keys, @requires and @fromContext select, at any depth: as aliases they need twins of all fields. */
export function fieldSetNames(supergraph: Supergraph): ReadonlySet<string> {
  const names = new Set<string>();
  visit(parse(printSchema(supergraph.schema), { noLocation: true }), {
    Directive(node) {
      for (const fields of fieldSetsOf(node as ConstDirectiveNode)) visit(parseFieldSet(fields), { Field({ name }) { names.add(name.value); } });
    },
  });
  return names;
}

/** Names at the top of a field set. */
export function topNames(fields: string): string[] {
  const inSet = (set: SelectionSetNode): string[] => set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection.name.value];
    return selection.kind === Kind.INLINE_FRAGMENT ? inSet(selection.selectionSet) : [];
  });
  return inSet(parseFieldSet(fields));
}

class Preparation {
  readonly twins = new Map<string, Twin>();
  private readonly types = new Map<string, TypeNode>();
  private readonly fieldNames = new Set<string>();
  private readonly contexts = new Map<string, string[]>();
  /** Twin name by what the field set selects. */
  private readonly bySelection = new Map<string, string>();
  /** Twins each type must have. */
  private readonly needed = new Map<string, Set<string>>();
  private reordered = false;

  constructor(private readonly document: DocumentNode, private readonly scope: TwinScope) {
    for (const definition of document.definitions) {
      for (const directive of 'directives' in definition ? (definition.directives ?? []) : []) {
        const context = directive.name.value === 'context' ? stringArgument(directive as ConstDirectiveNode, 'name') : undefined;
        if (context !== undefined && 'name' in definition && definition.name !== undefined) this.contexts.set(context, [...(this.contexts.get(context) ?? []), definition.name.value]);
      }
      if (!isFieldedType(definition)) continue;
      this.types.set(definition.name.value, definition);
      for (const field of definition.fields ?? []) this.fieldNames.add(field.name.value);
    }
  }

  run(): DocumentNode | undefined {
    const named = this.document.definitions.map((definition) => (isFieldedType(definition) ? this.nameTwins(definition) : definition));
    if (this.twins.size === 0 && !this.reordered) return undefined;
    for (const definition of named) if (isFieldedType(definition)) this.types.set(definition.name.value, definition);
    return { ...this.document, definitions: named.map((definition) => (isFieldedType(definition) ? this.addTwins(definition) : definition)) };
  }

  /** The type with twins in its field sets and its keys in order. */
  private nameTwins(type: TypeNode): TypeNode {
    const name = type.name.value;
    const directives = (type.directives ?? []).map((directive) => (directive.name.value === 'join__type' && this.scope === 'all' ? this.withFieldSets(directive, [name]) : directive));
    const ordered = [...directives.filter(isResolvableKey), ...directives.filter((directive) => !isResolvableKey(directive))];
    this.reordered ||= directives.filter(({ name: { value } }) => value === 'join__type').some((directive, index, keys) => !isResolvableKey(directive)
      && keys.slice(index + 1).some((later) => isResolvableKey(later) && graphOf(later) === graphOf(directive)));
    return {
      ...type, directives: ordered,
      fields: (type.fields ?? []).map((field) => ({ ...field, directives: (field.directives ?? []).map((directive) => (directive.name.value === 'join__field' ? this.withFieldSets(directive, [name]) : directive)) })),
    };
  }

  private withFieldSets(directive: ConstDirectiveNode, types: readonly string[]): ConstDirectiveNode {
    return {
      ...directive,
      arguments: (directive.arguments ?? []).map((argument) => {
        const { value } = argument;
        if (['key', 'requires'].includes(argument.name.value) && value.kind === Kind.STRING) return { ...argument, value: { ...value, value: this.rename(types, value.value) } };
        return argument.name.value === 'contextArguments' && value.kind === Kind.LIST ? { ...argument, value: { ...value, values: value.values.map((one) => this.contextArgument(one)) } } : argument;
      }),
    };
  }

  private contextArgument(value: ConstValueNode): ConstValueNode {
    if (value.kind !== Kind.OBJECT) return value;
    const context = value.fields.find(({ name }) => name.value === 'context')?.value;
    const types = context?.kind === Kind.STRING ? (this.contexts.get(context.value) ?? []) : [];
    return {
      ...value,
      fields: value.fields.map((field) => (field.name.value === 'selection' && field.value.kind === Kind.STRING
        ? { ...field, value: { ...field.value, value: `{ ${this.rename(types, field.value.value)} }` } }
        : field)),
    };
  }

  /** The field set with twins in place of the fields that need one. */
  private rename(types: readonly string[], fields: string): string {
    return inner(this.renameSet(types, parseFieldSet(fields)));
  }

  private renameSet(types: readonly string[], set: SelectionSetNode): SelectionSetNode {
    return {
      ...set,
      selections: set.selections.map((selection): SelectionNode => {
        if (selection.kind === Kind.INLINE_FRAGMENT) {
          return { ...selection, selectionSet: this.renameSet(selection.typeCondition === undefined ? types : [selection.typeCondition.name.value], selection.selectionSet) };
        }
        return selection.kind === Kind.FIELD ? this.renameField(types, selection) : selection;
      }),
    };
  }

  private renameField(types: readonly string[], field: FieldNode): FieldNode {
    const name = field.name.value;
    const owners = types.filter((type) => this.fieldOf(type, name) !== undefined);
    if (name.startsWith('__') || owners.length === 0) return field;
    const takesArguments = owners.some((type) => this.takesArguments(type, field));
    if (this.scope === 'arguments' && !takesArguments) return field;
    // Field sets that ask the same of a field share its twin; below a field without arguments nothing can differ.
    const twin = this.twinFor(takesArguments ? print(field) : name, field);
    for (const type of owners) this.need(type, twin.name);
    return { kind: Kind.FIELD, name: { kind: Kind.NAME, value: twin.name }, ...(field.selectionSet === undefined ? {} : { selectionSet: field.selectionSet }) };
  }

  /** True when the field, or one selected below it, takes arguments: its value then depends on who asks. */
  private takesArguments(type: string, field: FieldNode): boolean {
    const definition = this.fieldOf(type, field.name.value);
    if ((field.arguments ?? []).length > 0 || (definition?.arguments ?? []).length > 0) return true;
    const named = definition === undefined ? undefined : namedType(definition);
    const below = (set: SelectionSetNode, parent: string | undefined): boolean => set.selections.some((selection) => {
      if (selection.kind === Kind.FIELD) return parent === undefined ? (selection.arguments ?? []).length > 0 : this.takesArguments(parent, selection);
      return selection.kind === Kind.INLINE_FRAGMENT && below(selection.selectionSet, selection.typeCondition?.name.value ?? parent);
    });
    return field.selectionSet !== undefined && below(field.selectionSet, named);
  }

  private twinFor(selection: string, field: FieldNode): Twin {
    const known = this.twins.get(this.bySelection.get(selection) ?? '');
    if (known !== undefined) return known;
    let number = this.twins.size;
    while (this.fieldNames.has(`${field.name.value}__set${number}`)) number += 1;
    const twin: Twin = { name: `${field.name.value}__set${number}`, field: field.name.value, arguments: field.arguments ?? [] };
    this.fieldNames.add(twin.name);
    this.twins.set(twin.name, twin);
    this.bySelection.set(selection, twin.name);
    return twin;
  }

  /** Notes that a type, and what implements it, must have a twin. */
  private need(type: string, twin: string): void {
    const known = this.needed.get(type) ?? new Set();
    this.needed.set(type, known);
    if (known.has(twin)) return;
    known.add(twin);
    if (this.types.get(type)?.kind !== Kind.INTERFACE_TYPE_DEFINITION) return;
    for (const [name, { interfaces }] of this.types) if ((interfaces ?? []).some((one) => one.name.value === type)) this.need(name, twin);
  }

  private fieldOf(type: string, name: string): FieldDefinitionNode | undefined {
    return this.types.get(type)?.fields?.find((field) => field.name.value === name);
  }

  private addTwins(type: TypeNode): TypeNode {
    const added = [...(this.needed.get(type.name.value) ?? [])].flatMap((name): FieldDefinitionNode[] => {
      const real = this.fieldOf(type.name.value, this.twins.get(name)?.field ?? '');
      if (real === undefined) return [];
      return [{ ...real, name: { kind: Kind.NAME, value: name }, arguments: [], directives: (real.directives ?? []).filter((directive) => ['join__field', 'inaccessible'].includes(directive.name.value)) }];
    });
    const fields = [...(type.fields ?? []), ...added].map((field) => ({ ...field, directives: (field.directives ?? []).map((directive) => this.provideTwins(directive, namedType(field))) }));
    return { ...type, fields };
  }

  /** Where a @provides promises a field, it promises the twins of it that take no arguments too. */
  private provideTwins(directive: ConstDirectiveNode, type: string): ConstDirectiveNode {
    return {
      ...directive,
      arguments: (directive.arguments ?? []).map((argument) => (argument.name.value === 'provides' && argument.value.kind === Kind.STRING
        ? { ...argument, value: { ...argument.value, value: inner(this.withTwins(parseFieldSet(argument.value.value), type)) } }
        : argument)),
    };
  }

  private withTwins(set: SelectionSetNode, type: string): SelectionSetNode {
    return {
      ...set,
      selections: set.selections.flatMap((selection): SelectionNode[] => {
        if (selection.kind === Kind.INLINE_FRAGMENT) return [{ ...selection, selectionSet: this.withTwins(selection.selectionSet, selection.typeCondition?.name.value ?? type) }];
        if (selection.kind !== Kind.FIELD) return [selection];
        const definition = this.fieldOf(type, selection.name.value);
        const field = selection.selectionSet === undefined || definition === undefined ? selection : { ...selection, selectionSet: this.withTwins(selection.selectionSet, namedType(definition)) };
        const twins = [...(this.needed.get(type) ?? [])].filter((name) => this.twins.get(name)?.field === selection.name.value);
        return [field, ...twins.map((name): FieldNode => ({ ...field, name: { kind: Kind.NAME, value: name } }))];
      }),
    };
  }
}

function isFieldedType(definition: DefinitionNode): definition is TypeNode {
  return definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
}

function argumentOf(directive: ConstDirectiveNode, name: string): ConstValueNode | undefined {
  return directive.arguments?.find((argument) => argument.name.value === name)?.value;
}

function stringArgument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = argumentOf(directive, name);
  return value?.kind === Kind.STRING ? value.value : undefined;
}

function isResolvableKey(directive: ConstDirectiveNode): boolean {
  const value = argumentOf(directive, 'resolvable');
  return !(value?.kind === Kind.BOOLEAN && !value.value);
}

function graphOf(directive: ConstDirectiveNode): string | undefined {
  const value = argumentOf(directive, 'graph');
  return value?.kind === Kind.ENUM ? value.value : undefined;
}

function namedType({ type }: FieldDefinitionNode): string {
  let inside = type;
  while (inside.kind !== Kind.NAMED_TYPE) inside = inside.type;
  return inside.name.value;
}

/** Texts of the field sets a directive of the join specification holds. */
function fieldSetsOf(directive: ConstDirectiveNode): string[] {
  if (directive.name.value !== 'join__type' && directive.name.value !== 'join__field') return [];
  const contexts = argumentOf(directive, 'contextArguments');
  const selections = contexts?.kind === Kind.LIST ? contexts.values.flatMap((one) => (one.kind === Kind.OBJECT ? one.fields.filter(({ name }) => name.value === 'selection').map(({ value }) => (value.kind === Kind.STRING ? value.value : '')) : [])) : [];
  return [...['key', 'requires'].flatMap((name) => stringArgument(directive, name) ?? []), ...selections];
}

/** A field set may be written with braces around it. */
function parseFieldSet(fields: string): SelectionSetNode {
  const text = fields.trim();
  const [definition] = parse(text.startsWith('{') ? text : `{ ${text} }`, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`"${fields}" is not a field set.`);
  return definition.selectionSet;
}

function inner(set: SelectionSetNode): string {
  return set.selections.map((selection) => print(selection)).join(' ').replace(/\s+/g, ' ');
}
