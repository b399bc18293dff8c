/** Points counted in this process alone: for one gateway without Redis, and while Redis is away. */
import { LRUCache } from 'lru-cache';
import { intervalOf, type Account, type PointStore, type Verdict } from './rate-policy.js';

/** Accounts that are remembered of each kind; the least recently charged is forgotten, and so is full again. */
const MAX_ACCOUNTS = 100_000;

/**
 * Makes the store. The generic cell rate algorithm: an account is the moment at which it would be full again.
 * @param now milliseconds on a clock that never goes back; default `performance.now`.
 */
export function createLocalPoints(now: () => number = () => performance.now()): PointStore {
  const ofPrincipals = new LRUCache<string, number>({ max: MAX_ACCOUNTS });
  const ofAddresses = new LRUCache<string, number>({ max: MAX_ACCOUNTS });
  const kindOf = ({ ofAddress = false }: Account): LRUCache<string, number> => (ofAddress ? ofAddresses : ofPrincipals);
  const fullAt = (account: Account): number => kindOf(account).get(account.key) ?? 0;
  const keep = (account: Account, full: number): void => { kindOf(account).set(account.key, full); };
  /** What an account would be after the charge; microseconds. */
  const look = (account: Account, cost: number, at: number): { readonly after: number; readonly wait: number } => {
    const { rate } = account;
    const interval = intervalOf(rate);
    const after = Math.max(fullAt(account), at) + cost * interval;
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
        keep(account, own.after);
        return verdict('allowed', account, own.after, at, 0);
      }
      const before = Math.max(fullAt(account), at);
      const helped = reserves.map((reserve) => ({ reserve, ...look(reserve, cost, at) }));
      if (helped.length === 0 || helped.some(({ wait }) => wait > 0)) {
        const waits = helped.map(({ wait }) => wait);
        return verdict('refused', account, before, at, waits.length === 0 ? own.wait : Math.min(own.wait, Math.max(...waits)));
      }
      for (const { reserve, after } of helped) keep(reserve, after);
      return verdict('reserve', account, before, at, 0);
    },
    async stop() {
      ofPrincipals.clear();
      ofAddresses.clear();
    },
  };
}
