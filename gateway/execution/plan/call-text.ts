/** Writes the operation of a call that carries several entity fetches. */
import { REPRESENTATIONS } from './fetch-template.js';
import type { EntityPart } from './fetch-groups.js';

/** An operation ready to be sent. */
export interface CallText {
  /** The operation. */
  readonly operation: string;
  /** `{"query":"…","variables":{`: what is before the variables in the body. */
  readonly head: string;
  /** The JSON key, with quotes and colon, of each part's representations. */
  readonly representationKeys: readonly string[];
  /** Response name of each part's `_entities` field. */
  readonly responseNames: readonly string[];
  /** Names of the client's variables the operation uses. */
  readonly variables: readonly string[];
}

/**
 * Composes one operation from parts: each an aliased `_entities` field with representations of its own.
 * Variables of one name are the client's and so have one value in all parts.
 */
export function composeCall(parts: readonly EntityPart[]): CallText {
  const definitions = new Map<string, string>();
  for (const { template } of parts) for (const [name, text] of template.variables) definitions.set(name, text);
  const alone = parts.length === 1;
  const representations = parts.map((_, index) => unused(alone ? REPRESENTATIONS : `${REPRESENTATIONS}_${index}`, definitions));
  const variables = [...representations.map((name) => `$${name}:[_Any!]!`), ...definitions.values()];
  const fields = parts.map(({ template }, index) => `${alone ? '' : `_${index}:`}_entities(representations:$${representations[index]})${template.selection}`);
  const operation = `query(${variables.join(' ')}){${fields.join(' ')}}`;
  return {
    operation,
    head: headOf(operation),
    representationKeys: representations.map((name) => `${JSON.stringify(name)}:`),
    responseNames: parts.map((_, index) => (alone ? '_entities' : `_${index}`)),
    variables: [...definitions.keys()],
  };
}

/** What is before the variables in the body of a call. */
export function headOf(operation: string): string {
  return `{"query":${JSON.stringify(operation)},"variables":{`;
}

function unused(wanted: string, taken: ReadonlyMap<string, string>): string {
  let name = wanted;
  while (taken.has(name)) name += '_';
  return name;
}
