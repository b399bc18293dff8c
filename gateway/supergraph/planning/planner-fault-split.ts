/**
 * Splits a fetch whose fields cannot share one representation.
 *
 * The planner puts fields of one entity into one fetch and sends everything that any of them requires. That is wrong when
 * two of them require one field with different arguments, and when one is under a condition: what it requires is fetched
 * under that condition too, so that without it the entity cannot be represented and the other fields are lost.
 */
import type { FetchNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import { Kind, parse, print, stripIgnoredCharacters, visit, type DirectiveNode, type DocumentNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { EntityFacts } from './planner-fault-facts.js';
import type { Twins } from './planner-fault-twins.js';

/** A field asked of the entities, with what decides whether it is. */
interface EntityField {
  readonly type: string;
  readonly name: string;
  readonly conditions: string;
}

/** One fetch for each set of fields that can share a representation; the fetch itself when all can. */
export function splitFetch(fetch: FetchNode, twins: Twins, facts: EntityFacts): readonly FetchNode[] {
  if (fetch.requires === undefined || (!fetch.operation.includes('@') && !sendsOneFieldTwice(fetch.requires, twins))) return [fetch];
  const document = parse(fetch.operation, { noLocation: true });
  const operation = document.definitions.find((node): node is OperationDefinitionNode => node.kind === Kind.OPERATION_DEFINITION);
  const [entities] = operation?.selectionSet.selections ?? [];
  if (operation === undefined || entities?.kind !== Kind.FIELD || entities.selectionSet === undefined) return [fetch];
  const groups = new FieldGroups(fetch.serviceName, twins, facts);
  const set = spreadFragments(document, entities.selectionSet);
  forEachField(set, (field) => groups.groupOf(field));
  if (groups.count < 2) return [fetch];
  return Array.from({ length: groups.count }, (_, group): FetchNode => {
    const part: OperationDefinitionNode = { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections: [{ ...entities, selectionSet: filterSet(set, (field) => groups.groupOf(field) === group) }] } };
    return { ...withOperation(fetch, part), requires: filterInputs(fetch.requires ?? [], '', (type, name) => groups.sends(group, type, name)) };
  });
}

function sendsOneFieldTwice(selections: readonly QueryPlanSelectionNode[], twins: Twins): boolean {
  const fields = new Map<string, string>();
  const twice = (inner: readonly QueryPlanSelectionNode[]): boolean => inner.some((selection) => {
    if (selection.kind === 'InlineFragment') return twice(selection.selections);
    const field = twins.get(selection.name)?.field;
    if (field === undefined) return false;
    const known = fields.get(field) ?? selection.name;
    fields.set(field, known);
    return known !== selection.name;
  });
  return twice(selections);
}

/** Sets of fields that share a representation. */
class FieldGroups {
  /** Condition of each group, with the twin it sends for each real field. */
  private readonly groups: { readonly conditions: string; readonly twinFor: Map<string, string> }[] = [];
  private readonly byField = new Map<string, number>();
  private readonly requiredInGroup: Map<string, Set<string>>[] = [];

  constructor(private readonly service: string, private readonly twins: Twins, private readonly facts: EntityFacts) {}

  get count(): number {
    return this.groups.length;
  }

  /** The group of a field; the first in which it fits when it has none yet. */
  groupOf({ type, name, conditions }: EntityField): number {
    const required = this.facts.required(this.service, type, name);
    const condition = required.size === 0 ? '' : conditions;
    const key = JSON.stringify([type, name, condition]);
    let group = this.byField.get(key);
    if (group !== undefined) return group;
    const wanted = [...required].flatMap((one): [string, string][] => (this.twins.has(one) ? [[this.twins.get(one)?.field ?? one, one]] : []));
    group = this.groups.findIndex((known) => known.conditions === condition && wanted.every(([field, twin]) => (known.twinFor.get(field) ?? twin) === twin));
    if (group < 0) {
      group = this.groups.push({ conditions: condition, twinFor: new Map() }) - 1;
      this.requiredInGroup.push(new Map());
    }
    for (const [field, twin] of wanted) this.groups[group]?.twinFor.set(field, twin);
    const byType = this.requiredInGroup[group];
    byType?.set(type, new Set([...(byType.get(type) ?? []), ...required]));
    this.byField.set(key, group);
    return group;
  }

  /** True when a group must send a field of a type: its fields require it, no other group's do, or a key needs it. */
  sends(group: number, type: string, name: string): boolean {
    const requires = (one: number): boolean => this.requiredInGroup[one]?.get(type)?.has(name) ?? false;
    if (requires(group) || !this.groups.some((_, other) => requires(other))) return true;
    return this.facts.keys(this.service, type).every((key) => key.has(name));
  }
}

function spreadFragments(document: DocumentNode, set: SelectionSetNode): SelectionSetNode {
  const fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  return visit(set, {
    FragmentSpread(node): SelectionNode | undefined {
      const fragment = fragments.get(node.name.value);
      if (fragment === undefined) return undefined;
      return { kind: Kind.INLINE_FRAGMENT, typeCondition: fragment.typeCondition, selectionSet: spreadFragments(document, fragment.selectionSet), ...(node.directives === undefined ? {} : { directives: node.directives }) };
    },
  });
}

function forEachField(set: SelectionSetNode, onField: (field: EntityField) => void): void {
  filterSet(set, (field) => {
    onField(field);
    return true;
  });
}

/** The set with some of the fields asked of the entities themselves. */
function filterSet(set: SelectionSetNode, keep: (field: EntityField) => boolean, type = '', conditions: readonly string[] = []): SelectionSetNode {
  return {
    ...set,
    selections: set.selections.flatMap((selection): SelectionNode[] => {
      const all = [...conditions, ...conditionsOf(selection.directives)];
      if (selection.kind === Kind.FIELD) return keep({ type, name: selection.name.value, conditions: [...new Set(all)].sort().join() }) ? [selection] : [];
      if (selection.kind !== Kind.INLINE_FRAGMENT) return [selection];
      const inside = filterSet(selection.selectionSet, keep, selection.typeCondition?.name.value ?? type, all);
      return inside.selections.length === 0 ? [] : [{ ...selection, selectionSet: inside }];
    }),
  };
}

function conditionsOf(directives: readonly DirectiveNode[] | undefined): string[] {
  return (directives ?? []).filter(({ name }) => name.value === 'skip' || name.value === 'include').map((directive) => print(directive));
}

/** The fetch with another operation, and the variables that one uses. */
function withOperation(fetch: FetchNode, operation: OperationDefinitionNode): FetchNode {
  const used = new Set<string>();
  visit(operation.selectionSet, { Variable(node) { used.add(node.name.value); } });
  const definition = { ...operation, variableDefinitions: (operation.variableDefinitions ?? []).filter(({ variable }) => used.has(variable.name.value)) };
  return {
    ...fetch,
    operation: stripIgnoredCharacters(print(definition)),
    ...(fetch.variableUsages === undefined ? {} : { variableUsages: fetch.variableUsages.filter((name) => used.has(name)) }),
  };
}

function filterInputs(selections: readonly QueryPlanSelectionNode[], type: string, sends: (type: string, name: string) => boolean): QueryPlanSelectionNode[] {
  return selections.flatMap((selection): QueryPlanSelectionNode[] => {
    if (selection.kind === 'Field') return sends(type, selection.name) ? [selection] : [];
    return [{ ...selection, selections: filterInputs(selection.selections, selection.typeCondition ?? type, sends) }];
  });
}
