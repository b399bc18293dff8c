/** Streams shared by subscribers over real sockets: shared where a subgraph says that nothing depends on who asks, and only there. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { RawClient, bearer, until, startStage, type GatewayOptions, type TestGateway, type StageOptions } from './subscriptions-kit.js';
import { HASH, type AlertLog, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const SHARED = 'subscription($after: Cursor) { broadcast(after: $after) { cursor kind alert { seq runbook service { name } } } }';

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

const clientOf = (id: string, params: Record<string, unknown> = {}): Promise<RawClient> => RawClient.ready(gateway.url, { authorization: bearer(id), ...params });
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + 1 + index);

/** Two readers, of whom one stops reading and the other gets a thousand large events, some at a time. */
async function fastAndPaused(document: string, atOnce: number): Promise<{ fast: RawClient; slow: RawClient }> {
  const fast = await clientOf('ann');
  const slow = await clientOf('bob');
  for (const client of [fast, slow]) {
    client.subscribe('1', document);
    await opened(client);
  }
  slow.socket.pause();
  for (let sent = atOnce; sent <= 1_000; sent += atOnce) {
    log.append(atOnce, { padding: 'x'.repeat(10_000) });
    await until('the fast one', () => seqsOf(fast).length === sent);
  }
  return { fast, slow };
}

async function opened(client: RawClient, id = '1'): Promise<void> {
  await until('OPENED', () => client.nexts(id).length > 0 || client.errors(id) !== undefined);
  expect(client.errors(id)).toBeUndefined();
}

function seqsOf(client: RawClient, id = '1', field = 'broadcast'): number[] {
  return client.nexts(id).map(({ data }) => data?.[field] as { kind: string; alert: { seq: number } | null }).filter(({ kind }) => kind === 'EVENT').map(({ alert }) => alert?.seq ?? -1);
}

const cursorOf = (client: RawClient, at: number, id = '1'): string => (client.nexts(id).at(at)?.data?.['broadcast'] as { cursor: string }).cursor;

describe('a stream that is the same for everyone', () => {
  it('is opened once and executed once an event for different principals, who get the same text', async () => {
    await begin();
    const clients = await Promise.all(['ann', 'bob', 'cyd', 'dan'].map((id) => clientOf(id)));
    for (const [index, client] of clients.entries()) {
      client.subscribe(`op-${index}`, SHARED);
      await opened(client, `op-${index}`);
    }
    log.append(3);
    await until('three events for all', () => clients.every((client, index) => seqsOf(client, `op-${index}`).length === 3));
    for (const [index, client] of clients.entries()) {
      expect(client.nexts(`op-${index}`)).toEqual(clients[0]?.nexts('op-0'));
      expect(client.nexts(`op-${index}`)[3]).toEqual({
        data: { broadcast: { cursor: 'c:3', kind: 'EVENT', alert: { seq: 3, runbook: 'https://runbooks/a3', service: { name: 'service s0' } } } },
        extensions: { constitutional: { hash: HASH, verified: true } },
      });
    }
    expect(alerts.subscribed).toHaveLength(1);
    expect(alerts.streams()).toBe(1);
    expect(gateway.edge.subscriptions()).toBe(4);
    expect(await gateway.metric('acgs_subscription_feeds')).toBe(1);
    // One OPENED from upstream, one made for the late ones, three events.
    expect(await gateway.metric('acgs_subscription_executions_total')).toBe(5);
    expect(await gateway.metric('acgs_subscription_messages_total')).toBe(16);
    expect(services.fetched).toHaveLength(3);
  });

  it('gives a late subscriber its own OPENED, with aliases and fragments of its document, and nothing older', async () => {
    await begin();
    const document = 'subscription { shown: broadcast { ...Place k: kind alert { seq } } } fragment Place on AlertRaisedMessage { at: cursor again: cursor }';
    const early = await clientOf('ann');
    early.subscribe('1', document);
    await opened(early);
    log.append(5);
    await until('five', () => early.nexts('1').length === 6);
    const late = await clientOf('bob');
    late.subscribe('1', document);
    await opened(late);
    log.append(1);
    await until('the sixth', () => late.nexts('1').length === 2);
    expect(late.nexts('1').map(({ data }) => data)).toEqual([
      { shown: { at: 'c:5', again: 'c:5', k: 'OPENED', alert: null } },
      { shown: { at: 'c:6', again: 'c:6', k: 'EVENT', alert: { seq: 6 } } },
    ]);
    expect(alerts.streams()).toBe(1);
  });

  it('takes in who comes back with a cursor, from what it keeps or by way of a stream of its own, without gap or repetition', async () => {
    await begin({ limits: { retainedEvents: 10 } });
    const early = await clientOf('ann');
    early.subscribe('1', SHARED);
    await opened(early);
    log.append(40);
    await until('forty', () => seqsOf(early).length === 40);
    const recent = await clientOf('bob');
    recent.subscribe('1', SHARED, { after: 'c:33' });
    await until('seven', () => seqsOf(recent).length === 7);
    expect(alerts.subscribed).toHaveLength(1);
    const old = await clientOf('cyd');
    old.subscribe('1', SHARED, { after: 'c:2' });
    await until('all', () => seqsOf(old).length === 38);
    expect(alerts.subscribed).toHaveLength(2);
    log.append(2);
    await until('both more', () => [early, recent, old].every((client) => seqsOf(client).at(-1) === 42));
    await until('one stream', () => alerts.streams() === 1);
    expect(seqsOf(early)).toEqual(upTo(0, 42));
    expect(seqsOf(recent)).toEqual(upTo(33, 42));
    expect(seqsOf(old)).toEqual(upTo(2, 42));
    for (const [client, cursor] of [[recent, 'c:33'], [old, 'c:2']] as const) {
      expect(cursorOf(client, 0)).toBe(cursor);
      expect(client.nexts('1').filter(({ data }) => (data?.['broadcast'] as { kind: string }).kind === 'OPENED')).toHaveLength(1);
    }
  });

  it('joins late and early subscribers under a continuous stream and drops upstream', async () => {
    await begin({ limits: { retainedEvents: 8, pipelinedEvents: 3 } }, { delayMs: (id) => (Number(id.slice(1)) % 7 === 0 ? 3 : 0) });
    const clients: RawClient[] = [];
    const starts: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      log.append(10);
      if (round % 2 === 0) {
        const client = await clientOf(`who${round}`);
        const after = round % 6 === 0 ? undefined : `c:${Math.floor(log.events.length / 2)}`;
        client.subscribe('1', SHARED, after === undefined ? {} : { after });
        clients.push(client);
        await opened(client);
        starts.push(Number(cursorOf(client, 0).slice(2)));
      }
      if (round % 7 === 6) alerts.cut();
    }
    log.append(1);
    const total = log.events.length;
    await until('everything', () => clients.every((client) => seqsOf(client).at(-1) === total), 20_000);
    for (const [index, client] of clients.entries()) expect(seqsOf(client)).toEqual(upTo(starts[index] ?? -1, total));
    await until('one stream', () => alerts.streams() === 1);
  });

  it('goes on for the others when one is revoked, and speaks for one who is there', async () => {
    await begin();
    const ann = await clientOf('ann');
    const bob = await clientOf('bob');
    for (const client of [ann, bob]) {
      client.subscribe('1', SHARED);
      await opened(client);
    }
    expect(alerts.subscribed.map(({ claims }) => claims.principal?.id)).toEqual(['ann']);
    gateway.revoke('ann');
    expect(await ann.closed).toEqual({ code: 4403, reason: 'Credential revoked' });
    log.append(2);
    await until('two', () => seqsOf(bob).length === 2);
    expect(alerts.streams()).toBe(1);
    alerts.cut();
    log.append(1);
    await until('three', () => seqsOf(bob).length === 3);
    expect(alerts.subscribed.map(({ claims }) => claims.principal?.id)).toEqual(['ann', 'bob']);
    expect(seqsOf(ann)).toEqual([]);
  });

  it('sends nothing after a token has ended, though the sweep has not come by', async () => {
    await begin({ limits: { sweepMs: 60_000 } });
    const brief = await clientOf('ann', { authorization: bearer('ann', 1_500) });
    const bob = await clientOf('bob');
    for (const client of [brief, bob]) {
      client.subscribe('1', SHARED);
      await opened(client);
    }
    const end = Date.now() + 1_520;
    await until('the token to end', () => Date.now() > end);
    log.append(1);
    expect(await brief.closed).toEqual({ code: 4403, reason: 'Token expired' });
    await until('the event', () => seqsOf(bob).length === 1);
    expect(seqsOf(brief)).toEqual([]);
  });

  it('is not held by a slow reader, who gets everything when it reads again', async () => {
    await begin({ limits: { maxBufferedBytes: 64 * 1024, lagGraceMs: 10_000, maxWaitingEvents: 32, retainedEvents: 16 } });
    const document = 'subscription { broadcast { cursor kind alert { seq padding } } }';
    const { fast, slow } = await fastAndPaused(document, 100);
    expect(seqsOf(fast)).toEqual(upTo(0, 1_000));
    expect(seqsOf(slow).length).toBeLessThan(1_000);
    slow.socket.resume();
    await until('the slow one', () => seqsOf(slow).length === 1_000);
    expect(seqsOf(slow)).toEqual(upTo(0, 1_000));
    log.append(1);
    await until('one stream', () => alerts.streams() === 1);
  });

  it('ends a reader that does not catch up with the cursor to resume from', async () => {
    await begin({ limits: { maxBufferedBytes: 64 * 1024, lagGraceMs: 100, maxWaitingEvents: 32 } });
    const document = 'subscription($after: Cursor) { broadcast(after: $after) { kind alert { seq padding } } }';
    const { slow } = await fastAndPaused(document, 200);
    await until('one subscription', () => gateway.edge.subscriptions() === 1);
    slow.socket.resume();
    expect(await slow.errorCodes('1')).toEqual(['SUBSCRIPTION_LAGGING']);
    const resumeAfter = slow.errors('1')?.[0]?.extensions?.['resumeAfter'];
    slow.subscribe('2', document, { after: resumeAfter });
    await until('the rest', () => seqsOf(slow, '2').at(-1) === 1_000);
    expect([...seqsOf(slow), ...seqsOf(slow, '2')]).toEqual(upTo(0, 1_000));
  });
});

describe('nothing is shared', () => {
  it('where the subgraph does not say that the stream is the same for everyone', async () => {
    await begin();
    for (const id of ['ann', 'bob']) {
      const client = await clientOf(id);
      client.subscribe('1', 'subscription { alertRaised { cursor kind alert { seq } } }');
      await opened(client);
    }
    expect(alerts.streams()).toBe(2);
    expect(alerts.subscribed.map(({ claims }) => claims.principal?.id)).toEqual(['ann', 'bob']);
  });

  it('between other filters, other operations, other grants, or with and without the hash', async () => {
    await begin();
    const ann = await clientOf('ann');
    ann.subscribe('1', 'subscription($least: Severity) { broadcast(severityAtLeast: $least) { alert { seq service { name } } } }', { least: 'HIGH' });
    ann.subscribe('2', 'subscription($least: Severity) { broadcast(severityAtLeast: $least) { alert { seq service { name } } } }', { least: 'LOW' });
    ann.subscribe('3', 'subscription { broadcast { alert { seq } } }');
    for (const id of ['1', '2', '3']) await opened(ann, id);
    expect(alerts.streams()).toBe(3);
    const bound = await clientOf('ann', { constitutionalHash: HASH });
    bound.subscribe('1', 'subscription { broadcast { alert { seq } } }');
    await opened(bound);
    expect(alerts.streams()).toBe(4);
    expect(alerts.subscribed.map(({ claims }) => claims.hashPresented)).toEqual([false, false, false, true]);
    const protectedField = 'subscription { broadcast { kind alert { seq checklist } } }';
    const anonymous = await RawClient.ready(gateway.url);
    for (const client of [anonymous, ann]) {
      client.subscribe('p', protectedField);
      await opened(client, 'p');
    }
    expect(alerts.streams()).toBe(6);
    log.append(1);
    await until('the event for both', () => anonymous.nexts('p').length === 2 && ann.nexts('p').length === 2);
    expect(ann.nexts('p')[1]?.data).toEqual({ broadcast: { kind: 'EVENT', alert: { seq: 1, checklist: 'breathe' } } });
    expect(anonymous.nexts('p')[1]?.data).toEqual({ broadcast: { kind: 'EVENT', alert: null } });
  });

  it('but the stream where a joined field may depend on who asks: it is joined once for each principal', async () => {
    await begin();
    const document = 'subscription($after: Cursor) { broadcast(after: $after) { kind alert { seq service { viewer } } } }';
    const clients = await Promise.all(['ann', 'bob', 'ann'].map((id) => clientOf(id)));
    for (const client of clients) {
      client.subscribe('1', document);
      await opened(client);
    }
    expect(alerts.streams()).toBe(1);
    log.append(1);
    await until('the event', () => clients.every((client) => seqsOf(client).length === 1));
    expect(services.fetched.filter((query) => query.includes('viewer'))).toHaveLength(2);
    const late = await clientOf('cyd');
    late.subscribe('1', document, { after: 'c:0' });
    await until('the kept event', () => seqsOf(late).length === 1);
    expect(alerts.streams()).toBe(1);
    for (const [client, viewer] of [[clients[0], 'ann'], [clients[1], 'bob'], [clients[2], 'ann'], [late, 'cyd']] as const) {
      expect(client?.nexts('1')[1]?.data).toEqual({ broadcast: { kind: 'EVENT', alert: { seq: 1, service: { viewer } } } });
    }
  });
});
