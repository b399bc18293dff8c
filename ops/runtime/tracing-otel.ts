/** Traces by OpenTelemetry's SDK, sent over OTLP; loaded only when traces are on. */
import { randomUUID } from 'node:crypto';
import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace as traces, TraceFlags, type Context, type Link, type Span as OtelSpan, type SpanContext, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, SamplingDecision, TraceIdRatioBasedSampler, type Sampler } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger.js';
import { parseTraceparent, type TraceContext } from './trace-context.js';
import type { TracingConfig } from './tracing-config.js';
import type { Attributes, Served, Span, SpanRole, Tracing } from './tracing.js';

/** Longer texts are cut. */
const MAX_ATTRIBUTE = 256;
/** Longest time one export, and the last one at the end, may take, milliseconds. */
const EXPORT_MS = 5_000;
const KINDS: Readonly<Record<SpanRole, SpanKind>> = { internal: SpanKind.INTERNAL, client: SpanKind.CLIENT };

/** Makes the tracer of a component. Contexts are handed on by hand: nothing is registered globally but the SDK's own log. */
export function createOtelTracing({ endpoint, ratio, delayMs }: TracingConfig, component: string, logger: Logger, trustCallers: boolean): Tracing {
  const warn = (message: string): void => logger.warn({ detail: message }, 'Traces could not be sent');
  diag.setLogger({ error: warn, warn, info: () => undefined, debug: () => undefined, verbose: () => undefined }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new BasicTracerProvider({
    resource: new Resource({ 'service.name': `acgs-${component}`, 'service.namespace': 'acgs', 'service.instance.id': randomUUID() }),
    sampler: samplerOf(ratio, trustCallers),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE },
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: EXPORT_MS }), { scheduledDelayMillis: delayMs, exportTimeoutMillis: EXPORT_MS })],
  });
  const tracer = provider.getTracer('acgs');
  return {
    serve: (name, trace) => serve(tracer, name, trace),
    begin(name, attributes, cause) {
      const span = tracer.startSpan(name, { root: true, kind: SpanKind.INTERNAL, attributes: { ...attributes }, links: linksTo(cause) }, ROOT_CONTEXT);
      return span.isRecording() ? new RecordedSpan(tracer, span) : undefined;
    },
    async stop() {
      const timer = new Promise<'late'>((resolve) => { setTimeout(() => resolve('late'), EXPORT_MS).unref(); });
      const ended = await Promise.race([provider.shutdown().catch((error: unknown) => error), timer]);
      if (ended !== undefined) logger.warn({ err: ended instanceof Error ? ended : undefined }, 'The last traces could not be sent');
    },
  };
}

/** Spans below our own follow it in any case. */
function samplerOf(ratio: number, trustCallers: boolean): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  if (trustCallers) return new ParentBasedSampler({ root });
  // Drawn, and not taken from the trace's id, which the caller chose.
  const drawn: Sampler = {
    shouldSample: () => ({ decision: Math.random() < ratio ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD }),
    toString: () => `Drawn{${ratio}}`,
  };
  return new ParentBasedSampler({ root, remoteParentSampled: drawn, remoteParentNotSampled: drawn });
}

function serve(tracer: Tracer, name: string, trace: TraceContext): Served {
  const { caller } = trace;
  const parent = caller === undefined ? ROOT_CONTEXT : traces.setSpanContext(ROOT_CONTEXT, remote(trace.traceId, caller.spanId, caller.sampled));
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, parent);
  const own = span.spanContext();
  return {
    trace: { ...trace, traceId: own.traceId, traceparent: textOf(own) },
    span: span.isRecording() ? new RecordedSpan(tracer, span) : undefined,
  };
}

class RecordedSpan implements Span {
  readonly traceparent: string;
  readonly traceId: string;
  private readonly below: Context;

  constructor(private readonly tracer: Tracer, private readonly span: OtelSpan) {
    const own = span.spanContext();
    this.traceparent = textOf(own);
    this.traceId = own.traceId;
    this.below = traces.setSpan(ROOT_CONTEXT, span);
  }

  child(name: string, attributes: Attributes = {}, role: SpanRole = 'internal'): Span {
    return new RecordedSpan(this.tracer, this.tracer.startSpan(name, { kind: KINDS[role], attributes: { ...attributes } }, this.below));
  }

  set(attributes: Attributes): void {
    this.span.setAttributes({ ...attributes });
  }

  fail(code: string): void {
    this.span.setAttribute('error.type', code);
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  }

  end(): void {
    this.span.end();
  }
}

function textOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

function remote(traceId: string, spanId: string, sampled: boolean): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function linksTo(cause: string | undefined): Link[] {
  const parsed = cause === undefined ? undefined : parseTraceparent(cause);
  return parsed === undefined ? [] : [{ context: remote(parsed.traceId, parsed.spanId, parsed.sampled) }];
}
