/** Generic mode over foreign subgraphs on real sockets, at paths of their own; and where it must not run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { graphql, GraphQLError, parse, type GraphQLSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { readGenericConfig } from '../../gateway/generic/config.js';
import { inspectSupergraph } from '../../gateway/generic/foreign-supergraph.js';
import { startGenericGateway, type GenericGateway } from '../../gateway/generic/generic-gateway.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { contractOf, HASH } from '../kit/mini-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@requires", "@external"])\n';
type Resolvers = NonNullable<Parameters<typeof buildSubgraphSchema>[0] extends readonly (infer M)[] | infer _ ? M : never> extends { resolvers?: infer R } ? R : never;

/** A subgraph as anyone may write one: a path of its own, GraphQL over HTTP and graphql-transport-ws there. */
class ForeignSubgraph {
  readonly received: { url: string; headers: IncomingMessage['headers']; body: { query: string; variables?: Record<string, unknown> } }[] = [];
  /** Further headers of every answer. */
  headers: Record<string, string> = {};
  private readonly schema: GraphQLSchema;
  private readonly server: Server;
  private readonly sockets = new WebSocketServer({ noServer: true });

  constructor(readonly name: string, readonly path: string, readonly sdl: string, resolvers: object) {
    this.schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers: resolvers as Resolvers }]);
    this.server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        if (request.url !== this.path) {
          response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here');
          return;
        }
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables?: Record<string, unknown> };
        this.received.push({ url: request.url ?? '', headers: request.headers, body });
        const result = await graphql({ schema: this.schema, source: body.query, variableValues: body.variables ?? {} });
        response.writeHead(200, { 'content-type': 'application/json', ...this.headers }).end(JSON.stringify(result));
      })();
    });
    useServer({ schema: this.schema }, this.sockets);
    this.server.on('upgrade', (request, socket, head) => {
      if (request.url !== this.path) {
        socket.destroy();
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (accepted) => this.sockets.emit('connection', accepted, request));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${this.path}`;
  }

  async stop(): Promise<void> {
    for (const client of this.sockets.clients) client.terminate();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => { this.server.close(() => resolve()); });
  }
}

const BOOKS_SDL = `${LINK}
type Query { books(titled: String): [Book!]! book(isbn: ID!): Book broken: String secret: String @deprecated }
type Mutation { addBook(title: String!): Book! }
type Subscription { bookAdded(count: Int = 2): Book! }
type Book @key(fields: "isbn") { isbn: ID! title: String! pages: Int }
`;
const STOCK_SDL = `${LINK}
type Query { shelves: Int! }
type Book @key(fields: "isbn") { isbn: ID! pages: Int @external weight: Int @requires(fields: "pages") copies: Int! }
`;

const shelf = [{ isbn: '1', title: 'Über Wälder', pages: 300 }, { isbn: '2', title: 'Rivers', pages: 120 }];
const booksResolvers = {
  Query: {
    books: (_: unknown, { titled }: { titled?: string }) => shelf.filter(({ title }) => titled === undefined || title === titled),
    book: (_: unknown, { isbn }: { isbn: string }) => shelf.find((book) => book.isbn === isbn),
    broken: () => { throw new GraphQLError('The press is jammed.', { extensions: { code: 'PRESS_JAMMED', page: 4 } }); },
    secret: () => 's',
  },
  Mutation: { addBook: (_: unknown, { title }: { title: string }) => ({ isbn: 'new', title, pages: 10 }) },
  Subscription: {
    bookAdded: {
      async *subscribe(_: unknown, { count }: { count: number }) { for (let index = 0; index < count; index += 1) yield { bookAdded: shelf[index % shelf.length] }; },
    },
  },
  Book: { __resolveReference: ({ isbn }: { isbn: string }) => shelf.find((book) => book.isbn === isbn) },
};
const stockResolvers = {
  Query: { shelves: () => 7 },
  Book: { weight: ({ pages }: { pages: number }) => pages * 2, copies: ({ isbn }: { isbn: string }) => Number(isbn) * 10 || 0 },
};

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-generic-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function compose(...subgraphs: readonly { name: string; url: string; sdl: string }[]): string {
  const { supergraphSdl, errors } = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}

const serve = (supergraphFile: string, port = 0): Promise<GenericGateway> => startGenericGateway({ supergraphFile, host: '127.0.0.1', port, logLevel: 'silent' }, { logger: createLogger('test', 'silent') });

interface Answer { readonly status: number; readonly headers: Headers; readonly body: { data?: Record<string, unknown> | null; errors?: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[]; extensions?: Record<string, unknown> } }

async function post(gateway: GenericGateway, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...headers }, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: await response.json() as Answer['body'] };
}

describe('a foreign supergraph', () => {
  const books = new ForeignSubgraph('books', '/catalogue/v2/gql?tenant=7', BOOKS_SDL, booksResolvers);
  const stock = new ForeignSubgraph('stock', '/', STOCK_SDL, stockResolvers);
  let gateway: GenericGateway;

  beforeAll(async () => {
    await Promise.all([books.listen(), stock.listen()]);
    gateway = await serve(write('foreign.graphql', compose(books, stock)));
  });
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([books.stop(), stock.stop()]);
  });
  afterEach(() => { books.received.length = 0; stock.received.length = 0; });

  test('is asked at the full URL of each subgraph, without token and hash', async () => {
    const { status, body } = await post(gateway, { query: '{ shelves books { isbn title weight copies } }' });
    expect(status).toBe(200);
    expect(body.data).toEqual({ shelves: 7, books: [{ isbn: '1', title: 'Über Wälder', weight: 600, copies: 10 }, { isbn: '2', title: 'Rivers', weight: 240, copies: 20 }] });
    expect(body.errors).toBeUndefined();
    expect(body.extensions).toEqual({ constitutional: { hash: 'none', verified: false } });
    expect(books.received.map(({ url }) => url)).toEqual(['/catalogue/v2/gql?tenant=7']);
    expect(stock.received.length).toBeGreaterThan(0);
    for (const { headers } of [...books.received, ...stock.received]) expect(Object.keys(headers).filter((name) => /acgs|constitutional|authorization/.test(name))).toEqual([]);
  });

  test('takes variables, operation names and aliases', async () => {
    const query = 'query Other { shelves } query Find($isbn: ID!, $deep: Boolean = true) { it: book(isbn: $isbn) { name: title copies @include(if: $deep) } }';
    const { body } = await post(gateway, { query, operationName: 'Find', variables: { isbn: '2' } });
    expect(body.data).toEqual({ it: { name: 'Rivers', copies: 20 } });
  });

  test('runs mutations and joins what they return', async () => {
    const { body } = await post(gateway, { query: 'mutation($title: String!) { addBook(title: $title) { isbn title pages copies } }', variables: { title: 'A "quoted"\nname' } });
    expect(body.data).toEqual({ addBook: { isbn: 'new', title: 'A "quoted"\nname', pages: 10, copies: 0 } });
  });

  test('answers introspection and __typename', async () => {
    const { body } = await post(gateway, { query: '{ __typename __schema { subscriptionType { name } } __type(name: "Book") { fields { name } } }' });
    expect(body.data).toEqual({ __typename: 'Query', __schema: { subscriptionType: { name: 'Subscription' } }, __type: { fields: [{ name: 'isbn' }, { name: 'title' }, { name: 'pages' }, { name: 'weight' }, { name: 'copies' }] } });
  });

  test('shows the errors of subgraphs with their message, path and code', async () => {
    const { status, body } = await post(gateway, { query: '{ shelves jam: broken }' });
    expect(status).toBe(200);
    expect(body.data).toEqual({ shelves: 7, jam: null });
    expect(body.errors).toEqual([expect.objectContaining({ message: 'The press is jammed.', path: ['jam'], extensions: expect.objectContaining({ code: 'INTERNAL', subgraphCode: 'PRESS_JAMMED', page: 4 }) })]);
  });

  test('refuses what the schema does not have', async () => {
    const { body } = await post(gateway, { query: '{ novels { isbn } }' });
    expect(body.data).toBeUndefined();
    expect(body.errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(books.received).toEqual([]);
  });

  test('ignores credentials and hashes of the control plane', async () => {
    const { status, body } = await post(gateway, { query: '{ shelves }' }, { authorization: 'Bearer nonsense', 'x-constitutional-hash': 'f'.repeat(16) });
    expect([status, body.data]).toEqual([200, { shelves: 7 }]);
  });

  test('takes GET, and persisted queries by their hash', async () => {
    const get = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent('{ shelves }')}`, { headers: { accept: 'application/json', 'apollo-require-preflight': 'true' } });
    expect(await get.json()).toMatchObject({ data: { shelves: 7 } });
    const query = '{ books { title } }';
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256Hex(query) } };
    expect((await post(gateway, { extensions })).body.errors?.[0]?.extensions['code']).toBe('PERSISTED_QUERY_NOT_FOUND');
    await post(gateway, { query, extensions });
    expect((await post(gateway, { extensions })).body.data).toEqual({ books: [{ title: 'Über Wälder' }, { title: 'Rivers' }] });
  });

  test('streams subscriptions from the subgraph\'s own URL and joins each event', async () => {
    const client = createClient({ url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
    const events: unknown[] = [];
    for await (const event of client.iterate({ query: 'subscription($count: Int) { added: bookAdded(count: $count) { title weight copies } }', variables: { count: 3 } })) events.push(event.data);
    await client.dispose();
    expect(events).toEqual([
      { added: { title: 'Über Wälder', weight: 600, copies: 10 } }, { added: { title: 'Rivers', weight: 240, copies: 20 } }, { added: { title: 'Über Wälder', weight: 600, copies: 10 } },
    ]);
  });

  test('streams subscriptions over server-sent events too', async () => {
    const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: JSON.stringify({ query: 'subscription { bookAdded { isbn copies } }' }) });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const text = await response.text();
    const events = [...text.matchAll(/^data: ?(\{.*\})$/gm)].map(([, json]) => (JSON.parse(json ?? '') as { data?: unknown }).data).filter((data) => data !== undefined);
    expect(events).toEqual([{ bookAdded: { isbn: '1', copies: 10 } }, { bookAdded: { isbn: '2', copies: 20 } }]);
  });

  test('is ready at once and exports metrics', async () => {
    const ready = await fetch(`${gateway.url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ status: 'ready', mode: 'generic', supergraph: gateway.snapshot().id, subgraphs: { books: books.url, stock: stock.url } });
    expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain('acgs_requests_total');
  });

  test('tells a port that is taken', async () => {
    await expect(serve(join(folder, 'foreign.graphql'), gateway.port)).rejects.toThrow(`127.0.0.1:${gateway.port}: the port is in use`);
  });
});

test('a subgraph that is away or answers no GraphQL leaves the rest of the answer', async () => {
  const books = new ForeignSubgraph('books', '/gql', BOOKS_SDL, booksResolvers);
  const stock = new ForeignSubgraph('stock', '/gql', STOCK_SDL, stockResolvers);
  await Promise.all([books.listen(), stock.listen()]);
  const astray = { name: 'stock', url: stock.url.replace('/gql', '/elsewhere'), sdl: STOCK_SDL };
  const gateway = await serve(write('astray.graphql', compose(books, astray)));
  try {
    const lost = await post(gateway, { query: '{ book(isbn: "1") { title weight } }' });
    expect(lost.body.data).toEqual({ book: { title: 'Über Wälder', weight: null } });
    expect(lost.body.errors?.map(({ extensions }) => extensions['code'])).toEqual(['SUBGRAPH_BAD_RESPONSE']);
    await stock.stop();
    const dead = await post(gateway, { query: '{ book(isbn: "1") { title weight } }' });
    expect(dead.body.data).toEqual({ book: { title: 'Über Wälder', weight: null } });
    expect(dead.body.errors?.map(({ extensions }) => extensions['code'])).toEqual(['SUBGRAPH_UNAVAILABLE']);
    await books.stop();
    const mutation = await post(gateway, { query: 'mutation { addBook(title: "x") { isbn } }' });
    expect(mutation.body.errors?.map(({ extensions }) => extensions['code'])).toEqual(['SUBGRAPH_UNAVAILABLE']);
  } finally {
    await gateway.stop();
  }
});

describe('a foreign supergraph that links the constitutional specification', () => {
  const vault = new ForeignSubgraph('vault', '/v', contractOf({ sdl: 'type Query { door: String kill: String @constitutional(level: CRITICAL) }' }), { Query: { door: () => 'shut', kill: () => 'killed' } });
  let gateway: GenericGateway;

  beforeAll(async () => {
    await vault.listen();
    gateway = await serve(write('bound.graphql', composeSupergraph([{ name: 'vault', url: vault.url, sdl: vault.sdl }], [HASH]).supergraphSdl));
  });
  afterAll(async () => {
    await gateway.stop();
    await vault.stop();
  });
  afterEach(() => { vault.headers = {}; vault.received.length = 0; });

  test('verifies answers under the hash it declares, and sends it', async () => {
    vault.headers = { 'x-constitutional-hash': HASH };
    const { body } = await post(gateway, { query: '{ door }' });
    expect(body).toEqual({ data: { door: 'shut' }, extensions: { constitutional: { hash: HASH, verified: true } } });
    expect(vault.received[0]?.headers['x-constitutional-hash']).toBe(HASH);
  });

  test.each([['none', {}], ['another', { 'x-constitutional-hash': 'f'.repeat(16) }]])('discards an answer under %s hash', async (_name, headers) => {
    vault.headers = { ...headers };
    const { body } = await post(gateway, { query: '{ door }' });
    expect(body.data).toEqual({ door: null });
    expect(body.errors?.[0]?.extensions['code']).toBe('CONSTITUTIONAL_VIOLATION');
    expect(body.extensions).toEqual({ constitutional: { hash: HASH, verified: false } });
  });

  test('demands the hash for critical fields, and refuses another', async () => {
    vault.headers = { 'x-constitutional-hash': HASH };
    expect((await post(gateway, { query: '{ kill }' })).body.errors?.[0]?.extensions['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
    expect((await post(gateway, { query: '{ kill }' }, { 'x-constitutional-hash': 'f'.repeat(16) })).body.errors?.[0]?.extensions['code']).toBe('CONSTITUTIONAL_HASH_MISMATCH');
    expect(vault.received).toEqual([]);
    expect((await post(gateway, { query: '{ kill }' }, { 'x-constitutional-hash': HASH })).body.data).toEqual({ kill: 'killed' });
  });
});

describe('where generic mode does not run', () => {
  const ARGUMENTS = ['--supergraph', 'graph.graphql', '--port', '4321'];

  test('it reads its arguments', () => {
    expect(readGenericConfig(ARGUMENTS, {})).toEqual({ supergraphFile: 'graph.graphql', host: '127.0.0.1', port: 4321, logLevel: 'info' });
    expect(readGenericConfig([...ARGUMENTS, '--host', '127.0.0.2'], { ACGS_LOG_LEVEL: 'warn' })).toMatchObject({ host: '127.0.0.2', logLevel: 'warn' });
  });

  test.each([
    ['NODE_ENV', 'production'], ['ACGS_DATA_DIR', '/var/lib/acgs'], ['DATABASE_URL', 'postgres://x'], ['ACGS_SUBGRAPH_URLS', 'auth=http://a'], ['ACGS_HOP_MASTER_KEY', 'x'], ['ACGS_SERVICE_TOKEN', 'x'],
  ])('not where %s is %s', (key, value) => {
    expect(() => readGenericConfig(ARGUMENTS, { [key]: value })).toThrow(`${key}: `);
  });

  test.each([
    [[], '--supergraph'], [['--supergraph', 'x', '--port', 'http'], '--port'], [['--supergraph', 'x', '--port', '70000'], '--port'], [['--supergraph', 'x', '--verbose'], '--verbose'], [['--supergraph', 'x', '--host', '0.0.0.0'], 'every interface'],
  ])('not with arguments %j', (args, problem) => {
    expect(() => readGenericConfig(args, {})).toThrow(problem);
  });

  test('listens on every interface only behind a declared firewall', () => {
    expect(readGenericConfig(['--supergraph', 'x', '--host', '0.0.0.0'], { ACGS_FIREWALLED: 'true' }).host).toBe('0.0.0.0');
  });

  test('not for a file that is missing or no supergraph', async () => {
    await expect(serve(join(folder, 'missing.graphql'))).rejects.toThrow('there is no such file');
    await expect(serve(write('plain.graphql', 'type Query { a: Int }'))).rejects.toThrow('is not a Federation 2 supergraph');
    await expect(serve(write('words.graphql', 'not GraphQL {'))).rejects.toThrow('is not a Federation 2 supergraph');
  });

  test('not for a supergraph without the endpoints of its subgraphs', () => {
    expect(() => inspectSupergraph(compose({ name: 'books', url: '', sdl: BOOKS_SDL }))).toThrow('the subgraph books the URL ""');
    expect(() => inspectSupergraph(compose({ name: 'books', url: 'books:4001', sdl: BOOKS_SDL }))).toThrow('full endpoint');
  });

  test('not for the control plane\'s own graph, whole or in part', () => {
    expect(() => inspectSupergraph(readFileSync(projectPath('schema', 'supergraph.graphql'), 'utf8'))).toThrow('the control plane\'s own graph');
    const part = { name: 'auth', url: 'http://127.0.0.1:8000/graphql' };
    expect(() => inspectSupergraph(composeSupergraph([{ ...part, sdl: contractOf({ sdl: 'type Query { a: Int }' }) }], [HASH]).supergraphSdl)).toThrow('the control plane\'s own graph');
    // A foreign graph may well have a subgraph that is called so.
    expect(inspectSupergraph(compose({ ...part, sdl: `${LINK}type Query { a: Int }` })).constitutionalHash).toBeNull();
  });

  test('the process says why, and ends with 1', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', projectPath('gateway', 'generic', 'main.ts'), '--supergraph', join(folder, 'missing.graphql'), '--port', '0'], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    const [code] = await once(child, 'close') as [number];
    expect([code, output]).toEqual([1, expect.stringContaining('there is no such file')]);
  });
});
