/** The roles, the scopes each gives, and what is withheld from principals that are not people. Pure. */
import type { PrincipalKind } from './domain.js';

const READ = [
  'service:read', 'principal:read', 'oncall:read', 'constitution:read', 'compliance:read', 'audit:read', 'proof:read',
  'change:read', 'policy:read', 'alert:read', 'incident:read', 'model:read', 'deployment:read', 'schema:read',
] as const;

const OPERATE = [
  ...READ, 'oncall:write', 'compliance:write', 'proof:write', 'change:write', 'policy:evaluate', 'incident:write', 'model:write',
  'deployment:write', 'deployment:rollback', 'schema:check', 'schema:publish',
] as const;

/** Every scope of the graph, in alphabetical order. */
export const SCOPES: readonly string[] = [...new Set<string>([...OPERATE, 'principal:admin', 'change:approve', 'policy:write'])].toSorted();

export type RoleName = 'viewer' | 'operator' | 'team-lead' | 'engineering-manager' | 'vp-engineering' | 'cto' | 'governance-officer' | 'security-officer' | 'admin';

export type Role = {
  readonly name: RoleName;
  readonly description: string;
  readonly scopes: readonly string[];
};

/** From the least to the most. */
export const ROLES: readonly Role[] = [
  { name: 'viewer', description: 'Reads everything that is not secret.', scopes: [...READ] },
  { name: 'operator', description: 'Operates the system: incidents, deployments, rollbacks, checks and on-call.', scopes: [...OPERATE] },
  { name: 'team-lead', description: 'Operates and approves normal changes.', scopes: [...OPERATE, 'change:approve'] },
  { name: 'engineering-manager', description: 'Operates and approves standard changes.', scopes: [...OPERATE, 'change:approve'] },
  { name: 'vp-engineering', description: 'Operates and approves emergency changes.', scopes: [...OPERATE, 'change:approve'] },
  { name: 'cto', description: 'Operates and approves whatever needs approval; last step of every escalation.', scopes: [...OPERATE, 'change:approve'] },
  { name: 'governance-officer', description: 'Writes policies and answers for compliance; approves what concerns governance.', scopes: [...READ, 'change:approve', 'policy:write', 'policy:evaluate', 'compliance:write', 'proof:write'] },
  { name: 'security-officer', description: 'Answers for security: incidents, violations, emergency rollback; approves what concerns governance.', scopes: [...READ, 'change:approve', 'incident:write', 'compliance:write', 'policy:evaluate', 'deployment:rollback'] },
  { name: 'admin', description: 'May do everything, and is the only role that manages principals.', scopes: [...SCOPES] },
];

export const ADMIN: RoleName = 'admin';

/** Scopes a kind of principal never gets, whatever roles it holds: only people approve, and no agent decides who may do what. */
const WITHHELD: Readonly<Record<PrincipalKind, readonly string[]>> = {
  HUMAN: [],
  SERVICE: ['change:approve'],
  AGENT: ['change:approve', 'principal:admin'],
};

export function isRole(name: string): name is RoleName {
  return ROLES.some((role) => role.name === name);
}

/** Scopes of a principal with these roles, in alphabetical order; unknown roles give none. */
export function scopesOf(kind: PrincipalKind, roles: readonly string[]): string[] {
  const held = new Set(ROLES.filter((role) => roles.includes(role.name)).flatMap((role) => role.scopes));
  for (const scope of WITHHELD[kind]) held.delete(scope);
  return [...held].toSorted();
}

/** Named conditions a login satisfies (decision 3): a session of a person stands for a person who acts. */
export function policiesOf(kind: PrincipalKind): string[] {
  return kind === 'HUMAN' ? ['human'] : [];
}
