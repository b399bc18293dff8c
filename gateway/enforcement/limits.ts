/** Keeps operations within bounds once they are read: depth, aliases, introspection, reserved names, nesting of variables. */
import { GraphQLError, type ASTVisitor, type FieldNode, type ValidationContext } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { OperationLimits } from '../config.js';
import type { DocumentAnalysis } from './document-analysis.js';
import { DOCUMENT_LIMITS } from './document-limits.js';

/** Depth standard introspection documents need. */
const MAX_INTROSPECTION_DEPTH = 20;

/**
 * Checks everything that does not depend on variables.
 * @throws AcgsError QUERY_TOO_MANY_ALIASES, QUERY_TOO_DEEP, QUERY_TOO_COSTLY or INTROSPECTION_DISABLED.
 */
export function checkStaticLimits(analysis: DocumentAnalysis, limits: OperationLimits, introspection: boolean): void {
  const { aliases, depth, introspectionDepth, expandedSelections, introspects } = analysis;
  if (introspects && !introspection) throw new AcgsError('INTROSPECTION_DISABLED');
  if (aliases > limits.maxAliases) throw new AcgsError('QUERY_TOO_MANY_ALIASES', undefined, { aliases, limit: limits.maxAliases });
  if (depth > limits.maxDepth) throw new AcgsError('QUERY_TOO_DEEP', undefined, { depth, limit: limits.maxDepth });
  if (analysis.introspectionShare > 1) throw new AcgsError('QUERY_TOO_COSTLY', 'The introspection reads more than the standard document several times over.');
  if (introspectionDepth > MAX_INTROSPECTION_DEPTH) throw new AcgsError('QUERY_TOO_DEEP', undefined, { depth: introspectionDepth, limit: MAX_INTROSPECTION_DEPTH });
  if (expandedSelections > DOCUMENT_LIMITS.expandedSelections) throw new AcgsError('QUERY_TOO_COSTLY', 'The document selects too much once its fragments are expanded.', { limit: DOCUMENT_LIMITS.expandedSelections });
}

/** Most levels of arrays and objects inside one another in variables: whoever reads them recurses. */
export const MAX_VARIABLE_DEPTH = 64;

/**
 * Checks the nesting of variables without recursion.
 * @throws AcgsError BAD_USER_INPUT.
 */
export function checkVariableDepth(variables: Readonly<Record<string, unknown>>): void {
  let level: readonly unknown[] = Object.values(variables).filter(isNested);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_VARIABLE_DEPTH) throw new AcgsError('BAD_USER_INPUT', 'The variables are nested deeper than allowed.', { limit: MAX_VARIABLE_DEPTH });
    level = level.flatMap((value) => Object.values(value as object).filter(isNested));
  }
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Validation rule: names that begin with two underscores are reserved (GraphQL specification, section 2.1.9), so no alias or variable has one. */
export function reservedNamesRule(context: ValidationContext): ASTVisitor {
  const refuse = (what: string, name: string, node: FieldNode): void => context.reportError(new GraphQLError(`${what} "${name}" is reserved: names must not begin with two underscores.`, { nodes: node }));
  return {
    Field(node) {
      if (node.alias?.value.startsWith('__') === true && node.alias.value !== node.name.value) refuse('The alias', node.alias.value, node);
    },
    VariableDefinition(node) {
      const name = node.variable.name.value;
      if (name.startsWith('__')) context.reportError(new GraphQLError(`The variable "$${name}" is reserved: names must not begin with two underscores.`, { nodes: node }));
    },
  };
}
