/** Follows a subscription of the graph for a command: resumes after breaks, and fetches new credentials when the old ones end. */
import WebSocket from 'ws';
import { subscribeWithResume, SubscriptionError, type ResumableSubscription, type SubscriptionState } from '../client/subscription-client.js';
import { shippedDocument } from './documents.js';
import { CliError } from './exit-codes.js';
import type { Graph } from './graph.js';

export interface StreamMessage {
  readonly kind: string;
  readonly cursor: string;
  readonly [member: string]: unknown;
}

export interface FollowOptions {
  readonly operation: string;
  /** Field of the subscription. */
  readonly field: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly onMessage: (message: StreamMessage) => void | Promise<void>;
  readonly onState?: (state: SubscriptionState) => void;
}

/** Begins to follow. `finished` rejects with SubscriptionError; see `streamFault`. */
export function follow(graph: Graph, { operation, field, variables, onMessage, onState }: FollowOptions): ResumableSubscription {
  const { text, operationName } = shippedDocument(operation);
  return subscribeWithResume<Record<string, StreamMessage>>({
    url: `${graph.server.replace(/^http/, 'ws')}/graphql`, query: text, operationName, variables, webSocketImpl: WebSocket,
    connectionParams: async () => {
      const { authorization, 'x-api-key': apiKey } = await graph.credentials();
      return { ...(authorization === undefined ? {} : { authorization }), ...(apiKey === undefined ? {} : { apiKey }), constitutionalHash: graph.constitutionalHash };
    },
    onMessage: async ({ data, errors }) => {
      const message = data?.[field];
      if (message !== undefined) return onMessage(message);
      const [first] = errors ?? [];
      throw new CliError(String(first?.extensions?.['code'] ?? 'STREAM_ENDED'), first?.message ?? 'A message of the stream has no data.');
    },
    ...(onState === undefined ? {} : { onState }),
  });
}

/** The error a person reads when a stream has ended for good. */
export function streamFault(error: unknown, resume?: string): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof SubscriptionError)) return new CliError('STREAM_ENDED', error instanceof Error ? error.message : String(error), resume, undefined, { cause: error });
  if (error.cause instanceof CliError) return error.cause;
  if (error.code === 'CURSOR_EXPIRED' || error.code === 'CURSOR_INVALID') return new CliError(error.code, error.message, 'run it again without --after', undefined, { cause: error });
  if (error.code === 'CLOSED_4403' || error.code === 'UNAUTHENTICATED') return new CliError('SESSION_EXPIRED', 'Your login has expired or was ended.', 'acgs login', undefined, { cause: error });
  if (error.code.startsWith('CLOSED_')) return new CliError('STREAM_ENDED', `${error.code}: ${error.message}`, resume, undefined, { cause: error });
  return new CliError(error.code, error.message, resume, undefined, { cause: error });
}
