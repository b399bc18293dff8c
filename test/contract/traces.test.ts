/** Traces as a collector receives them (OTLP over HTTP), from the all-in-one process; and that nothing of it is there while they are off. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { GraphClient } from '../../ops/client/graph-client.js';
import { dropRoles } from '../../ops/database/provision.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { ConfigError } from '../../ops/runtime/config.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { continueTrace } from '../../ops/runtime/trace-context.js';
import { readTracingConfig } from '../../ops/runtime/tracing-config.js';
import { loadTracing } from '../../ops/runtime/load-tracing.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';
import { loginAsAdmin, operation } from '../kit/graph.js';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../kit/otlp-receiver.js';
import { redisEnvironment } from '../kit/redis.js';
import { until } from '../kit/until.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const HASH = 'cdd01ef066bc6cf2';
const DECLARE = 'mutation Declare($input: DeclareIncidentInput!, $key: String!) { declareIncident(input: $input, idempotencyKey: $key) { __typename ... on IncidentPayload { incident { id } } ... on Problem { code message } } }';

const rolePrefix = `acgs_t${Math.random().toString(36).slice(2, 8)}_`;
const redis = redisEnvironment();
let receiver: OtlpReceiver;
let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  folder = await mkdtemp(join(tmpdir(), 'acgs-traces-'));
  database = await createEmptyDatabase();
});
afterAll(async () => {
  await receiver.stop();
  await redis.cleanUp();
  await database.drop();
  await dropRoles({ connectionString: testServerUrl(), rolePrefix });
  await rm(folder, { recursive: true, force: true });
});

const environmentOf = (own: Record<string, string>): Record<string, string> => ({
  ...redis.environment, DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error', ...own,
});

function only(spans: readonly ReceivedSpan[], service: string, name: string): ReceivedSpan {
  const found = spans.filter((span) => span.service === service && span.name === name);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans "${name}" of ${service} among:\n${spans.map((span) => `${span.service} ${span.name}`).join('\n')}`);
  return found[0];
}

describe('all in one process, with traces on', () => {
  let plane: ControlPlane;
  let client: GraphClient;
  let password: string;
  const ask = async (query: string, variables: unknown, headers: Record<string, string>): Promise<{ data?: Record<string, unknown>; errors?: { extensions: { code: string } }[] }> => {
    const response = await fetch(`${plane.gatewayUrl}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-constitutional-hash': HASH, authorization: `Bearer ${client.options.accessToken ?? ''}`, ...headers }, body: JSON.stringify({ query, variables }) });
    return await response.json() as never;
  };

  beforeAll(async () => {
    plane = await startControlPlane(readEmbeddedConfig(environmentOf({ ACGS_TRACING: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '50' })));
    client = await loginAsAdmin(plane.gatewayUrl, folder);
    password = (await readFile(join(folder, 'secrets', 'admin.password'), 'utf8')).trim();
  });
  afterAll(() => plane.stop());

  test('a query is one trace below its caller: request, planning, a fetch for each subgraph and what the subgraph does', async () => {
    const answer = await ask(operation('service-360'), { id: 'auth' }, { traceparent: `00-${TRACE}-${CALLER}-01`, 'x-request-id': 'traced-query' });
    expect(answer.errors).toBeUndefined();
    const spans = await receiver.trace(TRACE, (own) => own.some(({ name }) => name === 'POST /graphql') && own.filter(({ name }) => name === 'graphql').length >= 7);
    const request = only(spans, 'acgs-gateway', 'POST /graphql');
    expect(request).toMatchObject({ parentSpanId: CALLER, kind: 2, attributes: { 'acgs.request_id': 'traced-query', 'graphql.operation.type': 'query', 'http.response.status_code': 200, 'acgs.principal.kind': 'HUMAN' } });
    for (const name of ['graphql.parse', 'graphql.validate', 'graphql.plan']) expect(only(spans, 'acgs-gateway', name).parentSpanId).toBe(request.spanId);
    const fetched = spans.filter(({ service, kind }) => service === 'acgs-gateway' && kind === 3);
    expect(new Set(fetched.map(({ name }) => name)).size).toBe(7);
    for (const fetchSpan of fetched) {
      expect(fetchSpan.parentSpanId).toBe(request.spanId);
      const subgraph = String(fetchSpan.attributes['acgs.subgraph']);
      const served = only(spans.filter(({ parentSpanId }) => parentSpanId === fetchSpan.spanId), `acgs-${subgraph}`, 'graphql');
      expect(served).toMatchObject({ kind: 2, attributes: { 'acgs.request_id': 'traced-query' } });
      expect(spans.filter(({ parentSpanId, service, name }) => parentSpanId === served.spanId && service === `acgs-${subgraph}` && name.startsWith('resolve Query.')).length).toBeGreaterThan(0);
    }
    // The plan's own places: the service comes first, what others know of it is joined at its path.
    expect(fetched.map(({ attributes }) => attributes['acgs.plan.paths'])).toContain('service');
  });

  test('a change shows its transaction and the events in it', async () => {
    const traceId = 'aaaabbbbccccddddaaaabbbbccccdddd';
    const answer = await ask(DECLARE, { input: { title: 'Traced', severity: 'P3', serviceId: 'auth' }, key: 'traced-1' }, { traceparent: `00-${traceId}-${CALLER}-01` });
    expect(answer.data?.['declareIncident']).toMatchObject({ __typename: 'IncidentPayload' });
    const spans = await receiver.trace(traceId, (own) => own.some(({ name }) => name === 'POST /graphql') && own.some(({ name }) => name === 'graphql'));
    const resolver = only(spans, 'acgs-policy-governance', 'resolve Mutation.declareIncident');
    const transaction = only(spans, 'acgs-policy-governance', 'transaction');
    expect(transaction).toMatchObject({ parentSpanId: resolver.spanId, attributes: { 'db.namespace': 'policy_governance', 'db.system.name': 'postgresql' } });
    expect(only(spans, 'acgs-policy-governance', 'outbox append')).toMatchObject({ parentSpanId: transaction.spanId, attributes: { 'acgs.events': 'IncidentDeclared' } });
  });

  test('a refused request says its code, and the failed span is marked', async () => {
    const traceId = 'aaaabbbbccccddddaaaabbbbcccceeee';
    await ask(DECLARE, { input: { title: 'x', severity: 'P3' }, key: 'traced-2' }, { traceparent: `00-${traceId}-${CALLER}-01`, 'x-constitutional-hash': 'ffffffffffffffff' });
    const [request] = await receiver.trace(traceId, (own) => own.length > 0);
    expect(request).toMatchObject({ name: 'POST /graphql', status: 2, attributes: { 'error.type': 'CONSTITUTIONAL_HASH_MISMATCH' } });
  });

  test('a client does not decide what is recorded: its trace goes on, here and behind', async () => {
    const traceId = 'aaaabbbbccccddddaaaabbbbccccffff';
    await ask('{ services { id } }', {}, { traceparent: `00-${traceId}-${CALLER}-00` });
    const spans = await receiver.trace(traceId, (own) => own.some(({ service }) => service !== 'acgs-gateway') && own.some(({ name }) => name === 'POST /graphql'));
    expect(spans.length).toBeGreaterThan(1);
  });

  test('an event of a subscription is a trace of its own with its joins, linked to the subscription', async () => {
    const traceId = 'aaaabbbbccccddddaaaabbbbcccc1111';
    const stop = new AbortController();
    const stream = await fetch(`${plane.gatewayUrl}/graphql`, {
      method: 'POST', signal: stop.signal,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-constitutional-hash': HASH, authorization: `Bearer ${client.options.accessToken ?? ''}`, traceparent: `00-${traceId}-${CALLER}-01` },
      body: JSON.stringify({ query: 'subscription { incidentUpdated { cursor kind incident { id service { id team { name } } } } }' }),
    });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const readUntil = async (what: string): Promise<void> => {
      while (!text.includes(what)) {
        const part = await reader?.read();
        if (part?.value === undefined) throw new Error(`The stream ended before ${what}: ${text}`);
        text += part.value;
      }
    };
    await readUntil('OPENED');
    await ask(DECLARE, { input: { title: 'Streamed', severity: 'P3', serviceId: 'auth' }, key: 'traced-3' }, {});
    await readUntil('INC-');
    stop.abort();
    const joined = await receiver.span((span) => span.name === 'graphql' && span.service === 'acgs-auth' && receiver.spans.some((other) => other.traceId === span.traceId && other.name === 'event incidentUpdated'));
    const event = await receiver.span((span) => span.traceId === joined.traceId && span.name === 'event incidentUpdated');
    expect(event.parentSpanId).toBeUndefined();
    expect(event.links.map((link) => link.traceId)).toEqual([traceId]);
  });

  test('no body that was sent holds a credential or what clients wrote', () => {
    const sent = receiver.bodies.join('\n');
    expect(sent).toContain('acgs-auth');
    const secrets = [password, client.options.accessToken ?? '', 'Bearer', 'Streamed', 'traced-1'];
    expect(secrets.filter((secret) => secret === '' || sent.includes(secret))).toEqual([]);
    expect(sent).not.toMatch(/postgres(?:ql)?:\/\//);
  });

  test('the buckets of recorded requests name their traces to who asks for OpenMetrics', async () => {
    const scrape = await fetch(`${plane.gatewayUrl}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' } });
    expect(scrape.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const text = await scrape.text();
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toMatch(/^acgs_request_duration_seconds_bucket\{le="[^"]+",operation="query",service="gateway"\} \d+ # \{trace_id="[0-9a-f]{32}"\} [\d.e-]+ [\d.]+$/m);
    const plain = await (await fetch(`${plane.gatewayUrl}/metrics`)).text();
    expect(plain).toContain('# TYPE acgs_requests_total counter');
    expect(plain).not.toContain('trace_id');
  });
});

describe('sampling', () => {
  test('a share of the traces that begin here is recorded, and a collector that is away is survived', async () => {
    const logger = createLogger('test', 'silent');
    const tracing = await loadTracing({ endpoint: 'http://127.0.0.1:9', ratio: 0.25, trustClients: false, delayMs: 60_000 }, 'test', logger, false);
    if (tracing === undefined) throw new Error('There is no tracer.');
    const served = Array.from({ length: 2_000 }, () => tracing.serve('x', continueTrace(undefined, undefined)));
    const recorded = served.filter(({ span }) => span !== undefined);
    expect(recorded.length / served.length).toBeGreaterThan(0.18);
    expect(recorded.length / served.length).toBeLessThan(0.32);
    for (const { span, trace } of served) {
      span?.end();
      expect(trace.traceparent.endsWith(span === undefined ? '-00' : '-01')).toBe(true);
    }
    await tracing.stop();
  });

  test.each([[false, 0, [0, 0]], [false, 1, [200, 200]], [true, 0, [200, 0]], [true, 1, [200, 0]]])('callers trusted %s, share %d: of 200 that the caller records and 200 that it does not, %j are', async (trusted, ratio, expected) => {
    const tracing = await loadTracing({ endpoint: 'http://127.0.0.1:9', ratio, trustClients: trusted, delayMs: 60_000 }, 'test', createLogger('test', 'silent'), trusted);
    if (tracing === undefined) throw new Error('There is no tracer.');
    const counts = ['01', '00'].map((flag) => Array.from({ length: 200 }, () => {
      const { span, trace } = tracing.serve('x', continueTrace(`00-${TRACE}-${CALLER}-${flag}`, undefined));
      span?.end();
      expect(trace.traceId).toBe(TRACE);
      expect(trace.traceparent.endsWith(span === undefined ? '-00' : '-01')).toBe(true);
      return span;
    }).filter((span) => span !== undefined).length);
    expect(counts).toEqual(expected);
    await tracing.stop();
  });

  test('a trace id does not choose itself', async () => {
    const tracing = await loadTracing({ endpoint: 'http://127.0.0.1:9', ratio: 0.5, trustClients: false, delayMs: 60_000 }, 'test', createLogger('test', 'silent'), false);
    const spans = Array.from({ length: 200 }, () => tracing?.serve('x', continueTrace(`00-${TRACE}-${CALLER}-01`, undefined)).span);
    expect(new Set(spans.map((span) => span === undefined)).size).toBe(2);
    for (const span of spans) span?.end();
    await tracing?.stop();
  });

  test('clients are not trusted unless it is said', () => {
    expect(readTracingConfig({ ACGS_TRACING: 'on' })?.trustClients).toBe(false);
    expect(readTracingConfig({ ACGS_TRACING: 'on', ACGS_TRACING_TRUST_CLIENTS: 'on' })?.trustClients).toBe(true);
  });

  test.each([[{ ACGS_TRACING: 'yes' }], [{ ACGS_TRACING_TRUST_CLIENTS: 'maybe' }], [{ OTEL_TRACES_SAMPLER_ARG: '2' }], [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://x' }], [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:pw@collector:4318' }]])('%j is refused with its name', (environment) => {
    const read = (): unknown => readTracingConfig(environment);
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(Object.keys(environment)[0]);
  });

  test('traces are off unless they are switched on', () => {
    expect(readTracingConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toBeUndefined();
  });
});

describe('while traces are off', () => {
  test.each([['off', false], ['on', true]] as const)('ACGS_TRACING=%s: the SDK is loaded: %s', async (tracing, loads) => {
    // Node lists every script a process ran, and those of its threads, where it writes coverage.
    const list = join(folder, `loaded-${tracing}`);
    const child = spawn(process.execPath, [projectPath('dist', 'ops', 'embedded', 'main.js')], { env: { PATH: process.env['PATH'], ...environmentOf({ ACGS_TRACING: tracing, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, NODE_V8_COVERAGE: list }) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    try {
      const url = await until(async () => {
        if (child.exitCode !== null) throw new Error(`The control plane ended:\n${output}`);
        return /GraphQL +(http:\S+)\/graphql/.exec(output)?.[1];
      }, 30_000);
      await loginAsAdmin(url, folder);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    const files = await Promise.all((await readdir(list)).map((name) => readFile(join(list, name), 'utf8')));
    const loaded = files.flatMap((text) => [...text.matchAll(/"url":"([^"]+)"/g)].map(([, url = '']) => url));
    expect(loaded.some((url) => url.endsWith('/pino/pino.js'))).toBe(true);
    expect(loaded.some((url) => /sdk-trace-base|exporter-trace-otlp-http|tracing-otel\.js$/.test(url))).toBe(loads);
  });
});
