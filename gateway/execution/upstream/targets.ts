/** Where each subgraph is served now: configured URLs, moved by the control plane's target feed, without quarantined instances. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { HASH_HEADER } from '../../../ops/runtime/hop-token.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { ConnectionPools } from './connection-pools.js';
import type { SubgraphInstance, TargetView } from '../contracts.js';
import type { CallSubgraph } from './internal-calls.js';
import { parseJson } from './json.js';

/** Subgraph that publishes the target feed at `GET /internal/targets`. */
const FEED_SERVICE = 'evolutionary-computation';
const REPROBE_MS = 2_000;
/** How long an unreachable instance of the feed's subgraph is passed over. */
const AVOID_MS = 2_000;

const feedAnswer = z.object({
  version: z.number().int(),
  targets: z.array(z.object({ service: z.string().min(1), instanceId: z.string().nullable(), url: z.string().refine((url) => URL.canParse(url)), constitutionalHash: z.string() })),
});

/** What a health probe found. */
export interface ProbeResult {
  readonly ready: boolean;
  /** Hash the instance says it runs under; null when it says none or cannot be reached. */
  readonly constitutionalHash: string | null;
}

export interface TargetDeps {
  readonly configured: Readonly<Record<string, string>>;
  readonly pools: ConnectionPools;
  readonly call: CallSubgraph;
  readonly isAccepted: (hash: string) => boolean;
  readonly logger: Logger;
  /** How often the feed is read, milliseconds. */
  readonly intervalMs: number;
  /** How often a quarantined instance is probed, milliseconds; default 2,000. */
  readonly reprobeMs?: number;
}

interface Place {
  /** From the feed. */
  fed: readonly SubgraphInstance[];
  /** Configured instance, and those the feed pointed at before: used when all fed ones are quarantined. */
  fallbacks: readonly SubgraphInstance[];
  /** Those of the feed that are not quarantined. */
  sound: readonly SubgraphInstance[];
}

/** The target table. `start` begins to follow the feed; until then configured URLs are used. */
export class Targets implements TargetView {
  private readonly places = new Map<string, Place>();
  private readonly quarantined = new Map<string, { instance: SubgraphInstance; received: string | null; since: number }>();
  private readonly avoidedUntil = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private running: Promise<unknown> = Promise.resolve();
  /** The last table that was read, whatever of it is accepted. */
  private table: z.infer<typeof feedAnswer> | undefined;
  private feed: string | undefined;
  private feedUp: boolean | undefined;

  constructor(private readonly deps: TargetDeps) {
    for (const [service, url] of Object.entries(deps.configured)) {
      this.places.set(service, { fed: [], fallbacks: [{ service, instanceId: null, url: new URL(url).origin }], sound: [] });
    }
  }

  /** Of several instances the less busy of two random ones: as even as asking all of them, and no herd follows a stale count. */
  instance(service: string, except?: SubgraphInstance): SubgraphInstance {
    const place = this.places.get(service);
    if (place === undefined) throw new AcgsError('SUBGRAPH_UNAVAILABLE', `No instance of ${service} is known.`, { service });
    const { sound } = place;
    const usable = this.wayRound(service, place) ?? (sound.length > 1 ? this.lessBusy(sound, except) : sound[0]) ?? this.fallback(place);
    if (usable === undefined) throw new AcgsError('CONSTITUTIONAL_VIOLATION', `Every instance of ${service} is quarantined: it answered under another constitutional hash.`, { service });
    return usable;
  }

  /** Services in the table. */
  services(): string[] {
    return [...this.places.keys()];
  }

  /** Quarantined instances with the hash they answered under. */
  quarantinedInstances(): readonly { readonly instance: SubgraphInstance; readonly received: string | null }[] {
    return [...this.quarantined.values()];
  }

  quarantine(instance: SubgraphInstance, received: string | null): void {
    if (this.quarantined.has(instance.url)) return;
    this.quarantined.set(instance.url, { instance, received, since: Date.now() });
    this.sift();
    this.deps.logger.error({ service: instance.service, instanceId: instance.instanceId, url: instance.url, received }, 'An instance answered under another constitutional hash and is quarantined');
    this.notify();
  }

  /**
   * A dead instance of the feed's own subgraph would take the way to roll it back with it, so calls go to its configured
   * or previous instance for a while. For any other subgraph the table decides, and its failure is shown.
   */
  unreachable({ service, url }: SubgraphInstance): void {
    if (service === FEED_SERVICE) this.avoidedUntil.set(url, Date.now() + AVOID_MS);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  /** Begins to follow the feed and to probe quarantined instances. */
  start(): void {
    this.running = Promise.all([
      this.every(this.deps.intervalMs, () => this.readFeed()),
      this.every(this.deps.reprobeMs ?? REPROBE_MS, () => this.reprobe()),
    ]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Asks an instance's health endpoint. Never rejects. */
  async probe(instance: SubgraphInstance): Promise<ProbeResult> {
    try {
      const answer = await this.deps.pools.request(instance.url, { method: 'GET', path: '/health/ready', headers: { accept: 'application/json' }, body: null, timeoutMs: 1_500 });
      const header = answer.headers[HASH_HEADER];
      const parsed = z.object({ constitutionalHash: z.string() }).safeParse(parseJson(answer.text));
      return { ready: answer.status === 200, constitutionalHash: typeof header === 'string' ? header : parsed.success ? parsed.data.constitutionalHash : null };
    } catch (error) {
      this.deps.logger.debug({ err: error, service: instance.service, url: instance.url }, 'A health probe failed');
      return { ready: false, constitutionalHash: null };
    }
  }

  /** Another instance in place of one of the feed's own subgraph that could not be reached a moment ago. */
  private wayRound(service: string, place: Place): SubgraphInstance | undefined {
    const first = place.sound[0];
    if (service !== FEED_SERVICE || (this.avoidedUntil.get(first?.url ?? '') ?? 0) <= Date.now()) return undefined;
    return this.fallback(place, first);
  }

  private fallback({ fallbacks }: Place, except?: SubgraphInstance): SubgraphInstance | undefined {
    return fallbacks.find(({ url }) => !this.quarantined.has(url) && url !== except?.url);
  }

  private lessBusy(sound: readonly SubgraphInstance[], except: SubgraphInstance | undefined): SubgraphInstance | undefined {
    const { pools } = this.deps;
    const now = performance.now();
    const willing = sound.filter(({ url }) => url !== except?.url && !pools.passOver(url, now));
    const choice = willing.length > 0 ? willing : sound;
    const at = Math.floor(Math.random() * choice.length);
    const one = choice[at];
    const other = choice[(at + 1 + Math.floor(Math.random() * (choice.length - 1))) % choice.length];
    return one === undefined || other === undefined || pools.inFlight(one.url) <= pools.inFlight(other.url) ? one : other;
  }

  private async every(intervalMs: number, step: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await step();
      await delay(intervalMs, undefined, { signal, ref: false }).catch((error: unknown) => { if (!signal.aborted) throw error; });
    }
  }

  private async readFeed(): Promise<void> {
    if (!this.places.has(FEED_SERVICE)) return;
    try {
      // After an outage the whole table is read: a restored database may count its versions anew.
      const known = this.feedUp === true ? this.table : undefined;
      const { status, body } = await this.deps.call(FEED_SERVICE, { method: 'GET', path: '/internal/targets', timeoutMs: 1_000, ...(known === undefined ? {} : { query: { since: String(known.version) } }) });
      if (status !== 200 && (status !== 304 || known === undefined)) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The target feed answered with status ${status}.`);
      this.table = status === 304 && known !== undefined ? known : feedAnswer.parse(body);
      // Also where the table is the same: which hashes are accepted may have changed.
      this.apply(this.table);
      if (this.feedUp === false) this.deps.logger.info('The target feed is back');
      this.feedUp = true;
    } catch (error) {
      // The last known table stays in force: losing the feed must not lose the subgraphs.
      if (this.feedUp !== false && !this.stopping.signal.aborted) this.deps.logger.warn({ err: error }, 'The target feed is down; the last known table stays in use');
      this.feedUp = false;
    }
  }

  private apply({ targets }: z.infer<typeof feedAnswer>): void {
    const accepted = targets.filter(({ constitutionalHash }) => this.deps.isAccepted(constitutionalHash));
    const text = JSON.stringify(accepted);
    if (text === this.feed) return;
    this.feed = text;
    const refused = targets.filter((target) => !accepted.includes(target));
    if (refused.length > 0) this.deps.logger.error({ refused }, 'Targets under another constitutional hash are not used');
    const used = new Set<string>();
    for (const service of new Set([...this.places.keys(), ...accepted.map((target) => target.service)])) {
      const place = this.places.get(service) ?? { fed: [], fallbacks: [], sound: [] };
      const fed = accepted.filter((target) => target.service === service).map(({ instanceId, url }) => ({ service, instanceId, url: new URL(url).origin }));
      const configured = place.fallbacks.find(({ instanceId, url }) => instanceId === null && url === originOf(this.deps.configured[service]));
      const previous = place.fed.filter(({ url }) => !fed.some((now) => now.url === url));
      place.fed = fed;
      place.fallbacks = [...(configured === undefined ? [] : [configured]), ...(previous.length > 0 ? previous : place.fallbacks.filter((one) => one !== configured))];
      this.places.set(service, place);
      for (const { url } of fed.length > 0 ? fed : place.fallbacks) used.add(url);
    }
    this.sift();
    this.deps.logger.info({ targets: accepted }, 'The target table changed');
    this.deps.pools.retain(used, (error) => this.deps.logger.warn({ err: error }, 'Closing an old connection pool failed'));
    this.notify();
  }

  private async reprobe(): Promise<void> {
    await Promise.all([...this.quarantined.values()].map(async ({ instance, since }) => {
      if (Date.now() - since < (this.deps.reprobeMs ?? REPROBE_MS)) return;
      const { ready, constitutionalHash } = await this.probe(instance);
      if (!ready || constitutionalHash === null || !this.deps.isAccepted(constitutionalHash)) return;
      this.quarantined.delete(instance.url);
      this.sift();
      this.deps.logger.info({ service: instance.service, url: instance.url, constitutionalHash }, 'A quarantined instance answers under an accepted hash again');
      this.notify();
    }));
  }

  private sift(): void {
    for (const place of this.places.values()) place.sound = place.fed.filter(({ url }) => !this.quarantined.has(url));
  }

  private notify(): void {
    for (const listener of this.listeners) listener();
  }
}

function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin;
}
