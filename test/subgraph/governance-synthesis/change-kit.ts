/** People, documents and a clock for the tests of change management. */
import { expect } from '@jest/globals';
import { governanceSynthesis } from '../../../subgraphs/governance-synthesis/index.js';
import type { PrincipalClaims } from '../../../ops/runtime/hop-token.js';
import { principal, startTestSubgraph, type CallOptions, type TestSubgraph } from '../../kit/subgraph.js';

const SCOPES = ['change:read', 'change:write', 'change:approve'];
const person = (id: string, ...roles: string[]): PrincipalClaims => principal(id, { roles, scopes: SCOPES });

export const REQUESTER = principal('requester', { roles: ['operator', 'cto', 'engineering-manager', 'team-lead'], scopes: SCOPES });
export const IMPLEMENTER = principal('implementer', { roles: ['operator', 'cto'], scopes: SCOPES });
export const READER = principal('reader', { scopes: ['change:read'] });
export const CTO = person('cto-1', 'cto');
export const VP = person('vp-1', 'vp-engineering');
export const MANAGER = person('manager-1', 'engineering-manager');
export const LEAD = person('lead-1', 'team-lead');
export const OFFICER = person('officer-1', 'governance-officer');
export const LEAD_AND_OFFICER = person('both-1', 'team-lead', 'governance-officer');
export const AGENT = principal('agent-1', { kind: 'AGENT', roles: ['cto'], scopes: SCOPES });

export interface Change {
  id: string; status: string; version: number; revision: number; digest: string; expiresAt: string; opensAt: string | null; plannedStart: string | null;
  reviewDueAt: string | null; reviewOverdueAt: string | null; approvals: Array<{ approver: { id: string }; step: number; role: string; voidedAt: string | null }>;
  pendingSteps: Array<{ position: number }>; grant: { token: string; expiresAt: string; nonce: string } | null; action: { digest: string };
}
export interface Result { __typename: string; code?: string; message?: string; field?: string | null; change: Change }

export const CHANGE = `fragment C on ChangeRequest { id status version revision digest expiresAt opensAt plannedStart reviewDueAt reviewOverdueAt
  approvals { approver { id } step role voidedAt } pendingSteps { position } grant { token expiresAt nonce } action { digest } }`;
const PROBLEM = '__typename ... on Problem { code message } ... on InvalidInput { field }';

/** The selection of a mutation that answers with a change. */
export function mutation(field: string, variables: string, args: string): string {
  const type = `${field[0]?.toUpperCase()}${field.slice(1)}Payload`;
  return `mutation(${variables}, $key: String) { ${field}(${args}, idempotencyKey: $key) { ${PROBLEM} ... on ${type} { change { ...C } } } } ${CHANGE}`;
}

const ON_CHANGE = '$id: ID!, $version: Int';
const FOR_CHANGE = 'changeId: $id, expectedVersion: $version';
const DOCUMENTS = {
  createChangeRequest: mutation('createChangeRequest', '$input: CreateChangeRequestInput!', 'input: $input'),
  reviseChangeRequest: mutation('reviseChangeRequest', '$input: ReviseChangeRequestInput!, $version: Int', 'input: $input, expectedVersion: $version'),
  approveChange: mutation('approveChange', `${ON_CHANGE}, $digest: String!, $comment: String`, `${FOR_CHANGE}, digest: $digest, comment: $comment`),
  rejectChange: mutation('rejectChange', `${ON_CHANGE}, $reason: String!`, `${FOR_CHANGE}, reason: $reason`),
  withdrawChange: mutation('withdrawChange', `${ON_CHANGE}, $reason: String!`, `${FOR_CHANGE}, reason: $reason`),
  startImplementation: mutation('startImplementation', ON_CHANGE, FOR_CHANGE),
  completeImplementation: mutation('completeImplementation', `${ON_CHANGE}, $outcome: ChangeOutcome!, $notes: String!`, `${FOR_CHANGE}, outcome: $outcome, notes: $notes`),
  reviewChange: mutation('reviewChange', `${ON_CHANGE}, $findings: String!`, `${FOR_CHANGE}, findings: $findings`),
  recordCabDecision: mutation('recordCabDecision', '$input: RecordCabDecisionInput!, $version: Int', 'input: $input, expectedVersion: $version'),
} as const;
export type ChangeMutation = keyof typeof DOCUMENTS;

const CONTENT = {
  title: 'Patch the token check', summary: 'A fixed build of auth', justification: 'A forged token was accepted', serviceId: 'auth',
  action: { kind: 'DEPLOY_INSTANCE', parameters: { serviceId: 'auth', version: '2.1.0' } }, implementationPlan: 'Deploy green, shift, watch', riskAssessment: 'Sessions may drop', rollbackPlan: 'Shift back to blue',
};

/** The subgraph under a clock that the test turns. */
export class ChangeBench {
  private constructor(readonly subgraph: TestSubgraph, private readonly time: { now: Date }) {}

  /** @param start where the clock begins, ISO 8601. */
  static async open(start: string, environment: Record<string, string> = { ACGS_CHANGE_SWEEP_MS: '3600000' }): Promise<ChangeBench> {
    const time = { now: new Date(start) };
    return new ChangeBench(await startTestSubgraph(governanceSynthesis, { clock: () => time.now, environment }), time);
  }

  setClock(moment: string): void {
    this.time.now = new Date(moment);
  }

  async run(field: ChangeMutation, variables: Record<string, unknown>, who: PrincipalClaims, call: CallOptions = {}): Promise<Result> {
    const { data, errors } = await this.subgraph.query<Record<string, Result>>(DOCUMENTS[field], variables, { ...call, principal: who });
    expect(errors).toBeUndefined();
    const result = data?.[field];
    if (result === undefined) throw new Error(`${field} gave nothing`);
    return result;
  }

  /** Runs a mutation that must succeed. */
  async done(field: ChangeMutation, variables: Record<string, unknown>, who: PrincipalClaims): Promise<Change> {
    const result = await this.run(field, variables, who);
    expect(result.message).toBeUndefined();
    return result.change;
  }

  /** Runs a mutation that must be refused. @returns the code. */
  async refused(field: ChangeMutation, variables: Record<string, unknown>, who: PrincipalClaims): Promise<string | undefined> {
    const result = await this.run(field, variables, who);
    expect(result.change).toBeUndefined();
    return result.code;
  }

  content(overrides: Record<string, unknown> = {}): Record<string, unknown> {
    return { ...CONTENT, ...overrides };
  }

  create(category: string, overrides: Record<string, unknown> = {}): Promise<Change> {
    return this.done('createChangeRequest', { input: this.content({ category, implementerId: 'implementer', ...overrides }) }, REQUESTER);
  }

  approve({ id, digest }: Change, who: PrincipalClaims): Promise<Change> {
    return this.done('approveChange', { id, digest }, who);
  }

  async read(id: string, who: PrincipalClaims = READER): Promise<Change> {
    const { data, errors } = await this.subgraph.query<{ changeRequest: Change }>(`query($id: ID!) { changeRequest(id: $id) { ...C } } ${CHANGE}`, { id }, { principal: who });
    expect(errors).toBeUndefined();
    if (data?.changeRequest == null) throw new Error(`${id} was not found`);
    return data.changeRequest;
  }

  async ask<T>(document: string, variables: Record<string, unknown> = {}, who: PrincipalClaims = READER): Promise<T> {
    const { data, errors } = await this.subgraph.query<T>(document, variables, { principal: who });
    expect(errors).toBeUndefined();
    return data as T;
  }
}
