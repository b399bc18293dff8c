/** Pages of lists that are ordered by time, newest first, and their cursors. */
import { AcgsError } from '../../ops/runtime/errors.js';

/** Place of an entry in a list: its moment (ISO 8601) and, among equal moments, its id. */
export interface PlaceInTime {
  readonly at: string;
  readonly id: string;
}

export interface Page<T> {
  readonly nodes: T[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

/** @throws AcgsError BAD_USER_INPUT unless `first` is from 1 to 100. */
export function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

/**
 * Reads one page: asks for one entry more than wanted to know whether there are others.
 * @param list name of the list, which its cursors are bound to.
 * @throws AcgsError BAD_USER_INPUT for `first` out of range, CURSOR_INVALID for a cursor of another list.
 */
export async function readPage<T extends { readonly id: string }>(
  list: string, first: number, after: string | null | undefined,
  read: (limit: number, after: PlaceInTime | null) => Promise<T[]>, momentOf: (entry: T) => string,
): Promise<Page<T>> {
  checkFirst(first);
  const entries = await read(first + 1, after === null || after === undefined ? null : decodePlace(list, after));
  const nodes = entries.slice(0, first);
  const last = nodes[nodes.length - 1];
  return { nodes, endCursor: last === undefined ? null : encodePlace(list, { at: momentOf(last), id: last.id }), hasNextPage: entries.length > first };
}

function encodePlace(list: string, { at, id }: PlaceInTime): string {
  return Buffer.from(`${list} ${at} ${id}`).toString('base64url');
}

function decodePlace(list: string, cursor: string): PlaceInTime {
  const [of, at, id, ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  if (of !== list || at === undefined || Number.isNaN(Date.parse(at)) || id === undefined || !/^[\w-]{1,64}$/.test(id) || rest.length > 0) throw new AcgsError('CURSOR_INVALID');
  if (list !== 'incidents' && !isUuid(id)) throw new AcgsError('CURSOR_INVALID');
  return { at, id };
}

/** True for the text form of a UUID. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
