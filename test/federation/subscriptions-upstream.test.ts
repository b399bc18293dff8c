/** How streams upstream are spoken: a hash that rotates without a gap, and subgraphs that are not ours. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { DEFAULT_EDGE_LIMITS } from '../../gateway/subscriptions/edge-deps.js';
import { UpstreamPool } from '../../gateway/subscriptions/upstream-pool.js';
import { FOREIGN_PROTOCOL, createHopProtocol } from '../../gateway/subscriptions/upstream-protocol.js';
import type { UpstreamPayload } from '../../gateway/subscriptions/upstream-socket.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { RawClient, WRONG_HASH, snapshotOf, startGateway, until, startStage } from './subscriptions-kit.js';
import { AlertLog, HASH, hopKey, startAlerts, startServices } from './subscriptions-mini-subgraphs.js';

const stops: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

describe('a rotation of the constitutional hash', () => {
  const NEXT = 'aaaaaaaaaaaaaaaa';

  it('leaves streams alone: the connection is made anew when its hash closes, and no event is lost', async () => {
    const { log, alerts, gateway } = await startStage(stops);
    const client = await RawClient.ready(gateway.url);
    const seqs = (): number[] => client.nexts('1').slice(1).map(({ data }) => (data?.['broadcast'] as { alert: { seq: number } }).alert.seq);
    client.subscribe('1', 'subscription { broadcast { kind alert { seq } } }');
    await until('OPENED', () => client.nexts('1').length === 1);
    log.append(2);
    await until('two', () => seqs().length === 2);
    gateway.accepted.add(NEXT);
    alerts.speakUnder(NEXT);
    log.append(2);
    await until('four', () => seqs().length === 4);
    expect(alerts.subscribed).toHaveLength(1);
    gateway.accepted.delete(HASH);
    log.append(2);
    await until('six', () => seqs().length === 6);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(alerts.subscribed).toHaveLength(2);
    expect(gateway.quarantined).toEqual([]);
    expect(client.nexts('1').map(({ extensions }) => (extensions?.['constitutional'] as { verified: boolean }).verified)).toEqual(Array.from({ length: 7 }, () => true));
  });

  it('quarantines an instance that stays behind', async () => {
    const { log, alerts, gateway } = await startStage(stops);
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { broadcast { kind alert { seq } } }');
    await until('OPENED', () => client.nexts('1').length === 1);
    gateway.accepted.add(NEXT);
    gateway.accepted.delete(HASH);
    log.append(1);
    expect(await client.errorCodes('1')).toEqual(['CONSTITUTIONAL_VIOLATION']);
    expect(client.nexts('1')).toHaveLength(1);
    expect(gateway.quarantined).toEqual([`http://127.0.0.1:${alerts.port}`]);
  });

  it('refuses a message that is stamped with another hash', () => {
    const gate = { active: () => HASH, isAccepted: (hash: string | null | undefined) => hash === HASH };
    const protocol = createHopProtocol({ gate, hopKey });
    expect(protocol.judge(HASH, { data: {}, extensions: { constitutionalHash: WRONG_HASH } })).toEqual({ kind: 'FOREIGN', received: WRONG_HASH });
    expect(protocol.judge(HASH, { data: {}, extensions: { constitutionalHash: HASH } })).toEqual({ kind: 'VERIFIED' });
    expect(protocol.judge(HASH, { data: {} })).toEqual({ kind: 'VERIFIED' });
    expect(protocol.judge(WRONG_HASH, { data: {} })).toEqual({ kind: 'OUTDATED' });
    expect(() => protocol.acknowledge('alerts', { constitutionalHash: WRONG_HASH })).toThrow('another constitutional hash');
    expect(() => protocol.acknowledge('alerts', undefined)).toThrow('another constitutional hash');
  });
});

describe('a subgraph that is not ours', () => {
  /** A plain graphql-ws server under a path of its own. */
  async function startForeign(): Promise<{ url: string; inits: unknown[]; subscribes: unknown[]; sockets: WebSocketServer }> {
    const schema = buildSchema('type Query { ok: Boolean } type Subscription { ticks: Int! }');
    const server: Server = createServer();
    const sockets = new WebSocketServer({ server, path: '/some/where' });
    const inits: unknown[] = [];
    const subscribes: unknown[] = [];
    useServer({
      schema,
      roots: { subscription: { ticks: async function* () { yield { ticks: 1 }; yield { ticks: 2 }; await new Promise<void>(() => undefined); } } },
      onConnect: ({ connectionParams }) => { inits.push(connectionParams); },
      onSubscribe: (_context, _id, payload) => { subscribes.push(payload); },
    }, sockets);
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    stops.push(() => new Promise((resolve) => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close(() => resolve());
    }));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/where?tenant=7`, inits, subscribes, sockets };
  }

  it('is reached at its own URL, without token, hash or cursor', async () => {
    const foreign = await startForeign();
    const pool = new UpstreamPool({
      logger: createLogger('test', 'silent'), upstream: FOREIGN_PROTOCOL,
      targets: { instance: (service) => ({ service, instanceId: null, url: foreign.url }), quarantine: () => undefined, unreachable: () => undefined, onChange: () => () => undefined },
    }, DEFAULT_EDGE_LIMITS);
    stops.unshift(async () => pool.close());
    const received: UpstreamPayload[] = [];
    const dropped: string[] = [];
    const stream = pool.open('foreign', () => ({ query: 'subscription { ticks }', variables: {} }), {
      next: (payload) => { received.push(payload); }, error: () => undefined, complete: () => undefined, dropped: ({ code }) => { dropped.push(code); },
    });
    await until('two messages', () => received.length === 2);
    expect(received).toEqual([{ data: { ticks: 1 } }, { data: { ticks: 2 } }]);
    expect(foreign.inits).toEqual([undefined]);
    expect(foreign.subscribes).toEqual([{ query: 'subscription { ticks }', variables: {} }]);
    expect(stream.judge({ data: {} })).toEqual({ kind: 'UNCHECKED' });
    for (const socket of foreign.sockets.clients) socket.terminate();
    await until('the drop', () => dropped.length === 1);
    expect(dropped).toEqual(['SUBGRAPH_UNAVAILABLE']);
  });

  it('is not resumed: a drop ends its streams, and answers are unverified', async () => {
    const foreign = await startForeign();
    const alerts = await startAlerts(new AlertLog());
    const services = await startServices();
    const gateway = await startGateway([alerts, services], { upstream: { ...FOREIGN_PROTOCOL, url: () => foreign.url.replace('http', 'ws') } });
    stops.unshift(() => gateway.stop(), () => alerts.stop(), () => services.stop());
    await gateway.swap(snapshotOf('foreign'));
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { ticks }');
    await until('two', () => client.nexts('1').length === 2);
    expect(client.nexts('1')[0]).toEqual({ data: { ticks: 1 }, extensions: { constitutional: { hash: HASH, verified: false } } });
    for (const socket of foreign.sockets.clients) socket.terminate();
    expect(await client.errorCodes('1')).toEqual(['SUBGRAPH_UNAVAILABLE']);
    expect(client.errors('1')?.[0]?.extensions?.['resumeAfter']).toBeUndefined();
  });
});
