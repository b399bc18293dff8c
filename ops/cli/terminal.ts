/** Where a command reads and writes: results on standard output, everything else on standard error. */
import type { CliEnvironment } from './config.js';

export interface Terminal {
  readonly input: NodeJS.ReadStream;
  /** Results are for people: standard output is a terminal. */
  readonly interactiveOutput: boolean;
  /** There is somebody to ask: standard input and standard error are terminals. */
  readonly canAsk: boolean;
  /** Colour on standard output. */
  readonly colour: boolean;
  /** Progress and prompts may move the cursor on standard error. */
  readonly canDraw: boolean;
  /** Columns of the terminal; 80 where it does not say. */
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
}

/** The process's own. */
export function processTerminal(environment: CliEnvironment): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    input: stdin,
    interactiveOutput: stdout.isTTY,
    canAsk: stdin.isTTY && stderr.isTTY,
    colour: stdout.isTTY && !environment.noColor && !environment.dumbTerminal,
    canDraw: stderr.isTTY && !environment.dumbTerminal,
    columns: stdout.columns || 80,
    out(text) { stdout.write(text); },
    err(text) { stderr.write(text); },
  };
}
