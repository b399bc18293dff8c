/** Publishes and retires policies, and judges requests by those in force. */
import { randomUUID } from 'node:crypto';
import { digestOf } from '../../ops/runtime/canonical-json.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import { conclude, textDigest, type Decision, type Evaluation, type Policy, type PolicyError, type PolicyRequest, type PolicyState, type PolicyVersion } from './domain-policies.js';
import { decisionEvent, policyEvent, STREAM } from './events.js';
import type { GovernanceMetrics } from './metrics.js';
import { checkFirst, isUuid, readPage, type Page } from './page.js';
import type { CheckedPolicy, PolicyEngine } from './ports.js';
import type { SeedPolicy } from './seed-policies.js';
import type { PolicyStore } from './store-policies.js';

const POLICY_ID = /^[a-z][a-z0-9-]{1,62}[a-z0-9]$/;
/** Identifiers, actions and roles of a request: no control characters and no halves of surrogate pairs. */
const REQUEST_NAME = /^[^\p{Cc}\p{Cs}]{1,256}$/u;
const MAX_ROLES = 50;
const MAX_CEDAR = 16_000;
const MAX_CONTEXT = 16_384;

export type PublishInput = SeedPolicy;
export type PublishResult = { readonly policy: Policy } | { readonly errors: readonly PolicyError[] };

export interface PolicyChange {
  readonly expectedVersion?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

export class PolicyService {
  private refreshing: Promise<void> = Promise.resolve();

  constructor(private readonly deps: SubgraphDeps, private readonly store: PolicyStore, private readonly engine: PolicyEngine, private readonly metrics: GovernanceMetrics) {}

  /** Loads the policies in force and follows changes other processes make. */
  async start(): Promise<Stoppable> {
    const unlisten = this.deps.events.listen((events) => {
      if (events.some(({ stream }) => stream === STREAM.policy)) this.refresh().catch((error: unknown) => this.deps.logger.error({ err: error }, 'Loading the policies failed; the set before stays in force'));
    });
    await this.refresh();
    return { stop: async () => { unlisten(); await this.refreshing; } };
  }

  /** Loads the policies in force now; calls take turns. */
  refresh(): Promise<void> {
    const next = this.refreshing.then(async () => { this.adopt(await this.store.activeSet()); });
    this.refreshing = next.catch(() => undefined);
    return next;
  }

  private adopt(set: Awaited<ReturnType<PolicyStore['activeSet']>>): void {
    if (this.engine.set === null || set.revision > this.engine.set.revision) this.engine.load(set);
  }

  async publish(context: SubgraphContext, input: PublishInput, { expectedVersion, idempotencyKey }: PolicyChange): Promise<PublishResult> {
    context.requireScope('policy:write');
    checkPublication(input);
    const checked = this.engine.check(input.cedar);
    if ('errors' in checked) return checked;
    const { id, title, description, cedar } = input;
    await this.deps.commands.run(context, { field: 'publishPolicy', idempotencyKey, input: { id, title, description, cedar, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      await this.put(unit, input, checked, expectedVersion);
      return { id };
    });
    return { policy: await this.afterChange(id) };
  }

  async retire(context: SubgraphContext, id: string, { expectedVersion, idempotencyKey }: PolicyChange): Promise<Policy> {
    context.requireScope('policy:write');
    await this.deps.commands.run(context, { field: 'retirePolicy', idempotencyKey, input: { id, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      await this.store.lockSet(unit.tx);
      const policy = await this.store.find(unit.tx, id);
      if (policy === null) throw notFound('Policy', id);
      expectVersion('Policy', id, policy.version, expectedVersion);
      if (policy.state === 'RETIRED') throw conflict(`Policy ${id} is retired.`);
      const retired: Policy = { ...policy, state: 'RETIRED', updatedAt: unit.now.toISOString(), version: policy.version + 1 };
      await this.store.save(unit.tx, retired);
      await this.store.bumpSet(unit.tx);
      unit.emit(policyEvent('PolicyRetired', retired));
      return { id };
    });
    return this.afterChange(id);
  }

  /** Publishes those of the given policies that are not there; what people changed since stays. */
  async seed(policies: readonly SeedPolicy[]): Promise<void> {
    await this.deps.commands.runAs('system:seed', 'seed', async (unit) => {
      await this.store.lockSet(unit.tx);
      for (const policy of policies) {
        if ((await this.store.find(unit.tx, policy.id)) !== null) continue;
        const checked = this.engine.check(policy.cedar);
        if ('errors' in checked) throw new Error(`The policy ${policy.id} of the installation does not hold: ${checked.errors.map(({ message }) => message).join('; ')}`);
        await this.put(unit, policy, checked, null);
      }
    });
    await this.refresh();
  }

  private async put(unit: UnitOfWork, input: PublishInput, { effect, annotations }: CheckedPolicy, expectedVersion: number | null | undefined): Promise<void> {
    await this.store.lockSet(unit.tx);
    const before = await this.store.find(unit.tx, input.id);
    if (before === null && expectedVersion !== null && expectedVersion !== undefined) throw conflict(`Policy ${input.id} does not exist yet; publish it without expectedVersion.`, 'VERSION_CONFLICT');
    if (before !== null) expectVersion('Policy', input.id, before.version, expectedVersion);
    const now = unit.now.toISOString();
    const current: PolicyVersion = {
      policyId: input.id, number: (before?.current.number ?? 0) + 1, cedar: input.cedar, effect, annotations, digest: textDigest(input.cedar), publishedBy: unit.principalId, publishedAt: now,
    };
    const policy: Policy = {
      id: input.id, title: input.title.trim(), description: input.description.trim(), state: 'ACTIVE', current, updatedAt: now,
      version: (before?.version ?? 0) + 1, constitutionalHash: before?.constitutionalHash ?? unit.constitutionalHash,
    };
    if (before === null) await this.store.insert(unit.tx, policy);
    else {
      await this.store.addVersion(unit.tx, current, unit.constitutionalHash);
      await this.store.save(unit.tx, policy);
    }
    await this.store.bumpSet(unit.tx);
    unit.emit(policyEvent('PolicyPublished', policy));
  }

  private async afterChange(id: string): Promise<Policy> {
    await this.refresh();
    const policy = (await this.store.byIds([id])).get(id);
    if (policy === undefined) throw notFound('Policy', id);
    return policy;
  }

  /** Judges a request by the set this process has in force; another process's publication follows within milliseconds. */
  evaluate(request: PolicyRequest): Evaluation {
    const started = performance.now();
    const problem = requestProblem(request);
    const answer = problem === null ? this.engine.evaluate(request, this.deps.manifest.active) : { allowed: false, determining: [], errors: [problem.message] };
    const evaluation = conclude(this.engine.set ?? EMPTY_SET, answer);
    this.metrics.evaluation.observe({ outcome: evaluation.outcome }, (performance.now() - started) / 1_000);
    return evaluation;
  }

  /** Judges a request by exactly the set that is in force when the decision commits, and records it. */
  async decide(context: SubgraphContext, request: PolicyRequest, idempotencyKey: string | null | undefined): Promise<Decision> {
    context.requireScope('policy:evaluate');
    const problem = requestProblem(request);
    if (problem !== null) throw invalidInput(problem.message, problem.field);
    const { principal, action, resource } = request;
    const subject = { principal: { id: principal.id, kind: principal.kind, roles: [...principal.roles] }, action, resource: { type: resource.type, id: resource.id, ownerId: resource.ownerId ?? null }, context: request.context ?? {} };
    const { id } = await this.deps.commands.run(context, { field: 'decide', idempotencyKey, input: subject }, async (unit) => {
      const revision = await this.store.holdSet(unit.tx);
      if (this.engine.set === null || this.engine.set.revision < revision) this.adopt(await this.store.activeSetWithin(unit.tx));
      const made = {
        id: randomUUID(), principalId: principal.id, action, resourceType: resource.type, resourceId: resource.id, evaluation: this.evaluate(request),
        requestDigest: digestOf(subject).toString('hex'), decidedBy: unit.principalId, decidedAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash,
      };
      const decision: Decision = { ...made, receiptDigest: receiptDigest(made) };
      await this.store.record(unit.tx, decision);
      unit.emit(decisionEvent(decision));
      return { id: decision.id };
    });
    const decision = (await this.store.decisionsByIds([id])).get(id);
    if (decision === undefined) throw notFound('Decision', id);
    return decision;
  }

  policies(state: PolicyState | null | undefined, first: number): Promise<Policy[]> {
    checkFirst(first);
    return this.store.list(state, first);
  }

  policy(context: SubgraphContext, id: string): Promise<Policy | null> {
    return context.loader<string, Policy>('policyById', (ids) => this.store.byIds(ids)).load(id);
  }

  async versions(context: SubgraphContext, policyId: string, first: number): Promise<PolicyVersion[]> {
    checkFirst(first);
    return (await context.loader<string, PolicyVersion[]>(`versionsOf:${first}`, (ids) => this.store.versions(ids, first)).load(policyId)) ?? [];
  }

  decisions(first: number, after: string | null | undefined): Promise<Page<Decision>> {
    return readPage('decisions', first, after, (limit, place) => this.store.decisions(limit, place), ({ decidedAt }) => decidedAt);
  }

  decision(context: SubgraphContext, id: string): Promise<Decision | null> {
    return isUuid(id) ? context.loader<string, Decision>('decisionById', (ids) => this.store.decisionsByIds(ids)).load(id.toLowerCase()) : Promise.resolve(null);
  }
}

const EMPTY_SET = { revision: 0, digest: '', policies: new Map<string, PolicyVersion>() };

/** SHA-256 over the canonical form of everything a decision says, hexadecimal. */
export function receiptDigest(decision: Omit<Decision, 'receiptDigest'>): string {
  return digestOf(decision).toString('hex');
}

function requestProblem({ principal, action, resource, context }: PolicyRequest): { field: string; message: string } | null {
  const names: ReadonlyArray<readonly [string, string]> = [
    ['principal.id', principal.id], ['action', action], ['resource.type', resource.type], ['resource.id', resource.id],
    ...(resource.ownerId === null || resource.ownerId === undefined ? [] : [['resource.ownerId', resource.ownerId] as const]),
    ...principal.roles.map((role) => ['principal.roles', role] as const),
  ];
  const bad = names.find(([, value]) => !REQUEST_NAME.test(value));
  if (bad !== undefined) return { field: `input.${bad[0]}`, message: `${bad[0]} has 1 to 256 characters, none of them a control character.` };
  if (principal.roles.length > MAX_ROLES) return { field: 'input.principal.roles', message: `A principal has at most ${MAX_ROLES} roles.` };
  const size = context === null || context === undefined ? 0 : JSON.stringify(context).length;
  return size > MAX_CONTEXT ? { field: 'input.context', message: `The context is at most ${MAX_CONTEXT} characters of JSON.` } : null;
}

function checkPublication({ id, title, description, cedar }: PublishInput): void {
  if (!POLICY_ID.test(id)) throw invalidInput('An identifier has 3 to 64 lower-case letters, digits and hyphens and begins with a letter.', 'input.id');
  if (title.trim() === '' || title.length > 200 || title.includes('\0')) throw invalidInput('A title has 1 to 200 characters.', 'input.title');
  if (description.length > 4_000 || description.includes('\0')) throw invalidInput('A description has at most 4,000 characters.', 'input.description');
  if (cedar.length > MAX_CEDAR || cedar.includes('\0')) throw invalidInput(`A policy has at most ${MAX_CEDAR} characters.`, 'input.cedar');
}
