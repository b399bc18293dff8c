/** The WebSocket edge over real sockets: who may connect, what an event shows, how it ends. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RawClient, WRONG_HASH, bearer, until, startStage, type GatewayOptions, type TestGateway, type StageOptions } from './subscriptions-kit.js';
import { HASH, startAlerts, type AlertLog, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const SEQUENCE = 'subscription($after: Cursor) { alertRaised(after: $after) { cursor kind alert { seq } } }';

let log: AlertLog;
let alerts: MiniSubgraph;
let services: MiniSubgraph;
let gateway: TestGateway;
const stops: Array<() => Promise<void>> = [];

async function begin(options: GatewayOptions = {}, behaviour: StageOptions['services'] = {}): Promise<void> {
  ({ log, alerts, services, gateway } = await startStage(stops, { gateway: options, services: behaviour }));
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function opened(client: RawClient, id: string): Promise<void> {
  await until('OPENED', () => client.nexts(id).length > 0 || client.errors(id) !== undefined);
  expect(client.errors(id)).toBeUndefined();
}

describe('an event', () => {
  it('joins fields of another subgraph, with aliases, fragments and unions, and carries the stamp', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url, { authorization: bearer('ann') });
    client.subscribe('1', `subscription {
      raised: alertRaised { kind a: alert { ...Card other: seq source { __typename ... on Probe { at: url } ... on Person { name } } } }
    }
    fragment Card on Alert { id runbook service { called: name region } }`);
    await opened(client, '1');
    log.append(2);
    await until('two events', () => client.nexts('1').length === 3);
    const [open, first, second] = client.nexts('1');
    expect(open).toEqual({ data: { raised: { kind: 'OPENED', a: null } }, extensions: { constitutional: { hash: HASH, verified: true } } });
    expect(first?.data).toEqual({ raised: { kind: 'EVENT', a: { id: 'a1', runbook: 'https://runbooks/a1', service: { called: 'service s1', region: 'eu' }, other: 1, source: { __typename: 'Person', name: 'person 1' } } } });
    expect(second?.data).toMatchObject({ raised: { a: { source: { __typename: 'Probe', at: 'http://probe/2' } } } });
    expect(first?.errors).toBeUndefined();
  });

  it('is null with an error where a joined field is refused, and nothing refused is fetched', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { kind alert { seq service { name owner } } } }');
    await opened(client, '1');
    log.append();
    await until('the event', () => client.nexts('1').length === 2);
    expect(client.nexts('1')[0]?.errors).toBeUndefined();
    const event = client.nexts('1')[1];
    expect(event?.data).toEqual({ alertRaised: { kind: 'EVENT', alert: { seq: 1, service: { name: 'service s1', owner: null } } } });
    expect(event?.errors).toEqual([expect.objectContaining({ path: ['alertRaised', 'alert', 'service', 'owner'], extensions: expect.objectContaining({ code: 'UNAUTHORIZED_FIELD_OR_TYPE' }) })]);
    expect(services.fetched.join()).not.toContain('owner');
    const known = await RawClient.ready(gateway.url, { authorization: bearer('ann') });
    known.subscribe('1', 'subscription { alertRaised { alert { service { owner } } } }');
    await opened(known, '1');
    log.append();
    await until('the event', () => known.nexts('1').length === 2);
    expect(known.nexts('1')[1]?.data).toEqual({ alertRaised: { alert: { service: { owner: 'team' } } } });
  });

  it('bubbles a refused non-null field up to the nearest nullable one, with one error', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { kind alert { seq checklist } } }');
    await opened(client, '1');
    log.append();
    await until('the event', () => client.nexts('1').length === 2);
    expect(client.nexts('1')[1]?.data).toEqual({ alertRaised: { kind: 'EVENT', alert: null } });
    expect(client.nexts('1')[1]?.errors?.map(({ path }) => path)).toEqual([['alertRaised', 'alert', 'checklist']]);
  });

  it('keeps its own fields and names the path when the joined subgraph fails', async () => {
    await begin({}, { regionOf: (id) => (id === 's1' ? null : 'eu') });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { alert { seq service { region } } } }');
    await opened(client, '1');
    log.append(1);
    await until('the event', () => client.nexts('1').length === 2);
    expect(client.nexts('1')[1]?.data).toEqual({ alertRaised: { alert: { seq: 1, service: null } } });
    expect(client.nexts('1')[1]?.errors?.[0]?.path).toEqual(['alertRaised', 'alert', 'service', 'region']);
    await services.stop();
    log.append(1);
    await until('the second event', () => client.nexts('1').length === 3);
    expect(client.nexts('1')[2]?.data).toMatchObject({ alertRaised: { alert: { seq: 2, service: null } } });
    expect(client.nexts('1')[2]?.errors?.[0]?.extensions?.['code']).toBe('SUBGRAPH_UNAVAILABLE');
  });

  it('stays in order when the joins of earlier events are slower', async () => {
    await begin({}, { delayMs: (id) => (Number(id.slice(1)) % 4 === 1 ? 40 : 0) });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { alert { seq runbook } } }');
    await opened(client, '1');
    log.append(40);
    await until('forty events', () => client.nexts('1').length === 41);
    expect(client.nexts('1').slice(1).map(({ data }) => ((data?.['alertRaised'] as { alert: { seq: number } }).alert).seq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it('reaches the subgraph with the principal, its scopes and the presented hash in the hop token', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url, { authorization: bearer('ann'), constitutionalHash: HASH });
    client.subscribe('1', SEQUENCE);
    await opened(client, '1');
    expect(alerts.subscribed[0]?.claims).toMatchObject({ principal: { id: 'ann', scopes: ['alerts:read'] }, credentialId: 'ann', revocationEpoch: 3, hashPresented: true, constitutionalHash: HASH });
  });
});

describe('a connection', () => {
  it('is closed with 4403 for bad credentials', async () => {
    await begin();
    const client = await RawClient.open(gateway.url);
    client.send({ type: 'connection_init', payload: { authorization: 'Bearer forged' } });
    expect(await client.closed).toEqual({ code: 4403, reason: 'UNAUTHENTICATED' });
  });

  it('is closed with 4409 for a wrong hash before any subgraph is called', async () => {
    await begin();
    const client = await RawClient.open(gateway.url);
    client.send({ type: 'connection_init', payload: { authorization: bearer('ann'), constitutionalHash: WRONG_HASH } });
    expect(await client.closed).toEqual({ code: 4409, reason: 'CONSTITUTIONAL_HASH_MISMATCH' });
    expect(gateway.mismatches).toEqual([WRONG_HASH]);
    expect(alerts.sockets()).toBe(0);
  });

  it('is closed with 4409 when its hash is no longer accepted', async () => {
    await begin();
    gateway.accepted.add('aaaaaaaaaaaaaaaa');
    const client = await RawClient.ready(gateway.url, { constitutionalHash: 'aaaaaaaaaaaaaaaa' });
    gateway.accepted.delete('aaaaaaaaaaaaaaaa');
    expect(await client.closed).toEqual({ code: 4409, reason: 'CONSTITUTIONAL_HASH_MISMATCH' });
  });

  it('is closed with 4403 when its token expires, and its streams end upstream', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url, { authorization: bearer('ann', 400) });
    client.subscribe('1', SEQUENCE);
    await opened(client, '1');
    expect(await client.closed).toEqual({ code: 4403, reason: 'Token expired' });
    await until('no stream upstream', () => alerts.streams() === 0);
  });

  it('is closed with 4403 within a second of the revocation, and no other is', async () => {
    await begin();
    const ann = await RawClient.ready(gateway.url, { authorization: bearer('ann') });
    const bob = await RawClient.ready(gateway.url, { authorization: bearer('bob') });
    const since = Date.now();
    gateway.revoke('ann');
    expect(await ann.closed).toEqual({ code: 4403, reason: 'Credential revoked' });
    expect(Date.now() - since).toBeLessThan(1_000);
    expect(bob.socket.readyState).toBe(bob.socket.OPEN);
  });

  it('is closed for messages that are not of the protocol', async () => {
    await begin({ limits: { connectionInitTimeoutMs: 150, maxMessageBytes: 2_000 } });
    const garbage = await RawClient.ready(gateway.url);
    garbage.socket.send('{"type":');
    expect((await garbage.closed).code).toBe(4400);
    const binary = await RawClient.ready(gateway.url);
    binary.socket.send(Buffer.from([1, 2, 3]));
    expect((await binary.closed).code).toBe(4400);
    const eager = await RawClient.open(gateway.url);
    eager.subscribe('1', SEQUENCE);
    expect((await eager.closed).code).toBe(4401);
    const silent = await RawClient.open(gateway.url);
    expect((await silent.closed).code).toBe(4408);
    const large = await RawClient.ready(gateway.url);
    large.subscribe('1', SEQUENCE, { padding: 'x'.repeat(3_000) });
    expect((await large.closed).code).toBe(1009);
    const typed = await RawClient.open(gateway.url);
    typed.send({ type: 'connection_init', payload: { authorization: 7 } });
    expect((await typed.closed).code).toBe(4400);
    await until('no connection left', () => gateway.edge.connections() === 0);
  });
});

describe('an operation', () => {
  it('answers queries, and mutations only with the hash', async () => {
    await begin();
    const bare = await RawClient.ready(gateway.url, { authorization: bearer('ann') });
    bare.subscribe('q', '{ alertCount }');
    await until('the answer', () => bare.nexts('q').length === 1);
    expect(bare.nexts('q')[0]).toEqual({ data: { alertCount: 0 }, extensions: { constitutional: { hash: HASH, verified: true } } });
    bare.subscribe('m', 'mutation { acknowledge(id: 1) }');
    expect(await bare.errorCodes('m')).toEqual(['CONSTITUTIONAL_HASH_REQUIRED']);
    bare.subscribe('w', 'mutation { acknowledge(id: 1) }', {}, { constitutionalHash: WRONG_HASH });
    expect(await bare.errorCodes('w')).toEqual(['CONSTITUTIONAL_HASH_MISMATCH']);
    expect(alerts.fetched).toHaveLength(1);
    bare.subscribe('e', 'mutation { acknowledge(id: 1) }', {}, { constitutionalHash: HASH });
    await until('the mutation', () => bare.nexts('e').length === 1);
    const bound = await RawClient.ready(gateway.url, { authorization: bearer('ann'), constitutionalHash: HASH });
    bound.subscribe('m', 'mutation { acknowledge(id: 1) }');
    await until('the mutation', () => bound.nexts('m').length === 1);
    expect(bound.nexts('m')[0]?.errors).toBeUndefined();
  });

  it('is refused by an error message that leaves the connection open', async () => {
    await begin({ limits: { maxOperationsPerConnection: 2 } });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('bad', 'subscription { nothing }');
    expect(await client.errorCodes('bad')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    client.subscribe('if', 'subscription { alertRaised @skip(if: true) { kind } }');
    expect(await client.errorCodes('if')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    client.subscribe('gone', SEQUENCE, { after: 'nonsense' });
    expect(await client.errorCodes('gone')).toEqual(['CURSOR_INVALID']);
    client.subscribe('1', SEQUENCE);
    client.subscribe('2', SEQUENCE);
    await opened(client, '2');
    client.subscribe('3', SEQUENCE);
    expect(await client.errorCodes('3')).toEqual(['TOO_MANY_SUBSCRIPTIONS']);
    client.send({ id: '1', type: 'complete' });
    client.subscribe('4', SEQUENCE);
    await opened(client, '4');
  });

  it('passes on streams without a cursor, and their end', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { countdown(from: 3) }');
    await until('the end', () => client.messages.some(({ id, type }) => id === '1' && type === 'complete'));
    expect(client.nexts('1').map(({ data }) => data?.['countdown'])).toEqual([3, 2, 1, 0]);
    expect(gateway.edge.subscriptions()).toBe(0);
  });
});

describe('streams upstream', () => {
  beforeEach(() => begin({ limits: { upstreamIdleMs: 100 } }));

  it('share one connection and end at once when the client completes, closes or vanishes', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.ready(gateway.url)));
    for (const client of clients) for (const id of ['1', '2', '3']) client.subscribe(id, SEQUENCE);
    await until('twelve streams', () => alerts.streams() === 12);
    expect(alerts.sockets()).toBe(1);
    expect(gateway.edge.upstreamStreams()).toBe(12);
    clients[0]?.send({ id: '2', type: 'complete' });
    await until('eleven streams', () => alerts.streams() === 11);
    clients[1]?.socket.close();
    await until('eight streams', () => alerts.streams() === 8);
    clients[2]?.socket.terminate();
    await until('five streams', () => alerts.streams() === 5);
    clients[0]?.socket.close();
    clients[3]?.socket.terminate();
    await until('no stream', () => alerts.streams() === 0 && gateway.edge.upstreamStreams() === 0 && gateway.edge.subscriptions() === 0);
    await until('the idle connection closed', () => alerts.sockets() === 0);
  });

  it('do not leak when a client completes before the stream is open, or reuses an id', async () => {
    const client = await RawClient.ready(gateway.url);
    for (let round = 0; round < 50; round += 1) {
      client.subscribe('same', SEQUENCE);
      client.send({ id: 'same', type: 'complete' });
    }
    client.subscribe('last', SEQUENCE);
    await opened(client, 'last');
    await until('one stream', () => alerts.streams() === 1 && gateway.edge.subscriptions() === 1);
    client.socket.terminate();
    await until('no stream', () => alerts.streams() === 0 && gateway.edge.subscriptions() === 0);
  });

  it('are refused and the instance quarantined when it speaks under another hash', async () => {
    const rogue = await startAlerts(log, { hash: WRONG_HASH });
    stops.push(() => rogue.stop());
    gateway.retarget('alerts', rogue.port);
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', SEQUENCE);
    expect(await client.errorCodes('1')).toEqual(['CONSTITUTIONAL_VIOLATION']);
    expect(rogue.subscribed).toHaveLength(0);
    expect(gateway.quarantined).toEqual([`http://127.0.0.1:${rogue.port}`]);
    client.subscribe('2', SEQUENCE);
    expect(await client.errorCodes('2')).toEqual(['CONSTITUTIONAL_VIOLATION']);
    gateway.retarget('alerts', alerts.port);
    client.subscribe('3', SEQUENCE);
    await opened(client, '3');
  });
});

describe('a slow consumer', () => {
  it('ends with SUBSCRIPTION_LAGGING, never with a gap', async () => {
    await begin({ limits: { maxBufferedBytes: 64 * 1024, lagGraceMs: 100, maxWaitingEvents: 64 } });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { cursor alert { seq padding } } }');
    await opened(client, '1');
    client.socket.pause();
    log.append(2_000, { padding: 'x'.repeat(10_000) });
    await until('the stream upstream to end', () => gateway.edge.subscriptions() === 0);
    expect(alerts.streams()).toBe(0);
    client.socket.resume();
    expect(await client.errorCodes('1')).toEqual(['SUBSCRIPTION_LAGGING']);
    const seqs = client.nexts('1').slice(1).map(({ data }) => (data?.['alertRaised'] as { alert: { seq: number } }).alert.seq);
    expect(seqs.length).toBeGreaterThan(0);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  });

  it('that merely pauses gets everything, while the gateway holds little', async () => {
    await begin({ limits: { maxBufferedBytes: 64 * 1024, lagGraceMs: 5_000, maxWaitingEvents: 64 } });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { alertRaised { alert { seq padding } } }');
    await opened(client, '1');
    client.socket.pause();
    log.append(2_000, { padding: 'x'.repeat(10_000) });
    await until('the stream upstream to be detached', () => alerts.streams() === 0);
    client.socket.resume();
    await until('all events', () => client.nexts('1').length === 2_001);
    const seqs = client.nexts('1').slice(1).map(({ data }) => (data?.['alertRaised'] as { alert: { seq: number } }).alert.seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  });
});
