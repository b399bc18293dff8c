/** From a prepared subscription to what is streamed, how it is resumed, and with whom it may be shared. */
import type { FetchNode, SubscriptionNode } from '@apollo/query-planner';
import { GraphQLError, Kind, visit } from 'graphql';
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { GatewayRequest, OperationSource, PreparedOperation, SupergraphSnapshot } from '../execution/contracts.js';
import { dependenceOf } from './principal-dependence.js';
import { primaryOperationOf, type PrimaryOperation } from './primary-operation.js';
import { SubscriptionFailure } from './stream-faults.js';

/** How much of a stream its subscribers have in common. */
export type Sharing =
  /** Nothing: a stream upstream for each. */
  | 'NOTHING'
  /** The stream upstream; each event is executed once for every principal. */
  | 'STREAM'
  /** The stream and the answers: each event is executed once, and all get the same text. */
  | 'ANSWERS';

/** What subscriptions with the same key have in common; it must not be changed. */
export interface SubscriptionPlan {
  /** Supergraph, filtered operation and grants, variables without `after`, and whether the hash was presented. */
  readonly key: string;
  readonly snapshot: SupergraphSnapshot;
  readonly prepared: PreparedOperation;
  readonly primary: FetchNode;
  readonly operation: PrimaryOperation;
  readonly source: OperationSource;
  /** Variables of the operation without the one that only says where to start. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly sharing: Sharing;
}

/** One subscription to open. */
export interface PlannedSubscription {
  readonly plan: SubscriptionPlan;
  /** Where it asks to start: undefined or null for now, else what the client gave as a cursor. */
  readonly after: unknown;
}

/** Rewritten primaries, by the plan's node: plans are cached, so this is computed once an operation. */
const primaries = new WeakMap<FetchNode, PrimaryOperation>();
/** Variables that do nothing but say where to start, by operation. */
const startVariables = new WeakMap<PreparedOperation, string | null>();

/**
 * Plans a subscription.
 * @param source as the client sent it; it is prepared again when the supergraph is replaced.
 * @param resumes whether upstreams keep the contract of cursors.
 * @throws SubscriptionFailure when nothing of the operation may be fetched; AcgsError when its root is conditional.
 */
export function planSubscription(request: GatewayRequest, prepared: PreparedOperation, source: OperationSource, resumes: boolean): PlannedSubscription {
  const node = subscriptionNodeOf(prepared);
  const { snapshot } = request;
  const operation = primaryOf(node.primary, snapshot, resumes);
  const given = source.variables ?? {};
  const variables = sharedVariables(prepared, operation, given);
  const plan: SubscriptionPlan = {
    key: sha256Hex(`${prepared.key}\n${request.hashPresented}\n${canonicalJson(variables)}`),
    snapshot, prepared, primary: node.primary, operation, variables,
    source: { ...source, variables },
    sharing: sharingOf(snapshot, prepared, node, operation),
  };
  return { plan, after: operation.initialAfter(given) };
}

/** True when both stream the same operation from the same subgraph, so that one may go on with the other's messages. */
export function sameStream(left: SubscriptionPlan, right: SubscriptionPlan): boolean {
  const essence = ({ primary: { serviceName, operation, operationName, variableUsages, inputRewrites, outputRewrites }, operation: { resumable } }: SubscriptionPlan): string => (
    JSON.stringify([serviceName, operation, operationName ?? null, variableUsages ?? [], inputRewrites ?? [], outputRewrites ?? [], resumable])
  );
  return left.sharing === right.sharing && essence(left) === essence(right);
}

/** Names everybody who gets one principal's answers. */
export function principalKey({ principal, credentialId }: Pick<GatewayRequest, 'principal' | 'credentialId'>): string {
  return JSON.stringify([principal, credentialId]);
}

function primaryOf(primary: FetchNode, { apiSchema }: SupergraphSnapshot, resumes: boolean): PrimaryOperation {
  let operation = primaries.get(primary);
  if (operation === undefined) primaries.set(primary, operation = primaryOperationOf(primary, apiSchema, resumes));
  return operation;
}

function sharingOf(snapshot: SupergraphSnapshot, prepared: PreparedOperation, node: SubscriptionNode, operation: PrimaryOperation): Sharing {
  // Who joins late needs an OPENED message of its own place.
  if (operation.openedAt === undefined) return 'NOTHING';
  const { stream, joins } = dependenceOf(snapshot, prepared, node);
  return stream ? 'NOTHING' : joins ? 'STREAM' : 'ANSWERS';
}

/** Variables the operation declares, without the one that only says where to start. */
function sharedVariables(prepared: PreparedOperation, operation: PrimaryOperation, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const start = startVariableOf(prepared, operation);
  const shared: Record<string, unknown> = {};
  for (const { variable } of prepared.operation.variableDefinitions ?? []) {
    const name = variable.name.value;
    if (name !== start && Object.hasOwn(given, name) && given[name] !== undefined) shared[name] = given[name];
  }
  return shared;
}

function startVariableOf(prepared: PreparedOperation, { afterVariable }: PrimaryOperation): string | null {
  if (afterVariable === undefined) return null;
  let name = startVariables.get(prepared);
  if (name === undefined) {
    let uses = 0;
    visit(prepared.document, {
      [Kind.VARIABLE_DEFINITION]: () => false,
      [Kind.VARIABLE]: (node) => { if (node.name.value === afterVariable) uses += 1; },
    });
    startVariables.set(prepared, name = uses === 1 ? afterVariable : null);
  }
  return name;
}

function subscriptionNodeOf(prepared: PreparedOperation): SubscriptionNode {
  const node = prepared.plan?.node;
  if (node?.kind === 'Subscription') return node;
  if (node === undefined && prepared.refusals.length > 0) throw new SubscriptionFailure(prepared.refusals);
  throw new SubscriptionFailure([new GraphQLError('The subscription selects nothing that can be streamed.', { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })]);
}
