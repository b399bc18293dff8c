/**
 * What reading a field demands: `@authenticated`, `@requiresScopes`, `@policy` and `@constitutional(level: CRITICAL)`
 * of everything that is read with it.
 *
 * - A field demands what it, its type, the named type it returns (enums and scalars too) and its inputs demand. Inputs
 *   are what `@requires` and `@fromContext` select, at any depth: their values reach the field's resolver.
 * - A field of an interface, and the interface itself, demand what those of every implementation demand.
 * - A field of an object, and the object itself, demand what an interface says on top of its implementations. What
 *   composition copied from an implementation to the interface is no such thing, so an implementation is not closed
 *   because a sibling is.
 * - Arguments and input types are not protected; `@key` and `@provides` demand nothing: they say where a value can be
 *   read, and a client that reads it meets the field's own demands.
 */
import { dnfConjunction, isInterfaceType, isObjectType, type Directive, type NamedType, type Schema } from '@apollo/federation-internals';
import { Kind, parse, type SelectionSetNode } from 'graphql';
import type { Requirement } from './directive-data.js';
import { appliedTo, fieldsType, possibleTypes, namedTypeOf, textArgument, valuesOf, type AnyElement, type AnyField, type FieldsType } from './directive-values.js';
import { directiveNameIn, nameInFeature, type EnforcedDirective } from './link-names.js';

/** Demands of one element, or of everything reachable from it. */
interface Demands {
  critical: boolean;
  readonly requirements: Set<number>;
}
/** A coordinate, `Type` or `Type.field`, with what is read with it. */
interface Node extends Demands {
  readonly reads: Set<string>;
  /** The part of its demands that only its interfaces declare. */
  readonly inherited: Demands;
}
type Dnf = readonly (readonly string[])[];

/** Reads and closes the demands of every type and field of a supergraph. */
export class DemandReader {
  readonly requirements: Requirement[] = [];
  private readonly ids = new Map<string, number>();
  private readonly nodes = new Map<string, Node>();
  private readonly directives: Readonly<Record<EnforcedDirective, string | undefined>>;
  private readonly joinField: string | undefined;
  /** Types that set a context, by its name in the supergraph. */
  private readonly contexts = new Map<string, NamedType[]>();

  /** @throws Error when a field set of the supergraph cannot be read. */
  constructor(private readonly schema: Schema) {
    const name = (directive: EnforcedDirective): string | undefined => directiveNameIn(schema, directive);
    this.directives = { constitutional: name('constitutional'), authenticated: name('authenticated'), requiresScopes: name('requiresScopes'), policy: name('policy'), cost: undefined, listSize: undefined };
    this.joinField = nameInFeature(schema, 'https://specs.apollo.dev/join', 'field');
    this.readContexts(nameInFeature(schema, 'https://specs.apollo.dev/context', 'context'));
    for (const type of schema.types()) {
      this.nodes.set(type.name, this.typeNode(type));
      if (isObjectType(type) || isInterfaceType(type)) for (const field of type.fields()) this.nodes.set(field.coordinate, this.fieldNode(type, field));
    }
  }

  /** Fields of a type that clients may select; none for types without fields. */
  fieldNames(typeName: string): readonly string[] {
    return fieldsType(this.schema, typeName)?.fields().map(({ name }) => name) ?? [];
  }

  type(typeName: string): readonly number[] {
    return ascending(this.closure(typeName).requirements);
  }

  field(typeName: string, fieldName: string): { readonly critical: boolean; readonly requirements: readonly number[] } {
    const { critical, requirements } = this.closure(`${typeName}.${fieldName}`);
    return { critical, requirements: ascending(requirements) };
  }

  /** Coordinates of everything that is read with a type or a field, itself included. */
  reached(coordinate: string): ReadonlySet<string> {
    return this.closure(coordinate).reached;
  }

  /** What an element demands itself, without what is read with it. */
  own(coordinate: string): { readonly critical: boolean; readonly requirements: readonly number[] } {
    const node = this.nodes.get(coordinate);
    return { critical: node?.critical ?? false, requirements: ascending(node?.requirements ?? new Set()) };
  }

  /** The part of `own` that an object or its field has from its interfaces alone. */
  inherited(coordinate: string): { readonly critical: boolean; readonly requirements: readonly number[] } {
    const inherited = this.nodes.get(coordinate)?.inherited;
    return { critical: inherited?.critical ?? false, requirements: ascending(inherited?.requirements ?? new Set()) };
  }

  private closure(coordinate: string): Demands & { readonly reached: ReadonlySet<string> } {
    const reached = new Set([coordinate]);
    const total: Demands = { critical: false, requirements: new Set() };
    for (const at of reached) {
      const node = this.nodes.get(at);
      if (node === undefined) throw new Error(`The supergraph reads ${at} for ${coordinate} and does not have it.`);
      total.critical ||= node.critical;
      for (const id of node.requirements) total.requirements.add(id);
      for (const read of node.reads) reached.add(read);
    }
    return { critical: total.critical, requirements: total.requirements, reached };
  }

  private typeNode(type: NamedType): Node {
    const node: Node = { critical: false, requirements: this.requiredOf(type), reads: new Set(), inherited: { critical: false, requirements: new Set() } };
    if (isInterfaceType(type)) for (const { name } of possibleTypes(type)) node.reads.add(name);
    if (isObjectType(type)) {
      for (const from of type.interfaces()) addInherited(node, false, this.beyondImplementations(from, possibleTypes(from)));
    }
    return node;
  }

  private fieldNode(type: FieldsType, field: AnyField): Node {
    const node: Node = { critical: this.isCritical(field), requirements: this.requiredOf(field), reads: new Set([type.name]), inherited: { critical: false, requirements: new Set() } };
    const result = namedTypeOf(field);
    if (!result.isBuiltIn) node.reads.add(result.name);
    this.addInputs(node, type, field);
    if (isInterfaceType(type)) {
      for (const implementation of possibleTypes(type)) if (implementation.field(field.name) !== undefined) node.reads.add(`${implementation.name}.${field.name}`);
      return node;
    }
    for (const from of type.interfaces()) {
      const inherited = from.field(field.name);
      if (inherited === undefined) continue;
      const siblings = possibleTypes(from).flatMap((implementation) => implementation.field(field.name) ?? []);
      addInherited(node, this.isCritical(inherited), this.beyondImplementations(inherited, siblings));
      // Fields of an @interfaceObject carry their inputs on the interface only.
      this.addInputs(node, type, inherited);
    }
    return node;
  }

  /** What an interface (or its field) demands that does not follow from its implementations' own demands. */
  private beyondImplementations(element: AnyElement, implementations: readonly AnyElement[]): Set<number> {
    const beyond = new Set<number>();
    for (const requirement of this.requirementsOn(element)) {
      const theirs = implementations.flatMap((implementation) => this.requirementsOn(implementation)).filter(({ kind }) => kind === requirement.kind);
      if (!follows(requirement, theirs)) beyond.add(this.idOf(requirement));
    }
    return beyond;
  }

  private requiredOf(element: AnyElement): Set<number> {
    return new Set(this.requirementsOn(element).map((requirement) => this.idOf(requirement)));
  }

  private requirementsOn(element: AnyElement): Requirement[] {
    return [
      ...appliedTo(element, this.directives.authenticated).map((): Requirement => ({ kind: 'authenticated' })),
      ...appliedTo(element, this.directives.requiresScopes).map((applied): Requirement => ({ kind: 'scopes', anyOf: lists(applied, 'scopes') })),
      ...appliedTo(element, this.directives.policy).map((applied): Requirement => ({ kind: 'policies', anyOf: lists(applied, 'policies') })),
    ];
  }

  private isCritical(field: AnyField): boolean {
    return appliedTo(field, this.directives.constitutional).some((applied) => textArgument(applied, 'level') === 'CRITICAL');
  }

  /** Adds what `@requires` and `@fromContext` of a field select. */
  private addInputs(node: Node, parent: FieldsType, field: AnyField): void {
    for (const applied of appliedTo(field, this.joinField)) {
      const { requires, contextArguments } = valuesOf(applied);
      if (typeof requires === 'string') this.addSelections(node, parent, selectionsOf(requires, field.coordinate), field.coordinate);
      if (!Array.isArray(contextArguments)) continue;
      for (const { context, selection } of contextArguments as readonly { context: string; selection: string }[]) {
        for (const type of this.contexts.get(context) ?? []) {
          node.reads.add(type.name);
          this.addSelections(node, type, selectionsOf(selection, field.coordinate), field.coordinate);
        }
      }
    }
  }

  private addSelections(node: Node, parent: NamedType, set: SelectionSetNode, reader: string): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) throw new Error(`The field set of ${reader} spreads a fragment.`);
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        const type = condition === undefined ? parent : this.schema.type(condition);
        if (type === undefined) throw new Error(`The field set of ${reader} names ${condition ?? ''}, which the supergraph does not have.`);
        node.reads.add(type.name);
        this.addSelections(node, type, selection.selectionSet, reader);
      } else if (selection.name.value !== '__typename') {
        const field = fieldsType(this.schema, parent.name)?.field(selection.name.value);
        if (field === undefined) throw new Error(`The field set of ${reader} selects ${parent.name}.${selection.name.value}, which the supergraph does not have.`);
        node.reads.add(field.coordinate);
        if (selection.selectionSet !== undefined) this.addSelections(node, namedTypeOf(field), selection.selectionSet, reader);
      }
    }
  }

  private readContexts(directiveName: string | undefined): void {
    for (const type of this.schema.types()) {
      for (const applied of appliedTo(type, directiveName)) {
        const name = textArgument(applied, 'name') ?? '';
        this.contexts.set(name, [...(this.contexts.get(name) ?? []), type]);
      }
    }
  }

  private idOf(requirement: Requirement): number {
    const key = JSON.stringify(requirement);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = this.requirements.push(requirement) - 1;
    this.ids.set(key, id);
    return id;
  }
}

/** True when whoever meets all of `theirs` meets the requirement; all are of its kind. */
function follows(requirement: Requirement, theirs: readonly Requirement[]): boolean {
  if (theirs.length === 0) return false;
  if (requirement.kind === 'authenticated') return true;
  const all: Dnf = dnfConjunction(theirs.map((other) => (other.kind === 'authenticated' ? [] : other.anyOf.map((names) => [...names]))));
  return all.length > 0 && all.every((held) => requirement.anyOf.some((needed) => needed.every((name) => held.includes(name))));
}

function addInherited(node: Node, critical: boolean, requirements: ReadonlySet<number>): void {
  for (const demands of [node, node.inherited]) {
    demands.critical ||= critical;
    for (const id of requirements) demands.requirements.add(id);
  }
}

function selectionsOf(fieldSet: string, reader: string): SelectionSetNode {
  const text = fieldSet.trim();
  const [operation] = parse(text.startsWith('{') ? text : `{${text}}`, { noLocation: true }).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`The field set of ${reader} is not a selection.`);
  return operation.selectionSet;
}

function lists(applied: Directive, name: string): readonly (readonly string[])[] {
  return (valuesOf(applied)[name] as readonly (readonly string[])[] | undefined) ?? [];
}

function ascending(ids: ReadonlySet<number>): readonly number[] {
  return [...ids].sort((left, right) => left - right);
}
