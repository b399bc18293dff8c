/** Moves committed changes of every subgraph into the audit log as soon as they are numbered. */
import { Gauge } from 'prom-client';
import { SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { storedGauge } from '../kernel/stored-gauges.js';
import type { AuditStore } from './store.js';

const BATCH = 1_000;
const RETRY_MS = 1_000;
const SWEEP_MS = 5_000;
/** Counting reads both tables whole. */
const COUNTED_EVERY_MS = 10_000;

/**
 * Starts integrating. Several processes may run this: the append takes a lock, and a leaf is keyed by subgraph and position.
 * @returns the running integrator.
 */
export async function startIntegrator(deps: Pick<SubgraphDeps, 'follow' | 'logger' | 'metrics'>, store: AuditStore): Promise<Stoppable> {
  const lag = new Gauge({ name: 'acgs_audit_pending_changes', help: 'Committed changes that have no leaf yet.', labelNames: ['subgraph'], registers: [deps.metrics.registry] });
  storedGauge({ registry: deps.metrics.registry, logger: deps.logger }, {
    name: 'acgs_audit_trail_completeness', help: 'Share of the committed changes of a subgraph that have a leaf, 0 to 1; absent before the first change.', labelNames: ['subgraph'], goodForMs: COUNTED_EVERY_MS,
    read: async () => (await Promise.all(SUBGRAPH_SCHEMAS.map(async (schema) => ({ schema, ...await store.coverage(schema) })))).flatMap(({ schema, committed, leaves }) => (committed === 0 ? [] : [{ labels: { subgraph: schema }, value: leaves / committed }])),
  });
  const workers = SUBGRAPH_SCHEMAS.map((schema) => new SchemaWorker(schema, store, deps.logger));
  for (const worker of workers) {
    const log = await deps.follow(worker.schema);
    log.listen(() => worker.wake());
    worker.wake();
  }
  const sweep = setInterval(() => {
    for (const worker of workers) {
      worker.wake();
      store.pending(worker.schema).then(
        (pending) => lag.set({ subgraph: worker.schema }, pending),
        (error: unknown) => deps.logger.warn({ err: error, schema: worker.schema }, 'Counting pending changes failed'),
      );
    }
  }, SWEEP_MS);
  sweep.unref();
  return {
    async stop() {
      clearInterval(sweep);
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

class SchemaWorker implements Stoppable {
  private again = false;
  private stopped = false;
  private retry: NodeJS.Timeout | undefined;
  private work: Promise<void> | undefined;

  constructor(readonly schema: SubgraphSchema, private readonly store: AuditStore, private readonly logger: SubgraphDeps['logger']) {}

  wake(): void {
    this.again = true;
    if (this.work !== undefined || this.stopped) return;
    this.work = this.drain().finally(() => { this.work = undefined; });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.work;
  }

  private async drain(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        while (!this.stopped && (await this.store.integrate(this.schema, BATCH)) === BATCH);
      }
    } catch (error) {
      if (this.stopped) return;
      this.logger.warn({ err: error, schema: this.schema }, 'Integrating audit leaves failed; trying again');
      this.retry = setTimeout(() => this.wake(), RETRY_MS);
    }
  }
}
