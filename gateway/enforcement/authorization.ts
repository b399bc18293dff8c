/** Enforces @authenticated, @requiresScopes and @policy: takes out of a document what the principal may not see, before it is planned. */
import { GraphQLError, Kind, type DefinitionNode, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLSchema, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { PrincipalClaims } from '../../ops/runtime/hop-token.js';
import type { DirectiveIndex, Requirement } from '../supergraph/directive-index.js';
import { compositeType, resultType, type DocumentAnalysis } from './document-analysis.js';

/** Which of an operation's requirements hold for a principal: `1` or `0` for each, in ascending order of requirement. */
export type Grants = string;

/** A document without what is refused. */
export interface AuthorizedDocument {
  /** Undefined when nothing is left to fetch. */
  readonly document: DocumentNode | undefined;
  /** One error for each refused selection; list indexes are left out of their paths. */
  readonly refusals: readonly GraphQLError[];
}

/** Refusals reported for one operation; more are refused all the same and summed up in the last. */
const MAX_REPORTED = 100;

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
 * Filters a document by grants. A field whose whole selection is refused is still asked for its `__typename`, so that
 * the response is null exactly at the refused fields; a fragment on a refused type goes with all it holds.
 */
export function authorizeDocument(schema: GraphQLSchema, directives: DirectiveIndex, document: DocumentNode, analysis: DocumentAnalysis, grants: Grants): AuthorizedDocument {
  if (!grants.includes('0')) return { document, refusals: [] };
  const granted = new Set(analysis.requirements.filter((_, index) => grants[index] === '1'));
  const filter = new DocumentFilter(schema, directives, analysis, granted);
  const { operation } = analysis;
  const root = schema.getRootType(operation.operation) ?? undefined;
  const refusals = filter.refusalsOf(operation.selectionSet, root);
  const selections = root === undefined || !filter.mayEnter(root.name) ? [] : filter.filterSet(operation.selectionSet, root);
  if (selections.length === 0) return { document: undefined, refusals };
  const definitions: DefinitionNode[] = [{ ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } }, ...filter.keptFragments()];
  return { document: { kind: Kind.DOCUMENT, definitions }, refusals };
}

class DocumentFilter {
  private readonly fragments = new Map<string, FragmentDefinitionNode | null>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly directives: DirectiveIndex,
    private readonly analysis: DocumentAnalysis,
    private readonly granted: ReadonlySet<number>,
  ) {}

  mayEnter(typeName: string): boolean {
    return this.directives.type(typeName).every((id) => this.granted.has(id));
  }

  filterSet(set: SelectionSetNode, parent: GraphQLCompositeType | undefined): SelectionNode[] {
    return set.selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FIELD) return this.filterField(selection, parent);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return this.filterFragment(selection.name.value) === null ? [] : [selection];
      const condition = selection.typeCondition?.name.value;
      if (condition !== undefined && !this.mayEnter(condition)) return [];
      const selections = this.filterSet(selection.selectionSet, condition === undefined ? parent : compositeType(this.schema, condition));
      return selections.length === 0 ? [] : [{ ...selection, selectionSet: { ...selection.selectionSet, selections } }];
    });
  }

  keptFragments(): FragmentDefinitionNode[] {
    return [...this.fragments.values()].filter((fragment) => fragment !== null);
  }

  /** Walks the client's document and names every refused field by its response path. */
  refusalsOf(set: SelectionSetNode, root: GraphQLCompositeType | undefined): GraphQLError[] {
    const found = new Map<string, GraphQLError>();
    const walked = new Set<string>();
    const walk = (selectionSet: SelectionSetNode, parent: GraphQLCompositeType | undefined, path: readonly string[], hidden: boolean): void => {
      for (const selection of selectionSet.selections) {
        if (found.size > MAX_REPORTED) return;
        if (selection.kind === Kind.FIELD) {
          const name = selection.name.value;
          const at = [...path, selection.alias?.value ?? name];
          if (parent === undefined || name.startsWith('__')) {
            if (hidden && !name.startsWith('__')) add(parent, name, at);
          } else if (hidden || !this.maySelect(parent, name)) {
            add(parent, name, at);
          } else if (selection.selectionSet !== undefined) {
            walk(selection.selectionSet, resultType(this.schema, parent, name), at, false);
          }
          continue;
        }
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.analysis.fragments.get(selection.name.value);
        if (fragment === undefined) continue;
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const key = JSON.stringify([selection.name.value, hidden, ...path]);
          if (walked.has(key)) continue;
          walked.add(key);
        }
        const condition = fragment.typeCondition?.name.value;
        walk(fragment.selectionSet, condition === undefined ? parent : compositeType(this.schema, condition), path, hidden || (condition !== undefined && !this.mayEnter(condition)));
      }
    };
    const add = (parent: GraphQLCompositeType | undefined, name: string, path: readonly string[]): void => {
      const coordinate = `${parent?.name ?? ''}.${name}`;
      const key = JSON.stringify([coordinate, ...path]);
      if (!found.has(key)) found.set(key, refusal(found.size < MAX_REPORTED ? `The principal may not read ${coordinate}.` : 'The principal may not read further fields of this operation.', path));
    };
    walk(set, root, [], root !== undefined && !this.mayEnter(root.name));
    return [...found.values()];
  }

  private filterField(field: FieldNode, parent: GraphQLCompositeType | undefined): FieldNode[] {
    const name = field.name.value;
    if (parent !== undefined && !name.startsWith('__') && !this.maySelect(parent, name)) return [];
    if (field.selectionSet === undefined || name.startsWith('__')) return [field];
    const selections = this.filterSet(field.selectionSet, resultType(this.schema, parent, name));
    return [{ ...field, selectionSet: { ...field.selectionSet, selections: selections.length === 0 ? [TYPENAME] : selections } }];
  }

  private maySelect(parent: GraphQLCompositeType, name: string): boolean {
    return this.directives.field(parent.name, name).requirements.every((id) => this.granted.has(id));
  }

  /** Filters a fragment once, wherever it is spread: what it selects depends on its own type condition only. */
  private filterFragment(name: string): FragmentDefinitionNode | null {
    const known = this.fragments.get(name);
    if (known !== undefined) return known;
    this.fragments.set(name, null);
    const fragment = this.analysis.fragments.get(name);
    const condition = fragment?.typeCondition.name.value;
    if (fragment === undefined || condition === undefined || !this.mayEnter(condition)) return null;
    const selections = this.filterSet(fragment.selectionSet, compositeType(this.schema, condition));
    const kept = selections.length === 0 ? null : { ...fragment, selectionSet: { ...fragment.selectionSet, selections } };
    this.fragments.set(name, kept);
    return kept;
  }
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

function refusal(message: string, path: readonly string[]): GraphQLError {
  return new GraphQLError(message, { path, extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } });
}
