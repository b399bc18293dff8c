/** Checks schemas in a worker thread of their own: composition takes seconds and memory, and may be killed. */
import { Worker } from 'node:worker_threads';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { SchemaCheckReport, SchemaCheckRequest } from '../../ops/runtime/schema-check.js';
import { conflict, invalidInput } from '../kernel/refusals.js';
import type { SchemaChecker } from './ports.js';

export interface SchemaCheckerOptions {
  /** Most memory of the worker's heap, MiB. */
  readonly memoryMb: number;
  /** Longest time one check may take, milliseconds. */
  readonly timeoutMs: number;
}

/** Checks that may wait; one runs at a time. */
const MAX_WAITING = 8;

type WorkerAnswer = { readonly report: SchemaCheckReport } | { readonly error: { readonly message: string } };

export class WorkerSchemaChecker implements SchemaChecker {
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private running: Worker | undefined;
  private stopped = false;

  /** The worker's code belongs to the gateway, which composes; a subgraph knows it by its path only. */
  constructor(private readonly options: SchemaCheckerOptions, private readonly script = projectPath('dist', 'gateway', 'supergraph', 'checks', 'check-worker.js')) {}

  async check(request: () => Promise<SchemaCheckRequest>): Promise<SchemaCheckReport> {
    if (this.waiting >= MAX_WAITING) throw conflict('Too many schema checks are waiting; try again in a moment.');
    this.waiting += 1;
    const turn = this.queue.then(async () => this.run(await request()));
    this.queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting -= 1;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running?.terminate();
    await this.queue;
  }

  private run(request: SchemaCheckRequest): Promise<SchemaCheckReport> {
    const { memoryMb, timeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      if (this.stopped) {
        reject(conflict('The service is stopping; try again in a moment.'));
        return;
      }
      const worker = new Worker(this.script, { workerData: request, resourceLimits: { maxOldGenerationSizeMb: memoryMb }, execArgv: [] });
      this.running = worker;
      let settled = false;
      // The next check begins when this thread has gone: two of them would need twice the memory.
      const end = (settle: () => void): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        void worker.terminate().then(() => {
          this.running = undefined;
          settle();
        }, reject);
      };
      const timer = setTimeout(() => end(() => reject(invalidInput(`The check took longer than ${timeoutMs} ms and was ended.`, 'input.subgraphs'))), timeoutMs);
      worker.once('message', (answer: WorkerAnswer) => end(() => { if ('report' in answer) resolve(answer.report); else reject(new Error(`The schema check failed: ${answer.error.message}`)); }));
      worker.once('error', (error) => end(() => reject((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? invalidInput(`The check needs more than ${memoryMb} MiB and was ended.`, 'input.subgraphs') : error)));
      worker.once('exit', () => end(() => reject(this.stopped ? conflict('The service is stopping; try again in a moment.') : new Error('The schema check ended without an answer.'))));
    });
  }
}
