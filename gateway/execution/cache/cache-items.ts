/** Makes the keys of what a fetch asks, and names the changes that make it stale: one item for each representation, or one for a whole root fetch. */
import { changeName } from '../../../ops/runtime/change-feed.js';
import { isDataObject, ownValue, type DataObject } from '../plan/response-data.js';
import type { EntityRule, InnerEntity, RootRule } from './cache-rules.js';

/** One thing that may be kept. */
export interface CacheItem {
  /** Holds everything the answer can depend on, the feed's epoch aside. */
  readonly key: string;
  readonly service: string;
  /** Seconds. */
  readonly maxAge: number;
  readonly isPrivate: boolean;
  /** Changes that make it stale, of the entities it is asked about. */
  readonly changes: readonly string[];
  /** Entities inside the answer. */
  readonly inner: readonly InnerEntity[];
}

/** What of a request belongs to its keys. */
export interface KeyScope {
  /** Constitutional hash in force. */
  readonly hash: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Digest of the principal's claims; undefined when anonymous, who gets no private answers from the cache. */
  readonly principal: () => string | undefined;
}

/** Lines cannot be confused with what they hold: JSON has no line feed outside of texts, and escapes it in them. */
const SEPARATOR = '\n';

/**
 * Items of an entity fetch, in the order of its representations.
 * @param texts representations as JSON.
 * @returns undefined in the place of what must not be cached.
 */
export function entityItems(rule: EntityRule, texts: readonly string[], scope: KeyScope): (CacheItem | undefined)[] {
  const shared = sharedPart(rule.id, scope, rule.variables);
  return texts.map((text) => {
    const representation: unknown = JSON.parse(text);
    if (!isDataObject(representation)) return undefined;
    const typeName = ownValue(representation, '__typename');
    const terms = typeof typeName === 'string' ? rule.types.get(typeName) : undefined;
    if (terms === undefined) return undefined;
    const changes = changesOf(String(typeName), ownValue(representation, terms.key), terms.changedBy);
    const owner = ownerOf(terms.isPrivate, scope);
    if (changes === undefined || owner === undefined) return undefined;
    return { key: `${shared}${owner}${SEPARATOR}${text}`, service: rule.service, maxAge: terms.maxAge, isPrivate: terms.isPrivate, changes, inner: terms.inner };
  });
}

/** The item of a root fetch; undefined when it must not be cached. */
export function rootItem(rule: RootRule, scope: KeyScope): CacheItem | undefined {
  const changes: string[] = [];
  for (const { typeName, key, changedBy } of rule.roots) {
    const found = changesOf(typeName, 'literal' in key ? key.literal : scope.variables[key.variable], changedBy);
    if (found === undefined) return undefined;
    changes.push(...found);
  }
  const owner = ownerOf(rule.isPrivate, scope);
  return owner === undefined ? undefined : { key: `${sharedPart(rule.id, scope, rule.variables)}${owner}`, service: rule.service, maxAge: rule.maxAge, isPrivate: rule.isPrivate, changes, inner: rule.inner };
}

/**
 * Every change that makes an answer stale: of what it was asked about and of the entities in it.
 * @returns undefined when one of those does not say which it is.
 */
export function changesOfAnswer({ changes, inner }: Pick<CacheItem, 'changes' | 'inner'>, value: DataObject): string[] | undefined {
  const all = [...changes];
  for (const { path, typeName, key, changedBy } of inner) {
    let object: unknown = value;
    for (const name of path) object = isDataObject(object) ? ownValue(object, name) : object;
    // A part that is null shows nothing of any entity.
    if (object === null || object === undefined) continue;
    const found = isDataObject(object) ? changesOf(typeName, ownValue(object, key), changedBy) : undefined;
    if (found === undefined) return undefined;
    all.push(...found);
  }
  return all;
}

function sharedPart(id: string, { hash, variables }: KeyScope, names: readonly string[]): string {
  const given = names.map((name) => (Object.hasOwn(variables, name) && variables[name] !== undefined ? `${JSON.stringify(name)}:${JSON.stringify(variables[name])}` : ''));
  return `${id}${SEPARATOR}${hash}${SEPARATOR}${given.join(',')}${SEPARATOR}`;
}

/** Empty for what everybody shares. */
function ownerOf(isPrivate: boolean, { principal }: KeyScope): string | undefined {
  return isPrivate ? principal() : '';
}

function changesOf(typeName: string, key: unknown, changedBy: readonly string[]): string[] | undefined {
  return typeof key === 'string' || typeof key === 'number' ? changedBy.map((stream) => changeName(stream, `${typeName}:${key}`)) : undefined;
}
