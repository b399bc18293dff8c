/** Points counted in this process alone: for one gateway without Redis, and while Redis is away. */
import { LRUCache } from 'lru-cache';
import { intervalOf, type Account, type PointStore, type Verdict } from './rate-policy.js';

/** Accounts that are remembered; the least recently charged is forgotten, and so is full again. */
const MAX_ACCOUNTS = 100_000;

/**
 * Makes the store. The generic cell rate algorithm: an account is the moment at which it would be full again.
 * @param now milliseconds on a clock that never goes back; default `performance.now`.
 */
export function createLocalPoints(now: () => number = () => performance.now()): PointStore {
  const fullAt = new LRUCache<string, number>({ max: MAX_ACCOUNTS });
  /** What an account would be after the charge; microseconds. */
  const look = ({ key, rate }: Account, cost: number, at: number): { readonly after: number; readonly wait: number } => {
    const interval = intervalOf(rate);
    const after = Math.max(fullAt.get(key) ?? 0, at) + cost * interval;
    return { after, wait: after - at - rate.burst * interval };
  };
  const verdict = (outcome: Verdict['outcome'], { rate }: Account, full: number, at: number, waitUs: number): Verdict => {
    const interval = intervalOf(rate);
    return { outcome, left: Math.max(0, Math.floor(rate.burst - (full - at) / interval)), fullInMs: Math.max(0, (full - at) / 1_000), retryInMs: Math.max(0, waitUs / 1_000) };
  };
  return {
    take(account, reserves, cost) {
      const at = now() * 1_000;
      const own = look(account, cost, at);
      if (own.wait <= 0) {
        fullAt.set(account.key, own.after);
        return verdict('allowed', account, own.after, at, 0);
      }
      const before = Math.max(fullAt.get(account.key) ?? 0, at);
      const helped = reserves.map((reserve) => ({ reserve, ...look(reserve, cost, at) }));
      if (helped.length === 0 || helped.some(({ wait }) => wait > 0)) {
        const waits = helped.map(({ wait }) => wait);
        return verdict('refused', account, before, at, waits.length === 0 ? own.wait : Math.min(own.wait, Math.max(...waits)));
      }
      for (const { reserve, after } of helped) fullAt.set(reserve.key, after);
      return verdict('reserve', account, before, at, 0);
    },
    stop: async () => fullAt.clear(),
  };
}
