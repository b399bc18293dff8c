/** What went wrong while a plan ran, kept with the place it concerns until the response's shape is known. */
import type { GraphQLFormattedError } from 'graphql';
import type { AcgsError } from '../../../ops/runtime/errors.js';
import type { FetchStep } from './plan-steps.js';
import type { ResponsePath } from './response-data.js';

/** A fetch that brought nothing: the call failed, or its answer was of no use. */
export interface FailedFetch {
  readonly kind: 'failed';
  readonly step: FetchStep;
  readonly error: AcgsError;
}

/** An error a subgraph reported in its answer. */
export interface ReportedError {
  readonly kind: 'reported';
  readonly step: FetchStep;
  readonly error: GraphQLFormattedError;
  /** Place in the client's response; undefined when the subgraph named none. */
  readonly path: ResponsePath | undefined;
}

export type PlanFailure = FailedFetch | ReportedError;

/** Errors kept of one answer; a subgraph that reports more says nothing new. */
export const MAX_ERRORS_AN_ANSWER = 100;
