/** Runs prepared operations with `@defer` for clients that take the answer in parts (Apollo's incremental delivery, 20220824). */
import type { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { AcgsError } from '../../ops/runtime/errors.js';
import { refusalsThatApply } from '../enforcement/refusals.js';
import { booleanDefaults, introspect } from './compile-operation.js';
import type { Deferral, ExecuteInParts, GatewayRequest, PreparedOperation, SubgraphCalls } from './contracts.js';
import { compileDeferred, type CompiledDeferred } from './deferral/compile-deferred.js';
import { fragmentsIn } from './deferral/defer-directive.js';
import { DeferredErrors } from './deferral/deferred-errors.js';
import { DeferredRun, type FinishedPart } from './deferral/deferred-run.js';
import type { ExecuteDeps } from './execute.js';
import { beforeDeadline } from './preparation/before-deadline.js';
import { presentFailed } from './response/fault-presentation.js';
import { conditionVariables } from './response/response-shape.js';

type Variables = Readonly<Record<string, unknown>>;
/** Compiled forms by the values of the condition variables; undefined where these values defer nothing or no plan in parts can be made. */
type Variants = LRUCache<string, Promise<CompiledDeferred | null>>;

/** Variants kept of one operation. */
const MAX_VARIANTS = 16;

/** Makes the execution in parts. */
export function createExecuteInParts({ gate, callsFor, logger, metrics, cache }: ExecuteDeps): ExecuteInParts {
  const known = new WeakMap<PreparedOperation, Variants>();

  const compile = async ({ snapshot, requestId }: GatewayRequest, prepared: PreparedOperation, deferral: Deferral, holds: (name: string) => boolean): Promise<CompiledDeferred | null> => {
    try {
      const deferred = await deferral.plan(holds);
      if (deferred === undefined) return null;
      const { apiSchema, supergraphSchema } = snapshot;
      const cacheRules = prepared.operation.operation === 'mutation' ? undefined : cache?.rulesOf(snapshot);
      return compileDeferred({ apiSchema, supergraphSchema, deferred, permissions: prepared.permissions, cacheRules, conditionHolds: holds });
    } catch (error) {
      // What passes is for the client to try again; otherwise the operation can be answered in one piece, where it has a plan.
      if (error instanceof AcgsError && error.code !== 'QUERY_TOO_COSTLY') throw error;
      logger.warn({ err: error, requestId }, 'An operation cannot be answered in parts');
      return null;
    }
  };
  const variantOf = (request: GatewayRequest, prepared: PreparedOperation, deferral: Deferral, variables: Variables): Promise<CompiledDeferred | null> => {
    const { document, operation } = prepared;
    const defaults = booleanDefaults(operation);
    const deciding = new Set(deferral.variables);
    // The argument of @defer has the default true; @skip and @include have none, so that theirs always have a value.
    const holds = (name: string): boolean => (Object.hasOwn(variables, name) && variables[name] !== undefined ? variables[name] === true : defaults.get(name) ?? deciding.has(name));
    const names = [...new Set([...conditionVariables(operation, fragmentsIn(document)), ...deciding])];
    const values = new Map(names.map((name) => [name, holds(name)]));
    const key = names.map((name) => (values.get(name) === true ? '1' : '0')).join('');
    let variants = known.get(prepared);
    if (variants === undefined) known.set(prepared, variants = new LRUCache({ max: MAX_VARIANTS }));
    let variant = variants.get(key);
    if (variant === undefined) {
      variants.set(key, variant = compile(request, prepared, deferral, (name) => values.get(name) === true));
      const kept = variants;
      variant.catch(() => kept.delete(key));
    }
    return variant;
  };

  return async (request, prepared, variables, sink) => {
    const compiled = prepared.deferral === undefined ? null : await beforeDeadline(variantOf(request, prepared, prepared.deferral, variables), request.deadline);
    if (compiled === null) return false;
    const calls = callsFor(request);
    const changes = prepared.operation.operation === 'mutation';
    let begun = false;
    let ended = false;
    const write = (parts: readonly FinishedPart[], more: boolean): void => {
      // Whatever came of it, and before the client knows: what it asks next must show what it did.
      if (!begun && changes) cache?.wrote(request);
      const first = !begun;
      begun = true;
      ended = !more;
      if (sink.gone()) return;
      for (const { extensions } of parts.flatMap(({ errors }) => errors)) metrics.errors.inc({ code: String(extensions['code']) });
      const stamp = `{"constitutional":${JSON.stringify({ hash: gate.active(), verified: calls.verified() })}}`;
      sink.write(first ? firstPayload(parts, stamp, more) : laterPayload(parts, compiled.operation.labels, stamp, more));
    };
    const run = new DeferredRun(compiled, {
      calls: whileRead(calls, () => ended || (begun && sink.gone())), variables,
      cache: changes ? undefined : cache?.forRequest(request, variables),
      introspect: (field) => introspect({ apiSchema: request.snapshot.apiSchema, document: compiled.operation.document, operation: compiled.operation.operation }, field, variables),
      errors: new DeferredErrors(refusalsThatApply(prepared.refusals, prepared.operation, variables), compiled.partOf, { requestId: request.requestId, logger }),
      deliver: write,
    });
    try {
      await run.run();
      if (!begun) throw new Error('An operation in parts ended without its first part.');
    } catch (fault) {
      if (!begun) throw fault;
      logger.error({ err: fault, requestId: request.requestId }, 'A deferred part failed');
      const error = new AcgsError('INTERNAL', `An unexpected fault; request id ${request.requestId}.`, { requestId: request.requestId });
      write(run.missing.map(({ selection, path }) => ({ label: selection.label, path, text: 'null', names: [], misfits: [], errors: [presentFailed(error, path)] })), false);
    }
    return true;
  };
}

/**
 * Calls nothing more once every part is there, or for a client that left after it had the first part; until then its
 * operation is completed, as any other.
 */
function whileRead(calls: SubgraphCalls, over: () => boolean): Pick<SubgraphCalls, 'call'> {
  return { call: (call) => (over() ? Promise.reject(new AcgsError('SUBGRAPH_UNAVAILABLE', 'Nobody waits for the answer.', { service: call.service })) : calls.call(call)) };
}

function errorsMember(errors: readonly GraphQLError[]): string {
  return errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
}

function firstPayload([part]: readonly FinishedPart[], stamp: string, more: boolean): string {
  return `{"data":${part?.text ?? 'null'}${errorsMember(part?.errors ?? [])},"extensions":${stamp},"hasNext":${more}}`;
}

function laterPayload(parts: readonly FinishedPart[], labels: ReadonlyMap<string, string | undefined>, stamp: string, more: boolean): string {
  const entries = parts.map(({ label, path, text, errors }) => {
    const name = labels.get(label);
    return `{"path":${JSON.stringify(path)}${name === undefined ? '' : `,"label":${JSON.stringify(name)}`},"data":${text}${errorsMember(errors)},"extensions":${stamp}}`;
  });
  return `{${entries.length === 0 ? '' : `"incremental":[${entries.join(',')}],`}"hasNext":${more}}`;
}
