/** Reads operations: parse, validate, normal form, analysis and the limits that do not depend on variables. */
import { getOperationAST, GraphQLError, Kind, parse, print, separateOperations, specifiedRules, validate, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { inside, type Span } from '../../../ops/runtime/tracing.js';
import type { OperationLimits } from '../../config.js';
import { analyseDocument } from '../../enforcement/document-analysis.js';
import { costReader } from '../../enforcement/cost.js';
import { readBoundedDocument } from '../../enforcement/document-limits.js';
import { checkStaticLimits } from '../../enforcement/limits.js';
import { withoutSuggestion } from '../../enforcement/suggestions.js';
import { FURTHER_RULES } from '../../enforcement/validation-rules.js';
import type { OperationSource, SupergraphSnapshot } from '../contracts.js';
import { rememberCost } from './cost-memory.js';
import type { OperationEntry, PlanCache, ReadDocument, SnapshotPlans } from './plan-cache.js';
import { createVariableCheck } from './variable-check.js';

export interface ReaderDeps {
  readonly limits: OperationLimits;
  /** False refuses `__schema` and `__type`, and suggests no names of the schema. */
  readonly introspection: boolean;
  readonly cache: PlanCache;
  readonly onLookup: (hit: boolean) => void;
}

export interface OperationReader {
  /**
   * The operation of a request; one map lookup when its text is known.
   * @param plans what is remembered of the snapshot.
   * @param span of the request, if its trace is recorded.
   * @throws AcgsError or GraphQLError with a registered code.
   */
  read(snapshot: SupergraphSnapshot, plans: SnapshotPlans, source: OperationSource, span?: Span): OperationEntry;
  /**
   * Takes over an operation that was valid for another supergraph.
   * @returns undefined when it is not valid for this one, or not within its limits.
   */
  adopt(snapshot: SupergraphSnapshot, other: OperationEntry): OperationEntry | undefined;
}

/** Validation errors reported for one document. */
const MAX_ERRORS = 20;
const RULES = [...specifiedRules, ...FURTHER_RULES];

/** Makes the reader. */
export function createOperationReader({ limits, introspection, cache, onLookup }: ReaderDeps): OperationReader {
  const entryOf = (snapshot: SupergraphSnapshot, plans: SnapshotPlans, document: DocumentNode, name: string | undefined): OperationEntry => {
    const text = normalForm(document, name);
    const known = plans.operations.get(text);
    if (known !== undefined) return known;
    const entry = readEntry(snapshot, text, introspection);
    checkStaticLimits(entry.analysis, limits, introspection);
    cache.keep(plans, entry);
    return entry;
  };
  const readText = (snapshot: SupergraphSnapshot, plans: SnapshotPlans, query: string, span: Span | undefined): ReadDocument => {
    const known = plans.texts.get(query);
    onLookup(known !== undefined);
    if (known !== undefined) return known;
    const document = inside(span?.child('graphql.parse'), () => readBoundedDocument(query, limits));
    const error = inside(span?.child('graphql.validate'), () => firstError(snapshot.apiSchema, document, introspection));
    if (error !== undefined) throw new GraphQLError(introspection ? error.message : withoutSuggestion(error.message), { nodes: error.nodes, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
    const read = readDocument(document, () => parse(query, { noLocation: true }), (name) => entryOf(snapshot, plans, document, name));
    plans.texts.set(query, read);
    return read;
  };
  const readNode = (snapshot: SupergraphSnapshot, plans: SnapshotPlans, document: DocumentNode): ReadDocument => {
    let read = plans.nodes.get(document);
    if (read === undefined) plans.nodes.set(document, read = readDocument(document, () => document, (name) => entryOf(snapshot, plans, document, name)));
    return read;
  };

  return {
    read(snapshot, plans, { query, document, operationName }, span) {
      if (document === undefined && (query === undefined || query === '')) throw new AcgsError('BAD_REQUEST', 'The request has no query.');
      const read = document === undefined ? readText(snapshot, plans, query ?? '', span) : readNode(snapshot, plans, document);
      const { sole, several, byName } = read;
      if (sole !== undefined && (operationName === undefined || operationName === null || operationName === sole.operation.name?.value)) return sole;
      const known = typeof operationName === 'string' ? byName.get(operationName) : undefined;
      if (known !== undefined) return known;
      const operation = several === undefined ? undefined : getOperationAST(several, operationName);
      if (several === undefined || operation === null || operation === undefined) throw unknownOperation(operationName);
      const name = operation.name?.value;
      const entry = entryOf(snapshot, plans, several, name);
      byName.set(name ?? '', entry);
      return entry;
    },
    adopt(snapshot, other) {
      const plans = cache.of(snapshot);
      const known = plans.operations.get(other.text);
      if (known !== undefined) return known;
      if (firstError(snapshot.apiSchema, other.document, false) !== undefined) return undefined;
      try {
        return entryOf(snapshot, plans, other.document, other.operation.name?.value);
      } catch (error) {
        if (error instanceof AcgsError) return undefined;
        throw error;
      }
    },
  };
}

/** @param suggest false looks for no names that are like those the schema does not have; a few messages suggest all the same. */
function firstError(schema: GraphQLSchema, document: DocumentNode, suggest: boolean): GraphQLError | undefined {
  return validate(schema, document, RULES, { maxErrors: MAX_ERRORS, hideSuggestions: !suggest })[0];
}

/** @param light gives the document to keep: one without locations, which hold every token of the text. */
function readDocument(document: DocumentNode, light: () => DocumentNode, entryOf: (name: string | undefined) => OperationEntry): ReadDocument {
  const [operation, ...others] = document.definitions.filter((node): node is OperationDefinitionNode => node.kind === Kind.OPERATION_DEFINITION);
  return operation !== undefined && others.length === 0
    ? { sole: entryOf(operation.name?.value), several: undefined, byName: new Map() }
    : { sole: undefined, several: light(), byName: new Map() };
}

/** Prints an operation alone with its fragments, in the order of their names: the same for documents that differ in layout only. */
function normalForm(document: DocumentNode, name: string | undefined): string {
  const own = separateOperations(document)[name ?? ''] ?? document;
  const operations = own.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).map((node) => print(node));
  const fragments = own.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION).sort((left, right) => (left.name.value < right.name.value ? -1 : 1)).map((node) => print(node));
  return [...operations, ...fragments].join('\n');
}

function readEntry({ id, apiSchema, directives }: SupergraphSnapshot, text: string, suggest: boolean): OperationEntry {
  const document = parse(text, { noLocation: true });
  const operation = getOperationAST(document, undefined);
  if (operation === null || operation === undefined) throw new AcgsError('BAD_REQUEST', 'The document has no operation.');
  const analysis = analyseDocument(apiSchema, directives, document, operation);
  const estimate = costReader(apiSchema, directives, analysis);
  return {
    text, document, operation, analysis,
    key: sha256Hex(JSON.stringify([id, text])),
    checkVariables: createVariableCheck(apiSchema, operation, suggest),
    cost: rememberCost((variables) => ('static' in estimate ? estimate.static : estimate.of(variables))),
    grants: new Map(), plans: new Map(), pending: new Map(), refused: new Map(), lastUsed: 0,
  };
}

function unknownOperation(operationName: string | null | undefined): AcgsError {
  return new AcgsError('BAD_REQUEST', typeof operationName === 'string' ? `The document has no operation named "${operationName}".` : 'The document has several operations; operationName must say which to run.');
}
