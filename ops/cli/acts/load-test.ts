/** The routine load test: one reading operation, a fixed number of connections, by autocannon. */
import type { Result } from 'autocannon';
import type { Run } from '../act.js';
import { shippedDocument, type ShippedDocument } from '../documents.js';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../output/print.js';
import { progress } from '../progress.js';
import { dryRun } from '../run-verb.js';

/** Concurrency of the routine test. */
const CONNECTIONS = 20;
const DURATION_MS = 10_000;

/** @returns 0 when every request was answered without errors, within the limit where one was given; else 6. */
export async function loadTest(run: Run): Promise<number> {
  const { values, options, graph } = run;
  const document = readable(String(values['operation'] ?? 'dashboard'));
  const connections = (values['connections'] as number | undefined) ?? CONNECTIONS;
  const durationMs = (values['duration'] as number | undefined) ?? DURATION_MS;
  if (connections < 1 || connections > 1_000) throw new CliError('USAGE', '--connections is 1 to 1000.');
  if (durationMs < 1_000) throw new CliError('USAGE', '--duration is at least 1s.');
  const variables = (values['variables'] as Record<string, unknown> | undefined) ?? {};
  if (options.dryRun) return dryRun(run, [{ operation: document.name, variables }], `${connections} connections for ${durationMs / 1_000} s`);
  // One request by the ordinary way first: it says in words what is wrong before thousands fail.
  await graph.ask(document.name, variables);
  const credentials = await graph.credentials();
  const { default: autocannon } = await import('autocannon');
  const bar = progress(run);
  const started = Date.now();
  let answers = 0;
  let withErrors = 0;
  let stop = (): void => { /* it has not begun */ };
  const interrupt = (): void => stop();
  process.once('SIGINT', interrupt);
  try {
    const result = await new Promise<Result>((resolve, reject) => {
      const instance = autocannon({
        url: `${graph.server}/graphql`, method: 'POST', connections, duration: Math.round(durationMs / 1_000),
        headers: { 'content-type': 'application/json', 'x-constitutional-hash': graph.constitutionalHash, 'apollographql-client-name': 'acgs-cli-load-test', ...credentials },
        body: JSON.stringify({ query: document.text, operationName: document.operationName, variables }),
        setupClient: (client) => { client.on('body', (body: Buffer) => { answers += 1; if (body.includes('"errors":')) withErrors += 1; }); },
      }, (error: unknown, ended) => (ended === undefined ? reject(error instanceof Error ? error : new Error(String(error))) : resolve(ended)));
      instance.on('tick', () => bar.update(`${answers} answers`, (Date.now() - started) / durationMs));
      stop = () => { (instance as unknown as { stop(): void }).stop(); };
    });
    bar.end();
    const failed = result.errors + result.timeouts + result.non2xx + withErrors;
    const value = {
      operation: document.operationName, connections, seconds: Math.round(result.duration), requests: result.requests.total, perSecond: result.requests.average,
      p50Ms: result.latency.p50, p90Ms: result.latency.p90, p99Ms: result.latency.p99, maxMs: result.latency.max, failed,
    };
    await print(run, {
      value, resource: 'load-test', nameAt: 'operation',
      columns: [
        { head: 'OPERATION', path: 'operation' }, { head: 'CONNECTIONS', path: 'connections' }, { head: 'SECONDS', path: 'seconds' }, { head: 'REQUESTS', path: 'requests' }, { head: 'PER SECOND', path: 'perSecond' },
        { head: 'P50 (MS)', path: 'p50Ms' }, { head: 'P90 (MS)', path: 'p90Ms' }, { head: 'P99 (MS)', path: 'p99Ms' }, { head: 'FAILED', path: 'failed' },
      ],
    });
    const limit = values['p99-limit'] as number | undefined;
    return failed === 0 && result.requests.total > 0 && (limit === undefined || result.latency.p99 <= limit) ? EXIT.OK.code : EXIT.FINDINGS.code;
  } finally {
    bar.end();
    process.off('SIGINT', interrupt);
  }
}

/** @throws CliError USAGE for what is not shipped or does not only read. */
function readable(name: string): ShippedDocument {
  let document: ShippedDocument;
  try {
    document = shippedDocument(name);
  } catch (cause) {
    throw new CliError('USAGE', `There is no operation "${name}" in schema/operations.`, 'acgs help load-test', undefined, { cause });
  }
  if (document.kind !== 'query') throw new CliError('USAGE', `${document.operationName} is a ${document.kind}; a load test only reads.`, 'acgs help load-test');
  return document;
}
