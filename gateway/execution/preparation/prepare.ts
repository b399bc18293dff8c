/** Prepares an operation: parse, validate, limits, gate 3, authorization, plan; everything repeatable is cached. */
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { ServiceMetrics } from '../../../ops/runtime/metrics.js';
import { within } from '../../../ops/runtime/tracing.js';
import type { OperationLimits } from '../../config.js';
import type { PrincipalClaims } from '../../../ops/runtime/hop-token.js';
import { grantsOf, holds, type Grants } from '../../enforcement/authorization.js';
import { checkCriticalFields } from '../../enforcement/constitutional-gate.js';
import { checkVariableDepth } from '../../enforcement/limits.js';
import type { GatewayRequest, HashGate, Prepare, PreparedOperation, RevocationView } from '../contracts.js';
import type { CompileAhead } from '../execute.js';
import type { Variables } from './cost-memory.js';
import { beforeDeadline } from './before-deadline.js';
import { createOperationPlanner } from './operation-planner.js';
import { createOperationReader } from './operation-reader.js';
import { createPlanCache, type Held, type OperationEntry, type PlanCache, type SnapshotPlans } from './plan-cache.js';
import { createWarmUp, type WarmUp } from './warm-up.js';

export { isTokenLimitError } from '../../enforcement/document-limits.js';

export interface PrepareDeps {
  readonly limits: OperationLimits;
  /** False refuses `__schema` and `__type`, and suggests no names of the schema. */
  readonly introspection: boolean;
  readonly gate: Pick<HashGate, 'active'>;
  readonly revocations: Pick<RevocationView, 'age'>;
  /** Oldest revocation feed under which CRITICAL fields are served, milliseconds. */
  readonly revocationMaxAgeMs: number;
  readonly metrics: Pick<ServiceMetrics, 'looked'>;
  /** Its own when absent. */
  readonly cache?: PlanCache;
  /** What the warm-up compiles with; it only plans when absent. */
  readonly compileAhead?: CompileAhead | undefined;
}

/** Preparation with the warm-up of its caches. */
export interface Preparation {
  readonly prepare: Prepare;
  readonly warmUp: WarmUp;
}

const NO_VARIABLES: Variables = {};
/** Anonymous callers meet no requirement; no principal's text is like it. */
const ANONYMOUS: Held = 'anonymous';
/** Kinds of principals, by what they hold, whose grants are remembered for one operation. */
const MAX_HELD = 1_000;

/** Makes `prepare`. */
export function createPrepare(deps: PrepareDeps): Prepare {
  return createPreparation(deps).prepare;
}

/**
 * Makes `prepare` and the warm-up that fills its caches. Caches belong to a supergraph each, so nothing needs clearing when
 * one is swapped. A known operation is prepared synchronously: one look-up by its text, one by the grants.
 */
export function createPreparation(deps: PrepareDeps): Preparation {
  const { limits, introspection, gate, revocations, revocationMaxAgeMs, metrics, cache = createPlanCache(), compileAhead } = deps;
  const reader = createOperationReader({ limits, introspection, cache, onLookup: (hit) => metrics.looked('document', hit) });
  const planOf = createOperationPlanner(cache);

  const prepare: Prepare = (request, source) => {
    const { snapshot } = request;
    const plans = cache.of(snapshot);
    const entry = reader.read(snapshot, plans, source, request.span);
    const { criticalFields } = entry.analysis;
    const variables = source.variables ?? NO_VARIABLES;
    checkVariableDepth(variables);
    entry.checkVariables?.(variables);
    const cost = entry.cost.of(variables);
    if (request.charge !== undefined) request.charge.cost = cost;
    if (cost > limits.maxCost) throw new AcgsError('QUERY_TOO_COSTLY', undefined, { cost, limit: limits.maxCost });
    if (criticalFields.length > 0) checkCriticalFields(criticalFields, request.hashPresented, revocations.age(), revocationMaxAgeMs, gate.active());
    const grants = rememberedGrants(request, plans, entry);
    const slot = entry.plans.get(grants);
    metrics.looked('plan', slot !== undefined);
    if (slot === undefined) return planned(request, entry, grants);
    slot.uses += 1;
    entry.lastUsed = plans.tick += 1;
    return slot.prepared;
  };
  const planned = ({ snapshot, principal, deadline, span }: GatewayRequest, entry: OperationEntry, grants: Grants): Promise<PreparedOperation> => {
    const holder = principal === null ? null : { scopes: principal.scopes, policies: principal.policies };
    return within(span?.child('graphql.plan'), () => beforeDeadline(planOf({ snapshot, entry, grants, holder, urgency: 'request' }), deadline));
  };
  return { prepare, warmUp: createWarmUp({ reader, planOf, cache, compileAhead }) };
}

/** Grants of an operation for whoever asks; principals that hold the same share them. */
function rememberedGrants({ snapshot, principal }: GatewayRequest, plans: SnapshotPlans, { analysis, grants }: OperationEntry): Grants {
  if (analysis.requirements.length === 0) return '';
  const held = principal === null ? ANONYMOUS : (plans.held.get(principal) ?? hold(snapshot, plans, principal));
  const known = grants.get(held);
  if (known !== undefined) return known;
  const granted = grantsOf(snapshot.directives, analysis, principal);
  if (grants.size >= MAX_HELD) grants.clear();
  grants.set(held, granted);
  return granted;
}

function hold({ directives }: GatewayRequest['snapshot'], plans: SnapshotPlans, principal: PrincipalClaims): Held {
  const held = directives.requirements.map((requirement) => (holds(requirement, principal) ? '1' : '0')).join('');
  plans.held.set(principal, held);
  return held;
}
