/** What the directives of the subgraphs say about entities and their fields, as the planner sees them. */
import { baseType, InterfaceType, ObjectType, type Directive, type FieldDefinition, type Supergraph } from '@apollo/federation-internals';
import { topNames } from './planner-fault-twins.js';

export interface EntityFacts {
  /** False when no field of the supergraph has a @requires. */
  readonly requires: boolean;
  /** Names at the top of the field's @requires; empty for other fields. */
  required(service: string, typeName: string, fieldName: string): ReadonlySet<string>;
  /** Names at the top of each key that the subgraph can resolve. */
  keys(service: string, typeName: string): readonly ReadonlySet<string>[];
  /** Names at the top of the field's @provides. */
  provided(service: string, typeName: string, fieldName: string): ReadonlySet<string>;
  /** True when the subgraph resolves the field wherever it has the type: it is not external, or part of a key. */
  resolves(service: string, typeName: string, fieldName: string): boolean;
  /** Name of the type of a field; undefined when the subgraph does not have it. */
  typeOf(service: string, typeName: string, fieldName: string): string | undefined;
}

/** Reads the facts of a supergraph. */
export function entityFacts(supergraph: Supergraph): EntityFacts {
  const schemas = new Map(supergraph.subgraphs().values().map((subgraph) => [subgraph.name, subgraph.schema]));
  const entity = (service: string, typeName: string): ObjectType | InterfaceType | undefined => {
    const type = schemas.get(service)?.type(typeName);
    return type instanceof ObjectType || type instanceof InterfaceType ? type : undefined;
  };
  const fieldOf = (service: string, typeName: string, fieldName: string): FieldDefinition<ObjectType | InterfaceType> | undefined => entity(service, typeName)?.field(fieldName);
  const names = (element: { readonly appliedDirectives: readonly Directive[] } | undefined, directive: string): ReadonlySet<string> => new Set(named(element, directive).flatMap(({ fields }) => topNames(String(fields))));
  return {
    requires: [...schemas.values()].some((schema) => schema.objectTypes().some((type) => type.fields().some((field) => named(field, 'requires').length > 0))),
    required: (service, typeName, fieldName) => names(fieldOf(service, typeName, fieldName), 'requires'),
    provided: (service, typeName, fieldName) => names(fieldOf(service, typeName, fieldName), 'provides'),
    keys: (service, typeName) => named(entity(service, typeName), 'key').filter(({ resolvable }) => resolvable !== false).map(({ fields }) => new Set(topNames(String(fields)))),
    resolves(service, typeName, fieldName) {
      const field = fieldOf(service, typeName, fieldName);
      return field !== undefined && (named(field, 'external').length === 0 || named(entity(service, typeName), 'key').some(({ fields }) => topNames(String(fields)).includes(fieldName)));
    },
    typeOf(service, typeName, fieldName) {
      const type = fieldOf(service, typeName, fieldName)?.type;
      return type === undefined ? undefined : baseType(type).name;
    },
  };
}

function named(element: { readonly appliedDirectives: readonly Directive[] } | undefined, directive: string): Record<string, unknown>[] {
  return (element?.appliedDirectives ?? []).filter(({ name }) => name === directive || name === `federation__${directive}`).map((one) => one.arguments());
}
