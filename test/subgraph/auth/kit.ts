/** An auth subgraph with a clock the test moves, and the callers tests need. */
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';
import { auth, readInitialPassword } from '../../../subgraphs/auth/index.js';
import { SCOPES } from '../../../subgraphs/auth/domain-roles.js';
import { principal, startTestSubgraph, type CallOptions, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
  readonly principal: { readonly id: string };
  readonly session: { readonly id: string };
}

export type Answer = Record<string, unknown> & { readonly __typename: string; readonly code?: string };

export interface Revocations {
  readonly epoch: number;
  readonly revoked: ReadonlyArray<{ readonly credentialId: string | null; readonly principalId: string | null; readonly before: string }>;
}

export const PROBLEM = '... on Problem { code message }';
export const TOKENS = 'accessToken refreshToken expiresAt principal { id } session { id }';

export interface AuthPlane extends TestSubgraph {
  readonly adminId: string;
  readonly adminPassword: string;
  now(): Date;
  advance(milliseconds: number): void;
  /** Runs one field and returns its value. @throws Error with the codes of its errors. */
  ask<T = Answer>(document: string, variables?: Record<string, unknown>, call?: CallOptions): Promise<T>;
  /** The same, as the first administrator. */
  admin_<T = Answer>(document: string, variables?: Record<string, unknown>): Promise<T>;
  /** Code of the one error of an operation. */
  errorOf(document: string, variables?: Record<string, unknown>, call?: CallOptions): Promise<Record<string, unknown>>;
  login(username: string, password: string, idempotencyKey?: string): Promise<Tokens>;
  refresh(refreshToken: string, idempotencyKey?: string): Promise<Tokens>;
  /** Adds a principal. @returns its id. */
  create(username: string, password: string | null, kind?: string): Promise<string>;
  revocations(since?: number): Promise<Revocations>;
  /** Verifies a token as the gateway does. */
  verify(accessToken: string): Promise<{ payload: JWTPayload & Record<string, unknown>; kid: string | undefined }>;
  /** Kinds of the events of an entity, oldest first. */
  events(entityId: string): Promise<string[]>;
  waitForEvent(kind: string, entityId?: string): Promise<Record<string, unknown>>;
}

export async function startAuth(start = '2025-07-07T10:00:00.000Z'): Promise<AuthPlane> {
  let current = new Date(start);
  const subgraph = await startTestSubgraph(auth, { clock: () => current, environment: { ACGS_AUTH_SWEEP_INTERVAL_MS: '30' } });
  const { rows } = await subgraph.admin.query<{ id: string }>(`SELECT id FROM auth.principal WHERE username = 'admin'`);
  const adminId = rows[0]?.id ?? '';
  const administrator = principal(adminId, { roles: ['admin'], scopes: SCOPES });

  const ask: AuthPlane['ask'] = async <T>(document: string, variables?: Record<string, unknown>, call?: CallOptions) => {
    const { data, errors } = await subgraph.query<Record<string, T>>(document, variables, call);
    if (errors !== undefined) throw new Error(errors.map(({ message, extensions }) => `${String(extensions?.['code'])}: ${message}`).join('; '));
    return Object.values(data ?? {})[0] as T;
  };
  const plane: AuthPlane = Object.assign(Object.create(subgraph) as TestSubgraph, {
    adminId, ask,
    adminPassword: readInitialPassword(subgraph.dataDirectory) ?? '',
    now: () => current,
    advance: (milliseconds: number) => { current = new Date(current.getTime() + milliseconds); },
    admin_: <T>(document: string, variables?: Record<string, unknown>) => ask<T>(document, variables, { principal: administrator }),
    errorOf: async (document: string, variables?: Record<string, unknown>, call?: CallOptions) => {
      const { errors } = await subgraph.query(document, variables, call);
      return { ...errors?.[0]?.extensions };
    },
    login: (username: string, password: string, key?: string) => ask<Tokens>(`mutation($u: String!, $p: String!, $k: String) { login(username: $u, password: $p, idempotencyKey: $k) { ... on LoginPayload { ${TOKENS} } ${PROBLEM} } }`, { u: username, p: password, k: key }),
    refresh: (token: string, key?: string) => ask<Tokens>(`mutation($t: String!, $k: String) { refreshSession(refreshToken: $t, idempotencyKey: $k) { __typename ... on RefreshSessionPayload { ${TOKENS} } ${PROBLEM} } }`, { t: token, k: key }),
    create: async (username: string, password: string | null, kind = 'HUMAN') => {
      const created = await plane.admin_<{ principal: { id: string } }>(`mutation($i: CreatePrincipalInput!) { createPrincipal(input: $i) { ... on CreatePrincipalPayload { principal { id } } ${PROBLEM} } }`, { i: { kind, username, displayName: username, password } });
      return created.principal.id;
    },
    revocations: async (since = 0) => await (await subgraph.hop('GET', `/internal/revocations?since=${since}`)).json() as Revocations,
    verify: async (accessToken: string) => {
      const keys = await (await fetch(`${subgraph.url}/.well-known/jwks.json`)).json() as JSONWebKeySet;
      const { payload, protectedHeader } = await jwtVerify(accessToken, createLocalJWKSet(keys), { issuer: 'acgs', audience: 'acgs-gateway', typ: 'at+jwt', algorithms: ['EdDSA'], currentDate: current });
      return { payload, kid: protectedHeader.kid };
    },
    events: async (entityId: string) => (await subgraph.admin.query<{ kind: string }>('SELECT kind FROM auth.outbox WHERE entity_id = $1 ORDER BY id', [entityId])).rows.map(({ kind }) => kind),
    waitForEvent: (kind: string, entityId?: string) => until(async () => {
      const found = await subgraph.admin.query<{ payload: Record<string, unknown> }>('SELECT payload FROM auth.outbox WHERE kind = $1 AND ($2::text IS NULL OR entity_id = $2) ORDER BY id DESC LIMIT 1', [kind, entityId ?? null]);
      return found.rows[0]?.payload;
    }),
  });
  return plane;
}
