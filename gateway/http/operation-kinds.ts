/** Says what a document would run without preparing it: GET refuses mutations whatever else is wrong, and refusals are counted by kind. */
import { getOperationAST, type DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { AcgsError } from '../../ops/runtime/errors.js';
import { readBoundedDocument } from '../enforcement/document-limits.js';
import type { OperationKind } from './exchange.js';

/** Characters of documents whose kinds are kept. */
const MAX_KEPT_CHARACTERS = 512 * 1024;

/**
 * Makes the lookup.
 * @param maxTokens most lexical tokens a document is parsed to.
 * @returns the kind of the operation that would run; `unknown` for what cannot be parsed or does not say which to run.
 */
export function operationKinds(maxTokens: number): (query: string, operationName: string | undefined) => OperationKind {
  const kept = new LRUCache<string, OperationKind>({ maxSize: MAX_KEPT_CHARACTERS, sizeCalculation: (_, key) => key.length + 32 });
  return (query, operationName) => {
    // Not a plain join: a name is any text here, and two pairs must never share a key.
    const key = JSON.stringify([operationName, query]);
    let kind = kept.get(key);
    if (kind === undefined) kept.set(key, kind = kindOf(query, operationName, maxTokens));
    return kind;
  };
}

function kindOf(query: string, operationName: string | undefined, maxTokens: number): OperationKind {
  let document: DocumentNode;
  try {
    document = readBoundedDocument(query, { maxTokens });
  } catch (error) {
    // What is wrong with it is for preparation to say.
    if (error instanceof AcgsError) return 'unknown';
    throw error;
  }
  return getOperationAST(document, operationName)?.operation ?? 'unknown';
}
