/** Puts an answer in parts together as a client does (Apollo's incremental delivery, 20220824). */

export interface IncrementalEntry {
  readonly path: readonly (string | number)[];
  readonly label?: string;
  readonly data: unknown;
  readonly errors?: readonly PartError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export interface PartError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export interface Payload {
  readonly data?: unknown;
  readonly errors?: readonly PartError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly incremental?: readonly IncrementalEntry[];
  readonly hasNext: boolean;
}

export interface Merged {
  readonly data: unknown;
  readonly errors: readonly PartError[];
}

type Json = Record<string | number, unknown>;

/**
 * Merges payloads in their order.
 * @throws Error when they are not as the protocol says: an entry for a place that is not there or is no object, an error outside
 * its part, a payload after the last, or none that is the last.
 */
export function mergeParts(payloads: readonly Payload[]): Merged {
  const [first, ...later] = payloads;
  if (first === undefined || !Object.hasOwn(first, 'data')) throw new Error('The first payload has no data.');
  if (payloads.some(({ hasNext }, index) => hasNext !== index < payloads.length - 1)) throw new Error(`The payloads do not end with the last one: ${JSON.stringify(payloads)}`);
  const data: unknown = structuredClone(first.data);
  const errors = [...(first.errors ?? [])];
  for (const payload of later) {
    if (Object.hasOwn(payload, 'data')) throw new Error('A later payload has data of its own.');
    for (const entry of payload.incremental ?? []) {
      const target = entry.path.reduce<unknown>((at, part) => (at as Json | null)?.[part], data);
      if (typeof target !== 'object' || target === null || Array.isArray(target)) throw new Error(`No object is at ${JSON.stringify(entry.path)}.`);
      if (entry.data !== null) merge(target as Json, entry.data as Json);
      errors.push(...(entry.errors ?? []));
    }
  }
  return { data, errors };
}

function merge(target: Json, source: Json): void {
  for (const [key, value] of Object.entries(source)) {
    const present = target[key];
    if (typeof present === 'object' && present !== null && typeof value === 'object' && value !== null) merge(present as Json, value as Json);
    else target[key] = value;
  }
}
