/** Operations made to hurt: each is answered with its code in bounded time over HTTP and over WebSocket, while others are still served. */
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { startMiniGraph, type GraphqlAnswer, type MiniDefinition, type MiniGraph } from '../kit/mini-subgraphs.js';
import { until } from './subscriptions-kit.js';

/** Longest time to any answer, milliseconds: tens of them when the machine has nothing else to do. */
const BOUND_MS = 5_000;
/** Largest message over WebSocket, bytes: longer ones close the connection. */
const WEBSOCKET_LIMIT = 64 * 1024;

const nodes = [{ id: 'n1' }, { id: 'n2' }];
const VICTIM: MiniDefinition = {
  name: 'auth',
  sdl: `
type Query { open: Node  nodes(first: Int): [Node!]!  echo(ids: [ID!], filter: Filter, json: Anything, text: String): String  any: Named }
type Mutation { touch(text: String): String @constitutional(level: STANDARD) }
type Subscription { ticks: Int }
interface Named { id: ID!  name: String }
type Node implements Named @key(fields: "id") { id: ID!  name: String  next: Node  list(first: Int): [Node!] }
scalar Anything
input Filter { not: Filter  all: [Filter!]  text: String }
`,
  resolvers: {
    Query: {
      open: () => nodes[0], nodes: () => nodes, any: () => ({ __typename: 'Node', ...nodes[0] }),
      echo: (_: unknown, { ids, text, filter, json }: { ids?: unknown[]; text?: string; filter?: unknown; json?: unknown }) => JSON.stringify([ids?.length ?? 0, text?.length ?? 0, filter === undefined ? 0 : 1, json ?? null]),
    },
    Mutation: { touch: ({ text }: { text?: string }) => text ?? 'touched' },
    Node: { __resolveReference: ({ id }: { id: string }) => ({ id }), name: ({ id }: { id: string }) => `name of ${id}`, next: () => nodes[1], list: () => nodes },
  },
};
const JOINED: MiniDefinition = {
  name: 'policy-governance',
  sdl: 'type Query { nobody: String } type Node @key(fields: "id") { id: ID!  grade: String }',
  resolvers: { Query: { nobody: () => 'nobody' }, Node: { __resolveReference: ({ id }: { id: string }) => ({ id }), grade: ({ id }: { id: string }) => `grade of ${id}` } },
};

const times = (count: number, make: (index: number) => string): string => Array.from({ length: count }, (_, index) => make(index)).join(' ');
const nested = (open: string, depth: number, close: string, middle = ''): string => open.repeat(depth) + middle + close.repeat(depth);
/** As text: JSON.stringify of this process recurses, the gateway must not. */
const deepJson = (depth: number): string => `{"j":${nested('[', depth, ']')}}`;
const deepFilter = (depth: number): string => `{"f":${nested('{"not":', depth, '}', '{}')}}`;
const chain = (count: number): string => `{ open { ...F0 } } ${times(count, (index) => `fragment F${index} on Node { ${index + 1 < count ? `...F${index + 1}` : 'id'} }`)}`;
const bomb = (depth: number, head = '{ open { ...F0 } }'): string => `${head} ${times(depth, (index) => `fragment F${index} on Node { next { ...F${index + 1} } other: next { ...F${index + 1} } }`)} fragment F${depth} on Node { id }`;
const wideBomb = (depth: number): string => `{ open { ...F0 } } ${times(depth, (index) => `fragment F${index} on Node { ...F${index + 1} ...F${index + 1} ...F${index + 1} }`)} fragment F${depth} on Node { id }`;

interface Attack {
  readonly query: string;
  /** As JSON text. */
  readonly variables?: string;
  readonly operationName?: string;
  /** Code of the answer; undefined when it is served. */
  readonly code?: string;
  readonly data?: unknown;
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'a fragment bomb': { query: bomb(25), code: 'QUERY_TOO_COSTLY' },
  'a fragment bomb in one selection': { query: wideBomb(40), code: 'QUERY_TOO_COSTLY' },
  'a fragment bomb in a subscription': { query: `subscription { ticks } ${bomb(25, '')}`, code: 'QUERY_TOO_COSTLY' },
  'fragments at the limit of what is expanded': { query: `{ nodes { ...F0 } } ${times(8, (index) => `fragment F${index} on Node { ${times(3, () => `...F${index + 1}`)} }`)} fragment F8 on Node { id name next { id } }`, code: 'QUERY_TOO_COSTLY' },
  'fragments just below that limit': { query: `{ open { ...F0 } } ${times(6, (index) => `fragment F${index} on Node { ${times(3, () => `...F${index + 1}`)} }`)} fragment F6 on Node { id name grade }`, data: { open: { id: 'n1', name: 'name of n1', grade: 'grade of n1' } } },
  'cyclic fragments': { query: '{ open { ...A } } fragment A on Node { next { ...B } } fragment B on Node { next { ...A } }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'a fragment of itself': { query: '{ open { ...A } } fragment A on Node { ...A }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'a chain of 900 fragments': { query: chain(900), code: 'QUERY_TOO_DEEP' },
  'a chain of 10,000 fragments': { query: chain(10_000), code: 'QUERY_TOO_LARGE' },
  'selections nested 9,000 deep': { query: nested('{next', 9_000, '}', '{id}'), code: 'QUERY_TOO_DEEP' },
  'selections nested 200 deep': { query: `{ open ${nested('{next', 200, '}', '{id}')} }`, code: 'QUERY_TOO_DEEP' },
  'inline fragments nested 9,000 deep': { query: `{ open ${nested('{...', 9_000, '}', '{id}')} }`, code: 'QUERY_TOO_DEEP' },
  'inline fragments nested 200 deep': { query: `{ open ${nested('{...', 200, '}', '{id}')} }`, data: { open: { id: 'n1' } } },
  'an alias flood': { query: `{ ${times(5_000, (index) => `a${index}: open { id }`)} }`, code: 'QUERY_TOO_MANY_ALIASES' },
  'a directive flood on one field': { query: `{ open { id ${'@skip(if: false) '.repeat(3_000)} } }`, code: 'QUERY_TOO_LARGE' },
  'a flood of unknown directives': { query: `{ ${times(2_000, (index) => `open @a${index} { id @b${index} }`)} }`, code: 'QUERY_TOO_COSTLY' },
  'directives on hundreds of fields': { query: `query ($x: Boolean = false) { open { ${times(300, () => 'id @skip(if: $x) @include(if: true)')} } }`, data: { open: { id: 'n1' } } },
  'the same field 10,000 times': { query: `{ open { ${'id '.repeat(10_000)} } }`, code: 'QUERY_TOO_COSTLY' },
  'the same object 3,000 times': { query: `{ ${'open { id } '.repeat(3_000)} }`, code: 'QUERY_TOO_COSTLY' },
  'repetition inside repetition': { query: `{ ${`open { ${`next { ${'next { id } '.repeat(15)} } `.repeat(15)} } `.repeat(15)} }`, code: 'QUERY_TOO_COSTLY' },
  'fields that conflict with hundreds of others': { query: `{ open { ${times(250, (index) => (index % 10 === 0 ? 'id: name' : 'id'))} } }`, code: 'GRAPHQL_VALIDATION_FAILED' },
  'a huge list argument': { query: `{ echo(ids: [${'"a" '.repeat(20_000)}]) }`, data: { echo: '[20000,0,0,null]' } },
  'a list argument with 15,000 mistakes': { query: `{ echo(ids: [${'{a: 1} '.repeat(15_000)}]) }`, code: 'GRAPHQL_VALIDATION_FAILED' },
  'input objects nested 9,000 deep': { query: `{ echo(filter: ${nested('{not:', 9_000, '}', '{}')}) }`, code: 'QUERY_TOO_DEEP' },
  'input objects nested 40 deep': { query: `{ echo(filter: ${nested('{all:', 40, '}', '{}')}) }`, code: 'QUERY_TOO_DEEP' },
  'input objects nested 11 deep': { query: `{ echo(filter: ${nested('{all:', 11, '}', '{}')}) }`, data: { echo: '[0,0,1,null]' } },
  'lists nested 20,000 deep': { query: `{ echo(json: ${nested('[', 20_000, ']')}) }`, code: 'QUERY_TOO_DEEP' },
  'lists nested 40 deep': { query: `{ echo(json: ${nested('[', 40, ']')}) }`, code: 'QUERY_TOO_DEEP' },
  'lists nested 12 deep': { query: `{ echo(json: ${nested('[', 12, ']')}) }`, data: { echo: `[0,0,0,${nested('[', 12, ']')}]` } },
  'lists nested 12 deep, a hundred times': { query: `{ echo(json: [${times(100, () => nested('[', 11, ']'))}]) }`, data: { echo: `[0,0,0,[${Array.from({ length: 100 }, () => nested('[', 11, ']')).join(',')}]]` } },
  'a list type nested 20,000 deep': { query: `query ($x: ${nested('[', 20_000, ']', 'ID')}) { open { id } }`, code: 'QUERY_TOO_DEEP' },
  'variables nested 20,000 deep': { query: 'query ($j: Anything) { echo(json: $j) }', variables: deepJson(20_000), code: 'BAD_USER_INPUT' },
  'variables nested deep that nobody declared': { query: '{ open { id } }', variables: deepJson(20_000), code: 'BAD_USER_INPUT' },
  'input objects nested deep in variables': { query: 'query ($f: Filter) { echo(filter: $f) }', variables: deepFilter(5_000), code: 'BAD_USER_INPUT' },
  'variables nested 60 deep': { query: 'query ($f: Filter) { echo(filter: $f) }', variables: deepFilter(60), data: { echo: '[0,0,1,null]' } },
  'a huge list in variables': { query: 'query ($i: [ID!]) { echo(ids: $i) }', variables: JSON.stringify({ i: Array.from({ length: 12_000 }, () => 'a') }), data: { echo: '[12000,0,0,null]' } },
  'a list of mistakes in variables': { query: 'query ($i: [ID!]) { echo(ids: $i) }', variables: JSON.stringify({ i: Array.from({ length: 12_000 }, () => ({})) }), code: 'BAD_USER_INPUT' },
  'unknown input fields by the thousand': { query: 'query ($f: Filter) { echo(filter: $f) }', variables: JSON.stringify({ f: Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`texx${index}`, 1])) }), code: 'BAD_USER_INPUT' },
  'variable definitions by the thousand': { query: `query (${times(5_000, (index) => `$v${index}: Int`)}) { open { id } }`, code: 'GRAPHQL_VALIDATION_FAILED' },
  '5,000 operations': { query: times(5_000, (index) => `query Q${index} { open { id } }`), operationName: 'Q7', code: 'QUERY_TOO_LARGE' },
  '40 operations that share fragments': { query: `${times(40, (index) => `query Q${index} { open { ...F0 } }`)} ${times(50, (index) => `fragment F${index} on Node { id ${index < 49 ? `...F${index + 1}` : ''} }`)}`, operationName: 'Q7', data: { open: { id: 'n1' } } },
  'a huge string': { query: `{ echo(text: "${'x'.repeat(50_000)}") }`, data: { echo: '[0,50000,0,null]' } },
  'a huge block string': { query: `{ echo(text: """${'  x\n'.repeat(10_000)}""") }`, data: { echo: '[0,20001,0,null]' } },
  'escapes by the thousand': { query: `{ echo(text: "${'\\u0041\\u{1F600}\\\\\\"'.repeat(2_000)}") }`, data: { echo: '[0,10000,0,null]' } },
  'a megabyte of comments': { query: '#\n'.repeat(512 * 1024), code: 'QUERY_TOO_LARGE' },
  'one comment of a megabyte': { query: `#${'x'.repeat(1024 * 1024)}\n{ open { id } }`, data: { open: { id: 'n1' } } },
  'nothing but a comment': { query: `#${'x'.repeat(1_000)}`, code: 'GRAPHQL_PARSE_FAILED' },
  'a megabyte of commas': { query: `{ open {${','.repeat(1024 * 1024)} id } }`, data: { open: { id: 'n1' } } },
  'a byte order mark': { query: '\uFEFF{ open { id } }', data: { open: { id: 'n1' } } },
  'letters that look like others': { query: '{ оpen { id } }', code: 'GRAPHQL_PARSE_FAILED' },
  'invisible letters': { query: '{ op\u200Ben { id } }', code: 'GRAPHQL_PARSE_FAILED' },
  'a null character': { query: '{ open\u0000 { id } }', code: 'GRAPHQL_PARSE_FAILED' },
  'an escape that is no character': { query: '{ echo(text: "\\u{110000}") }', code: 'GRAPHQL_PARSE_FAILED' },
  'half a surrogate pair as an escape': { query: '{ echo(text: "\\uD83D") }', code: 'GRAPHQL_PARSE_FAILED' },
  'half a surrogate pair in variables': { query: 'query ($t: String) { echo(text: $t) }', variables: JSON.stringify({ t: 'a\uD83Db' }), data: { echo: '[0,3,0,null]' } },
  'right-to-left marks in a comment': { query: '# \u202E}{ \u2066\n{ open { id } }', data: { open: { id: 'n1' } } },
  'nested introspection': { query: `{ __schema { types { ${nested('ofType {', 60, '}', 'name')} } } }`, code: 'QUERY_TOO_DEEP' },
  'introspection of lists in lists': { query: `{ __schema { types { ${nested('fields { type {', 6, '} }', 'name')} } } }`, code: 'GRAPHQL_VALIDATION_FAILED' },
  'an introspection bomb': { query: `{ __schema { types { ...F0 } } } ${times(30, (index) => `fragment F${index} on __Type { ofType { ...F${index + 1} } other: ofType { ...F${index + 1} } }`)} fragment F30 on __Type { name }`, code: 'QUERY_TOO_COSTLY' },
  'introspection thirty times over': { query: `{ ${times(20, (index) => `a${index}: __schema { types { name fields(includeDeprecated: true) { name args { name type { name ofType { name ofType { name } } } } type { name ofType { name ofType { name fields { name } } } } } possibleTypes { name } } }`)} }`, code: 'QUERY_TOO_COSTLY' },
  'an alias __proto__': { query: '{ __proto__: open { id } }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'a variable __proto__': { query: 'query ($__proto__: String) { echo(text: $__proto__) }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'a field __proto__': { query: '{ __proto__ }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'an argument __proto__': { query: '{ open { id } echo(__proto__: 1) }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'an input field __proto__': { query: '{ echo(filter: { __proto__: { text: "x" } }) }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'an operation called __proto__': { query: 'query __proto__ { open { id } }', operationName: '__proto__', data: { open: { id: 'n1' } } },
  'an operation called constructor among others': { query: 'query constructor { open { id } } query toString { open { name } }', operationName: 'toString', data: { open: { name: 'name of n1' } } },
  'an operation that is only a member of every object': { query: 'query A { open { id } } query B { open { id } }', operationName: 'constructor', code: 'BAD_REQUEST' },
  'a fragment called __proto__': { query: '{ open { ...__proto__ } } fragment __proto__ on Node { ...constructor } fragment constructor on Node { id }', data: { open: { id: 'n1' } } },
  'a field that is only a member of every object': { query: '{ open { constructor } }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'a type that is only a member of every object': { query: '{ open { ... on constructor { id } } }', code: 'GRAPHQL_VALIDATION_FAILED' },
  'aliases that are members of every object': {
    query: '{ constructor: open { toString: id hasOwnProperty: name valueOf: grade isPrototypeOf: next { constructor: grade } } toString: nodes { hasOwnProperty: grade } }',
    data: { constructor: { toString: 'n1', hasOwnProperty: 'name of n1', valueOf: 'grade of n1', isPrototypeOf: { constructor: 'grade of n2' } }, toString: [{ hasOwnProperty: 'grade of n1' }, { hasOwnProperty: 'grade of n2' }] },
  },
  'variables that are members of every object': { query: 'query ($constructor: String, $toString: [ID!], $hasOwnProperty: Filter) { echo(text: $constructor, ids: $toString, filter: $hasOwnProperty) }', variables: '{"constructor":"abc","toString":["a"]}', data: { echo: '[1,3,0,null]' } },
  'variables that nobody gave but every object has': { query: 'query ($constructor: String, $valueOf: Boolean! = true) { echo(text: $constructor) open @include(if: $valueOf) { id } }', data: { echo: '[0,0,0,null]', open: { id: 'n1' } } },
};

let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph([VICTIM, JOINED], { limits: { maxDepth: 12, maxAliases: 30, maxTokens: 100_000, maxCost: 5_000 }, bodyLimit: 2 * 1024 * 1024, deadlineMs: 20_000, planning: { threads: 1, timeLimitMs: 20_000 } }); });
afterAll(() => graph.stop());

/** The answer, and that it and that of an innocent request sent with it came in time. */
async function inTime<T>(attack: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const attacked = attack();
  const innocent = graph.query('{ open { id } }');
  expect((await innocent).data).toEqual({ open: { id: 'n1' } });
  expect(performance.now() - started).toBeLessThan(BOUND_MS);
  const answer = await attacked;
  expect(performance.now() - started).toBeLessThan(BOUND_MS);
  return answer;
}

const post = (body: string): Promise<Response> => fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const payloadOf = ({ query, variables, operationName }: Attack): string => `{"query":${JSON.stringify(query)}${variables === undefined ? '' : `,"variables":${variables}`}${operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`}}`;
const ask = async (attack: Attack): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> => {
  const answer = (await (await post(payloadOf(attack))).json()) as Partial<GraphqlAnswer>;
  return { data: answer.data, errors: answer.errors ?? [] };
};
const expectAnswer = ({ code, data }: Attack, answer: Pick<GraphqlAnswer, 'data' | 'errors'>): void => {
  if (code === undefined) expect([answer.errors, answer.data]).toEqual([[], data]);
  else expect([answer.errors[0]?.extensions['code'], answer.data ?? null]).toEqual([code, null]);
};

describe('over HTTP', () => {
  test.each(Object.entries(ATTACKS))('%s', async (_, attack) => {
    expectAnswer(attack, await inTime(() => ask(attack)));
  });

  test('a GET takes none of it either', async () => {
    for (const { query, code } of [{ query: bomb(25), code: 'QUERY_TOO_COSTLY' }, { query: '{ open { ...A } } fragment A on Node { ...A }', code: 'GRAPHQL_VALIDATION_FAILED' }, { query: `{ open { ${'id '.repeat(2_000)} } }`, code: 'QUERY_TOO_COSTLY' }]) {
      const answer = await inTime(async () => (await fetch(`${graph.gateway.url}/graphql?query=${encodeURIComponent(query).replaceAll('%20', '+')}`, { headers: { 'apollo-require-preflight': '1' } })).json()) as { errors: readonly { extensions: { code: string } }[] };
      expect(answer.errors[0]?.extensions.code).toBe(code);
    }
  });
});

test('a stream of server-sent events takes none of it either', async () => {
  const query = `subscription { ...R } fragment R on Subscription { ticks } ${bomb(25, '')}`;
  const text = await inTime(async () => (await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: JSON.stringify({ query }) })).text());
  expect(text).toContain('QUERY_TOO_COSTLY');
});

describe('bodies', () => {
  const body = (text: string): Promise<{ status: number; errors?: readonly { extensions: { code: string } }[]; data?: unknown }> => inTime(async () => {
    const response = await post(text);
    return { status: response.status, ...((await response.json()) as object) };
  });
  test.each<[string, string, string | undefined]>([
    ['nested 500,000 deep', nested('[', 500_000, ']'), 'BAD_REQUEST'],
    ['with extensions nested 200,000 deep', `{"query":"{ open { id } }","extensions":{"x":${nested('[', 200_000, ']')}}}`, undefined],
    ['with a constitutional hash nested 200,000 deep', `{"query":"{ open { id } }","extensions":{"constitutionalHash":${nested('[', 200_000, ']')}}}`, 'CONSTITUTIONAL_HASH_MISMATCH'],
    ['with an operation name that is an object', '{"query":"{ open { id } }","operationName":{"a":1}}', 'BAD_REQUEST'],
    ['with a query that is a list', '{"query":["{ open { id } }"]}', 'BAD_REQUEST'],
    ['with variables under __proto__', '{"query":"{ open { id } }","__proto__":{"variables":{"polluted":1}}}', undefined],
  ])('%s', async (_, text, code) => {
    const answer = await body(text);
    expect(answer.errors?.[0]?.extensions.code).toBe(code);
  });

  test('pollute no prototype, and what they carry for a subgraph arrives as it was sent', async () => {
    const hostile = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"deep":{"__proto__":{"polluted":true}}}';
    const text = `{"query":"query ($j: Anything) { echo(json: $j) }","variables":{"__proto__":{"polluted":true},"j":${hostile}},"extensions":{"__proto__":{"polluted":true}}}`;
    const answer = await body(text);
    expect(answer.data).toEqual({ echo: `[0,0,0,${hostile}]` });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
  });
});

describe('over WebSocket', () => {
  const connect = async (): Promise<{ socket: WebSocket; messages: { type: string; id?: string; payload?: unknown }[]; closed: Promise<number> }> => {
    const socket = new WebSocket(`${graph.gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const messages: { type: string; id?: string; payload?: unknown }[] = [];
    socket.on('message', (data) => { messages.push(JSON.parse(String(data)) as { type: string }); });
    const closed = new Promise<number>((resolve) => { socket.once('close', resolve); });
    await new Promise<void>((resolve, reject) => { socket.once('open', resolve).once('error', reject); });
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await until('the acknowledgement', () => messages.some(({ type }) => type === 'connection_ack'));
    return { socket, messages, closed };
  };

  test.each(Object.entries(ATTACKS))('%s', async (_, attack) => {
    const { socket, messages, closed } = await connect();
    try {
      const message = `{"id":"1","type":"subscribe","payload":${payloadOf(attack)}}`;
      if (Buffer.byteLength(message) > WEBSOCKET_LIMIT) {
        socket.send(message);
        expect(await inTime(() => closed)).toBe(1009);
        return;
      }
      const answer = await inTime(async () => {
        socket.send(message);
        await until('an answer', () => messages.some(({ id }) => id === '1'));
        return messages.find(({ id }) => id === '1');
      });
      if (answer?.type === 'error') expectAnswer(attack, { data: undefined, errors: answer.payload as GraphqlAnswer['errors'] });
      else {
        const { data, errors } = answer?.payload as Partial<GraphqlAnswer>;
        expectAnswer(attack, { data, errors: errors ?? [] });
      }
      expect(socket.readyState).toBe(WebSocket.OPEN);
    } finally {
      socket.terminate();
      await closed;
    }
  });
});

test('an operation is refused for its cost, whether it is in the document or in the variables, and counted', async () => {
  const refused = async (): Promise<number> => Number(/acgs_operations_refused_total\{[^}]*code="QUERY_TOO_COSTLY"[^}]*\} (\d+)/.exec(await (await fetch(`${graph.gateway.url}/metrics`)).text())?.[1]);
  const before = await refused();
  for (const variables of ['{"n":1000000}', '{"n":2147483647}']) expectAnswer({ query: '', code: 'QUERY_TOO_COSTLY' }, await ask({ query: 'query ($n: Int) { nodes(first: $n) { id list(first: $n) { id } } }', variables }));
  expectAnswer({ query: '', code: 'QUERY_TOO_COSTLY' }, await ask({ query: '{ nodes { list { list { list { id } } } } }' }));
  expectAnswer({ query: '', data: { nodes: [{ id: 'n1' }, { id: 'n2' }] } }, await ask({ query: 'query ($n: Int) { nodes(first: $n) { id } }', variables: '{"n":2}' }));
  expect(await refused()).toBe(before + 3);
});

test('refused documents are not kept', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const round = async (seed: number): Promise<void> => {
    for (let index = 0; index < 12; index += 1) {
      const mark = `# ${seed} ${index}\n`;
      await ask({ query: `${mark}${'#\n'.repeat(256 * 1024)}` });
      await ask({ query: `${mark}{ open { ${'id '.repeat(20_000)} } }` });
      await ask({ query: `${mark}${wideBomb(200)}` });
    }
  };
  await round(1);
  collect();
  const before = process.memoryUsage().heapUsed;
  await round(2);
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
}, 60_000);
