/** Enforces @authenticated, @requiresScopes and @policy: takes out of a document what the principal may not see, before it is planned. */
import { Kind, type DefinitionNode, type DocumentNode, type GraphQLError, type GraphQLSchema } from 'graphql';
import type { PrincipalClaims } from '../../ops/runtime/hop-token.js';
import type { Permissions } from '../execution/contracts.js';
import type { Requirement } from '../supergraph/directive-data.js';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import type { DocumentAnalysis } from './document-analysis.js';
import { DocumentFilter } from './document-filter.js';
import { refusalsOf } from './refusals.js';

/** Which of an operation's requirements hold for a principal: `1` or `0` for each, in ascending order of requirement. */
export type Grants = string;

/** A document without what is refused. */
export interface AuthorizedDocument {
  /** Undefined when nothing is left to fetch. */
  readonly document: DocumentNode | undefined;
  /** What of the original document is permitted, as the filter decided it; undefined when everything is. */
  readonly permissions: Permissions | undefined;
  /** One error for each refused selection; list indexes are left out of their paths. */
  readonly refusals: readonly GraphQLError[];
}

/** Evaluates an operation's requirements. Anonymous principals hold none. */
export function grantsOf(directives: DirectiveIndex, analysis: DocumentAnalysis, principal: PrincipalClaims | null): Grants {
  return analysis.requirements.map((id) => (holds(directives.requirements[id], principal) ? '1' : '0')).join('');
}

/** True when the principal meets a requirement: an OR of ANDs over its scopes or policies. */
export function holds(requirement: Requirement | undefined, principal: PrincipalClaims | null): boolean {
  if (requirement === undefined || principal === null) return false;
  if (requirement.kind === 'authenticated') return true;
  const held = requirement.kind === 'scopes' ? principal.scopes : principal.policies;
  return requirement.anyOf.some((all) => all.every((name) => held.includes(name)));
}

/**
 * What a holder of some requirements may see.
 *
 * A field occurrence of a document is refused when the field around it is refused, when the type condition of a
 * fragment between that field (or the operation) and it may not be entered, or when it may not be selected on its
 * parent type. The parent type is the static one: the innermost type condition, or else the named type of the field
 * around it, or else the operation's root type, which must be enterable as well. `__typename`, `__schema` and `__type`
 * are never refused themselves: what kind of object a field gave is known to whoever may read that field.
 *
 * Where several occurrences stand for one field of the response, it is shown when at least one of them is not refused,
 * and so are the selections below those that are not refused.
 * @param granted indexes into `directives.requirements`.
 */
export function permissionsOf(directives: DirectiveIndex, granted: ReadonlySet<number>): Permissions {
  const all = (ids: readonly number[]): boolean => ids.every((id) => granted.has(id));
  return {
    mayEnter: (typeName) => all(directives.type(typeName)),
    maySelect: (typeName, fieldName) => fieldName.startsWith('__') || all(directives.field(typeName, fieldName).requirements),
  };
}

/** Filters a document by grants: every occurrence `permissionsOf` refuses is taken out, with a refusal for each. */
export function authorizeDocument(schema: GraphQLSchema, directives: DirectiveIndex, document: DocumentNode, analysis: DocumentAnalysis, grants: Grants): AuthorizedDocument {
  if (!grants.includes('0')) return { document, permissions: undefined, refusals: [] };
  const permissions = permissionsOf(directives, new Set(analysis.requirements.filter((_, index) => grants[index] === '1')));
  const { operation } = analysis;
  const refusals = refusalsOf(schema, analysis, permissions);
  const filter = new DocumentFilter(schema, analysis.fragments, permissions);
  const selections = filter.rootSelections(operation);
  if (selections.length === 0) return { document: undefined, permissions, refusals };
  const definitions: DefinitionNode[] = [{ ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } }, ...filter.keptFragments()];
  return { document: { kind: Kind.DOCUMENT, definitions }, permissions, refusals };
}
