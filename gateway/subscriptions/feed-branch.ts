/** One stream upstream with everyone who listens to it: keeps what they still need, and the places where others may join. */
import type { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { GatewayRequest } from '../execution/contracts.js';
import { AnswerAudience, type AudienceContext, type AudienceSource, type Entry } from './answer-audience.js';
import { IndexedQueue } from './indexed-queue.js';
import type { FeedMessage, FeedReader } from './resumable-feed.js';
import type { StreamAnswer } from './stream-answer.js';
import { toGraphQLError } from './stream-faults.js';
import type { Subscriber } from './subscriber.js';
import type { UpstreamPayload } from './upstream-socket.js';

/** The part of a feed that a branch steers. */
export interface SteeredFeed {
  start(): void;
  readonly canPause: boolean;
  pause(): void;
  resume(): void;
  close(): void;
}

/** What belongs to all branches of equal subscriptions. */
export interface BranchOwner {
  readonly context: AudienceContext;
  /** False when nobody else can join, so that places are not remembered. */
  readonly shared: boolean;
  makeFeed(after: unknown, reader: FeedReader): SteeredFeed;
  /** Who shares answers. */
  audienceKey(subscriber: Subscriber): string;
  execute(payload: UpstreamPayload, verified: boolean, request: GatewayRequest): Promise<StreamAnswer>;
  /** Payload of the OPENED message of a place, made of another. */
  openedAt(opened: Readonly<Record<string, unknown>>, cursor: string): Record<string, unknown>;
  /** A branch, or a reader of it, has come further; another branch may have been there. */
  advanced(branch: FeedBranch): void;
  strand(subscriber: Subscriber): void;
  closed(branch: FeedBranch): void;
}

export class FeedBranch implements FeedReader, AudienceSource {
  readonly entries: IndexedQueue<Entry>;
  private readonly places = new Map<string, number>();
  private readonly audiences = new Map<string, AnswerAudience>();
  private readonly feed: SteeredFeed;
  private last: { readonly cursor: string; readonly number: number } | undefined;
  private opened: { readonly data: Readonly<Record<string, unknown>>; readonly verified: boolean } | undefined;
  private errors: readonly GraphQLError[] | undefined;
  private live: boolean;
  private gone = false;

  /** @param after where it starts; undefined or null for now. */
  constructor(private readonly owner: BranchOwner, private readonly after: unknown) {
    this.entries = new IndexedQueue(0, owner.context.budget);
    this.live = after === undefined || after === null;
    this.feed = owner.makeFeed(after, this);
  }

  start(): void {
    this.feed.start();
  }

  /** True when nobody can join any more: it has ended, or nobody was left. */
  get finished(): boolean {
    return this.errors !== undefined || this.gone;
  }

  get size(): number {
    let size = 0;
    for (const audience of this.audiences.values()) size += audience.size;
    return size;
  }

  /** Number of the entry behind a place, or undefined when the branch was not there or has forgotten it. */
  placeBehind(cursor: string): number | undefined {
    const number = this.last?.cursor === cursor ? this.last.number : this.places.get(cursor);
    return number === undefined ? undefined : number + 1;
  }

  /**
   * Gives a reader its place, when there is one for it.
   * @param after where it wants to start: undefined or null for now, else a cursor.
   */
  admit(subscriber: Subscriber, after: unknown): boolean {
    if (this.finished) return false;
    if (after === undefined || after === null) {
      if (!this.live) return false;
      return this.last === undefined ? this.opened === undefined && this.attach(subscriber, 0) : this.attach(subscriber, this.last.number + 1);
    }
    if (typeof after !== 'string') return false;
    const place = this.placeBehind(after);
    if (place !== undefined) return this.attach(subscriber, place);
    return this.entries.end === 0 && this.after === after && this.attach(subscriber, 0);
  }

  /** True when this branch has been where the other is now. */
  knows({ last }: FeedBranch): boolean {
    return last !== undefined && this.placeBehind(last.cursor) !== undefined;
  }

  /**
   * Gives all its readers a place on a branch that has been where they are; none of them loses or repeats anything.
   * @returns false, and nothing is changed, when one of them would.
   */
  mergeInto(to: FeedBranch): boolean {
    const members = [...this.audiences.values()].flatMap((audience) => audience.readers());
    const places = members.map((member) => (member.settled && member.cursor !== undefined ? to.placeBehind(member.cursor) : undefined));
    if (members.some((member, index) => !to.serves(member, places[index]))) return false;
    to.live ||= this.live;
    for (const [index, member] of members.entries()) {
      member.audience?.remove(member);
      if (!to.attach(member, places[index] ?? 0)) this.owner.strand(member);
    }
    return true;
  }

  /** @returns false when what the reader needs is no longer kept. */
  attach(subscriber: Subscriber, number: number): boolean {
    if (!this.serves(subscriber, number)) return false;
    const key = this.owner.audienceKey(subscriber);
    let audience = this.audiences.get(key);
    if (audience === undefined) this.audiences.set(key, audience = new AnswerAudience(key, this, this.owner.context, number));
    audience.add(subscriber, number);
    return true;
  }

  private serves(subscriber: Subscriber, number: number | undefined): boolean {
    if (number === undefined || (number > 0 && !subscriber.opened && this.opened === undefined)) return false;
    return number >= (this.audiences.get(this.owner.audienceKey(subscriber))?.first ?? this.entries.first);
  }

  message({ payload, verified, cursor, kind, size }: FeedMessage): void {
    const opens = kind === 'OPENED';
    const number = this.entries.push({ payload, verified, cursor, opens, arrivedAt: performance.now(), size });
    if (opens && payload.data != null) this.opened = { data: payload.data, verified };
    if (cursor !== undefined) {
      this.last = { cursor, number };
      if (this.owner.shared) this.places.set(cursor, number);
    }
    for (const audience of this.audiences.values()) audience.pump();
    this.balance();
    this.owner.advanced(this);
  }

  interrupted(): void {
    this.live = false;
  }

  end(errors: readonly GraphQLError[]): void {
    if (this.finished) return;
    this.errors = errors;
    this.feed.close();
    for (const audience of [...this.audiences.values()]) audience.flush();
  }

  /** Reads nothing more; what has come is still delivered. Resolves when it is. */
  async drain(): Promise<void> {
    this.feed.close();
    await Promise.all([...this.audiences.values()].map((audience) => audience.whenIdle()));
  }

  execute(payload: UpstreamPayload, verified: boolean, request: GatewayRequest): Promise<StreamAnswer> {
    return this.owner.execute(payload, verified, request);
  }

  makeOpened(cursor: string, request: GatewayRequest): Promise<StreamAnswer> {
    const { data, verified } = this.opened ?? { data: {}, verified: false };
    return this.owner.execute({ data: this.owner.openedAt(data, cursor) }, verified, request);
  }

  cursorBefore(number: number): string | undefined {
    if (number === 0) return undefined;
    for (let at = Math.min(number, this.entries.end) - 1; at >= this.entries.first; at -= 1) {
      const cursor = this.entries.at(at)?.cursor;
      if (cursor !== undefined) return cursor;
    }
    return this.last?.cursor;
  }

  progressed(): void {
    if (this.finished) return;
    this.balance();
    this.owner.advanced(this);
  }

  strand(subscriber: Subscriber): void {
    this.owner.strand(subscriber);
  }

  dismiss(subscriber: Subscriber): void {
    if (this.errors !== undefined) subscriber.end(this.errors);
  }

  vacated(audience: AnswerAudience): void {
    this.audiences.delete(audience.key);
    if (this.audiences.size > 0 || this.gone) return;
    this.gone = true;
    this.feed.close();
    this.entries.clear();
    this.places.clear();
    this.owner.closed(this);
  }

  /** Forgets what nobody needs, and detaches from the subgraph while even the fastest audience is far behind. */
  private balance(): void {
    const { limits, retained } = this.owner.context;
    let fastest = this.entries.first;
    let slowest = this.entries.end;
    for (const { frontier } of this.audiences.values()) {
      fastest = Math.max(fastest, frontier);
      slowest = Math.min(slowest, frontier);
    }
    const kept = retained();
    // What is kept for late readers must leave room for what waits.
    const spare = (): boolean => this.entries.length > kept || this.entries.bytes > limits.maxWaitingBytes / 2;
    while (this.entries.length > 0 && ((this.entries.first < slowest && spare()) || (this.entries.first < fastest && this.crowded()))) this.forget();
    const waiting = this.entries.end - fastest;
    if (this.finished) return;
    if (waiting >= limits.maxWaitingEvents || (waiting > 0 && this.entries.bytes >= limits.maxWaitingBytes)) {
      if (this.feed.canPause) this.feed.pause();
      else this.outrun();
    } else if (waiting <= limits.maxWaitingEvents / 4) this.feed.resume();
  }

  /** The stream cannot be detached and brings more than can be executed. */
  private outrun(): void {
    this.owner.context.metrics.lagging.inc();
    this.end([toGraphQLError(new AcgsError('SUBSCRIPTION_LAGGING'))]);
  }

  private crowded(): boolean {
    const { limits } = this.owner.context;
    return this.entries.length > limits.maxWaitingEvents || this.entries.bytes > limits.maxWaitingBytes;
  }

  private forget(): void {
    const number = this.entries.first;
    const cursor = this.entries.shift()?.cursor;
    if (cursor !== undefined && this.places.get(cursor) === number) this.places.delete(cursor);
  }
}
