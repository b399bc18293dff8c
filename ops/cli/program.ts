/** One run of the program: reads the line, runs the verb, reports the error, gives the exit code. */
import type { Run } from './act.js';
import { readCommandLine } from './command-line.js';
import { readCliEnvironment, type CliEnvironment } from './config.js';
import { runVerb } from './dispatch.js';
import { programVersion } from './documents.js';
import { CliError, EXIT } from './exit-codes.js';
import { Graph } from './graph.js';
import { SessionStore } from './session-store.js';
import { printable, printableJson, printableMessage } from './output/cells.js';
import { processTerminal, type Terminal } from './terminal.js';
import { processSources } from './values.js';

/** @param argv words after the program's name. @returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const environment = readCliEnvironment();
  const terminal = processTerminal(environment);
  const asJson = argv.some((word, index) => word === '-ojson' || word === '--output=json' || (word === 'json' && ['-o', '--output'].includes(argv[index - 1] ?? '')));
  try {
    return await dispatch(argv, environment, terminal);
  } catch (error) {
    return report(error, terminal, asJson);
  }
}

async function dispatch(argv: readonly string[], environment: CliEnvironment, terminal: Terminal): Promise<number> {
  const line = readCommandLine(argv, processSources());
  if (line.kind === 'version') {
    terminal.out(`acgs ${programVersion()}\n`);
    return EXIT.OK.code;
  }
  if (line.kind === 'help') {
    terminal.out((await import('./help.js')).help(line.words));
    return EXIT.OK.code;
  }
  const { invocation } = line;
  const graph = new Graph(new SessionStore(environment.sessionFile), invocation.options, environment);
  return guarded(graph, { ...invocation, terminal, environment, graph });
}

/** Ctrl-C ends the exchange under way, so that the verb can say what became of it; a second one ends the process. */
async function guarded(graph: Graph, run: Run): Promise<number> {
  const interrupt = (): void => graph.interrupt();
  const watching = run.options.watch || run.verb.words[0] === 'top';
  if (!watching) process.once('SIGINT', interrupt);
  try {
    return await runVerb(run);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Writes the error to standard error: a code, a sentence and the next command; JSON where the result would have been. */
export function report(error: unknown, terminal: Pick<Terminal, 'err'>, asJson: boolean): number {
  const fault = error instanceof CliError ? error : new CliError('FAULT', error instanceof Error ? error.stack ?? error.message : String(error));
  if (asJson) terminal.err(`${printableJson({ error: { code: fault.code, message: fault.message, next: fault.next ?? null, exit: fault.exit } })}\n`);
  else terminal.err(`${printableMessage(`acgs: ${fault.code}: ${fault.message}`)}\n${fault.next === undefined ? '' : `Next: ${printable(fault.next)}\n`}`);
  return fault.exit;
}

