/** All subscribers of equal subscriptions: gives each a place on a stream upstream, and brings streams together that have met. */
import { AcgsError } from '../../ops/runtime/errors.js';
import { nameOf } from '../../ops/runtime/tracing.js';
import type { GatewayRequest } from '../execution/contracts.js';
import { makeAnswer } from '../execution/gateway-answer.js';
import type { AudienceContext } from './answer-audience.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import { FeedBranch, type BranchOwner, type SteeredFeed } from './feed-branch.js';
import type { ByteBudget } from './indexed-queue.js';
import { ResumableFeed, type FeedReader } from './resumable-feed.js';
import { StreamAnswer } from './stream-answer.js';
import { toGraphQLError } from './stream-faults.js';
import type { Subscriber, SubscriberGroup } from './subscriber.js';
import type { SubscriptionMetrics } from './subscription-metrics.js';
import { principalKey, type SubscriptionPlan } from './subscription-plan.js';
import type { StreamOpener } from './upstream-pool.js';
import type { UpstreamPayload } from './upstream-socket.js';

/** What groups are made with. */
export interface GroupContext {
  readonly deps: Pick<EdgeDeps, 'logger' | 'tracing' | 'gate' | 'upstream' | 'executeEvent'>;
  readonly limits: EdgeLimits;
  readonly metrics: SubscriptionMetrics;
  readonly pool: StreamOpener;
  /** What all groups may keep for late readers. */
  readonly budget: ByteBudget;
}

export class FeedGroup implements SubscriberGroup, BranchOwner {
  readonly context: AudienceContext;
  readonly shared: boolean;
  private readonly members = new Set<Subscriber>();
  private readonly branches = new Set<FeedBranch>();
  private executed = 0;

  private name: string;

  /**
   * @param key name of the group.
   * @param onEmpty called when the last subscriber has gone.
   */
  constructor(key: string, private present: SubscriptionPlan, private readonly parts: GroupContext, private readonly onEmpty: (group: FeedGroup) => void) {
    const { limits, metrics, budget } = parts;
    this.name = key;
    this.shared = present.sharing !== 'NOTHING';
    const retained = (): number => (this.shared && budget.used <= budget.limit ? limits.retainedEvents : 0);
    this.context = { limits, metrics, budget, field: present.operation.fieldName, retained };
  }

  get key(): string {
    return this.name;
  }

  get plan(): SubscriptionPlan {
    return this.present;
  }

  get size(): number {
    return this.members.size;
  }

  get branchCount(): number {
    return this.branches.size;
  }

  subscribers(): Iterable<Subscriber> {
    return this.members;
  }

  /** Takes a subscriber in: one that is new, or one whose subscription was planned anew. */
  enter(subscriber: Subscriber): void {
    subscriber.group = this;
    this.members.add(subscriber);
    this.join(subscriber, subscriber.begun ? subscriber.cursor : subscriber.after);
  }

  exit(subscriber: Subscriber): void {
    if (!this.members.delete(subscriber)) return;
    subscriber.group = undefined;
    subscriber.audience?.remove(subscriber);
    if (this.members.size === 0) this.onEmpty(this);
  }

  rejoin(subscriber: Subscriber): void {
    if (subscriber.over) return;
    if (!subscriber.begun) this.join(subscriber, subscriber.after);
    else if (subscriber.cursor !== undefined) this.join(subscriber, subscriber.cursor);
    else this.lag(subscriber);
  }

  lag(subscriber: Subscriber): void {
    this.parts.metrics.lagging.inc();
    subscriber.end([toGraphQLError(new AcgsError('SUBSCRIPTION_LAGGING'))]);
  }

  /** Goes on under a plan that streams the same. */
  adopt(key: string, plan: SubscriptionPlan): void {
    this.name = key;
    this.present = plan;
  }

  /** Reads nothing more; resolves when what has come is delivered. */
  async drain(): Promise<void> {
    await Promise.all([...this.branches].map((branch) => branch.drain()));
  }

  makeFeed(after: unknown, reader: FeedReader): SteeredFeed {
    const { deps, limits, metrics, pool } = this.parts;
    const { operation, variables } = this.present;
    return new ResumableFeed({ operation, variables, after, request: () => this.representative(), pool, deps, limits, metrics, reader });
  }

  audienceKey({ request }: Subscriber): string {
    return this.present.sharing === 'STREAM' ? principalKey(request) : '';
  }

  async execute(payload: UpstreamPayload, verified: boolean, request: GatewayRequest): Promise<StreamAnswer> {
    const { deps, limits, metrics } = this.parts;
    const { prepared, variables, operation, snapshot } = this.present;
    this.executed += 1;
    metrics.executions.inc({ field: operation.fieldName });
    const requestId = `${request.requestId}.${this.executed}`;
    // A stream lasts longer than any trace: each event has its own, linked to the subscription it is executed for.
    const span = deps.tracing?.begin(`event ${operation.fieldName}`, { 'acgs.request_id': requestId, 'graphql.operation.type': 'subscription' }, request.traceparent);
    const traced = deps.tracing === undefined ? request : { ...request, span, ...(span === undefined ? {} : { traceparent: span.traceparent }) };
    try {
      return new StreamAnswer(await deps.executeEvent(
        { ...traced, snapshot, requestId, deadline: Date.now() + limits.operationTimeoutMs }, prepared, variables, { data: payload.data, errors: payload.errors, hashAccepted: verified },
      ));
    } catch (error) {
      // One event that cannot be executed must not keep the later ones from the subscribers: it is delivered as an error.
      span?.fail(nameOf(error));
      deps.logger.error({ err: error, requestId, field: operation.fieldName }, 'An event could not be executed');
      return new StreamAnswer(makeAnswer({ pieces: ['null'], ascii: true }, [toGraphQLError(new AcgsError('INTERNAL', undefined, { requestId }))], { hash: deps.gate.active(), verified: false }));
    } finally {
      span?.end();
    }
  }

  openedAt(opened: Readonly<Record<string, unknown>>, cursor: string): Record<string, unknown> {
    return this.present.operation.openedAt?.(opened, cursor) ?? { ...opened };
  }

  /** Equal cursors are one place: a branch that comes where another has been ends in favour of that one; of two at one place the smaller does. */
  advanced(branch: FeedBranch): void {
    if (this.branches.size < 2) return;
    for (const other of this.branches) {
      if (other === branch || other.finished || branch.finished) continue;
      const behind = other.knows(branch);
      const ahead = branch.knows(other);
      if (behind && !(ahead && other.size < branch.size) ? branch.mergeInto(other) : ahead && other.mergeInto(branch)) return;
    }
  }

  strand(subscriber: Subscriber): void {
    subscriber.audience?.remove(subscriber);
    // One that does not keep up is given a place when it does.
    if (!subscriber.waiting) this.rejoin(subscriber);
  }

  closed(branch: FeedBranch): void {
    this.branches.delete(branch);
  }

  private join(subscriber: Subscriber, after: unknown): void {
    if (this.shared) {
      for (const branch of this.branches) if (branch.admit(subscriber, after)) return;
    }
    const branch = new FeedBranch(this, after);
    this.branches.add(branch);
    branch.attach(subscriber, 0);
    branch.start();
  }

  /** Whose claims the stream is opened with: any subscriber's that is here now, since equal grants brought them together. */
  private representative(): GatewayRequest {
    const [subscriber] = this.members;
    if (subscriber === undefined) throw new AcgsError('INTERNAL', 'Nobody is left to open a stream for.');
    return subscriber.request;
  }
}
