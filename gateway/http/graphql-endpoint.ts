/** The `/graphql` endpoint over HTTP: credentials and hash first, then Apollo Server, then status, headers, log and metrics. */
import { randomUUID } from 'node:crypto';
import { HeaderMap, type ApolloServer } from '@apollo/server';
import { AcgsError, ERROR_CODES, isErrorCode } from '../../ops/runtime/errors.js';
import { HASH_HEADER, REQUEST_ID_HEADER } from '../../ops/runtime/hop-token.js';
import { readJson, type HttpHandler, type HttpReply, type HttpRequest } from '../../ops/runtime/http-server.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { Authenticate, Credentials, HashGate } from '../execution/contracts.js';
import type { Exchange, HttpContext } from './graphql-server.js';
import { parseJson } from '../execution/json.js';

export interface EndpointDeps {
  readonly server: ApolloServer<HttpContext>;
  readonly authenticate: Authenticate;
  readonly gate: HashGate;
  /** Whether an answer that no subgraph contributed to counts as verified. */
  readonly manifestVerified: () => boolean;
  /** Time a request may take, milliseconds. */
  readonly deadlineMs: number;
  readonly metrics: ServiceMetrics;
  readonly logger: Logger;
}

/** Sent with every answer of this endpoint. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const ANONYMOUS: Credentials = { principal: null, credentialId: null, issuedAt: null, tokenExpiresAt: null, revocationEpoch: 0 };

/** Makes the handler of `POST /graphql` and `GET /graphql`. */
export function createGraphqlEndpoint(deps: EndpointDeps): HttpHandler {
  const { metrics, logger } = deps;
  return async (request) => {
    const started = performance.now();
    const given = request.headers[REQUEST_ID_HEADER];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    const context: Exchange = { requestId, credentials: ANONYMOUS, hashPresented: false, deadline: Date.now() + deps.deadlineMs, operationKind: 'unknown', operationName: null, prepared: undefined, request: undefined, failure: undefined };
    const reply = await answer(deps, request, context);
    const elapsed = performance.now() - started;
    metrics.requests.inc({ operation: context.operationKind, status: String(reply.status) });
    metrics.requestDuration.observe({ operation: context.operationKind }, elapsed / 1_000);
    logger.info({ requestId, operation: context.operationName, kind: context.operationKind, principal: context.credentials.principal?.id ?? null, status: reply.status, ms: Math.round(elapsed * 100) / 100, ...(context.failure === undefined ? {} : { code: context.failure }) }, 'Request');
    return reply;
  };
}

async function answer(deps: EndpointDeps, request: HttpRequest, context: Exchange): Promise<HttpReply> {
  try {
    const body = request.method === 'POST' ? readBody(request) : undefined;
    context.credentials = await deps.authenticate(request.headers);
    const who = { requestId: context.requestId, principalId: context.credentials.principal?.id ?? null };
    context.hashPresented = deps.gate.check([request.headers[HASH_HEADER], presentedInExtensions(request, body)], who);
    const response = await deps.server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: request.method, headers: headerMap(request), search: request.query.size === 0 ? '' : `?${request.query.toString()}`, body },
      context: async () => ({ exchange: context }),
    });
    if (response.body.kind !== 'complete') throw new AcgsError('BAD_REQUEST', 'Incremental delivery is not supported.');
    return finish(deps, context, response.status ?? 200, response.body.string, Object.fromEntries(response.headers));
  } catch (error) {
    if (!(error instanceof AcgsError)) {
      deps.logger.error({ err: error, requestId: context.requestId }, 'A request failed');
      return fault(deps, context, new AcgsError('INTERNAL', `An unexpected fault; request id ${context.requestId}.`, { requestId: context.requestId }));
    }
    if (error.cause !== undefined) deps.logger.debug({ err: error.cause, requestId: context.requestId, code: error.code }, 'A request was refused');
    return fault(deps, context, error);
  }
}

function fault(deps: EndpointDeps, context: Exchange, error: AcgsError): HttpReply {
  const text = JSON.stringify({ errors: [{ message: error.message, extensions: error.extensions }] });
  const challenge: Record<string, string> = error.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return finish(deps, context, error.status, text, { 'content-type': 'application/json; charset=utf-8', ...challenge });
}

/** Stamps the answer (gate 6) where execution has not, counts its errors, and adds the headers every answer has. */
function finish({ gate, manifestVerified, metrics }: EndpointDeps, context: Exchange, status: number, text: string, headers: Readonly<Record<string, string>>): HttpReply {
  let body = text;
  let answered = status;
  if (context.prepared === undefined || status !== 200) {
    const parsed = parseJson(text) as { errors?: readonly { extensions?: { code?: unknown } }[]; extensions?: Record<string, unknown> };
    body = JSON.stringify({ ...parsed, extensions: { ...parsed.extensions, constitutional: parsed.extensions?.['constitutional'] ?? { hash: gate.active(), verified: manifestVerified() } } });
    const code = parsed.errors?.[0]?.extensions?.code;
    if (isErrorCode(code)) {
      context.failure = code;
      metrics.errors.inc({ code });
      // Apollo Server answers some faults of the whole request with 200.
      if (status === 200) answered = ERROR_CODES[code].status;
    }
  }
  return { status: answered, headers: { ...headers, ...SECURITY_HEADERS, [HASH_HEADER]: gate.active(), [REQUEST_ID_HEADER]: context.requestId }, body };
}

/** @throws AcgsError UNSUPPORTED_MEDIA_TYPE for anything but UTF-8 JSON, BAD_REQUEST for what is not one JSON object. */
function readBody(request: HttpRequest): Record<string, unknown> {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw new AcgsError('UNSUPPORTED_MEDIA_TYPE', ERROR_CODES.UNSUPPORTED_MEDIA_TYPE.meaning, { charset });
  const body = readJson(request);
  if (Array.isArray(body)) throw new AcgsError('BAD_REQUEST', 'Batched requests are not accepted; send one operation a request.');
  if (typeof body !== 'object' || body === null) throw new AcgsError('BAD_REQUEST');
  return body as Record<string, unknown>;
}

function presentedInExtensions(request: HttpRequest, body: Record<string, unknown> | undefined): unknown {
  const extensions = body === undefined ? parseJson(request.query.get('extensions') ?? '') : body['extensions'];
  return typeof extensions === 'object' && extensions !== null ? (extensions as Record<string, unknown>)['constitutionalHash'] : undefined;
}

function headerMap({ headers }: HttpRequest): HeaderMap {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  return map;
}
