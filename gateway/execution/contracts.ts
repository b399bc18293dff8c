/** What the parts of the gateway hand each other: the pinned schema, the request, the prepared operation, the result. */
import type { QueryPlan, QueryPlanner } from '@apollo/query-planner';
import type { Schema, Supergraph } from '@apollo/federation-internals';
import type { DocumentNode, GraphQLError, GraphQLFormattedError, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { PrincipalClaims } from '../../ops/runtime/hop-token.js';
import type { DirectiveIndex } from '../supergraph/directive-index.js';

/** One loaded supergraph; a request keeps the one it started with, whatever is swapped in meanwhile. */
export interface SupergraphSnapshot {
  /** SHA-256 of the supergraph text, hexadecimal. */
  readonly id: string;
  readonly sdl: string;
  readonly supergraph: Supergraph;
  /** The supergraph as graphql-js sees it; the executor resolves type conditions of representations with it. */
  readonly supergraphSchema: GraphQLSchema;
  /** What clients see. */
  readonly apiSchema: GraphQLSchema;
  /** The same, as the planner sees it. */
  readonly federationApiSchema: Schema;
  readonly planner: QueryPlanner;
  /** What the directives of the supergraph demand, by type and field. */
  readonly directives: DirectiveIndex;
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

/** An operation checked, authorised and planned; cached by document and grants, so it must not be changed. */
export interface PreparedOperation {
  /** Original document: responses are shaped by it, so refused fields come out null with errors. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** Plan of the filtered document; refused fields are in no fetch. Undefined when nothing is left to fetch. */
  readonly plan: QueryPlan | undefined;
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
 * @throws AcgsError TOKEN_EXPIRED or UNAUTHENTICATED for presented but bad credentials, SUBGRAPH_UNAVAILABLE when they cannot be checked.
 */
export type Authenticate = (headers: HeadersLike) => Promise<Credentials>;

/** Parses, validates, limits, authorises and plans. @throws AcgsError or GraphQLError with a registered code. */
export type Prepare = (request: GatewayRequest, source: OperationSource) => PreparedOperation;

/** Runs a prepared query or mutation. Never rejects for faults of subgraphs; they become errors of the result. */
export type Execute = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>) => Promise<GatewayResult>;

/**
 * Runs a prepared subscription for one event: the event stands in for the plan's primary fetch, the rest is fetched.
 * @throws Error when the plan is not one of a subscription.
 */
export type ExecuteEvent = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>, event: EventPayload) => Promise<GatewayResult>;

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
   * @throws AcgsError CONSTITUTIONAL_VIOLATION when every instance is quarantined, SUBGRAPH_UNAVAILABLE when the service is unknown.
   */
  instance(service: string): SubgraphInstance;
  /** Takes an instance out of use until its health answer carries an accepted hash again. */
  quarantine(instance: SubgraphInstance, received: string | null): void;
  /** Says that no connection to an instance could be made. */
  unreachable(instance: SubgraphInstance): void;
  /** Calls back when the table changed; returns how to stop. */
  onChange(listener: () => void): () => void;
}
