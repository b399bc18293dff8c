/** A plain HTTP server with routes, body limits, health, metrics and a drain that loses no answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { AcgsError, type ErrorCode } from './errors.js';
import type { Logger } from './logger.js';
import type { Registry } from 'prom-client';

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface HttpRequest {
  readonly method: string;
  /** Path without the query string. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** The whole body; empty for GET. */
  readonly body: Buffer;
  /** The underlying request and response, for handlers that stream. */
  readonly raw: { request: IncomingMessage; response: ServerResponse };
}

/** Answers a request; `undefined` means that the handler wrote the response itself. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpReply | undefined> | HttpReply | undefined;

export interface Readiness {
  readonly ready: boolean;
  /** Status body; degraded parts are named here and do not make the process unready. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface HttpServerOptions {
  readonly name: string;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly logger: Logger;
  /** Handlers by `METHOD /path`. */
  readonly routes: Readonly<Record<string, HttpHandler>>;
  readonly registry: Registry;
  readonly readiness: () => Promise<Readiness> | Readiness;
  /** Largest body in bytes; default 1 MiB. */
  readonly bodyLimit?: number;
  /** Takes WebSocket upgrades by path. */
  readonly upgrades?: Readonly<Record<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>>;
  /** Longest wait for running requests when stopping, milliseconds; default 10,000. */
  readonly drainMs?: number;
}

export interface RunningHttpServer {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  /** True once `stop` was called; new requests are answered 503. */
  draining(): boolean;
  stop(): Promise<void>;
}

/** The port a process wants is taken. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
  constructor(readonly component: string, readonly host: string, readonly port: number) {
    super(`${component} cannot listen on ${host}:${port}: the port is in use. Stop what holds it or choose another port.`);
  }
}

/** JSON reply. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(value) };
}

/** Reply for a fault outside GraphQL: `{ error: { code, message } }` with the registry's status. */
export function faultReply(error: AcgsError): HttpReply {
  return jsonReply(error.status, { error: { message: error.message, ...error.extensions } });
}

/** GraphQL-shaped reply for a fault that fails the whole request. */
export function graphqlFaultReply(error: AcgsError): HttpReply {
  return jsonReply(error.status, { errors: [{ message: error.message, extensions: error.extensions }] });
}

/**
 * Starts listening. Serves `/health/live`, `/health/ready` and `/metrics` beside the given routes.
 * @throws PortInUseError when the port is taken.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  const { logger, bodyLimit = 1024 * 1024, drainMs = 10_000 } = options;
  let draining = false;
  let running = 0;
  let idle: (() => void) | undefined;
  const routes: Record<string, HttpHandler> = {
    'GET /health/live': () => jsonReply(200, { status: 'live' }),
    'GET /health/ready': async () => {
      const { ready, detail } = await options.readiness();
      return jsonReply(ready && !draining ? 200 : 503, { status: draining ? 'draining' : ready ? 'ready' : 'unready', ...detail });
    },
    'GET /metrics': async () => ({ status: 200, headers: { 'content-type': options.registry.contentType }, body: await options.registry.metrics() }),
    ...options.routes,
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const method = request.method ?? 'GET';
    const handler = routes[`${method} ${url.pathname}`];
    if (handler === undefined) {
      request.resume();
      const known = Object.keys(routes).some((route) => route.endsWith(` ${url.pathname}`));
      send(response, faultReply(new AcgsError(known ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND')));
      return;
    }
    if (draining && !url.pathname.startsWith('/health/')) {
      request.resume();
      send(response, faultReply(new AcgsError('SHUTTING_DOWN')));
      return;
    }
    const body = method === 'GET' || method === 'HEAD' ? EMPTY : await readBody(request, bodyLimit);
    const reply = await handler({ method, path: url.pathname, query: url.searchParams, headers: request.headers, body, raw: { request, response } });
    if (reply !== undefined) send(response, reply);
  };

  const server = createServer({ keepAliveTimeout: 65_000, headersTimeout: 20_000, requestTimeout: 60_000 }, (request, response) => {
    running += 1;
    response.on('close', () => {
      running -= 1;
      if (running === 0) idle?.();
    });
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) {
        logger.error({ err: error }, 'A handler failed after it had begun to answer');
        response.destroy();
        return;
      }
      if (!(error instanceof AcgsError)) logger.error({ err: error, path: request.url }, 'A handler failed');
      send(response, faultReply(error instanceof AcgsError ? error : new AcgsError('INTERNAL')));
    });
  });
  server.on('upgrade', (request, socket, head) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const upgrade = options.upgrades?.[path];
    if (upgrade === undefined || draining) {
      socket.end(`HTTP/1.1 ${draining ? '503 Service Unavailable' : '404 Not Found'}\r\nconnection: close\r\n\r\n`);
      return;
    }
    upgrade(request, socket, head);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new PortInUseError(options.name, options.host, options.port) : error));
    server.listen(options.port, options.host, resolve);
  });
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    server,
    draining: () => draining,
    async stop() {
      draining = true;
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
      server.closeIdleConnections();
      if (running > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, drainMs);
          idle = () => { clearTimeout(timer); resolve(); };
        });
      }
      server.closeAllConnections();
      await closed;
    },
  };
}

const EMPTY = Buffer.alloc(0);

function send(response: ServerResponse, reply: HttpReply): void {
  if (response.destroyed) return;
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : (reply.body ?? EMPTY);
  response.writeHead(reply.status, { ...reply.headers, 'content-length': body.length });
  response.end(body);
}

async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit) {
    request.resume();
    throw tooLarge(limit);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks);
}

function tooLarge(limit: number): AcgsError {
  return new AcgsError('PAYLOAD_TOO_LARGE', `The body is larger than ${limit} bytes.`, { limitBytes: limit });
}

/** Reads a JSON body. @throws AcgsError UNSUPPORTED_MEDIA_TYPE or the given code when it is not JSON. */
export function readJson(request: HttpRequest, invalid: ErrorCode = 'BAD_REQUEST'): unknown {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/graphql+json') throw new AcgsError('UNSUPPORTED_MEDIA_TYPE');
  try {
    return JSON.parse(request.body.toString('utf8'));
  } catch (cause) {
    throw new AcgsError(invalid, 'The body is not JSON.', {}, { cause });
  }
}
