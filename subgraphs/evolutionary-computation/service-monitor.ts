/** Watches the active instances and continues deployments that were left behind; one process at a time does it. */
import { randomUUID } from 'node:crypto';
import { Gauge } from 'prom-client';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { DeploymentService } from './service-deployments.js';
import { expectationOf, PROBE_TIMEOUT_MS, recordProbe, type EvolutionParts } from './service-unit.js';
import type { Target } from './store-targets.js';

const LEASE = 'health-monitor';
const ACTOR = 'system:health-monitor';
/** Beyond the time one round takes at worst, milliseconds. */
const LEASE_MARGIN_MS = 5_000;

export class HealthMonitor {
  private readonly holder = randomUUID();
  private readonly healthy: Gauge<'target'>;

  constructor(private readonly parts: EvolutionParts, private readonly deployments: DeploymentService) {
    this.healthy = new Gauge({ name: 'acgs_active_instance_up', help: 'Whether the last probe found the active instance of a service healthy; 1 or 0.', labelNames: ['target'], registers: [parts.deps.metrics.registry] });
  }

  /** Runs a round every so often. @param everyMs pause between two rounds, milliseconds. */
  start(everyMs: number): Stoppable {
    const { deps, targets } = this.parts;
    let running: Promise<void> | undefined;
    const timer = setInterval(() => {
      running ??= this.round(2 * everyMs + LEASE_MARGIN_MS)
        .then(() => undefined, (error: unknown) => deps.logger.warn({ err: error }, 'A round of the health monitor failed; the next one tries again'))
        .finally(() => { running = undefined; });
    }, everyMs);
    timer.unref();
    return {
      stop: async () => {
        clearInterval(timer);
        await running;
        await targets.release(LEASE, this.holder).catch((error: unknown) => deps.logger.warn({ err: error }, 'The lease of the health monitor could not be given back; it runs out'));
      },
    };
  }

  /** @returns false when another process holds the lease. */
  async round(leaseMs: number): Promise<boolean> {
    const { targets } = this.parts;
    if (!(await targets.lease(LEASE, this.holder, leaseMs))) return false;
    const requestId = `health-${randomUUID()}`;
    const table = await targets.table();
    await Promise.all(table.targets.map((target) => this.watch(target, requestId)));
    await this.deployments.resume(requestId);
    return true;
  }

  private async watch({ serviceId, instanceId, url }: Target, requestId: string): Promise<void> {
    const { deps, prober, instances, targets } = this.parts;
    const result = await prober.probe(url, expectationOf(this.parts, serviceId), PROBE_TIMEOUT_MS);
    this.healthy.set({ target: serviceId }, result.outcome === 'HEALTHY' ? 1 : 0);
    await deps.commands.runAs(ACTOR, requestId, async (unit) => {
      await targets.lockService(unit.tx, serviceId);
      const instance = await instances.lock(unit.tx, instanceId);
      // What was probed may have moved or been retired since.
      if (instance === null || instance.state === 'RETIRED' || instance.url !== url) return;
      await recordProbe(this.parts, unit, instance, result);
    });
  }
}
