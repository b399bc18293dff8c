/** Applies the conventions of the house to one subgraph, and keeps what a change brought in. */
import { isTypeDefinitionNode, isTypeExtensionNode, Kind, type DocumentNode, type TypeDefinitionNode, type TypeExtensionNode } from 'graphql';
import { fingerprintOf, type FindingDraft } from './finding-draft.js';
import { lintField, lintInput, lintType, lintValue, type LintContext, type LintProblem } from './lint-rules.js';

/**
 * Findings of one subgraph that its base did not have.
 * @param base document before; null for a new subgraph.
 * @param listSize name of `@listSize` in the document.
 */
export function lintSubgraph(subgraph: string, base: DocumentNode | null, proposed: DocumentNode, listSize: string): FindingDraft[] {
  const known = new Set(base === null ? [] : lintDocument(subgraph, base, listSize).map(fingerprintOf));
  return lintDocument(subgraph, proposed, listSize).filter((draft) => !known.has(fingerprintOf(draft)));
}

function lintDocument(subgraph: string, document: DocumentNode, listSize: string): FindingDraft[] {
  const context = contextOf(document, listSize);
  const drafts = new Map<string, FindingDraft>();
  const add = (coordinate: string, problems: readonly LintProblem[]): void => {
    for (const { code, message, remedy } of problems) {
      const draft: FindingDraft = { code, kind: 'LINT', criticality: 'SAFE', subgraph, coordinate, message, remedy, before: null, after: null, weighing: null };
      drafts.set(`${code} ${coordinate}`, draft);
    }
  };
  for (const definition of document.definitions) {
    if (isTypeDefinitionNode(definition) || isTypeExtensionNode(definition)) lintDefinition(definition, context, add);
  }
  return [...drafts.values()];
}

function lintDefinition(definition: TypeDefinitionNode | TypeExtensionNode, context: LintContext, add: (coordinate: string, problems: readonly LintProblem[]) => void): void {
  const type = definition.name.value;
  add(type, lintType(definition));
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION: case Kind.OBJECT_TYPE_EXTENSION: case Kind.INTERFACE_TYPE_DEFINITION: case Kind.INTERFACE_TYPE_EXTENSION:
      for (const field of definition.fields ?? []) {
        add(`${type}.${field.name.value}`, lintField(type, field, context));
        for (const argument of field.arguments ?? []) {
          const coordinate = `${type}.${field.name.value}(${argument.name.value}:)`;
          add(coordinate, lintInput(coordinate, argument));
        }
      }
      return;
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: case Kind.INPUT_OBJECT_TYPE_EXTENSION:
      for (const field of definition.fields ?? []) add(`${type}.${field.name.value}`, lintInput(`${type}.${field.name.value}`, field));
      return;
    case Kind.ENUM_TYPE_DEFINITION: case Kind.ENUM_TYPE_EXTENSION:
      for (const value of definition.values ?? []) add(`${type}.${value.name.value}`, lintValue(type, value));
      return;
    default:
  }
}

function contextOf(document: DocumentNode, listSize: string): LintContext {
  const definitions = document.definitions.filter((definition) => isTypeDefinitionNode(definition) || isTypeExtensionNode(definition));
  const names = (...kinds: readonly Kind[]): Set<string> => new Set(definitions.flatMap(({ kind, name }) => (kinds.includes(kind) ? [name.value] : [])));
  return {
    listSize,
    composites: names(Kind.OBJECT_TYPE_DEFINITION, Kind.OBJECT_TYPE_EXTENSION, Kind.INTERFACE_TYPE_DEFINITION, Kind.UNION_TYPE_DEFINITION),
    unions: names(Kind.UNION_TYPE_DEFINITION, Kind.UNION_TYPE_EXTENSION),
    entities: new Set(definitions.flatMap(({ name, directives }) => (directives?.some((directive) => directive.name.value === 'key') === true ? [name.value] : []))),
    defined: new Set(definitions.map(({ name }) => name.value)),
  };
}
