/** Weighs findings by what clients really use: recorded operations and the documents that ship with the graph. */
import { OverlappingFieldsCanBeMergedRule, specifiedRules, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import type { AffectedOperation, SchemaCheckRequest, UsageRecord, UsageState, UsageWeight } from '../../../ops/runtime/schema-check.js';
import type { FindingDraft } from './finding-draft.js';
import { operationUse, type ClientOperation } from './operation-use.js';

const DAY_MS = 24 * 3_600_000;
/** Recorded texts have lost their aliases, so fields that were told apart by them seem to collide. */
const RECORDED_RULES = specifiedRules.filter((rule) => rule !== OverlappingFieldsCanBeMergedRule);
/** What validation suggests depends on the schema, and is no part of what is wrong. */
const SUGGESTION = / Did you mean .*$/s;
/** Operations named with a finding. */
const MOST_AFFECTED = 10;

/** A finding with its weight; `criticality` is what it is after weighing. */
export interface WeighedDraft extends FindingDraft {
  readonly weight: UsageWeight | null;
  readonly affected: readonly AffectedOperation[];
  readonly affectedCount: number;
}

/** How far the recorded usage may be relied on. */
export function usageState({ usage, now, staleAfterMs = DAY_MS }: Pick<SchemaCheckRequest, 'usage' | 'now' | 'staleAfterMs'>): UsageState {
  if (usage === null) return 'ABSENT';
  if (usage.to === null || usage.operations.length === 0) return 'EMPTY';
  // A time that cannot be read is no proof of freshness.
  if (!(Date.parse(now) - Date.parse(usage.to) <= staleAfterMs)) return 'STALE';
  return usage.dropped > 0 ? 'INCOMPLETE' : 'FRESH';
}

/** The operations that count: shipped ones, and recorded ones with the clients that sent them often enough. */
export function clientOperations(shipped: SchemaCheckRequest['operations'], usage: UsageRecord | null, minimumCount = 1): ClientOperation[] {
  return [
    ...(usage?.operations ?? []).flatMap(({ name, hash, text, coordinates, clients }): ClientOperation[] => {
      const often = clients.filter(({ count }) => count >= minimumCount);
      return often.length === 0 ? [] : [{ name, hash, text, origin: 'recorded', clients: often, recorded: coordinates }];
    }),
    ...shipped.map(({ name, text, client }): ClientOperation => ({ name, hash: sha256Hex(text), text, origin: 'shipped', clients: [{ client, count: null }], recorded: [] })),
  ];
}

/**
 * Weighs findings against operations; those without a weighing stay as they are. Shipped documents are validated
 * whatever they use: even a field that can no longer be null may collide with its namesake on another type.
 */
export function weigh(drafts: readonly FindingDraft[], operations: readonly ClientOperation[], state: UsageState, before: GraphQLSchema, after: GraphQLSchema): WeighedDraft[] {
  const wanted = new Set(drafts.flatMap(({ weighing }) => (weighing === null ? [] : [...weighing.usedBy, ...weighing.readBy])));
  const reshaped = drafts.some(isReshaping);
  const touched = operations.filter(({ origin }) => wanted.size > 0 || (reshaped && origin === 'shipped')).flatMap((operation) => {
    const use = operationUse(before, operation);
    return (reshaped && operation.origin === 'shipped') || [...wanted].some((key) => use.keys.has(key)) ? [new TouchedOperation(operation, use.keys, use.document, before, after)] : [];
  });
  const weighed = drafts.map((draft) => weighOne(draft, touched, state));
  return [...weighed, ...unexplained(weighed, touched)];
}

/** True for what operations could notice, whether usage weighs it or not. */
export function isReshaping({ kind, coordinate, weighing }: FindingDraft): boolean {
  return weighing !== null || (kind === 'SHAPE' && coordinate !== null);
}

function weighOne(draft: FindingDraft, touched: readonly TouchedOperation[], state: UsageState): WeighedDraft {
  const { weighing } = draft;
  if (weighing === null) return { ...draft, weight: null, affected: [], affectedCount: 0 };
  const broken = touched.filter((operation) => operation.uses(weighing.usedBy) && (!weighing.onlyInvalid || operation.mayBreak()));
  if (broken.length > 0) return { ...draft, weight: 'USED', ...affectedBy(broken) };
  if (state !== 'FRESH') return { ...draft, weight: 'ASSUMED', affected: [], affectedCount: 0 };
  const readers = touched.filter((operation) => operation.uses(weighing.readBy));
  return readers.length > 0
    ? { ...draft, criticality: 'DANGEROUS', weight: 'USED', ...affectedBy(readers) }
    : { ...draft, criticality: weighing.unused, remedy: weighing.unused === 'SAFE' ? null : draft.remedy, weight: 'UNUSED', affected: [], affectedCount: 0 };
}

/** Operations that would be refused though no finding says why: a gap in the comparison must not let them break in silence. */
function unexplained(weighed: readonly WeighedDraft[], touched: readonly TouchedOperation[]): WeighedDraft[] {
  const known = new Set(weighed.flatMap(({ criticality, weighing }) => (criticality === 'BREAKING' && weighing !== null ? weighing.usedBy : [])));
  return touched.flatMap((operation): WeighedDraft[] => {
    const errors = operation.newErrors();
    if (errors.length === 0 || operation.uses([...known])) return [];
    return [{
      code: 'OPERATION_BROKEN', kind: 'SHAPE', criticality: 'BREAKING', subgraph: null, coordinate: null, before: operation.operation.hash, after: errors,
      message: `${operation.operation.name ?? 'An operation without a name'} is valid now and would be refused: ${errors.join(' ')}`, remedy: 'Change the operation first, or keep what it uses.', weighing: null, weight: 'USED', ...affectedBy([operation]),
    }];
  });
}

function affectedBy(operations: readonly TouchedOperation[]): Pick<WeighedDraft, 'affected' | 'affectedCount'> {
  const affected = operations.flatMap(({ operation: { name, hash, origin, clients } }) => clients.map(({ client, count }): AffectedOperation => ({ operation: name, hash, client, count, origin })));
  const key = ({ operation, client, hash }: AffectedOperation): string => `${operation ?? ''} ${client} ${hash}`;
  affected.sort((left, right) => (right.count ?? 0) - (left.count ?? 0) || (key(left) < key(right) ? -1 : 1));
  return { affected: affected.slice(0, MOST_AFFECTED), affectedCount: new Set(operations.map(({ operation }) => operation.hash)).size };
}

/** An operation that uses something of what changed. */
class TouchedOperation {
  private errors: readonly string[] | undefined;

  constructor(readonly operation: ClientOperation, private readonly keys: ReadonlySet<string>, private readonly document: DocumentNode | null, private readonly before: GraphQLSchema, private readonly after: GraphQLSchema) {}

  uses(keys: readonly string[]): boolean {
    return keys.some((key) => this.keys.has(key));
  }

  /** True when it would be refused, or cannot be read and so not be judged. */
  mayBreak(): boolean {
    return this.document === null || this.newErrors().length > 0;
  }

  /** What validation says after the change and did not say before. */
  newErrors(): readonly string[] {
    const { document } = this;
    if (document === null) return [];
    return this.errors ??= ((): string[] => {
      const messages = (schema: GraphQLSchema): string[] => validate(schema, document, this.operation.origin === 'shipped' ? specifiedRules : RECORDED_RULES).map(({ message }) => message.replace(SUGGESTION, ''));
      const known = new Set(messages(this.before));
      return messages(this.after).filter((message) => !known.has(message)).sort();
    })();
  }
}
