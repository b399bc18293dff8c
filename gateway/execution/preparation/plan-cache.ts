/** Remembers what was read and planned, for each supergraph: documents by their text, operations by their normal form, plans by grants. */
import type { DocumentNode, OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { AcgsError } from '../../../ops/runtime/errors.js';
import type { PrincipalClaims } from '../../../ops/runtime/hop-token.js';
import type { Grants } from '../../enforcement/authorization.js';
import type { DocumentAnalysis } from '../../enforcement/document-analysis.js';
import type { PreparedOperation, SupergraphSnapshot } from '../contracts.js';
import type { CostMemory } from './cost-memory.js';
import type { VariableCheck } from './variable-check.js';

/** What of a principal decides about grants. Null is anonymous. */
export type GrantHolder = { readonly scopes: readonly string[]; readonly policies: readonly string[] } | null;

/** One plan: an operation under some grants. */
export interface PlanSlot {
  readonly prepared: PreparedOperation;
  /** Someone who has these grants; requirements have other numbers in another supergraph. */
  readonly holder: GrantHolder;
  /** Times it was asked for; halved by a swap. */
  uses: number;
}

/** A plan that is not to be tried again for a while. */
export interface PlanRefusal {
  readonly error: AcgsError;
  /** Milliseconds of `performance.now()`. */
  readonly until: number;
}

/** One operation in its normal form, whatever text it came in. */
export interface OperationEntry {
  /** Normal form: printed, alone with its fragments in the order of their names. */
  readonly text: string;
  /** SHA-256 over supergraph and normal form, hexadecimal. */
  readonly key: string;
  /** The normal form parsed, without locations. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly analysis: DocumentAnalysis;
  /** Undefined when the operation declares none. */
  readonly checkVariables: VariableCheck | undefined;
  readonly cost: CostMemory;
  /** Grants by what principals hold of all requirements. */
  readonly grants: Map<Held, Grants>;
  readonly plans: Map<Grants, PlanSlot>;
  /** Plans being made; everyone who needs one waits for the same. */
  readonly pending: Map<Grants, Promise<PreparedOperation>>;
  readonly refused: Map<Grants, PlanRefusal>;
  /** Tick of the cache when it was last used. */
  lastUsed: number;
}

/** A document that is valid for a supergraph. */
export interface ReadDocument {
  /** The only operation of the document; undefined when there are several. */
  readonly sole: OperationEntry | undefined;
  /** The document where it has several operations; they are read when they are asked for. */
  readonly several: DocumentNode | undefined;
  readonly byName: Map<string, OperationEntry>;
}

/** Which of all requirements of a supergraph a principal meets: `1` or `0` for each. */
export type Held = string;

/** Everything remembered of one supergraph. */
export interface SnapshotPlans {
  readonly texts: LRUCache<string, ReadDocument>;
  /** Documents that others parsed. */
  readonly nodes: WeakMap<DocumentNode, ReadDocument>;
  /** By normal form. */
  readonly operations: Map<string, OperationEntry>;
  /** What each principal holds; read anew for each credential, since a principal is never changed. */
  readonly held: WeakMap<PrincipalClaims, Held>;
  tick: number;
}

export interface PlanCacheLimits {
  /** Characters of the texts that are kept, for each supergraph; default 2 Mi. */
  readonly maxCharacters: number;
  /** Operations and plans that are kept, for each supergraph; default 1,000 of each. */
  readonly maxPlans: number;
}

export interface PlanCache {
  /** What is remembered of a supergraph; gone with the snapshot. */
  of(snapshot: SupergraphSnapshot): SnapshotPlans;
  /** Keeps an operation, and makes room by forgetting those not used for longest. */
  keep(plans: SnapshotPlans, entry: OperationEntry): void;
}

const DEFAULTS: PlanCacheLimits = { maxCharacters: 2 * 1024 * 1024, maxPlans: 1_000 };
/** Share that is kept when room is made, so that room is not made for every single operation. */
const KEPT_SHARE = 0.9;

export function createPlanCache(limits: Partial<PlanCacheLimits> = {}): PlanCache {
  const { maxCharacters, maxPlans } = { ...DEFAULTS, ...limits };
  const bySnapshot = new WeakMap<SupergraphSnapshot, SnapshotPlans>();
  return {
    of(snapshot) {
      let plans = bySnapshot.get(snapshot);
      if (plans === undefined) {
        plans = { texts: new LRUCache({ maxSize: maxCharacters, sizeCalculation: (_, text) => text.length }), nodes: new WeakMap(), operations: new Map(), held: new WeakMap(), tick: 0 };
        bySnapshot.set(snapshot, plans);
      }
      return plans;
    },
    keep(plans, entry) {
      plans.operations.set(entry.text, entry);
      if (plans.operations.size > maxPlans || countPlans(plans) > maxPlans) makeRoom(plans, maxPlans * KEPT_SHARE, entry);
    },
  };
}

/** The plans used most, most used first. */
export function mostUsed({ operations }: SnapshotPlans, limit: number): { readonly entry: OperationEntry; readonly slot: PlanSlot }[] {
  return [...operations.values()]
    .flatMap((entry) => [...entry.plans.values()].map((slot) => ({ entry, slot })))
    .sort((left, right) => right.slot.uses - left.slot.uses)
    .slice(0, limit);
}

function countPlans({ operations }: SnapshotPlans): number {
  let count = 0;
  for (const { plans } of operations.values()) count += plans.size;
  return count;
}

/** An operation that is forgotten and yet held by a text starts again without plans. */
function makeRoom({ operations }: SnapshotPlans, kept: number, spared: OperationEntry): void {
  const oldestFirst = [...operations.values()].sort((left, right) => left.lastUsed - right.lastUsed);
  let plans = oldestFirst.reduce((sum, entry) => sum + entry.plans.size, 0);
  for (const entry of oldestFirst) {
    if (operations.size <= kept && plans <= kept) return;
    if (entry === spared) continue;
    operations.delete(entry.text);
    plans -= entry.plans.size;
    entry.plans.clear();
    entry.refused.clear();
  }
}
