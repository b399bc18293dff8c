/**
 * Keeps the fields of a mutation in the client's order (GraphQL specification, section 6.2.2).
 * The planner merges fragments of equal condition and so moves the fields of the later one before what stands between them.
 */
import { Kind, visit, type ASTNode, type DirectiveNode, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

interface Condition {
  readonly variable: string;
  /** True for `@include`. */
  readonly wanted: boolean;
}

interface RootField {
  readonly node: FieldNode;
  readonly conditions: readonly Condition[];
}

/** Root fields a mutation may come to when the conditions of repeated fields are told apart. */
const MAX_FIELDS = 200;

/**
 * Puts the root fields of a mutation next to each other, without fragments, each response name once for any variables.
 * @param document without constant conditions.
 * @returns documents to be planned and run one after another.
 * @throws Error when the conditions of repeated fields are too many to tell apart.
 */
export function orderMutation(document: DocumentNode, operation: OperationDefinitionNode): readonly DocumentNode[] {
  const fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  return segments(onceEach(rootFields(operation.selectionSet, fragments, []))).map((segment) => withRoot(document, operation, segment));
}

function rootFields(set: SelectionSetNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>, above: readonly Condition[]): RootField[] {
  return set.selections.flatMap((selection): RootField[] => {
    const conditions = [...above, ...(selection.directives ?? []).flatMap(conditionOf)];
    switch (selection.kind) {
      case Kind.FIELD:
        return [{ node: { ...selection, directives: (selection.directives ?? []).filter((directive) => conditionOf(directive).length === 0) }, conditions: distinct(conditions) }];
      case Kind.INLINE_FRAGMENT:
        return rootFields(selection.selectionSet, fragments, conditions);
      default: {
        const fragment = fragments.get(selection.name.value);
        return fragment === undefined ? [] : rootFields(fragment.selectionSet, fragments, conditions);
      }
    }
  });
}

function conditionOf(directive: DirectiveNode): Condition[] {
  const name = directive.name.value;
  const value = directive.arguments?.find((argument) => argument.name.value === 'if')?.value;
  return (name === 'skip' || name === 'include') && value?.kind === Kind.VARIABLE ? [{ variable: value.name.value, wanted: name === 'include' }] : [];
}

function distinct(conditions: readonly Condition[]): Condition[] {
  return conditions.filter((one, index) => conditions.findIndex((other) => other.variable === one.variable && other.wanted === one.wanted) === index);
}

/**
 * Makes the selections of one response name exclude each other: each takes place where it is the first that is included,
 * with everything that any of them selects below.
 */
function onceEach(fields: readonly RootField[]): RootField[] {
  const byName = new Map<string, RootField[]>();
  for (const field of fields) byName.set(responseName(field.node), [...(byName.get(responseName(field.node)) ?? []), field]);
  const result = fields.flatMap((field): RootField[] => {
    const all = byName.get(responseName(field.node)) ?? [field];
    if (all.length === 1) return [field];
    const node = withSelectionsOf(field.node, all);
    return without([field.conditions], all.slice(0, all.indexOf(field))).map((conditions) => ({ node, conditions }));
  });
  if (result.length > MAX_FIELDS) throw new Error('The conditions of mutations that are selected several times are too many.');
  return result;
}

/** Ways in which none of the earlier selections is included; each way is a set of conditions that hold together. */
function without(ways: readonly (readonly Condition[])[], earlier: readonly RootField[]): (readonly Condition[])[] {
  let result = [...ways];
  for (const { conditions } of earlier) {
    result = result.flatMap((way) => conditions.flatMap((condition, index): (readonly Condition[])[] => {
      const added = [...conditions.slice(0, index), { ...condition, wanted: !condition.wanted }];
      const all = distinct([...way, ...added]);
      const impossible = all.some((one) => all.some((other) => other.variable === one.variable && other.wanted !== one.wanted));
      return impossible ? [] : [all];
    }));
    if (result.length > MAX_FIELDS) throw new Error('The conditions of mutations that are selected several times are too many.');
  }
  return result;
}

function withSelectionsOf(node: FieldNode, all: readonly RootField[]): FieldNode {
  const { selectionSet } = node;
  if (selectionSet === undefined) return node;
  return { ...node, selectionSet: { ...selectionSet, selections: all.flatMap((other) => (other.node.selectionSet === undefined ? [] : underConditions(other.conditions, other.node.selectionSet).selections)) } };
}

function underConditions(conditions: readonly Condition[], set: SelectionSetNode): SelectionSetNode {
  return conditions.reduceRight<SelectionSetNode>((inside, condition) => ({
    kind: Kind.SELECTION_SET, selections: [{ kind: Kind.INLINE_FRAGMENT, directives: [directiveOf(condition)], selectionSet: inside }],
  }), set);
}

/** Runs of fields that one operation can hold in order: a field holds one `@include` and one `@skip`. */
function segments(fields: readonly RootField[]): RootField[][] {
  const result: RootField[][] = [[]];
  for (const field of fields) {
    const simple = fits(field);
    if (!simple && (result.at(-1)?.length ?? 0) > 0) result.push([]);
    result.at(-1)?.push(field);
    if (!simple) result.push([]);
  }
  return result.filter((segment) => segment.length > 0);
}

function fits({ conditions }: RootField): boolean {
  return conditions.filter(({ wanted }) => wanted).length <= 1 && conditions.filter(({ wanted }) => !wanted).length <= 1;
}

function withRoot(document: DocumentNode, operation: OperationDefinitionNode, fields: readonly RootField[]): DocumentNode {
  const root: OperationDefinitionNode = {
    ...operation,
    selectionSet: { kind: Kind.SELECTION_SET, selections: fields.flatMap((field) => (fits(field)
      ? [{ ...field.node, directives: [...(field.node.directives ?? []), ...field.conditions.map(directiveOf)] }]
      : underConditions(field.conditions, { kind: Kind.SELECTION_SET, selections: [field.node] }).selections)) },
  };
  // Fragments on the root type are not spread any more; the planner would find use for them and lose the order again.
  const used = fragmentsUsed(document, root);
  return { ...document, definitions: document.definitions.flatMap((node) => (node === operation ? [root] : node.kind === Kind.FRAGMENT_DEFINITION && !used.has(node.name.value) ? [] : [node])) };
}

/** Names of the fragments that an operation spreads, directly or through others. */
function fragmentsUsed(document: DocumentNode, operation: OperationDefinitionNode): ReadonlySet<string> {
  const names = new Set<string>();
  const collect = (node: ASTNode): void => {
    visit(node, {
      FragmentSpread({ name }) {
        if (names.has(name.value)) return;
        names.add(name.value);
        const fragment = document.definitions.find((other) => other.kind === Kind.FRAGMENT_DEFINITION && other.name.value === name.value);
        if (fragment !== undefined) collect(fragment);
      },
    });
  };
  collect(operation);
  return names;
}

function directiveOf({ variable, wanted }: Condition): DirectiveNode {
  return {
    kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: wanted ? 'include' : 'skip' },
    arguments: [{ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'if' }, value: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: variable } } }],
  };
}

function responseName(node: FieldNode): string {
  return node.alias?.value ?? node.name.value;
}
