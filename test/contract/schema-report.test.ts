/** A schema check seen from outside: in a worker thread of the built output, on our own contracts, and printed in every form. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from '@jest/globals';
import '../../gateway/telemetry-config.js';
import { parse } from 'graphql';
import { checkSchema } from '../../gateway/supergraph/checks/check-schema.js';
import { largeGraph } from '../../ops/bench/large-graph.js';
import { readSubgraphSources } from '../../gateway/supergraph/sources.js';
import { exitCodeOf } from '../../ops/cli/schema-report/exit-code.js';
import { FindingPlaces, type SchemaFile } from '../../ops/cli/schema-report/finding-places.js';
import { githubAnnotations } from '../../ops/cli/schema-report/github-annotations.js';
import { jsonReport } from '../../ops/cli/schema-report/json-report.js';
import { MARKDOWN_MARK, markdownReport } from '../../ops/cli/schema-report/markdown-report.js';
import { sarifReport } from '../../ops/cli/schema-report/sarif-report.js';
import { tableReport } from '../../ops/cli/schema-report/table-report.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { SchemaCheckAnswer, SchemaCheckReport, SchemaCheckRequest, SchemaFinding } from '../../ops/runtime/schema-check.js';
import { FINDING_CODES } from '../../ops/runtime/schema-finding-codes.js';
import { changed, HASH, NOW, recorded, request, USED } from './schema-changes-graph.js';

const WORKER = projectPath('dist', 'gateway', 'supergraph', 'checks', 'check-worker.js');
/** Times are all that may differ between two runs. */
const timeless = ({ steps, ...report }: SchemaCheckReport): unknown => ({ ...report, steps: steps.map(({ step, ran, note }) => ({ step, ran, note })) });

describe('the worker', () => {
  const ask = async (data: unknown): Promise<SchemaCheckAnswer> => {
    const worker = new Worker(WORKER, { workerData: data });
    const exit = once(worker, 'exit');
    const [answer] = await once(worker, 'message') as [SchemaCheckAnswer];
    expect(await exit).toEqual([0]);
    return answer;
  };
  test('answers what the check answers, once, and ends', async () => {
    const asked = request(changed(['"Total." total: Float', '']));
    const answer = await ask(asked);
    expect('report' in answer && timeless(answer.report)).toEqual(timeless(checkSchema(asked)));
  });
  test('says what is wrong with a malformed request', async () => {
    const answer = await ask({ ...request([]), base: [{ name: 'orders' }] });
    expect(answer).toEqual({ error: { message: expect.stringMatching(/malformed.*base\[0\]\.url/s) } });
  });
  test('ends within its memory, with an error its parent can tell', async () => {
    const worker = new Worker(WORKER, { workerData: request(changed(['"Total." total: Float', ''])), resourceLimits: { maxOldGenerationSizeMb: 8 } });
    const exit = once(worker, 'exit').catch((error: unknown) => [error]);
    const [error] = await once(worker, 'error') as [NodeJS.ErrnoException];
    expect(error.code).toBe('ERR_WORKER_OUT_OF_MEMORY');
    await exit;
  });
});

describe('our own contracts', () => {
  const sources = readSubgraphSources({});
  const own = (over: Partial<SchemaCheckRequest>): SchemaCheckReport => checkSchema({ base: sources, proposed: sources, accepted: [HASH], operations: [], usage: null, approved: [], now: NOW, ...over });
  test('keep every convention but the bound of lists that cannot grow', () => {
    const { verdict, findings } = own({ base: [] });
    expect(verdict).toBe('SAFE');
    expect(findings.filter(({ kind }) => kind === 'LINT').map(({ code }) => code).filter((code) => code !== 'LIST_UNBOUNDED')).toEqual([]);
  });
  test('are found out when one of them drops a demand', () => {
    const proposed = sources.map((source) => (source.name === 'formal-verification' ? { ...source, sdl: source.sdl.replace('@constitutional(level: CRITICAL) @requiresScopes(scopes: [["proof:write"]]) @cost(weight: 50)', '@constitutional(level: STANDARD)') } : source));
    const { findings, changed: names } = own({ proposed });
    expect(names).toEqual(['formal-verification']);
    expect(findings.filter(({ criticality }) => criticality === 'BREAKING').map(({ code, coordinate }) => `${code} ${coordinate}`)).toEqual(['COST_LOWERED Mutation.submitProof', 'PROTECTION_REMOVED Mutation.submitProof', 'PROTECTION_REMOVED Mutation.submitProof']);
  });
});

test('docs/schema-checks.md names exactly the codes that the check can give', () => {
  const rows = [...readFileSync(projectPath('docs', 'schema-checks.md'), 'utf8').matchAll(/^\| (.+?) \| (COMPOSITION|CONSTITUTION|PROTECTION|SHAPE|LINT) \|/gm)];
  const documented = rows.flatMap(([, codes = '', kind]) => codes.split(', ').map((code) => `${kind} ${code.replaceAll('`', '')}`));
  expect(documented.sort()).toEqual([...FINDING_CODES].map(([code, kind]) => `${kind} ${code}`).sort());
});

test('the graph of the benchmark has as many fields as it says, and can be served', () => {
  const graph = largeGraph({ subgraphs: 3, fields: 200, hash: HASH, constitutional: readFileSync(projectPath('schema', 'constitutional.graphql'), 'utf8') });
  const fields = graph.flatMap(({ sdl }) => parse(sdl).definitions.flatMap((node) => (node.kind === 'ObjectTypeDefinition' ? [...(node.fields ?? [])] : [])));
  expect(fields).toHaveLength(200);
  const report = checkSchema({ base: [], proposed: graph, accepted: [HASH], operations: [], usage: null, approved: [], now: NOW });
  expect([report.verdict, report.findings.map(({ code }) => code)]).toEqual(['SAFE', ['SUBGRAPH_ADDED', 'SUBGRAPH_ADDED', 'SUBGRAPH_ADDED', 'MUTATION_RESULT', 'MUTATION_RESULT', 'MUTATION_RESULT']]);
  expect(() => largeGraph({ subgraphs: 200, fields: 200, hash: HASH, constitutional: '' })).toThrow(RangeError);
});

const SDL = 'type Query {\n  "One."\n  order(\n    "Which."\n    id: ID!\n  ): Order\n}\n\ntype Order @key(fields: "id") {\n  id: ID!\n}\nenum State { NEW }\n';
const FILES: readonly SchemaFile[] = [{ subgraph: 'orders', path: 'schema/sub graphs/orders.graphql', sdl: SDL }, { subgraph: 'broken', path: 'schema/broken.graphql', sdl: 'type {\n' }];
const finding = (over: Partial<SchemaFinding>): SchemaFinding => ({ code: 'FIELD_REMOVED', kind: 'SHAPE', criticality: 'BREAKING', subgraph: 'orders', coordinate: 'Order.total', message: 'Order.total was removed.', remedy: 'Deprecate it first.', fingerprint: 'f'.repeat(64), weight: 'USED', affected: [{ operation: 'Orders', hash: 'a'.repeat(64), client: 'web', count: 1200, origin: 'recorded' }], affectedCount: 3, approved: false, ...over });
const NOTHING = { weight: null, affected: [], affectedCount: 0 } as const;
const HOSTILE = 'a 100%, @everyone <img src=x> | `x` [l](http://e)\r\n\u001B[31mred';
const REPORT: SchemaCheckReport = {
  verdict: 'BREAKING', approval: 'NEEDED', baseDigest: 'b'.repeat(64), proposedDigest: 'c'.repeat(64), supergraphSdl: 'type Query', supergraphDigest: 'd'.repeat(64), changed: ['orders'],
  findings: [
    finding({}), finding({ code: 'PROTECTION_REMOVED', kind: 'PROTECTION', coordinate: 'Query.order(id:)', message: HOSTILE, approved: true, fingerprint: 'e'.repeat(64), ...NOTHING }),
    finding({ code: 'ENUM_VALUE_ADDED', criticality: 'DANGEROUS', coordinate: 'State.OLD', ...NOTHING }), finding({ code: 'NAME_FORM', kind: 'LINT', criticality: 'SAFE', coordinate: 'Query.order', ...NOTHING }),
    finding({ code: 'FIELD_ADDED', criticality: 'SAFE', subgraph: null, coordinate: null, remedy: null, weight: 'UNUSED', affected: [], affectedCount: 0 }),
  ],
  usage: { state: 'FRESH', from: '2026-02-01', to: '2026-03-01', operations: 3, requests: 5_000 }, steps: [{ step: 'compose', ran: true, milliseconds: 12.5, note: '7 subgraphs' }, { step: 'usage', ran: false, milliseconds: 0, note: 'nothing changed' }],
};

test('exit codes: 0 may ship, 5 needs an approval, 6 cannot be served', () => {
  const codes = (['SAFE NOT_NEEDED', 'DANGEROUS NOT_NEEDED', 'BREAKING GIVEN', 'BREAKING NEEDED', 'INVALID NOT_NEEDED'] as const).map((text) => {
    const [verdict, approval] = text.split(' ') as [SchemaCheckReport['verdict'], SchemaCheckReport['approval']];
    return exitCodeOf({ verdict, approval });
  });
  expect(codes).toEqual([0, 0, 0, 5, 6]);
});

test('a finding is placed on the name of its element, of what held it, or where the parser stopped', () => {
  const places = new FindingPlaces(FILES);
  const line = (coordinate: string | null, over: Partial<SchemaFinding> = {}): number | undefined => places.of({ subgraph: 'orders', coordinate, ...over })?.line;
  expect([line('Query.order'), line('Query.order(id:)'), line('Query.order(gone:)'), line('Order.total'), line('State.NEW'), line('Gone.field'), line(null)]).toEqual([3, 5, 3, 9, 12, 1, 1]);
  expect([line(null, { line: 7 }), line('Order', { line: 700 })]).toEqual([7, 9]);
  expect(places.of({ subgraph: 'broken', coordinate: 'Query.a' })).toEqual({ path: 'schema/broken.graphql', line: 1 });
  expect([places.of({ subgraph: null, coordinate: null }), places.of({ subgraph: 'elsewhere', coordinate: 'Query' })]).toEqual([null, null]);
});

describe('the report', () => {
  test('as a table: what, where, who breaks, what to do, and the verdict last', () => {
    const text = tableReport(REPORT, { files: FILES });
    expect(text).toContain('BREAKING   Order.total  FIELD_REMOVED  schema/sub graphs/orders.graphql:9\n           Order.total was removed. Used by 3 operations.\n             - Orders (aaaaaaaaaaaa) of web, 1,200 requests\n             - and 2 more\n           Do: Deprecate it first.\n           Fingerprint: ffff');
    expect(text).toContain('APPROVED   Query.order(id:)');
    expect(text).toContain('1 safe change is not shown; list it with -o wide.');
    expect(text.trimEnd().split('\n').at(-1)).toBe('BREAKING: 1 breaking change needs an approval from governance. Ask for it with: acgs schema approve');
    expect(text).not.toContain('\u001B');
    expect(text.split('\n').every((line) => line === line.trimEnd())).toBe(true);
  });
  test('as a table in colour, and wide with every step', () => {
    expect(tableReport(REPORT, { color: true })).toContain('\u001B[');
    expect(tableReport(REPORT, { color: true })).not.toContain('\u001B[31mred');
    const wide = tableReport(REPORT, { wide: true });
    expect(wide).toContain('FIELD_ADDED');
    expect(wide).toMatch(/^compose +12\.5 ms {2}7 subgraphs$/m);
    expect(wide).toMatch(/^usage +left out {2}nothing changed$/m);
  });
  test('as JSON: everything but the composed text, with places and the exit code', () => {
    const parsed = JSON.parse(jsonReport(REPORT, FILES)) as Record<string, unknown>;
    const { supergraphSdl: _, findings, ...rest } = REPORT;
    expect(parsed).toMatchObject({ ...rest, exitCode: 5 });
    expect(parsed).not.toHaveProperty('supergraphSdl');
    expect((parsed['findings'] as { place: unknown }[]).map(({ place }) => place)).toEqual([9, 5, 12, 3].map((line) => ({ path: 'schema/sub graphs/orders.graphql', line })).concat(null as never));
    expect(parsed['findings']).toHaveLength(findings.length);
  });
  test('as GitHub annotations: escaped, on the line, loud by what it asks for', () => {
    const lines = githubAnnotations(REPORT, [{ ...FILES[0]!, path: 'a,b:c%.graphql' }]).trimEnd().split('\n');
    expect(lines[0]).toBe('::error file=a%2Cb%3Ac%25.graphql,line=9,title=FIELD_REMOVED Order.total::Order.total was removed.%0AUsed by 3 operations.%0A- Orders (aaaaaaaaaaaa) of web, 1,200 requests%0A- and 2 more%0ADeprecate it first.');
    expect(lines[1]).toContain('title=PROTECTION_REMOVED Query.order(id%3A)::a 100%25, @everyone <img src=x> | `x` [l](http://e)%0D%0A');
    expect(lines.map((line) => /^::(\w+) /.exec(line)?.[1])).toEqual(['error', 'warning', 'warning', 'notice', 'error']);
    expect(githubAnnotations({ ...REPORT, verdict: 'SAFE', approval: 'NOT_NEEDED', findings: [] })).toMatch(/^::notice title=Schema check::SAFE: [^\n]*\n$/);
  });
  test('as SARIF that its published schema accepts', () => {
    const peer = createRequire(createRequire(import.meta.url).resolve('@microsoft/jest-sarif'));
    const Ajv = peer('ajv') as new (options: object) => { addMetaSchema(schema: object): void; compile(schema: object): { (value: unknown): boolean; errors?: unknown } };
    const ajv = new Ajv({ schemaId: 'auto', validateSchema: false, unknownFormats: 'ignore' });
    const validate = ajv.compile(peer('./schemas/sarif-2.1.0-rtm.5.json') as object);
    for (const [report, files] of [[REPORT, FILES], [{ ...REPORT, findings: [] }, []]] as const) {
      const log = JSON.parse(sarifReport(report, files, '0.1.0')) as { runs: [{ results: Record<string, unknown>[]; tool: { driver: { rules: { id: string }[] } } }] };
      expect({ valid: validate(log), errors: validate.errors ?? null }).toEqual({ valid: true, errors: null });
      const [{ results, tool }] = log.runs;
      expect(results.map(({ ruleId, ruleIndex }) => tool.driver.rules[Number(ruleIndex)]?.id === ruleId)).toEqual(report.findings.map(() => true));
      if (report.findings.length === 0) continue;
      expect(results.map(({ level }) => level)).toEqual(['error', 'warning', 'warning', 'note', 'note']);
      expect(results[0]).toMatchObject({ locations: [{ physicalLocation: { artifactLocation: { uri: 'schema/sub%20graphs/orders.graphql' }, region: { startLine: 9 } }, logicalLocations: [{ fullyQualifiedName: 'Order.total' }] }], partialFingerprints: { 'acgsFinding/v1': 'f'.repeat(64) } });
      expect(results[1]).toMatchObject({ suppressions: [{ kind: 'external', status: 'accepted' }] });
    }
    expect(validate({ version: '2.1.0', runs: [{ results: [{}] }] })).toBe(false);
  });
  test('as Markdown: what stops it first, the rest folded, and nothing of a schema as markup', () => {
    const text = markdownReport(REPORT, FILES, (path, line) => `https://example.org/${encodeURI(path)}#L${line}`);
    expect(text.startsWith(`${MARKDOWN_MARK}\n## Schema check: BREAKING\n`)).toBe(true);
    expect(text).toContain('| **BREAKING**<br>FIELD\\_REMOVED | [`Order.total`](https://example.org/schema/sub%20graphs/orders.graphql#L9)<br>schema/sub graphs/orders.graphql:9 | Order.total was removed. Used by 3 operations. | Deprecate it first. |');
    expect(text).toContain('<details><summary>Who breaks by FIELD\\_REMOVED Order.total</summary>');
    expect(text).toContain('1 convention not kept');
    for (const raw of ['@everyone', '<img', '[l](']) expect(text).not.toContain(raw);
    for (const row of text.split('\n').filter((line) => line.startsWith('| '))) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(6);
    expect(markdownReport({ ...REPORT, findings: Array.from({ length: 2_000 }, () => finding({})) }).length).toBeLessThan(65_536);
  });
  test('of a real check reads as one text', () => {
    const report = checkSchema(request(changed(['"Total." total: Float', ''], ['ping: String! @authenticated', 'ping: String!']), { usage: { ...USED, operations: [recorded('query Totals { order(id: "") { total } }', [])] } }));
    expect(tableReport(report)).toContain(`BREAKING  Order.total  FIELD_REMOVED  orders
          Order.total was removed. Used by 1 operation.
            - Totals (${report.findings[0]?.affected[0]?.hash.slice(0, 12)}) of web, 120 requests`);
    expect(tableReport(report)).toContain('Query.ping demanded a known principal by @authenticated and no longer does.');
  });
});
