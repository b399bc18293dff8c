/** Puts the parts of subscriptions together: the hub with its upstream connections, the sweep over who may stay, and the follower of swaps. */
import { DEFAULT_EDGE_LIMITS, type EdgeDeps, type EdgeLimits } from './edge-deps.js';
import { Sweeper } from './standing.js';
import { SubscriptionHub } from './subscription-hub.js';
import { SwapFollower } from './swap-follower.js';

/** What the edges share; made once a process. */
export interface Subscriptions {
  readonly deps: EdgeDeps;
  readonly limits: EdgeLimits;
  readonly hub: SubscriptionHub;
  readonly sweeper: Sweeper;
  /** Resolves when every subscription runs under the supergraph that is present now. */
  carriedOver(): Promise<void>;
  /** Delivers what has come, reads nothing more and tells every reader; new subscriptions are refused. */
  drain(): Promise<void>;
  /** Ends what is left and closes upstream connections; call when the edges have stopped. */
  stop(): Promise<void>;
}

/**
 * Makes the parts; nothing listens and nothing is connected until a subscription is opened.
 * @param deps what the rest of the gateway provides.
 * @param overrides limits that differ from DEFAULT_EDGE_LIMITS.
 */
export function createSubscriptions(deps: EdgeDeps, overrides: Partial<EdgeLimits> = {}): Subscriptions {
  const limits: EdgeLimits = { ...DEFAULT_EDGE_LIMITS, ...overrides };
  const hub = new SubscriptionHub(deps, limits);
  const sweeper = new Sweeper(deps.revocation, limits.sweepMs);
  const follower = new SwapFollower(deps, hub);
  const stopListening = deps.onSwap?.(() => follower.wake());
  sweeper.add({ sweep: () => follower.wake() });
  return {
    deps, limits, hub, sweeper,
    carriedOver: () => follower.settled(),
    drain: () => hub.drain(),
    async stop() {
      stopListening?.();
      follower.stop();
      await hub.drain();
      sweeper.stop();
      hub.close();
    },
  };
}
