/** How the gateway and an upstream make themselves known to each other on a stream: by hop tokens and hashes, or not at all. */
import { randomUUID } from 'node:crypto';
import type { SubscribePayload } from 'graphql-ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import { signHopToken, subscribeBody, type HopClaims } from '../../ops/runtime/hop-token.js';
import type { GatewayRequest, HashGate, SubgraphInstance } from '../execution/contracts.js';
import type { UpstreamPayload } from './upstream-socket.js';

/** What a message is worth. */
export type Judgement =
  /** It came under an accepted hash. */
  | { readonly kind: 'VERIFIED' }
  /** There is nothing to check it by. */
  | { readonly kind: 'UNCHECKED' }
  /** What the connection was acknowledged under is no longer accepted: connect again and see. */
  | { readonly kind: 'OUTDATED' }
  /** It was made under another hash. */
  | { readonly kind: 'FOREIGN'; readonly received: string };

export interface UpstreamProtocol {
  /** False when streams cannot be resumed by cursor, so that a drop ends them. */
  readonly resumes: boolean;
  /** `ws:` or `wss:` URL of an instance's streams. */
  url(instance: SubgraphInstance): string;
  /** Payload of `connection_init`; undefined sends none. */
  initPayload(subgraph: string): Record<string, unknown> | undefined;
  /**
   * Reads the payload of `connection_ack`.
   * @returns hash the instance speaks under, if it says one.
   * @throws AcgsError CONSTITUTIONAL_VIOLATION to refuse the instance.
   */
  acknowledge(subgraph: string, payload: unknown): string | undefined;
  /** `extensions` of a `subscribe` message, made when it is sent; undefined sends none. */
  extensions(subgraph: string, query: string, variables: Readonly<Record<string, unknown>>, request: GatewayRequest): SubscribePayload['extensions'];
  /** @param hash what `acknowledge` returned for the connection. */
  judge(hash: string | undefined, payload: UpstreamPayload): Judgement;
}

export interface HopProtocolDeps {
  readonly gate: Pick<HashGate, 'active' | 'isAccepted'>;
  /** Key that signs hop tokens for a subgraph. */
  readonly hopKey: (subgraph: string) => Uint8Array;
  /** Told of every check of an upstream's hash (gate 4). */
  readonly onHashChecked?: ((passed: boolean) => void) | undefined;
}

const VERIFIED: Judgement = { kind: 'VERIFIED' };
const UNCHECKED: Judgement = { kind: 'UNCHECKED' };
const OUTDATED: Judgement = { kind: 'OUTDATED' };

/** The protocol of our own subgraphs (docs/subscriptions.md, section 8): a hop token for the connection and for each stream. */
export function createHopProtocol({ gate, hopKey, onHashChecked }: HopProtocolDeps): UpstreamProtocol {
  const connectionClaims = (): HopClaims => ({
    principal: null, credentialId: null, revocationEpoch: 0, constitutionalHash: gate.active(), hashPresented: false, requestId: randomUUID(), deadline: null,
  });
  return {
    resumes: true,
    url: ({ url }) => socketUrl(url, '/graphql'),
    initPayload: (subgraph) => ({ hop: signHopToken(hopKey(subgraph), subgraph, 'connection', '', connectionClaims()), constitutionalHash: gate.active() }),
    acknowledge(subgraph, payload) {
      const received = hashIn(payload);
      const passed = received !== undefined && gate.isAccepted(received);
      onHashChecked?.(passed);
      if (!passed) throw violationOf(subgraph, received);
      return received;
    },
    extensions(subgraph, query, variables, { principal, credentialId, revocationEpoch, hashPresented, requestId }) {
      const constitutionalHash = gate.active();
      const claims: HopClaims = { principal, credentialId, revocationEpoch, constitutionalHash, hashPresented, requestId, deadline: null };
      return { hop: signHopToken(hopKey(subgraph), subgraph, 'subscribe', subscribeBody(query, variables), claims), constitutionalHash };
    },
    judge(hash, { extensions }) {
      const stamped = hashIn(extensions);
      if (stamped !== undefined && !gate.isAccepted(stamped)) {
        onHashChecked?.(false);
        return { kind: 'FOREIGN', received: stamped };
      }
      return hash !== undefined && gate.isAccepted(hash) ? VERIFIED : OUTDATED;
    },
  };
}

/** The protocol of subgraphs that are not ours: the URL with a WebSocket scheme, no token, no hash, no cursor. */
export const FOREIGN_PROTOCOL: UpstreamProtocol = {
  resumes: false,
  url: ({ url }) => socketUrl(url),
  initPayload: () => undefined,
  acknowledge: () => undefined,
  extensions: () => undefined,
  judge: () => UNCHECKED,
};

/** The fault of an instance that spoke under another hash, or under none. */
export function violationOf(subgraph: string, received: string | undefined): AcgsError {
  return new AcgsError('CONSTITUTIONAL_VIOLATION', `An instance of ${subgraph} spoke under another constitutional hash; its stream was refused.`, { subgraph, received: received ?? null });
}

function socketUrl(base: string, path?: string): string {
  const url = new URL(base);
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:';
  if (path !== undefined) {
    url.pathname = path;
    url.search = '';
  }
  return url.href;
}

function hashIn(value: unknown): string | undefined {
  const hash = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['constitutionalHash'] : undefined;
  return typeof hash === 'string' ? hash : undefined;
}
