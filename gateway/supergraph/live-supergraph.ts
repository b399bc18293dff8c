/** The supergraph a gateway serves: its workers, the store, the file it comes from, and what is told of swaps. */
import { readFileSync } from 'node:fs';
import type { GatewayExecutor } from '@apollo/server-gateway-interface';
import { Counter, type Registry } from 'prom-client';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { PlanningConfig } from '../config.js';
import type { NewViolation } from '../enforcement/violation-reporter.js';
import type { WarmUp } from '../execution/preparation/warm-up.js';
import { SupergraphStore, type RefusedSupergraph } from './load.js';
import { PlanningPool } from './planning/planning-pool.js';
import { followSupergraphFile, type SupergraphFile } from './supergraph-file.js';

export interface LiveSupergraphDeps {
  /** File the first supergraph comes from. */
  readonly file: string;
  /** Whether the file is followed; where it is not, `swap` brings every other supergraph. */
  readonly followFile: boolean;
  /** Text instead of the file's. */
  readonly supergraphSdl?: string | undefined;
  readonly planning: PlanningConfig;
  /** Labels the manifest accepts now; null skips gate 1, for foreign graphs in generic mode. */
  readonly accepted: () => readonly string[] | null;
  /** Label that answers are made under. */
  readonly activeHash: () => string;
  readonly executor: GatewayExecutor;
  readonly warmUp: WarmUp;
  readonly registry: Registry;
  readonly report: (violation: NewViolation) => void;
  readonly logger: Logger;
  /** How often the file is looked at, milliseconds; default 1,000. */
  readonly fileIntervalMs?: number | undefined;
}

export interface LiveSupergraph extends Stoppable {
  readonly store: SupergraphStore;
  /**
   * Replaces the supergraph; see `SupergraphStore.swap`.
   * @throws CompositionError when it is refused, AcgsError PLANNING_UNAVAILABLE when no worker could load it; the old one stays.
   */
  swap(supergraphSdl: string): Promise<void>;
  /** Swaps to the text the file has now. @throws like `swap`, and Error when there is no file to read. */
  reload(): Promise<void>;
}

/**
 * Puts the parts together; the first supergraph is loaded when Apollo Server starts the store.
 * Swaps are counted in `acgs_supergraph_swaps_total` by outcome. One that declares a foreign constitution is also reported
 * as a violation: whoever publishes supergraphs is one of ours.
 */
export function createLiveSupergraph(deps: LiveSupergraphDeps): LiveSupergraph {
  const { file, planning, logger, accepted, executor } = deps;
  const swaps = new Counter({ name: 'acgs_supergraph_swaps_total', help: 'Attempts to replace the supergraph: installed, refused (it may not be served), failed (that could not be found out).', labelNames: ['outcome'], registers: [deps.registry] });
  for (const outcome of ['installed', 'refused', 'failed']) swaps.inc({ outcome }, 0);
  const pool = new PlanningPool({ threads: planning.threads, timeLimitMs: planning.timeLimitMs, logger });
  const store = new SupergraphStore({
    supergraphSdl: deps.supergraphSdl ?? readFileSync(file, 'utf8'), accepted, executor, logger, planning: pool,
    onRefused: (refused) => {
      swaps.inc({ outcome: refused.outcome });
      logger.error({ err: refused.error, supergraph: refused.id }, 'A supergraph was not installed');
      if (refused.foreignHash !== undefined) deps.report(violationOf(refused, refused.foreignHash, deps.activeHash()));
    },
    warmUp: async (next, current) => {
      const report = await deps.warmUp(next, current);
      logger.info({ supergraph: next.id, ...report }, 'A supergraph was warmed');
    },
  });
  store.onSwap((next, previous) => {
    swaps.inc({ outcome: 'installed' });
    logger.info({ supergraph: next.id, previous: previous.id }, 'The supergraph was replaced');
  });
  const swap = (supergraphSdl: string): Promise<void> => store.swap(supergraphSdl);
  const followed: SupergraphFile | undefined = deps.supergraphSdl === undefined && deps.followFile
    ? followSupergraphFile({ path: file, onChange: swap, logger, ...(deps.fileIntervalMs === undefined ? {} : { intervalMs: deps.fileIntervalMs }) })
    : undefined;
  return {
    store, swap,
    reload: () => followed?.reload() ?? Promise.reject(new Error('No file is followed; there is none to read again.')),
    async stop() {
      followed?.stop();
      await pool.stop();
    },
  };
}

/** The same refused text is one violation, however often it is tried. */
function violationOf({ id }: RefusedSupergraph, received: string, expected: string): NewViolation {
  return { kind: 'INSTANCE_HASH_MISMATCH', principalId: null, requestId: `supergraph-${id.slice(0, 32)}`, expected, received, subgraph: null, instanceUrl: null };
}
