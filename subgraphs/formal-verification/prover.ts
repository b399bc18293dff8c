/** Decides pending obligations in the background, oldest first; what a lost process left is taken up when its lease ends. */
import { randomUUID } from 'node:crypto';
import { Counter, Histogram } from 'prom-client';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { PROOF_LIMITS, proofTransition, type ProofDecision } from './domain.js';
import { proofDecided } from './events.js';
import type { Solver } from './ports.js';
import { prove } from './prove.js';
import type { Claim, ProofStore } from './store.js';

const SWEEP_MS = 2_000;

export class Prover implements Stoppable {
  private readonly owner = randomUUID();
  private readonly proofs: Counter;
  private readonly duration: Histogram;
  private sweep: NodeJS.Timeout | undefined;
  private work: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(private readonly deps: SubgraphDeps, private readonly store: ProofStore, private readonly solver: Solver) {
    const registers = [deps.metrics.registry];
    this.proofs = new Counter({ name: 'acgs_proofs_total', help: 'Proof obligations decided, by status.', labelNames: ['status'], registers });
    this.duration = new Histogram({ name: 'acgs_proof_duration_seconds', help: 'Time the solver took for a proof.', buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60], registers });
  }

  /** Begins with whatever is pending, also from before a restart. */
  start(): this {
    this.sweep = setInterval(() => this.wake(), SWEEP_MS);
    this.sweep.unref();
    this.wake();
    return this;
  }

  /** Says that there may be work. */
  wake(): void {
    this.again = true;
    if (this.work !== undefined || this.stopped) return;
    this.work = this.drain().finally(() => { this.work = undefined; });
  }

  /** Ends the solver at once; the proof under way is given back and not lost. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.sweep);
    await this.solver.stop();
    await this.work;
  }

  private async drain(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        for (let claim = await this.claim(); claim !== null; claim = await this.claim()) await this.process(claim);
      }
    } catch (error) {
      // The lease ends by itself; the next sweep tries again.
      if (!this.stopped) this.deps.logger.warn({ err: error }, 'Deciding proof obligations failed; trying again');
    }
  }

  private async claim(): Promise<Claim | null> {
    return this.stopped ? null : this.store.claim(this.owner, this.deps.clock());
  }

  private async process({ obligationId, attempts }: Claim): Promise<void> {
    const obligation = (await this.store.byIds([obligationId])).get(obligationId);
    if (obligation === undefined) throw new Error(`There is work for ${obligationId}, which does not exist.`);
    if (attempts > PROOF_LIMITS.attempts) {
      await this.record(obligationId, { status: 'ERROR', reasonCode: 'ATTEMPTS_EXHAUSTED', reason: `${PROOF_LIMITS.attempts} processes took up the proof and none finished it.`, counterexample: null, solver: null }, null);
      return;
    }
    const started = performance.now();
    const proof = await prove(obligation.problem, this.solver, obligation.timeoutMs);
    if (proof === null) {
      await this.store.release(obligationId, this.owner);
      return;
    }
    const durationMs = Math.round(performance.now() - started);
    await this.record(obligationId, { ...proof, solver: this.solver.version }, durationMs);
    this.proofs.inc({ status: proof.status });
    this.duration.observe(durationMs / 1_000);
  }

  private async record(id: string, decision: ProofDecision, durationMs: number | null): Promise<void> {
    await this.deps.commands.runAs('system:prover', `proof-${id}`, async (unit) => {
      const obligation = await this.store.lock(unit.tx, id);
      const transition = obligation === null ? null : proofTransition(obligation.status, decision.status);
      // Another process decided after this one's lease had ended: the first decision stands.
      if (transition === null) return;
      unit.emit(proofDecided(transition.event, await this.store.decide(unit.tx, id, decision, durationMs, unit.now)));
    });
  }
}
