/** What a new installation starts with: accounts of the functions the operations documents name, teams, contacts and rotations. No person is named. */
import type { RoleName } from './domain-roles.js';
import type { ContactKind } from './domain-teams.js';

export interface SeedAccount {
  readonly username: string;
  readonly displayName: string;
  readonly role: RoleName;
}

/** Accounts of functions; they have no password and cannot log in until one is set. */
export const ACCOUNTS: readonly SeedAccount[] = [
  { username: 'operations-lead', displayName: 'Operations Lead', role: 'operator' },
  { username: 'mlops-engineer', displayName: 'MLOps Engineer', role: 'operator' },
  { username: 'database-admin', displayName: 'Database Admin', role: 'operator' },
  { username: 'security-officer', displayName: 'Security Officer', role: 'security-officer' },
  { username: 'compliance-officer', displayName: 'Constitutional Compliance Officer', role: 'governance-officer' },
  { username: 'team-lead', displayName: 'Team Lead', role: 'team-lead' },
  { username: 'engineering-manager', displayName: 'Engineering Manager', role: 'engineering-manager' },
  { username: 'vp-engineering', displayName: 'VP Engineering', role: 'vp-engineering' },
  { username: 'cto', displayName: 'CTO', role: 'cto' },
];

export interface SeedContact {
  readonly title: string;
  readonly kind: ContactKind;
  readonly purpose: string;
  /** Username of the account of the function. */
  readonly account?: string;
}

export interface SeedTeam {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly members: readonly string[];
  /** Usernames in the order of their turns. */
  readonly rotation: readonly string[];
  readonly services: readonly string[];
  /** In the order in which they are tried. */
  readonly contacts: readonly SeedContact[];
}

export const TEAMS: readonly SeedTeam[] = [
  {
    id: 'platform-team', name: 'ACGS Platform Team', description: 'Runs the platform around the clock and is paged first.',
    members: ['operations-lead', 'team-lead', 'database-admin', 'mlops-engineer', 'engineering-manager', 'vp-engineering', 'cto'],
    rotation: ['operations-lead', 'team-lead', 'database-admin'],
    services: ['gateway', 'integrity', 'policy-governance'],
    contacts: [
      { title: 'Primary on-call', kind: 'ON_CALL', purpose: 'First line for everything that is not assigned to another team.' },
      { title: 'Operations Lead', kind: 'ON_CALL', purpose: 'Primary contact of operations.', account: 'operations-lead' },
      { title: 'Database Admin', kind: 'SPECIALIST', purpose: 'Database issues.', account: 'database-admin' },
      { title: 'Team Lead', kind: 'ESCALATION', purpose: 'Step after the on-call engineer for P1 to P3.', account: 'team-lead' },
      { title: 'Engineering Manager', kind: 'ESCALATION', purpose: 'Secondary escalation; first step for P0.', account: 'engineering-manager' },
      { title: 'VP Engineering', kind: 'ESCALATION', purpose: 'Second step for P0, last for P1.', account: 'vp-engineering' },
      { title: 'CTO', kind: 'ESCALATION', purpose: 'Last step for P0.', account: 'cto' },
      { title: 'Operations hotline', kind: 'EMERGENCY_LINE', purpose: 'Operations, answered around the clock.' },
    ],
  },
  {
    id: 'ai-governance-team', name: 'AI Governance Team', description: 'Answers for constitutional compliance.',
    members: ['compliance-officer', 'team-lead', 'mlops-engineer'],
    rotation: ['compliance-officer', 'mlops-engineer'],
    services: ['constitutional-ai', 'formal-verification', 'governance-synthesis'],
    contacts: [
      { title: 'Constitutional Compliance Officer', kind: 'ON_CALL', purpose: 'Compliance issues.', account: 'compliance-officer' },
      { title: 'Constitutional AI Specialist', kind: 'SPECIALIST', purpose: 'Questions about principles and their application.' },
      { title: 'Constitutional compliance emergency line', kind: 'EMERGENCY_LINE', purpose: 'Violations that cannot wait.' },
    ],
  },
  {
    id: 'security-team', name: 'Security Team', description: 'Answers for access, vulnerabilities and security incidents.',
    members: ['security-officer', 'operations-lead'],
    rotation: ['security-officer', 'operations-lead'],
    services: ['auth'],
    contacts: [
      { title: 'Security Officer', kind: 'ON_CALL', purpose: 'Security issues.', account: 'security-officer' },
      { title: 'Security emergency line', kind: 'EMERGENCY_LINE', purpose: 'Breaches and suspected breaches.' },
    ],
  },
  {
    id: 'mlops-team', name: 'MLOps Team', description: 'Answers for models, their evolution and their deployment.',
    members: ['mlops-engineer', 'operations-lead', 'team-lead'],
    rotation: ['mlops-engineer', 'operations-lead'],
    services: ['evolutionary-computation'],
    contacts: [
      { title: 'MLOps Engineer', kind: 'ON_CALL', purpose: 'Technical questions about models and pipelines.', account: 'mlops-engineer' },
      { title: 'Operations Lead', kind: 'ESCALATION', purpose: 'Step after the engineer.', account: 'operations-lead' },
    ],
  },
];
