/** What a process spends: cycles and instructions where the machine's counters can be read, CPU time everywhere. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { USER_HZ, type PinnedProcess } from './pinned-process.js';

export interface Spent {
  /** CPU time of all threads, seconds. */
  readonly cpuSeconds: number;
  /** Null where `perf` does not count them. */
  readonly cycles: number | null;
  readonly instructions: number | null;
}

const EVENTS = 'cycles,instructions';
let supported: boolean | undefined;

/** Starts to count; the returned function ends it. Cycles include child threads that exist now. */
export function countCpu(process: PinnedProcess): () => Promise<Spent> {
  supported ??= perfWorks();
  const perf = supported ? spawn('perf', ['stat', '-x', ',', '-e', EVENTS, '-p', String(process.pid)], { stdio: ['ignore', 'ignore', 'pipe'] }) : undefined;
  const printed = perf === undefined ? undefined : collect(perf);
  const before = process.cpuSeconds();
  return async () => {
    const cpuSeconds = process.cpuSeconds() - before;
    if (perf === undefined || printed === undefined) return { cpuSeconds, cycles: null, instructions: null };
    perf.kill('SIGINT');
    const text = await printed;
    return { cpuSeconds, cycles: counted(text, 'cycles'), instructions: counted(text, 'instructions') };
  };
}

/** CPU time that all processes of the machine have spent since it started, seconds. */
export function machineCpuSeconds(): number {
  // user nice system idle iowait irq softirq steal: all but idle and iowait is work.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
  return (user + nice + system + irq + softirq) / USER_HZ;
}

function perfWorks(): boolean {
  const { status, stderr } = spawnSync('perf', ['stat', '-x', ',', '-e', EVENTS, 'true'], { encoding: 'utf8' });
  return status === 0 && counted(stderr, 'cycles') !== null;
}

async function collect(perf: ChildProcess): Promise<string> {
  let text = '';
  perf.stderr?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  await once(perf, 'close');
  return text;
}

/** A line is `value,unit,event,…`; the value is a text where the event is not supported. */
function counted(text: string, event: string): number | null {
  const value = text.split('\n').map((line) => line.split(',')).find((fields) => fields[2]?.startsWith(event) === true)?.[0];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : null;
}
