/** Waiting for something to be in a state: by its stream, or by asking again where the graph has none. */
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { cell, valueAt } from '../output/cells.js';
import { print } from '../output/print.js';
import { progress } from '../progress.js';
import { dryRun, quoted, send } from '../run-verb.js';
import { follow, streamFault } from '../stream.js';

interface Waitable {
  readonly show: string;
  readonly row: string;
  readonly stream?: { readonly operation: string; readonly field: string; readonly member: string; /** Variable that takes the id; without one, others' events are passed over. */ readonly variable?: string };
}

const RESOURCES: Readonly<Record<string, Waitable>> = {
  // The stream of alerts tells of new ones only.
  alert: { show: 'show-alert', row: 'alert' },
  incident: { show: 'show-incident', row: 'incident', stream: { operation: 'watch-incidents', field: 'incidentUpdated', member: 'incident', variable: 'incidentId' } },
  change: { show: 'show-change', row: 'changeRequest', stream: { operation: 'watch-changes', field: 'changeUpdated', member: 'change', variable: 'changeId' } },
  deployment: { show: 'show-deployment', row: 'deployment', stream: { operation: 'watch-deployments', field: 'deploymentProgress', member: 'deployment', variable: 'deploymentId' } },
  proof: { show: 'show-proof', row: 'proofObligation', stream: { operation: 'watch-proofs', field: 'proofDecided', member: 'obligation', variable: 'obligationId' } },
  violation: { show: 'show-violation', row: 'violation', stream: { operation: 'watch-violations', field: 'violationChanged', member: 'violation' } },
};

const DEFAULT_TIMEOUT_MS = 60_000;
const POLL_MS = 1_000;

/** @returns 0 when the condition holds. @throws CliError WAIT_NOT_MET when the time is over. */
export async function wait(run: Run): Promise<number> {
  const { values, options } = run;
  const resource = String(values['resource']);
  const id = String(values['id']);
  const { path, value } = values['for'] as { path: string; value: string };
  const definition = RESOURCES[resource];
  if (definition === undefined) throw new Error(`Nothing is known of ${resource}.`);
  if (options.dryRun) return dryRun(run, [...(definition.stream === undefined ? [] : [{ operation: definition.stream.operation, variables: streamVariables(definition, id) }]), { operation: definition.show, variables: { id } }]);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const row = await waitFor(run, definition, { resource, id, path, wanted: value.split(','), timeoutMs });
  await print(run, { value: row, view: 'row', resource, columns: [{ head: resource.toUpperCase(), path: 'id' }, { head: path.toUpperCase(), path }] });
  return EXIT.OK.code;
}

function streamVariables({ stream }: Waitable, id: string): Record<string, unknown> {
  return stream?.variable === undefined ? {} : { [stream.variable]: id };
}

interface Condition { readonly resource: string; readonly id: string; readonly path: string; readonly wanted: readonly string[]; readonly timeoutMs: number }

/** Waits for a proof obligation to be decided, whatever the answer. @throws CliError WAIT_NOT_MET, INTERRUPTED */
export async function awaitProof(run: Run, id: string, timeoutMs: number): Promise<unknown> {
  const definition = RESOURCES['proof'];
  if (definition === undefined) throw new Error('Nothing is known of proofs.');
  return waitFor(run, definition, { resource: 'proof', id, path: 'status', wanted: ['PROVED', 'REFUTED', 'UNKNOWN', 'ERROR'], timeoutMs });
}

/** Resolves to the row for which the condition holds, read from the graph. */
async function waitFor(run: Run, definition: Waitable, { resource, id, path, wanted, timeoutMs }: Condition): Promise<unknown> {
  const started = Date.now();
  const bar = progress(run);
  let seen = '-';
  // The whole wait has a limit, and each request within it one of its own.
  const look = async (): Promise<unknown> => {
    const row = valueAt(await send(run, definition.show, { id }), definition.row);
    if (row === null || row === undefined) throw new CliError('NOTHING_FOUND', `There is no ${resource} ${id}, or you may not see it.`);
    const value = valueAt(row, path);
    if (value === undefined) throw new CliError('USAGE', `A ${resource} has no field "${path}"; it has ${Object.keys(row).join(', ')}.`, 'acgs help wait');
    seen = cell(value);
    bar.update(`waiting for ${resource} ${id}: ${path} is ${seen}`);
    return wanted.includes(seen) || wanted.includes(String(value)) ? row : undefined;
  };
  try {
    const found = await within(timeoutMs, (signal) => (definition.stream === undefined ? poll(look, signal) : streamed(run, definition, id, look, signal)));
    if (found !== undefined) return found;
    throw new CliError('WAIT_NOT_MET', `${resource} ${id}: ${path} is ${seen}, not ${wanted.join(' or ')}, after ${((Date.now() - started) / 1_000).toFixed(0)} s.`, `acgs ${quoted(run.argv)}`);
  } finally {
    bar.end();
  }
}

/** Resolves to what the work gives, or to undefined when the time is over. @throws CliError INTERRUPTED at Ctrl-C */
async function within(timeoutMs: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort('timeout'), timeoutMs);
  const interrupt = (): void => ending.abort('interrupt');
  process.once('SIGINT', interrupt);
  let found: unknown;
  try {
    found = await work(ending.signal);
  } catch (error) {
    // A request that was under way when the time ended is part of the wait.
    if (!ending.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', interrupt);
  }
  if (found === undefined && ending.signal.reason === 'interrupt') throw new CliError('INTERRUPTED', 'Interrupted; waiting changes nothing, so it can be run again.');
  return found;
}

async function poll(look: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  while (!signal.aborted) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }
  return undefined;
}

/** Subscribes first and reads when the stream is open, so that nothing falls in between; reads again at each event. */
async function streamed(run: Run, definition: Waitable, id: string, look: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const { stream } = definition;
  if (stream === undefined) return poll(look, signal);
  let found: unknown;
  let fault: unknown;
  const subscription = follow(run.graph, {
    operation: stream.operation, field: stream.field, variables: streamVariables(definition, id),
    onMessage: async (message) => {
      if (message.kind === 'BOOKMARK') return;
      if (message.kind === 'EVENT' && valueAt(message[stream.member], 'id') !== id) return;
      try {
        found = await look();
      } catch (error) {
        fault = error;
      }
      if (found !== undefined || fault !== undefined) void subscription.stop();
    },
  });
  const stop = (): void => { void subscription.stop(); };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await subscription.finished;
  } catch (error) {
    throw streamFault(error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (fault !== undefined) throw fault instanceof Error ? fault : new Error('The state could not be read.', { cause: fault });
  return found;
}
