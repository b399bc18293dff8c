/** Puts a response together as text, and gives it as an object to those who need one. */
import type { GraphQLError } from 'graphql';
import type { ConstitutionalStamp, GatewayAnswer, GatewayResult } from './contracts.js';

/**
 * Makes an answer.
 * @param data JSON of the data.
 * @param ascii whether `data` holds ASCII characters only.
 */
export function makeAnswer(data: string, ascii: boolean, errors: readonly GraphQLError[], stamp: ConstitutionalStamp): GatewayAnswer {
  const failed = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
  return {
    text: `{"data":${data}${failed},"extensions":{"constitutional":{"hash":${JSON.stringify(stamp.hash)},"verified":${stamp.verified}}}}`,
    ascii: ascii && errors.length === 0,
    errors, stamp,
  };
}

/** The answer as an object, with its errors as they were made. */
export function resultOf({ text, errors, stamp }: GatewayAnswer): GatewayResult {
  const { data } = JSON.parse(text) as { data: Record<string, unknown> | null };
  return { data, ...(errors.length === 0 ? {} : { errors }), extensions: { constitutional: stamp } };
}
