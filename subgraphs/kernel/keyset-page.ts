/** Pages of a list ordered by a unique rising number, newest first: the cursor is the last number seen. */
import { AcgsError } from '../../ops/runtime/errors.js';

/** A page as the connection types expose it. */
export interface KeysetPage<T> {
  readonly nodes: T[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

/** @throws AcgsError BAD_USER_INPUT unless `first` is from 1 to 100. */
export function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

/**
 * Reads a page.
 * @param list name that cursors are bound to, for example `violation`.
 * @param first how many, 1 to 100.
 * @param read gives at most `limit` items below the number `before`, or the newest when it is null, in falling order.
 * @throws AcgsError BAD_USER_INPUT for `first` out of range, CURSOR_INVALID for a foreign cursor.
 */
export async function keysetPage<T extends { readonly number: string }>(
  list: string, first: number, after: string | null | undefined, read: (limit: number, before: bigint | null) => Promise<T[]>,
): Promise<KeysetPage<T>> {
  checkFirst(first);
  const found = await read(first + 1, after === null || after === undefined ? null : decode(list, after));
  const nodes = found.slice(0, first);
  const last = nodes[nodes.length - 1];
  return { nodes, endCursor: last === undefined ? null : Buffer.from(`${list}:${last.number}`).toString('base64url'), hasNextPage: found.length > first };
}

function decode(list: string, cursor: string): bigint {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const number = text.startsWith(`${list}:`) ? text.slice(list.length + 1) : '';
  if (!/^\d{1,18}$/.test(number)) throw new AcgsError('CURSOR_INVALID');
  return BigInt(number);
}
