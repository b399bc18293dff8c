/** What a new installation starts with: the approval matrix and the maintenance windows (decision: change-windows). */
import type { MaintenanceWindow } from './domain-calendar.js';
import type { ApprovalRule } from './domain.js';

export const SEED_RULES: readonly ApprovalRule[] = [
  {
    category: 'EMERGENCY', reviewPeriodHours: 0, decisionPeriodHours: 4, validityHours: 4, postReviewHours: 24, windowRequired: false, documentation: 'POST_IMPLEMENTATION',
    steps: [{ position: 1, authority: 'ROLE', roles: ['cto', 'vp-engineering'], count: 1 }],
  },
  {
    category: 'STANDARD', reviewPeriodHours: 24, decisionPeriodHours: 48, validityHours: 48, postReviewHours: 72, windowRequired: true, documentation: 'PRE_IMPLEMENTATION',
    steps: [{ position: 1, authority: 'ROLE', roles: ['engineering-manager'], count: 1 }],
  },
  {
    category: 'NORMAL', reviewPeriodHours: 168, decisionPeriodHours: 336, validityHours: 336, postReviewHours: 168, windowRequired: true, documentation: 'FULL_PROCESS',
    steps: [
      { position: 1, authority: 'ROLE', roles: ['team-lead'], count: 1 },
      { position: 2, authority: 'CAB', roles: ['governance-officer'], count: 3 },
    ],
  },
];

export const SEED_WINDOWS: readonly MaintenanceWindow[] = [
  { id: 'weekly', name: 'Weekly maintenance', recurrence: 'WEEKLY', weekday: 0, startMinute: 120, durationMinutes: 120 },
  { id: 'monthly', name: 'Monthly maintenance', recurrence: 'MONTHLY', weekday: 6, startMinute: 120, durationMinutes: 240 },
  { id: 'quarterly', name: 'Quarterly maintenance', recurrence: 'QUARTERLY', weekday: 6, startMinute: 120, durationMinutes: 360 },
];
