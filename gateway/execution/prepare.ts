/** Prepares an operation: parse, validate, limits, gate 3, authorization, plan; everything repeatable is cached. */
import { operationFromDocument } from '@apollo/federation-internals';
import { getOperationAST, getVariableValues, GraphQLError, parse, print, specifiedRules, validate, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { OperationLimits } from '../config.js';
import { authorizeDocument, grantsOf, type Grants } from '../enforcement/authorization.js';
import { checkCriticalFields } from '../enforcement/constitutional-gate.js';
import { analyseDocument, type DocumentAnalysis } from '../enforcement/document-analysis.js';
import { checkCost, checkStaticLimits, reservedNamesRule } from '../enforcement/limits.js';
import type { GatewayRequest, HashGate, OperationSource, Prepare, PreparedOperation, RevocationView, SupergraphSnapshot } from './contracts.js';

export interface PrepareDeps {
  readonly limits: OperationLimits;
  /** False refuses `__schema` and `__type`. */
  readonly introspection: boolean;
  readonly gate: Pick<HashGate, 'active'>;
  readonly revocations: Pick<RevocationView, 'age'>;
  /** Oldest revocation feed under which CRITICAL fields are served, milliseconds. */
  readonly revocationMaxAgeMs: number;
  readonly metrics: Pick<ServiceMetrics, 'looked'>;
}

/** An analysis with the name its plans are cached under. */
interface AnalysedDocument {
  readonly analysis: DocumentAnalysis;
  readonly key: string;
}

/** Bounds of the caches: text counts for documents, entries for plans. */
const MAX_DOCUMENT_CHARACTERS = 2 * 1024 * 1024;
const MAX_PLANS = 1_000;

/** Makes `prepare`. Caches are keyed by supergraph, so nothing needs clearing when one is swapped. */
export function createPrepare(deps: PrepareDeps): Prepare {
  const documents = new LRUCache<string, DocumentNode>({ maxSize: MAX_DOCUMENT_CHARACTERS, sizeCalculation: (_, key) => key.length });
  const analyses = new WeakMap<SupergraphSnapshot, WeakMap<DocumentNode, Map<string, AnalysedDocument>>>();
  const plans = new LRUCache<string, PreparedOperation>({ max: MAX_PLANS });

  const read = (snapshot: SupergraphSnapshot, { query, document }: OperationSource): DocumentNode => {
    if (document !== undefined) return document;
    if (query === undefined || query === '') throw new AcgsError('BAD_REQUEST', 'The request has no query.');
    const key = `${snapshot.id} ${query}`;
    const known = documents.get(key);
    deps.metrics.looked('document', known !== undefined);
    if (known !== undefined) return known;
    const parsed = parseDocument(query, deps.limits.maxTokens);
    const [error] = validate(snapshot.apiSchema, parsed, [...specifiedRules, reservedNamesRule], { maxErrors: 20 });
    if (error !== undefined) throw new GraphQLError(error.message, { nodes: error.nodes, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
    documents.set(key, parsed);
    return parsed;
  };
  const analyse = (snapshot: SupergraphSnapshot, document: DocumentNode, operation: OperationDefinitionNode): AnalysedDocument => {
    let bySnapshot = analyses.get(snapshot);
    if (bySnapshot === undefined) analyses.set(snapshot, bySnapshot = new WeakMap());
    let byName = bySnapshot.get(document);
    if (byName === undefined) bySnapshot.set(document, byName = new Map());
    const name = operation.name?.value ?? '';
    const known = byName.get(name);
    if (known !== undefined) return known;
    const analysis = analyseDocument(snapshot.apiSchema, snapshot.directives, document, operation);
    checkStaticLimits(analysis, deps.limits, deps.introspection);
    const analysed = { analysis, key: sha256Hex(JSON.stringify([snapshot.id, print(document), name])) };
    byName.set(name, analysed);
    return analysed;
  };

  return (request, source) => {
    const { snapshot } = request;
    const document = read(snapshot, source);
    const operation = selectOperation(document, source.operationName);
    const { analysis, key } = analyse(snapshot, document, operation);
    const variables = source.variables ?? {};
    checkVariables(snapshot, operation, variables);
    checkCost(snapshot.apiSchema, snapshot.directives, analysis, variables, deps.limits.maxCost);
    checkCriticalFields(analysis.criticalFields, request.hashPresented, deps.revocations.age(), deps.revocationMaxAgeMs, deps.gate.active());
    const grants = grantsOf(snapshot.directives, analysis, request.principal);
    const planKey = `${key}:${grants}`;
    const known = plans.get(planKey);
    deps.metrics.looked('plan', known !== undefined);
    if (known !== undefined) return known;
    const prepared = plan(request, document, analysis, grants, planKey);
    plans.set(planKey, prepared);
    return prepared;
  };
}

function plan({ snapshot }: GatewayRequest, document: DocumentNode, analysis: DocumentAnalysis, grants: Grants, planKey: string): PreparedOperation {
  const { operation } = analysis;
  const authorized = authorizeDocument(snapshot.apiSchema, snapshot.directives, document, analysis, grants);
  const operationName = operation.name?.value;
  const queryPlan = authorized.document === undefined
    ? undefined
    : snapshot.planner.buildQueryPlan(operationFromDocument(snapshot.federationApiSchema, authorized.document, { ...(operationName === undefined ? {} : { operationName }), validate: false }));
  return { document, operation, plan: queryPlan, refusals: authorized.refusals, criticalFields: analysis.criticalFields, key: sha256Hex(planKey) };
}

/** @throws AcgsError QUERY_TOO_LARGE or GRAPHQL_PARSE_FAILED. */
function parseDocument(query: string, maxTokens: number): DocumentNode {
  try {
    return parse(query, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    if (isTokenLimitError(error)) throw new AcgsError('QUERY_TOO_LARGE', undefined, { limit: maxTokens });
    throw new AcgsError('GRAPHQL_PARSE_FAILED', error.message, { locations: error.locations });
  }
}

/** True for the error graphql-js raises when a document has more tokens than `maxTokens`. */
export function isTokenLimitError(error: { readonly message: string }): boolean {
  return /Document contains more th?an \d+ tokens/.test(error.message) || error.message.includes('tokens. Parsing aborted');
}

function selectOperation(document: DocumentNode, operationName: string | null | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, operationName);
  if (operation === null || operation === undefined) {
    throw new AcgsError('BAD_REQUEST', typeof operationName === 'string' ? `The document has no operation named "${operationName}".` : 'The document has several operations; operationName must say which to run.');
  }
  return operation;
}

/** @throws AcgsError BAD_USER_INPUT naming what is wrong with which variable. */
function checkVariables(snapshot: SupergraphSnapshot, operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): void {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return;
  const { errors } = getVariableValues(snapshot.apiSchema, definitions, variables, { maxErrors: 10 });
  if (errors === undefined) return;
  throw new AcgsError('BAD_USER_INPUT', errors[0]?.message, { problems: errors.map((error) => error.message) });
}
