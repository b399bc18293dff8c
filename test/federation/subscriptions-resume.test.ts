/** Nothing lost, nothing doubled, in order: drops upstream, restarts, moves, and clients that reconnect. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket } from 'ws';
import { subscribeWithResume, type ConnectionAttempt, type ResumableSubscription, type SubscriptionMessage, type SubscriptionState } from '../../ops/client/subscription-client.js';
import { RawClient, WRONG_HASH, bearer, startGateway, until, startStage, type GatewayOptions, type Stage } from './subscriptions-kit.js';
import { HASH, startAlerts, type AlertLog } from './subscriptions-mini-subgraphs.js';

interface Raised {
  readonly alertRaised: { readonly cursor: string; readonly kind: string; readonly alert: { readonly seq: number; readonly runbook?: string } | null };
}

const QUERY = 'subscription Raised($after: Cursor, $least: Severity) { alertRaised(after: $after, severityAtLeast: $least) { cursor kind alert { seq runbook } } }';
/** Neither `after` nor `cursor`: the gateway resumes it all the same. */
const PLAIN = 'subscription { alertRaised { kind alert { seq runbook } } }';

const stops: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const begin = (options: GatewayOptions = {}): Promise<Stage> => startStage(stops, { gateway: options });

/** Small deterministic generator (mulberry32), so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

function seqsOf(client: RawClient, id: string): number[] {
  return client.nexts(id).map(({ data }) => (data as unknown as Raised).alertRaised).filter(({ kind }) => kind === 'EVENT').map(({ alert }) => alert?.seq ?? -1);
}

/** Appends `total` events in seeded bursts and calls `disturb` after the given numbers of them. */
async function produce(log: AlertLog, total: number, random: () => number, disturbances: readonly number[], disturb: () => Promise<void> | void): Promise<void> {
  const due = [...disturbances];
  while (log.events.length < total) {
    log.append(Math.min(1 + Math.floor(random() * 40), total - log.events.length));
    await pause(Math.floor(random() * 4));
    while (due[0] !== undefined && log.events.length >= due[0]) {
      due.shift();
      await disturb();
    }
  }
}

// Thousands of events take seconds on a busy machine; each wait has its own limit.
jest.setTimeout(120_000);

describe('the gateway resumes a stream', () => {
  it.each([11, 2025])('over 5 drops among 2,000 events (seed %i)', async (seed) => {
    const { log, alerts, gateway } = await begin();
    const random = seeded(seed);
    const client = await RawClient.ready(gateway.url, { authorization: bearer('ann') });
    client.subscribe('plain', PLAIN);
    client.subscribe('with', QUERY);
    await until('both open', () => client.nexts('plain').length === 1 && client.nexts('with').length === 1);
    const drops = upTo(5).map((index) => Math.floor((index - random()) * 400));
    await produce(log, 2_000, random, drops, () => alerts.cut());
    await until('all events', () => seqsOf(client, 'plain').length >= 2_000 && seqsOf(client, 'with').length >= 2_000, 60_000);
    await pause(50);
    expect(seqsOf(client, 'plain')).toEqual(upTo(2_000));
    expect(seqsOf(client, 'with')).toEqual(upTo(2_000));
    for (const id of ['plain', 'with']) expect(client.nexts(id).filter(({ data, errors }) => errors !== undefined || (data as unknown as Raised).alertRaised.kind === 'OPENED')).toHaveLength(1);
    expect(alerts.subscribed.length).toBeGreaterThanOrEqual(4);
    expect(alerts.subscribed.at(-1)?.variables['_acgs_after']).toMatch(/^c:\d+$/);
  });

  it('over a restart of the subgraph, and moves it when routing changes', async () => {
    const { log, alerts, gateway } = await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', PLAIN);
    await until('OPENED', () => client.nexts('1').length === 1);
    log.append(10);
    await until('ten', () => seqsOf(client, '1').length === 10);
    await alerts.stop();
    log.append(10);
    await pause(100);
    const restarted = await startAlerts(log, { port: alerts.port });
    await until('twenty', () => seqsOf(client, '1').length === 20);
    const other = await startAlerts(log);
    stops.push(() => restarted.stop(), () => other.stop());
    gateway.retarget('alerts', other.port);
    log.append(10);
    await until('thirty', () => seqsOf(client, '1').length === 30);
    expect(seqsOf(client, '1')).toEqual(upTo(30));
    expect(other.streams()).toBe(1);
    expect(restarted.streams()).toBe(0);
  });

  it('and says so when the cursor has expired meanwhile', async () => {
    const { log, alerts, gateway } = await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', PLAIN);
    await until('OPENED', () => client.nexts('1').length === 1);
    log.append(5);
    await until('five', () => seqsOf(client, '1').length === 5);
    log.keptFrom = 100;
    alerts.cut();
    expect(await client.errorCodes('1')).toEqual(['CURSOR_EXPIRED']);
    expect(gateway.edge.subscriptions()).toBe(0);
  });

  it('or tells the client when the outage outlasts the window', async () => {
    const { log, alerts, gateway } = await begin({ limits: { resumeWindowMs: 300, openWindowMs: 150 } });
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', PLAIN);
    await until('OPENED', () => client.nexts('1').length === 1);
    await alerts.stop();
    log.append(1);
    expect(await client.errorCodes('1')).toEqual(['SUBGRAPH_UNAVAILABLE']);
    client.subscribe('2', PLAIN);
    expect(await client.errorCodes('2')).toEqual(['SUBGRAPH_UNAVAILABLE']);
  });
});

interface Followed {
  readonly subscription: ResumableSubscription;
  readonly messages: Array<SubscriptionMessage<Raised>>;
  readonly states: SubscriptionState[];
  readonly attempts: ConnectionAttempt[];
  seqs(): number[];
}

function follow(url: string, overrides: Partial<Parameters<typeof subscribeWithResume<Raised>>[0]> = {}, livesMs?: number): Followed {
  const messages: Array<SubscriptionMessage<Raised>> = [];
  const states: SubscriptionState[] = [];
  const attempts: ConnectionAttempt[] = [];
  const subscription = subscribeWithResume<Raised>({
    url, query: QUERY, webSocketImpl: WebSocket, backoffMs: [5, 40],
    connectionParams: (attempt) => {
      attempts.push(attempt);
      return { authorization: bearer('ann', livesMs), constitutionalHash: HASH };
    },
    onMessage: (message) => { messages.push(message); },
    onState: (state) => { states.push(state); },
    ...overrides,
  });
  stops.unshift(() => subscription.stop());
  const seqs = (): number[] => messages.flatMap(({ data }) => (data?.alertRaised.kind === 'EVENT' ? [data.alertRaised.alert?.seq ?? -1] : []));
  return { subscription, messages, states, attempts, seqs };
}

describe('the client module', () => {
  it('moves after over 5 restarts of the gateway among 1,000 events', async () => {
    const { log, alerts, services, gateway } = await begin();
    const port = Number(new URL(gateway.url).port);
    let current = gateway;
    stops.unshift(() => current.stop());
    const followed = follow(gateway.url);
    await until('OPENED', () => followed.messages.length === 1);
    await produce(log, 1_000, seeded(7), [100, 300, 500, 700, 900], async () => {
      await current.stop();
      current = await startGateway([alerts, services], { port });
    });
    await until('all events', () => followed.seqs().length >= 1_000, 60_000);
    expect(followed.seqs()).toEqual(upTo(1_000));
    expect(followed.subscription.cursor()).toBe('c:1000');
    expect(followed.states.filter(({ kind }) => kind === 'interrupted').length).toBeGreaterThanOrEqual(5);
    await followed.subscription.stop();
    await until('no stream', () => alerts.streams() === 0);
    expect(followed.states.at(-1)).toEqual({ kind: 'stopped', cursor: 'c:1000' });
  });

  it('starts from a kept cursor', async () => {
    const { log, gateway } = await begin();
    log.append(9);
    const followed = follow(gateway.url, { variables: { after: 'c:4', least: 'HIGH' } });
    await until('replay', () => followed.seqs().length === 2);
    expect(followed.seqs()).toEqual([6, 8]);
  });

  it('asks for new credentials when the token expired, and gives up when they are refused again', async () => {
    const { log, gateway } = await begin();
    const followed = follow(gateway.url, {}, 250);
    await until('OPENED', () => followed.messages.length === 1);
    await until('second connection', () => followed.messages.length >= 2);
    log.append(3);
    await until('events', () => followed.seqs().length === 3);
    expect(followed.attempts[1]).toEqual({ attempt: 1, refused: true });
    await followed.subscription.stop();

    const refused = follow(gateway.url, { connectionParams: () => ({ authorization: 'Bearer forged' }) });
    await expect(refused.subscription.finished).rejects.toMatchObject({ code: 'CLOSED_4403', message: 'UNAUTHENTICATED' });
    expect(refused.states.filter(({ kind }) => kind === 'connecting')).toHaveLength(2);
  });

  it('surfaces what it cannot mend', async () => {
    const { log, gateway } = await begin();
    log.append(3);
    log.keptFrom = 3;
    const expired = follow(gateway.url, { variables: { after: 'c:1' } });
    await expect(expired.subscription.finished).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
    const mismatched = follow(gateway.url, { connectionParams: () => ({ constitutionalHash: WRONG_HASH }) });
    await expect(mismatched.subscription.finished).rejects.toMatchObject({ code: 'CONSTITUTIONAL_HASH_MISMATCH' });
    const blind = follow(gateway.url, { query: PLAIN });
    await expect(blind.subscription.finished).rejects.toMatchObject({ code: 'CURSOR_NOT_SELECTED' });
    expect(blind.states.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'CURSOR_NOT_SELECTED' } });
    const unreachable = follow('ws://127.0.0.1:1/graphql', { maxAttempts: 2 });
    await expect(unreachable.subscription.finished).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('hands over one message at a time and keeps the cursor before one that was not taken', async () => {
    const { log, gateway } = await begin();
    const taken: number[] = [];
    const followed = follow(gateway.url, {
      cursorPath: ['alertRaised', 'cursor'],
      onMessage: async ({ data }) => {
        await pause(2);
        const seq = data?.alertRaised.alert?.seq ?? 0;
        if (seq === 4) throw new Error('the pager is down');
        taken.push(seq);
      },
    });
    await until('OPENED', () => taken.length === 1);
    log.append(6);
    await expect(followed.subscription.finished).rejects.toMatchObject({ code: 'CONSUMER_FAILED' });
    expect(taken).toEqual([0, 1, 2, 3]);
    expect(followed.subscription.cursor()).toBe('c:3');
  });

  it('resumes after SUBSCRIPTION_LAGGING', async () => {
    const { log, gateway } = await begin({ limits: { maxBufferedBytes: 32 * 1024, lagGraceMs: 30, maxWaitingEvents: 64 } });
    const sockets: WebSocket[] = [];
    class Recorded extends WebSocket {
      constructor(address: string, protocol: string) {
        super(address, protocol);
        sockets.push(this);
      }
    }
    const followed = follow(gateway.url, { webSocketImpl: Recorded, query: QUERY.replace('seq runbook', 'seq padding') });
    await until('OPENED', () => followed.messages.length === 1);
    sockets[0]?.pause();
    log.append(1_000, { padding: 'x'.repeat(10_000) });
    await until('the subscription to end', () => gateway.edge.subscriptions() === 0);
    sockets[0]?.resume();
    await until('all events', () => followed.seqs().length === 1_000, 60_000);
    expect(followed.seqs()).toEqual(upTo(1_000));
    expect(followed.states.some((state) => state.kind === 'interrupted' && state.cause.code === 'SUBSCRIPTION_LAGGING')).toBe(true);
  });
});
