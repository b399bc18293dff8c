/** Bounds what reading a document costs, before it is parsed and before it is validated: nesting, comments, fragments, expansion, repetition. */
import { GraphQLError, Kind, parse, type DocumentNode, type FragmentDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';

/** Limits of every document, whatever is configured. Each keeps some step of reading from growing faster than the text. */
export const DOCUMENT_LIMITS = {
  /** Brackets of any kind inside one another, and fields and fragments with every fragment expanded: whoever reads a document recurses. */
  nesting: 256,
  /** Lists and input objects inside one another in arguments and types of variables: the planner reads each list in a list twice as often as the one around it. */
  valueNesting: 12,
  /** Operations of one document; validation reads every fragment once for each. */
  operations: 100,
  fragments: 1_000,
  /** Selections once fragments are expanded, over all operations: planners expand them. */
  expandedSelections: 5_000,
  /** Directives of one field, fragment, spread, variable or operation. */
  directives: 20,
  /** Pairs of fields with the same name at the same place, which validation compares with each other. */
  mergedPairs: 50_000,
} as const;

const QUOTE = 34;
const HASH = 35;
const BACKSLASH = 92;
const [OPEN_PARENTHESIS, CLOSE_PARENTHESIS, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [40, 41, 91, 93, 123, 125];

/** The configured limits that can be kept before anything is known of a document. */
export interface TextLimits {
  /** Most lexical tokens; comments count as one each. */
  readonly maxTokens: number;
  /** Most aliases for each operation of the document; default unlimited. */
  readonly maxAliases?: number;
}

/**
 * Parses text, refusing what would make parsing or validating it cost much more than its length.
 * @throws AcgsError QUERY_TOO_LARGE, QUERY_TOO_DEEP, QUERY_TOO_COSTLY, QUERY_TOO_MANY_ALIASES, GRAPHQL_PARSE_FAILED, or
 * GRAPHQL_VALIDATION_FAILED for fragments that spread themselves.
 */
export function readBoundedDocument(text: string, { maxTokens, maxAliases = Infinity }: TextLimits): DocumentNode {
  checkText(text, maxTokens);
  let document: DocumentNode;
  try {
    document = parse(text, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    if (isTokenLimitError(error)) throw tooLarge(maxTokens);
    throw new AcgsError('GRAPHQL_PARSE_FAILED', error.message, { locations: error.locations });
  }
  checkDocument(document, maxAliases);
  return document;
}

/** True for the error graphql-js raises when a document has more tokens than `maxTokens`. */
export function isTokenLimitError(error: { readonly message: string }): boolean {
  return /Document contains more th?an \d+ tokens/.test(error.message) || error.message.includes('tokens. Parsing aborted');
}

/**
 * Checks text in one pass over its characters, without parsing it: comments, which the parser's token limit does not
 * count, and brackets inside one another, on which the parser recurses.
 * @throws AcgsError QUERY_TOO_LARGE or QUERY_TOO_DEEP.
 */
export function checkText(text: string, maxTokens: number): void {
  let depth = 0;
  /** Depth at the parenthesis that is open; parentheses are never inside one another. */
  let argumentsAt = Infinity;
  let comments = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
    } else if (code === HASH) {
      comments += 1;
      if (comments > maxTokens) throw tooLarge(maxTokens);
      index = endOfLine(text, index);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET || code === OPEN_PARENTHESIS) {
      depth += 1;
      if (depth > DOCUMENT_LIMITS.nesting) throw new AcgsError('QUERY_TOO_DEEP', 'Brackets are nested deeper than allowed.', { limit: DOCUMENT_LIMITS.nesting });
      if (code === OPEN_PARENTHESIS) argumentsAt = Math.min(argumentsAt, depth);
      else if (depth - argumentsAt > DOCUMENT_LIMITS.valueNesting) throw new AcgsError('QUERY_TOO_DEEP', 'Values are nested deeper than allowed; variables may be deeper.', { limit: DOCUMENT_LIMITS.valueNesting });
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET || code === CLOSE_PARENTHESIS) {
      depth -= 1;
      if (depth < argumentsAt) argumentsAt = Infinity;
    }
  }
}

/** Index of the last character of the string that begins at `start` (GraphQL specification, section 2.9.4); of the text when it does not end. */
function endOfString(text: string, start: number): number {
  if (text.startsWith('"""', start)) {
    let end = text.indexOf('"""', start + 3);
    while (end > 0 && text.charCodeAt(end - 1) === BACKSLASH) end = text.indexOf('"""', end + 3);
    return end < 0 ? text.length : end + 2;
  }
  for (let index = start + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE || code === 10 || code === 13) return index;
  }
  return text.length;
}

function endOfLine(text: string, start: number): number {
  for (let index = start; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 10 || code === 13) return index;
  }
  return text.length;
}

/**
 * Checks a parsed document, of which nothing else is known: every operation and every fragment counts, used or not.
 * The time it takes is linear in the document and in `expandedSelections`.
 * @throws AcgsError QUERY_TOO_LARGE, QUERY_TOO_DEEP, QUERY_TOO_COSTLY, QUERY_TOO_MANY_ALIASES, or GRAPHQL_VALIDATION_FAILED
 * for fragments that spread themselves.
 */
export function checkDocument(document: DocumentNode, maxAliases: number): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const roots: SelectionSetNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    else if (definition.kind === Kind.OPERATION_DEFINITION) roots.push(definition.selectionSet);
    if ('directives' in definition) checkDirectives(definition);
    if (definition.kind === Kind.OPERATION_DEFINITION) for (const variable of definition.variableDefinitions ?? []) checkDirectives(variable);
  }
  if (roots.length > DOCUMENT_LIMITS.operations) throw new AcgsError('QUERY_TOO_LARGE', 'The document has more operations than allowed.', { limit: DOCUMENT_LIMITS.operations });
  if (fragments.size > DOCUMENT_LIMITS.fragments) throw new AcgsError('QUERY_TOO_LARGE', 'The document has more fragments than allowed.', { limit: DOCUMENT_LIMITS.fragments });
  const sizes = new FragmentSizes(fragments);
  let expanded = 0;
  for (const root of roots) expanded += sizes.ofSet(root).size;
  for (const name of fragments.keys()) if (!sizes.isSpread(name)) expanded += sizes.ofFragment(name, 0).size;
  if (sizes.aliases > maxAliases * Math.max(1, roots.length)) throw new AcgsError('QUERY_TOO_MANY_ALIASES', undefined, { aliases: sizes.aliases, limit: maxAliases });
  if (expanded > DOCUMENT_LIMITS.expandedSelections) throw tooMuch();
  const pairs = new PairCount(fragments);
  for (const root of roots) pairs.add([root]);
  for (const [name, { selectionSet }] of fragments) if (!sizes.isSpread(name)) pairs.add([selectionSet]);
}

/** What a selection set is with its fragments expanded. */
interface Extent {
  readonly size: number;
  readonly depth: number;
}

/** Measures selection sets, each fragment once. */
class FragmentSizes {
  /** Aliases in what was measured, fragments counted once. */
  aliases = 0;
  private readonly measured = new Map<string, Extent>();
  private readonly spread = new Set<string>();
  private readonly open = new Set<string>();

  constructor(private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    for (const name of fragments.keys()) this.ofFragment(name, 0);
  }

  isSpread(name: string): boolean {
    return this.spread.has(name);
  }

  /** @param above selections around it. */
  ofFragment(name: string, above: number): Extent {
    const known = this.measured.get(name);
    if (known !== undefined) return known;
    if (this.open.has(name)) throw new AcgsError('GRAPHQL_VALIDATION_FAILED', `Cannot spread fragment "${name}" within itself.`);
    this.open.add(name);
    const fragment = this.fragments.get(name);
    const extent = fragment === undefined ? { size: 0, depth: 0 } : this.ofSet(fragment.selectionSet, above);
    this.open.delete(name);
    this.measured.set(name, extent);
    return extent;
  }

  ofSet(set: SelectionSetNode, above = 0): Extent {
    // On the way down as well as on the way up: the first ends this recursion, the second finds what was measured before.
    checkDepth(above);
    let size = 0;
    let depth = 0;
    for (const selection of set.selections) {
      checkDirectives(selection);
      if (selection.kind === Kind.FIELD && selection.alias !== undefined) this.aliases += 1;
      const below = selection.kind === Kind.FRAGMENT_SPREAD ? this.ofFragment(this.noted(selection.name.value), above + 1) : selection.selectionSet === undefined ? undefined : this.ofSet(selection.selectionSet, above + 1);
      size += 1 + (below?.size ?? 0);
      depth = Math.max(depth, 1 + (below?.depth ?? 0));
    }
    checkDepth(above + depth);
    return { size, depth };
  }

  private noted(name: string): string {
    this.spread.add(name);
    return name;
  }
}

/** Counts pairs of fields that validation compares (GraphQL specification, section 5.3.2), whatever their types. */
class PairCount {
  private pairs = 0;

  constructor(private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>) {}

  /** Adds the pairs of sets that stand for one place of the response, and of everything below. */
  add(sets: readonly SelectionSetNode[]): void {
    const fields = new Map<string, { count: number; readonly below: SelectionSetNode[] }>();
    const read = new Set<string>();
    const collect = (selections: readonly SelectionNode[]): void => {
      for (const selection of selections) {
        if (selection.kind === Kind.FIELD) {
          const name = selection.alias?.value ?? selection.name.value;
          let field = fields.get(name);
          if (field === undefined) fields.set(name, field = { count: 0, below: [] });
          field.count += 1;
          if (selection.selectionSet !== undefined) field.below.push(selection.selectionSet);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          collect(selection.selectionSet.selections);
        } else if (!read.has(selection.name.value)) {
          read.add(selection.name.value);
          collect(this.fragments.get(selection.name.value)?.selectionSet.selections ?? []);
        }
      }
    };
    for (const { selections } of sets) collect(selections);
    for (const { count } of fields.values()) this.pairs += (count * (count - 1)) / 2;
    if (this.pairs > DOCUMENT_LIMITS.mergedPairs) throw new AcgsError('QUERY_TOO_COSTLY', 'The document selects the same fields too often.', { limit: DOCUMENT_LIMITS.mergedPairs });
    for (const { below } of fields.values()) if (below.length > 0) this.add(below);
  }
}

function checkDepth(depth: number): void {
  if (depth > DOCUMENT_LIMITS.nesting) throw new AcgsError('QUERY_TOO_DEEP', 'Fields and fragments are nested deeper than allowed.', { limit: DOCUMENT_LIMITS.nesting });
}

function checkDirectives(node: { readonly directives?: readonly unknown[] | undefined }): void {
  if ((node.directives?.length ?? 0) > DOCUMENT_LIMITS.directives) throw new AcgsError('QUERY_TOO_LARGE', 'One element of the document has more directives than allowed.', { limit: DOCUMENT_LIMITS.directives });
}

function tooLarge(limit: number): AcgsError {
  return new AcgsError('QUERY_TOO_LARGE', undefined, { limit });
}

function tooMuch(): AcgsError {
  return new AcgsError('QUERY_TOO_COSTLY', 'The document selects too much once its fragments are expanded.', { limit: DOCUMENT_LIMITS.expandedSelections });
}
