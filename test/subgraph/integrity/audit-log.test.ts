/** The audit log takes every committed change once, in order, unaltered, and says so truthfully. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { leafBytes, leafHash } from '../../../subgraphs/kernel/outbox.js';
import { integrity } from '../../../subgraphs/integrity/index.js';
import { leafHashOf } from '../../../subgraphs/integrity/domain.js';
import { principal, startTestSubgraph, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import type { SubgraphSchema } from '../../../ops/runtime/subgraph-names.js';

const AUDITOR = principal('auditor', { scopes: ['audit:read'] });
let audit: TestSubgraph;

beforeAll(async () => { audit = await startTestSubgraph(integrity); });
afterAll(async () => { await audit.stop(); });

/** Commits a change in another subgraph's outbox and numbers it, as its sequencer would. */
async function commit(schema: SubgraphSchema, entityId: string, subjects: string[] = [], actor = 'operator-1'): Promise<void> {
  const event = { stream: 'incident', entityId, kind: 'IncidentDeclared', payload: { id: entityId }, subjects };
  const occurredAt = new Date('2025-07-07T10:00:00Z');
  const leaf = leafBytes(event, { schema, principalId: actor, requestId: 'r1', constitutionalHash: TEST_HASH, occurredAt });
  await audit.admin.query(
    `INSERT INTO ${schema}.outbox (stream, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, leaf, leaf_hash, payload) VALUES ($1,$2,$3,$4,'r1',$5,$6,$7,$8,$9)`,
    [event.stream, entityId, event.kind, actor, TEST_HASH, occurredAt, leaf, leafHash(leaf), event.payload]);
  await audit.admin.query(
    `UPDATE ${schema}.outbox SET position = (SELECT coalesce(max(position), 0) + 1 FROM ${schema}.outbox), seq = (SELECT coalesce(max(seq), 0) + 1 FROM ${schema}.outbox WHERE stream = 'incident') WHERE position IS NULL`);
}

async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, errors } = await audit.query<T>(query, variables, { principal: AUDITOR });
  expect(errors).toBeUndefined();
  return data as T;
}

interface Completeness { auditCompleteness: { complete: boolean; leaves: number; subgraphs: Array<{ subgraph: string; committed: number; integrated: number; pending: number; missing: number[]; differing: number[] }> } }
const COMPLETENESS = '{ auditCompleteness { complete leaves subgraphs { subgraph committed integrated pending missing differing } } }';

async function complete(): Promise<Completeness['auditCompleteness']> {
  return until(async () => {
    const { auditCompleteness } = await ask<Completeness>(COMPLETENESS);
    return auditCompleteness.complete ? auditCompleteness : undefined;
  });
}

describe('the audit log', () => {
  test('integrates changes of several subgraphs and finds them by subject, actor and page', async () => {
    for (let i = 1; i <= 5; i += 1) await commit('policy_governance', `INC-2025-00${i}`, ['Service:auth'], `operator-${i % 2}`);
    await commit('governance_synthesis', 'CHG-2025-0001', ['Service:auth', 'Incident:INC-2025-001'], 'system:sweep');
    const state = await complete();
    expect(state.leaves).toBe(6);

    type Page = { auditLog: { nodes: Array<{ index: string; entityId: string; subgraph: string; leaf: string; leafHash: string; principal: { id: string } | null }>; endCursor: string; hasNextPage: boolean } };
    const page = 'query($filter: AuditFilter, $after: Cursor) { auditLog(filter: $filter, first: 4, after: $after) { nodes { index entityId subgraph leaf leafHash principal { id } } endCursor hasNextPage } }';
    const first = (await ask<Page>(page)).auditLog;
    const second = (await ask<Page>(page, { after: first.endCursor })).auditLog;
    expect([...first.nodes, ...second.nodes].map((node) => Number(node.index))).toEqual([5, 4, 3, 2, 1, 0]);
    expect([first.hasNextPage, second.hasNextPage]).toEqual([true, false]);
    for (const node of first.nodes) expect(leafHashOf(node.leaf)).toBe(node.leafHash);

    const bySubject = (await ask<Page>(page, { filter: { subject: 'Incident:INC-2025-001' } })).auditLog.nodes;
    expect(bySubject).toHaveLength(1);
    expect(bySubject[0]).toMatchObject({ entityId: 'CHG-2025-0001', subgraph: 'governance-synthesis', principal: null });
    const byActor = (await ask<Page>(page, { filter: { actorId: 'operator-1', subgraph: 'policy-governance' } })).auditLog.nodes;
    expect(byActor.map((node) => node.entityId)).toEqual(['INC-2025-005', 'INC-2025-003', 'INC-2025-001']);
  });

  test('answers entities in one batch', async () => {
    const { _entities } = await ask<{ _entities: Array<{ auditEntries: Array<{ kind: string }> }> }>(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { auditEntries(first: 2) { kind } } ... on Principal { auditEntries { kind } } } }',
      { r: [{ __typename: 'Service', id: 'auth' }, { __typename: 'Service', id: 'integrity' }, { __typename: 'Principal', id: 'operator-1' }] });
    expect(_entities.map((entity) => entity.auditEntries.length)).toEqual([2, 0, 3]);
  });

  test('refuses every change to a leaf, even by the owner', async () => {
    await expect(audit.admin.query(`UPDATE integrity.leaf SET kind = 'Nothing' WHERE index = 0`)).rejects.toMatchObject({ code: 'AC003' });
    await expect(audit.admin.query('DELETE FROM integrity.leaf')).rejects.toMatchObject({ code: 'AC003' });
    await expect(audit.admin.query('TRUNCATE integrity.leaf')).rejects.toMatchObject({ code: 'AC003' });
  });

  test('reports what is pending, missing and differing', async () => {
    await audit.subgraph.stop();
    await commit('auth', 'p-1');
    await commit('auth', 'p-2');
    await commit('auth', 'p-3');
    // A forger who owns the database switches the triggers off, drops one committed change and edits another.
    await audit.admin.query('ALTER TABLE auth.outbox DISABLE TRIGGER USER');
    await audit.restart();
    await until(async () => ((await ask<Completeness>(COMPLETENESS)).auditCompleteness.subgraphs.find((part) => part.subgraph === 'auth')?.integrated === 3 ? true : undefined));
    await audit.admin.query(`DELETE FROM auth.outbox WHERE entity_id = 'p-2'`);
    await audit.admin.query(`UPDATE auth.outbox SET leaf = leaf || ' '::bytea WHERE entity_id = 'p-3'`);
    const { auditCompleteness } = await ask<Completeness>(COMPLETENESS);
    expect(auditCompleteness.complete).toBe(false);
    expect(auditCompleteness.subgraphs.find((part) => part.subgraph === 'auth')).toMatchObject({ committed: 2, integrated: 3, missing: [2], differing: [3] });
  });

  test('needs the scope audit:read', async () => {
    const { data, errors } = await audit.query('{ auditLog { hasNextPage } }', {}, { principal: principal('nobody') });
    expect(data).toBeNull();
    expect(errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
  });

  test('does not answer without a hop token', async () => {
    const response = await fetch(`${audit.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ auditLog { hasNextPage } }' }) });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'HOP_TOKEN_INVALID' } }] });
  });
});
