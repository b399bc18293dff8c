/** What change management signs is what deployments accept: the two subgraphs agree on key file, claims and digest. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GrantVerifier, deployDigest } from '../../../subgraphs/evolutionary-computation/grant-verifier.js';
import { actionDigest } from '../../../subgraphs/governance-synthesis/digest.js';
import { signGrant } from '../../../subgraphs/governance-synthesis/grant.js';
import { GRANT_KEY, loadSigningKey } from '../../../subgraphs/governance-synthesis/signing-key.js';
import type { Approval, ChangeRequest } from '../../../subgraphs/governance-synthesis/domain.js';
import { TEST_HASH } from '../../kit/subgraph.js';

const NOW = new Date('2026-03-01T10:00:00Z');
const ACTION = { serviceId: 'auth', instanceId: 'a1b2', version: '1.4.0' };
const digest = 'd'.repeat(64);
const approval: Approval = { id: 'a', changeId: 'CHG-2026-0007', revision: 1, digest, step: 1, approverId: 'approver-1', role: 'team-lead', comment: null, cabMeetingId: null, approvedAt: NOW.toISOString(), voidedAt: null };
const CHANGE: ChangeRequest = {
  id: 'CHG-2026-0007', status: 'APPROVED', title: 'Deploy', summary: 's', justification: 'j', category: 'EMERGENCY', serviceId: 'auth', incidentId: 'INC-2026-001', requesterId: 'requester-1', implementerId: 'deployer-1',
  action: { kind: 'DEPLOY_INSTANCE', parameters: ACTION }, implementationPlan: null, riskAssessment: null, rollbackPlan: 'Roll back', plannedStart: null, digest, revision: 1, version: 2, constitutionalHash: TEST_HASH,
  createdAt: NOW.toISOString(), submittedAt: NOW.toISOString(), opensAt: NOW.toISOString(), expiresAt: '2026-03-01T14:00:00.000Z', approvedAt: NOW.toISOString(), closingReason: null, closedById: null, startedAt: null, completedAt: null,
  outcome: null, outcomeNotes: null, reviewDueAt: null, reviewOverdueAt: null, reviewedAt: null, reviewedById: null, reviewFindings: null, approvals: [approval], grantNonce: 'f3a8a1e0-0000-4000-8000-000000000001',
};

let dataDirectory: string;
beforeAll(async () => { dataDirectory = await mkdtemp(join(tmpdir(), 'acgs-grants-')); });
afterAll(async () => { await rm(dataDirectory, { recursive: true, force: true }); });

test('a grant of change management is read as it was meant, and for nothing else', async () => {
  const keys = await loadSigningKey(dataDirectory, GRANT_KEY);
  const period = { from: '2026-03-01T10:00:00.000Z', until: '2026-03-01T14:00:00.000Z' };
  const grant = await signGrant(keys, CHANGE, period);
  const verifier = new GrantVerifier(dataDirectory, [TEST_HASH], () => NOW);
  expect(await verifier.verify(grant?.token ?? '', ACTION)).toEqual({ changeId: CHANGE.id, nonce: CHANGE.grantNonce, digest: actionDigest(CHANGE.action), incidentId: 'INC-2026-001', expiresAt: new Date(period.until) });
  expect(deployDigest(ACTION)).toBe(actionDigest(CHANGE.action));
  await expect(verifier.verify(grant?.token ?? '', { ...ACTION, version: '1.4.1' })).rejects.toMatchObject({ code: 'GRANT_MISMATCH' });
  await expect(new GrantVerifier(dataDirectory, [TEST_HASH], () => new Date(period.until)).verify(grant?.token ?? '', ACTION)).rejects.toMatchObject({ code: 'GRANT_EXPIRED' });
  const elsewhere = await mkdtemp(join(tmpdir(), 'acgs-grants-'));
  await expect(new GrantVerifier(elsewhere, [TEST_HASH], () => NOW).verify(grant?.token ?? '', ACTION)).rejects.toMatchObject({ code: 'GRANT_INVALID', message: expect.stringContaining('not published') });
  await rm(elsewhere, { recursive: true });
});
