/** What the parts of the gateway hand each other: the pinned schema, the request, the prepared operation, the result. */
import type { QueryPlan } from '@apollo/query-planner';
import type { DocumentNode, GraphQLError, GraphQLFormattedError, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { PrincipalClaims } from '../../ops/runtime/hop-token.js';
import type { Span } from '../../ops/runtime/tracing.js';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import type { AnswerBytes } from './response/answer-bytes.js';

/** A subgraph as the supergraph names it. */
export interface SupergraphService {
  readonly name: string;
  /** URL written into the supergraph; the gateway routes by its own table. */
  readonly url: string;
}

/** `warm-up` waits until no request's plan does. */
export type PlanningUrgency = 'request' | 'warm-up';

/**
 * Plans one operation of a document that is valid against `apiSchema`, off the event loop.
 * @param operationName which operation of the document; undefined when it has one only.
 * @param urgency default `request`.
 * @throws AcgsError QUERY_TOO_COSTLY when planning it takes too long, GRAPHQL_VALIDATION_FAILED when a name in it keeps it from
 * being planned, PLANNING_UNAVAILABLE when it cannot be planned now; Error when the planner fails.
 */
export type PlanOperation = (document: DocumentNode, operationName: string | undefined, urgency?: PlanningUrgency) => Promise<QueryPlan>;

/** One loaded supergraph; a request keeps the one it started with, whatever is swapped in meanwhile. */
export interface SupergraphSnapshot {
  /** SHA-256 of the supergraph text, hexadecimal. */
  readonly id: string;
  readonly sdl: string;
  /** In the order of the supergraph. */
  readonly services: readonly SupergraphService[];
  /** The supergraph as graphql-js sees it, without applied directives; type conditions of representations are resolved with it. */
  readonly supergraphSchema: GraphQLSchema;
  /** What clients see. */
  readonly apiSchema: GraphQLSchema;
  /** What the directives of the supergraph demand, by type and field. */
  readonly directives: DirectiveIndex;
  /** Works as long as this is one of the last few snapshots; see `PLANNABLE_SNAPSHOTS`. */
  readonly plan: PlanOperation;
}

/** Header values by lower-case name. WebSocket connection parameters are put into the same form. */
export type HeadersLike = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who the credentials of a request or a connection belong to. */
export interface Credentials {
  /** Null when anonymous. */
  readonly principal: PrincipalClaims | null;
  /** Session or API key id behind the credentials; null when anonymous. */
  readonly credentialId: string | null;
  /** When the credentials were issued (JWT) or exchanged (API key), milliseconds since the epoch; null when anonymous. */
  readonly issuedAt: number | null;
  /** When the access token ends, milliseconds since the epoch; null when anonymous or without end. */
  readonly tokenExpiresAt: number | null;
  /** Revocation epoch applied when the credentials were checked. */
  readonly revocationEpoch: number;
}

/** What one request is charged for, and what was left; made by an edge where rates are limited. */
export interface Charge {
  /** Address that an anonymous client is known by. */
  readonly address: string;
  /** Estimated cost, set by preparation; points. */
  cost: number;
  /** True once it was charged, so that preparing it again costs nothing. */
  settled: boolean;
  /** True once the address paid for having its credential looked up. */
  askedAuth: boolean;
  /** The account after the charge. */
  left: { readonly quota: number; readonly windowS: number; readonly left: number; readonly fullInS: number } | undefined;
  /** Seconds to wait, when it was refused. */
  retryAfter: number | undefined;
}

/** Who asks, and what was established about the request before execution. */
export interface GatewayRequest {
  readonly requestId: string;
  /** Null when anonymous. */
  readonly principal: PrincipalClaims | null;
  /** Session or API key id behind the credentials; null when anonymous. */
  readonly credentialId: string | null;
  /** When the access token ends, milliseconds since the epoch; null when anonymous. */
  readonly tokenExpiresAt: number | null;
  /** Revocation epoch applied when the credentials were checked. */
  readonly revocationEpoch: number;
  /** True when the client presented an accepted constitutional hash. */
  readonly hashPresented: boolean;
  /** Milliseconds since the epoch; null for none. */
  readonly deadline: number | null;
  readonly snapshot: SupergraphSnapshot;
  /** Name the client gives itself; undefined where it gives none. */
  readonly client?: string | undefined;
  /** W3C Trace Context to send to subgraphs; undefined where a request does not come over HTTP. */
  readonly traceparent?: string;
  /** True when the client wants nothing from the gateway's cache of answers. */
  readonly pastCaches?: boolean;
  /** Undefined where rates are not limited. */
  readonly charge?: Charge | undefined;
  /** The caller's `tracestate`, unchanged. */
  readonly tracestate?: string;
  /** Span of the request; undefined unless its trace is recorded. */
  readonly span?: Span | undefined;
}

/** What a client sent: text or a parsed document, with the operation's name and the variables. */
export interface OperationSource {
  /** GraphQL text; parsed and validated here. One of `query` and `document` is needed. */
  readonly query?: string | undefined;
  /** A document that was parsed and validated against `request.snapshot.apiSchema` already. */
  readonly document?: DocumentNode | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** An operation of which parts are answered later, planned for one set of values of the variables that decide about them. */
export interface DeferredOperation {
  /** The client's document with a label of ours at each `@defer` that holds. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** Undefined when nothing is left to fetch. */
  readonly plan: QueryPlan | undefined;
  /** The client's own label for each of ours; undefined where it gave none. */
  readonly labels: ReadonlyMap<string, string | undefined>;
}

/** What of an operation can be answered later. */
export interface Deferral {
  /** Boolean variables that decide about it. */
  readonly variables: readonly string[];
  /**
   * Plans it in parts; every call plans again.
   * @param holds value of a Boolean variable.
   * @returns undefined when these values defer nothing.
   * @throws as `PlanOperation`.
   */
  readonly plan: (holds: (variable: string) => boolean) => Promise<DeferredOperation | undefined>;
}

/** An operation checked, authorised and planned; cached by document and grants, so it must not be changed. */
export interface PreparedOperation {
  /** Original document: responses are shaped by it, so refused fields come out null with errors. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** Plan of the filtered document without `@defer`; refused fields are in no fetch. Undefined when nothing is left to fetch. */
  readonly plan: QueryPlan | undefined;
  /** Undefined when the document has no `@defer` that can hold. */
  readonly deferral?: Deferral | undefined;
  /** What of the document the principal may see; undefined permits everything. */
  readonly permissions?: Permissions | undefined;
  /** One UNAUTHORIZED_FIELD_OR_TYPE error for each refused selection, with its response path where it is static. */
  readonly refusals: readonly GraphQLError[];
  /** Coordinates (`Type.field`) of the CRITICAL fields the operation selects. */
  readonly criticalFields: readonly string[];
  /** Names one equal operation under equal grants: SHA-256 over supergraph, document, operation name and granted requirements. */
  readonly key: string;
}

/** What is sent to the client; errors carry registered codes only. */
export interface GatewayResult {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLError[];
  readonly extensions: { readonly constitutional: ConstitutionalStamp } & Readonly<Record<string, unknown>>;
}

/** Gate 6: under which hash the answer was made and whether every source of it was checked. */
export interface ConstitutionalStamp {
  readonly hash: string;
  readonly verified: boolean;
}

/** One event of an upstream subscription: the payload of the primary fetch as the owning subgraph sent it. */
export interface EventPayload {
  readonly data?: Record<string, unknown> | null | undefined;
  readonly errors?: readonly GraphQLFormattedError[] | undefined;
  /** True when the instance that streamed it answered under an accepted constitutional hash (gate 4). */
  readonly hashAccepted: boolean;
}

/**
 * Checks credentials.
 * @param beforeAsking called before a subgraph is asked about a credential that is not known here; what it throws fails the check.
 * @throws AcgsError TOKEN_EXPIRED or UNAUTHENTICATED for presented but bad credentials, SUBGRAPH_UNAVAILABLE when they cannot be checked.
 */
export type Authenticate = (headers: HeadersLike, beforeAsking?: () => void | Promise<void>) => Promise<Credentials>;

/**
 * Parses, validates, limits, authorises and plans; at once when everything is cached, later when a plan must be made.
 * @throws AcgsError or GraphQLError with a registered code, at once or as a rejection.
 */
export type Prepare = (request: GatewayRequest, source: OperationSource) => PreparedOperation | Promise<PreparedOperation>;

/** One request of the executor to a subgraph. */
export interface SubgraphCall {
  readonly service: string;
  /** The JSON body, `{"query":…,"variables":…}`. */
  readonly body: string;
  readonly kind: 'query' | 'mutation';
  /** The operation's text as it is in the body: names the idempotency keys of a mutation whose outcome is unknown. */
  readonly operation: string;
  /** Variables the client gave for it, without representations. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Steps of the plan it stands for. */
  readonly steps?: readonly PlannedStep[] | undefined;
}

/** What of a step of the plan a trace shows. */
export interface PlannedStep {
  /** Response path of the objects it is about; empty for the root. */
  readonly place: string;
}

/** A subgraph's answer, read and believed (gate 4). */
export interface SubgraphAnswer {
  readonly data: Record<string, unknown> | null | undefined;
  /** Empty when there are none. */
  readonly errors: readonly GraphQLFormattedError[];
  /** True when the body had no backslash, so that none of its texts needs an escape in JSON. */
  readonly escapeFree: boolean;
  /** True when every text of the body is ASCII: its bytes are, and it has no escape that stands for another character. */
  readonly ascii: boolean;
  /** Number of the last event the subgraph had taken in before it began; undefined when it did not say. */
  readonly position?: number | undefined;
}

/** The way from one request to the subgraphs. */
export interface SubgraphCalls {
  /** Calls a subgraph. @throws AcgsError SUBGRAPH_UNAVAILABLE, SUBGRAPH_TIMEOUT, SUBGRAPH_BAD_RESPONSE, CONSTITUTIONAL_VIOLATION or INDETERMINATE. */
  call(call: SubgraphCall): Promise<SubgraphAnswer>;
  /** True when every call that is over was answered under an accepted hash and the manifest verifies. */
  verified(): boolean;
}

/** What of a document a principal may see; both must hold for a field inside a fragment. */
export interface Permissions {
  /** False refuses everything inside a fragment on that type. */
  mayEnter(typeName: string): boolean;
  maySelect(typeName: string, fieldName: string): boolean;
}

/** A response ready to be sent. */
export interface GatewayAnswer {
  /** The whole response as JSON: data, errors, extensions. */
  readonly text: string;
  /** The same in pieces, to be written one after the other: joining a long text costs more than encoding its pieces. */
  readonly pieces: readonly string[];
  /**
   * The same as bytes, where it was written so. Whoever has sent them may release them; `text` and `pieces` are of no use
   * from then on.
   */
  readonly written?: AnswerBytes | undefined;
  /** True when `text` holds ASCII characters only, so that latin1 encodes it exactly. */
  readonly ascii: boolean;
  /** The errors of `text`, in its order. */
  readonly errors: readonly GraphQLError[];
  readonly stamp: ConstitutionalStamp;
}

/** Runs a prepared query or mutation. Never rejects for faults of subgraphs; they become errors of the result. */
export type Execute = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>) => Promise<GatewayAnswer>;

/** Takes an answer that comes in parts. */
export interface PartsSink {
  /** One payload of the incremental delivery protocol as JSON; the last one says `"hasNext":false`. */
  write(payload: string): void;
  /** True when nobody reads any more. */
  gone(): boolean;
}

/**
 * Runs a prepared query or mutation with deferred parts and writes its payloads in their order.
 * @returns false when these variables defer nothing, or it cannot be planned in parts: nothing was run or written then.
 * @throws what fails the request before the first payload; later faults are errors of the parts that are missing.
 */
export type ExecuteInParts = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>, sink: PartsSink) => Promise<boolean>;

/**
 * Runs a prepared subscription for one event: the event stands in for the plan's primary fetch, the rest is fetched.
 * @throws Error when the plan is not one of a subscription.
 */
export type ExecuteEvent = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>, event: EventPayload) => Promise<GatewayAnswer>;

/** Which credentials were revoked, as far as this process knows. */
export interface RevocationView {
  epoch(): number;
  /** Milliseconds since the feed last answered; Infinity before the first answer. */
  age(): number;
  isRevoked(credentials: Pick<Credentials, 'principal' | 'credentialId' | 'issuedAt'>): boolean;
  /** Calls back after every change of the set; returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** Gate 3 without the operation: what the client says its constitution is. */
export interface HashGate {
  /** Hash that answers are made under. */
  active(): string;
  isAccepted(hash: string | null | undefined): boolean;
  /**
   * Compares every hash a request presents (header, extensions, connection parameters) with the accepted ones.
   * @param candidates undefined and null count as not presented.
   * @returns whether an accepted hash was presented.
   * @throws AcgsError CONSTITUTIONAL_HASH_MISMATCH when one is not accepted, or two differ.
   */
  check(candidates: readonly unknown[], who: { readonly requestId: string; readonly principalId: string | null }): boolean;
}

/** A place that serves a subgraph now. */
export interface SubgraphInstance {
  readonly service: string;
  readonly instanceId: string | null;
  /** Origin, for example `http://127.0.0.1:8005`; `/graphql` is below it. */
  readonly url: string;
}

/** Where subgraphs are. */
export interface TargetView {
  /**
   * The instance the next call to a service goes to.
   * @param except instance that just failed: another one is taken where there is one.
   * @throws AcgsError CONSTITUTIONAL_VIOLATION when every instance is quarantined, SUBGRAPH_UNAVAILABLE when the service is unknown.
   */
  instance(service: string, except?: SubgraphInstance): SubgraphInstance;
  /** Takes an instance out of use until its health answer carries an accepted hash again. */
  quarantine(instance: SubgraphInstance, received: string | null): void;
  /** Says that no connection to an instance could be made. */
  unreachable(instance: SubgraphInstance): void;
  /** Calls back when the table changed; returns how to stop. */
  onChange(listener: () => void): () => void;
}
