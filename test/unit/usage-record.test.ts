/** What is recorded of operations: enough to tell whom a change would break, and no value of anybody's. */
import { describe, expect, test } from '@jest/globals';
import { buildSchema, parse, validate, type DocumentNode } from 'graphql';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { SchemaUsageReport } from '../../ops/runtime/schema-activation.js';
import type { GatewayRequest, PreparedOperation } from '../../gateway/execution/contracts.js';
import type { CallSubgraph } from '../../gateway/execution/upstream/internal-calls.js';
import { clientOf } from '../../gateway/observability/usage/client-name.js';
import { recordOf } from '../../gateway/observability/usage/operation-record.js';
import { UsageRecorder } from '../../gateway/observability/usage/usage-recorder.js';

const schema = buildSchema(`
  scalar JSON
  enum Level { LOW HIGH }
  enum Order { UP DOWN }
  input Range { from: Int to: Int order: Order inner: Range }
  input Filter { name: String level: Level ranges: [Range!] raw: JSON }
  interface Node { id: ID! }
  type Alert implements Node { id: ID! level(unit: String): Level title: String raw(with: JSON): JSON }
  type Incident implements Node { id: ID! alerts(filter: Filter, first: Int): [Alert!]! }
  union Thing = Alert | Incident
  type Query { node(id: ID!): Node thing(id: ID): Thing alerts(filter: Filter): [Alert!]! }
`);

function record(text: string) {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  const made = recordOf(schema, document);
  // What is kept can itself be checked against schemas.
  expect(validate(schema, parse(made.text)).map(String)).toEqual([]);
  return made;
}

describe('the record of an operation', () => {
  test('keeps no value: numbers, texts, truth values, contents of custom scalars, names of aliases', () => {
    const secret = 'four-eyes-only';
    const { text } = record(`query Find($n: String = "${secret}", $size: Int = 4711, $on: Boolean = true) {
      ${'x'.repeat(3)}Secret: node(id: "${secret}") { id @include(if: $on) @skip(if: true) }
      alerts(filter: { name: "${secret}", level: HIGH, raw: { ${secret.replaceAll('-', '_')}: [${secret.replaceAll('-', '_')}, 4711] }, ranges: [{ from: 4711, order: UP }, { from: 4712, order: UP }] }) { raw(with: "${secret}") title }
      incidents: thing(id: 4711) { ... on Incident { alerts(filter: { name: $n }, first: $size) { id } } }
    }`);
    expect(text).not.toMatch(/four.eyes.only|4711|4712|true|xxxSecret|incidents/);
    // Enum values and input fields belong to the schema.
    expect(text).toContain('level: HIGH');
    expect(text).toContain('order: UP');
  });

  test('is one for documents that differ in values, order, aliases and layout only', () => {
    const first = record('query Q { a: alerts(filter: { level: LOW, name: "x" }) { id title } node(id: 1) { ...on Alert { title } id } }');
    const second = record('query Q{ node(id:"2"){ id ...on Alert{title} } other:alerts(filter:{name:"y",level:LOW}){title,id,id} }');
    expect(second).toEqual(first);
    expect(record('query Q { a: alerts(filter: { level: HIGH, name: "x" }) { id title } node(id: 1) { ...on Alert { title } id } }').hash).not.toBe(first.hash);
  });

  test('lists fields, arguments, input fields, enum values and types that the document writes', () => {
    expect(record('{ alerts(filter: { level: LOW }) { level(unit: "s") __typename } thing { ... on Incident { id } } }').coordinates).toEqual([
      'Alert', 'Alert.level', 'Alert.level(unit:)', 'Filter', 'Filter.level', 'Incident', 'Incident.id', 'ID', 'Level', 'Level.LOW',
      'Query', 'Query.alerts', 'Query.alerts(filter:)', 'Query.thing', 'Thing',
    ].sort());
  });

  test('counts everything a variable may carry as used', () => {
    expect(record('query ($f: Filter) { alerts(filter: $f) { id } }').coordinates).toEqual(expect.arrayContaining([
      'Filter.name', 'Filter.level', 'Filter.ranges', 'Filter.raw', 'Level.LOW', 'Level.HIGH', 'Range.from', 'Range.inner', 'Order.DOWN', 'JSON',
    ]));
  });
});

const ONE = parse('{ alerts { id } }');

describe('the recorder', () => {
  const prepared = (document: DocumentNode) => ({ document }) as PreparedOperation;
  const request = (client?: string) => ({ snapshot: { apiSchema: schema }, client }) as unknown as GatewayRequest;
  const start = (answer: () => Promise<{ status: number; body: unknown }>) => {
    const reports: SchemaUsageReport[] = [];
    const call: CallSubgraph = (_service, { body }) => {
      reports.push(body as SchemaUsageReport);
      return answer();
    };
    return { reports, recorder: new UsageRecorder({ call, registry: new Registry(), logger: pino({ level: 'silent' }), intervalMs: 3_600_000 }) };
  };
  const taken = (): Promise<{ status: number; body: unknown }> => Promise.resolve({ status: 200, body: { taken: true, unknown: [] } });

  test('counts by operation and client, and sends the text of an operation once', async () => {
    const { recorder, reports } = start(taken);
    const [alerts, same, thing] = ['{ alerts { id } }', '{alerts{id}}', '{ thing { __typename } }'].map((text) => prepared(parse(text)));
    const prepare = recorder.recording((_request, { query }) => (query === 'later' ? Promise.resolve(thing as PreparedOperation) : (query === 'same' ? same : alerts) as PreparedOperation));
    for (let time = 0; time < 3; time += 1) await prepare(request('console'), { query: 'alerts' });
    await prepare(request('console'), { query: 'same' });
    await prepare(request(), { query: 'later' });
    await recorder.report();
    await prepare(request('ci'), { query: 'alerts' });
    await recorder.report();
    const [first, second] = reports;
    expect(first?.operations.map(({ text }) => text)).toHaveLength(2);
    expect(first?.counts.map(({ client, count }) => [client, count]).toSorted()).toEqual([['console', 4], ['unknown', 1]]);
    expect(second).toMatchObject({ reporter: first?.reporter, report: 2, operations: [], counts: [{ client: 'ci', count: 1 }] });
  });

  test('sends a report that was not taken again as it was, and what came meanwhile afterwards', async () => {
    let up = false;
    const { recorder, reports } = start(() => (up ? taken() : Promise.resolve({ status: 503, body: undefined })));
    const prepare = recorder.recording(() => prepared(parse('{ alerts { id } }')));
    await prepare(request('a'), {});
    await recorder.report();
    await prepare(request('a'), {});
    up = true;
    await recorder.report();
    await recorder.report();
    // The first was sent twice, as it was; an empty one says that nothing came since.
    expect(reports.map(({ report }) => report)).toEqual([1, 1, 2, 3]);
    expect(reports[1]).toEqual(reports[0]);
    expect(reports[2]?.counts).toEqual([expect.objectContaining({ client: 'a', count: 1 })]);
    expect(reports[3]?.counts).toEqual([]);
  });

  test('gives up a report that is refused, says what is missing, and goes on', async () => {
    let status = 400;
    const { recorder, reports } = start(() => (status === 200 ? taken() : Promise.resolve({ status, body: undefined })));
    const prepare = recorder.recording(() => prepared(parse('{ alerts { id } }')));
    await prepare(request('a'), {});
    await prepare(request('a'), {});
    await recorder.report();
    status = 200;
    await prepare(request('a'), {});
    await recorder.report();
    expect(reports.map(({ dropped, counts }) => [dropped, counts.length])).toEqual([[0, 1], [2, 1]]);
  });

  test('keeps each report within what the registry takes, whatever names and documents clients make up', async () => {
    const { recorder, reports } = start(taken);
    const long = parse(`query ${'N'.repeat(5_000)} { alerts { id } }`);
    const huge = parse(`{ ${Array.from({ length: 12_000 }, (_, index) => `f${index}: alerts { id }`).join(' ')} }`);
    const many = Array.from({ length: 250 }, (_, index) => parse(`query Q${index} { alerts(filter: { name: "x" }) { id title level } ${'thing { __typename }'.repeat(1)} a${index}: node(id: 1) { id } }`));
    const documents = [long, huge, ...many].map(prepared);
    const prepare = recorder.recording((_request, { query }) => documents[Number(query)] as PreparedOperation);
    for (const [index] of documents.entries()) for (let client = 0; client < 60; client += 1) await prepare(request(`client-${client}`), { query: String(index) });
    await recorder.report();
    expect(reports.length).toBeGreaterThan(1);
    for (const report of reports) {
      expect(JSON.stringify(report).length).toBeLessThan(900_000);
      expect(report.counts.length).toBeLessThanOrEqual(10_100);
      for (const { name, text } of report.operations) expect({ name: (name ?? '').length <= 200, text: text.length <= 100_000 }).toEqual({ name: true, text: true });
    }
    // The huge document is not kept, and that is told.
    expect(reports.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(60);
    expect(reports.flatMap(({ counts }) => counts).reduce((sum, { count }) => sum + count, 0)).toBe(251 * 60);
  });

  test('sends the text again when the registry has forgotten it, and says at the end that nothing more will come', async () => {
    const unknown: string[] = [];
    const { recorder, reports } = start(() => Promise.resolve({ status: 200, body: { taken: true, unknown: unknown.splice(0) } }));
    const prepare = recorder.recording(() => prepared(ONE));
    await prepare(request('a'), {});
    await recorder.report();
    await prepare(request('a'), {});
    unknown.push(reports[0]?.operations[0]?.hash ?? '');
    await recorder.report();
    expect(reports.map(({ operations, counts }) => [operations.length, counts.length])).toEqual([[1, 1], [0, 1], [1, 1]]);
    await recorder.stop();
    expect(reports.map(({ final }) => final)).toEqual([false, false, false, true]);
  });

  test('is bounded: operations beyond the bound count as dropped, clients beyond it as unknown', async () => {
    const { recorder, reports } = start(taken);
    const one = prepared(parse('{ alerts { id } }'));
    const many = recorder.recording((_request, { query }) => (query === undefined ? one : prepared(parse(`{ ${query}: alerts { id } }`))));
    for (let client = 0; client < 150; client += 1) await many(request(`client-${client}`), {});
    for (let operation = 0; operation < 1_100; operation += 1) await many(request('x'), { query: `o${operation}` });
    await recorder.report();
    expect(reports[0]?.dropped).toBe(101);
    expect(new Set(reports[0]?.counts.map(({ client }) => client)).size).toBe(101);
    expect(reports[0]?.counts.find(({ client }) => client === 'unknown')?.count).toBeGreaterThanOrEqual(50);
  });

  test('does not count what was refused', async () => {
    const { recorder, reports } = start(taken);
    const prepare = recorder.recording(() => { throw new Error('refused'); });
    expect(() => prepare(request('a'), {})).toThrow('refused');
    await recorder.report();
    expect(reports[0]).toMatchObject({ operations: [], counts: [], dropped: 0 });
  });

  test('takes a client by the name it gives itself, if it is a name', () => {
    expect(clientOf({ 'apollographql-client-name': 'console@1.2' })).toBe('console@1.2');
    expect(clientOf({ 'graphql-client-name': 'ci' })).toBe('ci');
    for (const name of ['', 'x'.repeat(101), 'a\nb', 'naïve', ['a', 'b']]) expect(clientOf({ 'apollographql-client-name': name })).toBe('unknown');
  });
});
