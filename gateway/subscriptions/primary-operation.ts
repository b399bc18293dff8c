/** The operation that is streamed from the owning subgraph: the planner's primary, made resumable by cursor. */
import type { FetchNode } from '@apollo/query-planner';
import {
  Kind, getNamedType, isInterfaceType, isObjectType, parse, print, valueFromASTUntyped, visit,
  type ArgumentNode, type DocumentNode, type FieldNode, type GraphQLField, type GraphQLSchema, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode, type VariableDefinitionNode,
} from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';

const CURSOR_TYPE = 'Cursor';

/** Where a message stands in its stream; `cursor` is undefined when the payload carries none (its data is null). */
export interface MessagePlace {
  readonly cursor: string | undefined;
  readonly kind: string | undefined;
}

/** The streamed operation of one plan. */
export interface PrimaryOperation {
  readonly subgraph: string;
  readonly query: string;
  readonly operationName: string | undefined;
  /** Schema name of the subscription field. */
  readonly fieldName: string;
  /** True when the field takes `after: Cursor` and its messages carry `cursor: Cursor`. */
  readonly resumable: boolean;
  /**
   * Variables to send.
   * @param given what the client sent.
   * @param cursor place to resume after; undefined keeps what the client asked for.
   */
  variables(given: Readonly<Record<string, unknown>>, cursor: string | undefined): Record<string, unknown>;
  /** The client's variable that carries `after`; undefined when it is a literal or not given. */
  readonly afterVariable: string | undefined;
  /** What the client asked to start after: a variable's value, its default, a literal, or undefined. */
  initialAfter(given: Readonly<Record<string, unknown>>): unknown;
  /**
   * Variables to send, with the place to start given by the caller alone.
   * @param after undefined leaves the argument out.
   */
  variablesAfter(given: Readonly<Record<string, unknown>>, after: unknown): Record<string, unknown>;
  /** Reads cursor and kind from the data of a message. */
  placeOf(data: Readonly<Record<string, unknown>> | null | undefined): MessagePlace;
  /**
   * Makes the OPENED message of another place: everything as in a given OPENED, but every selection of its cursor.
   * Undefined where messages have no kind, so that nobody can say which is OPENED.
   */
  readonly openedAt: ((opened: Readonly<Record<string, unknown>>, cursor: string) => Record<string, unknown>) | undefined;
}

const NOWHERE: MessagePlace = { cursor: undefined, kind: undefined };

/**
 * Rewrites the planner's primary: `after` becomes a variable of ours and the message's cursor and kind are
 * selected under reserved aliases. Response shaping by the client's own document drops them again.
 * @param resumes false leaves the operation as it is: the upstream does not keep the contract of cursors.
 * @throws AcgsError GRAPHQL_VALIDATION_FAILED when the operation does not select exactly one unconditional field.
 */
export function primaryOperationOf(fetch: FetchNode, apiSchema: GraphQLSchema, resumes = true): PrimaryOperation {
  const document = fetch.operationDocumentNode ?? parse(fetch.operation, { noLocation: true });
  const operation = operationOf(document);
  const root = rootFieldOf(operation.selectionSet, document);
  const definition = apiSchema.getSubscriptionType()?.getFields()[root.name.value];
  if (definition === undefined) throw new AcgsError('GRAPHQL_VALIDATION_FAILED', `The schema has no subscription field ${root.name.value}.`);
  const rootKey = root.alias?.value ?? root.name.value;
  const base = { subgraph: fetch.serviceName, operationName: fetch.operationName, fieldName: root.name.value };
  const usages = fetch.variableUsages ?? [];

  if (!resumes || !isResumable(definition)) {
    const plain = (given: Readonly<Record<string, unknown>>): Record<string, unknown> => pick(given, usages);
    return { ...base, query: fetch.operation, resumable: false, variables: plain, afterVariable: undefined, initialAfter: () => undefined, variablesAfter: plain, placeOf: () => NOWHERE, openedAt: undefined };
  }

  const taken = namesIn(document);
  const afterName = unused('_acgs_after', taken);
  const cursorKey = unused('_acgs_cursor', taken);
  const kindKey = hasField(definition, 'kind') ? unused('_acgs_kind', taken) : undefined;
  const rewritten = rewrite(document, root, afterName, [field(cursorKey, 'cursor'), ...(kindKey === undefined ? [] : [field(kindKey, 'kind')])]);
  const clientAfter = root.arguments?.find((argument) => argument.name.value === 'after');
  const declared = operation.variableDefinitions ?? [];
  const kept = variablesUsed(rewritten);
  const sent = usages.filter((name) => kept.has(name));
  const initial = (given: Readonly<Record<string, unknown>>): unknown => initialAfter(clientAfter, declared, given);
  const send = (given: Readonly<Record<string, unknown>>, after: unknown): Record<string, unknown> => (after === undefined ? pick(given, sent) : { ...pick(given, sent), [afterName]: after });
  const cursorKeys = keysOf('cursor', root, document);

  return {
    ...base,
    query: print(rewritten),
    resumable: true,
    variables: (given, cursor) => send(given, cursor ?? initial(given)),
    afterVariable: clientAfter?.value.kind === Kind.VARIABLE ? clientAfter.value.name.value : undefined,
    initialAfter: initial,
    variablesAfter: send,
    placeOf(data) {
      const message = data?.[rootKey];
      if (typeof message !== 'object' || message === null) return NOWHERE;
      const { [cursorKey]: cursor, [kindKey ?? '']: kind } = message as Record<string, unknown>;
      return { cursor: typeof cursor === 'string' ? cursor : undefined, kind: typeof kind === 'string' ? kind : undefined };
    },
    openedAt: kindKey === undefined ? undefined : (opened, cursor) => {
      const message = { ...(opened[rootKey] as Record<string, unknown>), [cursorKey]: cursor };
      for (const key of cursorKeys) if (Object.hasOwn(message, key)) message[key] = cursor;
      return { ...opened, [rootKey]: message };
    },
  };
}

function operationOf(document: DocumentNode): OperationDefinitionNode {
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new AcgsError('INTERNAL', 'The planned operation holds no operation definition.');
  return operation;
}

/** The one field of the root selection; conditions there could leave nothing to subscribe to, so they are refused. */
function rootFieldOf(selectionSet: SelectionSetNode, document: DocumentNode): FieldNode {
  const fields: FieldNode[] = [];
  const collect = (selections: readonly SelectionNode[]): void => {
    for (const selection of selections) {
      if ((selection.directives ?? []).some(({ name }) => name.value === 'skip' || name.value === 'include')) {
        throw new AcgsError('GRAPHQL_VALIDATION_FAILED', 'The field of a subscription cannot be skipped or included conditionally.');
      }
      if (selection.kind === Kind.FIELD) fields.push(selection);
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet.selections);
      else {
        const fragment = document.definitions.find((entry) => entry.kind === Kind.FRAGMENT_DEFINITION && entry.name.value === selection.name.value);
        if (fragment?.kind === Kind.FRAGMENT_DEFINITION) collect(fragment.selectionSet.selections);
      }
    }
  };
  collect(selectionSet.selections);
  const [first, ...others] = fields;
  if (first === undefined || others.length > 0) throw new AcgsError('GRAPHQL_VALIDATION_FAILED', 'A subscription selects exactly one field.');
  return first;
}

/** Response keys under which a field of the message is selected, fragments included. */
function keysOf(fieldName: string, message: FieldNode, document: DocumentNode): string[] {
  const keys: string[] = [];
  const collect = (selections: readonly SelectionNode[]): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value === fieldName) keys.push(selection.alias?.value ?? selection.name.value);
        continue;
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        collect(selection.selectionSet.selections);
        continue;
      }
      const fragment = document.definitions.find((entry) => entry.kind === Kind.FRAGMENT_DEFINITION && entry.name.value === selection.name.value);
      if (fragment?.kind === Kind.FRAGMENT_DEFINITION) collect(fragment.selectionSet.selections);
    }
  };
  collect(message.selectionSet?.selections ?? []);
  return keys;
}

function isResumable(definition: GraphQLField<unknown, unknown>): boolean {
  const after = definition.args.find((argument) => argument.name === 'after');
  return after !== undefined && getNamedType(after.type).name === CURSOR_TYPE && hasField(definition, 'cursor', CURSOR_TYPE);
}

function hasField(definition: GraphQLField<unknown, unknown>, name: string, type?: string): boolean {
  const message = getNamedType(definition.type);
  if (!isObjectType(message) && !isInterfaceType(message)) return false;
  const found = message.getFields()[name];
  return found !== undefined && (type === undefined || getNamedType(found.type).name === type);
}

function rewrite(document: DocumentNode, root: FieldNode, afterName: string, extra: readonly FieldNode[]): DocumentNode {
  const after: ArgumentNode = { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'after' }, value: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: afterName } } };
  const resumable: FieldNode = {
    ...root,
    arguments: [...(root.arguments ?? []).filter((argument) => argument.name.value !== 'after'), after],
    selectionSet: { kind: Kind.SELECTION_SET, selections: [...(root.selectionSet?.selections ?? []), ...extra] },
  };
  const replaced = visit(document, { Field: (node) => (node === root ? resumable : undefined) });
  const used = variablesUsed(replaced);
  const declaration: VariableDefinitionNode = {
    kind: Kind.VARIABLE_DEFINITION,
    variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: afterName } },
    type: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: CURSOR_TYPE } },
  };
  return visit(replaced, {
    OperationDefinition: (node) => ({
      ...node,
      variableDefinitions: [...(node.variableDefinitions ?? []).filter((entry) => used.has(entry.variable.name.value)), declaration],
    }),
  });
}

function initialAfter(argument: ArgumentNode | undefined, declared: readonly VariableDefinitionNode[], given: Readonly<Record<string, unknown>>): unknown {
  if (argument === undefined) return undefined;
  if (argument.value.kind !== Kind.VARIABLE) return valueFromASTUntyped(argument.value);
  const name = argument.value.name.value;
  if (given[name] !== undefined) return given[name];
  const fallback = declared.find((entry) => entry.variable.name.value === name)?.defaultValue;
  return fallback === undefined ? undefined : valueFromASTUntyped(fallback);
}

function field(alias: string, name: string): FieldNode {
  return { kind: Kind.FIELD, alias: { kind: Kind.NAME, value: alias }, name: { kind: Kind.NAME, value: name } };
}

/** Names of variables that are used, not merely declared. */
function variablesUsed(document: DocumentNode): Set<string> {
  const names = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: (node) => { names.add(node.name.value); },
  });
  return names;
}

function namesIn(document: DocumentNode): Set<string> {
  const names = new Set<string>();
  visit(document, { Name: (node) => { names.add(node.value); } });
  return names;
}

function unused(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  while (taken.has(name)) name += '_';
  return name;
}

function pick(given: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  const chosen: Record<string, unknown> = {};
  for (const name of names) if (Object.hasOwn(given, name) && given[name] !== undefined) chosen[name] = given[name];
  return chosen;
}
