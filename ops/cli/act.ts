/** What a running command has at hand: the parsed line, the terminal, the graph. */
import type { CliEnvironment } from './config.js';
import type { GlobalOptions } from './global-flags.js';
import type { Graph } from './graph.js';
import type { Terminal } from './terminal.js';
import type { Verb } from './verb.js';

export interface Invocation {
  readonly verb: Verb;
  /** Parsed values by parameter name. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly options: GlobalOptions;
  /** The command line as it was given, for the commands that are printed. */
  readonly argv: readonly string[];
}

export interface Run extends Invocation {
  readonly terminal: Terminal;
  readonly environment: CliEnvironment;
  readonly graph: Graph;
}

/** Does a verb's work. @returns the exit code. @throws CliError */
export type Act = (run: Run) => Promise<number>;
