/** What change management answers: pages, calendar, matrix, grants and the stream of changes. */
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import { actionDigest } from './digest.js';
import type { CabDecision, CabMeeting } from './domain-board.js';
import { windowsBetween, type WindowOccurrence } from './domain-calendar.js';
import { implementablePeriod } from './domain-lifecycle.js';
import { pendingSteps, type Approval, type ApprovalRule, type ApprovalStep, type ChangeAction, type ChangeCategory, type ChangeRequest, type ChangeSnapshot, type ChangeStatus } from './domain.js';
import { CHANGE_STREAM } from './events.js';
import { signGrant, type Grant } from './grant.js';
import type { SigningKey } from './signing-key.js';
import type { ChangeParts } from './service-unit.js';
import type { BoardStore } from './store-board.js';
import type { ChangeFilter } from './store.js';

const MAX_SPAN_MS = 366 * 86_400_000;

export interface Page<T> {
  readonly nodes: T[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

export interface StreamFilter {
  readonly changeId?: string | null | undefined;
  readonly category?: ChangeCategory | null | undefined;
  readonly status?: ChangeStatus | null | undefined;
}

export class ChangeReading {
  constructor(private readonly parts: ChangeParts, private readonly board: BoardStore, readonly keys: SigningKey) {}

  /** One change as it is now; batched, never remembered: a subscription outlives what a loader has read. */
  change(context: SubgraphContext, id: string): Promise<ChangeRequest | null> {
    return this.load(context, 'changeById', (ids) => this.parts.changes.byIds(ids), id);
  }

  /** A change that is known to exist. */
  async existing(context: SubgraphContext, id: string): Promise<ChangeRequest> {
    return found(await this.change(context, id), id);
  }

  /** @throws AcgsError BAD_USER_INPUT for `first` out of range, CURSOR_INVALID for a foreign cursor. */
  async changes(filter: ChangeFilter, first: number, after: string | null | undefined): Promise<Page<ChangeRequest>> {
    checkFirst(first);
    const before = after == null ? null : BigInt(decode('change', after, /^\d{1,18}$/));
    const rows = await this.parts.changes.page(filter, first + 1, before);
    return page(rows, first, ({ ordinal }) => encode('change', String(ordinal)), ({ change }) => change);
  }

  async calendar(from: string, to: string, first: number): Promise<{ windows: WindowOccurrence[]; changes: ChangeRequest[] }> {
    checkFirst(first);
    const span = Date.parse(to) - Date.parse(from);
    if (span <= 0 || span > MAX_SPAN_MS) throw new AcgsError('BAD_USER_INPUT', 'The calendar spans at most 366 days, and ends after it begins.');
    const [windows, changes] = await Promise.all([this.parts.policy.windows(), this.parts.changes.planned(from, to, first)]);
    return { windows: windowsBetween(windows, from, to), changes };
  }

  matrix(): Promise<ApprovalRule[]> {
    return this.parts.policy.rules();
  }

  async pending(context: SubgraphContext, change: ChangeSnapshot): Promise<ApprovalStep[]> {
    return change.status === 'SUBMITTED' ? pendingSteps(await this.rule(context, change.category), change) : [];
  }

  /** The grant, for those who may hold it and while it may be used; null otherwise. */
  async grant(context: SubgraphContext, shown: ChangeSnapshot): Promise<Grant | null> {
    const { principal } = context;
    if (principal === null) return null;
    const entitled = principal.id === shown.requesterId || principal.id === shown.implementerId || principal.scopes.includes('change:write');
    if (!entitled) return null;
    const change = await this.existing(context, shown.id);
    if (change.status !== 'APPROVED' && change.status !== 'IMPLEMENTING') return null;
    if (change.constitutionalHash !== this.parts.deps.manifest.active) return null;
    const [rule, windows] = await Promise.all([this.rule(context, change.category), this.parts.policy.windows()]);
    const period = implementablePeriod(change, { rule, windows, now: this.parts.deps.clock().toISOString() });
    return period === null ? null : signGrant(this.keys, change, period);
  }

  /** What a grant for the action binds. */
  actionDigest(action: ChangeAction): string {
    return actionDigest(action);
  }

  async newestOf(context: SubgraphContext, owner: 'service' | 'incident', id: string, first: number): Promise<ChangeRequest[]> {
    checkFirst(first);
    return (await this.load(context, `changesOf:${owner}:${first}`, (ids) => this.parts.changes.newestOf(owner, ids, first), id)) ?? [];
  }

  async approvalsBy(context: SubgraphContext, principalId: string, first: number): Promise<Approval[]> {
    checkFirst(first);
    return (await this.load(context, `approvalsBy:${first}`, (ids) => this.parts.changes.approvalsBy(ids, first), principalId)) ?? [];
  }

  async meeting(context: SubgraphContext, id: string): Promise<CabMeeting> {
    return found(await this.load(context, 'meetingById', (ids) => this.board.byIds(ids), id), id);
  }

  async meetings(first: number, after: string | null | undefined): Promise<Page<CabMeeting>> {
    checkFirst(first);
    const rows = await this.board.page(first + 1, after == null ? null : decode('cab', after, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/));
    return page(rows, first, ({ scheduledAt }) => encode('cab', scheduledAt), (meeting) => meeting);
  }

  async decisions(context: SubgraphContext, meetingId: string): Promise<CabDecision[]> {
    return (await this.load(context, 'decisionsOf', (ids) => this.board.decisionsOf(ids), meetingId)) ?? [];
  }

  async agenda(context: SubgraphContext, meetingId: string, first: number): Promise<ChangeRequest[]> {
    checkFirst(first);
    const now = this.parts.deps.clock().toISOString();
    return (await this.load(context, `agendaOf:${first}`, (ids) => this.parts.changes.awaitingBoard(ids, now, first), meetingId)) ?? [];
  }

  updates(filter: StreamFilter, after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<ChangeSnapshot>>> {
    const { changeId = null, category = null, status = null } = filter;
    return this.parts.deps.subscribe({
      field: 'changeUpdated', stream: CHANGE_STREAM, filter: { changeId, category, status }, after,
      matches: ({ entityId, payload }) => (changeId === null || entityId === changeId) && (category === null || payload['category'] === category) && (status === null || payload['status'] === status),
      present: ({ payload }) => payload as unknown as ChangeSnapshot,
    });
  }

  private async rule(context: SubgraphContext, category: ChangeCategory): Promise<ApprovalRule> {
    const rule = await this.load(context, 'ruleOf', async () => new Map((await this.parts.policy.rules()).map((row) => [row.category, row])), category);
    return found(rule, category);
  }

  private async load<K extends string, V>(context: SubgraphContext, name: string, batch: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>, key: K): Promise<V | null> {
    const loader = context.loader(name, batch);
    try {
      return await loader.load(key);
    } finally {
      loader.clear(key);
    }
  }
}

function page<R, T>(rows: readonly R[], first: number, cursorOf: (row: R) => string, nodeOf: (row: R) => T): Page<T> {
  const shown = rows.slice(0, first);
  const last = shown[shown.length - 1];
  return { nodes: shown.map(nodeOf), endCursor: last === undefined ? null : cursorOf(last), hasNextPage: rows.length > first };
}

function found<T>(value: T | null, id: string): T {
  if (value === null) throw new Error(`${id} is referred to and does not exist.`);
  return value;
}

function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

function encode(kind: string, place: string): string {
  return Buffer.from(`${kind}:${place}`).toString('base64url');
}

function decode(kind: string, cursor: string, form: RegExp): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const place = text.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : '';
  if (!form.test(place)) throw new AcgsError('CURSOR_INVALID');
  return place;
}
