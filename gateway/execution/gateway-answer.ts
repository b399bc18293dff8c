/** Puts a response together as text, and gives it as an object to those who need one. */
import type { GraphQLError } from 'graphql';
import { ANSWER_BEGINNING, type OperationOutcome } from './compile-operation.js';
import type { ConstitutionalStamp, GatewayAnswer, GatewayResult } from './contracts.js';
import type { AnswerBytes } from './response/answer-bytes.js';

/**
 * Makes an answer.
 * @param outcome the JSON of the data, in pieces or behind the beginning of an answer as bytes.
 */
export function makeAnswer({ pieces, bytes, ascii }: Pick<OperationOutcome, 'pieces' | 'ascii'> & Partial<Pick<OperationOutcome, 'bytes'>>, errors: readonly GraphQLError[], stamp: ConstitutionalStamp): GatewayAnswer {
  const failed = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
  const end = `${failed},"extensions":{"constitutional":{"hash":${JSON.stringify(stamp.hash)},"verified":${stamp.verified}}}}`;
  const plain = ascii && errors.length === 0;
  if (bytes === undefined) return new ComposedAnswer([ANSWER_BEGINNING, ...pieces, end], plain, errors, stamp);
  bytes.append(end, plain);
  return new WrittenAnswer(bytes, plain, errors, stamp);
}

class ComposedAnswer implements GatewayAnswer {
  private joined: string | undefined;

  constructor(readonly pieces: readonly string[], readonly ascii: boolean, readonly errors: readonly GraphQLError[], readonly stamp: ConstitutionalStamp) {}

  get text(): string {
    return (this.joined ??= this.pieces.join(''));
  }
}

class WrittenAnswer implements GatewayAnswer {
  constructor(readonly written: AnswerBytes, readonly ascii: boolean, readonly errors: readonly GraphQLError[], readonly stamp: ConstitutionalStamp) {}

  get text(): string {
    return this.written.view().toString(this.ascii ? 'latin1' : 'utf8');
  }

  get pieces(): readonly string[] {
    return [this.text];
  }
}

/** The answer as an object, with its errors as they were made. */
export function resultOf({ text, errors, stamp }: GatewayAnswer): GatewayResult {
  const { data } = JSON.parse(text) as { data: Record<string, unknown> | null };
  return { data, ...(errors.length === 0 ? {} : { errors }), extensions: { constitutional: stamp } };
}
