/** How a stream of answers is written: GraphQL over SSE (distinct connections mode) and Apollo's multipart subscriptions. */
import type { GraphQLFormattedError } from 'graphql';
import type { ConstitutionalStamp } from '../execution/contracts.js';
import { refusalText, type Written } from './answer-writer.js';
import type { StreamType } from './media-types.js';

export interface StreamFormat {
  /** Media type of the answer. */
  readonly type: Written['type'];
  /** Written once, with the head, so that the client sees the stream begin. */
  readonly opening: string;
  /** Written while nothing else is, so that proxies and clients see the stream live. */
  readonly heartbeat: string;
  /** One answer. @param text GraphQL response as JSON. */
  readonly next: (text: string) => string;
  /** The last answer of a stream that ends in errors. */
  readonly failure: (errors: readonly GraphQLFormattedError[], stamp: ConstitutionalStamp) => string;
  /** Says that nothing more comes. */
  readonly end: string;
}

/** A raw line break can only be insignificant white space in JSON; in an event it would end the data line. */
function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}

/** The empty `data` line of `complete` is needed: EventSource drops events without data. */
const SERVER_SENT_EVENTS: StreamFormat = {
  type: 'text/event-stream',
  opening: ':\n\n',
  heartbeat: ':\n\n',
  next: (text) => `event: next\ndata: ${oneLine(text)}\n\n`,
  failure: (errors, stamp) => `event: next\ndata: ${refusalText({ errors }, stamp)}\n\n`,
  end: 'event: complete\ndata:\n\n',
};

/** Each part is followed by its delimiter at once: clients hand a part on when they see the delimiter behind it. */
export function part(body: string): string {
  return `\r\ncontent-type: application/json\r\n\r\n${body}\r\n--graphql`;
}

const MULTIPART: StreamFormat = {
  type: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
  opening: `\r\n--graphql${part('{}')}`,
  heartbeat: part('{}'),
  next: (text) => part(`{"payload":${text}}`),
  failure: (errors, constitutional) => part(JSON.stringify({ payload: null, errors, extensions: { constitutional } })),
  end: '--\r\n',
};

export const STREAM_FORMATS: Readonly<Record<StreamType, StreamFormat>> = { 'text/event-stream': SERVER_SENT_EVENTS, 'multipart/mixed': MULTIPART };

/** Name of a stream's transport in metrics and logs. */
export const TRANSPORT: Readonly<Record<StreamType, string>> = { 'text/event-stream': 'sse', 'multipart/mixed': 'multipart' };
