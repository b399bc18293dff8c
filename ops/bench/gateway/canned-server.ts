/** Subgraphs that cost nothing: each distinct request is answered by a real subgraph once and from memory ever after. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { HttpReader, type HttpMessage } from './http-bytes.js';

/** Answers a request that was never seen before. */
export type AnswerSource = (service: string, path: string, body: string) => Promise<string>;

/** One call of a recorded request. */
export interface RecordedCall {
  readonly service: string;
  readonly body: string;
  /** Calls of one level were in flight together; a level starts when the one before it was answered. */
  readonly level: number;
  readonly answerBytes: number;
}

export interface CannedCounts {
  /** Calls to `POST /graphql` since the last reset, by service. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of these, calls whose body was not known. */
  readonly unknown: number;
  /** Path and beginning of the first few of them. */
  readonly unknownSamples: readonly string[];
  /** Distinct requests known. */
  readonly distinct: number;
}

export interface CannedOptions {
  readonly services: readonly string[];
  readonly source: AnswerSource;
  /** Sent with every answer. */
  readonly constitutionalHash: string;
  /** JSON answers of other endpoints, by `service METHOD /path`. */
  readonly fixed: Readonly<Record<string, string>>;
}

/** How long a recorded call is held back, so that calls of one level meet, milliseconds. */
const HOLD_MS = 60;

export class CannedServer {
  private readonly answers = new Map<string, Map<string, Buffer>>();
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly calls: Record<string, number> = {};
  private unknown = 0;
  private unknownSamples: string[] = [];
  private recording: { calls: RecordedCall[]; level: number; open: number } | undefined;

  constructor(private readonly options: CannedOptions) {}

  /** Listens, one port a service. @returns the base URL of each. */
  async listen(): Promise<Record<string, string>> {
    const urls: Record<string, string> = {};
    for (const service of this.options.services) {
      this.answers.set(service, new Map());
      this.calls[service] = 0;
      const server = createServer({ noDelay: true }, (socket) => this.serve(service, socket));
      this.servers.push(server);
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
      urls[service] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }
    return urls;
  }

  counts(): CannedCounts {
    return { calls: { ...this.calls }, unknown: this.unknown, unknownSamples: this.unknownSamples, distinct: [...this.answers.values()].reduce((sum, { size }) => sum + size, 0) };
  }

  reset(): void {
    for (const service of Object.keys(this.calls)) this.calls[service] = 0;
    this.unknown = 0;
    this.unknownSamples = [];
  }

  /** Records the calls that follow, until `recorded` is called; every answer is held back so that levels show. */
  record(): void {
    this.recording = { calls: [], level: 0, open: 0 };
  }

  recorded(): RecordedCall[] {
    const calls = this.recording?.calls ?? [];
    this.recording = undefined;
    return calls;
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(service: string, socket: Socket): void {
    const reader = new HttpReader();
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    // A client that goes away is the client's affair.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => reader.push(chunk, (message) => this.answer(service, socket, message)));
  }

  private answer(service: string, socket: Socket, { head, body }: HttpMessage): void {
    const [method = '', target = ''] = head.split(' ', 2);
    const path = target.split('?', 1)[0] ?? '';
    if (method !== 'POST') {
      const known = this.options.fixed[`${service} ${method} ${path}`];
      const text = known ?? (path === '/health/ready' ? JSON.stringify({ status: 'ready', constitutionalHash: this.options.constitutionalHash }) : undefined);
      socket.write(this.bytesOf(text ?? '{"error":{"code":"NOT_FOUND"}}', text === undefined ? '404 Not Found' : '200 OK'));
      return;
    }
    this.calls[service] = (this.calls[service] ?? 0) + 1;
    const key = `${path}\n${body.toString('latin1')}`;
    const known = this.answers.get(service)?.get(key);
    if (known !== undefined && this.recording === undefined) {
      socket.write(known);
      return;
    }
    const level = this.enter();
    this.learn(service, path, key, body.toString(), known).then((bytes) => {
      this.leave(level, { service, body: body.toString(), answerBytes: bytes.length });
      socket.write(bytes);
    }, (error: unknown) => {
      this.leave(level);
      socket.write(this.bytesOf(JSON.stringify({ errors: [{ message: String(error) }] }), '500 Internal Server Error'));
    });
  }

  private async learn(service: string, path: string, key: string, body: string, known: Buffer | undefined): Promise<Buffer> {
    if (this.recording !== undefined) await new Promise<void>((resolve) => { setTimeout(resolve, HOLD_MS); });
    if (known !== undefined) return known;
    this.unknown += 1;
    if (this.unknownSamples.length < 5) this.unknownSamples.push(`${service} ${path} ${body.slice(0, 300)}`);
    const bytes = this.bytesOf(await this.options.source(service, path, body), '200 OK');
    this.answers.get(service)?.set(key, bytes);
    return bytes;
  }

  private enter(): number {
    const { recording } = this;
    if (recording === undefined) return 0;
    recording.open += 1;
    return recording.level;
  }

  private leave(level: number, call?: Omit<RecordedCall, 'level'>): void {
    const { recording } = this;
    if (recording === undefined) return;
    recording.open -= 1;
    recording.level = Math.max(recording.level, level + 1);
    if (call !== undefined) recording.calls.push({ ...call, level });
  }

  private bytesOf(text: string, status: string): Buffer {
    const body = Buffer.from(text);
    return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\nx-constitutional-hash: ${this.options.constitutionalHash}\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\n\r\n`), body]);
  }
}
