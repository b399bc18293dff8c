/** Runs prepared queries and mutations: the compiled plan against the subgraphs, written as the client's own document asks. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import { refusalsThatApply } from '../enforcement/refusals.js';
import type { EntityCache } from './cache/entity-cache.js';
import { compileOperation, type CompiledOperation } from './compile-operation.js';
import type { Execute, GatewayRequest, HashGate, PreparedOperation, SubgraphCalls, SupergraphSnapshot } from './contracts.js';
import { makeAnswer } from './gateway-answer.js';
import { errorsOf } from './response/response-errors.js';

export interface ExecuteDeps {
  /** Answers that were kept; undefined for none. */
  readonly cache?: Pick<EntityCache, 'rulesOf' | 'forRequest' | 'wrote'> | undefined;
  readonly gate: Pick<HashGate, 'active'>;
  readonly callsFor: (request: GatewayRequest) => SubgraphCalls;
  readonly logger: Logger;
  readonly metrics: Pick<ServiceMetrics, 'errors'>;
}

const compiledOperations = new WeakMap<PreparedOperation, CompiledOperation>();

/**
 * The compiled form of a prepared operation: made once, when it first runs.
 * @param rulesOf what of a supergraph may be cached, for an operation that has not run before.
 */
export function compiledOf(snapshot: SupergraphSnapshot, prepared: PreparedOperation, rulesOf?: EntityCache['rulesOf']): CompiledOperation {
  let compiled = compiledOperations.get(prepared);
  if (compiled === undefined) {
    const { apiSchema, supergraphSchema } = snapshot;
    const { document, operation, plan, permissions } = prepared;
    compiledOperations.set(prepared, compiled = compileOperation({ apiSchema, supergraphSchema, document, operation, plan, permissions, cacheRules: rulesOf?.(snapshot) }));
  }
  return compiled;
}

/**
 * Compiles an operation before it is asked for, in steps that let the event loop turn.
 * @param before the operation under the supergraph it ran with: what it was compiled for there, it is compiled for again.
 */
export type CompileAhead = (next: SupergraphSnapshot, prepared: PreparedOperation, before: PreparedOperation) => Promise<void>;

/** Makes what compiles ahead, with the cache rules that `execute` will use. */
export function createCompileAhead(cache?: Pick<EntityCache, 'rulesOf'>): CompileAhead {
  return async (next, prepared, before) => {
    const used = compiledOperations.get(before)?.compiledFor() ?? [];
    for (const variables of used.length === 0 ? [{}] : used) {
      await breathe();
      compiledOf(next, prepared, rulesFor(prepared, cache)).compileFor(variables);
    }
  };
}

/** Answers to queries are cached; what a mutation reads, and what is joined to an event, is not. */
function rulesFor({ operation }: PreparedOperation, cache: Pick<EntityCache, 'rulesOf'> | undefined): EntityCache['rulesOf'] | undefined {
  return operation.operation === 'query' ? cache?.rulesOf : undefined;
}

/** Makes `execute`. */
export function createExecute({ gate, callsFor, logger, metrics, cache }: ExecuteDeps): Execute {
  return async (request, prepared, variables) => {
    const calls = callsFor(request);
    const changes = prepared.operation.operation === 'mutation';
    const compiled = compiledOf(request.snapshot, prepared, rulesFor(prepared, cache));
    const outcome = await compiled.run({ calls, variables, cache: changes ? undefined : cache?.forRequest(request, variables) });
    // Whatever came of it, and before the client knows: what it asks next must show what it did.
    if (changes) cache?.wrote(request);
    const errors = errorsOf(outcome, refusalsThatApply(prepared.refusals, prepared.operation, variables), { requestId: request.requestId, logger });
    for (const { extensions } of errors) metrics.errors.inc({ code: String(extensions['code']) });
    return makeAnswer(outcome, errors, { hash: gate.active(), verified: calls.verified() });
  };
}
