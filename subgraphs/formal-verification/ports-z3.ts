/** Z3 in a child process: forked when needed, killed when it takes too long, gone after a while of idleness. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Solver, SolverAnswer, SolverProblem } from './ports.js';

export interface Z3Options {
  /** Most memory of the process, MiB. */
  readonly memoryMb: number;
  /** Longest time without work before the process is ended, milliseconds. */
  readonly idleMs: number;
  readonly logger: Logger;
}

/** Longest time loading Z3 may take, milliseconds. */
const START_MS = 30_000;
/** Most memory of the engine's own heap, MiB; Z3 lives outside it. */
const HEAP_MB = 256;

interface WorkerMessage {
  readonly ready?: boolean;
  readonly version?: string;
  readonly memory?: boolean;
  readonly id?: number;
  readonly answer?: SolverAnswer;
}

export class Z3Solver implements Solver {
  version: string | null = null;
  private child: ChildProcess | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;
  private stopped = false;
  private onStop: (() => void) | undefined;
  private lastId = 0;

  constructor(private readonly options: Z3Options) {}

  /** Process id of the solver; undefined while none runs. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  check(problem: SolverProblem, timeoutMs: number): Promise<SolverAnswer> {
    const answer = this.queue.then(() => this.run(problem, timeoutMs));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.onStop?.();
    await this.queue;
    await this.end();
  }

  private async run(problem: SolverProblem, timeoutMs: number): Promise<SolverAnswer> {
    if (this.stopped) return { outcome: 'stopped' };
    clearTimeout(this.idle);
    const started = this.child === undefined ? await this.start() : null;
    const answer = started ?? await this.ask(problem, timeoutMs);
    // Only an answer of a solver that is still well leaves it running.
    if (!['sat', 'unsat', 'unknown', 'refused'].includes(answer.outcome)) await this.end();
    this.idle = setTimeout(() => { void this.end(); }, this.options.idleMs);
    this.idle.unref();
    return answer;
  }

  /** Forks the process and waits until Z3 is loaded. @returns null when it is, else the failure. */
  private async start(): Promise<SolverAnswer | null> {
    const child = fork(projectPath('subgraphs', 'formal-verification', 'solver-worker.mjs'), [String(this.options.memoryMb)], {
      // The solver sees no configuration and no secret of this process.
      env: {}, execArgv: [`--max-old-space-size=${HEAP_MB}`], stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.child = child;
    child.on('exit', (code, signal) => {
      if (this.child === child) this.child = undefined;
      this.options.logger.debug({ code, signal }, 'The solver process ended');
    });
    const loaded = await this.converse(child, START_MS, (message) => (message.ready === true ? { version: message.version ?? null } : undefined));
    if ('version' in loaded) {
      this.version = loaded.version;
      return null;
    }
    return loaded.outcome === 'timeout' ? { outcome: 'crashed', detail: `The solver did not load within ${START_MS} ms.` } : loaded;
  }

  private async ask(problem: SolverProblem, timeoutMs: number): Promise<SolverAnswer> {
    const { child } = this;
    if (child === undefined) return { outcome: 'crashed', detail: 'The solver process ended between two problems.' };
    this.lastId += 1;
    const id = this.lastId;
    const answer = this.converse(child, timeoutMs, (message) => (message.id === id ? message.answer : undefined));
    child.send({ id, ...problem }, (error) => { if (error !== null) this.options.logger.debug({ err: error }, 'The solver process took no problem'); });
    return answer;
  }

  /** Waits for the message that `pick` takes, the end of the process, the end of the time, or a stop. */
  private converse<T>(child: ChildProcess, timeoutMs: number, pick: (message: WorkerMessage) => T | undefined): Promise<T | SolverAnswer> {
    return new Promise((resolve) => {
      let isMemory = false;
      const finish = (answer: T | SolverAnswer): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        this.onStop = undefined;
        resolve(answer);
      };
      const onMessage = (message: WorkerMessage): void => {
        if (message.memory === true) isMemory = true;
        const answer = isMemory ? { outcome: 'memory' as const } : pick(message);
        if (answer !== undefined) finish(answer);
      };
      const onExit = (code: number | null, signal: NodeJS.Signals | null): void => finish({ outcome: 'crashed', detail: `The solver process ended with ${signal ?? `code ${code}`}.` });
      const timer = setTimeout(() => finish({ outcome: 'timeout' }), timeoutMs);
      child.on('message', onMessage);
      child.on('exit', onExit);
      this.onStop = () => finish({ outcome: 'stopped' });
      if (this.stopped) finish({ outcome: 'stopped' });
    });
  }

  /** Ends the process at once; Z3 keeps nothing worth a farewell. */
  private async end(): Promise<void> {
    clearTimeout(this.idle);
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
