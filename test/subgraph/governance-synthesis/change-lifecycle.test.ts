/** The life of a change request: no sequence of operations gets round the approvals. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { changeDigest } from '../../../subgraphs/governance-synthesis/digest.js';
import { countVotes, type CabVote } from '../../../subgraphs/governance-synthesis/domain-board.js';
import { checkContent } from '../../../subgraphs/governance-synthesis/domain-content.js';
import { approve, approveByBoard, complete, elapse, implementablePeriod, reject, rejectByBoard, review, revise, start, submit, withdraw, type Surroundings } from '../../../subgraphs/governance-synthesis/domain-lifecycle.js';
import { TRANSITIONS } from '../../../subgraphs/governance-synthesis/domain-transitions.js';
import { ChangeDenied, hoursAfter, validApprovals, type Actor, type ChangeCategory, type ChangeContent, type ChangeRequest } from '../../../subgraphs/governance-synthesis/domain.js';
import { SEED_RULES, SEED_WINDOWS } from '../../../subgraphs/governance-synthesis/seed.js';

const HASH = 'cdd01ef066bc6cf2';
const human = (id: string, ...roles: string[]): Actor => ({ id, kind: 'HUMAN', roles });
/** The requester and the implementer hold every role: only separation of duties stands in their way. */
const EVERY_ROLE = ['cto', 'vp-engineering', 'engineering-manager', 'team-lead', 'governance-officer', 'admin'];
const ACTORS: readonly Actor[] = [
  human('requester', ...EVERY_ROLE), human('implementer', ...EVERY_ROLE), human('nobody', 'viewer', 'admin'),
  human('lead', 'team-lead'), human('manager', 'engineering-manager'), human('vp', 'vp-engineering'), human('officer', 'governance-officer'),
  human('lead-and-officer', 'team-lead', 'governance-officer'),
  { id: 'bot', kind: 'AGENT', roles: EVERY_ROLE }, { id: 'ci', kind: 'SERVICE', roles: EVERY_ROLE },
];
/** Who must have approved, written from the requirements and not from the matrix. */
const REQUIRED: Readonly<Record<ChangeCategory, readonly string[][]>> = {
  EMERGENCY: [['vp']],
  STANDARD: [['manager']],
  NORMAL: [['lead', 'lead-and-officer'], ['officer', 'lead-and-officer']],
};
const EDGES = new Set(['SUBMITTED>SUBMITTED', 'SUBMITTED>APPROVED', 'SUBMITTED>REJECTED', 'SUBMITTED>WITHDRAWN', 'SUBMITTED>EXPIRED', 'APPROVED>EXPIRED', 'APPROVED>SUBMITTED', 'APPROVED>IMPLEMENTING',
  'REJECTED>SUBMITTED', 'IMPLEMENTING>IMPLEMENTED', 'IMPLEMENTED>IMPLEMENTED', 'IMPLEMENTED>REVIEWED']);

function surroundings(category: ChangeCategory, now: string): Surroundings {
  const rule = SEED_RULES.find((candidate) => candidate.category === category);
  if (rule === undefined) throw new Error('no rule');
  return { rule, windows: SEED_WINDOWS, now, constitutionalHash: HASH };
}

function content(category: ChangeCategory, title = 'Raise the pool size'): Omit<ChangeContent, 'plannedStart'> {
  return {
    title, summary: 'More connections', justification: 'Saturation', category, serviceId: 'auth', incidentId: null, implementerId: 'implementer',
    action: { kind: 'DEPLOY_INSTANCE', parameters: { version: '2.0.0' } }, implementationPlan: 'Apply', riskAssessment: 'Low', rollbackPlan: 'Undo',
  };
}

type Step =
  | { readonly do: 'approve' | 'board'; readonly by: number; readonly stale: boolean; readonly votesFor: number }
  | { readonly do: 'revise' | 'reject' | 'withdraw' | 'start' | 'complete' | 'review'; readonly by: number }
  | { readonly do: 'wait'; readonly hours: number }
  | { readonly do: 'opening' }
  | { readonly do: 'clock' };

const by = fc.nat({ max: ACTORS.length - 1 });
/** Often somebody who is entitled, so that sequences get somewhere. */
const decider = fc.oneof(by, fc.constantFrom(3, 4, 5, 6));
const approvals = fc.record({ do: fc.constantFrom('approve' as const, 'board' as const), by: decider, stale: fc.constantFrom(false, false, true), votesFor: fc.constantFrom(0, 3, 3) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: approvals },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('revise' as const, 'reject' as const, 'withdraw' as const, 'start' as const, 'complete' as const, 'review' as const), by: fc.oneof(by, fc.constantFrom(0, 1)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 1, 5, 30, 169) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('opening' as const, 'opening' as const, 'clock' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('start' as const, 'complete' as const, 'review' as const), by: fc.constantFrom(1, 1, 5) }) },
);

function apply(change: ChangeRequest, doing: Step, at: Surroundings, oldDigests: readonly string[], serial: number): ChangeRequest {
  if (doing.do === 'wait' || doing.do === 'opening') return change;
  if (doing.do === 'clock') return elapse(change, at.now)?.change ?? change;
  const actor = ACTORS[doing.by] ?? human('ghost');
  switch (doing.do) {
    case 'approve':
    case 'board': {
      const digest = doing.stale ? (oldDigests.at(-2) ?? 'f'.repeat(64)) : change.digest;
      const form = { approvalId: `approval-${serial}`, digest, comment: null, nonce: `nonce-${serial}` };
      if (doing.do === 'approve') return approve(change, actor, form, at);
      const votes: CabVote[] = ['m1', 'm2', 'm3'].map((memberId, index) => ({ memberId, vote: index < doing.votesFor ? 'FOR' : 'AGAINST' }));
      const result = countVotes({ id: 'CAB-1', scheduledAt: change.submittedAt, quorum: 3, scheduledById: null }, change, votes, at.now);
      return result === 'APPROVED' ? approveByBoard(change, actor, 'CAB-1', form, at) : rejectByBoard(change, actor, digest, 'no', at);
    }
    case 'revise': return revise(change, actor, content(change.category, `Revised ${serial}`), null, at, changeDigest);
    case 'reject': return reject(change, actor, 'not now', at);
    case 'withdraw': return withdraw(change, actor, 'obsolete', at);
    case 'start': return start(change, actor, at);
    case 'complete': return complete(change, actor, 'SUCCEEDED', 'done', at);
    default: return review(change, actor, 'fine', at);
  }
}

function checkApproved(change: ChangeRequest): void {
  const valid = validApprovals(change);
  const approvers = valid.map(({ approverId }) => approverId);
  expect(new Set(approvers).size).toBe(approvers.length);
  const forbidden = ['requester', 'implementer', 'bot', 'ci', 'nobody'];
  expect(approvers.filter((id) => forbidden.includes(id))).toEqual([]);
  for (const { approvedAt, digest } of valid) {
    expect(approvedAt >= change.submittedAt).toBe(true);
    expect(digest).toBe(change.digest);
  }
  const needed = REQUIRED[change.category];
  expect(approvers).toHaveLength(needed.length);
  for (const entitled of needed) expect(approvers.some((id) => entitled.includes(id))).toBe(true);
}

describe('the life of a change', () => {
  test('never passes an approval by, whatever is tried in whatever order', () => {
    const reached = new Set<string>();
    fc.assert(fc.property(fc.constantFrom<ChangeCategory>('EMERGENCY', 'STANDARD', 'NORMAL'), fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), (category, steps) => {
      let now = '2026-01-05T09:00:00.000Z';
      let change = submit('CHG-2026-0001', 'requester', content(category), null, surroundings(category, now), changeDigest);
      const digests = [change.digest];
      steps.forEach((doing, serial) => {
        if (doing.do === 'wait') now = hoursAfter(now, doing.hours);
        if (doing.do === 'opening' && (change.opensAt ?? now) > now) now = change.opensAt ?? now;
        const before = change;
        try {
          change = apply(change, doing, surroundings(category, now), digests, serial);
        } catch (error) {
          if (!(error instanceof ChangeDenied)) throw error;
          expect(change).toBe(before);
          return;
        }
        if (change === before) return;
        expect(change.version).toBe(before.version + 1);
        expect(EDGES).toContain(`${before.status}>${change.status}`);
        reached.add(`${category} ${change.status}`);
        if (doing.do === 'approve' || doing.do === 'board') expect(doing.stale).toBe(false);
        if (doing.do === 'revise') {
          digests.push(change.digest);
          expect(validApprovals(change)).toEqual([]);
          expect(change.approvals.filter(({ voidedAt }) => voidedAt === null)).toEqual([]);
          expect(change.status).toBe('SUBMITTED');
          expect(change.grantNonce).toBeNull();
          expect(change.digest).not.toBe(before.digest);
        }
        if (['APPROVED', 'IMPLEMENTING', 'IMPLEMENTED', 'REVIEWED'].includes(change.status)) checkApproved(change);
        if (change.status === 'IMPLEMENTING') {
          expect(change.expiresAt > now).toBe(true);
          if (category !== 'EMERGENCY') expect(hoursAfter(change.submittedAt, category === 'STANDARD' ? 24 : 168) <= now).toBe(true);
        }
        if (change.status === 'REVIEWED') expect(change.reviewedById).not.toBe(change.implementerId);
      });
    }), { numRuns: 2_000 });
    // The property would hold emptily if the sequences never got anywhere; each of these is reached a dozen times or more.
    for (const category of Object.keys(REQUIRED)) expect(reached).toEqual(new Set([...reached, `${category} APPROVED`, `${category} IMPLEMENTING`]));
    const statuses = new Set([...reached].map((entry) => entry.split(' ')[1]));
    expect([...statuses].sort()).toEqual(['APPROVED', 'EXPIRED', 'IMPLEMENTED', 'IMPLEMENTING', 'REJECTED', 'REVIEWED', 'SUBMITTED', 'WITHDRAWN']);
  });

  test('the table has no step out of a final state and no step the requirements lack', () => {
    expect(TRANSITIONS.filter(({ from }) => ['REVIEWED', 'EXPIRED', 'WITHDRAWN'].includes(from))).toEqual([]);
    expect(new Set(TRANSITIONS.map(({ from, to }) => `${from}>${to}`))).toEqual(EDGES);
  });

  test('an implementation is possible exactly while a window is open, after opening and before expiry', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 40 * 24 }), (hours) => {
      const submittedAt = '2026-01-09T09:00:00.000Z';
      const change = submit('CHG-2026-0002', 'requester', content('STANDARD'), null, surroundings('STANDARD', submittedAt), changeDigest);
      const approved = approve(change, human('manager', 'engineering-manager'), { approvalId: 'a', digest: change.digest, comment: null, nonce: 'n' }, surroundings('STANDARD', hoursAfter(submittedAt, 1)));
      const now = hoursAfter(submittedAt, hours);
      const inWindow = now >= '2026-01-11T02:00:00.000Z' && now < '2026-01-11T04:00:00.000Z';
      expect(implementablePeriod(approved, surroundings('STANDARD', now))).toEqual(inWindow ? { from: '2026-01-11T02:00:00.000Z', until: '2026-01-11T04:00:00.000Z' } : null);
    }));
  });

  test('an approved change can be edited only while no grant can be out', () => {
    const submittedAt = '2026-01-09T09:00:00.000Z';
    const change = submit('CHG-2026-0003', 'requester', content('STANDARD'), null, surroundings('STANDARD', submittedAt), changeDigest);
    const approved = approve(change, human('manager', 'engineering-manager'), { approvalId: 'a', digest: change.digest, comment: null, nonce: 'n' }, surroundings('STANDARD', hoursAfter(submittedAt, 1)));
    const edit = (now: string): ChangeRequest => revise(approved, human('requester'), content('STANDARD', 'Other'), null, surroundings('STANDARD', now), changeDigest);
    expect(validApprovals(edit('2026-01-11T01:58:59.000Z'))).toEqual([]);
    expect(() => edit('2026-01-11T01:59:00.000Z')).toThrow(/grant may be in use/);
    expect(() => edit('2026-01-11T03:00:00.000Z')).toThrow(/grant may be in use/);
    expect(() => edit('2026-01-13T02:00:00.000Z')).toThrow(/EXPIRED/);
  });

  test('every part of the content moves the digest', () => {
    const identity = { id: 'CHG-2026-0001', requesterId: 'requester', revision: 1, constitutionalHash: HASH };
    const base: ChangeContent = { ...content('NORMAL'), plannedStart: null };
    const variants: ChangeContent[] = [
      ...(['title', 'summary', 'justification', 'serviceId', 'implementerId', 'rollbackPlan', 'implementationPlan', 'riskAssessment', 'incidentId', 'plannedStart'] as const).map((key) => ({ ...base, [key]: 'other' })),
      { ...base, category: 'STANDARD' }, { ...base, action: { ...base.action, kind: 'OTHER' } }, { ...base, action: { ...base.action, parameters: { version: '2.0.1' } } },
    ];
    const digests = [changeDigest(identity, base), changeDigest({ ...identity, revision: 2 }, base), changeDigest({ ...identity, requesterId: 'x' }, base), changeDigest({ ...identity, constitutionalHash: '0'.repeat(16) }, base),
      ...variants.map((variant) => changeDigest(identity, variant))];
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('credentials, deep nesting and text PostgreSQL cannot hold are refused', () => {
    const { rule } = surroundings('EMERGENCY', '2026-01-05T09:00:00.000Z');
    const check = (parameters: unknown) => () => checkContent({ ...content('EMERGENCY'), action: { kind: 'OTHER', parameters } }, rule, 'requester', ['auth']);
    for (const parameters of [{ password: 'x' }, { nested: [{ apiKey: 'x' }] }, { a: 'nul\0' }, { a: '\ud800' }, [], 'text', null, { a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } }, { a: 'x'.repeat(20_000) }]) {
      expect(check(parameters)).toThrow(ChangeDenied);
    }
    expect(check({ version: '1.0.0', tokens: 5, image: { digest: 'sha256:0' } })).not.toThrow();
  });
});
