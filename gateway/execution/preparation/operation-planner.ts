/** Has operations planned: one planning for everyone who waits for it, and none again for a while where it took too long. */
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { authorizeDocument, type AuthorizedDocument, type Grants } from '../../enforcement/authorization.js';
import type { Deferral, PlanningUrgency, PreparedOperation, SupergraphSnapshot } from '../contracts.js';
import { deferVariables, withoutDefer } from '../deferral/defer-directive.js';
import { labelDefers } from '../deferral/label-defers.js';
import type { GrantHolder, OperationEntry, PlanCache } from './plan-cache.js';

/** What is to be planned, and for whom. */
export interface PlanWish {
  readonly snapshot: SupergraphSnapshot;
  readonly entry: OperationEntry;
  readonly grants: Grants;
  /** Someone who has these grants. */
  readonly holder: GrantHolder;
  readonly urgency: PlanningUrgency;
  /** Uses it is remembered with; default 1. */
  readonly uses?: number;
}

/** Time for which an operation that takes too long to plan is refused without another try, milliseconds. */
const REFUSED_MS = 60_000;
/** Plans of one operation under different grants; the oldest is forgotten above it. */
const MAX_GRANTS = 250;

/**
 * Makes the planner of operations. Plans are put into the cache; failures are not, except that an operation refused as
 * too costly is refused again for a minute.
 */
export function createOperationPlanner(cache: PlanCache): (wish: PlanWish) => Promise<PreparedOperation> {
  return (wish) => {
    const { entry, grants } = wish;
    const underWay = entry.pending.get(grants);
    if (underWay !== undefined) return underWay;
    const refused = entry.refused.get(grants);
    if (refused !== undefined && refused.until > performance.now()) return Promise.reject(refused.error);
    entry.refused.delete(grants);
    const made = plan(wish).then(
      (prepared) => {
        entry.pending.delete(grants);
        remember(cache, wish, prepared);
        return prepared;
      },
      (error: unknown) => {
        entry.pending.delete(grants);
        if (error instanceof AcgsError && error.code === 'QUERY_TOO_COSTLY') refuse(entry, grants, error);
        throw error;
      },
    );
    entry.pending.set(grants, made);
    return made;
  };
}

async function plan(wish: PlanWish): Promise<PreparedOperation> {
  const { snapshot, entry, grants, urgency } = wish;
  const authorized = authorizeDocument(snapshot.apiSchema, snapshot.directives, entry.document, entry.analysis, grants);
  const deferral = deferralOf(wish);
  const planned = deferral === undefined || authorized.document === undefined ? authorized.document : withoutDefer(authorized.document);
  const queryPlan = planned === undefined ? undefined : await snapshot.plan(planned, entry.operation.name?.value, urgency);
  const prepared = preparedOperation(entry, authorized, grants, queryPlan);
  return deferral === undefined ? prepared : { ...prepared, deferral };
}

/** The same operation for a client that takes deferred parts later: filtered by the same grants before it is planned. */
function deferralOf({ snapshot, entry: { document, operation, analysis }, grants }: PlanWish): Deferral | undefined {
  const variables = deferVariables(document);
  if (variables === undefined) return undefined;
  return {
    variables,
    async plan(holds) {
      const labelled = labelDefers(document, operation, holds);
      if (labelled === undefined) return undefined;
      const authorized = authorizeDocument(snapshot.apiSchema, snapshot.directives, labelled.document, { ...analysis, operation: labelled.operation, fragments: labelled.fragments }, grants);
      return {
        document: labelled.document, operation: labelled.operation, labels: labelled.labels,
        plan: authorized.document === undefined ? undefined : await snapshot.plan(authorized.document, operation.name?.value),
      };
    },
  };
}

/** The prepared operation, made once for each operation and grants: whatever is derived from it belongs here. */
function preparedOperation({ document, operation, analysis, key }: OperationEntry, { permissions, refusals }: AuthorizedDocument, grants: Grants, queryPlan: PreparedOperation['plan']): PreparedOperation {
  return { document, operation, plan: queryPlan, permissions, refusals, criticalFields: analysis.criticalFields, key: sha256Hex(`${key}:${grants}`) };
}

function remember(cache: PlanCache, { snapshot, entry, grants, holder, uses = 1 }: PlanWish, prepared: PreparedOperation): void {
  forgetOldest(entry.plans);
  const plans = cache.of(snapshot);
  entry.plans.set(grants, { prepared, holder, uses });
  entry.lastUsed = (plans.tick += 1);
  cache.keep(plans, entry);
}

function refuse(entry: OperationEntry, grants: Grants, error: AcgsError): void {
  forgetOldest(entry.refused);
  entry.refused.set(grants, { error, until: performance.now() + REFUSED_MS });
}

function forgetOldest(map: Map<Grants, unknown>): void {
  if (map.size < MAX_GRANTS) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
