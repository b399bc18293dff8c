/** A canned owning subgraph for the subscriber benchmark: streams a log it is told, with replay by cursor, and answers for auth. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { answerParent } from '../gateway/parent-channel.js';
import { HASH, OWNER, machineTime } from './stream-contract.js';

interface Stream {
  readonly socket: WebSocket;
  readonly id: string;
}

const [port = '0', jwks = '{}'] = process.argv.slice(2);
/** Times the events were sent at; the number of an event is its place, from 1. */
const log: number[] = [];
const streams = new Set<Stream>();
const SUMMARY = 'Latency of the governed service is above its objective for more than five minutes; the on-call engineer has been paged. '.repeat(2);

const server = createServer((request, response) => {
  const answer = (body: string): void => { response.writeHead(200, { 'content-type': 'application/json', 'x-constitutional-hash': HASH }).end(body); };
  request.resume();
  if (request.url === '/.well-known/jwks.json') answer(jwks);
  else if (request.url?.startsWith('/internal/revocations') === true) answer('{"epoch":1,"revoked":[]}');
  else if (request.url === '/health/ready') answer(JSON.stringify({ status: 'ready', constitutionalHash: HASH }));
  else response.writeHead(404, { 'x-constitutional-hash': HASH }).end('{}');
});
const sockets = new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as { type: string; id: string; payload?: { variables?: { _acgs_after?: string | null } } };
    switch (message.type) {
      case 'connection_init':
        socket.send(JSON.stringify({ type: 'connection_ack', payload: { constitutionalHash: HASH } }));
        return;
      case 'subscribe': {
        const after = message.payload?.variables?._acgs_after;
        const from = after == null ? log.length : Number(after.slice(2));
        const stream: Stream = { socket, id: message.id };
        send(stream, 'OPENED', from);
        for (let seq = from + 1; seq <= log.length; seq += 1) send(stream, 'EVENT', seq);
        streams.add(stream);
        return;
      }
      case 'complete':
        for (const stream of streams) if (stream.socket === socket && stream.id === message.id) streams.delete(stream);
        return;
      default:
        return;
    }
  });
  socket.on('close', () => { for (const stream of streams) if (stream.socket === socket) streams.delete(stream); });
});

function send({ socket, id }: Stream, kind: 'OPENED' | 'EVENT', seq: number): void {
  const cursor = `c:${seq}`;
  const alert = kind === 'OPENED' ? null : { id: `ALT-${seq}`, seq, sentAt: log[seq - 1], level: 'CRITICAL', summary: SUMMARY, labels: ['service:auth', 'region:eu', 'team:governance'] };
  socket.send(JSON.stringify({ id, type: 'next', payload: { data: { alertRaised: { cursor, kind, alert, _acgs_cursor: cursor, _acgs_kind: kind } } } }));
}

server.listen(Number(port), '127.0.0.1', () => {
  answerParent({
    /** Fills the log of a restarted process. */
    load: (times: readonly number[]) => { log.push(...times); },
    /** Appends events and streams them; answers with the times they were sent at. */
    emit: (count: number) => {
      const sent: number[] = [];
      for (let index = 0; index < count; index += 1) {
        const sentAt = machineTime();
        log.push(sentAt);
        sent.push(sentAt);
        for (const stream of streams) send(stream, 'EVENT', log.length);
      }
      return sent;
    },
    streams: () => streams.size,
  }, { port: (server.address() as AddressInfo).port, name: OWNER });
});
