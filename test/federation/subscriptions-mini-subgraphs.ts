/** Mini subgraphs over real sockets: one owns an alert stream with replay by cursor, one joins fields to it. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { graphql, parse, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import { deriveHopKey, subscribeBody, verifyHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import { projectPath } from '../../ops/runtime/package-root.js';

export const HASH = 'cdd01ef066bc6cf2';

const MASTER = Buffer.alloc(32, 7);
export const hopKey = (subgraph: string): Buffer => deriveHopKey(MASTER, subgraph);
const CONSTITUTIONAL = readFileSync(projectPath('schema', 'constitutional.graphql'), 'utf8');
const LINK = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@composeDirective", "@authenticated"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
${CONSTITUTIONAL}`;

export const ALERTS_SDL = `${LINK}
  scalar Cursor
  enum StreamMessageKind { OPENED EVENT BOOKMARK }
  enum Severity { LOW HIGH }
  type Query { alertCount: Int! }
  type Mutation { acknowledge(id: ID!): Int! @constitutional(level: CRITICAL) }
  type Subscription {
    alertRaised(severityAtLeast: Severity, after: Cursor): AlertRaisedMessage!
    countdown(from: Int!): Int!
  }
  type AlertRaisedMessage { cursor: Cursor! kind: StreamMessageKind! alert: Alert }
  type Alert @key(fields: "id") { id: ID! seq: Int! title: String! severity: Severity! service: Service source: Source padding: String }
  union Source = Probe | Person
  type Probe { url: String! }
  type Person { name: String! }
  type Service @key(fields: "id", resolvable: false) { id: ID! }
`;
export const SERVICES_SDL = `${LINK}
  type Query { service(id: ID!): Service }
  type Service @key(fields: "id") { id: ID! name: String! owner: String @authenticated region: String! }
  type Alert @key(fields: "id") { id: ID! runbook: String! checklist: String! @authenticated }
`;

export type Message = Record<string, unknown>;

/** The event log of the alerts subgraph; it outlives the subgraph's process, as an outbox does. */
export class AlertLog {
  readonly events: Message[] = [];
  /** Cursors below this number have expired. */
  keptFrom = 0;
  private readonly wakes = new Set<() => void>();

  append(count = 1, extra: Message = {}): void {
    for (let index = 0; index < count; index += 1) {
      const seq = this.events.length + 1;
      this.events.push({
        id: `a${seq}`, seq, title: `Alert ${seq}`, severity: seq % 2 === 0 ? 'HIGH' : 'LOW', service: { id: `s${seq % 3}` },
        source: seq % 2 === 0 ? { __typename: 'Probe', url: `http://probe/${seq}` } : { __typename: 'Person', name: `person ${seq}` }, ...extra,
      });
    }
    for (const wake of this.wakes) wake();
  }

  /** @returns an explicit iterator over messages, which `return` ends at once. */
  open(after: string | null | undefined, severity: string | null | undefined, onEnd: () => void): AsyncIterableIterator<Message> {
    let seq = after == null ? this.events.length : Number(after.replace('c:', ''));
    if (Number.isNaN(seq)) throw new AcgsError('CURSOR_INVALID');
    if (seq < this.keptFrom) throw new AcgsError('CURSOR_EXPIRED');
    let opened = false;
    let done = false;
    let wake: (() => void) | undefined;
    const notify = (): void => wake?.();
    this.wakes.add(notify);
    const finish = (): void => {
      if (done) return;
      done = true;
      this.wakes.delete(notify);
      wake?.();
      onEnd();
    };
    const message = (kind: string, alert: Message | null): IteratorResult<Message> => ({ done: false, value: { alertRaised: { cursor: `c:${seq}`, kind, alert } } });
    return {
      [Symbol.asyncIterator]() { return this; },
      next: async () => {
        if (!opened && !done) {
          opened = true;
          return message('OPENED', null);
        }
        while (!done) {
          const event = this.events[seq];
          if (event !== undefined) {
            seq += 1;
            if (severity === 'HIGH' && event['severity'] !== 'HIGH') continue;
            return message('EVENT', event);
          }
          await new Promise<void>((resolve) => { wake = resolve; });
          wake = undefined;
        }
        return { done: true, value: undefined };
      },
      return: async () => { finish(); return { done: true, value: undefined }; },
      throw: async (error) => { finish(); throw error; },
    };
  }
}

export interface MiniSubgraph {
  readonly name: string;
  readonly port: number;
  /** Claims of every accepted subscribe message, in order. */
  readonly subscribed: Array<{ claims: HopClaims; variables: Message }>;
  /** Operations answered over HTTP. */
  readonly fetched: string[];
  streams(): number;
  sockets(): number;
  /** Cuts every stream connection without a closing handshake, as kill -9 does. */
  cut(): void;
  stop(): Promise<void>;
}

interface MiniOptions {
  readonly name: string;
  readonly schema: GraphQLSchema;
  readonly counter: { open: number };
  readonly port?: number;
  readonly hash?: string;
}

async function startMini({ name, schema, counter, port = 0, hash = HASH }: MiniOptions): Promise<MiniSubgraph> {
  const subscribed: MiniSubgraph['subscribed'] = [];
  const fetched: string[] = [];
  const server: Server = createServer((request, response) => {
    void readText(request).then(async (body) => {
      const claims = verifyHopToken(hopKey(name), name, '/graphql', body, String(request.headers['x-acgs-hop']));
      const { query, variables } = JSON.parse(body) as { query: string; variables: Message };
      fetched.push(query);
      const result = await graphql({ schema, source: query, variableValues: variables, contextValue: { claims } });
      response.setHeader('content-type', 'application/json').setHeader('x-constitutional-hash', hash).end(JSON.stringify(result));
    });
  });
  const sockets = new WebSocketServer({ server, path: '/graphql' });
  useServer({
    schema,
    onConnect: ({ connectionParams }) => {
      verifyHopToken(hopKey(name), name, 'connection', '', String(connectionParams?.['hop']));
      return { constitutionalHash: hash };
    },
    onSubscribe: (_context, _id, payload) => {
      const claims = verifyHopToken(hopKey(name), name, 'subscribe', subscribeBody(payload.query, payload.variables), String(payload.extensions?.['hop']));
      subscribed.push({ claims, variables: payload.variables ?? {} });
    },
    context: () => ({ counter }),
  }, sockets);
  await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  const cut = (): void => { for (const client of sockets.clients) client.terminate(); };
  return {
    name, subscribed, fetched, cut,
    port: (server.address() as AddressInfo).port,
    streams: () => counter.open,
    sockets: () => sockets.clients.size,
    async stop() {
      cut();
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The subgraph that owns the stream. */
export function startAlerts(log: AlertLog, options: { port?: number; hash?: string } = {}): Promise<MiniSubgraph> {
  const counter = { open: 0 };
  const schema = buildSubgraphSchema({
    typeDefs: parse(ALERTS_SDL),
    resolvers: {
      Query: { alertCount: () => log.events.length },
      Mutation: { acknowledge: () => log.events.length },
      Subscription: {
        alertRaised: {
          subscribe: (_root: unknown, { after, severityAtLeast }: { after?: string | null; severityAtLeast?: string | null }) => {
            const iterator = log.open(after, severityAtLeast, () => { counter.open -= 1; });
            counter.open += 1;
            return iterator;
          },
        },
        countdown: {
          subscribe: async function* (_root: unknown, { from }: { from: number }) {
            for (let left = from; left >= 0; left -= 1) yield { countdown: left };
          },
        },
      },
    },
  });
  return startMini({ name: 'alerts', schema, counter, ...options });
}

/** The subgraph whose fields are joined to each event. `delayMs` slows single answers down. */
export function startServices(behaviour: { delayMs?: (id: string) => number; regionOf?: (id: string) => string | null } = {}): Promise<MiniSubgraph> {
  const wait = async (id: string): Promise<void> => {
    const delay = behaviour.delayMs?.(id) ?? 0;
    if (delay > 0) await new Promise((resolve) => { setTimeout(resolve, delay); });
  };
  const schema = buildSubgraphSchema({
    typeDefs: parse(SERVICES_SDL),
    resolvers: {
      Query: { service: (_root: unknown, { id }: { id: string }) => ({ id }) },
      Service: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        name: ({ id }: { id: string }) => `service ${id}`,
        owner: () => 'team',
        region: ({ id }: { id: string }) => (behaviour.regionOf === undefined ? 'eu' : behaviour.regionOf(id)),
      },
      Alert: {
        __resolveReference: async ({ id }: { id: string }) => { await wait(id); return { id }; },
        runbook: ({ id }: { id: string }) => `https://runbooks/${id}`,
        checklist: () => 'breathe',
      },
    },
  });
  return startMini({ name: 'services', schema, counter: { open: 0 } });
}
