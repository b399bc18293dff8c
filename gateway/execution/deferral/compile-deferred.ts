/** Compiles an operation with deferred parts: its plan's calls, and the fields of its first part. */
import type { GraphQLSchema } from 'graphql';
import type { CacheRules } from '../cache/cache-rules.js';
import type { DeferredOperation, Permissions } from '../contracts.js';
import { compilePlan, type CompiledPlan } from '../plan/compiled-plan.js';
import type { DataObject } from '../plan/response-data.js';
import { writeCarefully, type Introspect, type WrittenData } from '../response/careful-writer.js';
import { compileWriter, type Quote, type WriteData } from '../response/compiled-writer.js';
import { rootSite, type SelectionSite } from '../response/response-shape.js';
import { fragmentsIn, partsByPath } from './defer-directive.js';

/** What is compiled, for one set of condition values. */
export interface DeferredInput {
  readonly apiSchema: GraphQLSchema;
  readonly supergraphSchema: GraphQLSchema;
  readonly deferred: DeferredOperation;
  /** Undefined permits everything. */
  readonly permissions: Permissions | undefined;
  /** Undefined for nothing. */
  readonly cacheRules: CacheRules | undefined;
  readonly conditionHolds: (variable: string) => boolean;
}

export interface CompiledDeferred {
  readonly operation: DeferredOperation;
  readonly plan: CompiledPlan;
  /** Fields of the first part. */
  readonly site: SelectionSite;
  /** Part of each field, by its response names from the root as JSON. */
  readonly partOf: ReadonlyMap<string, string>;
  /**
   * Writes an object of a part.
   * @param quote writes its texts; undefined when something went wrong, so that errors are looked for.
   */
  readonly write: (site: SelectionSite, object: DataObject, quote: Quote | undefined, introspect: Introspect) => WrittenData;
}

/** @throws Error when the document does not fit the schema: it must have been validated. */
export function compileDeferred({ apiSchema, supergraphSchema, deferred, permissions, cacheRules, conditionHolds }: DeferredInput): CompiledDeferred {
  const fragments = fragmentsIn(deferred.document);
  const writers = new WeakMap<SelectionSite, WriteData>();
  return {
    operation: deferred,
    plan: compilePlan(deferred.plan, supergraphSchema, conditionHolds, cacheRules),
    site: rootSite({ schema: apiSchema, fragments, permissions, conditionHolds, defers: true }, deferred.operation),
    partOf: partsByPath(deferred.operation, fragments),
    write(site, object, quote, introspect) {
      let writer = writers.get(site);
      if (writer === undefined) writers.set(site, writer = compileWriter(site));
      const pieces = quote === undefined ? undefined : writer(object, quote);
      return pieces === undefined ? writeCarefully(site, object, introspect) : { text: pieces.join(''), misfits: [] };
    },
  };
}
