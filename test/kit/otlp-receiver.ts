/** A receiver of OTLP over HTTP (JSON encoding, opentelemetry-proto 1.x): keeps every span that is sent to it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came, with the service it came from. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** 2 when it failed. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string }[];
}

export interface OtlpReceiver {
  /** Base URL, as OTEL_EXPORTER_OTLP_ENDPOINT wants it. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Every body that came, to look for what must not be in it. */
  readonly bodies: readonly string[];
  /** Resolves with the spans of a trace once they satisfy a condition. @throws Error naming what came when that takes over 15 s. */
  trace(traceId: string, complete: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  /** Resolves with the first span that satisfies a condition. */
  span(wanted: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  stop(): Promise<void>;
}

interface Value { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean }
interface Attribute { key: string; value: Value }
interface OtlpSpan { traceId: string; spanId: string; parentSpanId?: string; name: string; kind: number; startTimeUnixNano: string; endTimeUnixNano: string; attributes?: Attribute[]; links?: { traceId: string }[]; status?: { code?: number } }
interface ExportRequest { resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[] }

const WAIT_MS = 15_000;

/** Starts it on a free port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const listeners = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const acceptable = request.method === 'POST' && request.url === '/v1/traces' && request.headers['content-type'] === 'application/json';
      const body = Buffer.concat(chunks).toString();
      if (acceptable) {
        bodies.push(body);
        spans.push(...spansOf(JSON.parse(body) as ExportRequest));
      }
      response.writeHead(acceptable ? 200 : 400, { 'content-type': 'application/json' }).end('{}');
      for (const listener of [...listeners]) listener();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const when = <T>(probe: () => T | undefined): Promise<T> => new Promise((resolve, reject) => {
    const look = (): void => {
      const found = probe();
      if (found === undefined) return;
      clearTimeout(timer);
      listeners.delete(look);
      resolve(found);
    };
    const timer = setTimeout(() => {
      listeners.delete(look);
      reject(new Error(`The spans did not come; there are:\n${spans.map(({ service, name, traceId, parentSpanId }) => `${service} ${name} ${traceId} below ${parentSpanId ?? 'nothing'}`).join('\n')}`));
    }, WAIT_MS);
    listeners.add(look);
    look();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, bodies,
    trace: (traceId, complete) => when(() => {
      const own = spans.filter((span) => span.traceId === traceId);
      return complete(own) ? own : undefined;
    }),
    span: (wanted) => when(() => spans.find(wanted)),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf({ resourceSpans }: ExportRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span): ReceivedSpan => {
      if (!/^[0-9a-f]{32}$/.test(span.traceId) || !/^[0-9a-f]{16}$/.test(span.spanId) || BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano)) throw new Error(`Not a span of the protocol: ${JSON.stringify(span)}`);
      return {
        service, name: span.name, traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
        kind: span.kind, status: span.status?.code ?? 0, attributes: attributesOf(span.attributes ?? []), links: span.links ?? [],
      };
    }));
  });
}

function attributesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue)]));
}
