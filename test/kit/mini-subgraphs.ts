/** Small in-process subgraphs and an auth service that speak the hop protocol, to test the gateway over real sockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import { graphql, parse, type GraphQLSchema } from 'graphql';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { GatewayConfig } from '../../gateway/config.js';
import { startGateway, type GatewayOverrides, type RunningGateway } from '../../gateway/gateway.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { wholeContract } from '../../ops/runtime/contracts.js';
import { POSITION_HEADER } from '../../ops/runtime/change-feed.js';
import { ensureGenesisManifest } from '../../ops/runtime/constitution-manifest.js';
import { deriveHopKey, HASH_HEADER, HOP_HEADER, verifyHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SECRET, secretKey } from '../../ops/runtime/secret-files.js';

export const HASH = 'cdd01ef066bc6cf2';

/** Head of a mini contract. */
export const LINKS = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@external", "@requires", "@composeDirective", "@authenticated", "@requiresScopes", "@policy", "@listSize"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
`;

export interface MiniDefinition {
  readonly name: string;
  /** Contract below LINKS, or with its own head when it begins with `extend schema`. */
  readonly sdl: string;
  readonly resolvers: Record<string, unknown>;
}

export interface ReceivedCall {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly hop: HopClaims;
}

/** Takes over an answer: returns true when it wrote (or broke off) the response itself. */
export type Sabotage = (response: ServerResponse, call: ReceivedCall) => boolean | Promise<boolean>;

export type InternalReply = { readonly status: number; readonly body?: unknown };
export type InternalRoute = (body: unknown, query: URLSearchParams) => InternalReply | Promise<InternalReply>;

/** One running mini subgraph. */
export class MiniSubgraph {
  readonly calls: ReceivedCall[] = [];
  /** Hash this instance answers under; null leaves the header out. */
  hash: string | null = HASH;
  sabotage: Sabotage | undefined;
  /** Number of the last event it has taken in, sent with GraphQL answers; none when undefined. */
  position: (() => number) | undefined;
  /** Internal endpoints by `METHOD /path`; hop tokens are checked. */
  readonly internal = new Map<string, InternalRoute>();
  private server: Server | undefined;
  private port = 0;

  private constructor(readonly name: string, private readonly schema: GraphQLSchema, private readonly key: Uint8Array) {}

  static async start(definition: MiniDefinition, hopMaster: Uint8Array): Promise<MiniSubgraph> {
    const schema = buildSubgraphSchema([{ typeDefs: parse(contractOf(definition)), resolvers: definition.resolvers as GraphQLResolverMap<unknown> }]);
    const mini = new MiniSubgraph(definition.name, schema, deriveHopKey(hopMaster, definition.name));
    await mini.listen();
    return mini;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens on the port it had before, or on a free one. */
  async listen(): Promise<void> {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) => { this.server?.listen(this.port, '127.0.0.1', resolve); });
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
    server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const stamp: Record<string, string> = { ...(this.hash === null ? {} : { [HASH_HEADER]: this.hash }), ...(this.position === undefined ? {} : { [POSITION_HEADER]: String(this.position()) }) };
    const send = (status: number, value: unknown): void => { response.writeHead(status, { 'content-type': 'application/json', ...stamp }).end(JSON.stringify(value)); };
    if (pathname === '/health/ready') return send(200, { status: 'ready', constitutionalHash: this.hash });
    const route = this.internal.get(`${request.method} ${pathname}`);
    if (route !== undefined) {
      if (!pathname.startsWith('/.well-known/')) this.verify(request, pathname, body);
      const reply = await route(body === '' ? undefined : JSON.parse(body), searchParams);
      return send(reply.status, reply.body ?? {});
    }
    if (pathname !== '/graphql') return send(404, { error: { code: 'NOT_FOUND' } });
    const { query, variables, operationName } = JSON.parse(body) as { query: string; variables?: Record<string, unknown>; operationName?: string };
    const call = { query, variables: variables ?? {}, hop: this.verify(request, pathname, body) };
    this.calls.push(call);
    if (this.sabotage !== undefined && (await this.sabotage(response, call))) return;
    send(200, await graphql({ schema: this.schema, source: query, variableValues: variables ?? {}, operationName: operationName ?? null, contextValue: call.hop }));
  }

  private verify(request: IncomingMessage, path: string, body: string): HopClaims {
    const token = request.headers[HOP_HEADER];
    return verifyHopToken(this.key, this.name, path, body, typeof token === 'string' ? token : undefined);
  }
}

/** Full SDL of a mini subgraph. */
export function contractOf({ sdl }: Pick<MiniDefinition, 'sdl'>): string {
  return wholeContract(sdl.trimStart().startsWith('extend schema') ? sdl : `${LINKS}${sdl}`);
}

/** Issues access tokens as auth does. */
export interface TokenIssuer {
  readonly jwk: JWK;
  issue(claims?: { sub?: string; scopes?: readonly string[]; policies?: readonly string[]; roles?: readonly string[]; sid?: string; kind?: string; lifeSeconds?: number; issuedAt?: number; typ?: string; iss?: string; aud?: string }): Promise<string>;
}

export async function createIssuer(kid = 'test-key'): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' },
    issue: ({ sub = 'alice', scopes = [], policies = [], roles = [], sid = 'session-1', kind = 'HUMAN', lifeSeconds = 1_800, issuedAt = Math.floor(Date.now() / 1_000), typ = 'at+jwt', iss = 'acgs', aud = 'acgs-gateway' } = {}) =>
      new SignJWT({ kind, roles, scope: scopes.join(' '), policies, sid })
        .setProtectedHeader({ alg: 'EdDSA', kid, typ })
        .setSubject(sub).setIssuer(iss).setAudience(aud).setIssuedAt(issuedAt).setExpirationTime(issuedAt + lifeSeconds).setJti(`${sid}-${Math.random()}`)
        .sign(privateKey),
  };
}

export interface GraphqlAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly data: Record<string, unknown> | null | undefined;
  readonly errors: readonly { readonly message: string; readonly path?: readonly (string | number)[]; readonly extensions: Record<string, unknown> }[];
  readonly extensions: Record<string, unknown>;
}

/** A gateway with mini subgraphs behind it. */
export interface MiniGraph {
  readonly gateway: RunningGateway;
  readonly subgraphs: Readonly<Record<string, MiniSubgraph>>;
  readonly issuer: TokenIssuer;
  readonly dataDirectory: string;
  readonly hopMaster: Uint8Array;
  /** Violation reports received by the mini constitutional-ai and policy-governance. */
  readonly violations: Record<string, unknown>[];
  /** Answer of the revocation feed; change it to revoke. */
  readonly revocations: { epoch: number; revoked: { credentialId: string | null; principalId: string | null; before: string }[] };
  query(query: string, options?: { variables?: Record<string, unknown>; headers?: Record<string, string>; extensions?: unknown; operationName?: string }): Promise<GraphqlAnswer>;
  stop(): Promise<void>;
}

/**
 * Starts mini subgraphs and a gateway over their composition. A definition named `auth` gets JWKS, revocations and API keys.
 * @param definitions must include one named auth.
 */
export async function startMiniGraph(definitions: readonly MiniDefinition[], config: Partial<GatewayConfig> = {}, overrides: GatewayOverrides = {}): Promise<MiniGraph> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'acgs-gateway-'));
  ensureGenesisManifest(dataDirectory, HASH, { articles: ['Test.'] }, new Date());
  const hopMaster = secretKey(dataDirectory, SECRET.hopMaster);
  const issuer = await createIssuer();
  const violations: Record<string, unknown>[] = [];
  const revocations: MiniGraph['revocations'] = { epoch: 1, revoked: [] };
  const subgraphs: Record<string, MiniSubgraph> = {};
  for (const definition of definitions) subgraphs[definition.name] = await MiniSubgraph.start(definition, hopMaster);
  const { auth } = subgraphs;
  auth?.internal.set('GET /.well-known/jwks.json', () => ({ status: 200, body: { keys: [issuer.jwk] } }));
  auth?.internal.set('GET /internal/revocations', () => ({ status: 200, body: revocations }));
  auth?.internal.set('POST /internal/credentials', (body) => ((body as { apiKey: string }).apiKey === 'acgs_good'
    ? { status: 200, body: { id: 'robot', kind: 'SERVICE', roles: [], scopes: ['secrets:read'], policies: [], credentialId: 'key-1', expiresAt: null } }
    : { status: 401, body: { error: { code: 'UNAUTHENTICATED' } } }));
  for (const name of ['constitutional-ai', 'policy-governance']) {
    subgraphs[name]?.internal.set('POST /internal/violations', (body) => { violations.push(body as Record<string, unknown>); return { status: 202 }; });
  }
  try {
    return await startOver(definitions, subgraphs, { dataDirectory, hopMaster, issuer, violations, revocations }, config, overrides);
  } catch (error) {
    await Promise.all(Object.values(subgraphs).map((mini) => mini.stop()));
    throw error;
  }
}

async function startOver(
  definitions: readonly MiniDefinition[], subgraphs: Readonly<Record<string, MiniSubgraph>>, parts: Pick<MiniGraph, 'dataDirectory' | 'hopMaster' | 'issuer' | 'violations' | 'revocations'>,
  config: Partial<GatewayConfig>, overrides: GatewayOverrides,
): Promise<MiniGraph> {
  const { dataDirectory } = parts;
  const supergraphSdl = composeSupergraph(definitions.map((definition) => ({ name: definition.name, url: subgraphs[definition.name]?.url ?? '', sdl: contractOf(definition) })), [HASH]).supergraphSdl;
  const gateway = await startGateway({
    mode: 'development', logLevel: 'silent', host: '127.0.0.1', port: 0, dataDirectory, genesisLabel: HASH,
    subgraphUrls: Object.fromEntries(Object.entries(subgraphs).map(([name, { url }]) => [name, url])),
    supergraphFile: '', followRegistry: false, usageIntervalMs: 0, limits: { maxDepth: 12, maxAliases: 30, maxTokens: 2_000, maxCost: 5_000 }, planning: { threads: 1, timeLimitMs: 5_000 }, bodyLimit: 64 * 1024, deadlineMs: 5_000, feedIntervalMs: 30, revocationMaxAgeMs: 1_000,
    introspection: true, landingPage: true, safelist: 'off', operationsDirectory: projectPath('schema', 'operations'), corsOrigins: [], processMetrics: false, ...config,
  }, { logger: createLogger('test', 'silent'), supergraphSdl, reprobeMs: 60, healthIntervalMs: 200, manifestIntervalMs: 30, ...overrides });
  return {
    gateway, subgraphs, ...parts,
    async query(query, { variables, headers = {}, extensions, operationName } = {}) {
      const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers }, body: JSON.stringify({ query, variables, extensions, operationName }) });
      return readAnswer(response);
    },
    async stop() {
      await gateway.stop();
      await Promise.all(Object.values(subgraphs).map((mini) => mini.stop()));
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** Reads a GraphQL answer. */
export async function readAnswer(response: Response): Promise<GraphqlAnswer> {
  const body = (await response.json()) as Partial<GraphqlAnswer>;
  return { status: response.status, headers: response.headers, data: body.data, errors: body.errors ?? [], extensions: body.extensions ?? {} };
}

/** Waits until a condition holds. @throws Error after `timeoutMs`. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`The condition did not hold within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise<void>((resolve) => { setTimeout(resolve, 10); });
  }
}
