/** Policies a new installation starts with; their texts are the .cedar files beside the schema of requests. */
import { readFileSync } from 'node:fs';
import { projectPath } from '../../ops/runtime/package-root.js';

export interface SeedPolicy {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly cedar: string;
}

const POLICIES: ReadonlyArray<Omit<SeedPolicy, 'cedar'>> = [
  { id: 'agents-may-not-approve', title: 'Only people approve', description: 'Services and agents never approve anything, whatever roles they hold.' },
  { id: 'own-work-needs-another-approver', title: 'Nobody approves their own work', description: 'Whoever owns a thing cannot be the one who approves it.' },
  { id: 'change-approval-by-category', title: 'Who approves which change', description: 'Emergency changes need the CTO or the VP Engineering, standard ones an engineering manager, normal ones a team lead; whoever stands above may too.' },
  { id: 'governance-approvals-by-officers', title: 'Who approves governance', description: 'Evolution, amendments and break-glass reviews are for the governance officer, the security officer and the CTO.' },
  { id: 'operations-by-operators', title: 'Who operates the system', description: 'Deployments, traffic shifts and promotions of models are for operators and those who lead them.' },
  { id: 'production-needs-an-approved-change', title: 'Production needs an approved change', description: 'Nothing changes in production without an approved change made under the constitutional hash in force.' },
  { id: 'environment-must-be-named', title: 'Operations name their environment', description: 'An operation that does not say where it happens could be one in production, so it is refused.' },
  { id: 'foreign-hash-is-refused', title: 'A foreign constitution is refused', description: 'A request made under another constitutional hash is refused and goes to security.' },
  { id: 'emergency-actions-by-emergency-roles', title: 'Who acts in an emergency', description: 'Rollback, failover, shutdown and break-glass in a declared emergency, by people who answer for it; each is reviewed within a day.' },
  { id: 'confident-synthesis-applies', title: 'Confident synthesis applies', description: 'Work of models with a confidence of 0.8 or more takes effect.' },
  { id: 'low-confidence-needs-human-review', title: 'Low confidence needs a person', description: 'Work of models with a confidence below 0.8 waits for a person, for at most 48 hours.' },
  { id: 'compliance-floor', title: 'Compliance has a floor', description: 'A compliance score below 0.5 forbids the action.' },
];

/** Text of the schema that requests and policies are checked against. */
export function requestSchema(): string {
  return readFileSync(projectPath('subgraphs', 'policy-governance', 'policies', 'requests.cedarschema'), 'utf8');
}

export function seedPolicies(): SeedPolicy[] {
  return POLICIES.map((policy) => ({ ...policy, cedar: readFileSync(projectPath('subgraphs', 'policy-governance', 'policies', `${policy.id}.cedar`), 'utf8') }));
}
