/** The cache as one query sees it: stands between the plan and the subgraph calls, and answers as a subgraph would. */
import type { GraphQLFormattedError } from 'graphql';
import type { SubgraphAnswer } from '../contracts.js';
import { isDataObject, type DataObject } from '../plan/response-data.js';
import { entityItems, rootItem, type CacheItem, type KeyScope } from './cache-items.js';
import type { EntityRule, RootRule } from './cache-rules.js';
import type { Fetched, Gathered } from './gathering.js';

/** One `_entities` field of a call. */
export interface EntityAsk {
  /** Undefined when nothing of it is kept. */
  readonly rule: EntityRule | undefined;
  /** Representations as JSON. */
  readonly texts: readonly string[];
  /** Response name of the field in a call that asks for everything. */
  readonly responseName: string;
}

/**
 * Sends a call for some of the representations of each ask.
 * @param lists in the order of the asks; those with an empty list are left out of the call.
 * @returns the answer, and the response name of each ask in it.
 */
export type SendEntities = (lists: readonly (readonly string[])[]) => Promise<{ readonly answer: SubgraphAnswer; readonly names: readonly (string | undefined)[] }>;

/** Gets the items that are known, and sends for the others. */
export type Gather = (service: string, items: readonly (CacheItem | undefined)[], send: (indexes: readonly number[]) => Promise<Fetched>) => Promise<Gathered>;

export class RequestCache {
  constructor(private readonly scope: KeyScope, private readonly gather: Gather) {}

  /**
   * Answers an entity call as if all of it had been sent.
   * @throws what `send` throws.
   */
  async entities(service: string, asks: readonly EntityAsk[], send: SendEntities): Promise<SubgraphAnswer> {
    const items: (CacheItem | undefined)[] = [];
    const owners: { readonly ask: number; readonly at: number }[] = [];
    asks.forEach(({ rule, texts }, ask) => {
      const found = rule === undefined ? undefined : entityItems(rule, texts, this.scope);
      texts.forEach((_, at) => {
        items.push(found?.[at]);
        owners.push({ ask, at });
      });
    });
    const errors: GraphQLFormattedError[] = [];
    /** What came in the place of a list that does not fit what was sent. */
    const broken = new Map<number, unknown>();
    const gathered = await this.gather(service, items, async (indexes) => {
      const sent = asks.map((): number[] => []);
      for (const index of indexes) sent[owners[index]?.ask ?? 0]?.push(index);
      const { answer, names } = await send(sent.map((list, ask) => list.map((index) => asks[ask]?.texts[owners[index]?.at ?? 0] as string)));
      const values = new Map<number, unknown>();
      sent.forEach((list, ask) => {
        const name = names[ask];
        const { responseName } = asks[ask] as EntityAsk;
        if (list.length === 0 || name === undefined) return;
        const entities: unknown = isDataObject(answer.data) ? answer.data[name] : undefined;
        if (Array.isArray(entities) && entities.length === list.length) list.forEach((index, at) => values.set(index, entities[at]));
        else broken.set(ask, Array.isArray(entities) ? [] : entities);
        errors.push(...answer.errors.filter(({ path }) => path?.[0] === name).map((error) => placed(error, responseName, (at) => owners[list[at] ?? -1]?.at)));
      });
      errors.push(...answer.errors.filter(({ path }) => path?.[0] === undefined || !names.includes(String(path[0]))));
      return { values: indexes.map((index) => values.get(index)), clean: answer.errors.length === 0, position: answer.position, escapeFree: answer.escapeFree, ascii: answer.ascii };
    });
    const data: DataObject = {};
    asks.forEach(({ responseName }, ask) => { data[responseName] = broken.has(ask) ? broken.get(ask) : []; });
    gathered.values.forEach((value, index) => {
      const ask = owners[index]?.ask ?? 0;
      if (!broken.has(ask)) (data[asks[ask]?.responseName ?? ''] as unknown[]).push(value ?? null);
    });
    return { data, errors, escapeFree: gathered.escapeFree, ascii: gathered.ascii };
  }

  /** Answers a root fetch. @throws what `send` throws. */
  async root(rule: RootRule, send: () => Promise<SubgraphAnswer>): Promise<SubgraphAnswer> {
    const item = rootItem(rule, this.scope);
    let answer: SubgraphAnswer | undefined;
    const { values: [data], escapeFree, ascii } = await this.gather(rule.service, [item], async () => {
      answer = await send();
      const found = isDataObject(answer.data) && Object.values(answer.data).every((value) => value !== null);
      // Handed back apart from what is kept: nothing that was not found is kept.
      return { values: [found ? answer.data : undefined], clean: answer.errors.length === 0, position: answer.position, escapeFree: answer.escapeFree, ascii: answer.ascii };
    });
    return answer ?? { data: isDataObject(data) ? data : null, errors: [], escapeFree, ascii };
  }
}

/** An error at the place its entity has among all that were asked for. */
function placed(error: GraphQLFormattedError, responseName: string, placeOf: (at: number) => number | undefined): GraphQLFormattedError {
  const [, at, ...rest] = error.path ?? [];
  const place = typeof at === 'number' ? placeOf(at) : undefined;
  return { ...error, path: place === undefined ? [responseName] : [responseName, place, ...rest] };
}
