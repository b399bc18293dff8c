/** The planning worker's thread: holds supergraphs with their planners and does one job at a time. */
import '../../telemetry-config.js';
import { parentPort } from 'node:worker_threads';
import { parse } from 'graphql';
import { CompositionError, type CompositionProblem } from '../composition-error.js';
import { checkSupergraph } from '../constitution-check.js';
import { declaredHashes } from '../directive-index.js';
import { directiveNameIn } from '../link-names.js';
import { describeSupergraph, loadSupergraph, type LoadedSupergraph } from './loaded-supergraph.js';
import type { Generation, PlanningJob, PlanningOutcome, ReleaseNotice, WorkerMessage } from './messages.js';
import { NameTaken } from './planner-fault-checks.js';
import { planOperation } from './planner-faults.js';

/** How the planner says that it will not plan something that large. */
const TOO_COSTLY = /Exceeded maximum recursive selections|Number of non-local selections exceeds limit/;

const FIRST = parse('{ __typename }');

const loaded = new Map<Generation, LoadedSupergraph>();
const send = (message: WorkerMessage): void => parentPort?.postMessage(message);
const forward = (level: 'warn' | 'error') => (message?: unknown): void => send({ kind: 'log', level, message: String(message) });
const ignore = (): void => undefined;
const logger = { debug: ignore, info: ignore, warn: forward('warn'), error: forward('error') };

async function run(job: PlanningJob): Promise<PlanningOutcome> {
  try {
    if (job.kind === 'load') return await load(job.generation, job.sdl, job.accepted);
    if (job.kind === 'plan') return plan(job.generation, job.document, job.operationName);
    loaded.set(job.generation, await loadReady(job.sdl));
    return { kind: 'restored' };
  } catch (error) {
    const { message, stack } = asError(error);
    return { kind: 'failed', message, stack };
  }
}

/** Plans something small first: what a planner makes once, at its first plan, is no cost of the client's operation. */
async function loadReady(sdl: string): Promise<LoadedSupergraph> {
  const made = await loadSupergraph(sdl, logger);
  planOperation({ supergraph: made.supergraph, planner: made.planner, document: FIRST, operationName: undefined });
  return made;
}

/** Nothing is kept of a supergraph that is refused. */
async function load(generation: Generation, sdl: string, accepted: readonly string[] | null): Promise<PlanningOutcome> {
  let candidate: LoadedSupergraph;
  try {
    candidate = await loadReady(sdl);
  } catch (error) {
    return { kind: 'refused', problems: [invalid(error)], hash: null };
  }
  const { schema } = candidate.supergraph;
  try {
    const problems = accepted === null ? [] : checkSupergraph(schema, accepted);
    if (problems.length > 0) throw new CompositionError(problems);
    const description = describeSupergraph(candidate);
    loaded.set(generation, candidate);
    return { kind: 'loaded', description };
  } catch (error) {
    const directive = directiveNameIn(schema, 'constitutional');
    const hash = directive === undefined ? null : (declaredHashes(schema, directive)[0] ?? null);
    return { kind: 'refused', problems: error instanceof CompositionError ? error.problems : [invalid(error)], hash };
  }
}

function plan(generation: Generation, document: string, operationName: string | undefined): PlanningOutcome {
  const known = loaded.get(generation);
  if (known === undefined) throw new Error('The supergraph to plan for is not loaded in this worker.');
  try {
    return { kind: 'planned', plan: planOperation({ supergraph: known.supergraph, planner: known.planner, document: parse(document, { noLocation: true }), operationName }) };
  } catch (error) {
    const { message } = asError(error);
    if (TOO_COSTLY.test(message)) return { kind: 'too-costly', message };
    if (error instanceof NameTaken) return { kind: 'unplannable', message };
    throw error;
  }
}

function invalid(error: unknown): CompositionProblem {
  return { subgraph: null, code: 'INVALID_SDL', message: asError(error).message };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

// One job at a time: loading is asynchronous, and a later job must not overtake it.
let turn = Promise.resolve();
parentPort?.on('message', (message: PlanningJob | ReleaseNotice) => {
  turn = turn.then(async () => {
    if (message.kind === 'release') loaded.delete(message.generation);
    else send({ kind: 'done', outcome: await run(message) });
  });
});
send({ kind: 'ready' });
