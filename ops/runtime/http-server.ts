/** An HTTP or HTTPS server with routes, body limits, health, metrics and a drain that loses no answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { AcgsError, type ErrorCode } from './errors.js';
import type { Logger } from './logger.js';
import { expose } from './open-metrics.js';
import { readBody, RequestAborted } from './request-body.js';
import { createTlsServer, mayCall, type ServerTls } from './tls-server.js';
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

/**
 * Takes every method of one path, with the body unread, and answers by itself. What it throws before it has begun to
 * answer becomes a plain fault reply.
 * @param search query string without the question mark; empty when there is none.
 * @param draining true once the server is stopping: refuse with SHUTTING_DOWN.
 */
export type RawHandler = (request: IncomingMessage, response: ServerResponse, search: string, draining: boolean) => Promise<void>;

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
  /** Handlers by path that read and write by themselves; they come before `routes`. */
  readonly rawRoutes?: Readonly<Record<string, RawHandler>>;
  /** Headers of every reply except those of raw handlers; a reply's own headers win. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly registry: Registry;
  readonly readiness: () => Promise<Readiness> | Readiness;
  /** Largest body in bytes; default 1 MiB. */
  readonly bodyLimit?: number;
  /** Takes WebSocket upgrades by path. */
  readonly upgrades?: Readonly<Record<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>>;
  /** Longest wait for running requests when stopping, milliseconds; default 10,000. */
  readonly drainMs?: number;
  /** Serves HTTPS; without it plain HTTP. */
  readonly tls?: ServerTls | undefined;
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
    'GET /metrics': async ({ headers: { accept } }) => {
      const { contentType, body } = await expose(options.registry, accept);
      return { status: 200, headers: { 'content-type': contentType, vary: 'accept' }, body };
    },
    ...options.routes,
  };

  const allowed = methodsByPath(Object.keys(routes));
  const { headers = {}, rawRoutes = {}, tls } = options;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { path, search } = splitTarget(request.url);
    if (!mayCall(tls, request, path)) throw new AcgsError('CLIENT_CERTIFICATE_REQUIRED');
    const raw = Object.hasOwn(rawRoutes, path) ? rawRoutes[path] : undefined;
    if (raw !== undefined) return raw(request, response, search, draining);
    const method = request.method ?? 'GET';
    const key = `${method} ${path}`;
    const handler = Object.hasOwn(routes, key) ? routes[key] : undefined;
    if (handler === undefined) {
      const allow = allowed.get(path);
      throw allow === undefined ? new AcgsError('NOT_FOUND') : new MethodNotAllowed(allow);
    }
    if (draining && !path.startsWith('/health/')) throw new AcgsError('SHUTTING_DOWN');
    const body = method === 'GET' || method === 'HEAD' ? EMPTY : await readBody(request, bodyLimit);
    let query: URLSearchParams | undefined;
    const reply = await handler({ method, path, get query() { return (query ??= new URLSearchParams(search)); }, headers: request.headers, body, raw: { request, response } });
    if (reply !== undefined) send(response, reply, headers);
  };

  const fail = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
    if (error instanceof RequestAborted) {
      logger.debug({ path: request.url }, 'A client went away while it sent a request');
      response.destroy();
      return;
    }
    if (response.headersSent) {
      logger.error({ err: error }, 'A handler failed after it had begun to answer');
      response.destroy();
      return;
    }
    if (!(error instanceof AcgsError)) logger.error({ err: error, path: request.url }, 'A handler failed');
    send(response, faultReply(error instanceof AcgsError ? error : new AcgsError('INTERNAL')), error instanceof MethodNotAllowed ? { ...headers, allow: error.allow } : headers);
  };

  const limits = { keepAliveTimeout: 65_000, headersTimeout: 20_000, requestTimeout: 60_000 };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    running += 1;
    let parts = 2;
    // A request is over when its handler is done and its connection is free: a client that left does not end a mutation.
    const settle = (): void => {
      parts -= 1;
      if (parts > 0) return;
      running -= 1;
      if (running === 0) idle?.();
    };
    response.on('close', settle);
    answer(request, response).catch((error: unknown) => fail(request, response, error)).finally(settle);
  };
  const server: Server = tls === undefined ? createServer(limits, listener) : createTlsServer(limits, tls, listener);
  server.on('tlsClientError', (error: Error) => logger.debug({ err: error }, 'A TLS handshake failed'));
  server.on('upgrade', (request, socket, head) => {
    const { path } = splitTarget(request.url);
    const upgrade = options.upgrades !== undefined && Object.hasOwn(options.upgrades, path) ? options.upgrades[path] : undefined;
    const admitted = mayCall(tls, request, path);
    if (upgrade === undefined || draining || !admitted) {
      // Node hands over the socket without listeners: an error nobody listens to would end the process.
      socket.on('error', (error) => logger.debug({ err: error }, 'A connection broke while its upgrade was refused'));
      socket.end(`HTTP/1.1 ${!admitted ? '403 Forbidden' : draining ? '503 Service Unavailable' : '404 Not Found'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
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
    url: `${tls === undefined ? 'http' : 'https'}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
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

/** METHOD_NOT_ALLOWED with what is allowed instead (RFC 9110, section 15.5.6). */
class MethodNotAllowed extends AcgsError {
  constructor(readonly allow: string) {
    super('METHOD_NOT_ALLOWED');
  }
}

function methodsByPath(keys: readonly string[]): ReadonlyMap<string, string> {
  const methods = new Map<string, string>();
  for (const key of keys) {
    const [method = '', path = ''] = key.split(' ');
    methods.set(path, methods.has(path) ? `${methods.get(path)}, ${method}` : method);
  }
  return methods;
}

/**
 * Splits a request target into path and query string (RFC 9112, section 3.2): origin form as clients send it, absolute
 * form as proxies may. Anything else has a path that nothing is served at.
 */
export function splitTarget(target = '/'): { readonly path: string; readonly search: string } {
  const origin = target.startsWith('/') ? target : absolutePath(target);
  const mark = origin.indexOf('?');
  return mark === -1 ? { path: origin, search: '' } : { path: origin.slice(0, mark), search: origin.slice(mark + 1) };
}

function absolutePath(target: string): string {
  const match = /^https?:\/\/[^/?#]+(.*)$/i.exec(target);
  return match === null ? target : match[1]?.startsWith('/') === true ? match[1] : `/${match[1] ?? ''}`;
}

function send(response: ServerResponse, reply: HttpReply, headers: Readonly<Record<string, string>>): void {
  if (response.destroyed) return;
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : (reply.body ?? EMPTY);
  response.writeHead(reply.status, { ...headers, ...reply.headers, 'content-length': body.length });
  response.end(body);
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
