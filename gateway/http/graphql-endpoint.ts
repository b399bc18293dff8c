/** The `/graphql` endpoint over HTTP: checks, credentials and hash first; then the hot path, Apollo Server, or a stream. docs/http.md is its contract. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AcgsError, ERROR_CODES } from '../../ops/runtime/errors.js';
import { HASH_HEADER } from '../../ops/runtime/hop-token.js';
import type { RawHandler } from '../../ops/runtime/http-server.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { RateLimits } from '../enforcement/rates/rate-limits.js';
import { readBody, RequestAborted } from '../../ops/runtime/request-body.js';
import type { Tracing } from '../../ops/runtime/tracing.js';
import type { Authenticate, ConstitutionalStamp, Execute, ExecuteInParts, GatewayAnswer, HashGate, Prepare, SupergraphSnapshot } from '../execution/contracts.js';
import { createAccessLog } from './access-log.js';
import { headersOf, refusalText, statusOf, writeAnswer, type AnswerHead, type Written } from './answer-writer.js';
import type { CrossOrigin } from './cross-origin.js';
import { gatewayRequest, notePrepared, noteUnprepared, openExchange, refusalOf, type Exchange } from './exchange.js';
import type { HttpStreams } from './http-streams.js';
import { INCREMENTAL_TYPE, PartsWriter, wholeInOnePart } from './incremental-answer.js';
import { operationKinds } from './operation-kinds.js';
import type { PersistedQueries } from './persisted-queries.js';
import { ALLOWED_METHODS, checkHead } from './request-checks.js';
import { parametersOfBody, parametersOfSearch, type GraphqlParameters } from './request-parameters.js';
import { STREAM_FORMATS } from './stream-formats.js';
import { Turnstile } from './turnstile.js';

/** Runs one operation through Apollo Server, to the text of its answer. @throws AcgsError or GraphQLError that fails the request. */
export type RunOnApollo = (exchange: Exchange, method: 'GET' | 'POST', query: string, parameters: GraphqlParameters) => Promise<GatewayAnswer>;

export interface EndpointDeps {
  readonly authenticate: Authenticate;
  readonly gate: HashGate;
  /** Behind the safelist. */
  readonly prepare: Prepare;
  readonly execute: Execute;
  /** Answers operations with `@defer` in parts. */
  readonly executeInParts: ExecuteInParts;
  /** Supergraph that new requests are pinned to. */
  readonly snapshot: () => SupergraphSnapshot;
  readonly apollo: RunOnApollo;
  readonly persisted: PersistedQueries;
  /** Undefined refuses subscriptions over HTTP. */
  readonly streams?: HttpStreams | undefined;
  readonly crossOrigin: CrossOrigin;
  /** Undefined where rates are not limited; `prepare` is behind them where they are. */
  readonly rates?: RateLimits | undefined;
  /** Value of `Strict-Transport-Security`; undefined leaves it out. */
  readonly strictTransport?: string | undefined;
  /** Stamp of an answer that no subgraph contributed to. */
  readonly stamp: () => ConstitutionalStamp;
  /** Largest body in bytes. */
  readonly bodyLimit: number;
  /** Time a request may take, milliseconds. */
  readonly deadlineMs: number;
  /** Most lexical tokens of a document. */
  readonly maxTokens: number;
  /** False sends everything that is not a stream through Apollo Server; default true. */
  readonly hotPath?: boolean;
  readonly metrics: Pick<ServiceMetrics, 'finished' | 'took' | 'errors'>;
  readonly logger: Logger;
  /** Undefined while traces are off. */
  readonly tracing?: Tracing | undefined;
}

/** Requests let in at each turn of the event loop; docs/performance.md says how it was found. */
const REQUESTS_PER_TURN = 2;

/** What became of a request: an answer to write, or a stream that was served. */
type Outcome = Written | { readonly streamed: number; readonly aborted?: boolean };

/** Makes the handler of every method of `/graphql`. */
export function createGraphqlEndpoint(deps: EndpointDeps): RawHandler {
  const { gate, crossOrigin, logger, rates, hotPath = true } = deps;
  const finished = createAccessLog(deps.metrics, logger);
  const kindOf = operationKinds(deps.maxTokens);
  const door = new Turnstile(REQUESTS_PER_TURN);

  const transport = deps.strictTransport === undefined ? [] : ['strict-transport-security', deps.strictTransport];
  const furtherOf = ({ headers: { origin } }: IncomingMessage, { charge }: Exchange): readonly string[] => {
    const shared = crossOrigin.headers(origin);
    return charge === undefined && transport.length === 0 ? shared : [...shared, ...transport, ...(charge === undefined ? [] : rates?.headers(charge) ?? [])];
  };
  const headOf = (message: IncomingMessage, exchange: Exchange): AnswerHead => ({ requestId: exchange.requestId, constitutionalHash: gate.active(), further: furtherOf(message, exchange) });

  const answer = async (message: IncomingMessage, response: ServerResponse, search: string, exchange: Exchange): Promise<Outcome> => {
    if (rates !== undefined) exchange.charge = rates.open(rates.addressOf(message));
    const { charge } = exchange;
    checkHead(message);
    if (exchange.accepted.single === undefined && exchange.accepted.stream === undefined && !exchange.accepted.inParts) throw new AcgsError('NOT_ACCEPTABLE');
    const isGet = message.method === 'GET';
    const parameters = isGet ? parametersOfSearch(search) : parametersOfBody(await readBody(message, deps.bodyLimit));
    const turn = door.enter();
    if (turn !== undefined) await turn;
    exchange.credentials = await deps.authenticate(message.headers, charge === undefined ? undefined : () => rates?.chargeLookup(charge));
    const presented = [message.headers[HASH_HEADER], parameters.constitutionalHash];
    exchange.hashPresented = gate.check(presented, { requestId: exchange.requestId, principalId: exchange.credentials.principal?.id ?? null });
    const document = await deps.persisted.resolve(parameters);
    exchange.source = { text: document.text, operationName: parameters.operationName };
    exchange.wellFormed = true;
    const kind = isGet ? kindOf(document.text, parameters.operationName) : undefined;
    if (kind === 'mutation') throw new AcgsError('METHOD_NOT_ALLOWED');

    const streaming = exchange.accepted.stream !== undefined && (exchange.accepted.single === undefined || deps.streams !== undefined);
    if (!streaming && kind === 'subscription') throw new AcgsError('SUBSCRIPTION_NOT_SUPPORTED');
    if (!streaming && (!hotPath || (isGet && parameters.query !== undefined))) {
      const result = await deps.apollo(exchange, isGet ? 'GET' : 'POST', document.text, parameters);
      if (document.register !== undefined) deps.persisted.register(document.register, document.text);
      return executed(exchange, result);
    }

    const request = gatewayRequest(exchange, deps.snapshot());
    const prepared = await deps.prepare(request, { query: document.text, operationName: parameters.operationName, variables: parameters.variables });
    notePrepared(exchange, prepared);
    if (isGet && prepared.operation.operation === 'mutation') throw new AcgsError('METHOD_NOT_ALLOWED');
    if (document.register !== undefined) deps.persisted.register(document.register, document.text);
    if (prepared.deferral !== undefined && exchange.accepted.inParts && !isGet) {
      const parts = new PartsWriter(response, headersOf(INCREMENTAL_TYPE, streamHead(headOf(message, exchange))), logger);
      if (await deps.executeInParts(request, prepared, parameters.variables, parts)) {
        const aborted = parts.gone();
        parts.end();
        return { streamed: parts.written, aborted };
      }
    }
    if (prepared.operation.operation !== 'subscription') return executed(exchange, await deps.execute(request, prepared, parameters.variables));

    const { stream } = exchange.accepted;
    if (stream === undefined || deps.streams === undefined) throw new AcgsError('SUBSCRIPTION_NOT_SUPPORTED');
    const presentedHash = presented.find((hash) => typeof hash === 'string');
    const { answers, failure } = await deps.streams.serve({
      response, type: stream, headers: headersOf(STREAM_FORMATS[stream].type, streamHead(headOf(message, exchange))), request, prepared, variables: parameters.variables, credentials: exchange.credentials, presentedHash,
    });
    exchange.failure = failure;
    return { streamed: answers };
  };

  const refuse = (exchange: Exchange, error: unknown): Written => {
    const { code, errors } = refusalOf(error, exchange.requestId, logger);
    exchange.failure = code;
    deps.metrics.errors.inc({ code });
    if (exchange.prepared === undefined && exchange.source !== undefined) noteUnprepared(exchange, kindOf(exchange.source.text, exchange.source.operationName));
    const stamp = deps.stamp();
    const { single, stream } = exchange.accepted;
    if (single === undefined && stream !== undefined && exchange.wellFormed && !isPlain(ERROR_CODES[code].status)) {
      const { type, opening, failure, end } = STREAM_FORMATS[stream];
      return { status: 200, type, pieces: [opening, failure(errors, stamp), end], ascii: false };
    }
    const type = single ?? 'application/json';
    return { status: statusOf(code, type, exchange.wellFormed), type, pieces: [refusalText({ errors }, stamp)], ascii: false };
  };

  return async (message, response, search, draining) => {
    const exchange = openExchange(message, deps.deadlineMs, deps.tracing);
    if (message.method === 'OPTIONS') {
      writePreflight(response, headOf(message, exchange), crossOrigin.preflightHeaders(message.headers.origin));
      finished(exchange, { status: 204, aborted: response.destroyed });
      return;
    }
    let outcome: Outcome;
    try {
      if (draining) throw new AcgsError('SHUTTING_DOWN');
      outcome = await answer(message, response, search, exchange);
    } catch (error) {
      if (error instanceof RequestAborted) {
        finished(exchange, { status: CLIENT_CLOSED_REQUEST, aborted: true });
        throw error;
      }
      // What `prepare` was not reached by is charged here, or a flood of it would be free.
      outcome = refuse(exchange, exchange.charge === undefined ? error : rates?.chargeFailure(exchange.charge, exchange.credentials.principal, error) ?? error);
    }
    if ('streamed' in outcome) {
      finished(exchange, { status: 200, aborted: outcome.aborted ?? false, streamed: outcome.streamed });
      return;
    }
    const aborted = response.destroyed;
    const head = headOf(message, exchange);
    writeAnswer(response, outcome, exchange.failure === undefined ? head : { ...head, further: [...head.further, ...refusalHeaders(exchange.failure, message.method)] });
    finished(exchange, { status: outcome.status, aborted });
  };
}

/**
 * A client that takes nothing but a stream gets errors of its operation in it (GraphQL over SSE, distinct connections
 * mode). What it should authenticate or try again for stays a plain HTTP status, as for every other client.
 */
function isPlain(status: number): boolean {
  return status >= 500 || status === 401 || status === 405 || status === 409 || status === 429;
}

/** Status under which the log counts requests whose client left before they were complete; it is never sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** What an executed operation is sent as: one answer, or a stream of one where the client takes nothing else. */
function executed({ accepted: { single, stream } }: Exchange, answer: GatewayAnswer): Written {
  const { ascii, written } = answer;
  if (single !== undefined) return { status: 200, type: single, pieces: written === undefined ? answer.pieces : [], bytes: written, ascii };
  if (stream === undefined) return { status: 200, ...wholeInOnePart(answer.text), ascii };
  const { type, opening, next, end } = STREAM_FORMATS[stream];
  return { status: 200, type, pieces: [opening, next(answer.text), end], ascii };
}

/** Headers that go with some refusals. */
function refusalHeaders(code: Exchange['failure'], method: string | undefined): readonly string[] {
  if (code === undefined) return [];
  if (code === 'METHOD_NOT_ALLOWED') return ['allow', method === 'GET' ? 'POST' : ALLOWED_METHODS];
  if (code === 'SHUTTING_DOWN') return ['connection', 'close'];
  return ERROR_CODES[code].status === 401 ? ['www-authenticate', 'Bearer'] : [];
}

/** Proxies must hand each piece of a stream on at once. */
function streamHead(head: AnswerHead): AnswerHead {
  return { ...head, further: [...head.further, 'x-accel-buffering', 'no'] };
}

function writePreflight(response: ServerResponse, { requestId, constitutionalHash }: AnswerHead, crossOrigin: readonly string[]): void {
  const [, , ...headers] = headersOf('application/json', { requestId, constitutionalHash, further: ['allow', ALLOWED_METHODS, ...crossOrigin] });
  response.writeHead(204, headers);
  response.end();
}
