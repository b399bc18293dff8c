/** Every running subscription of the process, whatever edge it came by: opens them, brings equal ones together, drains them. */
import { AcgsError } from '../../ops/runtime/errors.js';
import type { GatewayRequest, OperationSource, PreparedOperation } from '../execution/contracts.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import { FeedGroup, type GroupContext } from './feed-group.js';
import { toGraphQLError, withResumePlace } from './stream-faults.js';
import { Subscriber, type AnswerSink } from './subscriber.js';
import { createSubscriptionMetrics, type SubscriptionMetrics } from './subscription-metrics.js';
import { planSubscription, type PlannedSubscription, type SubscriptionPlan } from './subscription-plan.js';
import { UpstreamPool } from './upstream-pool.js';

/** One subscription to open. */
export interface SubscriptionInput {
  readonly request: GatewayRequest;
  /** Its operation is a subscription. */
  readonly prepared: PreparedOperation;
  /** As the client sent it, with its variables. */
  readonly source: OperationSource;
  readonly sink: AnswerSink;
}

export class SubscriptionHub {
  readonly pool: UpstreamPool;
  readonly metrics: SubscriptionMetrics;
  private readonly groups = new Map<string, FeedGroup>();
  private readonly context: GroupContext;
  private connections: () => number = () => 0;
  private unshared = 0;
  private draining = false;
  private onStale: () => void = () => undefined;

  constructor(private readonly deps: EdgeDeps, readonly limits: EdgeLimits) {
    this.pool = new UpstreamPool(deps, limits);
    this.metrics = createSubscriptionMetrics(deps.registry, {
      connections: () => this.connections(), subscriptions: () => this.subscriptionCount(), feeds: () => this.feedCount(), upstreamStreams: () => this.pool.streamCount(),
    });
    this.context = { deps, limits, metrics: this.metrics, pool: this.pool, budget: { used: 0, limit: limits.maxRetainedBytes } };
  }

  /** Where the gauge of connections reads from. */
  countConnections(read: () => number): void {
    this.connections = read;
  }

  /** Called when a subscription was opened under a supergraph that is no longer the present one. */
  whenStale(listener: () => void): void {
    this.onStale = listener;
  }

  /**
   * Opens a subscription; no message is awaited. The sink may be told of the end before this returns.
   * @throws SubscriptionFailure or AcgsError when the operation cannot be streamed, SHUTTING_DOWN while draining.
   */
  open({ request, prepared, source, sink }: SubscriptionInput): Subscriber {
    if (this.draining) throw new AcgsError('SHUTTING_DOWN');
    const { plan, after } = this.plan(request, prepared, source);
    const subscriber = new Subscriber(sink, request, after);
    this.groupFor(plan).enter(subscriber);
    if (request.snapshot.id !== this.deps.snapshot().id) this.onStale();
    return subscriber;
  }

  /** @throws SubscriptionFailure or AcgsError when the operation cannot be streamed. */
  plan(request: GatewayRequest, prepared: PreparedOperation, source: OperationSource): PlannedSubscription {
    return planSubscription(request, prepared, source, this.deps.upstream.resumes);
  }

  /** The group of equal subscriptions; one of its own where nothing is shared. */
  groupFor(plan: SubscriptionPlan): FeedGroup {
    const key = plan.sharing === 'NOTHING' ? `${plan.key} ${this.unshared += 1}` : plan.key;
    let group = this.groups.get(key);
    if (group === undefined) this.groups.set(key, group = new FeedGroup(key, plan, this.context, (empty) => this.groups.delete(empty.key)));
    return group;
  }

  /**
   * Lets a group go on under another plan that streams the same.
   * @returns false when there is a group of that plan already.
   */
  rename(group: FeedGroup, plan: SubscriptionPlan): boolean {
    if (plan.sharing !== 'NOTHING') {
      if (this.groups.has(plan.key)) return false;
      this.groups.delete(group.key);
      this.groups.set(plan.key, group);
    }
    group.adopt(plan.sharing === 'NOTHING' ? group.key : plan.key, plan);
    return true;
  }

  allGroups(): Iterable<FeedGroup> {
    return this.groups.values();
  }

  subscriptionCount(): number {
    let count = 0;
    for (const group of this.groups.values()) count += group.size;
    return count;
  }

  /** Streams that subscriptions listen to; fewer than subscriptions where they are shared. */
  feedCount(): number {
    let count = 0;
    for (const group of this.groups.values()) count += group.branchCount;
    return count;
  }

  /**
   * Reads nothing more from subgraphs, waits until what has come is delivered, `drainMs` at most, and tells every reader.
   * New subscriptions are refused from now on.
   */
  async drain(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    const groups = [...this.groups.values()];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, this.limits.drainMs); });
    await Promise.race([Promise.all(groups.map((group) => group.drain())), late]);
    clearTimeout(timer);
    for (const group of groups) {
      for (const { sink, cursor } of [...group.subscribers()]) sink.goingAway(withResumePlace([toGraphQLError(new AcgsError('SHUTTING_DOWN'))], cursor));
    }
  }

  /** Ends what is left and closes every upstream connection. */
  close(): void {
    this.draining = true;
    for (const group of [...this.groups.values()]) for (const subscriber of [...group.subscribers()]) subscriber.close();
    this.pool.close();
  }
}
