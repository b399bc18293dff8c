/** A subgraph is no way round the gateway: without a hop token nothing answers, and with one its own guards still hold. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { deriveHopKey, HASH_HEADER, HOP_HEADER, signHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import { policyGovernance } from '../../subgraphs/policy-governance/index.js';
import { principal, startTestSubgraph, TEST_HASH, type TestSubgraph } from '../kit/subgraph.js';

const VIEWER = principal('viewer', { scopes: ['service:read'] });
const OPERATOR = principal('operator', { scopes: ['service:read', 'incident:read', 'incident:write'] });
const ENTITIES = 'query($r: [_Any!]!) { _entities(representations: $r) { ... on Incident { id title } ... on Service { name incidents { id } } } }';
const SERVICE = { r: [{ __typename: 'Service', id: 'auth' }] };
const DECLARE = 'mutation { declareIncident(input: { title: "x", severity: P3, serviceId: "auth" }) { __typename } }';
let subgraph: TestSubgraph;

beforeAll(async () => { subgraph = await startTestSubgraph(policyGovernance); });
afterAll(async () => { await subgraph.stop(); });

async function post(body: unknown, headers: Record<string, string>): Promise<{ status: number; code: unknown }> {
  const response = await fetch(`${subgraph.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const answer = await response.json() as { errors?: Array<{ extensions?: { code?: unknown } }> };
  return { status: response.status, code: answer.errors?.[0]?.extensions?.code };
}

describe('without a valid hop token', () => {
  const body = { query: ENTITIES, variables: SERVICE };
  const claims: HopClaims = { principal: OPERATOR, credentialId: 's', revocationEpoch: 0, constitutionalHash: TEST_HASH, hashPresented: true, requestId: 'r', deadline: null };
  const foreign = deriveHopKey(Buffer.alloc(32, 1), 'policy-governance');

  test.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['identity headers', { 'x-user-id': 'admin', 'x-roles': 'admin', authorization: 'Bearer anything', [HASH_HEADER]: TEST_HASH }],
    ['rubbish', { [HOP_HEADER]: 'rubbish.rubbish' }],
    ['a token under another key', { [HOP_HEADER]: signHopToken(foreign, 'policy-governance', '/graphql', JSON.stringify(body), claims) }],
  ])('%s gets 401 for _entities, queries and mutations', async (_case, headers) => {
    for (const request of [body, { query: '{ services { id } }' }, { query: DECLARE }]) expect(await post(request, headers)).toEqual({ status: 401, code: 'HOP_TOKEN_INVALID' });
  });

  test('a WebSocket is not acknowledged', async () => {
    const client = createClient({ url: `${subgraph.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { authorization: 'Bearer anything' } });
    await expect(client.iterate({ query: 'subscription { alertRaised { cursor } }' }).next()).rejects.toMatchObject({ code: 4403 });
    await client.dispose();
  });

  test('the gateway\'s routes answer nobody else', async () => {
    expect((await fetch(`${subgraph.url}/internal/violations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(401);
  });
});

describe('with a hop token that grants too little', () => {
  test('_entities gives no guarded field, by fragment, alias or @include', async () => {
    for (const selection of ['incidents { id }', 'a: incidents { id }', '... on Service { incidents { id } }', 'incidents @include(if: true) { id }']) {
      const { data, errors } = await subgraph.query<{ _entities: unknown[] }>(`query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { name ${selection} } } }`, SERVICE, { principal: VIEWER });
      expect(errors?.map((error) => error.extensions?.['code'])).toEqual(['FORBIDDEN']);
      expect(JSON.stringify(data)).not.toContain('"incidents":[');
    }
  });

  test('a CRITICAL mutation is refused when the client presented no hash, and a mutation without the scope always', async () => {
    const unhashed = await subgraph.query(DECLARE, {}, { principal: OPERATOR, hashPresented: false });
    expect(unhashed.errors?.[0]?.extensions?.['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
    const unscoped = await subgraph.query(DECLARE, {}, { principal: VIEWER });
    expect(unscoped.errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    const anonymous = await subgraph.query('{ services { id } }');
    expect(anonymous.errors?.[0]?.extensions?.['code']).toBe('UNAUTHENTICATED');
    const { rows } = await subgraph.admin.query<{ count: string }>('SELECT count(*) FROM policy_governance.incident');
    expect(rows[0]?.count).toBe('0');
  });
});
