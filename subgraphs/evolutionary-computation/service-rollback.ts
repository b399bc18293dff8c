/** Use case of a rollback: back to the last earlier instance that is healthy now, in one transaction, without approvals. */
import { randomUUID } from 'node:crypto';
import { Counter, Histogram } from 'prom-client';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import { deploymentTransition, moveDeployment, type Deployment } from './domain-deployments.js';
import { inWords } from './domain-probe.js';
import { choose, rollbackCandidates, type Predecessor, type RollbackReport, type TriedCandidate } from './domain-rollback.js';
import { rollbackCompleted } from './events.js';
import { expectationOf, pointService, recordMove, recordProbe, type EvolutionParts } from './service-unit.js';

/** All candidates are probed at once and this long, milliseconds: a rollback takes well under a second. */
const PROBE_TIMEOUT_MS = 400;
const MAX_REASON = 2_000;
const MAX_ID = 128;

export interface RollbackArguments {
  readonly deploymentId: string;
  readonly reason: string;
  readonly incidentId?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  readonly expectedVersion?: number | null | undefined;
}

export class RollbackService {
  private readonly finished: Counter<'result'>;
  private readonly duration: Histogram;

  constructor(private readonly parts: EvolutionParts) {
    const registers = [parts.deps.metrics.registry];
    this.finished = new Counter({ name: 'acgs_rollbacks_total', help: 'Rollbacks that were asked for, by result: done or impossible.', labelNames: ['result'], registers });
    // Born at zero, so that a rate sees the first one too.
    for (const result of ['done', 'impossible']) this.finished.inc({ result }, 0);
    this.duration = new Histogram({ name: 'acgs_rollback_duration_seconds', help: 'Time from the begin of a rollback until its new target is written.', buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5], registers });
  }

  /** @returns ids of the deployment and of the report. */
  async rollBack(context: SubgraphContext, args: RollbackArguments): Promise<{ id: string; reportId: string }> {
    const began = performance.now();
    context.requireScope('deployment:rollback');
    const { deploymentId, reason, incidentId, idempotencyKey, expectedVersion } = args;
    const input = { deploymentId, reason, incidentId: incidentId ?? null, expectedVersion: expectedVersion ?? null };
    let done: RollbackReport | undefined;
    const result = await this.parts.deps.commands.run(context, { field: 'rollbackDeployment', idempotencyKey, input }, async (unit) => {
      const active = await this.lockActive(unit, args);
      const { tried, probeDurationMs } = await this.probeEarlier(unit, active);
      const chosen = choose(tried);
      if (chosen === null) {
        this.finished.inc({ result: 'impossible' });
        throw conflict(nowhere(active, tried));
      }
      const restored = await this.switchOver(unit, active, chosen, tried, reason.trim());
      const report: RollbackReport = {
        id: randomUUID(), serviceId: active.serviceId, deploymentId, restoredDeploymentId: restored.id, fromInstanceId: active.instanceId, toInstanceId: restored.instanceId,
        reason: reason.trim(), incidentId: incidentId ?? null, requestedById: unit.principalId,
        attempts: tried.map(({ deployment, instance, result }) => ({ instanceId: instance.id, deploymentId: deployment.id, outcome: result.outcome, latencyMs: result.latencyMs })),
        startedAt: unit.now.toISOString(), completedAt: this.parts.deps.clock().toISOString(), probeDurationMs, durationMs: since(began), constitutionalHash: unit.constitutionalHash,
      };
      await this.parts.rollbacks.insert(unit.tx, report);
      unit.emit(rollbackCompleted(report));
      done = report;
      return { id: deploymentId, reportId: report.id };
    });
    if (done !== undefined) {
      this.finished.inc({ result: 'done' });
      this.duration.observe(done.durationMs / 1_000);
    }
    return result;
  }

  /** The deployment under its service's lock, if it can be rolled back. */
  private async lockActive(unit: UnitOfWork, { deploymentId, reason, incidentId, expectedVersion }: RollbackArguments): Promise<Deployment> {
    const { deployments, targets } = this.parts;
    const length = reason.trim().length;
    if (length === 0 || length > MAX_REASON) throw invalidInput(`A rollback needs a reason of at most ${MAX_REASON} characters.`, 'reason');
    if (incidentId != null && (incidentId === '' || incidentId.length > MAX_ID)) throw invalidInput(`An incident id has 1 to ${MAX_ID} characters.`, 'incidentId');
    const known = await deployments.find(unit.tx, deploymentId);
    if (known === null) throw notFound('Deployment', deploymentId);
    await targets.lockService(unit.tx, known.serviceId);
    const deployment = (await deployments.find(unit.tx, deploymentId)) ?? known;
    expectVersion('Deployment', deploymentId, deployment.revision, expectedVersion);
    if (deploymentTransition(deployment.status, 'rollBack') === null) throw conflict(`${deploymentId} is ${deployment.status}; only the active deployment of a service is rolled back.`);
    return deployment;
  }

  private async probeEarlier(unit: UnitOfWork, active: Deployment): Promise<{ tried: TriedCandidate[]; probeDurationMs: number }> {
    const began = performance.now();
    const candidates = rollbackCandidates(active, await this.parts.deployments.predecessors(unit.tx, active.id));
    const expected = expectationOf(this.parts, active.serviceId);
    const tried = await Promise.all(candidates.map(async (candidate: Predecessor): Promise<TriedCandidate> => ({ ...candidate, result: await this.parts.prober.probe(candidate.instance.url, expected, PROBE_TIMEOUT_MS) })));
    return { tried, probeDurationMs: since(began) };
  }

  private async switchOver(unit: UnitOfWork, active: Deployment, chosen: TriedCandidate, tried: readonly TriedCandidate[], reason: string): Promise<Deployment> {
    const { deployments, instances } = this.parts;
    const at = unit.now.toISOString();
    const underWay = await deployments.underWay(unit.tx, active.serviceId);
    if (underWay !== null) await recordMove(this.parts, unit, moveDeployment(underWay, 'fail', at, `${active.serviceId} was rolled back meanwhile.`));
    let target = chosen.instance;
    for (const { instance, result } of tried) {
      const locked = await instances.lock(unit.tx, instance.id);
      const after = locked === null ? null : await recordProbe(this.parts, unit, locked, result);
      if (after !== null && instance.id === chosen.instance.id) target = after;
    }
    await recordMove(this.parts, unit, moveDeployment(active, 'rollBack', at, reason));
    const earlier = await deployments.find(unit.tx, chosen.deployment.id);
    if (earlier === null) throw new Error(`${chosen.deployment.id} vanished during a rollback.`);
    const restored = await recordMove(this.parts, unit, moveDeployment(earlier, 'restore', at, `Rollback of ${active.id}`));
    await pointService(this.parts, unit, restored, target);
    return restored;
  }
}

function nowhere({ id, serviceId }: Deployment, tried: readonly TriedCandidate[]): string {
  if (tried.length === 0) return `There is no earlier instance of ${serviceId} that ${id} could be rolled back to.`;
  const found = tried.map(({ deployment, instance, result }) => `${instance.id} of ${deployment.id} ${inWords(result.outcome)} (${result.outcome})`);
  return `No earlier instance of ${serviceId} is healthy; nothing was changed. Tried: ${found.join('; ')}.`;
}

/** Milliseconds with three decimals. */
function since(moment: number): number {
  return Math.round((performance.now() - moment) * 1_000) / 1_000;
}
