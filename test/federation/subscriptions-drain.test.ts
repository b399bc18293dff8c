/** Shutting down: what has come is delivered, then every edge tells its readers that the gateway goes away. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { createStreamSource } from '../../gateway/subscriptions/stream-source.js';
import { SubscriptionFailure } from '../../gateway/subscriptions/subscription-stream.js';
import { RawClient, bearer, until, startStage, type GatewayOptions, type TestGateway } from './subscriptions-kit.js';
import type { AlertLog, MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const STREAM = 'subscription { broadcast { cursor kind alert { seq runbook } } }';

let log: AlertLog;
let alerts: MiniSubgraph;
let gateway: TestGateway;
/** Lets the joins go on that wait. */
let release: () => void;
const stops: Array<() => Promise<void>> = [];

async function begin(options: GatewayOptions = {}): Promise<void> {
  const held = new Promise<void>((resolve) => { release = resolve; });
  stops.push(async () => release());
  ({ log, alerts, gateway } = await startStage(stops, { gateway: options, services: { hold: () => held } }));
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const seqsOf = (client: RawClient, id: string): number[] => client.nexts(id).slice(1).map(({ data }) => (data?.['broadcast'] as { alert: { seq: number } }).alert.seq);

describe('a gateway that stops', () => {
  it('delivers the events it has received, answers what runs, and closes with 1001', async () => {
    await begin();
    const clients = await Promise.all(['ann', 'bob'].map((id) => RawClient.ready(gateway.url, { authorization: bearer(id) })));
    for (const client of clients) {
      client.subscribe('1', STREAM);
      await until('OPENED', () => client.nexts('1').length === 1);
    }
    clients[0]?.subscribe('q', 'query { service(id: "s1") { name held } }');
    log.append(20);
    await until('the events to be executed', async () => (await gateway.metric('acgs_subscription_executions_total')) >= 2 + 8);
    const stopping = gateway.edge.stop();
    await until('the stream upstream to end', () => alerts.streams() === 0);
    expect(clients.map((client) => client.socket.readyState)).toEqual([1, 1]);
    release();
    await stopping;
    for (const client of clients) {
      expect(await client.closed).toEqual({ code: 1001, reason: 'Going away' });
      expect(seqsOf(client, '1')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(client.errors('1')).toBeUndefined();
    }
    expect(clients[0]?.nexts('q').map(({ data }) => data)).toEqual([{ service: { name: 'service s1', held: 'let go' } }]);
  });

  it('does not wait longer than it may', async () => {
    await begin({ limits: { drainMs: 150 } });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1);
    log.append(1);
    await until('the event to be executed', async () => (await gateway.metric('acgs_subscription_executions_total')) >= 2);
    await gateway.edge.stop();
    expect(await client.closed).toEqual({ code: 1001, reason: 'Going away' });
    expect(seqsOf(client, '1')).toEqual([]);
  });

  it('takes nothing new meanwhile', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1);
    log.append(1);
    await until('the event to be executed', async () => (await gateway.metric('acgs_subscription_executions_total')) >= 2);
    const stopping = gateway.edge.stop();
    client.subscribe('2', STREAM);
    expect(await client.errorCodes('2')).toEqual(['SHUTTING_DOWN']);
    await expect(RawClient.open(gateway.url)).rejects.toThrow('503');
    release();
    await stopping;
    expect(seqsOf(client, '1')).toEqual([1]);
  });

  it('ends pulled streams with SHUTTING_DOWN and the cursor to resume from, after what has come', async () => {
    await begin();
    const { request, prepared, variables } = await gateway.prepare(STREAM, 'ann');
    const stream = createStreamSource(gateway.subscriptions).open({ request, prepared, variables, outlet: { congested: () => false, caughtUp: () => Promise.resolve(true) } });
    expect((await stream.next()).value?.text).toContain('"OPENED"');
    log.append(2);
    await until('the events to be executed', async () => (await gateway.metric('acgs_subscription_executions_total')) >= 3);
    const stopping = gateway.subscriptions.stop();
    release();
    expect((await stream.next()).value?.text).toContain('"seq":1');
    expect((await stream.next()).value?.text).toContain('"seq":2');
    const failure = await stream.next().then(() => undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(SubscriptionFailure);
    expect((failure as SubscriptionFailure).errors.map(({ extensions }) => extensions)).toEqual([{ code: 'SHUTTING_DOWN', resumeAfter: 'c:2' }]);
    await stopping;
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });
});
