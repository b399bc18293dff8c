/** Safelist: in production-locked mode only the documents that ship in `schema/operations` run, on every edge. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, print, type DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { OperationSource, Prepare } from '../execution/contracts.js';
import { readBoundedDocument } from './document-limits.js';

/** `off` lets every document run, `warn` logs those that are not shipped, `enforce` refuses them. */
export type SafelistMode = 'off' | 'warn' | 'enforce';

export interface Safelist {
  readonly mode: SafelistMode;
  /**
   * Text of a shipped document, in every mode.
   * @param id name of its file without `.graphql`, or `sha256:` and the lower-case hexadecimal SHA-256 of its text or of its normalised text.
   */
  find(id: string): string | undefined;
  /**
   * Checks that a document is shipped: the whole of it, all operations and fragments, whatever operation is to run.
   * @throws AcgsError OPERATION_NOT_SAFELISTED in mode `enforce`; also for what cannot be parsed, so that nothing is learned of the schema.
   */
  check(source: OperationSource): void;
}

export interface SafelistOptions {
  readonly mode: SafelistMode;
  /** Shipped documents by id. */
  readonly documents: ReadonlyMap<string, string>;
  readonly logger: Logger;
  /** Most lexical tokens a document is parsed to. */
  readonly maxTokens: number;
}

/** Verdicts kept: text characters for what clients send. */
const MAX_KEPT_CHARACTERS = 1024 * 1024;

/** Reads the shipped documents of a folder. @throws Error when a file cannot be read. */
export function readOperations(directory: string): ReadonlyMap<string, string> {
  const files = readdirSync(directory).filter((name) => name.endsWith('.graphql')).sort();
  return new Map(files.map((name) => [name.slice(0, -'.graphql'.length), readFileSync(join(directory, name), 'utf8')]));
}

/** Makes the safelist. @throws GraphQLError when a shipped document cannot be parsed. */
export function createSafelist({ mode, documents, logger, maxTokens }: SafelistOptions): Safelist {
  const byId = new Map<string, string>();
  const allowed = new Set<string>();
  for (const [name, text] of documents) {
    const normalised = normalisedHash(parse(text));
    allowed.add(normalised);
    for (const id of [name, `sha256:${sha256Hex(text)}`, `sha256:${normalised}`]) byId.set(id, text);
  }
  const byText = new LRUCache<string, string>({ maxSize: MAX_KEPT_CHARACTERS, sizeCalculation: (_, text) => text.length + 64 });
  const byDocument = new WeakMap<DocumentNode, string>();
  const warned = new LRUCache<string, true>({ max: 1_000 });

  const hashOf = ({ query, document }: OperationSource): string => {
    if (document !== undefined) {
      let hash = byDocument.get(document);
      if (hash === undefined) byDocument.set(document, hash = normalisedHash(document));
      return hash;
    }
    const text = query ?? '';
    const known = byText.get(text);
    if (known !== undefined) return known;
    const hash = hashOfText(text, maxTokens);
    byText.set(text, hash);
    return hash;
  };

  return {
    mode,
    find: (id) => byId.get(id),
    check(source) {
      if (mode === 'off') return;
      const hash = hashOf(source);
      if (allowed.has(hash)) return;
      if (mode === 'enforce') throw new AcgsError('OPERATION_NOT_SAFELISTED');
      if (hash === UNREADABLE || warned.has(hash)) return;
      warned.set(hash, true);
      logger.warn({ document: hash, operation: source.operationName ?? null }, 'A document that is not on the safelist runs');
    },
  };
}

/** Puts the safelist in front of `prepare`, which every edge goes through. */
export function behindSafelist(prepare: Prepare, safelist: Safelist): Prepare {
  if (safelist.mode === 'off') return prepare;
  return (request, source) => {
    safelist.check(source);
    return prepare(request, source);
  };
}

/** Stands for text that is no document; never the hash of one. */
const UNREADABLE = 'unreadable';

function hashOfText(text: string, maxTokens: number): string {
  let document: DocumentNode;
  try {
    document = readBoundedDocument(text, { maxTokens });
  } catch (error) {
    // What is wrong with it is for `prepare` to say, where it is reached at all.
    if (error instanceof AcgsError) return UNREADABLE;
    throw error;
  }
  return normalisedHash(document);
}

/** SHA-256 of the document as graphql-js prints it: white space, commas and comments make no difference, everything else does. */
function normalisedHash(document: DocumentNode): string {
  return sha256Hex(print(document));
}
