/** Runs two gateways' entity caches over a simulated subgraph, clock, feed and Redis, step by step, and judges every read by the promises. */
import { Registry } from 'prom-client';
import type { ChangesAnswer } from '../../ops/runtime/change-feed.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { createLogger } from '../../ops/runtime/logger.js';
import type { EntityRule } from '../../gateway/execution/cache/cache-rules.js';
import { createEntityCache, type EntityCache } from '../../gateway/execution/cache/entity-cache.js';
import type { FarAnswers } from '../../gateway/execution/cache/far-answers.js';
import type { KeptAnswer } from '../../gateway/execution/cache/kept-answers.js';
import type { GatewayRequest, SubgraphAnswer } from '../../gateway/execution/contracts.js';
import type { InternalAnswer } from '../../gateway/execution/upstream/internal-calls.js';

export const GATEWAYS = 2;
export const PRINCIPALS = 2;
export const ENTITIES = 2;
const PROMISED_MS = 100;
const SERVICE = 'policy-governance';

/** One thing that happens; numbers pick among what is there. */
export type Step =
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'read'; readonly gateway: number; readonly principal: number; readonly entity: number }
  | { readonly kind: 'write'; readonly gateway: number; readonly principal: number; readonly entity: number }
  | { readonly kind: 'acknowledge' | 'number' | 'see' | 'answer' | 'snapshot' | 'deliver' | 'flow' | 'cut' | 'flush'; readonly pick: number };

interface Commit {
  readonly entity: number;
  readonly version: number;
  readonly at: number;
  position: number | undefined;
}

interface Poll {
  readonly after: number | null;
  readonly asked: number;
  answer: ChangesAnswer | undefined;
  readonly resolve: (answer: InternalAnswer) => void;
  readonly reject: (error: Error) => void;
}

interface Fetch {
  readonly entities: readonly number[];
  /** Taken when the subgraph begins. */
  readonly position: number;
  versions: readonly number[] | undefined;
  readonly resolve: (answer: { answer: SubgraphAnswer; names: string[] }) => void;
}

interface Mutation {
  readonly gateway: number;
  readonly principal: number;
  readonly entity: number;
  readonly version: number;
}

/** What was seen: fetches and reads, and every broken promise in words. */
export interface Verdict {
  readonly reads: number;
  readonly fetches: number;
  readonly violations: readonly string[];
}

const RULE: EntityRule = { kind: 'entities', id: 'rule', service: SERVICE, variables: [], types: new Map([['T', { key: 'id', maxAge: 3_600, isPrivate: false, inner: [], changedBy: ['t', 'u'] }]]) };

/** Runs the steps to their end, then lets everything that is under way finish. */
export async function simulate(steps: readonly Step[]): Promise<Verdict> {
  const simulation = new Simulation();
  try {
    for (const step of steps) {
      simulation.apply(step);
      await settled();
    }
    await simulation.drain();
  } finally {
    await simulation.stop();
  }
  return simulation.verdict();
}

class Simulation {
  private now = 1_000;
  private numbered = 0;
  private reads = 0;
  private fetched = 0;
  private readonly commits: Commit[] = [];
  private readonly versions = Array.from({ length: ENTITIES }, () => 0);
  private readonly polls: Poll[] = [];
  private readonly fetches: Fetch[] = [];
  private readonly mutations: Mutation[] = [];
  private readonly running = new Set<Promise<void>>();
  private readonly violations: string[] = [];
  /** Versions that a principal was told of by a gateway. */
  private readonly told = new Map<string, number>();
  private readonly shared = new Map<string, KeptAnswer>();
  private readonly caches: EntityCache[];

  constructor() {
    const far: FarAnswers = {
      get: async (keys) => {
        await Promise.resolve();
        return keys.map((key) => this.shared.get(key));
      },
      set: (key, answer) => { this.shared.set(key, answer); },
      stop: () => Promise.resolve(),
    };
    this.caches = Array.from({ length: GATEWAYS }, () => createEntityCache({
      config: { maxBytes: 1024 * 1024, redisUrl: undefined, redisPrefix: '' }, call: (_, { query }) => this.poll(query ?? {}), gate: { active: () => 'hash' },
      metrics: { registry: new Registry(), looked: () => undefined }, logger: createLogger('simulation', 'silent'), hopMasterKey: Buffer.alloc(32), now: () => this.now, far,
    }));
  }

  verdict(): Verdict {
    return { reads: this.reads, fetches: this.fetched, violations: this.violations };
  }

  apply(step: Step): void {
    switch (step.kind) {
      case 'advance':
        this.now += step.ms;
        break;
      case 'read':
        this.read(step.gateway, step.principal, step.entity);
        break;
      case 'write':
        this.write(step.gateway, step.principal, step.entity);
        break;
      case 'acknowledge':
        this.acknowledge(taken(this.mutations, step.pick));
        break;
      case 'number':
        this.number(step.pick);
        break;
      case 'see':
        this.see(this.fetches.filter(({ versions }) => versions === undefined)[step.pick % Math.max(1, this.fetches.length)]);
        break;
      case 'answer':
        this.answer(step.pick);
        break;
      case 'snapshot':
        this.snapshot(this.polls.filter(({ answer }) => answer === undefined)[step.pick % GATEWAYS]);
        break;
      case 'deliver':
        this.deliver(step.pick);
        break;
      case 'flow':
        this.flow(step.pick);
        break;
      case 'cut':
        taken(this.polls, step.pick)?.reject(new AcgsError('SUBGRAPH_UNAVAILABLE'));
        break;
      case 'flush':
        this.shared.clear();
        break;
    }
  }

  async drain(): Promise<void> {
    while (this.running.size > 0) {
      for (const mutation of this.mutations.splice(0)) this.acknowledge(mutation);
      while (this.fetches.length > 0) this.answer(0);
      await settled();
    }
  }

  async stop(): Promise<void> {
    const stopping = this.caches.map((cache) => cache.stop());
    for (const poll of this.polls.splice(0)) poll.reject(new AcgsError('SHUTTING_DOWN'));
    await Promise.all(stopping);
  }

  private read(gateway: number, principal: number, entity: number): void {
    const started = this.now;
    const own = this.told.get(`${gateway} ${principal} ${entity}`) ?? 0;
    const others = Math.max(0, ...this.commits.filter((commit) => commit.entity === entity && commit.at <= started - PROMISED_MS).map(({ version }) => version));
    const request = { principal: { id: `p${principal}`, kind: 'HUMAN', roles: [], scopes: [], policies: [] }, deadline: null } as unknown as GatewayRequest;
    const text = JSON.stringify({ __typename: 'T', id: String(entity) });
    const answered = this.caches[gateway]!.forRequest(request, {}).entities(SERVICE, [{ rule: RULE, texts: [text], responseName: '_entities' }], ([texts = []]) => this.fetch(texts));
    const done = answered.then(({ data }) => {
      this.reads += 1;
      const { version } = (data?.['_entities'] as { version: number }[])[0]!;
      if (version < own) this.violations.push(`p${principal} wrote version ${own} of ${entity} through gateway ${gateway} and read ${version} there`);
      if (version < others) this.violations.push(`version ${others} of ${entity} was ${PROMISED_MS} ms old at ${started} and gateway ${gateway} answered ${version}`);
    }).finally(() => { this.running.delete(done); });
    this.running.add(done);
  }

  /** Everything that waits at the subgraph goes its usual way, the feed first or last. */
  private flow(pick: number): void {
    if (pick % 2 === 0) while (this.fetches.length > 0) this.answer(0);
    for (const poll of this.polls) this.snapshot(poll.answer === undefined ? poll : undefined);
    while (this.polls.some(({ answer }) => answer !== undefined)) this.deliver(0);
    if (pick % 2 === 1) while (this.fetches.length > 0) this.answer(0);
  }

  private write(gateway: number, principal: number, entity: number): void {
    const version = (this.versions[entity] ?? 0) + 1;
    this.versions[entity] = version;
    this.commits.push({ entity, version, at: this.now, position: undefined });
    this.mutations.push({ gateway, principal, entity, version });
  }

  private acknowledge(mutation: Mutation | undefined): void {
    if (mutation === undefined) return;
    const { gateway, principal, entity, version } = mutation;
    this.caches[gateway]!.wrote({ principal: { id: `p${principal}`, kind: 'HUMAN', roles: [], scopes: [], policies: [] } });
    const key = `${gateway} ${principal} ${entity}`;
    this.told.set(key, Math.max(version, this.told.get(key) ?? 0));
  }

  /** Numbers come in any order between entities and in order within one. */
  private number(pick: number): void {
    const first = this.commits.filter((commit, index) => commit.position === undefined && !this.commits.slice(0, index).some((earlier) => earlier.entity === commit.entity && earlier.position === undefined));
    const commit = first[pick % Math.max(1, first.length)];
    if (commit !== undefined) commit.position = ++this.numbered;
  }

  private fetch(texts: readonly string[]): Promise<{ answer: SubgraphAnswer; names: string[] }> {
    this.fetched += 1;
    return new Promise((resolve) => {
      this.fetches.push({ entities: texts.map((text) => Number((JSON.parse(text) as { id: string }).id)), position: this.numbered, versions: undefined, resolve });
    });
  }

  private see(fetch: Fetch | undefined): void {
    if (fetch !== undefined) fetch.versions = fetch.entities.map((entity) => this.versions[entity] ?? 0);
  }

  private answer(pick: number): void {
    const fetch = taken(this.fetches, pick);
    if (fetch === undefined) return;
    if (fetch.versions === undefined) this.see(fetch);
    const entities = (fetch.versions ?? []).map((version) => ({ __typename: 'T', version }));
    fetch.resolve({ answer: { data: { _entities: entities }, errors: [], escapeFree: true, ascii: true, position: fetch.position }, names: ['_entities'] });
  }

  private poll(query: Readonly<Record<string, string>>): Promise<InternalAnswer> {
    return new Promise((resolve, reject) => {
      this.polls.push({ after: query['after'] === undefined ? null : Number(query['after']), asked: this.now, answer: undefined, resolve, reject });
    });
  }

  private snapshot(poll: Poll | undefined): void {
    if (poll === undefined) return;
    const from = poll.after ?? 0;
    const subjects = (commits: readonly Commit[]): string[] => [...new Set(commits.map(({ entity, version }) => `${version % 2 === 0 ? 't' : 'u'} T:${entity}`))];
    poll.answer = {
      epoch: 'one', from, position: this.numbered, complete: true, waitedMs: this.now - poll.asked,
      changed: subjects(this.commits.filter(({ position }) => position !== undefined && position > from)), unnumbered: subjects(this.commits.filter(({ position }) => position === undefined)), unnumberedMark: '',
    };
  }

  private deliver(pick: number): void {
    const ready = this.polls.filter(({ answer }) => answer !== undefined);
    const poll = ready[pick % Math.max(1, ready.length)];
    if (poll === undefined) return;
    this.polls.splice(this.polls.indexOf(poll), 1);
    // An answer takes its time: without it the follower would wait in real time.
    this.now = Math.max(this.now, poll.asked + 5);
    poll.resolve({ status: 200, body: poll.answer });
  }
}

function taken<T>(list: T[], pick: number): T | undefined {
  return list.length === 0 ? undefined : list.splice(pick % list.length, 1)[0];
}

/** Lets everything that can go on without another step do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}
