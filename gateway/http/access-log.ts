/** One log line and the metrics of each finished request. */
import { withoutRedaction, type Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { Span } from '../../ops/runtime/tracing.js';
import type { Exchange } from './exchange.js';

/** How a request ended. */
export interface Ending {
  /** Status sent; the one meant when the client was gone before it was sent. */
  readonly status: number;
  /** True when the client went away before its answer was written. */
  readonly aborted: boolean;
  /** Answers of a stream; undefined for anything else. */
  readonly streamed?: number;
}

export type AccessLog = (exchange: Exchange, ending: Ending) => void;

/**
 * Makes the log. Its lines hold nothing secret (ids, an operation's name, numbers), so they skip the redaction that the
 * logger applies to everything else and that costs more than the rest of the line.
 */
export function createAccessLog(metrics: Pick<ServiceMetrics, 'finished' | 'took'>, logger: Logger): AccessLog {
  const lines = withoutRedaction(logger);
  return (exchange, { status, aborted, streamed }) => {
    const { requestId, trace, operationKind: operation, operationName, credentials, failure } = exchange;
    const elapsed = performance.now() - exchange.started;
    metrics.finished(operation, status);
    // A stream lasts as long as its reader likes: its time says nothing about speed.
    if (streamed === undefined) metrics.took(operation, elapsed, exchange.span?.traceId);
    const line: Record<string, unknown> = { requestId, trace: trace.traceId, operation: operationName, kind: operation, principal: credentials.principal?.id ?? null, status, ms: Math.round(elapsed * 100) / 100 };
    if (failure !== undefined) line['code'] = failure;
    if (aborted) line['aborted'] = true;
    if (streamed !== undefined) line['answers'] = streamed;
    lines.info(line, 'Request');
    if (exchange.span !== undefined) endSpan(exchange, exchange.span, status);
  };
}

/** What a trace says of a request: names and numbers, never what was asked with or answered. */
function endSpan({ requestId, operationKind, operationName, credentials, failure }: Exchange, span: Span, status: number): void {
  span.set({
    'url.path': '/graphql', 'http.response.status_code': status,
    'graphql.operation.type': operationKind, 'graphql.operation.name': operationName ?? undefined, 'acgs.request_id': requestId, 'acgs.principal.kind': credentials.principal?.kind ?? 'ANONYMOUS',
  });
  if (failure !== undefined) span.fail(failure);
  span.end();
}
