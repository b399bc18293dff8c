/** Calls subgraphs: signs each hop, keeps the deadline, shares, repeats and refuses calls, and believes only what gate 4 lets through. */
import { AcgsError, type ErrorCode } from '../../../ops/runtime/errors.js';
import { bodyDigest } from '../../../ops/runtime/hop-token.js';
import type { ServiceMetrics } from '../../../ops/runtime/metrics.js';
import { within, type Span } from '../../../ops/runtime/tracing.js';
import { decoded, type DecodedAnswer } from './answer-text.js';
import { believe, indeterminate, readAgain, type BelievedAnswer, type BeliefDeps } from './believe-answer.js';
import type { ConnectionPools } from './connection-pools.js';
import type { GatewayRequest, SubgraphAnswer, SubgraphCall, SubgraphCalls, SubgraphInstance, TargetView } from '../contracts.js';
import { GRAPHQL_PATH, HopHeaders, type HopHeaderDeps } from './hop-headers.js';
import { InFlight } from './in-flight.js';
import { RetryBudget } from './retry-budget.js';
import { createTransportMetrics, outcomeOf, type CallMeters, type CallOutcome } from './transport-metrics.js';
import { UpstreamFault, type FaultKind } from './upstream-http.js';

export interface TransportDeps extends BeliefDeps {
  readonly pools: ConnectionPools;
  readonly targets: TargetView;
  readonly hopKey: (subgraph: string) => Uint8Array;
  /** False when the manifest no longer verifies; answers are then unverified. */
  readonly manifestVerified: () => boolean;
  readonly metrics: Pick<ServiceMetrics, 'checked' | 'registry'>;
  /** Time a call may take when the request has no deadline, milliseconds. */
  readonly defaultTimeoutMs: number;
  /** Whether equal queries of one principal that are asked at the same moment share one call; default true. */
  readonly shareQueries?: boolean;
}

/** Shortest time a call must have had for its running out to say something about the instance, milliseconds. */
const TELLING_TIMEOUT_MS = 100;

/** What all requests share. */
interface Line {
  readonly deps: TransportDeps;
  readonly hop: HopHeaderDeps;
  readonly flights: InFlight<BelievedAnswer>;
  readonly metersOf: (service: string) => CallMeters;
  readonly budgets: Map<string, RetryBudget>;
}

/** Makes the calls of a request. */
export function createSubgraphCalls(deps: TransportDeps): (request: GatewayRequest) => SubgraphCalls {
  const line: Line = {
    deps,
    hop: { hopKey: deps.hopKey, activeHash: () => deps.gate.active() },
    flights: new InFlight(deps.pools.deadlines),
    metersOf: createTransportMetrics(deps.metrics.registry, () => deps.pools.circuits()),
    budgets: new Map(),
  };
  return (request) => new RequestCalls(line, request);
}

class RequestCalls implements SubgraphCalls {
  private readonly hop: HopHeaders;
  private readonly expiresAt: number | undefined;
  /** Calls that are over and brought no answer to believe. */
  private unproved = 0;

  constructor(private readonly line: Line, private readonly request: GatewayRequest) {
    this.hop = new HopHeaders(line.hop, request);
    this.expiresAt = request.deadline === null ? undefined : performance.now() + request.deadline - Date.now();
  }

  /** The answer's objects belong to the caller alone, also where the call was shared: the text is, and each reads it for itself. */
  call(call: SubgraphCall): Promise<SubgraphAnswer> {
    const { span } = this.request;
    if (span === undefined) return this.answer(call, undefined);
    const own = span.child(`fetch ${call.service}`, { 'acgs.subgraph': call.service, 'graphql.operation.type': call.kind, 'acgs.plan.paths': call.steps?.map(({ place }) => place).join(' ') }, 'client');
    return within(own, () => this.answer(call, own));
  }

  private async answer(call: SubgraphCall, span: Span | undefined): Promise<SubgraphAnswer> {
    const expiresAt = this.expiresAt ?? performance.now() + this.line.deps.defaultTimeoutMs;
    const digest = bodyDigest(call.body);
    const changes = call.kind === 'mutation';
    try {
      if (changes || this.line.deps.shareQueries === false) return (await this.send(call, digest, expiresAt, span)).parts;
      const key = `${call.service}\n${digest}\n${this.hop.scope()}`;
      const now = performance.now();
      const joined = this.join(key, now, call, expiresAt);
      if (joined === undefined) return (await this.lead(key, now, call, digest, expiresAt, span)).parts;
      span?.set({ 'acgs.joined': true });
      return await this.ride(joined, key, call, digest, expiresAt, span);
    } catch (error) {
      this.unproved += 1;
      throw error;
    } finally {
      // Whoever asks after this answer must see what the mutation did.
      if (changes) this.line.flights.changed();
    }
  }

  verified(): boolean {
    return this.unproved === 0 && this.line.deps.manifestVerified();
  }

  private join(key: string, now: number, call: SubgraphCall, expiresAt: number): Promise<BelievedAnswer> | undefined {
    return this.line.flights.join(key, now, expiresAt, () => outOfTime(call));
  }

  private lead(key: string, now: number, call: SubgraphCall, digest: string, expiresAt: number, span: Span | undefined): Promise<BelievedAnswer> {
    return this.line.flights.lead(key, now, this.send(call, digest, expiresAt, span));
  }

  /** Waits for a call that somebody else made; makes one when that one's time ran out and ours has not. */
  private async ride(joined: Promise<BelievedAnswer>, key: string, call: SubgraphCall, digest: string, expiresAt: number, span: Span | undefined): Promise<SubgraphAnswer> {
    for (let waiting: Promise<BelievedAnswer> | undefined = joined; waiting !== undefined; waiting = this.join(key, performance.now(), call, expiresAt)) {
      this.line.metersOf(call.service).joined();
      try {
        return readAgain(await waiting);
      } catch (error) {
        if (!(error instanceof AcgsError) || error.code !== 'SUBGRAPH_TIMEOUT' || performance.now() >= expiresAt) throw error;
      }
    }
    return (await this.lead(key, performance.now(), call, digest, expiresAt, span)).parts;
  }

  /** Makes a call and measures it. */
  private async send(call: SubgraphCall, digest: string, expiresAt: number, span: Span | undefined): Promise<BelievedAnswer> {
    const meters = this.line.metersOf(call.service);
    const started = performance.now();
    let outcome: CallOutcome = 'ok';
    try {
      return await this.attempt(call, digest, expiresAt, meters, span);
    } catch (error) {
      outcome = error instanceof AcgsError ? outcomeOf(error.code) : 'other';
      throw error;
    } finally {
      meters.finished(outcome, performance.now() - started);
    }
  }

  /** One call, with the one repetition that cannot do anything twice. */
  private async attempt(call: SubgraphCall, digest: string, expiresAt: number, meters: CallMeters, span: Span | undefined): Promise<BelievedAnswer> {
    const { deps } = this.line;
    const { service } = call;
    const budget = this.budgetOf(service);
    budget.called();
    let failure: AcgsError | undefined;
    let failed: SubgraphInstance | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const now = performance.now();
      if (now >= expiresAt) throw failure ?? outOfTime(call);
      const instance = deps.targets.instance(service, failed);
      const circuit = deps.pools.circuit(instance.url, service);
      if (!circuit.admit(now)) throw failure ?? refusal(service, circuit.wait(now));
      if (attempt > 0) meters.retried();
      span?.set({ 'server.address': instance.url, 'http.request.resend_count': attempt });
      let answer: DecodedAnswer;
      try {
        answer = await deps.pools.exchange(instance.url, { method: 'POST', path: GRAPHQL_PATH, headers: this.hop.for(service, digest, span?.traceparent), body: call.body, timeoutMs: expiresAt - now }, decoded);
      } catch (fault) {
        if (!(fault instanceof UpstreamFault)) throw fault;
        if (!fault.sent && fault.kind !== 'overloaded') deps.targets.unreachable(instance);
        if (saysInstanceFails(fault, expiresAt - now) && circuit.failed(performance.now())) meters.opened();
        failure = failureOf(call, fault);
        if (attempt > 0 || !mayRepeat(call, fault, budget)) throw failure;
        failed = instance;
        continue;
      }
      circuit.succeeded();
      // What fails at once is never busy: it would draw all calls to itself.
      if (answer.status >= 500) circuit.turnedAway(performance.now());
      const believed = believe(deps, call, this.request, instance, answer);
      if (believed !== 'draining') return believed;
      // The instance refused before reading the operation, so that even a mutation may be sent again, and nothing was done twice.
      failure = new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} is shutting down.`, { service });
      if (attempt > 0) throw failure;
      failed = instance;
    }
  }

  private budgetOf(service: string): RetryBudget {
    const { budgets } = this.line;
    let budget = budgets.get(service);
    if (budget === undefined) budgets.set(service, budget = new RetryBudget(performance.now()));
    return budget;
  }
}

/** Connections that fail or break and answers that do not come say that the instance is ill; a call with no time left does not. */
function saysInstanceFails({ kind }: UpstreamFault, timeoutMs: number): boolean {
  return kind === 'unreachable' || kind === 'broken' || (kind === 'timeout' && timeoutMs >= TELLING_TIMEOUT_MS);
}

/** Anything of which no byte can have left; of what was sent, queries whose connection broke, while the budget lasts. */
function mayRepeat({ kind }: SubgraphCall, fault: UpstreamFault, budget: RetryBudget): boolean {
  return fault.kind === 'unreachable' || (fault.kind === 'broken' && kind === 'query' && budget.take(performance.now()));
}

/** What a fault is to the client: the code, and what follows the service's name in the message. */
const FAILURES: Readonly<Record<FaultKind, { readonly code: ErrorCode; readonly what: string }>> = {
  timeout: { code: 'SUBGRAPH_TIMEOUT', what: 'did not answer before the deadline' },
  unreachable: { code: 'SUBGRAPH_UNAVAILABLE', what: 'cannot be reached' },
  overloaded: { code: 'SUBGRAPH_UNAVAILABLE', what: 'has too many calls under way' },
  broken: { code: 'SUBGRAPH_UNAVAILABLE', what: 'broke off' },
  malformed: { code: 'SUBGRAPH_BAD_RESPONSE', what: 'sent what is not an HTTP response' },
  'too-large': { code: 'SUBGRAPH_BAD_RESPONSE', what: 'sent an answer that is too large' },
};

function failureOf(call: SubgraphCall, fault: UpstreamFault): AcgsError {
  const { code, what } = FAILURES[fault.kind];
  if (call.kind === 'mutation' && fault.sent) return indeterminate(call, code, fault);
  return new AcgsError(code, `${call.service} ${what}.`, { service: call.service }, { cause: fault });
}

function outOfTime({ service }: SubgraphCall): AcgsError {
  return new AcgsError('SUBGRAPH_TIMEOUT', `${service} ${FAILURES.timeout.what}.`, { service });
}

/** Nothing was sent: the instance failed too often of late. @param waitMs time until it is tried again. */
function refusal(service: string, waitMs: number): AcgsError {
  return new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} failed too often and is not called now.`, { service, retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
