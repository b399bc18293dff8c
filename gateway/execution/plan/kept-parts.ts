/** Asks for entities through the cache: what is kept is left out of the call, and the answer looks as if all had been sent. */
import type { EntityAsk, RequestCache } from '../cache/request-cache.js';
import type { SubgraphAnswer } from '../contracts.js';
import type { CallText } from './call-text.js';
import type { LoneFetch, SharedFetch } from './compiled-plan.js';
import type { Representations } from './representations.js';

/** @param send sends the call for a JSON list of representations. */
export function askLone({ rule }: LoneFetch, service: string, representations: Representations, cache: RequestCache | undefined, send: (list: string) => Promise<SubgraphAnswer>): Promise<SubgraphAnswer> {
  if (cache === undefined || rule?.kind !== 'entities') return send(representations.list());
  return cache.entities(service, [{ rule, texts: representations.texts, responseName: '_entities' }], async ([texts = []]) => ({ answer: await send(listOf(texts)), names: ['_entities'] }));
}

/**
 * @param positions of the parts that are asked, and `representations` of each.
 * @param send sends a call for a JSON list of representations for each of its parts.
 * @returns an answer with the response names of the call for all of the positions.
 */
export function askShared({ callFor, rules }: SharedFetch, service: string, positions: readonly number[], representations: readonly Representations[], cache: RequestCache | undefined, send: (call: CallText, lists: readonly string[]) => Promise<SubgraphAnswer>): Promise<SubgraphAnswer> {
  const whole = callFor(positions);
  const asks = representations.map(({ texts }, index): EntityAsk => ({ rule: rules[positions[index] as number], texts, responseName: whole.responseNames[index] as string }));
  if (cache === undefined || asks.every(({ rule }) => rule === undefined)) return send(whole, representations.map((one) => one.list()));
  return cache.entities(service, asks, async (lists) => {
    const wanted = positions.filter((_, index) => (lists[index]?.length ?? 0) > 0);
    const call = callFor(wanted);
    const answer = await send(call, lists.filter((texts) => texts.length > 0).map(listOf));
    return { answer, names: positions.map((position) => call.responseNames[wanted.indexOf(position)]) };
  });
}

function listOf(texts: readonly string[]): string {
  return `[${texts.join(',')}]`;
}
