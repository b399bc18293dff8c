/** The ceiling: makes the calls our gateway makes, in the same order, parses nothing, and answers with prepared bytes. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool, type Dispatcher } from 'undici';
import type { RecordedCall } from '../canned-server.js';
import { contenderArguments } from '../contender-arguments.js';
import { answerParent } from '../parent-channel.js';

/** What was recorded of our gateway for one request. */
export interface Recording {
  readonly calls: readonly RecordedCall[];
  /** The whole answer of our gateway. */
  readonly answer: string;
}

const { subgraphs, recordingFile } = contenderArguments();
const { calls, answer } = JSON.parse(readFileSync(recordingFile, 'utf8')) as Recording;
const pools = new Map(Object.entries(subgraphs).map(([name, url]) => [name, new Pool(url, { connections: 128, pipelining: 1 })]));
const levels = [...new Set(calls.map(({ level }) => level))].sort((left, right) => left - right)
  .map((level) => calls.filter((call) => call.level === level).map(({ service, body }) => ({ pool: pools.get(service) as Pool, body: Buffer.from(body) })));
const headers = { 'content-type': 'application/json', accept: 'application/json' };
const prepared = Buffer.from(answer);

/** Reads an answer and lets it go. */
class Discard implements Dispatcher.DispatchHandler {
  constructor(private readonly resolve: () => void, private readonly reject: (error: Error) => void) {}
  onRequestStart(): void { /* The interface asks for it. */ }
  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number): void {
    if (statusCode !== 200) this.reject(new Error(`A subgraph answered ${statusCode}.`));
  }
  onResponseData(): void { /* Nothing is parsed. */ }
  onResponseEnd(): void { this.resolve(); }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void { this.reject(error); }
}

const call = ({ pool, body }: { pool: Pool; body: Buffer }): Promise<void> =>
  new Promise((resolve, reject) => { pool.dispatch({ method: 'POST', path: '/graphql', headers, body }, new Discard(resolve, reject)); });

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  request.resume();
  request.on('end', () => {
    void (async () => {
      try {
        for (const level of levels) await Promise.all(level.map(call));
        response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': prepared.length }).end(prepared);
      } catch (error) {
        response.writeHead(500).end(String(error));
      }
    })();
  });
});
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
answerParent({}, { port: (server.address() as AddressInfo).port });
process.once('SIGTERM', () => process.exit(0));
