/** What the directives of a supergraph demand of each type and field: read as plain data when it is loaded, looked up from then on. */
import type { Schema, Supergraph } from '@apollo/federation-internals';
import { indexFromData, type DirectiveData, type DirectiveIndex, type FieldRule, type TypeDirectives } from './directive-data.js';
import { DemandReader } from './directive-demands.js';
import { appliedTo, CostReader, textArgument } from './directive-values.js';
import { directiveNameIn } from './link-names.js';

export { indexFromData, type DirectiveData, type DirectiveIndex } from './directive-data.js';

/**
 * Reads every enforced directive of a supergraph. See `directive-demands.ts` for what a field demands, and
 * `directive-values.ts` for costs.
 * @throws Error when a field set of the supergraph cannot be read: what it needs would be unknown.
 */
export function readDirectives({ schema }: Pick<Supergraph, 'schema'>): DirectiveData {
  const demands = new DemandReader(schema);
  const costs = new CostReader(schema);
  const types = new Map<string, TypeDirectives>();
  for (const type of schema.types()) {
    const fields = new Map<string, FieldRule>();
    for (const name of demands.fieldNames(type.name)) {
      const rule: FieldRule = { ...demands.field(type.name, name), ...costs.field(type.name, name) };
      if (!isEmpty(rule)) fields.set(name, rule);
    }
    const known: TypeDirectives = { requirements: demands.type(type.name), weight: costs.type(type.name), fields, inputWeights: costs.inputs(type.name) };
    if (known.requirements.length > 0 || known.weight !== null || fields.size > 0 || known.inputWeights.size > 0) types.set(type.name, known);
  }
  return { hash: schemaHash(schema), requirements: demands.requirements, types };
}

/** Reads and indexes in one go. */
export function indexDirectives(schema: Schema): DirectiveIndex {
  return indexFromData(readDirectives({ schema }));
}

/** `@constitutional` applications on the schema element: their hashes as written. */
export function declaredHashes(schema: Schema, directiveName: string): (string | null)[] {
  return appliedTo(schema.schemaDefinition, directiveName).map((applied) => textArgument(applied, 'hash'));
}

function schemaHash(schema: Schema): string | null {
  const name = directiveNameIn(schema, 'constitutional');
  return name === undefined ? null : (declaredHashes(schema, name)[0] ?? null);
}

function isEmpty({ critical, requirements, weight, listSize, argumentWeights }: FieldRule): boolean {
  return !critical && requirements.length === 0 && weight === null && listSize === null && argumentWeights === null;
}
