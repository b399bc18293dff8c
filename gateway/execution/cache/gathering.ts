/** Gets things from memory, from another request that is fetching them, from Redis or from the subgraph, and keeps what it fetched. */
import type { DataObject } from '../plan/response-data.js';
import { isDataObject } from '../plan/response-data.js';
import { changesOfAnswer, type CacheItem } from './cache-items.js';
import type { CacheMetrics } from './cache-metrics.js';
import type { ChangeRecord } from './change-record.js';
import type { FarAnswers } from './far-answers.js';
import { keptTextOf, type KeptAnswer, type KeptAnswers } from './kept-answers.js';

/** Longest wait for what another request is fetching, milliseconds; whoever has waited that long fetches for itself. */
const JOIN_PATIENCE_MS = 1_000;

/** What a subgraph answered about the things that were asked. */
export interface Fetched {
  /** In the order asked; undefined for what did not come. Their owner is whoever asked. */
  readonly values: readonly unknown[];
  /** True when the answer reported no error. */
  readonly clean: boolean;
  /** Number of the last event the answer certainly shows; undefined when the subgraph did not say. */
  readonly position: number | undefined;
  readonly escapeFree: boolean;
  readonly ascii: boolean;
}

export interface Gathered {
  /** In the order of the items. */
  readonly values: readonly unknown[];
  readonly escapeFree: boolean;
  readonly ascii: boolean;
}

export interface GatherDeps {
  readonly kept: KeptAnswers;
  readonly far: FarAnswers | undefined;
  readonly metrics: Pick<CacheMetrics, 'looked' | 'joined' | 'unkept' | 'far'>;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly clock?: () => number;
}

/** How a thing is asked for. */
export interface GatherOptions {
  readonly record: ChangeRecord;
  /** False to fetch everything; what comes is kept all the same. */
  readonly look: boolean;
  /** When the request ends, milliseconds since the epoch; null for never. */
  readonly deadline: number | null;
}

type Items = readonly (CacheItem | undefined)[];
type Send = (indexes: readonly number[]) => Promise<Fetched>;

export class Gathering {
  /** Things being fetched, by key; each resolves, whatever comes of it. */
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly clock: () => number;

  constructor(private readonly deps: GatherDeps) {
    this.clock = deps.clock ?? Date.now;
  }

  /**
   * Gets things of one subgraph.
   * @param items undefined in the place of what is not kept.
   * @param send fetches some of them, by their indexes; called at most twice.
   * @throws what `send` throws.
   */
  async gather(items: Items, send: Send, options: GatherOptions): Promise<Gathered> {
    const run = new GatherRun(items);
    const led: number[] = [];
    const joined: { readonly index: number; readonly done: Promise<void> }[] = [];
    items.forEach((item, index) => {
      if (item === undefined || !options.look) {
        led.push(index);
        return;
      }
      const known = this.current(item, options.record);
      this.deps.metrics.looked(known !== undefined);
      if (known !== undefined) {
        run.take(index, known);
        return;
      }
      const done = this.underWay.get(this.placeOf(item, options.record));
      if (done === undefined) led.push(index);
      else joined.push({ index, done });
    });
    if (led.length > 0) await this.lead(run, led, send, options);
    if (joined.length > 0) await this.join(run, joined, send, options);
    return run;
  }

  private async lead(run: GatherRun, led: readonly number[], send: Send, options: GatherOptions): Promise<void> {
    const { record, look } = options;
    const items = led.flatMap((index) => run.items[index] ?? []);
    const finish = look ? this.announce(items.map((item) => this.placeOf(item, record))) : undefined;
    try {
      const missing = look && this.deps.far !== undefined ? await this.fromFar(this.deps.far, run, led, record) : led;
      if (missing.length > 0) await this.fetch(run, missing, send, record);
    } finally {
      finish?.();
    }
  }

  private async join(run: GatherRun, joined: readonly { readonly index: number; readonly done: Promise<void> }[], send: Send, options: GatherOptions): Promise<void> {
    const patienceMs = Math.min(JOIN_PATIENCE_MS, options.deadline === null ? Infinity : options.deadline - this.clock());
    await within(Promise.all(joined.map(({ done }) => done)), patienceMs);
    const left: number[] = [];
    for (const { index } of joined) {
      const known = this.current(run.items[index] as CacheItem, options.record);
      if (known === undefined) {
        left.push(index);
        continue;
      }
      this.deps.metrics.joined();
      run.take(index, known);
    }
    if (left.length > 0) await this.fetch(run, left, send, options.record);
  }

  /** Says that things are being fetched. @returns how to say that it is over. */
  private announce(places: readonly string[]): () => void {
    let over = (): void => undefined;
    const done = new Promise<void>((resolve) => { over = resolve; });
    for (const place of places) this.underWay.set(place, done);
    return () => {
      for (const place of places) if (this.underWay.get(place) === done) this.underWay.delete(place);
      over();
    };
  }

  /** @returns the indexes of what Redis does not have either. */
  private async fromFar(far: FarAnswers, run: GatherRun, led: readonly number[], record: ChangeRecord): Promise<readonly number[]> {
    const epoch = record.epoch();
    const shared = epoch === undefined ? [] : led.filter((index) => run.items[index]?.isPrivate === false);
    if (shared.length === 0) return led;
    const places = shared.map((index) => this.placeOf(run.items[index] as CacheItem, record));
    const answers = await far.get(places);
    const found = new Set<number>();
    answers.forEach((answer, at) => {
      if (answer === undefined || answer.expiresAt <= this.clock()) return;
      if (record.epoch() !== epoch || !record.isCurrent(answer.changes, answer.asOf)) {
        this.deps.metrics.far('unusable');
        return;
      }
      const index = shared[at] as number;
      this.deps.kept.set(places[at] as string, answer);
      run.take(index, answer);
      found.add(index);
    });
    return led.filter((index) => !found.has(index));
  }

  private async fetch(run: GatherRun, indexes: readonly number[], send: Send, record: ChangeRecord): Promise<void> {
    const epoch = record.epoch();
    const asked = this.clock();
    const fetched = await send(indexes);
    run.flag(fetched);
    indexes.forEach((index, at) => {
      const value = fetched.values[at];
      const item = run.items[index];
      // Before the value is handed out: whoever gets it may write into it.
      if (item !== undefined && epoch !== undefined && epoch === record.epoch()) this.keep(item, value, fetched, asked, record);
      run.values[index] = value;
    });
  }

  private keep(item: CacheItem, value: unknown, { clean, position }: Fetched, asked: number, record: ChangeRecord): void {
    const { metrics, kept, far } = this.deps;
    if (!clean) return metrics.unkept('error');
    if (!isDataObject(value)) return metrics.unkept('empty');
    if (position === undefined) return metrics.unkept('unknown-age');
    const changes = changesOfAnswer(item, value);
    if (changes === undefined) return metrics.unkept('empty');
    if (!record.isCurrent(changes, position)) return metrics.unkept('stale');
    const answer: KeptAnswer = { ...keptTextOf(value satisfies DataObject), changes, asOf: position, expiresAt: asked + item.maxAge * 1_000 };
    const place = this.placeOf(item, record);
    kept.set(place, answer);
    if (!item.isPrivate) far?.set(place, answer);
  }

  private current(item: CacheItem, record: ChangeRecord): KeptAnswer | undefined {
    const answer = this.deps.kept.get(this.placeOf(item, record), this.clock());
    return answer !== undefined && record.isCurrent(answer.changes, answer.asOf) ? answer : undefined;
  }

  /** Numbers of another life of the feed cannot be compared, so its name is part of the key. */
  private placeOf({ service, key }: CacheItem, record: ChangeRecord): string {
    return `${service}\n${record.epoch() ?? ''}\n${key}`;
  }
}

class GatherRun implements Gathered {
  readonly values: unknown[];
  escapeFree = true;
  ascii = true;

  constructor(readonly items: Items) {
    this.values = items.map(() => undefined);
  }

  /** Reads a kept answer: everyone gets objects of their own. */
  take(index: number, answer: KeptAnswer): void {
    this.values[index] = JSON.parse(answer.text);
    this.flag(answer);
  }

  flag({ escapeFree, ascii }: { readonly escapeFree: boolean; readonly ascii: boolean }): void {
    this.escapeFree &&= escapeFree;
    this.ascii &&= ascii;
  }
}

/** Waits for work that never rejects, and no longer than that. */
async function within(work: Promise<unknown>, ms: number): Promise<void> {
  if (ms <= 0) return;
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => { timer = setTimeout(resolve, Math.min(ms, JOIN_PATIENCE_MS)); })]);
  clearTimeout(timer);
}
