/** Tells the gateway which things changed: the streams and subjects of committed events, numbered or not, of one database snapshot. */
import type pg from 'pg';
import { AcgsError } from '../../ops/runtime/errors.js';
import { MAX_CHANGES_WAIT_MS, type ChangesAnswer } from '../../ops/runtime/change-feed.js';
import { jsonReply } from '../../ops/runtime/http-server.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import { databaseFault } from './database.js';
import type { HopRoute } from './define-subgraph.js';

/** Events one answer tells of; who is further behind asks again. */
const MAX_EVENTS = 1_000;
/** Events without a number that one answer names; more make it incomplete. */
const MAX_UNNUMBERED = 1_000;
/** Events before the head that a gateway which starts is told of at most. */
const MAX_HISTORY = 1_000;

/** Wakes those who wait for news. */
export class Wakeups {
  private readonly sleepers = new Set<() => void>();

  /** Says that something was committed or numbered. */
  wake(): void {
    for (const wake of this.sleepers) wake();
  }

  /** Resolves at the next wake, or after the time. @param ms milliseconds. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      timer.unref();
      this.sleepers.add(wake);
    });
  }
}

export interface ChangeFeedDeps {
  readonly pool: pg.Pool;
  readonly schema: SubgraphSchema;
  /** Identity of the schema's numbering. */
  readonly epoch: number;
  readonly wakeups: Wakeups;
}

interface ChangeRow {
  readonly timeline: string;
  readonly head: string;
  readonly start: string;
  readonly reached: string | null;
  readonly changed: readonly string[];
  readonly unnumbered: readonly string[];
  readonly unnumbered_count: string;
  readonly unnumbered_last: string | null;
}

/**
 * Everything comes from one statement and so from one snapshot: what is visible in it is either numbered and told of, or
 * named as unnumbered. Subjects are in the audit leaf. The timeline changes when a standby is promoted.
 */
function changesSql(schema: SubgraphSchema): string {
  // Named as `changeName` does.
  const changes = (from: string): string => `(SELECT coalesce(json_agg(DISTINCT e.stream || ' ' || s), '[]') FROM ${from} e, json_array_elements_text(convert_from(e.leaf, 'UTF8')::json -> 'subjects') s)`;
  return `
    WITH head AS (SELECT coalesce(max(position), 0) AS last FROM ${schema}.outbox),
    bounds AS (SELECT last, least(coalesce($1::bigint, greatest(last - $2::bigint, 0)), last) AS start FROM head),
    due AS (SELECT position, stream, leaf FROM ${schema}.outbox WHERE position > (SELECT start FROM bounds) ORDER BY position LIMIT ${MAX_EVENTS}),
    waiting AS (SELECT id, stream, leaf FROM ${schema}.outbox WHERE position IS NULL ORDER BY id LIMIT ${MAX_UNNUMBERED + 1})
    SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline, bounds.last AS head, bounds.start,
      (SELECT max(position) FROM due) AS reached, ${changes('due')} AS changed, ${changes('waiting')} AS unnumbered,
      (SELECT count(*) FROM waiting) AS unnumbered_count, (SELECT max(id) FROM waiting) AS unnumbered_last
    FROM bounds`;
}

/**
 * Makes the handler of `GET /internal/changes`. Query: `after`, number of the last event known, absent at the start;
 * `history`, how far back to begin then; `mark`, the last `unnumberedMark`; `wait`, longest wait for news in milliseconds.
 * It answers at once when there is news, and otherwise with a snapshot taken when the wait is over.
 */
export function changesRoute({ pool, schema, epoch, wakeups }: ChangeFeedDeps): HopRoute {
  const text = changesSql(schema);
  const read = async (after: number | null, history: number): Promise<Omit<ChangesAnswer, 'waitedMs'>> => {
    const { rows: [row] } = await pool.query<ChangeRow>({ name: 'acgs-changes', text, values: [after, history] }).catch((error: unknown) => { throw databaseFault(error); });
    if (row === undefined) throw new Error('The change query answered without a row.');
    const from = Number(row.start);
    const head = Number(row.head);
    const position = row.reached === null ? from : Number(row.reached);
    return {
      epoch: `${epoch}.${row.timeline}`, from, position, changed: row.changed, unnumbered: row.unnumbered,
      complete: position >= head && Number(row.unnumbered_count) <= MAX_UNNUMBERED,
      unnumberedMark: `${row.unnumbered_count}:${row.unnumbered_last ?? ''}`,
    };
  };
  return async ({ query }) => {
    const arrived = performance.now();
    const after = whole(query, 'after', Number.MAX_SAFE_INTEGER);
    const history = whole(query, 'history', MAX_HISTORY) ?? 0;
    const until = arrived + (whole(query, 'wait', MAX_CHANGES_WAIT_MS) ?? 0);
    const mark = query.get('mark') ?? '0:';
    for (;;) {
      const mayWait = after !== null && performance.now() < until;
      const waitedMs = performance.now() - arrived;
      // Registered before the snapshot is taken: a commit between the two wakes at once.
      const news = mayWait ? wakeups.sleep(until - performance.now()) : undefined;
      const found = await read(after, history);
      if (news === undefined || found.changed.length > 0 || found.position !== after || found.unnumberedMark !== mark) return jsonReply(200, { ...found, waitedMs } satisfies ChangesAnswer);
      await news;
    }
  };
}

/** @throws AcgsError BAD_REQUEST unless the parameter is absent or a whole number from 0 to the greatest. */
function whole(query: URLSearchParams, name: string, greatest: number): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value > greatest) throw new AcgsError('BAD_REQUEST', `${name} is a whole number from 0 to ${greatest}.`);
  return value;
}
