/** Reads an operation once for everything that does not depend on who asks: critical fields, demanded grants, depth, size. */
import { Kind, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import { allowedIntrospectionWork, introspectionWork } from './introspection-work.js';
import { compositeType, resultType } from './schema-lookup.js';

/** What an operation is, fragments included once each, whatever @skip and @include say. */
export interface DocumentAnalysis {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Coordinates of CRITICAL fields, in order of appearance. */
  readonly criticalFields: readonly string[];
  /** Indexes of every requirement a selection of the operation has, ascending. */
  readonly requirements: readonly number[];
  /** Deepest nesting of fields, fragments expanded; introspection aside. */
  readonly depth: number;
  readonly introspectionDepth: number;
  readonly aliases: number;
  /** Fields and spreads after expansion of all fragments; Infinity where it overflows. */
  readonly expandedSelections: number;
  /** True when `__schema` or `__type` is selected. */
  readonly introspects: boolean;
  /** How much of the schema it reads, as a share of what is allowed: above 1 is too much; 0 when it does not introspect. */
  readonly introspectionShare: number;
}

interface Shape {
  readonly depth: number;
  readonly introspectionDepth: number;
  readonly selections: number;
}

const EMPTY: Shape = { depth: 0, introspectionDepth: 0, selections: 0 };

/**
 * Analyses one operation of a validated document.
 * Every fragment is read once, so the time is linear in the document's size even where its expansion is exponential.
 */
export function analyseDocument(schema: GraphQLSchema, directives: DirectiveIndex, document: DocumentNode, operation: OperationDefinitionNode): DocumentAnalysis {
  const fragments = new Map(document.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [])));
  const critical = new Set<string>();
  const requirements = new Set<number>();
  const shapes = new Map<string, Shape>();
  let aliases = 0;
  let introspects = false;

  const enter = (typeName: string): void => { for (const id of directives.type(typeName)) requirements.add(id); };
  const readFragment = (name: string): Shape => {
    const known = shapes.get(name);
    if (known !== undefined) return known;
    const fragment = fragments.get(name);
    // Set before reading, so that a cycle (which validation refuses anyway) ends here.
    shapes.set(name, EMPTY);
    if (fragment === undefined) return EMPTY;
    const shape = readSet(fragment.selectionSet, compositeType(schema, fragment.typeCondition.name.value), false);
    shapes.set(name, shape);
    return shape;
  };
  const readField = (field: FieldNode, parent: GraphQLCompositeType | undefined, introspecting: boolean): Shape => {
    if (field.alias !== undefined) aliases += 1;
    const name = field.name.value;
    const opensIntrospection = name === '__schema' || name === '__type';
    introspects ||= opensIntrospection;
    if (parent !== undefined && !name.startsWith('__')) {
      const rule = directives.field(parent.name, name);
      if (rule.critical) critical.add(`${parent.name}.${name}`);
      for (const id of rule.requirements) requirements.add(id);
    }
    const inside = introspecting || opensIntrospection;
    const below = field.selectionSet === undefined ? EMPTY : readSet(field.selectionSet, resultType(schema, parent, name), inside);
    return inside
      ? { depth: 0, introspectionDepth: below.introspectionDepth + 1, selections: below.selections + 1 }
      : { depth: below.depth + 1, introspectionDepth: below.introspectionDepth, selections: below.selections + 1 };
  };
  const readSet = (set: SelectionSetNode, parent: GraphQLCompositeType | undefined, introspecting: boolean): Shape => {
    let total = EMPTY;
    for (const selection of set.selections) {
      let shape: Shape;
      if (selection.kind === Kind.FIELD) {
        shape = readField(selection, parent, introspecting);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        if (condition !== undefined) enter(condition);
        shape = readSet(selection.selectionSet, condition === undefined ? parent : compositeType(schema, condition), introspecting);
      } else {
        const condition = fragments.get(selection.name.value)?.typeCondition.name.value;
        if (condition !== undefined) enter(condition);
        const inner = readFragment(selection.name.value);
        shape = { ...inner, selections: inner.selections + 1 };
      }
      total = { depth: Math.max(total.depth, shape.depth), introspectionDepth: Math.max(total.introspectionDepth, shape.introspectionDepth), selections: total.selections + shape.selections };
    }
    return total;
  };

  const root = schema.getRootType(operation.operation) ?? undefined;
  if (root !== undefined) enter(root.name);
  const shape = readSet(operation.selectionSet, root, false);
  return {
    operation, fragments, aliases, introspects,
    introspectionShare: introspects ? introspectionWork(schema, { operation, fragments }) / allowedIntrospectionWork(schema) : 0,
    criticalFields: [...critical],
    requirements: [...requirements].sort((left, right) => left - right),
    depth: shape.depth, introspectionDepth: shape.introspectionDepth, expandedSelections: shape.selections,
  };
}
