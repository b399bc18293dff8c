/** Programs that run beside this process: waiting until they answer, and ending them. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Longest time until a program answers, milliseconds. */
const READY_MS = 20_000;

/** Waits until a URL answers with success. @throws Error when it does not within 20 s. */
export async function untilAnswers(url: string): Promise<void> {
  const last = Date.now() + READY_MS;
  while (!(await fetch(url).then((response) => response.ok, () => false))) {
    if (Date.now() > last) throw new Error(`${url} did not become ready.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Ends a process and waits until it is gone; one that has ended is left alone. @param signal default SIGTERM. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
