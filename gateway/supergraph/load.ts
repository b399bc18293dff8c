/** Keeps the supergraph requests are pinned to, and replaces it while they run. */
import type { GatewayExecutor, GatewayInterface, GatewayLoadResult, GatewaySchemaLoadOrUpdateCallback, GatewayUnsubscriber } from '@apollo/server-gateway-interface';
import type { GraphQLSchema } from 'graphql';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SupergraphSnapshot } from '../execution/contracts.js';
import { CompositionError } from './composition-error.js';
import type { Generation } from './planning/messages.js';
import type { PlanningPool } from './planning/planning-pool.js';
import { makeSnapshot } from './planning/snapshot.js';

/** A supergraph that was not installed. */
export interface RefusedSupergraph {
  /** SHA-256 of its text, hexadecimal. */
  readonly id: string;
  readonly error: Error;
  /** `refused` when it may not be served, `failed` when that could not be found out. */
  readonly outcome: 'refused' | 'failed';
  /** Label it declares when that is what it was refused for; undefined otherwise. */
  readonly foreignHash: string | undefined;
}

export interface SupergraphStoreOptions {
  readonly supergraphSdl: string;
  /** Labels the manifest accepts now; null skips gate 1, for foreign graphs in generic mode. */
  readonly accepted: () => readonly string[] | null;
  readonly planning: Pick<PlanningPool, 'load' | 'plan' | 'release'>;
  /** Runs what Apollo Server hands on. */
  readonly executor: GatewayExecutor;
  readonly logger: Logger;
  /** Called before a supergraph is installed, which waits for it; a failure is logged and does not keep it from being installed. */
  readonly warmUp?: (next: SupergraphSnapshot, current: SupergraphSnapshot) => Promise<void>;
  /** Told of every supergraph that is not installed. */
  readonly onRefused?: (refused: RefusedSupergraph) => void;
}

export type SwapListener = (next: SupergraphSnapshot, previous: SupergraphSnapshot) => void;

/** Snapshots that operations can be planned for: the current one and those before it that requests may still hold. */
export const PLANNABLE_SNAPSHOTS = 3;

/** The gateway as Apollo Server sees it: schema and executor. Loading, checking and planning happen in a worker. */
export class SupergraphStore implements GatewayInterface {
  private snapshot: SupergraphSnapshot | undefined;
  private readonly bySchema = new WeakMap<GraphQLSchema, SupergraphSnapshot>();
  private readonly plannable: Generation[] = [];
  private readonly schemaListeners = new Set<GatewaySchemaLoadOrUpdateCallback>();
  private readonly swapListeners = new Set<SwapListener>();
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: SupergraphStoreOptions) {}

  /**
   * Loads the first supergraph, once.
   * @throws CompositionError when it is refused, AcgsError PLANNING_UNAVAILABLE when no worker could load it.
   */
  async load(): Promise<GatewayLoadResult> {
    const { supergraphSdl, executor } = this.options;
    if (this.snapshot === undefined) await this.inTurn(() => this.replace(supergraphSdl));
    return { executor };
  }

  /** Apollo Server's hook; a later callback is told of the current schema at once. */
  onSchemaLoadOrUpdate(callback: GatewaySchemaLoadOrUpdateCallback): GatewayUnsubscriber {
    this.schemaListeners.add(callback);
    if (this.snapshot !== undefined) callback({ apiSchema: this.snapshot.apiSchema, coreSupergraphSdl: this.snapshot.sdl });
    return () => { this.schemaListeners.delete(callback); };
  }

  /** Apollo Server's hook. Nothing runs here: the workers belong to whoever made them, and a swap under way ends with them. */
  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** The snapshot new requests are pinned to. @throws Error before the gateway was loaded. */
  current(): SupergraphSnapshot {
    if (this.snapshot === undefined) throw new Error('The supergraph is not loaded yet.');
    return this.snapshot;
  }

  loaded(): boolean {
    return this.snapshot !== undefined;
  }

  /** The snapshot a client schema belongs to; a request that began before a swap keeps its own. */
  snapshotOf(apiSchema: GraphQLSchema): SupergraphSnapshot {
    return this.bySchema.get(apiSchema) ?? this.current();
  }

  /** Calls back after each swap, in order of registration; returns how to stop. */
  onSwap(listener: SwapListener): () => void {
    this.swapListeners.add(listener);
    return () => { this.swapListeners.delete(listener); };
  }

  /**
   * Replaces the supergraph: checked, built and warmed first, then installed in one step. Requests in flight keep the
   * one they started with. Swaps happen one after another; one to the text that is served does nothing.
   * @throws CompositionError when it is refused, AcgsError PLANNING_UNAVAILABLE when no worker could load it; the old one stays then.
   */
  swap(supergraphSdl: string): Promise<void> {
    return this.inTurn(async () => {
      if (this.current().sdl !== supergraphSdl) await this.replace(supergraphSdl);
    });
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async replace(sdl: string): Promise<void> {
    const next = await this.build(sdl);
    const previous = this.snapshot;
    if (previous !== undefined) await this.warm(next, previous);
    this.install(next);
    if (previous === undefined) return;
    for (const listener of this.swapListeners) this.tell(() => listener(next, previous));
  }

  private async build(sdl: string): Promise<SupergraphSnapshot> {
    const { planning, accepted, onRefused } = this.options;
    const id = sha256Hex(sdl);
    const refuse = (error: Error, outcome: RefusedSupergraph['outcome'], foreignHash?: string): Error => {
      onRefused?.({ id, error, outcome, foreignHash });
      return error;
    };
    let loaded: Awaited<ReturnType<PlanningPool['load']>>;
    try {
      loaded = await planning.load(sdl, accepted());
    } catch (error) {
      throw refuse(error instanceof Error ? error : new Error(String(error)), 'failed');
    }
    const { generation, outcome } = loaded;
    if (outcome.kind === 'refused') {
      const isForeign = outcome.problems.some(({ code }) => code === 'CONSTITUTION_HASH_REFUSED');
      throw refuse(new CompositionError(outcome.problems), 'refused', isForeign ? (outcome.hash ?? undefined) : undefined);
    }
    const snapshot = await makeSnapshot(id, sdl, outcome.description, (...operation) => planning.plan(generation, ...operation));
    this.plannable.push(generation);
    return snapshot;
  }

  private async warm(next: SupergraphSnapshot, current: SupergraphSnapshot): Promise<void> {
    try {
      await this.options.warmUp?.(next, current);
    } catch (error) {
      this.options.logger.error({ err: error }, 'A supergraph is installed cold: its warm-up failed');
    }
  }

  private install(next: SupergraphSnapshot): void {
    this.bySchema.set(next.apiSchema, next);
    this.snapshot = next;
    for (const listener of this.schemaListeners) this.tell(() => listener({ apiSchema: next.apiSchema, coreSupergraphSdl: next.sdl }));
    for (const generation of this.plannable.splice(0, this.plannable.length - PLANNABLE_SNAPSHOTS)) this.options.planning.release(generation);
  }

  private tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.options.logger.error({ err: error }, 'A listener to supergraph changes failed');
    }
  }
}
