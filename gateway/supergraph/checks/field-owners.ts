/** Says which subgraphs resolve each field of a supergraph, by the join specification v0.5. */
import { isInterfaceType, isObjectType, type Directive, type NamedType, type Schema } from '@apollo/federation-internals';
import { Kind, parse, type SelectionSetNode } from 'graphql';
import { appliedTo, fieldsType, namedTypeOf, textArgument, valuesOf } from '../directive-values.js';
import { nameInFeature } from '../link-names.js';

const JOIN_IDENTITY = 'https://specs.apollo.dev/join';

export class FieldOwners {
  private readonly joinType: string | undefined;
  private readonly joinField: string | undefined;
  /** Names of subgraphs by their value of `join__Graph`. */
  private readonly names = new Map<string, string>();
  /** Subgraphs that give a field on some paths (`@provides`), by its coordinate. */
  private readonly provided = new Map<string, Set<string>>();

  /** @throws Error when a field set of the supergraph cannot be read. */
  constructor(private readonly supergraph: Schema) {
    const name = (directive: string): string | undefined => nameInFeature(supergraph, JOIN_IDENTITY, directive);
    this.joinType = name('type');
    this.joinField = name('field');
    const joinGraph = name('graph');
    for (const type of supergraph.types()) {
      if (type.kind !== 'EnumType') continue;
      for (const value of type.values) for (const applied of appliedTo(value, joinGraph)) this.names.set(value.name, textArgument(applied, 'name') ?? value.name);
    }
    for (const type of supergraph.types()) {
      if (!isObjectType(type) && !isInterfaceType(type)) continue;
      for (const field of type.fields()) {
        for (const applied of appliedTo(field, this.joinField)) {
          const provides = textArgument(applied, 'provides');
          if (provides !== null) this.addProvided(this.graphOf(applied), namedTypeOf(field), selectionsOf(provides));
        }
      }
    }
  }

  /** True when a subgraph has the type. */
  defines(subgraph: string, typeName: string): boolean {
    const type = this.supergraph.type(typeName);
    return type !== undefined && appliedTo(type, this.joinType).some((applied) => this.graphOf(applied) === subgraph);
  }

  /** Subgraphs that resolve a field, in order of name; a field of an interface is resolved where the interface is an object. */
  of(typeName: string, fieldName: string): readonly string[] {
    const type = fieldsType(this.supergraph, typeName);
    const field = type?.field(fieldName);
    if (type === undefined || field === undefined) return [];
    const able = appliedTo(type, this.joinType).filter((applied) => !isInterfaceType(type) || valuesOf(applied)['isInterfaceObject'] === true).map((applied) => this.graphOf(applied));
    const joined = appliedTo(field, this.joinField);
    const named = joined.filter((applied) => textArgument(applied, 'graph') !== null);
    const provided = this.provided.get(field.coordinate) ?? [];
    const own = joined.length === 0 ? able
      : named.length === 0 ? type.interfaces().flatMap(({ name }) => this.of(name, fieldName))
        : named.filter(resolves).map((applied) => this.graphOf(applied)).filter((graph) => able.includes(graph));
    return [...new Set([...own, ...provided])].sort();
  }

  /** True when a subgraph finds values of the type by a key, or when it is a root type: any plan may ask it for its fields. */
  isEntry(subgraph: string, typeName: string): boolean {
    return this.supergraph.schemaDefinition.roots().some(({ type }) => type.name === typeName) || this.keysOf(typeName).some(({ graph }) => graph === subgraph);
  }

  /** True for a field that some subgraph tells values of the type apart by. */
  isKey(typeName: string, fieldName: string): boolean {
    return this.keysOf(typeName).some(({ key }) => key.selections.some((selection) => selection.kind === Kind.FIELD && selection.name.value === fieldName));
  }

  private keysOf(typeName: string): { readonly graph: string; readonly key: SelectionSetNode }[] {
    const type = this.supergraph.type(typeName);
    return type === undefined ? [] : appliedTo(type, this.joinType).flatMap((applied) => {
      const key = textArgument(applied, 'key');
      return key === null ? [] : [{ graph: this.graphOf(applied), key: selectionsOf(key) }];
    });
  }

  private addProvided(graph: string, parent: NamedType, set: SelectionSetNode): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.addProvided(graph, this.supergraph.type(selection.typeCondition?.name.value ?? parent.name) ?? parent, selection.selectionSet);
        continue;
      }
      const field = fieldsType(this.supergraph, parent.name)?.field(selection.name.value);
      if (field === undefined) continue;
      this.provided.set(field.coordinate, (this.provided.get(field.coordinate) ?? new Set()).add(graph));
      if (selection.selectionSet !== undefined) this.addProvided(graph, namedTypeOf(field), selection.selectionSet);
    }
  }

  private graphOf(applied: Directive): string {
    const value = textArgument(applied, 'graph') ?? '';
    return this.names.get(value) ?? value;
  }
}

/** False where a subgraph only refers to the field, or gave it away for good; with a label it still answers for a part. */
function resolves(applied: Directive): boolean {
  const { external, usedOverridden, overrideLabel } = valuesOf(applied);
  return external !== true && (usedOverridden !== true || typeof overrideLabel === 'string');
}

function selectionsOf(fieldSet: string): SelectionSetNode {
  const text = fieldSet.trim();
  const [operation] = parse(text.startsWith('{') ? text : `{${text}}`, { noLocation: true }).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`The field set "${fieldSet}" is not a selection.`);
  return operation.selectionSet;
}
