/** What the rest of the program knows of traces: spans that are handed on by hand, and a tracer that is there only when traces are on. */
import type { TraceContext } from './trace-context.js';

/** Values of an attribute; never secrets, and never what a client wrote but for names. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** What a span does, as OpenTelemetry names it. */
export type SpanRole = 'internal' | 'client';

/** One recorded piece of work. Whoever begins a span ends it, once. */
export interface Span {
  /** Trace and span, to be sent on as the parent (W3C Trace Context). */
  readonly traceparent: string;
  readonly traceId: string;
  /** Begins a span below this one. @param role default `internal`. */
  child(name: string, attributes?: Attributes, role?: SpanRole): Span;
  set(attributes: Attributes): void;
  /** Marks it as failed. @param code registered code, or another short name of what went wrong. */
  fail(code: string): void;
  end(): void;
}

/** A request that came in, with the trace it goes on under. */
export interface Served {
  /** The trace to send on; its flag says whether it is recorded. */
  readonly trace: TraceContext;
  /** Undefined when the trace is not recorded. */
  readonly span: Span | undefined;
}

export interface Tracing {
  /**
   * Begins the span of a request.
   * @param trace as `continueTrace` read it: one that a caller began is recorded when the caller records it.
   */
  serve(name: string, trace: TraceContext): Served;
  /**
   * Begins a trace of work that no request waits for.
   * @param cause trace of what brought it about, as `traceparent`; it is linked to.
   * @returns undefined when the trace is not recorded.
   */
  begin(name: string, attributes?: Attributes, cause?: string): Span | undefined;
  /** Sends what is finished; gives up after 5 s. */
  stop(): Promise<void>;
}

/** Runs work inside a span: ended whatever comes of it, failed with the code of what is thrown. @param span undefined only runs it. */
export async function within<T>(span: Span | undefined, work: () => Promise<T>): Promise<T> {
  if (span === undefined) return work();
  try {
    return await work();
  } catch (error) {
    span.fail(nameOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The same for work that is done at once. */
export function inside<T>(span: Span | undefined, work: () => T): T {
  if (span === undefined) return work();
  try {
    return work();
  } catch (error) {
    span.fail(nameOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** Registered code of an error, or its name; never its message, which may hold what a client wrote. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'INTERNAL';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
