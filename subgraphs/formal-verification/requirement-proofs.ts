/** What the operating requirements promise, stated as obligations: a new installation proves them to itself. */
import type { Submission } from './submission.js';

/** By identifier of the obligation. */
export const REQUIREMENT_PROOFS: Readonly<Record<string, Submission>> = {
  'proof-threshold-ladder': {
    kind: 'RULE_SET', serviceId: 'constitutional-ai',
    title: 'The compliance thresholds form a ladder: what suffices for production suffices for approval, and approval for the minimum',
    ruleSet: {
      attributes: [{ name: 'score', type: 'DECIMAL', min: 0, max: 1 }, { name: 'production', type: 'BOOL' }, { name: 'approvable', type: 'BOOL' }, { name: 'acceptable', type: 'BOOL' }],
      rules: ['production = (score >= 0.95)', 'approvable = (score >= 0.85)', 'acceptable = (score >= 0.75)'],
      obligation: '(production implies approvable) and (approvable implies acceptable)',
    },
  },
  'proof-approval-matrix': {
    kind: 'RULE_SET', serviceId: 'governance-synthesis',
    title: 'Every approved change was approved by a person of the rank its category needs, who did not request it',
    ruleSet: {
      attributes: [
        { name: 'category', type: 'STRING', values: ['EMERGENCY', 'STANDARD', 'NORMAL'] },
        { name: 'approver_role', type: 'STRING', values: ['operator', 'team-lead', 'engineering-manager', 'vp-engineering', 'cto'] },
        { name: 'approver_kind', type: 'STRING', values: ['HUMAN', 'SERVICE', 'AGENT'] },
        { name: 'approver_is_requester', type: 'BOOL' }, { name: 'approved', type: 'BOOL' },
      ],
      rules: [
        'approved and category = "EMERGENCY" implies approver_role in ["cto", "vp-engineering"]',
        'approved and category = "STANDARD" implies approver_role = "engineering-manager"',
        'approved and category = "NORMAL" implies approver_role = "team-lead"',
        'approved implies approver_kind = "HUMAN" and not approver_is_requester',
      ],
      obligation: 'approved implies approver_role != "operator" and approver_kind != "AGENT" and not approver_is_requester and (category = "EMERGENCY" implies not approver_role in ["team-lead", "engineering-manager"])',
    },
  },
  'proof-recovery-tiers': {
    kind: 'RULE_SET', serviceId: 'integrity',
    title: 'A more critical tier never has a longer recovery time or loses more data than a less critical one',
    ruleSet: {
      attributes: [
        { name: 'tier_a', type: 'INT', min: 1, max: 3 }, { name: 'rto_a', type: 'INT', min: 0 }, { name: 'rpo_a', type: 'INT', min: 0 },
        { name: 'tier_b', type: 'INT', min: 1, max: 3 }, { name: 'rto_b', type: 'INT', min: 0 }, { name: 'rpo_b', type: 'INT', min: 0 },
      ],
      rules: ['a', 'b'].flatMap((side) => [
        `tier_${side} = 1 implies rto_${side} = 15 and rpo_${side} = 0`,
        `tier_${side} = 2 implies rto_${side} = 60 and rpo_${side} = 5`,
        `tier_${side} = 3 implies rto_${side} = 240 and rpo_${side} = 15`,
      ]),
      obligation: 'tier_a < tier_b implies rto_a < rto_b and rpo_a < rpo_b',
    },
  },
  'proof-contained-evolution': {
    kind: 'RULE_SET', serviceId: 'evolutionary-computation',
    title: 'No self-modification reaches production without sandbox, human review and rollback, nor faster than the rollout stages',
    ruleSet: {
      attributes: [
        { name: 'traffic_percent', type: 'INT', min: 0, max: 100 }, { name: 'sandbox_passed', type: 'BOOL' }, { name: 'human_review', type: 'BOOL' },
        { name: 'rollback_ready', type: 'BOOL' }, { name: 'watched_minutes', type: 'INT', min: 0 },
      ],
      rules: [
        'traffic_percent in [0, 10, 50, 100]',
        'traffic_percent > 0 implies sandbox_passed and human_review and rollback_ready',
        'traffic_percent >= 50 implies watched_minutes >= 30',
        'traffic_percent = 100 implies watched_minutes >= 60',
      ],
      obligation: '(not sandbox_passed or not human_review or not rollback_ready implies traffic_percent = 0) and (watched_minutes < 30 implies traffic_percent <= 10)',
    },
  },
};
