/** One answer of a stream as text, with the bytes that all its readers share. */
import type { GraphQLError } from 'graphql';
import type { ConstitutionalStamp, GatewayAnswer } from '../execution/contracts.js';

/** An answer on its way to any number of readers. */
export class StreamAnswer implements GatewayAnswer {
  readonly text: string;
  readonly ascii: boolean;
  readonly errors: readonly GraphQLError[];
  readonly stamp: ConstitutionalStamp;
  /** The newest frame made of it, and the operation id it carries: readers with the same id share it. */
  frame: { readonly id: string; readonly bytes: Buffer } | undefined;
  private encoded: Buffer | undefined;

  constructor({ text, ascii, errors, stamp }: Omit<GatewayAnswer, 'pieces'>) {
    this.text = text;
    this.ascii = ascii;
    this.errors = errors;
    this.stamp = stamp;
  }

  get pieces(): readonly string[] {
    return [this.text];
  }

  /** The text as UTF-8; made once. */
  get bytes(): Buffer {
    this.encoded ??= Buffer.from(this.text, this.ascii ? 'latin1' : 'utf8');
    return this.encoded;
  }
}
