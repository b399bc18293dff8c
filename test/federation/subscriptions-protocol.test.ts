/** graphql-transport-ws as the gateway speaks it: every close code, every order of messages, frames of every size. */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { RawClient, WRONG_HASH, bearer, until, startStage, type GatewayOptions, type TestGateway } from './subscriptions-kit.js';
import { HASH, type AlertLog, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

const STREAM = 'subscription($after: Cursor) { broadcast(after: $after) { cursor kind alert { seq padding } } }';

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

/** Opens a socket, sends messages, and gives how it was closed. */
async function closing(...messages: Array<Record<string, unknown> | string | Buffer>): Promise<{ code: number; reason: string }> {
  const client = await RawClient.open(gateway.url);
  for (const message of messages) client.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  return client.closed;
}

/** Makes the handshake by hand, sends bytes, and reads the code of the close frame that comes back. */
async function closeFrameAfter(protocol: string | undefined, bytes: readonly number[]): Promise<number> {
  const raw = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const asked = protocol === undefined ? '' : `sec-websocket-protocol: ${protocol}\r\n`;
  raw.write(`GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n${asked}\r\n`);
  let received = Buffer.alloc(0);
  raw.on('data', (chunk: Buffer) => { received = Buffer.concat([received, chunk]); });
  await until('the handshake', () => received.includes('\r\n\r\n'));
  const head = received.indexOf('\r\n\r\n') + 4;
  raw.write(Buffer.from(bytes));
  await until('the close frame', () => received.length >= head + 4 && received[head] === 0x88);
  raw.destroy();
  return received.readUInt16BE(head + 2);
}

const INIT = { type: 'connection_init' };
const SUBSCRIBE = { id: '1', type: 'subscribe', payload: { query: STREAM } };

describe('the gateway closes with', () => {
  beforeEach(() => begin({ limits: { connectionInitTimeoutMs: 1_000, maxMessageBytes: 4_000 } }));

  it.each<[string, Array<Record<string, unknown> | string | Buffer>, number, string]>([
    ['4400 for what is not JSON', [INIT, '{"type":'], 4400, 'Invalid message received'],
    ['4400 for a message without a type', [INIT, '{}'], 4400, 'Invalid message received'],
    ['4400 for a type that does not exist', [INIT, { type: 'start' }], 4400, 'Invalid message received'],
    ['4400 for subscribe without an id', [INIT, { type: 'subscribe', payload: { query: STREAM } }], 4400, 'Invalid message received'],
    ['4400 for subscribe with an empty id', [INIT, { ...SUBSCRIBE, id: '' }], 4400, 'Invalid message received'],
    ['4400 for subscribe without a query', [INIT, { id: '1', type: 'subscribe', payload: {} }], 4400, 'Invalid message received'],
    ['4400 for variables that are no object', [INIT, { id: '1', type: 'subscribe', payload: { query: STREAM, variables: 'x' } }], 4400, 'Invalid message received'],
    ['4400 for a message only a server sends', [INIT, { id: '1', type: 'next', payload: { data: {} } }], 4400, 'Invalid message received'],
    ['4400 for credentials of another type', [{ ...INIT, payload: { authorization: 7 } }], 4400, 'connection_init takes authorization or apiKey, and constitutionalHash, as strings'],
    ['4400 for a binary message', [INIT, Buffer.from([1, 2, 3])], 4400, 'Invalid message received'],
    ['4401 for an operation before connection_init', [SUBSCRIBE], 4401, 'Unauthorized'],
    ['4403 for bad credentials', [{ ...INIT, payload: { authorization: 'Bearer forged' } }], 4403, 'UNAUTHENTICATED'],
    ['4403 for a token that has ended', [{ ...INIT, payload: { authorization: 'Bearer ann:1' } }], 4403, 'Token expired'],
    ['4408 without connection_init', [], 4408, 'Connection initialisation timeout'],
    ['4409 for another constitutional hash', [{ ...INIT, payload: { constitutionalHash: WRONG_HASH } }], 4409, 'CONSTITUTIONAL_HASH_MISMATCH'],
    ['4429 for a second connection_init', [INIT, INIT], 4429, 'Too many initialisation requests'],
    ['1009 for a message that is too large', [INIT, { ...SUBSCRIBE, payload: { query: STREAM, variables: { padding: 'x'.repeat(5_000) } } }], 1009, ''],
  ])('%s', async (_what, messages, code, reason) => {
    expect(await closing(...messages)).toEqual({ code, reason });
    await until('no connection', () => gateway.edge.connections() === 0 && gateway.edge.subscriptions() === 0);
  });

  it('4401 for an operation before the acknowledgement', async () => {
    // Credentials are looked at after the turn in which both messages are read.
    expect(await closing({ ...INIT, payload: { authorization: bearer('ann') } }, SUBSCRIBE)).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('4406 where graphql-transport-ws is not asked for', async () => {
    for (const protocol of ['graphql-ws', undefined]) expect(await closeFrameAfter(protocol, [])).toBe(4406);
  });

  it('4409 for the id of a running operation', async () => {
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    client.subscribe('1', STREAM);
    expect(await client.closed).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' });
    await until('no stream', () => alerts.streams() === 0);
  });

  it('1007 for text that is not UTF-8', async () => {
    expect(await closeFrameAfter('graphql-transport-ws', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])).toBe(1007);
  });
});

describe('a connection', () => {
  it('is acknowledged with the hash the gateway runs under', async () => {
    await begin();
    const client = await RawClient.ready(gateway.url, { constitutionalHash: HASH });
    expect(client.messages).toEqual([{ type: 'connection_ack', payload: { constitutionalHash: HASH } }]);
  });

  it('answers pings with their payload, also before the acknowledgement, and ignores pongs', async () => {
    await begin();
    const client = await RawClient.open(gateway.url);
    client.send({ type: 'ping', payload: { n: 1 } });
    client.send({ type: 'pong' });
    client.send({ type: 'ping' });
    await until('two pongs', () => client.messages.length === 2);
    expect(client.messages).toEqual([{ type: 'pong', payload: { n: 1 } }, { type: 'pong' }]);
  });

  it('is cut off when it stops answering pings', async () => {
    await begin({ limits: { keepAliveMs: 100, sweepMs: 20 } });
    const dead = await RawClient.ready(gateway.url);
    const alive = await RawClient.ready(gateway.url);
    dead.subscribe('1', STREAM);
    await until('OPENED', () => dead.nexts('1').length === 1);
    dead.socket.pause();
    await until('one connection', () => gateway.edge.connections() === 1);
    await until('no stream', () => alerts.streams() === 0);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('is cut off when it makes the gateway answer and never reads', async () => {
    await begin({ limits: { maxBufferedBytes: 1_024 } });
    const client = await RawClient.ready(gateway.url);
    client.socket.pause();
    const ping = JSON.stringify({ type: 'ping', payload: { padding: 'x'.repeat(30_000) } });
    const flood = setInterval(() => { for (let index = 0; index < 20; index += 1) client.socket.send(ping); }, 1);
    try {
      await until('no connection', () => gateway.edge.connections() === 0);
    } finally {
      clearInterval(flood);
    }
  });
});

describe('an operation', () => {
  beforeEach(() => begin());

  it('that is invalid is answered with an error message, and its id is free again', async () => {
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', 'subscription { nothing }');
    expect(await client.errorCodes('1')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    client.messages.length = 0;
    client.subscribe('1', '{ alertCount');
    expect(await client.errorCodes('1')).toEqual(['GRAPHQL_PARSE_FAILED']);
    client.messages.length = 0;
    client.subscribe('2', '{ alertCount }');
    await until('the answer and its end', () => client.messages.filter(({ id }) => id === '2').length === 2);
    expect(client.messages.filter(({ id }) => id === '2').map(({ type }) => type)).toEqual(['next', 'complete']);
    client.subscribe('2', '{ alertCount }');
    await until('again', () => client.messages.filter(({ id }) => id === '2').length === 4);
  });

  it('gets nothing after its complete, and may begin again under its id at once', async () => {
    const client = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1);
    client.send({ id: '1', type: 'complete' });
    client.subscribe('1', STREAM);
    await until('OPENED again', () => client.nexts('1').length === 2);
    log.append(1);
    await until('one event', () => client.nexts('1').length === 3);
    client.subscribe('q', '{ alertCount }');
    await until('the answer', () => client.nexts('q').length === 1);
    expect(client.nexts('1')).toHaveLength(3);
    expect(gateway.edge.subscriptions()).toBe(1);
  });

  it('keeps its id whatever it is', async () => {
    const client = await RawClient.ready(gateway.url);
    const ids = ['plain', 'with "quotes" and \\', 'ünï©ode ☂', '0'.repeat(200), '\n'];
    for (const id of ids) client.subscribe(id, STREAM);
    await until('OPENED for all', () => ids.every((id) => client.nexts(id).length === 1));
    log.append(1, { title: 'grün' });
    await until('the event for all', () => ids.every((id) => client.nexts(id).length === 2));
    expect(alerts.streams()).toBe(1);
  });

  it.each([0, 1, 60, 100, 125, 126, 400, 16_000, 17_000, 65_000, 66_000, 300_000])('arrives whole with %i more characters, ASCII and others', async (length) => {
    const client = await RawClient.ready(gateway.url);
    const other = await RawClient.ready(gateway.url);
    client.subscribe('1', STREAM);
    other.subscribe('two', STREAM);
    await until('OPENED', () => client.nexts('1').length === 1 && other.nexts('two').length === 1);
    log.append(1, { padding: 'x'.repeat(length) });
    log.append(1, { padding: 'ü'.repeat(length) });
    await until('both', () => client.nexts('1').length === 3 && other.nexts('two').length === 3);
    for (const nexts of [client.nexts('1'), other.nexts('two')]) {
      expect(nexts.slice(1).map(({ data }) => (data?.['broadcast'] as { alert: { padding: string } }).alert.padding)).toEqual(['x'.repeat(length), 'ü'.repeat(length)]);
    }
  });
});
