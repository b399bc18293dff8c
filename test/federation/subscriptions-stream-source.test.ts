/** Subscriptions as the HTTP edges pull them: the same streams as over WebSocket, shared with them, ended when the reader goes. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { GatewayAnswer } from '../../gateway/execution/contracts.js';
import { createHttpStreams } from '../../gateway/http/http-streams.js';
import type { AnswerStream } from '../../gateway/http/stream-source.js';
import { createStreamSource } from '../../gateway/subscriptions/stream-source.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { RawClient, until, startStage, type GatewayOptions, type TestGateway } from './subscriptions-kit.js';
import { HASH, type AlertLog, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const STREAM = 'subscription($after: Cursor) { broadcast(after: $after) { cursor kind alert { seq runbook } } }';

let log: AlertLog;
let alerts: MiniSubgraph;
let gateway: TestGateway;
const stops: Array<() => Promise<void>> = [];

async function begin(options: GatewayOptions = {}): Promise<void> {
  ({ log, alerts, gateway } = await startStage(stops, { gateway: options }));
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Slowness { slow: boolean; readonly waiters: Array<(caughtUp: boolean) => void> }

async function open(query: string, principalId: string | null, variables: Record<string, unknown> = {}, reader: Slowness = { slow: false, waiters: [] }): Promise<AnswerStream> {
  const prepared = await gateway.prepare(query, principalId, variables);
  return createStreamSource(gateway.subscriptions).open({
    ...prepared,
    outlet: { congested: () => reader.slow, caughtUp: () => (reader.slow ? new Promise((resolve) => { reader.waiters.push(resolve); }) : Promise.resolve(true)) },
  });
}

async function textsOf(stream: AnswerStream, count: number): Promise<string[]> {
  const texts: string[] = [];
  for (let index = 0; index < count; index += 1) texts.push(((await stream.next()).value as GatewayAnswer).text);
  return texts;
}

const seqOf = (text: string): number | undefined => (JSON.parse(text) as { data: { broadcast: { alert: { seq: number } | null } } }).data.broadcast.alert?.seq;

describe('over HTTP', () => {
  /** Serves one subscription as the HTTP edge does, over the real source; gives what the client has read so far. */
  async function request(type: 'text/event-stream' | 'multipart/mixed', principalId: string): Promise<{ read: () => string; ended: Promise<void>; revoke: () => void }> {
    let revoked = false;
    const streams = createHttpStreams({
      source: createStreamSource(gateway.subscriptions), registry: new Registry(), logger: createLogger('test', 'silent'),
      revocation: { isRevoked: () => revoked, onChange: () => () => undefined }, gate: gateway.subscriptions.deps.gate, stamp: () => ({ hash: HASH, verified: true }),
    }, { sweepMs: 20 });
    const { request: asked, prepared, variables } = await gateway.prepare(STREAM, principalId);
    const { principal, credentialId, tokenExpiresAt, revocationEpoch } = asked;
    const credentials = { principal, credentialId, tokenExpiresAt, revocationEpoch, issuedAt: 0 };
    const server = createServer((_request, response) => { void streams.serve({ response, type, headers: ['content-type', type], request: asked, prepared, variables, credentials, presentedHash: undefined }); });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    stops.unshift(async () => {
      await streams.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    });
    let text = '';
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const ended = (async () => { for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk; })();
    return { read: () => text, ended, revoke: () => { revoked = true; } };
  }

  it('server-sent events carry the shared text, and end with SHUTTING_DOWN and complete when the gateway stops', async () => {
    await begin();
    const [first, second] = [await request('text/event-stream', 'ann'), await request('text/event-stream', 'bob')];
    await until('OPENED for both', () => [first, second].every(({ read }) => read().includes('"OPENED"')));
    log.append(2);
    await until('two events for both', () => [first, second].every(({ read }) => read().includes('"seq":2')));
    expect(first.read()).toBe(second.read());
    expect(alerts.streams()).toBe(1);
    await gateway.subscriptions.stop();
    await Promise.all([first.ended, second.ended]);
    const last = first.read().trimEnd().split('\n\n').slice(-2);
    expect(JSON.parse(last[0]?.replace('event: next\ndata: ', '') ?? '')).toMatchObject({ errors: [{ extensions: { code: 'SHUTTING_DOWN', resumeAfter: 'c:2' } }] });
    expect(last[1]).toBe('event: complete\ndata:');
  });

  it('multipart carries the same, and ends when the credentials do', async () => {
    await begin();
    const stream = await request('multipart/mixed', 'ann');
    await until('OPENED', () => stream.read().includes('"OPENED"'));
    log.append(1);
    await until('the event', () => stream.read().includes('"seq":1'));
    stream.revoke();
    await stream.ended;
    expect(stream.read()).toContain('"code":"UNAUTHENTICATED"');
    expect(stream.read().endsWith('--graphql--\r\n')).toBe(true);
    await until('no stream', () => alerts.streams() === 0 && gateway.edge.subscriptions() === 0);
  });
});

describe('a pulled stream', () => {
  it('brings ready text, and shares stream and answers with WebSocket clients', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1);
    const stream = await open(STREAM, 'ann');
    log.append(2);
    const texts = await textsOf(stream, 3);
    expect(texts[1]).toBe(`{"data":{"broadcast":{"cursor":"c:1","kind":"EVENT","alert":{"seq":1,"runbook":"https://runbooks/a1"}}},"extensions":{"constitutional":{"hash":"${HASH}","verified":true}}}`);
    await until('two events', () => client.nexts('1').length === 3);
    expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(client.nexts('1'));
    expect(alerts.streams()).toBe(1);
    client.socket.terminate();
    await stream.return();
    await until('no stream', () => alerts.streams() === 0 && gateway.edge.subscriptions() === 0);
  });

  it('ends a pending next on return, and the stream upstream at once', async () => {
    await begin();
    const stream = await open(STREAM, null);
    await textsOf(stream, 1);
    const pending = stream.next();
    await expect(stream.return()).resolves.toEqual({ done: true, value: undefined });
    await expect(pending).resolves.toEqual({ done: true, value: undefined });
    await until('no stream', () => alerts.streams() === 0);
  });

  it('keeps little for a reader that does not pull, and gives it everything when it does', async () => {
    await begin({ limits: { lagGraceMs: 10_000, maxWaitingEvents: 16, retainedEvents: 8 } });
    const stream = await open(STREAM, 'ann');
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1);
    for (let sent = 50; sent <= 300; sent += 50) {
      log.append(50);
      await until('the other reader', () => client.nexts('1').length === sent + 1);
    }
    const texts = await textsOf(stream, 301);
    expect(texts.slice(1).map(seqOf)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  });

  it('ends with SUBSCRIPTION_LAGGING and its cursor when the outlet does not catch up', async () => {
    await begin();
    const reader: Slowness = { slow: false, waiters: [] };
    const stream = await open(STREAM, 'ann', {}, reader);
    await textsOf(stream, 1);
    reader.slow = true;
    log.append(3);
    await until('the outlet to be asked', () => reader.waiters.length === 1);
    reader.waiters[0]?.(false);
    await expect(stream.next()).rejects.toMatchObject({ errors: [{ extensions: { code: 'SUBSCRIPTION_LAGGING', resumeAfter: 'c:0' } }] });
    await until('no stream', () => alerts.streams() === 0);
  });

  it('refuses what cannot be streamed, and fails with the errors of its start', async () => {
    await begin();
    const conditional = await gateway.prepare('subscription { broadcast @skip(if: true) { kind } }', null);
    expect(() => createStreamSource(gateway.subscriptions).open({ ...conditional, outlet: { congested: () => false, caughtUp: () => Promise.resolve(true) } })).toThrow('nothing that can be streamed');
    const stream = await open(STREAM, null, { after: 'nonsense' });
    await expect(stream.next()).rejects.toMatchObject({ errors: [{ extensions: { code: 'CURSOR_INVALID' } }] });
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });
});
