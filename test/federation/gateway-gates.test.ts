/** Gates 3 and 6 over HTTP: the hash is demanded, compared and stamped, and nothing gets round it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { constitutionPaths } from '../../ops/runtime/constitution-manifest.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, readAnswer, startMiniGraph, type MiniGraph } from '../kit/mini-subgraphs.js';

let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
afterAll(() => graph.stop());
beforeEach(async () => {
  for (const mini of Object.values(graph.subgraphs)) mini.calls.length = 0;
  // Critical fields are served only once the revocation feed was read.
  await eventually(async () => (await graph.query('{ kill }', { headers: { 'x-constitutional-hash': HASH } })).errors.length === 0);
  for (const mini of Object.values(graph.subgraphs)) mini.calls.length = 0;
});

const calls = (): number => Object.values(graph.subgraphs).reduce((sum, { calls }) => sum + calls.length, 0);
const accepted = { headers: { 'x-constitutional-hash': HASH } };

describe('an operation over several subgraphs', () => {
  test('is joined, stamped and carries the request id', async () => {
    const answer = await graph.query('query Joined { services(first: 2) { id name model { version } } open { word } }', { headers: { 'x-request-id': 'req-1' } });
    expect(answer).toMatchObject({ status: 200, errors: [], data: { services: [{ id: 's1', name: 'router', model: { version: 'v1' } }, { id: 's2' }], open: { word: 'yes' } } });
    expect(answer.extensions).toEqual({ constitutional: { hash: HASH, verified: true } });
    expect(answer.headers.get('x-request-id')).toBe('req-1');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(graph.subgraphs['policy-governance']?.calls[0]?.hop).toMatchObject({ requestId: 'req-1', constitutionalHash: HASH, hashPresented: false, principal: null });
  });

  test('a request id that could break a log line is replaced', async () => {
    const answer = await graph.query('{ open { word } }', { headers: { 'x-request-id': 'a b;c' } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a critical field without the hash is refused before any subgraph is called', () => {
  const ways: Record<string, string> = {
    plainly: '{ kill }',
    'under an alias': '{ harmless: kill }',
    'in an inline fragment': '{ ... on Query { kill } }',
    'in an untyped inline fragment': '{ ... { kill } }',
    'in a named fragment': 'query { ...F } fragment F on Query { kill }',
    'in nested fragments': 'query { ...A } fragment A on Query { ...B } fragment B on Query { ... on Query { x: kill } }',
    'through an interface': '{ actors { id act } }',
    'through an interface, in a fragment on one implementation': '{ actors { ... on Machine { act } } }',
    'through an interface, on the harmless implementation': '{ actors { ... on Machine { id act } ... on Person { act } } }',
    'inside a union': '{ outcome { ... on Done { proof } } }',
    'with @skip(if: true)': '{ open { word } kill @skip(if: true) }',
    'with @include on a variable': 'query ($x: Boolean = false) { open { word } kill @include(if: $x) }',
    'with @skip on the fragment': '{ open { word } ... on Query @skip(if: true) { kill } }',
    'as a mutation': 'mutation { decide(idempotencyKey: "k") { id } }',
    'as second operation field': '{ open { word } service(id: "s1") { name } kill }',
  };
  test.each(Object.entries(ways))('%s', async (_, query) => {
    expect(await graph.query(query)).toMatchObject({ status: 400, data: undefined, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED', expected: HASH } }], extensions: { constitutional: { hash: HASH } } });
    expect(calls()).toBe(0);
  });

  test('by GET', async () => {
    const answer = await readAnswer(await fetch(`${graph.gateway.url}/graphql?query=${encodeURIComponent('{ k: kill }')}`, { headers: { 'apollo-require-preflight': 'yes' } }));
    expect(answer).toMatchObject({ status: 400, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
    expect(calls()).toBe(0);
  });

  test('in a batch', async () => {
    const response = await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ query: '{ kill }' }, { query: '{ open { word } }' }]) });
    expect(await readAnswer(response)).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    expect(calls()).toBe(0);
  });

  test('with the operation chosen by name, only the chosen one counts', async () => {
    const document = 'query Safe { open { word } } query Hot { kill }';
    expect((await graph.query(document, { operationName: 'Safe' })).status).toBe(200);
    expect(await graph.query(document, { operationName: 'Hot' })).toMatchObject({ status: 400, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
  });

  test('a STANDARD mutation needs none', async () => {
    expect(await graph.query('mutation { login(name: "x") }')).toMatchObject({ status: 200, data: { login: 'token' } });
  });
});

describe('a critical field with the hash is served', () => {
  test('from the header', async () => {
    expect((await graph.query('{ actors { id act } }', accepted)).status).toBe(200);
    expect(graph.subgraphs['policy-governance']?.calls[0]?.hop.hashPresented).toBe(true);
  });
  test('from the extensions', async () => {
    expect(await graph.query('mutation { decide(idempotencyKey: "k") { id } }', { extensions: { constitutionalHash: HASH } })).toMatchObject({ status: 200, data: { decide: { id: 'd1' } } });
  });
  test('from the extensions of a GET', async () => {
    const search = new URLSearchParams({ query: '{ kill }', extensions: JSON.stringify({ constitutionalHash: HASH }) });
    expect(await readAnswer(await fetch(`${graph.gateway.url}/graphql?${search.toString()}`, { headers: { 'apollo-require-preflight': 'yes' } }))).toMatchObject({ status: 200, data: { kill: 'killed' } });
  });
});

describe('a wrong hash fails the whole request before any subgraph is called', () => {
  const wrong = '0000000000000000';
  test.each([
    ['in the header', { headers: { 'x-constitutional-hash': wrong } }],
    ['in the extensions', { extensions: { constitutionalHash: wrong } }],
    ['in one of two places', { headers: { 'x-constitutional-hash': HASH }, extensions: { constitutionalHash: wrong } }],
    ['as something that is no text', { extensions: { constitutionalHash: { hash: HASH } } }],
    ['as an empty text', { extensions: { constitutionalHash: '' } }],
  ])('%s', async (_, options) => {
    expect(await graph.query('{ open { word } }', options)).toMatchObject({ status: 409, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_MISMATCH', expected: HASH } }] });
    expect(calls()).toBe(0);
  });

  test('is reported when the principal is known, and not one by one when anonymous', async () => {
    const before = graph.violations.length;
    const token = await graph.issuer.issue({ sub: 'mallory' });
    await graph.query('{ open { word } }', { headers: { authorization: `Bearer ${token}`, 'x-constitutional-hash': wrong, 'x-request-id': 'bad-1' } });
    await eventually(() => graph.violations.filter(({ principalId }) => principalId === 'mallory').length === 2);
    expect(graph.violations.length).toBe(before + 2);
    expect(graph.violations.at(-1)).toMatchObject({ kind: 'REQUEST_HASH_MISMATCH', principalId: 'mallory', requestId: 'bad-1', expected: HASH, received: wrong, occurrences: 1 });
  });
});

describe('the stamp', () => {
  test('is unverified while the manifest on disk does not verify, and the gateway is unready', async () => {
    const { manifest } = constitutionPaths(graph.dataDirectory);
    const good = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, good.replace('Test.', 'Tampered.'));
    try {
      await eventually(async () => (await graph.query('{ open { word } }')).extensions['constitutional'] !== undefined && (await fetch(`${graph.gateway.url}/health/ready`)).status === 503);
      expect((await graph.query('{ open { word } }')).extensions).toEqual({ constitutional: { hash: HASH, verified: false } });
    } finally {
      writeFileSync(manifest, good);
    }
    await eventually(async () => (await fetch(`${graph.gateway.url}/health/ready`)).status === 200);
    expect((await graph.query('{ open { word } }')).extensions).toEqual({ constitutional: { hash: HASH, verified: true } });
  });
});
