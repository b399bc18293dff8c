/** The entity cache of a gateway: follows the change feeds, decides for each request what it may take from the cache, and keeps the rest. */
import { deriveHopKey } from '../../../ops/runtime/hop-token.js';
import { canonicalJson, sha256Hex } from '../../../ops/runtime/canonical-json.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../../ops/runtime/metrics.js';
import type { GatewayRequest, HashGate, SupergraphSnapshot } from '../contracts.js';
import type { CallSubgraph } from '../upstream/internal-calls.js';
import { readCacheHints } from './cache-hints.js';
import type { KeyScope } from './cache-items.js';
import { createCacheMetrics, type BypassReason } from './cache-metrics.js';
import { createCacheRules, type CacheRules } from './cache-rules.js';
import { ChangeFollower, MAX_SILENCE_MS } from './change-follower.js';
import { createFarAnswers, type FarAnswers } from './far-answers.js';
import { Gathering } from './gathering.js';
import { createKeptAnswers } from './kept-answers.js';
import { OwnWrites } from './own-writes.js';
import { RequestCache } from './request-cache.js';

export interface EntityCacheConfig {
  /** Memory the answers may take, bytes; default 64 MiB. */
  readonly maxBytes: number;
  /** Redis behind the memory; undefined for none. */
  readonly redisUrl: string | undefined;
  /** Before every key; default `acgs:`. */
  readonly redisPrefix: string;
}

export interface EntityCacheDeps {
  readonly config: EntityCacheConfig;
  readonly call: CallSubgraph;
  readonly gate: Pick<HashGate, 'active'>;
  readonly metrics: Pick<ServiceMetrics, 'registry' | 'looked'>;
  readonly logger: Logger;
  /** Master key of hop tokens; the seal of what is kept in Redis is derived from it. */
  readonly hopMasterKey: Uint8Array;
  /** Clock in milliseconds that never goes back; default `performance.now`. */
  readonly now?: () => number;
  /** What is behind the memory, instead of the configured Redis. */
  readonly far?: FarAnswers;
}

export interface EntityCache {
  /** What of a supergraph may be cached; undefined for nothing. */
  rulesOf(snapshot: Pick<SupergraphSnapshot, 'id' | 'sdl' | 'directives'>): CacheRules | undefined;
  /** The cache as one query may use it. */
  forRequest(request: GatewayRequest, variables: Readonly<Record<string, unknown>>): RequestCache;
  /** Says that a mutation of the request is over: until the feeds have caught up, its principal is answered by the subgraphs. */
  wrote(request: Pick<GatewayRequest, 'principal'>): void;
  stop(): Promise<void>;
}

/** Derivation label of the seal's key; no subgraph can have that name. */
const SEAL_LABEL = '#entity-cache';

/** Makes the cache. Feeds are followed from the first look-up on. */
export function createEntityCache({ config, call, gate, metrics: serviceMetrics, logger, hopMasterKey, now = () => performance.now(), ...deps }: EntityCacheDeps): EntityCache {
  const kept = createKeptAnswers(config.maxBytes);
  const metrics = createCacheMetrics(serviceMetrics, kept);
  const far = deps.far ?? (config.redisUrl === undefined ? undefined : createFarAnswers({ url: config.redisUrl, prefix: config.redisPrefix, sealKey: deriveHopKey(hopMasterKey, SEAL_LABEL), metrics, logger }));
  const gathering = new Gathering({ kept, far, metrics });
  const ownWrites = new OwnWrites(MAX_SILENCE_MS);
  const followers = new Map<string, ChangeFollower>();
  const rules = new WeakMap<object, { readonly rules: CacheRules | undefined }>();
  const followerOf = (service: string): ChangeFollower => {
    let follower = followers.get(service);
    if (follower === undefined) followers.set(service, follower = new ChangeFollower(service, { call, logger, onChanges: (count) => metrics.changes(count), now }));
    return follower;
  };
  const bypassOf = (request: GatewayRequest, follower: ChangeFollower): BypassReason | undefined => {
    if (request.pastCaches === true) return 'asked';
    const known = follower.knownUpTo();
    if (now() - known >= MAX_SILENCE_MS) return 'feed';
    return ownWrites.lastOf(request.principal?.id ?? null) >= known ? 'own-write' : undefined;
  };
  return {
    rulesOf(snapshot) {
      let known = rules.get(snapshot);
      if (known === undefined) {
        const hints = readCacheHints(snapshot);
        rules.set(snapshot, known = { rules: hints === undefined ? undefined : createCacheRules(hints, snapshot.id) });
      }
      return known.rules;
    },
    forRequest(request, variables) {
      const { principal, deadline } = request;
      let digest: string | undefined;
      const scope: KeyScope = { hash: gate.active(), variables, principal: () => (principal === null ? undefined : (digest ??= digestOf(request))) };
      return new RequestCache(scope, (service, items, send) => {
        const follower = followerOf(service);
        follower.want();
        const reason = bypassOf(request, follower);
        if (reason !== undefined) metrics.bypassed(reason, items.filter((item) => item !== undefined).length);
        return gathering.gather(items, send, { record: follower.record, look: reason === undefined, deadline });
      });
    },
    wrote: ({ principal }) => ownWrites.wrote(principal?.id ?? null, now()),
    async stop() {
      await Promise.all([...followers.values()].map((follower) => follower.stop()));
      await far?.stop();
    },
  };
}

/** Everything of the principal that a subgraph can see. */
function digestOf({ principal, credentialId, hashPresented }: GatewayRequest): string {
  return sha256Hex(canonicalJson({ principal: principal === null ? null : { ...principal, roles: [...principal.roles], scopes: [...principal.scopes], policies: [...principal.policies] }, credentialId, hashPresented }));
}
