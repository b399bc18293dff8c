/** Those who get the same answers of a stream: each event is executed once for all of them, in order, and fanned out. */
import type { GatewayRequest } from '../execution/contracts.js';
import type { EdgeLimits } from './edge-deps.js';
import { IndexedQueue, type ByteBudget, type Sized } from './indexed-queue.js';
import type { StreamAnswer } from './stream-answer.js';
import type { Subscriber, SubscriberAudience } from './subscriber.js';
import type { SubscriptionMetrics } from './subscription-metrics.js';
import type { UpstreamPayload } from './upstream-socket.js';

/** One message of the stream. */
export interface Entry extends Sized {
  readonly payload: UpstreamPayload;
  readonly verified: boolean;
  readonly cursor: string | undefined;
  /** True for OPENED. */
  readonly opens: boolean;
  /** performance.now() when it came. */
  readonly arrivedAt: number;
}

/** The stream an audience listens to. */
export interface AudienceSource {
  readonly entries: IndexedQueue<Entry>;
  /** True when nothing more comes after the last entry. */
  readonly finished: boolean;
  /** Executes a message. Never rejects. */
  execute(payload: UpstreamPayload, verified: boolean, request: GatewayRequest): Promise<StreamAnswer>;
  /** The OPENED message of a place. Never rejects. */
  makeOpened(cursor: string, request: GatewayRequest): Promise<StreamAnswer>;
  /** Cursor of the place before an entry. */
  cursorBefore(number: number): string | undefined;
  /** An audience has executed further. */
  progressed(): void;
  /** A reader fell behind what is kept. */
  strand(subscriber: Subscriber): void;
  /** A reader has everything of a stream that is finished. */
  dismiss(subscriber: Subscriber): void;
  /** Nobody is left. */
  vacated(audience: AnswerAudience): void;
}

export interface AudienceContext {
  readonly limits: EdgeLimits;
  readonly metrics: Pick<SubscriptionMetrics, 'events' | 'delivery' | 'lagging'>;
  readonly budget: ByteBudget;
  /** Label of the metrics. */
  readonly field: string;
  /** Answers that are kept for who comes late; 0 where streams are not shared. */
  readonly retained: () => number;
}

interface Ready extends Sized {
  readonly answer: StreamAnswer;
  readonly cursor: string | undefined;
  readonly opens: boolean;
  readonly arrivedAt: number;
}

export class AnswerAudience implements SubscriberAudience {
  private readonly members = new Set<Subscriber>();
  private readonly laggards = new Set<Subscriber>();
  private readonly answers: IndexedQueue<Ready>;
  /** Executed, but an earlier one is not yet. */
  private readonly early = new Map<number, Ready>();
  private next: number;
  private running = 0;
  /** Answers below this number were offered to every member. */
  private offered: number;
  private flushing = false;
  /** A flush was asked for while one was under way. */
  private again = false;
  private openedAt: { readonly cursor: string; readonly answer: Promise<StreamAnswer> } | undefined;
  private idleWaiters: Array<() => void> = [];

  /** @param start number of the first entry to execute. */
  constructor(readonly key: string, private readonly source: AudienceSource, private readonly context: AudienceContext, start: number) {
    this.answers = new IndexedQueue(start, context.budget);
    this.next = start;
    this.offered = start;
  }

  /** Number of the next entry to execute: those before it are needed no more. */
  get frontier(): number {
    return this.next;
  }

  /** Number of the oldest answer a reader can begin with. */
  get first(): number {
    return this.answers.first;
  }

  get size(): number {
    return this.members.size;
  }

  readers(): Subscriber[] {
    return [...this.members];
  }

  /** Gives a reader its place: the next it gets is the entry `position`. */
  add(member: Subscriber, position: number): void {
    member.audience = this;
    member.position = position;
    this.members.add(member);
    if (member.waiting) this.laggards.add(member);
    const cursor = member.opened ? undefined : this.source.cursorBefore(position);
    if (cursor === undefined) this.deliver(member);
    else this.open(member, cursor);
    this.pump();
  }

  remove(member: Subscriber): void {
    if (!this.members.delete(member)) return;
    this.laggards.delete(member);
    member.audience = undefined;
    member.opening = undefined;
    if (this.members.size > 0) return;
    this.answers.clear();
    this.settleIdle();
    this.source.vacated(this);
  }

  resume(member: Subscriber): void {
    this.laggards.delete(member);
    this.deliver(member);
    this.evict();
    this.pump();
  }

  /** Executes what has come, as far as the pipeline and the kept answers allow. */
  pump(): void {
    const { limits } = this.context;
    const { entries } = this.source;
    while (!this.full() && this.members.size > 0 && this.running < limits.pipelinedEvents && this.next < entries.end) {
      const number = this.next;
      const entry = entries.at(number);
      if (entry === undefined) {
        // The stream went on without this audience; its members go on from their cursors.
        for (const member of [...this.members]) this.source.strand(member);
        return;
      }
      this.next += 1;
      this.running += 1;
      void this.source.execute(entry.payload, entry.verified, this.request()).then((answer) => this.settle(number, entry, answer));
    }
    if (this.next === entries.end) this.settleIdle();
  }

  /** Offers everything that is ready, in slices, so that one event for many readers does not hold everything else up. */
  flush(): void {
    if (this.flushing) {
      this.again = true;
      return;
    }
    this.flushing = true;
    this.again = false;
    this.pass(this.members.values(), this.answers.end);
  }

  /** Resolves when everything that has come was executed and offered. */
  whenIdle(): Promise<void> {
    return this.idle() ? Promise.resolve() : new Promise((resolve) => { this.idleWaiters.push(resolve); });
  }

  private settle(number: number, entry: Entry, answer: StreamAnswer): void {
    this.running -= 1;
    if (this.members.size === 0) {
      this.settleIdle();
      return;
    }
    this.early.set(number, { answer, cursor: entry.cursor, opens: entry.opens, arrivedAt: entry.arrivedAt, size: answer.text.length });
    const before = this.answers.end;
    for (let ready = this.early.get(before); ready !== undefined; ready = this.early.get(this.answers.end)) {
      this.early.delete(this.answers.end);
      this.answers.push(ready);
    }
    if (this.answers.end > before) this.flush();
    this.pump();
    this.source.progressed();
  }

  private pass(members: IterableIterator<Subscriber>, upTo: number): void {
    const { deliverySlice } = this.context.limits;
    let delivered = 0;
    for (let visited = 0; ; visited += 1) {
      const { value: member, done } = members.next();
      if (done === true) break;
      delivered += this.deliver(member);
      if (visited >= deliverySlice) {
        this.count(delivered);
        setImmediate(() => this.pass(members, upTo));
        return;
      }
    }
    this.count(delivered);
    this.offered = Math.max(this.offered, upTo);
    this.flushing = false;
    this.evict();
    if (this.again || this.answers.end > upTo) this.flush();
    this.pump();
    this.settleIdle();
    this.source.progressed();
  }

  /** Hands a member what is ready for it; returns how many answers. */
  private deliver(member: Subscriber): number {
    if (member.over || member.waiting || member.opening !== undefined) return 0;
    const { answers, source } = this;
    const pending = answers.end - member.position;
    let handed = 0;
    if (pending > 0) {
      const { sink } = member;
      if (pending > 1) sink.cork();
      while (member.position < answers.end && member.audience === this && !member.over) {
        if (sink.congested()) {
          this.lag(member);
          break;
        }
        const ready = answers.at(member.position);
        if (ready === undefined) break;
        this.hand(member, ready);
        handed += 1;
      }
      if (pending > 1) sink.uncork();
      if (member.position < answers.first) {
        source.strand(member);
        return handed;
      }
    }
    if (source.finished && member.audience === this && !member.waiting && member.position === source.entries.end) source.dismiss(member);
    return handed;
  }

  private hand(member: Subscriber, { answer, cursor, opens, arrivedAt }: Ready): void {
    member.position += 1;
    member.begun = true;
    member.settled = cursor !== undefined;
    if (cursor !== undefined) member.cursor = cursor;
    // Who was opened elsewhere is told so once.
    if (opens && member.opened) return;
    if (opens) member.opened = true;
    member.sink.deliver(answer);
    this.context.metrics.delivery.observe((performance.now() - arrivedAt) / 1000);
  }

  private open(member: Subscriber, cursor: string): void {
    if (this.openedAt?.cursor !== cursor) this.openedAt = { cursor, answer: this.source.makeOpened(cursor, member.request) };
    const { answer } = this.openedAt;
    member.opening = answer;
    void answer.then((opened) => {
      if (member.opening !== answer || member.audience !== this || member.over) return;
      member.opening = undefined;
      member.opened = true;
      member.cursor = cursor;
      member.settled = true;
      member.begun = true;
      member.sink.deliver(opened);
      this.count(1 + this.deliver(member));
    });
  }

  private lag(member: Subscriber): void {
    member.waiting = true;
    this.laggards.add(member);
    void member.sink.caughtUp().then((kept) => {
      member.waiting = false;
      if (member.over) return;
      if (!kept) member.group?.lag(member);
      else if (member.audience === undefined) member.group?.rejoin(member);
      else member.audience.resume(member);
    });
  }

  /** Drops answers that everyone was offered, beyond what readers who are behind or late may still ask for. */
  private evict(): void {
    const { limits, retained } = this.context;
    const { answers, laggards } = this;
    const most = laggards.size > 0 ? limits.maxWaitingEvents : retained();
    const before = answers.first;
    while (answers.first < this.offered && (answers.length > most || answers.bytes > limits.maxWaitingBytes)) answers.shift();
    if (answers.first === before || laggards.size === 0) return;
    for (const member of [...laggards]) if (member.position < answers.first) this.source.strand(member);
  }

  /** True while as much waits to be offered as may be kept. */
  private full(): boolean {
    this.evict();
    const { limits } = this.context;
    return this.answers.end - this.offered >= limits.maxWaitingEvents || this.answers.bytes > limits.maxWaitingBytes;
  }

  private request(): GatewayRequest {
    const [member] = this.members;
    if (member === undefined) throw new Error('Nobody is left to execute an event for.');
    return member.request;
  }

  private count(delivered: number): void {
    if (delivered > 0) this.context.metrics.events.inc({ field: this.context.field }, delivered);
  }

  private idle(): boolean {
    return this.members.size === 0 || (this.running === 0 && !this.flushing && this.next === this.source.entries.end);
  }

  private settleIdle(): void {
    if (this.idleWaiters.length === 0 || !this.idle()) return;
    for (const waiter of this.idleWaiters.splice(0)) waiter();
  }
}
