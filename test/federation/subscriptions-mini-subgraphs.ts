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
const SHARED_DEFINITIONS = ['constitutional.graphql', 'common.graphql'].map((file) => readFileSync(projectPath('schema', file), 'utf8')).join('\n');
const LINK = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@composeDirective", "@authenticated"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@impersonal"])
  @composeDirective(name: "@constitutional")
  @composeDirective(name: "@impersonal")
  @constitutional(hash: "${HASH}")
${SHARED_DEFINITIONS}`;

/** `broadcast` is the same stream as `alertRaised`, and says that it is the same for everyone. */
export const ALERTS_SDL = `${LINK}
  enum Severity { LOW HIGH }
  type Query { alertCount: Int! }
  type Mutation { acknowledge(id: ID!): Int! @constitutional(level: CRITICAL) }
  type Subscription {
    alertRaised(severityAtLeast: Severity, after: Cursor): AlertRaisedMessage!
    broadcast(severityAtLeast: Severity, after: Cursor): AlertRaisedMessage! @impersonal(subgraph: "alerts")
    countdown(from: Int!): Int!
    ticks: Int!
  }
  type AlertRaisedMessage @impersonal(subgraph: "alerts") { cursor: Cursor! kind: StreamMessageKind! alert: Alert }
  type Alert @key(fields: "id") @impersonal(subgraph: "alerts") { id: ID! seq: Int! title: String! severity: Severity! service: Service source: Source padding: String }
  union Source = Probe | Person
  type Probe @impersonal(subgraph: "alerts") { url: String! }
  type Person @impersonal(subgraph: "alerts") { name: String! }
  type Service @key(fields: "id", resolvable: false) @impersonal(subgraph: "alerts") { id: ID! }
`;
export const SERVICES_SDL = `${LINK}
  type Query { service(id: ID!): Service }
  type Service @key(fields: "id") { id: ID! name: String! @impersonal(subgraph: "services") owner: String @authenticated viewer: String held: String region: String! @impersonal(subgraph: "services") }
  type Alert @key(fields: "id") { id: ID! runbook: String! @impersonal(subgraph: "services") checklist: String! @authenticated }
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
  open(field: string, after: string | null | undefined, severity: string | null | undefined, onEnd: () => void): AsyncIterableIterator<Message> {
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
    const message = (kind: string, alert: Message | null): IteratorResult<Message> => ({ done: false, value: { [field]: { cursor: `c:${seq}`, kind, alert } } });
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
  /** Changes the hash it answers under. */
  speakUnder(hash: string): void;
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
  const speaking = { hash };
  const subscribed: MiniSubgraph['subscribed'] = [];
  const fetched: string[] = [];
  const server: Server = createServer((request, response) => {
    void readText(request).then(async (body) => {
      const claims = verifyHopToken(hopKey(name), name, '/graphql', body, String(request.headers['x-acgs-hop']));
      const { query, variables } = JSON.parse(body) as { query: string; variables: Message };
      fetched.push(query);
      const result = await graphql({ schema, source: query, variableValues: variables, contextValue: { claims } });
      response.setHeader('content-type', 'application/json').setHeader('x-constitutional-hash', speaking.hash).end(JSON.stringify(result));
    });
  });
  const sockets = new WebSocketServer({ server, path: '/graphql' });
  useServer({
    schema,
    onConnect: ({ connectionParams }) => {
      verifyHopToken(hopKey(name), name, 'connection', '', String(connectionParams?.['hop']));
      return { constitutionalHash: speaking.hash };
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
    speakUnder(next) { speaking.hash = next; },
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
export function startAlerts(log: AlertLog, options: { port?: number; hash?: string; sdl?: string } = {}): Promise<MiniSubgraph> {
  const counter = { open: 0 };
  const stream = (field: string) => (_root: unknown, { after, severityAtLeast }: { after?: string | null; severityAtLeast?: string | null }): AsyncIterableIterator<Message> => {
    const iterator = log.open(field, after, severityAtLeast, () => { counter.open -= 1; });
    counter.open += 1;
    return iterator;
  };
  const schema = buildSubgraphSchema({
    typeDefs: parse(options.sdl ?? ALERTS_SDL),
    resolvers: {
      Query: { alertCount: () => log.events.length },
      Mutation: { acknowledge: () => log.events.length },
      ...((options.sdl ?? '').includes('runbook') ? { Alert: { runbook: () => 'from alerts' } } : {}),
      Subscription: {
        alertRaised: { subscribe: stream('alertRaised') },
        broadcast: { subscribe: stream('broadcast') },
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

/** The subgraph whose fields are joined to each event. `delayMs` slows single answers down, `hold` keeps the joins of alerts and `held` back. */
export function startServices(behaviour: { delayMs?: (id: string) => number; regionOf?: (id: string) => string | null; hold?: () => Promise<void> } = {}): Promise<MiniSubgraph> {
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
        viewer: (_service: unknown, _args: unknown, context: unknown) => (context as { claims: HopClaims }).claims.principal?.id ?? null,
        held: async () => { await behaviour.hold?.(); return 'let go'; },
        region: ({ id }: { id: string }) => (behaviour.regionOf === undefined ? 'eu' : behaviour.regionOf(id)),
      },
      Alert: {
        __resolveReference: async ({ id }: { id: string }) => { await wait(id); await behaviour.hold?.(); return { id }; },
        runbook: ({ id }: { id: string }) => `https://runbooks/${id}`,
        checklist: () => 'breathe',
      },
    },
  });
  return startMini({ name: 'services', schema, counter: { open: 0 } });
}
