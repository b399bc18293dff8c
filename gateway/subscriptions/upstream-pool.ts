/** Connections to subgraph instances, one each, opened when first needed and closed when idle, moved or quarantined. */
import type { SubscribePayload } from 'graphql-ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphInstance } from '../execution/contracts.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import { violationOf, type Judgement } from './upstream-protocol.js';
import { UpstreamSocket, type UpstreamPayload, type UpstreamSink } from './upstream-socket.js';

type PoolDeps = Pick<EdgeDeps, 'logger' | 'targets' | 'upstream' | 'upstreamTls'>;

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
  /** What a message of the stream is worth now. */
  judge(payload: UpstreamPayload): Judgement;
  /** Ends the stream at the subgraph at once. */
  cancel(): void;
}

/** What a stream needs of the pool. */
export type StreamOpener = Pick<UpstreamPool, 'open' | 'refuse' | 'renew'>;

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
   * @param except instance the stream has just lost: another one is taken where there is one.
   * @throws AcgsError SUBGRAPH_UNAVAILABLE or CONSTITUTIONAL_VIOLATION when there is no instance to use, SHUTTING_DOWN after `close`.
   */
  open(subgraph: string, payload: () => SubscribePayload, sink: UpstreamSink, except?: SubgraphInstance): PooledStream {
    if (this.closed) throw new AcgsError('SHUTTING_DOWN');
    const instance = this.deps.targets.instance(subgraph, except);
    const link = this.linkTo(instance);
    clearTimeout(link.idle);
    const settle = (): void => this.released(link);
    const cancel = link.socket.subscribe(payload, {
      next: (message, size) => sink.next(message, size),
      error: (errors) => { settle(); sink.error(errors); },
      complete: () => { settle(); sink.complete(); },
      dropped: (cause) => sink.dropped(cause),
    });
    return {
      instance,
      judge: (message) => this.deps.upstream.judge(link.hash, message),
      cancel: () => { cancel(); settle(); },
    };
  }

  /** Refuses an instance that spoke under another hash: routing is told and all its streams are dropped. */
  refuse(instance: SubgraphInstance, received: string): void {
    this.links.get(keyOf(instance))?.socket.close(violationOf(instance.service, received));
  }

  /** Connects to an instance anew, so that it says again what it speaks under; its streams are dropped and resumed. */
  renew(instance: SubgraphInstance): void {
    this.links.get(keyOf(instance))?.socket.close(new AcgsError('SUBGRAPH_UNAVAILABLE', `The connection to ${instance.service} is made anew: the hash it was made under has closed.`));
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
    const { upstream } = this.deps;
    const link: Link = {
      instance,
      hash: undefined,
      idle: undefined,
      socket: new UpstreamSocket({
        url: upstream.url(instance),
        subgraph: service,
        tls: this.deps.upstreamTls?.(),
        maxMessageBytes: this.limits.maxUpstreamMessageBytes,
        openTimeoutMs: 3_000,
        keepAliveMs: this.limits.keepAliveMs,
        initPayload: () => upstream.initPayload(service),
        acceptAck: (payload) => { link.hash = upstream.acknowledge(service, payload); },
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
}

/** An instance is its URL: the target feed may learn its id later. */
function keyOf({ service, url }: SubgraphInstance): string {
  return `${service}\n${url}`;
}
