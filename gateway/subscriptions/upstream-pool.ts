/** Connections to subgraph instances, one each, opened when first needed and closed when idle, moved or quarantined. */
import { randomUUID } from 'node:crypto';
import type { SubscribePayload } from 'graphql-ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import { signHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import type { SubgraphInstance } from '../execution/contracts.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import { UpstreamSocket, type UpstreamSink } from './upstream-socket.js';

type PoolDeps = Pick<EdgeDeps, 'logger' | 'gate' | 'targets' | 'hopKey' | 'onHopHashChecked'>;

interface Link {
  readonly instance: SubgraphInstance;
  readonly socket: UpstreamSocket;
  /** Hash of `connection_ack`. */
  hash: string | undefined;
  idle: NodeJS.Timeout | undefined;
}

/** A stream that runs on a pooled connection. */
export interface PooledStream {
  readonly instance: SubgraphInstance;
  /** True while the instance speaks under a hash that is accepted now. */
  verified(): boolean;
  /** Ends the stream at the subgraph at once. */
  cancel(): void;
}

export class UpstreamPool {
  private readonly links = new Map<string, Link>();
  private readonly stopListening: () => void;
  private closed = false;

  constructor(private readonly deps: PoolDeps, private readonly limits: EdgeLimits) {
    this.stopListening = deps.targets.onChange(() => this.retireMoved());
  }

  /** Streams that are open or opening. */
  streamCount(): number {
    let count = 0;
    for (const { socket } of this.links.values()) count += socket.streamCount;
    return count;
  }

  connectionCount(): number {
    return this.links.size;
  }

  /**
   * Opens a stream on the instance that routing picks now.
   * @param payload made when the message is sent, so that its token is fresh.
   * @throws AcgsError SUBGRAPH_UNAVAILABLE or CONSTITUTIONAL_VIOLATION when there is no instance to use, SHUTTING_DOWN after `close`.
   */
  open(subgraph: string, payload: () => SubscribePayload, sink: UpstreamSink): PooledStream {
    if (this.closed) throw new AcgsError('SHUTTING_DOWN');
    const instance = this.deps.targets.instance(subgraph);
    const link = this.linkTo(instance);
    clearTimeout(link.idle);
    const settle = (): void => this.released(link);
    const cancel = link.socket.subscribe(payload, {
      next: (message) => sink.next(message),
      error: (errors) => { settle(); sink.error(errors); },
      complete: () => { settle(); sink.complete(); },
      dropped: (cause) => sink.dropped(cause),
    });
    return {
      instance,
      verified: () => link.hash !== undefined && this.deps.gate.isAccepted(link.hash),
      cancel: () => { cancel(); settle(); },
    };
  }

  /** Refuses an instance that spoke under another hash: routing is told and all its streams are dropped. */
  refuse(instance: SubgraphInstance, received: string | undefined): void {
    this.links.get(keyOf(instance))?.socket.close(violationOf(instance.service, received));
  }

  /** Closes every connection; streams are dropped with SHUTTING_DOWN. */
  close(): void {
    this.closed = true;
    this.stopListening();
    for (const link of this.links.values()) link.socket.close(new AcgsError('SHUTTING_DOWN'));
  }

  private linkTo(instance: SubgraphInstance): Link {
    const key = keyOf(instance);
    const existing = this.links.get(key);
    if (existing?.socket.usable === true) return existing;
    const { service } = instance;
    const link: Link = {
      instance,
      hash: undefined,
      idle: undefined,
      socket: new UpstreamSocket({
        url: streamUrl(instance.url),
        subgraph: service,
        maxMessageBytes: this.limits.maxUpstreamMessageBytes,
        openTimeoutMs: 3_000,
        keepAliveMs: this.limits.keepAliveMs,
        initPayload: () => ({ hop: signHopToken(this.deps.hopKey(service), service, 'connection', '', this.connectionClaims()), constitutionalHash: this.deps.gate.active() }),
        acceptAck: (payload) => { link.hash = this.acceptedHash(service, payload); },
        onClosed: (cause) => {
          clearTimeout(link.idle);
          if (this.links.get(key) === link) this.links.delete(key);
          if (cause.code === 'CONSTITUTIONAL_VIOLATION') this.quarantine(instance, cause);
          else this.deps.logger.debug({ ...instance, code: cause.code, cause: cause.message }, 'An upstream connection ended');
        },
      }),
    };
    this.links.set(key, link);
    return link;
  }

  private acceptedHash(subgraph: string, payload: unknown): string {
    const received = typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>)['constitutionalHash'] : undefined;
    const passed = typeof received === 'string' && this.deps.gate.isAccepted(received);
    this.deps.onHopHashChecked?.(passed);
    if (passed) return received;
    throw violationOf(subgraph, typeof received === 'string' ? received : undefined);
  }

  private quarantine(instance: SubgraphInstance, violation: AcgsError): void {
    const received = violation.details['received'];
    this.deps.logger.error({ ...instance, received }, 'A subgraph instance spoke under another constitutional hash');
    this.deps.targets.quarantine(instance, typeof received === 'string' ? received : null);
  }

  private released(link: Link): void {
    if (link.socket.streamCount > 0 || !link.socket.usable) return;
    clearTimeout(link.idle);
    link.idle = setTimeout(() => {
      if (link.socket.streamCount === 0) link.socket.close(new AcgsError('SUBGRAPH_UNAVAILABLE', 'The upstream connection was idle.'));
    }, this.limits.upstreamIdleMs);
    link.idle.unref();
  }

  /** Streams whose instance is not where routing would send them now move; resuming costs them nothing but a moment. */
  private retireMoved(): void {
    for (const link of this.links.values()) {
      const moved = this.movedFrom(link.instance);
      if (moved !== undefined) link.socket.close(moved);
    }
  }

  private movedFrom(instance: SubgraphInstance): AcgsError | undefined {
    try {
      if (keyOf(this.deps.targets.instance(instance.service)) === keyOf(instance)) return undefined;
    } catch (error) {
      // The attempt to resume meets the same refusal and decides how long to bridge it.
      this.deps.logger.debug({ err: error, ...instance }, 'Routing has no instance for a stream');
    }
    return new AcgsError('SUBGRAPH_UNAVAILABLE', `The stream of ${instance.service} moves to another instance.`);
  }

  private connectionClaims(): HopClaims {
    return { principal: null, credentialId: null, revocationEpoch: 0, constitutionalHash: this.deps.gate.active(), hashPresented: false, requestId: randomUUID(), deadline: null };
  }
}

/** An instance is its URL: the target feed may learn its id later. */
function keyOf({ service, url }: SubgraphInstance): string {
  return `${service}\n${url}`;
}

function streamUrl(base: string): string {
  const url = new URL(base);
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:';
  url.pathname = '/graphql';
  url.search = '';
  return url.href;
}

function violationOf(subgraph: string, received: string | undefined): AcgsError {
  return new AcgsError('CONSTITUTIONAL_VIOLATION', `An instance of ${subgraph} spoke under another constitutional hash; its stream was refused.`, { subgraph, received: received ?? null });
}
