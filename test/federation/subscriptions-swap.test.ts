/** Supergraph swaps under continuous events: streams go on, restart from their cursor, or end; no event is lost or doubled. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { RawClient, bearer, snapshotOf, until, startStage, type TestGateway } from './subscriptions-kit.js';
import { ALERTS_SDL, SERVICES_SDL, type AlertLog, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const RUNBOOK = 'runbook: String! @impersonal(subgraph: "services")';
/** The alerts subgraph takes over a field: both subgraphs can answer it here, and the supergraph says who is asked. */
const ALERTS_WITH_RUNBOOK = ALERTS_SDL.replace('source: Source padding: String', 'source: Source padding: String runbook: String!');
const SERVICES_WITHOUT_RUNBOOK = SERVICES_SDL.replace(` ${RUNBOOK}`, '');

const FIRST = snapshotOf('first');
/** Something is added that nobody asks for: every plan stays. */
const WIDER = snapshotOf('wider', ALERTS_SDL.replace('type Query { alertCount: Int! }', 'type Query { alertCount: Int! another: Int }'));
/** The joined field moves to the owner of the stream: its primary changes, and there is nothing left to join. */
const MOVED = snapshotOf('moved', ALERTS_WITH_RUNBOOK, SERVICES_WITHOUT_RUNBOOK);
/** The joined field is gone. */
const NARROWER = snapshotOf('narrower', ALERTS_SDL, SERVICES_WITHOUT_RUNBOOK);
/** The joined field is for the signed-in only. */
const STRICTER = snapshotOf('stricter', ALERTS_SDL, SERVICES_SDL.replace(RUNBOOK, `${RUNBOOK} @authenticated`));

const STREAMS = {
  shared: 'subscription($after: Cursor) { stream: broadcast(after: $after) { cursor kind alert { seq runbook } } }',
  own: 'subscription($after: Cursor) { stream: alertRaised(after: $after) { cursor kind alert { seq runbook } } }',
  blind: 'subscription { stream: broadcast { kind alert { seq runbook } } }',
} as const;

let log: AlertLog;
let alerts: MiniSubgraph;
let gateway: TestGateway;
const stops: Array<() => Promise<void>> = [];

async function begin(): Promise<void> {
  ({ log, alerts, gateway } = await startStage(stops, { alerts: { sdl: ALERTS_WITH_RUNBOOK } }));
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const clientOf = (id: string): Promise<RawClient> => RawClient.ready(gateway.url, { authorization: bearer(id) });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

interface Streamed { readonly kind: string; readonly alert: { readonly seq: number; readonly runbook?: string | null } | null }

function eventsOf(client: RawClient, id: string): Streamed[] {
  return client.nexts(id).map(({ data }) => data?.['stream'] as Streamed).filter(({ kind }) => kind === 'EVENT');
}

const seqsOf = (client: RawClient, id: string): number[] => eventsOf(client, id).map(({ alert }) => alert?.seq ?? -1);

async function subscribed(client: RawClient, id: string, query: string): Promise<void> {
  client.subscribe(id, query);
  await until(`OPENED of ${id}`, () => client.nexts(id).length > 0);
}

/** Appends an event every turn of the loop until told to stop. */
function continuous(): () => number {
  let running = true;
  const step = (): void => {
    if (!running) return;
    log.append(1);
    setImmediate(step);
  };
  step();
  return () => {
    running = false;
    return log.events.length;
  };
}

/** Swaps while events come without a break; some are delivered before, between and after. */
async function swapUnderEvents(clients: ReadonlyArray<readonly [RawClient, string]>, swaps: ReadonlyArray<ReturnType<typeof snapshotOf>>): Promise<number> {
  const stop = continuous();
  let seen = 0;
  for (const snapshot of swaps) {
    await until('events before the swap', () => clients.every(([client, id]) => seqsOf(client, id).length > seen + 5));
    await gateway.swap(snapshot);
    seen = Math.max(...clients.map(([client, id]) => seqsOf(client, id).length));
  }
  await until('events after the last swap', () => clients.every(([client, id]) => seqsOf(client, id).length > seen + 5));
  const total = stop();
  await until('every event', () => clients.every(([client, id]) => seqsOf(client, id).length >= total));
  return total;
}

describe('a swap of the supergraph', () => {
  it('leaves streams alone whose plan still holds, upstream included', async () => {
    await begin();
    const ann = await clientOf('ann');
    const bob = await clientOf('bob');
    for (const [id, query] of Object.entries(STREAMS)) await subscribed(ann, id, query);
    await subscribed(bob, 'shared', STREAMS.shared);
    const before = alerts.subscribed.length;
    const all = [...Object.keys(STREAMS).map((id) => [ann, id] as const), [bob, 'shared'] as const];
    const total = await swapUnderEvents(all, [WIDER, FIRST, WIDER]);
    for (const [client, id] of all) {
      expect(seqsOf(client, id)).toEqual(upTo(total));
      expect(client.errors(id)).toBeUndefined();
    }
    expect(alerts.subscribed.length).toBe(before);
  }, 60_000);

  it('restarts streams from their cursor whose plan has changed, without a gap, a repetition or a second OPENED', async () => {
    await begin();
    const ann = await clientOf('ann');
    const bob = await clientOf('bob');
    for (const [id, query] of Object.entries(STREAMS)) await subscribed(ann, id, query);
    await subscribed(bob, 'shared', STREAMS.shared);
    const all = [...Object.keys(STREAMS).map((id) => [ann, id] as const), [bob, 'shared'] as const];
    const total = await swapUnderEvents(all, [MOVED, FIRST, MOVED]);
    for (const [client, id] of all) {
      expect(seqsOf(client, id)).toEqual(upTo(total));
      expect(client.nexts(id)).toHaveLength(total + 1);
      expect(client.errors(id)).toBeUndefined();
    }
    expect(eventsOf(ann, 'shared').every(({ alert }) => typeof alert?.runbook === 'string')).toBe(true);
    await until('three streams', () => alerts.streams() === 3);
    expect(alerts.subscribed.length).toBeGreaterThan(3 * 3);
  }, 60_000);

  it('ends streams that are no longer valid with an error that says so and where they were', async () => {
    await begin();
    const ann = await clientOf('ann');
    await subscribed(ann, 'gone', STREAMS.shared);
    await subscribed(ann, 'stays', 'subscription { stream: broadcast { kind alert { seq } } }');
    log.append(3);
    await until('three', () => seqsOf(ann, 'gone').length === 3 && seqsOf(ann, 'stays').length === 3);
    await gateway.swap(NARROWER);
    expect(await ann.errorCodes('gone')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(ann.errors('gone')?.[0]).toMatchObject({ message: expect.stringContaining('runbook'), extensions: { reason: 'SCHEMA_CHANGED', resumeAfter: 'c:3' } });
    log.append(1);
    await until('the fourth', () => seqsOf(ann, 'stays').length === 4);
    expect(ann.errors('stays')).toBeUndefined();
    await until('one stream', () => alerts.streams() === 1);
    ann.subscribe('new', STREAMS.shared);
    expect(await ann.errorCodes('new')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });

  it('parts subscribers whose grants have come to differ', async () => {
    await begin();
    const ann = await clientOf('ann');
    const anonymous = await RawClient.ready(gateway.url);
    for (const client of [ann, anonymous]) await subscribed(client, '1', STREAMS.shared.replace('seq runbook', 'seq runbook service { name }'));
    log.append(2);
    await until('two', () => seqsOf(ann, '1').length === 2 && seqsOf(anonymous, '1').length === 2);
    expect(alerts.streams()).toBe(1);
    await gateway.swap(STRICTER);
    log.append(2);
    await until('four', () => ann.nexts('1').length === 5 && anonymous.nexts('1').length === 5);
    expect(seqsOf(ann, '1')).toEqual([1, 2, 3, 4]);
    expect(eventsOf(ann, '1').at(-1)?.alert?.runbook).toBe('https://runbooks/a4');
    const last = anonymous.nexts('1').at(-1);
    expect(last?.data).toMatchObject({ stream: { kind: 'EVENT', alert: null } });
    expect(last?.errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
    expect(alerts.streams()).toBe(2);
  });

  it('carries a subscription over that was being opened meanwhile, and one without a cursor', async () => {
    await begin();
    const ann = await clientOf('ann');
    ann.subscribe('early', STREAMS.shared);
    const swapped = gateway.swap(MOVED);
    ann.subscribe('count', 'subscription { stream: countdown(from: 2) }');
    await swapped;
    await until('OPENED', () => ann.nexts('early').length === 1);
    log.append(2);
    await until('two', () => seqsOf(ann, 'early').length === 2);
    expect(eventsOf(ann, 'early').map(({ alert }) => alert?.runbook)).toEqual(['from alerts', 'from alerts']);
    await until('the end', () => ann.messages.some(({ id, type }) => id === 'count' && type === 'complete'));
    expect(ann.nexts('count').map(({ data }) => data?.['stream'])).toEqual([2, 1, 0]);
  });
});
