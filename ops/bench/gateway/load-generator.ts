/** The process that asks: closed loop over N keep-alive connections, or open loop at a fixed rate over the same. */
import { connect, type Socket } from 'node:net';
import { summarise, type Summary } from '../statistics.js';
import { HttpReader, type HttpMessage } from './http-bytes.js';
import { answerParent } from './parent-channel.js';

export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly body: string;
  /** Headers of each connection; their number is the number of connections. */
  readonly connections: readonly Readonly<Record<string, string>>[];
  /** Requests per second; absent for a closed loop. */
  readonly rate?: number;
}

export interface LoadCounts {
  readonly completed: number;
  readonly seconds: number;
  /** Milliseconds; from the moment a request was due. Null when nothing completed. */
  readonly latency: Summary | null;
  /** Answers that were not 200, or whose length was not the usual one. */
  readonly failures: number;
  readonly firstFailure: string | null;
  /** Bytes of the body of an answer. */
  readonly answerBytes: number;
}

class Connection {
  private readonly request: Buffer;
  private socket: Socket;
  private reader = new HttpReader();
  private started = 0;
  busy = false;

  constructor(private readonly target: LoadTarget, headers: Readonly<Record<string, string>>, private readonly done: (connection: Connection, ms: number, message: HttpMessage | Error) => void) {
    const lines = Object.entries({ host: `${target.host}:${target.port}`, 'content-type': 'application/json', accept: 'application/json', 'content-length': String(Buffer.byteLength(target.body)), ...headers });
    this.request = Buffer.from(`POST ${target.path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${target.body}`);
    this.socket = this.open();
  }

  /** @param due moment the request should have left, as performance.now() says. */
  send(due: number): void {
    this.started = due;
    this.busy = true;
    this.socket.write(this.request);
  }

  close(): void {
    this.busy = false;
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }

  private open(): Socket {
    const socket = connect({ host: this.target.host, port: this.target.port, noDelay: true });
    socket.on('data', (chunk) => this.reader.push(chunk, (message) => {
      this.busy = false;
      this.done(this, performance.now() - this.started, message);
    }));
    // 'close' follows and counts it.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.reader = new HttpReader();
      this.socket = this.open();
      if (!this.busy) return;
      this.busy = false;
      this.done(this, performance.now() - this.started, new Error('The connection was closed before the answer.'));
    });
    return socket;
  }
}

class Load {
  private readonly connections: Connection[];
  private readonly idle: Connection[] = [];
  /** Due times of requests that no connection was free for. */
  private readonly waiting: number[] = [];
  private readonly timer: NodeJS.Timeout | undefined;
  private times: number[] = [];
  private failures = 0;
  private firstFailure: string | null = null;
  private answerBytes = 0;
  private since = performance.now();
  private stopped = false;

  constructor(private readonly target: LoadTarget) {
    this.connections = target.connections.map((headers) => new Connection(target, headers, (connection, ms, message) => this.finished(connection, ms, message)));
    const { rate } = target;
    if (rate === undefined) {
      for (const connection of this.connections) connection.send(performance.now());
      return;
    }
    this.idle.push(...this.connections);
    let next = performance.now();
    this.timer = setInterval(() => {
      const now = performance.now();
      for (; next <= now; next += 1_000 / rate) {
        // A timer that fires late is the generator's fault, waiting for a connection is the server's.
        // In turn, so that no connection is idle for long: servers close those, some after seconds.
        const connection = this.idle.shift();
        if (connection === undefined) this.waiting.push(now);
        else connection.send(now);
      }
    }, 1);
  }

  /** Counts since the last call. */
  mark(): LoadCounts {
    const now = performance.now();
    const { times, failures, firstFailure, answerBytes } = this;
    const counts = { completed: times.length, seconds: (now - this.since) / 1_000, latency: times.length === 0 ? null : summarise(times), failures, firstFailure, answerBytes };
    this.times = [];
    this.failures = 0;
    this.firstFailure = null;
    this.since = now;
    return counts;
  }

  /** How many requests completed since the last mark. */
  completed(): number {
    return this.times.length;
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    for (const connection of this.connections) connection.close();
  }

  private finished(connection: Connection, ms: number, message: HttpMessage | Error): void {
    if (this.stopped) return;
    this.times.push(ms);
    this.check(message);
    if (this.target.rate === undefined) {
      connection.send(performance.now());
      return;
    }
    const due = this.waiting.shift();
    if (due === undefined) this.idle.push(connection);
    else connection.send(due);
  }

  private check(message: HttpMessage | Error): void {
    const length = message instanceof Error ? -1 : message.body.length;
    if (this.answerBytes === 0) this.answerBytes = length;
    if (length === this.answerBytes && !(message instanceof Error) && message.head.startsWith('HTTP/1.1 200')) return;
    this.failures += 1;
    this.firstFailure ??= message instanceof Error ? message.message : `${message.head.split('\r\n', 1)[0]} ${message.body.toString().slice(0, 300)}`;
  }
}

let load: Load | undefined;
const running = (): Load => {
  if (load === undefined) throw new Error('No load is running.');
  return load;
};
answerParent({
  start: (target: LoadTarget) => { load = new Load(target); },
  mark: () => running().mark(),
  completed: () => running().completed(),
  stop: () => { running().stop(); load = undefined; },
}, {});
process.once('SIGTERM', () => process.exit(0));
