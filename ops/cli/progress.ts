/** Progress of long work on standard error, where that is a terminal. */
import type { Run } from './act.js';

export interface Progress {
  /** @param done share that is done, 0 to 1; undefined when the end is not known. */
  update(text: string, done?: number): void;
  /** Takes the line away. */
  end(): void;
}

const WIDTH = 24;
const FRAMES = ['|', '/', '-', '\\'];

/** A bar, or a spinner while the end is not known; nothing with --quiet or without a terminal. */
export function progress({ terminal, options }: Pick<Run, 'terminal' | 'options'>): Progress {
  if (!terminal.canDraw || options.quiet) return { update() { /* nobody looks */ }, end() { /* nothing was drawn */ } };
  const started = Date.now();
  let frame = 0;
  let last: { text: string; done: number | undefined } | undefined;
  const draw = (): void => {
    if (last !== undefined) terminal.err(`\r\u001B[2K${progressLine(last.text, last.done, Date.now() - started, frame += 1)}`);
  };
  const timer = setInterval(draw, 200);
  timer.unref();
  return {
    update(text, done) {
      last = { text, done };
      draw();
    },
    end() {
      clearInterval(timer);
      if (last !== undefined) terminal.err('\r\u001B[2K');
    },
  };
}

/** The line that is drawn. @param elapsedMs since the work began. */
export function progressLine(text: string, done: number | undefined, elapsedMs: number, frame: number): string {
  const seconds = `${(elapsedMs / 1_000).toFixed(1)} s`;
  if (done === undefined) return `${FRAMES[frame % FRAMES.length] ?? ''} ${text} ${seconds}`;
  const filled = Math.round(Math.min(1, Math.max(0, done)) * WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(Math.round(done * 100)).padStart(3)} % ${text} ${seconds}`;
}
