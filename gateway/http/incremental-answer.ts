/** Writes an answer that comes in parts: Apollo's incremental delivery over multipart, 20220824. */
import type { ServerResponse } from 'node:http';
import type { Logger } from '../../ops/runtime/logger.js';
import type { PartsSink } from '../execution/contracts.js';
import type { Written } from './answer-writer.js';
import { part } from './stream-formats.js';

export const INCREMENTAL_TYPE = 'multipart/mixed;boundary="graphql";deferSpec=20220824';

const OPENING = '\r\n--graphql';
const END = '--\r\n';

/** A whole answer as the only part, for a client that takes nothing else. @param text GraphQL response as JSON. */
export function wholeInOnePart(text: string): Pick<Written, 'type' | 'pieces'> {
  return { type: INCREMENTAL_TYPE, pieces: [OPENING, part(`${text.slice(0, -1)},"hasNext":false}`), END] };
}

/** One response. Its head is written with the first part, so that until then the request can be refused or answered in another way. */
export class PartsWriter implements PartsSink {
  private count = 0;

  /** @param headers names and values, flat. */
  constructor(private readonly response: ServerResponse, private readonly headers: readonly string[], logger: Logger) {
    response.on('error', (error) => logger.debug({ err: error }, 'An answer in parts broke'));
  }

  /** Parts written. */
  get written(): number {
    return this.count;
  }

  gone(): boolean {
    return this.response.destroyed;
  }

  write(payload: string): void {
    if (this.gone()) return;
    const first = this.count === 0;
    if (first) this.response.writeHead(200, [...this.headers]);
    this.response.write(`${first ? OPENING : ''}${part(payload)}`);
    this.count += 1;
  }

  /** Says that nothing more comes. @throws Error when nothing came at all. */
  end(): void {
    if (this.count === 0 && !this.gone()) throw new Error('An answer in parts ended without a part.');
    if (!this.gone()) this.response.end(END);
  }
}
