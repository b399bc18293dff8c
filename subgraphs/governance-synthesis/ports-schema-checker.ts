/** Checks schemas in a worker thread: composition takes seconds and memory, and may be killed. */
import { Worker } from 'node:worker_threads';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { SchemaCheckAnswer, SchemaCheckReport, SchemaCheckRequest } from '../../ops/runtime/schema-check.js';
import { conflict, invalidInput } from '../kernel/refusals.js';
import type { SchemaChecker } from './ports.js';

export interface SchemaCheckerOptions {
  /** Most memory of the thread's heap, MiB. */
  readonly memoryMb: number;
  /** Longest time one check may take, milliseconds. */
  readonly timeoutMs: number;
}

/** Checks that may wait; one runs at a time. */
const MAX_WAITING = 8;
/** The thread is kept for a while: loading what composes takes as long as a check, and a publication follows its check. */
const IDLE_MS = 30_000;

export class WorkerSchemaChecker implements SchemaChecker {
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;
  private stopped = false;

  /** The thread's code belongs to the gateway, which composes; a subgraph knows it by its path only. */
  constructor(private readonly options: SchemaCheckerOptions, private readonly script = projectPath('dist', 'gateway', 'supergraph', 'checks', 'check-worker.js')) {}

  async check(request: () => Promise<SchemaCheckRequest>): Promise<SchemaCheckReport> {
    if (this.waiting >= MAX_WAITING) throw conflict('Too many schema checks are waiting; try again in a moment.');
    this.waiting += 1;
    const turn = this.queue.then(async () => {
      const asked = await request();
      if (this.stopped) throw stopping();
      return this.run(asked);
    });
    this.queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting -= 1;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.end();
    await this.queue;
  }

  private async run(request: SchemaCheckRequest): Promise<SchemaCheckReport> {
    clearTimeout(this.idle);
    const worker = this.worker ??= this.start();
    worker.ref();
    let answer: SchemaCheckAnswer;
    try {
      answer = await this.ask(worker, request);
    } catch (error) {
      // The next check begins when this thread has gone: two of them would need twice the memory.
      await this.end();
      throw error;
    }
    worker.unref();
    this.idle = setTimeout(() => { void this.end(); }, IDLE_MS);
    this.idle.unref();
    if ('report' in answer) return answer.report;
    throw new Error(`The schema check failed: ${answer.error.message}`);
  }

  private start(): Worker {
    const worker = new Worker(this.script, { workerData: null, resourceLimits: { maxOldGenerationSizeMb: this.options.memoryMb }, execArgv: [] });
    // Whoever asks it hears of its errors; one that ends between two questions is only not used again.
    worker.on('error', () => { if (this.worker === worker) this.worker = undefined; });
    worker.on('exit', () => { if (this.worker === worker) this.worker = undefined; });
    return worker;
  }

  private ask(worker: Worker, request: SchemaCheckRequest): Promise<SchemaCheckAnswer> {
    const { memoryMb, timeoutMs } = this.options;
    return new Promise<SchemaCheckAnswer>((resolve, reject) => {
      const settled = (settle: () => void): void => {
        clearTimeout(timer);
        worker.off('message', answered).off('error', failed).off('exit', ended);
        settle();
      };
      const answered = (answer: SchemaCheckAnswer): void => settled(() => resolve(answer));
      const ended = (): void => settled(() => reject(this.stopped ? stopping() : new Error('The schema check ended without an answer.')));
      const failed = (error: Error): void => settled(() => reject((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? invalidInput(`The check needs more than ${memoryMb} MiB and was ended.`, 'input.subgraphs') : error));
      const timer = setTimeout(() => settled(() => reject(invalidInput(`The check took longer than ${timeoutMs} ms and was ended.`, 'input.subgraphs'))), timeoutMs);
      worker.on('message', answered).on('error', failed).on('exit', ended);
      worker.postMessage(request);
    });
  }

  /** Ends the thread, and waits until it has gone. */
  private async end(): Promise<void> {
    clearTimeout(this.idle);
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }
}

function stopping(): Error {
  return conflict('The service is stopping; try again in a moment.');
}
