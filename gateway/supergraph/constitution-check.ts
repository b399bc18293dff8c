/** Gate 1: refuses subgraphs and supergraphs that are not bound to an accepted constitution (design section 4). */
import { isInterfaceType, isObjectType, type Schema } from '@apollo/federation-internals';
import { directiveNameIn, FEDERATION_IDENTITY, linkedFeature, nameInFeature, CONSTITUTIONAL_IDENTITY, CONSTITUTIONAL_URL, IMPERSONAL_IDENTITY } from './link-names.js';
import type { CompositionProblem } from './composition-error.js';
import { declaredHashes } from './directive-index.js';

/**
 * Checks one subgraph before composition, which is silent about these mistakes.
 * @param accepted labels the manifest accepts.
 * @returns every problem found; empty when the subgraph may be composed.
 */
export function checkSubgraph({ name, schema }: { readonly name: string; readonly schema: Schema }, accepted: readonly string[]): CompositionProblem[] {
  const problem = (code: CompositionProblem['code'], message: string): CompositionProblem => ({ subgraph: name, code, message });
  const feature = linkedFeature(schema, CONSTITUTIONAL_IDENTITY);
  if (feature === undefined || feature.url.toString() !== CONSTITUTIONAL_URL) {
    return [problem('CONSTITUTION_NOT_LINKED', `the schema must @link ${CONSTITUTIONAL_URL}${feature === undefined ? '' : `, not ${feature.url.toString()}`}.`)];
  }
  const directiveName = directiveNameIn(schema, 'constitutional');
  if (directiveName === undefined) return [problem('CONSTITUTION_NOT_LINKED', `the schema links ${CONSTITUTIONAL_URL} and does not define its directive.`)];
  const problems: CompositionProblem[] = [];
  const composed = schema.schemaDefinition.appliedDirectivesOf(nameInFeature(schema, FEDERATION_IDENTITY, 'composeDirective') ?? 'composeDirective').some((applied) => (applied.arguments() as Record<string, unknown>)['name'] === `@${directiveName}`);
  if (!composed) problems.push(problem('CONSTITUTION_NOT_COMPOSED', `the schema needs @composeDirective(name: "@${directiveName}").`));
  problems.push(...checkHashes(name, declaredHashes(schema, directiveName), accepted, directiveName));
  for (const field of schema.schemaDefinition.rootType('mutation')?.fields() ?? []) {
    const applied = field.appliedDirectivesOf(directiveName)[0];
    const level = applied === undefined ? undefined : (applied.arguments() as Record<string, unknown>)['level'];
    if (level !== 'CRITICAL' && level !== 'STANDARD') {
      problems.push({ ...problem('MUTATION_LEVEL_MISSING', `${field.coordinate} must say @${directiveName}(level: CRITICAL), or level: STANDARD when it changes no governed state.`), coordinate: field.coordinate });
    }
  }
  problems.push(...foreignMarks(name, schema));
  return problems;
}

/** Marks that speak for another subgraph: the gateway would share what that one never said is the same for everyone. */
function foreignMarks(subgraph: string, schema: Schema): CompositionProblem[] {
  const directiveName = nameInFeature(schema, IMPERSONAL_IDENTITY, 'impersonal');
  if (directiveName === undefined) return [];
  const elements = schema.types().flatMap((type) => (isObjectType(type) || isInterfaceType(type) ? [type, ...type.fields()] : []));
  return elements.flatMap((element) => element.appliedDirectivesOf(directiveName).flatMap((applied): CompositionProblem[] => {
    const named = String((applied.arguments() as Record<string, unknown>)['subgraph']);
    if (named === subgraph) return [];
    return [{ subgraph, code: 'IMPERSONAL_MARK_OF_ANOTHER', coordinate: element.coordinate, message: `${element.coordinate} must say @${directiveName}(subgraph: "${subgraph}"), not "${named}": a subgraph speaks only for itself.` }];
  }));
}

/**
 * Checks a supergraph again before it is loaded or swapped in.
 * @param accepted labels the manifest accepts.
 */
export function checkSupergraph(schema: Schema, accepted: readonly string[]): CompositionProblem[] {
  const feature = linkedFeature(schema, CONSTITUTIONAL_IDENTITY);
  const directiveName = directiveNameIn(schema, 'constitutional');
  if (feature === undefined || directiveName === undefined || feature.url.toString() !== CONSTITUTIONAL_URL) {
    return [{ subgraph: null, code: 'CONSTITUTION_NOT_LINKED', message: `the supergraph must @link ${CONSTITUTIONAL_URL}.` }];
  }
  return checkHashes(null, declaredHashes(schema, directiveName), accepted, directiveName);
}

function checkHashes(subgraph: string | null, hashes: readonly (string | null)[], accepted: readonly string[], directiveName: string): CompositionProblem[] {
  const [hash] = hashes;
  if (hashes.length !== 1 || hash === null || hash === undefined) {
    return [{ subgraph, code: 'CONSTITUTION_HASH_MISSING', message: `the schema must carry @${directiveName}(hash:) exactly once; it does ${hashes.filter((value) => value !== null).length} times.` }];
  }
  if (accepted.includes(hash)) return [];
  return [{ subgraph, code: 'CONSTITUTION_HASH_REFUSED', message: `the hash ${hash} is not accepted; accepted: ${accepted.join(', ')}.` }];
}
