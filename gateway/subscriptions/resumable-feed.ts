/** A stream from its subgraph: opened, resumed by cursor after every drop, and detached while its readers are behind. */
import type { SubscribePayload } from 'graphql-ws';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AcgsError, isErrorCode, type ErrorCode } from '../../ops/runtime/errors.js';
import type { GatewayRequest, SubgraphInstance } from '../execution/contracts.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import type { PrimaryOperation } from './primary-operation.js';
import { toGraphQLError } from './stream-faults.js';
import type { SubscriptionMetrics } from './subscription-metrics.js';
import type { PooledStream, StreamOpener } from './upstream-pool.js';
import type { UpstreamPayload, UpstreamSink } from './upstream-socket.js';

/** Refusals that pass: the stream is tried again within its window. Everything else is the client's to know. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SUBGRAPH_UNAVAILABLE', 'SUBGRAPH_TIMEOUT', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN', 'SUBSCRIPTION_LAGGING', 'HOP_TOKEN_INVALID', 'INTERNAL',
]);

/** A message to deliver. */
export interface FeedMessage {
  readonly payload: UpstreamPayload;
  /** Whether it came under an accepted hash. */
  readonly verified: boolean;
  /** Undefined when it carries none. */
  readonly cursor: string | undefined;
  readonly kind: string | undefined;
  /** Bytes it took on the wire. */
  readonly size: number;
}

export interface FeedReader {
  /** In stream order. */
  message(message: FeedMessage): void;
  /** The stream broke off or was paused; what follows is resumed and may be older than now. */
  interrupted(): void;
  /** The stream is over: by itself (no errors) or for good reasons. Called at most once. */
  end(errors: readonly GraphQLError[]): void;
}

export interface FeedOptions {
  readonly operation: PrimaryOperation;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Where to start; undefined leaves it to the subgraph, which starts now. */
  readonly after: unknown;
  /** On whose behalf the next attempt is made. */
  readonly request: () => GatewayRequest;
  readonly pool: StreamOpener;
  readonly deps: Pick<EdgeDeps, 'logger' | 'upstream'>;
  readonly limits: EdgeLimits;
  readonly metrics: Pick<SubscriptionMetrics, 'resumes'>;
  readonly reader: FeedReader;
}

/** One attempt: what it has brought so far. A message of an attempt that is no longer current is ignored. */
interface Attempt {
  stream: PooledStream | undefined;
  messages: number;
  /** True once it brought more than OPENED. */
  progressed: boolean;
}

export class ResumableFeed {
  private attempt: Attempt | undefined;
  private timer: NodeJS.Timeout | undefined;
  private cursor: string | undefined;
  private opened = false;
  private confirmingEnd = false;
  private paused = false;
  private closed = false;
  private failures = 0;
  private outageSince: number | undefined;
  private refusedInstance: string | undefined;
  private lostInstance: SubgraphInstance | undefined;

  constructor(private readonly options: FeedOptions) {}

  /** Opens the stream; call once. */
  start(): void {
    this.connect();
  }

  /** True when the stream can be detached and resumed without a gap. */
  get canPause(): boolean {
    return this.options.operation.resumable && this.cursor !== undefined;
  }

  /** Detaches from the subgraph until `resume`; a stream that cannot be resumed goes on. */
  pause(): void {
    if (this.paused || this.closed || !this.canPause) return;
    this.paused = true;
    this.abandon();
    this.options.reader.interrupted();
  }

  /** Attaches again after the last message that was read. */
  resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    this.options.metrics.resumes.inc({ subgraph: this.options.operation.subgraph, cause: 'paused' });
    this.connect();
  }

  /** Ends the stream at the subgraph at once; nothing more is read. */
  close(): void {
    this.closed = true;
    this.abandon();
  }

  private abandon(): void {
    clearTimeout(this.timer);
    const attempt = this.attempt;
    this.attempt = undefined;
    attempt?.stream?.cancel();
  }

  private connect(): void {
    const attempt: Attempt = { stream: undefined, messages: 0, progressed: false };
    this.attempt = attempt;
    const current = (): boolean => this.attempt === attempt;
    const sink: UpstreamSink = {
      next: (payload, size) => { if (current()) this.receive(attempt, payload, size); },
      error: (errors) => { if (current()) this.refused(errors); },
      complete: () => { if (current()) this.completed(attempt); },
      dropped: (cause) => { if (current()) this.dropped(attempt, cause); },
    };
    try {
      attempt.stream = this.options.pool.open(this.options.operation.subgraph, () => this.subscribePayload(), sink, this.lostInstance);
    } catch (error) {
      const fault = error instanceof AcgsError ? error : new AcgsError('INTERNAL', undefined, {}, { cause: error });
      if (fault.code === 'CONSTITUTIONAL_VIOLATION') this.finish([toGraphQLError(fault)]);
      else if (this.refusedInstance !== undefined) this.finish([toGraphQLError(new AcgsError('CONSTITUTIONAL_VIOLATION'))]);
      else this.dropped(attempt, fault);
      return;
    }
    // Routing has no other instance than the one that was refused.
    if (attempt.stream.instance.url === this.refusedInstance) this.finish([toGraphQLError(new AcgsError('CONSTITUTIONAL_VIOLATION'))]);
  }

  private subscribePayload(): SubscribePayload {
    const { operation, variables, after, request, deps } = this.options;
    const { query, operationName, subgraph } = operation;
    const sent = operation.variablesAfter(variables, this.cursor ?? after);
    const extensions = deps.upstream.extensions(subgraph, query, sent, request());
    return { query, variables: sent, ...(operationName === undefined ? {} : { operationName }), ...(extensions === undefined ? {} : { extensions }) };
  }

  private receive(attempt: Attempt, payload: UpstreamPayload, size: number): void {
    const { operation, pool, reader } = this.options;
    const judgement = attempt.stream?.judge(payload);
    if (attempt.stream === undefined || judgement === undefined) return;
    if (judgement.kind === 'FOREIGN') {
      pool.refuse(attempt.stream.instance, judgement.received);
      return;
    }
    if (judgement.kind === 'OUTDATED') {
      pool.renew(attempt.stream.instance);
      return;
    }
    const failed = payload.data == null && (payload.errors?.length ?? 0) > 0;
    // graphql-js answers a refused subscribe with one result that has errors and no data.
    if (failed && (attempt.messages === 0 || payload.errors?.some(isCursorRefusal) === true)) {
      this.refused(payload.errors ?? []);
      return;
    }
    const { cursor, kind } = operation.placeOf(payload.data);
    attempt.messages += 1;
    attempt.progressed ||= kind !== 'OPENED';
    this.confirmingEnd &&= !attempt.progressed;
    this.failures = 0;
    this.outageSince = undefined;
    this.refusedInstance = undefined;
    this.lostInstance = undefined;
    if (cursor !== undefined) this.cursor = cursor;
    const repeated = kind === 'OPENED' && this.opened;
    this.opened = true;
    if (!repeated) reader.message({ payload, verified: judgement.kind === 'VERIFIED', cursor, kind, size });
  }

  private refused(errors: readonly GraphQLFormattedError[]): void {
    const codes = errors.map((error) => error.extensions?.['code']);
    if (codes.length > 0 && codes.every((code) => isErrorCode(code) && PASSING.has(code))) {
      this.retry(new AcgsError(codes[0] as ErrorCode, errors[0]?.message), 'refused');
      return;
    }
    this.finish(errors.map((error) => new GraphQLError(error.message, { path: error.path ?? null, extensions: { ...error.extensions } })));
  }

  /** An end is asked for once more from the last cursor: a stream that is really over ends again at once. */
  private completed(attempt: Attempt): void {
    if (!this.options.operation.resumable || this.cursor === undefined || (this.confirmingEnd && !attempt.progressed)) {
      this.finish([]);
      return;
    }
    this.confirmingEnd = true;
    this.retry(new AcgsError('SUBGRAPH_UNAVAILABLE', 'The subgraph ended the stream.'), 'completed');
  }

  private dropped(attempt: Attempt, cause: AcgsError): void {
    this.lostInstance = attempt.stream?.instance;
    if (cause.code === 'CONSTITUTIONAL_VIOLATION') this.refusedInstance = attempt.stream?.instance.url;
    if (this.opened && !this.options.operation.resumable) {
      this.finish([toGraphQLError(cause)]);
      return;
    }
    this.retry(cause, 'dropped');
  }

  private retry(cause: AcgsError, label: string): void {
    const { limits, metrics, operation, deps, reader } = this.options;
    this.abandon();
    if (this.closed) return;
    if (this.opened) reader.interrupted();
    const now = Date.now();
    this.outageSince ??= now;
    if (now - this.outageSince >= (this.opened ? limits.resumeWindowMs : limits.openWindowMs)) {
      this.finish([toGraphQLError(cause)]);
      return;
    }
    const [first, longest] = limits.resumeBackoffMs;
    const ceiling = Math.min(longest, first * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    metrics.resumes.inc({ subgraph: operation.subgraph, cause: label });
    deps.logger.info({ subgraph: operation.subgraph, field: operation.fieldName, code: cause.code, cause: cause.message, attempt: this.failures }, 'A stream is resumed from its cursor');
    this.timer = setTimeout(() => this.connect(), ceiling * (0.5 + Math.random() / 2));
  }

  private finish(errors: readonly GraphQLError[]): void {
    if (this.closed) return;
    this.close();
    this.options.reader.end(errors);
  }
}

function isCursorRefusal(error: GraphQLFormattedError): boolean {
  const code = error.extensions?.['code'];
  return code === 'CURSOR_EXPIRED' || code === 'CURSOR_INVALID';
}
