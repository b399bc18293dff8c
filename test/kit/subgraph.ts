/** Runs one subgraph over a cloned database and talks to it as the gateway does, with hop tokens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import type { ExecutionResult, FormattedExecutionResult } from 'graphql';
import pg from 'pg';
import WebSocket from 'ws';
import { ensureGenesisManifest } from '../../ops/runtime/constitution-manifest.js';
import { deriveHopKey, HASH_HEADER, HOP_HEADER, signHopToken, subscribeBody, type HopClaims, type PrincipalClaims } from '../../ops/runtime/hop-token.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { schemaOf } from '../../ops/runtime/subgraph-names.js';
import type { AnySubgraphDefinition } from '../../subgraphs/kernel/define-subgraph.js';
import { InProcessBus, type EventBus } from '../../subgraphs/kernel/event-bus.js';
import { runSubgraph, type RunningSubgraph } from '../../subgraphs/kernel/run-subgraph.js';
import { createTestDatabase } from './database.js';
import { recordEpoch } from '../../ops/database/provision.js';

export const TEST_HASH = 'cdd01ef066bc6cf2';
const MASTER = Buffer.alloc(32, 7);

/** Makes a principal; scopes default to none. */
export function principal(id: string, parts: Partial<PrincipalClaims> = {}): PrincipalClaims {
  return { id, kind: 'HUMAN', roles: [], scopes: [], policies: parts.kind === undefined || parts.kind === 'HUMAN' ? ['human'] : [], ...parts };
}

export interface CallOptions {
  readonly principal?: PrincipalClaims | null;
  /** Whether the client presented the constitutional hash; default true. */
  readonly hashPresented?: boolean;
  readonly requestId?: string;
  readonly credentialId?: string;
}

export interface TestSubgraph {
  readonly subgraph: RunningSubgraph;
  readonly url: string;
  readonly dataDirectory: string;
  /** Superuser connections to the test database. */
  readonly admin: pg.Pool;
  query<T = Record<string, unknown>>(document: string, variables?: Record<string, unknown>, options?: CallOptions): Promise<ExecutionResult<T>>;
  /** Calls a hop route. @param path with its query string, if any. */
  hop(method: 'GET' | 'POST', path: string, body?: unknown, options?: CallOptions): Promise<Response>;
  /** Subscribes; iterate the result and call `return` when done. */
  subscribe<T = Record<string, unknown>>(document: string, variables?: Record<string, unknown>, options?: CallOptions): AsyncIterableIterator<FormattedExecutionResult<T, unknown>>;
  /** Stops the subgraph and starts it again on the same database and data directory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestSubgraphOptions {
  readonly constitution?: Record<string, unknown>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: () => Date;
  /** Run the subgraph's seed after starting; default true. */
  readonly seed?: boolean;
  readonly bus?: () => EventBus;
  readonly logLevel?: string;
}

/** Starts the subgraph on a free port over a database of its own. */
export async function startTestSubgraph(definition: AnySubgraphDefinition, options: TestSubgraphOptions = {}): Promise<TestSubgraph> {
  const { name } = definition;
  const dataDirectory = await mkdtemp(join(tmpdir(), `acgs-${name}-`));
  const manifest = ensureGenesisManifest(dataDirectory, TEST_HASH, options.constitution ?? { title: 'Test constitution', principles: [] }, new Date('2025-07-07T00:00:00Z'));
  const database = await createTestDatabase();
  await recordEpoch({ connectionString: database.adminUrl, label: manifest.active, epoch: manifest.epoch, digest: manifest.digest, signature: manifest.signature, state: 'ACCEPTED' });
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 4 });
  // Dropping the database at the end cuts connections that are already on their way out.
  admin.on('error', () => undefined);
  const hopKey = deriveHopKey(MASTER, name);
  const run = (): Promise<RunningSubgraph> => runSubgraph(definition, {
    host: '127.0.0.1', port: 0, databaseUrl: database.urls[schemaOf(name)], dataDirectory, genesisLabel: TEST_HASH, hopKey,
    bus: options.bus?.() ?? new InProcessBus(), ownsBus: true, logLevel: options.logLevel ?? 'silent', processMetrics: false,
    environment: options.environment ?? {}, logger: createLogger(name, options.logLevel ?? process.env['ACGS_TEST_LOG'] ?? 'silent'),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  let subgraph = await run();
  if (options.seed ?? true) await subgraph.seed();

  const claims = (call: CallOptions = {}): HopClaims => ({
    principal: call.principal ?? null, credentialId: call.credentialId ?? (call.principal ? 'test-session' : null), revocationEpoch: 0,
    constitutionalHash: TEST_HASH, hashPresented: call.hashPresented ?? true, requestId: call.requestId ?? 'test-request', deadline: null,
  });
  const hop: TestSubgraph['hop'] = async (method, path, body, call) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const token = signHopToken(hopKey, name, path.split('?')[0] ?? path, text, claims(call));
    return fetch(`${subgraph.url}${path}`, {
      method, ...(method === 'POST' ? { body: text } : {}),
      headers: { 'content-type': 'application/json', [HOP_HEADER]: token, [HASH_HEADER]: TEST_HASH },
    });
  };
  return {
    get subgraph() { return subgraph; },
    get url() { return subgraph.url; },
    dataDirectory, admin, hop,
    async query<T>(document: string, variables: Record<string, unknown> = {}, call: CallOptions = {}) {
      const response = await hop('POST', '/graphql', { query: document, variables }, call);
      return await response.json() as ExecutionResult<T>;
    },
    subscribe<T>(document: string, variables: Record<string, unknown> = {}, call: CallOptions = {}) {
      const client = createClient({
        url: `${subgraph.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, lazy: true, retryAttempts: 0,
        connectionParams: () => ({ hop: signHopToken(hopKey, name, 'connection', '', claims(call)) }),
      });
      const iterator = client.iterate<T>({ query: document, variables, extensions: { hop: signHopToken(hopKey, name, 'subscribe', subscribeBody(document, variables), claims(call)) } });
      return closing(iterator, () => client.dispose());
    },
    async restart() {
      await subgraph.stop();
      subgraph = await run();
    },
    async stop() {
      await subgraph.stop();
      await admin.end();
      await database.drop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** The same iterator, which also closes its connection when it returns. */
function closing<T>(source: AsyncIterableIterator<T>, close: () => void | Promise<void>): AsyncIterableIterator<T> {
  return {
    [Symbol.asyncIterator]() { return this; },
    next: () => source.next(),
    async return() {
      const result = await source.return?.();
      await close();
      return result ?? { done: true, value: undefined };
    },
    throw: (error: unknown) => source.throw?.(error) ?? Promise.reject(error),
  };
}

/** The next value of an iterator. @throws Error when it ended. */
export async function nextOf<T>(iterator: AsyncIterator<T>): Promise<T> {
  const { done, value } = await iterator.next();
  if (done === true) throw new Error('The iterator ended.');
  return value;
}
