/** `--watch`: what is there, then what changes, until Ctrl-C; one JSON object a line where the output is no terminal. */
import type { Run } from './act.js';
import { CliError, EXIT } from './exit-codes.js';
import { cell, isMap, printable, printableJson, printableMessage, valueAt } from './output/cells.js';
import { table } from './output/table.js';
import { dryRun, quoted, send } from './run-verb.js';
import { follow, streamFault } from './stream.js';
import { variablesOf } from './values.js';
import type { StreamRequest } from './verb.js';

/**
 * Shows the verb's list once the stream is open, then each event. A list that is read after the stream has opened and
 * events from then on leave no gap (docs/subscriptions.md, section 3).
 * @returns 0 when ended by SIGTERM, a closed pipe or the server, 130 by Ctrl-C.
 */
export async function watch(run: Run, stream: StreamRequest): Promise<number> {
  const { values, terminal, options, graph } = run;
  const variables = streamVariables(run, stream);
  if (options.dryRun) return dryRun(run, [{ operation: stream.operation, variables }]);
  const show = printer(run, stream);
  let last: string | undefined;
  let listed = values['after'] !== undefined || run.verb.request === undefined;
  const subscription = follow(graph, {
    operation: stream.operation, field: stream.field, variables,
    onMessage: async (message) => {
      if (!listed) {
        listed = true;
        await show(await current(run), 'CURRENT', message.cursor);
      }
      if (message.kind === 'EVENT') await show([message[stream.member]], 'EVENT', message.cursor);
      last = message.cursor;
    },
    onState: (state) => {
      if (state.kind === 'interrupted' && !options.quiet) terminal.err(`${printableMessage(`acgs: the stream broke (${state.cause.message}); resuming`)}\n`);
    },
  });
  let interrupted = false;
  const stop = (signal: NodeJS.Signals): void => {
    interrupted = signal === 'SIGINT';
    void subscription.stop();
  };
  // Whoever reads has gone: `acgs … --watch | head`.
  const closed = (): void => { void subscription.stop(); };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  process.stdout.once('error', closed);
  const resume = (): string => `acgs ${quoted([...run.argv.filter((word, index) => word !== '--after' && run.argv[index - 1] !== '--after'), ...(last === undefined ? [] : ['--after', last])])}`;
  try {
    await subscription.finished;
  } catch (error) {
    throw streamFault(error, resume());
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    process.stdout.off('error', closed);
  }
  if (!options.quiet && last !== undefined) terminal.err(`${printable(`Go on from here: ${resume()}`)}\n`);
  return interrupted ? EXIT.INTERRUPTED.code : EXIT.OK.code;
}

/** @throws CliError USAGE for an option of the list that the stream does not know. */
function streamVariables({ verb, values }: Run, { variables }: StreamRequest): Record<string, unknown> {
  const known = new Set([...Object.values(variables), 'after', 'limit']);
  const foreign = [...(verb.positionals ?? []), ...(verb.flags ?? [])].find(({ name }) => values[name] !== undefined && !known.has(name));
  if (foreign !== undefined) throw new CliError('USAGE', `--${foreign.name} does not go with --watch.`, `acgs help ${verb.words.join(' ')}`);
  return Object.fromEntries(Object.entries({ ...variables, after: 'after' }).flatMap(([variable, parameter]) => (values[parameter] === undefined ? [] : [[variable, values[parameter]]])));
}

/** Rows of the verb's list now. */
async function current(run: Run): Promise<unknown[]> {
  const { verb, values } = run;
  if (verb.request === undefined) return [];
  const data = await send(run, verb.request.operation, variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], values));
  const rows = valueAt(data, verb.request.rows);
  return Array.isArray(rows) ? rows : isMap(rows) ? [rows] : [];
}

/** Writes rows as they come; waits where the reader is slow. */
function printer({ options, terminal, verb }: Run, stream: StreamRequest): (rows: readonly unknown[], kind: string, cursor: string) => Promise<void> {
  const asLines = !terminal.interactiveOutput || options.output === 'json';
  const widths: number[] = [];
  let heading = true;
  return async (rows, kind, cursor) => {
    if (rows.length === 0) return;
    if (options.output === 'name') terminal.out(rows.map((row) => `${verb.request?.resource ?? stream.member}/${cell(valueAt(row, verb.request?.nameAt ?? 'id'))}\n`).join(''));
    else if (options.output === 'yaml') terminal.out((await import('yaml')).stringify(rows, { directives: true }).replace(/^/, '---\n'));
    else if (asLines) terminal.out(rows.map((row) => `${printableJson({ kind, cursor, [stream.member]: row })}\n`).join(''));
    else {
      terminal.out(table(stream.columns, rows, { wide: options.output === 'wide', colour: terminal.colour, width: terminal.columns, heading, widths }));
      heading = false;
    }
    if (process.stdout.writableNeedDrain) await new Promise((resolve) => process.stdout.once('drain', resolve));
  };
}
