/** Plans and compiles the operations used most for a supergraph that is about to be installed. */
import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { grantsOf } from '../../enforcement/authorization.js';
import type { SupergraphSnapshot } from '../contracts.js';
import type { CompileAhead } from '../execute.js';
import type { createOperationPlanner } from './operation-planner.js';
import type { OperationReader } from './operation-reader.js';
import { mostUsed, type GrantHolder, type OperationEntry, type PlanCache, type PlanSlot } from './plan-cache.js';

export interface WarmUpDeps {
  readonly reader: Pick<OperationReader, 'adopt'>;
  readonly planOf: ReturnType<typeof createOperationPlanner>;
  readonly cache: PlanCache;
  /** Leaves compiling to the first request when absent. */
  readonly compileAhead?: CompileAhead | undefined;
}

export interface WarmUpOptions {
  /** Operations, each under each of its grants, that are planned; default 200. */
  readonly limit?: number;
  /** Longest time it may take, milliseconds; what is not planned by then is planned when it is asked for. Default 30,000. */
  readonly budgetMs?: number;
}

export interface WarmUpReport {
  readonly planned: number;
  /** No longer valid, or not plannable. */
  readonly skipped: number;
  /** Left out because the time was over. */
  readonly late: number;
}

/** Fills the caches of `next` with what was used most under `current`. */
export type WarmUp = (next: SupergraphSnapshot, current: SupergraphSnapshot, options?: WarmUpOptions) => Promise<WarmUpReport>;

/** Plans under way at once: the worker always has the next one waiting, and a request's plan never waits for many. */
const LANES = 2;
/** Texts taken over between two looks at the event loop. */
const SLICE = 50;

/**
 * Makes the warm-up. Operations that are no longer valid are left out. Planning happens in the worker, after the plans of
 * requests; what is done here is done one operation at a time, planning apart from compiling, so that the event loop is never held for
 * longer than that.
 */
export function createWarmUp({ reader, planOf, cache, compileAhead }: WarmUpDeps): WarmUp {
  return async (next, current, { limit = 200, budgetMs = 30_000 } = {}) => {
    const finished = new AbortController();
    const timeOver = delay(budgetMs, 'late' as const, { signal: finished.signal, ref: false });
    let isLate = false;
    timeOver.then(() => { isLate = true; }, () => undefined);
    const waiting = mostUsed(cache.of(current), limit);
    const warmed = new Map<OperationEntry, OperationEntry>();
    const counts = { planned: 0, skipped: 0, late: 0 };

    const warm = async (entry: OperationEntry, { holder, uses, prepared: before }: PlanSlot): Promise<'planned' | 'skipped'> => {
      const adopted = reader.adopt(next, entry);
      if (adopted === undefined) return 'skipped';
      const grants = grantsOf(next.directives, adopted.analysis, asPrincipal(holder));
      const prepared = adopted.plans.get(grants)?.prepared ?? await planOf({ snapshot: next, entry: adopted, grants, holder, urgency: 'warm-up', uses: Math.ceil(uses / 2) });
      warmed.set(entry, adopted);
      if (!isLate) await compileAhead?.(next, prepared, before);
      return 'planned';
    };
    const lane = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        await breathe();
        // A plan that is late is still made, and there when it is asked for.
        counts[isLate ? 'late' : await Promise.race([warm(one.entry, one.slot).catch(leaveOut), timeOver])] += 1;
      }
    };
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
    } finally {
      finished.abort();
    }
    await takeOverTexts(cache, current, next, warmed);
    return counts;
  };
}

/** An operation that cannot be planned is left to whoever asks for it, who is told why; only a stop ends the warm-up. */
function leaveOut(error: unknown): 'skipped' {
  if (error instanceof AcgsError && error.code === 'SHUTTING_DOWN') throw error;
  return 'skipped';
}

/** Texts whose only operation was warmed are known at once, least recently used first as before. */
async function takeOverTexts(cache: PlanCache, current: SupergraphSnapshot, next: SupergraphSnapshot, warmed: ReadonlyMap<OperationEntry, OperationEntry>): Promise<void> {
  const { texts } = cache.of(next);
  const before = cache.of(current).texts;
  let count = 0;
  for (const text of Array.from(before.rkeys())) {
    const sole = before.peek(text)?.sole;
    const adopted = sole === undefined ? undefined : warmed.get(sole);
    if (adopted !== undefined) texts.set(text, { sole: adopted, several: undefined, byName: new Map() });
    count += 1;
    if (count % SLICE === 0) await breathe();
  }
}

function asPrincipal(holder: GrantHolder): Parameters<typeof grantsOf>[2] {
  return holder === null ? null : { id: '', kind: 'SERVICE', roles: [], ...holder };
}
