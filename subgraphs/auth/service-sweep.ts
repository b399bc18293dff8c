/** What the clock does: expires grants, reports failed logins, replaces old signing keys, forgets what no longer matters. */
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import { loginFailedEvent } from './events.js';
import type { GrantService } from './service-grants.js';
import type { AuthParts } from './service-parts.js';

const ACTOR = 'system:login-watch';
/** Failed logins of one subject make at most one event in this time. */
const QUIET_MS = 60_000;

/** How often old records are looked for. */
const PRUNE_MS = 60_000;

export class Sweep {
  private prunedAt = -Infinity;

  constructor(private readonly parts: AuthParts, private readonly grants: GrantService) {}

  /** Sweeps at the configured interval until stopped; a round that fails is logged and the next one tries again. */
  start(): Stoppable {
    const { deps, config } = this.parts;
    let running: Promise<void> = Promise.resolve();
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      running = this.once()
        .catch((error: unknown) => { deps.logger.warn({ err: error }, 'A sweep of auth failed'); })
        .finally(() => { busy = false; });
    }, config.sweepIntervalMs);
    timer.unref();
    return { stop: async () => { clearInterval(timer); await running; } };
  }

  async once(): Promise<void> {
    const { credentials, attempts, sessions, signingKeys, deps, config } = this.parts;
    await this.grants.expireDue();
    await this.reportFailures();
    await signingKeys.rotateIfOlder(config.signingKeyMaxAgeMs);
    const now = deps.clock();
    if (now.getTime() - this.prunedAt < PRUNE_MS) return;
    await credentials.pruneRevocations(now);
    await attempts.prune(now);
    await sessions.pruneTokens(now);
    this.prunedAt = now.getTime();
  }

  private async reportFailures(): Promise<void> {
    const { attempts, deps } = this.parts;
    if (!(await attempts.anyDue(deps.clock(), QUIET_MS))) return;
    await deps.commands.runAs(ACTOR, 'sweep', async (unit) => {
      for (const { subject, pending, firstAt, lastAt } of await attempts.takeDue(unit.tx, unit.now, QUIET_MS)) unit.emit(loginFailedEvent(subject, pending, firstAt, lastAt));
    });
  }
}
