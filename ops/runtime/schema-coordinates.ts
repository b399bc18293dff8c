/** Finds the definitions of an SDL document by schema coordinate (GraphQL specification, section 3.13). */
import { Kind, type ASTNode, type DefinitionNode, type DocumentNode } from 'graphql';

/**
 * The definitions of a document by coordinate: `Type`, `Type.field`, `Type.field(argument:)`, `@directive` and
 * `@directive(argument:)`. A type has as many as it is defined and extended.
 */
export function coordinateNodes(document: DocumentNode): Map<string, ASTNode[]> {
  const nodes = new Map<string, ASTNode[]>();
  const add = (coordinate: string, node: ASTNode): void => {
    const known = nodes.get(coordinate);
    if (known === undefined) nodes.set(coordinate, [node]);
    else known.push(node);
  };
  for (const definition of document.definitions) addDefinition(definition, add);
  return nodes;
}

/** The coordinate of what holds an element; null for what stands by itself. */
export function parentCoordinate(coordinate: string): string | null {
  const argument = coordinate.indexOf('(');
  if (argument >= 0) return coordinate.slice(0, argument);
  const field = coordinate.lastIndexOf('.');
  return field >= 0 ? coordinate.slice(0, field) : null;
}

function addDefinition(definition: DefinitionNode, add: (coordinate: string, node: ASTNode) => void): void {
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION: case Kind.OBJECT_TYPE_EXTENSION:
    case Kind.INTERFACE_TYPE_DEFINITION: case Kind.INTERFACE_TYPE_EXTENSION:
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: case Kind.INPUT_OBJECT_TYPE_EXTENSION: {
      const type = definition.name.value;
      add(type, definition);
      for (const field of definition.fields ?? []) {
        const coordinate = `${type}.${field.name.value}`;
        add(coordinate, field);
        if (field.kind === Kind.FIELD_DEFINITION) for (const argument of field.arguments ?? []) add(`${coordinate}(${argument.name.value}:)`, argument);
      }
      return;
    }
    case Kind.ENUM_TYPE_DEFINITION: case Kind.ENUM_TYPE_EXTENSION:
      add(definition.name.value, definition);
      for (const value of definition.values ?? []) add(`${definition.name.value}.${value.name.value}`, value);
      return;
    case Kind.UNION_TYPE_DEFINITION: case Kind.UNION_TYPE_EXTENSION:
    case Kind.SCALAR_TYPE_DEFINITION: case Kind.SCALAR_TYPE_EXTENSION:
      add(definition.name.value, definition);
      return;
    case Kind.DIRECTIVE_DEFINITION:
      add(`@${definition.name.value}`, definition);
      for (const argument of definition.arguments ?? []) add(`@${definition.name.value}(${argument.name.value}:)`, argument);
      return;
    default:
  }
}
