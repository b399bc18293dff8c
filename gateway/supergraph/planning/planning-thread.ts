/** One worker thread that plans: started, given one job at a time, and ended at once when a job takes too long. */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { Generation, PlanningJob, PlanningOutcome, WorkerMessage } from './messages.js';

export interface PlanningThreadOptions {
  /** Most memory of the thread's heap, MiB; a job that needs more ends the thread. */
  readonly memoryMb: number;
  readonly logger: Logger;
  /** Module of the worker; default: the planning worker, compiled or from source like this module. */
  readonly entry?: URL | undefined;
}

/** Why a thread gave no answer; it is gone then. */
export class ThreadLost extends Error {
  override readonly name = 'ThreadLost';
  constructor(readonly reason: 'timeout' | 'memory' | 'crash', message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** Longest time the worker's modules may take to load, milliseconds. */
const START_MS = 60_000;
/** The worker sees no configuration and no secret of this process. */
const ENVIRONMENT = { APOLLO_TELEMETRY_DISABLED: 'true', NODE_ENV: 'production' };

/** A thread. Jobs are given one after another, the first once it is ready; the caller waits for each. */
export class PlanningThread {
  /** Resolves when its modules are loaded. @throws ThreadLost */
  readonly ready: Promise<void>;
  /** Supergraphs whose planner it has. */
  readonly generations = new Set<Generation>();
  private readonly worker: Worker;
  private readonly logger: Logger;
  private ended = false;
  private settle: { resolve(outcome: PlanningOutcome | 'ready'): void; reject(error: ThreadLost): void } | undefined;

  constructor({ memoryMb, logger, entry = workerEntry() }: PlanningThreadOptions) {
    this.logger = logger;
    this.worker = new Worker(entry, { env: ENVIRONMENT, resourceLimits: { maxOldGenerationSizeMb: memoryMb }, name: 'acgs-planning' });
    this.worker.on('message', (message: WorkerMessage) => this.receive(message));
    this.worker.on('messageerror', (error) => this.lose(new ThreadLost('crash', 'An answer of the planning worker could not be read.', { cause: error })));
    this.worker.on('error', (error: Error & { code?: string }) => this.lose(error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? new ThreadLost('memory', 'The planning worker ran out of memory.', { cause: error })
      : new ThreadLost('crash', 'The planning worker failed.', { cause: error })));
    this.worker.on('exit', (code) => this.lose(new ThreadLost('crash', `The planning worker ended with code ${code}.`)));
    this.ready = this.next(START_MS, 'load its modules').then(() => undefined);
  }

  /** True once it can take no further job. */
  get lost(): boolean {
    return this.ended;
  }

  /**
   * Does one job; there must be no other under way.
   * @param timeLimitMs longest time it may take, milliseconds.
   * @throws ThreadLost when there is no answer; the thread has been ended then.
   */
  async run(job: PlanningJob, timeLimitMs: number): Promise<PlanningOutcome> {
    await this.ready;
    if (this.ended) throw new ThreadLost('crash', 'The planning worker has ended.');
    const answer = this.next(timeLimitMs, `do a job (${job.kind})`);
    this.worker.postMessage(job);
    const outcome = await answer;
    if (outcome === 'ready') throw new ThreadLost('crash', 'The planning worker started twice.');
    if (outcome.kind === 'loaded' || outcome.kind === 'restored') this.generations.add(job.generation);
    return outcome;
  }

  /** Lets a supergraph go. */
  release(generation: Generation): void {
    if (this.generations.delete(generation) && !this.ended) this.worker.postMessage({ kind: 'release', generation });
  }

  /** Ends the thread, also in the middle of a job. */
  async end(): Promise<void> {
    this.ended = true;
    this.settle?.reject(new ThreadLost('crash', 'The planning worker was stopped.'));
    await this.worker.terminate();
  }

  private next(timeLimitMs: number, what: string): Promise<PlanningOutcome | 'ready'> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.lose(new ThreadLost('timeout', `The planning worker took more than ${timeLimitMs} ms to ${what}.`)), timeLimitMs);
      const done = (): void => { clearTimeout(timer); this.settle = undefined; };
      this.settle = { resolve: (outcome) => { done(); resolve(outcome); }, reject: (error) => { done(); reject(error); } };
    });
  }

  private receive(message: WorkerMessage): void {
    if (message.kind === 'log') this.logger[message.level](message.message);
    else this.settle?.resolve(message.kind === 'ready' ? 'ready' : message.outcome);
  }

  private lose(reason: ThreadLost): void {
    if (!this.ended) {
      this.ended = true;
      if (this.settle === undefined) this.logger.warn({ err: reason }, 'A planning worker ended while it had nothing to do');
      this.worker.terminate().catch((error: unknown) => this.logger.error({ err: error }, 'A planning worker could not be ended'));
    }
    this.settle?.reject(reason);
  }
}

/** Workers load no TypeScript: from source the thread starts a module that makes it do so (tests), compiled it starts the compiled worker. */
function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './planner-worker-source.mjs' : './planner-worker.js', import.meta.url);
}
