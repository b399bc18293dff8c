/** Checks leaf values and writes them as JSON. */
import type { LeafKind } from './response-shape.js';

const MAX_INT = 2_147_483_647;
const MIN_INT = -2_147_483_648;

/**
 * Writes a leaf that is not null.
 * @param values names of an enum type.
 * @returns undefined when the value is not one of the type (GraphQL specification, section 3.5, result coercion).
 */
export function leafText(leaf: LeafKind, values: ReadonlySet<string> | undefined, value: unknown): string | undefined {
  switch (leaf) {
    case 'String':
      return typeof value === 'string' ? JSON.stringify(value) : undefined;
    case 'ID':
      if (typeof value === 'string') return JSON.stringify(value);
      return typeof value === 'number' && Number.isInteger(value) ? `"${value}"` : undefined;
    case 'Int':
      return typeof value === 'number' && Number.isInteger(value) && value <= MAX_INT && value >= MIN_INT ? String(value) : undefined;
    case 'Float':
      return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
    case 'Boolean':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'enum':
      return typeof value === 'string' && values?.has(value) === true ? `"${value}"` : undefined;
    default:
      return jsonText(value);
  }
}

/** JSON of a custom scalar; undefined for one that is nested deeper than can be written. */
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
