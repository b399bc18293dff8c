/** Plans operations in worker threads: a bounded queue, a time limit for each plan, and a new thread for one that was ended. */
import type { QueryPlan } from '@apollo/query-planner';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { PlanningUrgency } from '../../execution/contracts.js';
import type { Generation, PlanningJob, PlanningOutcome } from './messages.js';
import { PlanningThread, ThreadLost } from './planning-thread.js';

export interface PlanningPoolOptions {
  /** Worker threads; each holds the planner of every live supergraph it was asked about. Default 1. */
  readonly threads?: number;
  /** Longest time one plan may take, milliseconds. Default 5,000. */
  readonly timeLimitMs?: number;
  /** Most memory of a thread's heap, MiB. Default 1,024. */
  readonly memoryMb?: number;
  /** Most plans that may wait. Default 500. */
  readonly maxWaiting?: number;
  readonly logger: Logger;
  /** Module of the worker, for tests. */
  readonly entry?: URL;
}

/** A plan that was asked for. */
interface Request {
  readonly job: PlanningJob;
  readonly timeLimitMs: number;
  /** Set once the thread was lost with it for no fault that is known to be its own. */
  retried: boolean;
  resolve(outcome: PlanningOutcome): void;
  reject(error: Error): void;
}

interface Slot {
  thread: PlanningThread | undefined;
  busy: boolean;
}

/** Longest time making a planner may take, milliseconds: large graphs take seconds on a slow core. */
const LOAD_MS = 120_000;

/** Plans for every supergraph that is live: from its load until its release. */
export class PlanningPool {
  private readonly slots: readonly Slot[];
  private readonly live = new Map<Generation, string>();
  /** Released, and kept for the plans that waited then. */
  private readonly leaving = new Map<Generation, string>();
  /** Plans that wait or are under way. */
  private readonly wanted = new Map<Generation, number>();
  private readonly urgent: Request[] = [];
  private readonly background: Request[] = [];
  private lastGeneration: Generation = 0;
  private stopped = false;

  constructor(private readonly options: PlanningPoolOptions) {
    this.slots = Array.from({ length: options.threads ?? 1 }, (): Slot => ({ thread: undefined, busy: false }));
  }

  /**
   * Checks a supergraph and makes its planner. It is live from now on unless it is refused.
   * @param accepted labels the manifest accepts now (gate 1); null skips the check.
   * @returns `loaded` or `refused`.
   * @throws AcgsError PLANNING_UNAVAILABLE when no worker could do it, SHUTTING_DOWN after a stop.
   */
  async load(sdl: string, accepted: readonly string[] | null): Promise<{ readonly generation: Generation; readonly outcome: Extract<PlanningOutcome, { kind: 'loaded' | 'refused' }> }> {
    this.lastGeneration += 1;
    const generation = this.lastGeneration;
    const outcome = await this.ask({ kind: 'load', generation, sdl, accepted }, 'request', LOAD_MS);
    if (outcome.kind !== 'loaded' && outcome.kind !== 'refused') throw unavailable(new Error(`A supergraph was loaded and the answer was "${outcome.kind}".`));
    if (outcome.kind === 'loaded') this.live.set(generation, sdl);
    return { generation, outcome };
  }

  /**
   * Plans one operation.
   * @param document GraphQL text, valid against the supergraph's client schema.
   * @throws AcgsError QUERY_TOO_COSTLY when it takes too long or too much memory, GRAPHQL_VALIDATION_FAILED when a name in it
   * keeps it from being planned, PLANNING_UNAVAILABLE when the supergraph was released, too many plans wait, or workers fail,
   * SHUTTING_DOWN after a stop; Error when the planner fails.
   */
  async plan(generation: Generation, document: string, operationName: string | undefined, urgency: PlanningUrgency): Promise<QueryPlan> {
    if (!this.live.has(generation)) throw new AcgsError('PLANNING_UNAVAILABLE', 'The schema this request began with was replaced too often since; send it again.');
    if (this.urgent.length + this.background.length >= (this.options.maxWaiting ?? 500)) throw new AcgsError('PLANNING_UNAVAILABLE', 'Too many new operations wait to be planned; send it again.');
    const outcome = await this.whileWanted(generation, () => this.ask({ kind: 'plan', generation, document, operationName }, urgency, this.options.timeLimitMs ?? 5_000));
    if (outcome.kind === 'planned') return outcome.plan;
    if (outcome.kind === 'too-costly') throw new AcgsError('QUERY_TOO_COSTLY', 'The operation selects too much to be planned.', {}, { cause: new Error(outcome.message) });
    if (outcome.kind === 'unplannable') throw new AcgsError('GRAPHQL_VALIDATION_FAILED', outcome.message);
    throw plannerFailure(outcome);
  }

  /** Lets a supergraph go: plans for it that wait still come, later ones are refused. */
  release(generation: Generation): void {
    const sdl = this.live.get(generation);
    this.live.delete(generation);
    if (sdl !== undefined && this.wanted.has(generation)) this.leaving.set(generation, sdl);
    else this.forget(generation);
  }

  /** Ends all threads; whoever waits is told SHUTTING_DOWN. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const request of [...this.urgent.splice(0), ...this.background.splice(0)]) request.reject(new AcgsError('SHUTTING_DOWN'));
    await Promise.all(this.slots.map(async ({ thread }) => { await thread?.end(); }));
  }

  private async whileWanted<T>(generation: Generation, work: () => Promise<T>): Promise<T> {
    this.wanted.set(generation, (this.wanted.get(generation) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.wanted.get(generation) ?? 1) - 1;
      if (left > 0) this.wanted.set(generation, left);
      else this.wanted.delete(generation);
      if (left === 0 && this.leaving.delete(generation)) this.forget(generation);
    }
  }

  private forget(generation: Generation): void {
    for (const { thread } of this.slots) thread?.release(generation);
  }

  private ask(job: PlanningJob, urgency: PlanningUrgency, timeLimitMs: number): Promise<PlanningOutcome> {
    if (this.stopped) return Promise.reject(new AcgsError('SHUTTING_DOWN'));
    return new Promise((resolve, reject) => {
      const request: Request = { job, timeLimitMs, retried: false, resolve, reject };
      // However many plans wait, a supergraph can be replaced: perhaps they are why.
      if (job.kind === 'load') this.urgent.unshift(request);
      else (urgency === 'request' ? this.urgent : this.background).push(request);
      this.dispatch();
    });
  }

  private dispatch(): void {
    for (const slot of this.slots) {
      if (slot.busy) continue;
      const request = this.urgent.shift() ?? this.background.shift();
      if (request === undefined) return;
      slot.busy = true;
      void this.serve(slot, request).finally(() => {
        slot.busy = false;
        this.dispatch();
      });
    }
  }

  private async serve(slot: Slot, request: Request): Promise<void> {
    try {
      const thread = await this.threadFor(slot, request.job);
      request.resolve(await thread.run(request.job, request.timeLimitMs));
    } catch (error) {
      if (this.stopped) request.reject(new AcgsError('SHUTTING_DOWN'));
      else if (error instanceof ThreadLost) await this.recover(slot, request, error);
      else request.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A running thread that has the supergraph of the job. */
  private async threadFor(slot: Slot, job: PlanningJob): Promise<PlanningThread> {
    if (slot.thread === undefined || slot.thread.lost) slot.thread = this.newThread();
    if (job.kind === 'plan' && !slot.thread.generations.has(job.generation)) await this.restore(slot.thread, job.generation);
    return slot.thread;
  }

  private newThread(): PlanningThread {
    const { memoryMb = 1_024, logger, entry } = this.options;
    return new PlanningThread({ memoryMb, logger, entry });
  }

  private async restore(thread: PlanningThread, generation: Generation): Promise<void> {
    const sdl = this.live.get(generation) ?? this.leaving.get(generation);
    // Only the newest is restored without a plan that wants it, and only while it is live.
    if (sdl === undefined) return;
    try {
      const outcome = await thread.run({ kind: 'restore', generation, sdl }, LOAD_MS);
      if (outcome.kind !== 'restored') throw unavailable(plannerFailure(outcome));
      if (!this.live.has(generation) && !this.leaving.has(generation)) thread.release(generation);
    } catch (error) {
      throw error instanceof ThreadLost ? new ThreadLost('crash', 'A supergraph could not be loaded again.', { cause: error }) : error;
    }
  }

  /** Answers for a job whose thread is gone: its own fault when it took too much, else it is tried once more on a new thread. */
  private async recover(slot: Slot, request: Request, lost: ThreadLost): Promise<void> {
    const { logger } = this.options;
    slot.thread = undefined;
    logger.warn({ err: lost, job: request.job.kind }, 'A planning worker was lost and is replaced');
    if (request.job.kind === 'plan' && lost.reason !== 'crash') {
      request.reject(new AcgsError('QUERY_TOO_COSTLY', lost.reason === 'timeout' ? 'The operation takes too long to plan.' : 'The operation takes too much memory to plan.', {}, { cause: lost }));
      await this.makeReady(slot);
    } else if (lost.reason === 'crash' && !request.retried) {
      request.retried = true;
      this.urgent.unshift(request);
    } else {
      request.reject(unavailable(lost));
    }
  }

  /** Starts a thread for the newest supergraph before it is asked for, so that the next plan does not wait for it. */
  private async makeReady(slot: Slot): Promise<void> {
    const newest = [...this.live.keys()].at(-1);
    if (newest === undefined) return;
    try {
      slot.thread = this.newThread();
      await this.restore(slot.thread, newest);
    } catch (error) {
      if (!this.stopped) this.options.logger.error({ err: error }, 'A planning worker could not be replaced; the next plan tries again');
    }
  }
}

function plannerFailure(outcome: PlanningOutcome): Error {
  if (outcome.kind !== 'failed') return new Error(`The planning worker gave an answer of another kind: ${outcome.kind}.`);
  const error = new Error(`The planner failed: ${outcome.message}`);
  if (outcome.stack !== undefined) error.stack = outcome.stack;
  return error;
}

function unavailable(cause: unknown): AcgsError {
  return new AcgsError('PLANNING_UNAVAILABLE', undefined, {}, { cause });
}
