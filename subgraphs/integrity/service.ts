/** What the audit log answers. */
import { SUBGRAPH_SCHEMAS } from '../../ops/runtime/subgraph-names.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { isComplete, type AuditEntry, type AuditFilter, type SubgraphCompleteness } from './domain.js';
import { startIntegrator } from './integrator.js';
import type { AuditStore } from './store.js';

const CURSOR_PREFIX = 'leaf:';

export interface AuditPage {
  readonly nodes: AuditEntry[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

export class AuditService {
  constructor(private readonly deps: SubgraphDeps, private readonly store: AuditStore) {}

  start(): Promise<Stoppable> {
    return startIntegrator(this.deps, this.store);
  }

  /** @throws AcgsError BAD_USER_INPUT for `first` out of range, CURSOR_INVALID for a foreign cursor. */
  async page(filter: AuditFilter, first: number, after: string | null | undefined): Promise<AuditPage> {
    checkFirst(first);
    const entries = await this.store.page(filter, first + 1, after === null || after === undefined ? null : decodeCursor(after));
    const nodes = entries.slice(0, first);
    const last = nodes[nodes.length - 1];
    return { nodes, endCursor: last === undefined ? null : encodeCursor(last.index), hasNextPage: entries.length > first };
  }

  entry(context: SubgraphContext, index: string): Promise<AuditEntry | null> {
    if (!/^\d{1,18}$/.test(index)) throw new AcgsError('BAD_USER_INPUT', 'An index is a whole number from 0.');
    return context.loader('leafByIndex', (indexes) => this.store.byIndexes(indexes)).load(index);
  }

  async completeness(): Promise<{ complete: boolean; checkedAt: string; leaves: number; subgraphs: SubgraphCompleteness[] }> {
    const subgraphs: SubgraphCompleteness[] = [];
    for (const schema of SUBGRAPH_SCHEMAS) subgraphs.push(await this.store.compare(schema));
    return { complete: isComplete(subgraphs), checkedAt: this.deps.clock().toISOString(), leaves: await this.store.size(), subgraphs };
  }

  /** Newest entries about an entity. @param subject `Type:id` or `stream:id`. */
  async about(context: SubgraphContext, subject: string, first: number): Promise<AuditEntry[]> {
    checkFirst(first);
    return (await context.loader(`leavesAbout:${first}`, (subjects) => this.store.newestBySubject(subjects, first)).load(subject)) ?? [];
  }

  /** Newest entries a principal caused. */
  async by(context: SubgraphContext, actorId: string, first: number): Promise<AuditEntry[]> {
    checkFirst(first);
    return (await context.loader(`leavesBy:${first}`, (actors) => this.store.newestByActor(actors, first)).load(actorId)) ?? [];
  }
}

function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

function encodeCursor(index: string): string {
  return Buffer.from(CURSOR_PREFIX + index).toString('base64url');
}

function decodeCursor(cursor: string): bigint {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!/^leaf:\d{1,18}$/.test(text)) throw new AcgsError('CURSOR_INVALID');
  return BigInt(text.slice(CURSOR_PREFIX.length));
}
