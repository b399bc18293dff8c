/** Documents that clients name instead of sending: shipped ones by id, and automatic persisted queries by hash. */
import { LRUCache } from 'lru-cache';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Safelist } from '../enforcement/safelist.js';
import type { GraphqlParameters } from './request-parameters.js';

/** Texts that several gateways share, for example in Redis. What it gives back is checked against the hash it was asked for. */
export interface SharedTexts {
  /** @param hash lower-case hexadecimal SHA-256 of the text. */
  get(hash: string): Promise<string | undefined>;
  set(hash: string, text: string): Promise<void>;
}

/** A document to run. */
export interface ResolvedDocument {
  readonly text: string;
  /** Hash to remember the text under once it has been found to be valid; undefined when there is nothing to remember. */
  readonly register: string | undefined;
}

export interface PersistedQueries {
  /**
   * Finds the text of a request.
   * @throws AcgsError PERSISTED_QUERY_NOT_FOUND, BAD_REQUEST when text and hash do not match, OPERATION_NOT_SAFELISTED for
   * an unknown id while the safelist is enforced.
   */
  resolve(parameters: GraphqlParameters): ResolvedDocument | Promise<ResolvedDocument>;
  /** Remembers a text that was parsed, validated and authorised; nothing else gets in, so nobody fills the store with noise. */
  register(hash: string, text: string): void;
}

export interface PersistedQueriesOptions {
  readonly safelist: Safelist;
  readonly logger: Logger;
  /** Characters kept in memory; default 4 Mi. The text used longest ago goes first. */
  readonly maxCharacters?: number;
  readonly shared?: SharedTexts;
}

/** Longest text that is remembered, characters; longer ones are asked for each time. */
const MAX_TEXT_CHARACTERS = 64 * 1024;

/**
 * Makes the store. Automatic persisted queries follow Apollo's protocol, version 1: the hash is the SHA-256 of the text.
 * While the safelist is enforced nothing is registered and only shipped documents are found.
 */
export function createPersistedQueries({ safelist, logger, maxCharacters = 4 * 1024 * 1024, shared }: PersistedQueriesOptions): PersistedQueries {
  const texts = new LRUCache<string, string>({ maxSize: maxCharacters, sizeCalculation: (text) => text.length + 64 });
  const enforced = safelist.mode === 'enforce';

  const found = (text: string | undefined): ResolvedDocument => {
    if (text !== undefined) return { text, register: undefined };
    if (enforced) throw new AcgsError('OPERATION_NOT_SAFELISTED');
    throw new AcgsError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound');
  };
  const fromShared = async (hash: string, store: SharedTexts): Promise<ResolvedDocument> => {
    let text: string | undefined;
    try {
      text = await store.get(hash);
    } catch (error) {
      // The client sends the text when it is not found, so a store that is away costs a round trip and no request.
      logger.warn({ err: error }, 'Shared persisted queries could not be read');
    }
    if (text !== undefined && sha256Hex(text) !== hash) {
      logger.error({ hash }, 'A shared persisted query does not have the hash it is kept under');
      text = undefined;
    }
    if (text !== undefined) texts.set(hash, text);
    return found(text);
  };

  return {
    resolve({ query, documentId, persistedHash }) {
      if (documentId !== undefined) return found(safelist.find(documentId));
      if (persistedHash === undefined) return { text: query ?? '', register: undefined };
      if (query !== undefined) {
        if (sha256Hex(query) !== persistedHash) throw new AcgsError('BAD_REQUEST', 'The hash of the persisted query does not match its text.');
        return { text: query, register: enforced || texts.has(persistedHash) || query.length > MAX_TEXT_CHARACTERS ? undefined : persistedHash };
      }
      const text = safelist.find(`sha256:${persistedHash}`) ?? (enforced ? undefined : texts.get(persistedHash));
      return text === undefined && shared !== undefined && !enforced ? fromShared(persistedHash, shared) : found(text);
    },
    register(hash, text) {
      texts.set(hash, text);
      shared?.set(hash, text).catch((error: unknown) => logger.warn({ err: error }, 'A persisted query could not be shared'));
    },
  };
}
