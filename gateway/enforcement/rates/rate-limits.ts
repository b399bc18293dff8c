/** Limits how much a principal, or the address of an anonymous client, may ask for: each operation is charged what it is estimated to cost. */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GraphQLError, Kind, OperationTypeNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { deriveHopKey } from '../../../ops/runtime/hop-token.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { Charge, GatewayRequest, OperationSource, Prepare, PreparedOperation } from '../../execution/contracts.js';
import { clientAddress } from './client-address.js';
import { createLocalPoints } from './local-points.js';
import type { Account, PointStore, RateLimitConfig, Verdict } from './rate-policy.js';
import { createSharedPoints } from './shared-points.js';

/** Points for a request that could not be prepared, and for asking auth about a key: it was work all the same. */
const UNPREPARED_COST = 10;
/** An operation with more CRITICAL fields than this has no reserve. */
const MAX_RESERVES = 5;
/** Derivation label of the key that addresses are hashed under; no subgraph can have that name. */
const ADDRESS_LABEL = '#client-addresses';

type Principal = GatewayRequest['principal'];

const MUTATION = /\bmutation\b/;

export interface RateLimits {
  /** Address that a connection's requests are charged to when they are anonymous. */
  addressOf(message: Pick<IncomingMessage, 'socket' | 'headers'>): string;
  /** Begins the charge of one request. */
  open(address: string): Charge;
  /**
   * Charges the address for having a credential looked up that may be anything, before it is.
   * @throws AcgsError RATE_LIMITED when the address has nothing left.
   */
  chargeLookup(charge: Charge): void | Promise<void>;
  /**
   * Charges a request that failed before `prepare` was reached, unless it was charged already or the fault is the gateway's.
   * @param principal null when it was not established.
   * @returns what the request fails with: RATE_LIMITED when its account is known to be empty.
   */
  chargeFailure(charge: Charge, principal: Principal, error: unknown): unknown;
  /**
   * Puts the limit in front of `prepare`, which every edge goes through; requests without a charge pass.
   * What it returns throws AcgsError RATE_LIMITED with `retryAfter` in seconds.
   */
  behind(prepare: Prepare): Prepare;
  /** `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) of a request that was charged, and `Retry-After` of one that was refused. */
  headers(charge: Charge): readonly string[];
  stop(): Promise<void>;
}

export interface RateLimitDeps {
  readonly config: RateLimitConfig;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Master key of hop tokens; what addresses are hashed under is derived from it. */
  readonly hopMasterKey: Uint8Array;
  /** Instead of the configured store. */
  readonly store?: PointStore;
}

/** Makes the limits and, where Redis is configured, connects to it. */
export function createRateLimits({ config, registry, logger, hopMasterKey, ...deps }: RateLimitDeps): RateLimits {
  const { policy, trustedProxies } = config;
  const addressKey = deriveHopKey(hopMasterKey, ADDRESS_LABEL);
  const registers = [registry];
  const charged = new Counter({ name: 'acgs_rate_limit_charges_total', help: 'Operations charged to a rate, by kind of client and outcome.', labelNames: ['client', 'outcome'], registers });
  const missed = new Counter({ name: 'acgs_rate_limit_uncounted_total', help: 'Charges that Redis did not count; this process counted them by itself.', registers });
  const store = deps.store ?? (config.redisUrl === undefined ? createLocalPoints() : createSharedPoints({ url: config.redisUrl, prefix: config.redisPrefix, logger, onMissed: () => missed.inc(), ...(config.patienceMs === undefined ? {} : { patienceMs: config.patienceMs }) }));
  /** Accounts that are known to be empty, with the moment from which they are worth asking for again. */
  const empty = new LRUCache<string, number>({ max: 10_000 });

  const accountOf = (principal: Principal, { address }: Charge): Account => (principal === null
    ? { key: `{a:${createHmac('sha256', addressKey).update(address).digest('base64url').slice(0, 22)}}`, rate: policy.anonymous, ofAddress: true }
    : { key: `{p:${principal.id}}`, rate: policy.principal });
  const reservesOf = ({ principal }: GatewayRequest, { key }: Account, { operation, criticalFields }: PreparedOperation): readonly Account[] =>
    (principal === null || operation.operation !== OperationTypeNode.MUTATION || criticalFields.length > MAX_RESERVES
      ? [] : criticalFields.map((field) => ({ key: `${key}:${field}`, rate: policy.reserve })));
  const count = (principal: Principal, outcome: Verdict['outcome']): void => charged.inc({ client: principal === null ? 'anonymous' : 'principal', outcome });
  const refusal = (charge: Charge, retryInMs: number): AcgsError => {
    charge.retryAfter = Math.max(1, Math.ceil(retryInMs / 1_000));
    return new AcgsError('RATE_LIMITED', undefined, { retryAfter: charge.retryAfter });
  };
  const settle = <T>(charge: Charge, account: Account, principal: Principal, verdict: Verdict, passed: T): T => {
    charge.left = { quota: account.rate.burst, windowS: windowOf(account), left: verdict.left, fullInS: Math.ceil(verdict.fullInMs / 1_000) };
    count(principal, verdict.outcome);
    if (verdict.outcome === 'allowed') return passed;
    noteEmpty(account, verdict);
    if (verdict.outcome === 'reserve') return passed;
    throw refusal(charge, verdict.retryInMs);
  };
  /** Milliseconds for which an account is known to be empty; not above 0 when it is not known. */
  const emptyFor = ({ key }: Account): number => (empty.get(key) ?? 0) - performance.now();
  const noteEmpty = ({ key }: Account, { left, outcome, retryInMs }: Verdict): void => {
    // Too dear for what is left is not empty: a cheaper operation may pass at once.
    if (outcome !== 'allowed' && left < UNPREPARED_COST) empty.set(key, performance.now() + Math.min(retryInMs, EMPTY_FOR_MS));
  };
  const failed = (account: Account): void => {
    Promise.resolve(store.take(account, [], UNPREPARED_COST)).then((verdict) => noteEmpty(account, verdict), (error: unknown) => logger.error({ err: error }, 'A charge failed'));
  };

  return {
    addressOf: (message) => clientAddress(message, trustedProxies),
    open: (address) => ({ address, cost: 1, settled: false, left: undefined, retryAfter: undefined, askedAuth: false }),
    chargeLookup: (charge) => {
      charge.askedAuth = true;
      const account = accountOf(null, charge);
      const wait = emptyFor(account);
      if (wait > 0) {
        count(null, 'refused');
        throw refusal(charge, wait);
      }
      const verdict = store.take(account, [], UNPREPARED_COST);
      return verdict instanceof Promise ? verdict.then((one) => settle(charge, account, null, one, undefined)) : settle(charge, account, null, verdict, undefined);
    },
    chargeFailure: (charge, principal, error) => {
      if (charge.settled || charge.askedAuth || !isOfRequest(error)) return error;
      charge.settled = true;
      const account = accountOf(principal, charge);
      const wait = emptyFor(account);
      if (wait > 0) {
        count(principal, 'refused');
        return refusal(charge, wait);
      }
      failed(account);
      return error;
    },
    behind: (prepare) => (request, source) => {
      const { charge } = request;
      // A subscription is prepared again when the supergraph is swapped; it was charged when it began.
      if (charge === undefined || charge.settled) return prepare(request, source);
      charge.settled = true;
      const { principal } = request;
      const account = accountOf(principal, charge);
      const wait = emptyFor(account);
      // Before anything is parsed. A mutation may have a reserve, and only its preparation tells.
      if (wait > 0 && (principal === null || !maybeMutation(source))) {
        count(principal, 'refused');
        throw refusal(charge, wait);
      }
      const take = (prepared: PreparedOperation): PreparedOperation | Promise<PreparedOperation> => {
        const verdict = store.take(account, reservesOf(request, account, prepared), charge.cost);
        return verdict instanceof Promise ? verdict.then((one) => settle(charge, account, principal, one, prepared)) : settle(charge, account, principal, verdict, prepared);
      };
      let prepared: PreparedOperation | Promise<PreparedOperation>;
      try {
        prepared = prepare(request, source);
      } catch (error) {
        failed(account);
        throw error;
      }
      return prepared instanceof Promise ? prepared.then(take, (error: unknown) => { failed(account); throw error; }) : take(prepared);
    },
    headers: ({ left, retryAfter }) => [
      ...(left === undefined ? [] : ['ratelimit-policy', `"cost";q=${left.quota};w=${left.windowS}`, 'ratelimit', `"cost";r=${left.left};t=${left.fullInS}`]),
      ...(retryAfter === undefined ? [] : ['retry-after', String(retryAfter)]),
    ],
    stop: () => store.stop(),
  };
}

/** Longest time an account is taken for empty without asking, milliseconds. */
const EMPTY_FOR_MS = 250;

/** False for a fault that the gateway or a subgraph has, which nobody pays for. */
function isOfRequest(error: unknown): boolean {
  return error instanceof AcgsError ? error.status < 500 : error instanceof GraphQLError;
}

/** Seconds in which an empty account is full again. */
function windowOf({ rate }: Account): number {
  return Math.ceil((rate.burst * 60) / rate.perMinute);
}

function maybeMutation({ query, document }: OperationSource): boolean {
  if (document === undefined) return MUTATION.test(query ?? '');
  return document.definitions.some((definition) => definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.MUTATION);
}
