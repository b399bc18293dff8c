/** A Node process pinned to one core, asked over IPC, with its CPU time and memory read from /proc. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cpus } from 'node:os';
import type { Answer, Question, Ready } from './parent-channel.js';

export interface PinnedOptions {
  /** Shown in errors. */
  readonly name: string;
  /** Script to run. */
  readonly script: string;
  readonly args: readonly string[];
  /** Flags of Node itself. */
  readonly nodeArgs?: readonly string[];
  /** Core to pin to; ignored where there is no taskset or only one core. */
  readonly core: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Longest wait for the process to say that it is ready, milliseconds; default 60,000. */
  readonly readyMs?: number;
}

/** Ticks of /proc in a second; Linux reports in this unit on every architecture. */
export const USER_HZ = 100;

export class PinnedProcess {
  private readonly pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  private questions = 0;
  private output = '';
  private ended: Error | undefined;
  ready: Readonly<Record<string, unknown>> = {};

  private constructor(readonly name: string, private readonly child: ChildProcess) {
    const keep = (chunk: Buffer): void => { this.output = (this.output + chunk.toString()).slice(-8_000); };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('message', (message: Answer | Ready) => {
      if ('ready' in message) return;
      const waiting = this.pending.get(message.id);
      this.pending.delete(message.id);
      if (message.fault === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(`${name}: ${message.fault}`));
    });
    child.once('exit', (code, signal) => {
      this.ended = new Error(`${name} ended with ${signal ?? code}:\n${this.output}`);
      for (const { reject } of this.pending.values()) reject(this.ended);
    });
  }

  /** Starts it and waits until it is ready. @throws Error with its output when it ends first or takes too long. */
  static async start(options: PinnedOptions): Promise<PinnedProcess> {
    const command = [process.execPath, ...(options.nodeArgs ?? []), options.script, ...options.args];
    const pinned = canPin() ? ['taskset', '-c', String(options.core), ...command] : command;
    const child = spawn(pinned[0] as string, pinned.slice(1), { env: { ...options.environment }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const self = new PinnedProcess(options.name, child);
    const { readyMs = 60_000 } = options;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${options.name} was not ready after ${readyMs} ms:\n${self.output}`)), readyMs);
      child.on('message', (message: Answer | Ready) => {
        if (!('ready' in message)) return;
        self.ready = message.ready;
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', () => { clearTimeout(timer); reject(self.ended ?? new Error(`${options.name} ended.`)); });
    }).catch(async (error: unknown) => {
      await self.stop();
      throw error;
    });
    return self;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Last lines the process wrote. */
  written(): string {
    return this.output;
  }

  /** Asks the process. @throws Error with its fault, or when it has ended. */
  async ask<T>(what: string, given?: unknown): Promise<T> {
    if (this.ended !== undefined) throw this.ended;
    const id = this.questions += 1;
    return new Promise<T>((resolve, reject) => {
      this.pending.set(id, { resolve: (value) => resolve(value as T), reject });
      this.child.send({ id, ask: what, with: given } satisfies Question);
    });
  }

  /** CPU time of all threads since the start, seconds; resolution 10 ms. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / USER_HZ;
  }

  /** Resident memory now, MiB. */
  residentMiB(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  }

  /** Ends it: SIGTERM, and SIGKILL after 10 s. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => { this.child.kill('SIGKILL'); }, 10_000);
    await ended;
    clearTimeout(timer);
  }
}

/** True where processes can be given a core each. */
export function canPin(): boolean {
  return cpus().length > 1 && (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'taskset')));
}
