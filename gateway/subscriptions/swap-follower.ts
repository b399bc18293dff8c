/** Carries running subscriptions over to a new supergraph: each is prepared again and goes on, restarts from its cursor, or ends. */
import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { GatewayRequest, SupergraphSnapshot } from '../execution/contracts.js';
import type { EdgeDeps } from './edge-deps.js';
import type { FeedGroup } from './feed-group.js';
import { presentFault, toGraphQLError } from './stream-faults.js';
import type { Subscriber } from './subscriber.js';
import type { SubscriptionHub } from './subscription-hub.js';
import { principalKey, sameStream, type PlannedSubscription, type SubscriptionPlan } from './subscription-plan.js';

/** A subscription's plan under the new supergraph, or why there is none. */
type Replanned = { readonly plan: SubscriptionPlan } | { readonly errors: readonly GraphQLError[] };

/** Subscribers that are prepared again in one go; then events have their turn. */
const PREPARED_A_TURN = 32;

type FollowerDeps = Pick<EdgeDeps, 'logger' | 'snapshot' | 'prepare'>;

/**
 * Until a subscription was prepared again it goes on under the supergraph it began with, so that nothing waits for a
 * planner. Events that were received before the change of plan are executed under the old one.
 */
export class SwapFollower {
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly deps: FollowerDeps, private readonly hub: SubscriptionHub) {
    hub.whenStale(() => this.wake());
  }

  /** Looks whether there are subscriptions of another supergraph than the present one, and carries them over. */
  wake(): void {
    if (this.stopped || this.running !== undefined || this.stale() === undefined) return;
    this.running = this.follow().finally(() => { this.running = undefined; });
  }

  /** Resolves when everything was carried over. */
  async settled(): Promise<void> {
    await this.running;
  }

  stop(): void {
    this.stopped = true;
  }

  private async follow(): Promise<void> {
    for (let group = this.stale(); group !== undefined && !this.stopped; group = this.stale()) {
      await this.carryOver(group, this.deps.snapshot());
    }
  }

  private stale(): FeedGroup | undefined {
    for (const group of this.hub.allGroups()) if (group.plan.snapshot.id !== this.deps.snapshot().id) return group;
    return undefined;
  }

  private async carryOver(group: FeedGroup, snapshot: SupergraphSnapshot): Promise<void> {
    const replanned = new Map<string, Replanned>();
    // Subscribers that come while others are prepared are met by the same loop; the change is made at once for all.
    for (const { request } of group.subscribers()) {
      const key = whose(request);
      if (replanned.has(key)) continue;
      replanned.set(key, await this.replan(group, request, snapshot));
      if (replanned.size % PREPARED_A_TURN === 0) await turn();
    }
    const plans = new Set([...replanned.values()].map((entry) => ('plan' in entry ? entry.plan.key : undefined)));
    const [first] = replanned.values();
    const one = plans.size === 1 && first !== undefined && 'plan' in first ? first.plan : undefined;
    const goesOn = one !== undefined && sameStream(group.plan, one) && this.hub.rename(group, one);
    this.deps.logger.info({ field: group.plan.operation.fieldName, subscribers: group.size, supergraph: snapshot.id, goesOn }, 'Subscriptions are carried over to another supergraph');
    for (const subscriber of [...group.subscribers()]) {
      const entry = replanned.get(whose(subscriber.request));
      if (goesOn) subscriber.request = { ...subscriber.request, snapshot };
      else if (entry !== undefined) this.restart(subscriber, group, entry, snapshot);
    }
  }

  private async replan(group: FeedGroup, request: GatewayRequest, snapshot: SupergraphSnapshot): Promise<Replanned> {
    const requestId = randomUUID();
    const renewed: GatewayRequest = { ...request, requestId, snapshot };
    try {
      const { source } = group.plan;
      const prepared = await this.deps.prepare(renewed, source);
      const { plan }: PlannedSubscription = this.hub.plan(renewed, prepared, source);
      return { plan };
    } catch (error) {
      return { errors: presentFault(error, this.deps.logger, requestId).map(schemaChanged) };
    }
  }

  private restart(subscriber: Subscriber, group: FeedGroup, entry: Replanned, snapshot: SupergraphSnapshot): void {
    if ('errors' in entry) {
      subscriber.end(entry.errors);
      return;
    }
    if (subscriber.begun && (!entry.plan.operation.resumable || subscriber.cursor === undefined)) {
      subscriber.end([toGraphQLError(new AcgsError('SUBGRAPH_UNAVAILABLE', 'The schema changed and the stream cannot be resumed; subscribe again.', { reason: 'SCHEMA_CHANGED' }))]);
      return;
    }
    group.exit(subscriber);
    subscriber.request = { ...subscriber.request, snapshot };
    this.hub.groupFor(entry.plan).enter(subscriber);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}

/** Subscribers of a group with the same name of this kind are prepared alike. */
function whose(request: GatewayRequest): string {
  return principalKey(request);
}

function schemaChanged(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, { path: error.path ?? null, originalError: error.originalError ?? null, extensions: { ...error.extensions, reason: 'SCHEMA_CHANGED' } });
}
