/** Content negotiation: which media type an Accept header chooses. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { acceptedTypes } from '../../gateway/http/media-types.js';

const JSON_TYPE = 'application/json';
const RESPONSE = 'application/graphql-response+json';
const SSE = 'text/event-stream';
const MULTIPART = 'multipart/mixed';

describe('one answer is sent as', () => {
  test.each<[string | undefined, string | undefined]>([
    [undefined, JSON_TYPE],
    ['', JSON_TYPE],
    ['*/*', JSON_TYPE],
    ['application/*', JSON_TYPE],
    ['application/json', JSON_TYPE],
    ['APPLICATION/JSON; charset=UTF-8', JSON_TYPE],
    ['application/graphql-response+json', RESPONSE],
    ['application/graphql-response+json; charset=utf-8, application/json; charset=utf-8', RESPONSE],
    ['application/json, application/graphql-response+json', JSON_TYPE],
    ['application/graphql-response+json;q=0.4, application/json;q=0.5', JSON_TYPE],
    ['application/json;q=0.9, application/graphql-response+json', RESPONSE],
    ['application/graphql-response+json, */*', RESPONSE],
    ['*/*, application/graphql-response+json', RESPONSE],
    ['*/*, application/graphql-response+json;q=0.9', JSON_TYPE],
    ['application/json;q=0, */*', RESPONSE],
    ['application/json;q=0', undefined],
    ['*/*;q=0', undefined],
    ['application/json;q=2', undefined],
    ['application/json;q=nonsense', undefined],
    ['application/json; charset=iso-8859-1', undefined],
    ['text/html, application/xhtml+xml, */*;q=0.8', JSON_TYPE],
    ['text/html', undefined],
    ['text/*', undefined],
    ['nonsense', undefined],
    [',,, ;;, application/json', JSON_TYPE],
  ])('%s: %s', (accept, expected) => {
    expect(acceptedTypes(accept).single).toBe(expected);
  });
});

describe('a stream is sent as', () => {
  test.each<[string | undefined, string | undefined, string | undefined]>([
    ['text/event-stream', SSE, undefined],
    ['multipart/mixed;subscriptionSpec=1.0', MULTIPART, undefined],
    ['multipart/mixed;subscriptionSpec="1.0", application/json', MULTIPART, JSON_TYPE],
    ['multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json', MULTIPART, JSON_TYPE],
    ['multipart/mixed; boundary="a,b;c"; subscriptionSpec="1.0"', MULTIPART, undefined],
    ['multipart/mixed;subscriptionSpec=2.0', undefined, undefined],
    ['multipart/mixed;deferSpec=20220824, application/json', undefined, JSON_TYPE],
    ['multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream;q=0.6', SSE, undefined],
    ['multipart/mixed;subscriptionSpec=1.0, text/event-stream', MULTIPART, undefined],
    ['application/graphql-response+json, application/json, text/event-stream, multipart/mixed', SSE, RESPONSE],
    ['text/event-stream;q=0, */*', undefined, JSON_TYPE],
    ['*/*', undefined, JSON_TYPE],
  ])('%s: %s', (accept, stream, single) => {
    expect(acceptedTypes(accept)).toMatchObject({ stream, single });
  });
});

describe('an answer comes in parts', () => {
  test.each([
    ['multipart/mixed;deferSpec=20220824, application/json', true],
    ['multipart/mixed;deferSpec=20220824', true],
    ['application/json, multipart/mixed;deferSpec="20220824";charset=UTF-8', true],
    ['multipart/mixed;boundary="graphql";subscriptionSpec=1.0, multipart/mixed;deferSpec=20220824, application/json', true],
    ['multipart/mixed;deferSpec=20220824;q=0.5, application/json', false],
    ['multipart/mixed;deferSpec=20220824;q=0', false],
    ['multipart/mixed;deferSpec=20240101, application/json', false],
    ['multipart/mixed;deferSpec=20220824;charset=latin1, application/json', false],
    ['multipart/mixed, application/json', false],
    ['*/*', false],
  ])('%s: %s', (accept, inParts) => {
    expect(acceptedTypes(accept).inParts).toBe(inParts);
  });
});

test('reads any header without failing, and the same way each time', () => {
  const word = fc.constantFrom('application/json', 'application/graphql-response+json', 'text/event-stream', 'multipart/mixed', '*/*', 'q=0.5', 'q=', 'subscriptionSpec=1.0', 'charset="utf-8"', '"', '\\', ';', ',', '=', ' ', 'é');
  fc.assert(fc.property(fc.array(word, { maxLength: 12 }).map((words) => words.join('')), (accept) => {
    expect(acceptedTypes(accept)).toEqual(acceptedTypes(accept));
  }));
});
