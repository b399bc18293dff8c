/** Subscriptions for edges over HTTP: the same streams as over WebSocket, pulled one answer at a time. */
import { print, type DocumentNode } from 'graphql';
import type { AnswerStream, StreamInput, StreamSource } from '../http/stream-source.js';
import { SubscriptionStream } from './subscription-stream.js';
import type { Subscriptions } from './subscriptions.js';

/** Text of documents, for preparing their operations again under another supergraph. */
const texts = new WeakMap<DocumentNode, string>();

/** Makes the source. Whether credentials still hold is the edge's to watch; on shutdown streams end with SHUTTING_DOWN after what has come. */
export function createStreamSource({ limits, hub }: Pick<Subscriptions, 'limits' | 'hub'>): StreamSource {
  return {
    open({ request, prepared, variables, outlet }: StreamInput): AnswerStream {
      const stream = new SubscriptionStream(outlet, limits.lagGraceMs, () => subscriber.close());
      const source = { query: textOf(prepared.document), operationName: prepared.operation.name?.value ?? null, variables };
      const subscriber = hub.open({ request, prepared, source, sink: stream });
      return stream;
    },
  };
}

function textOf(document: DocumentNode): string {
  let text = texts.get(document);
  if (text === undefined) texts.set(document, text = print(document));
  return text;
}
