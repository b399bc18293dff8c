/** A subgraph that does its worst harms one answer: never the process, never the next request. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, startMiniGraph, type GraphqlAnswer, type MiniDefinition, type MiniGraph, type MiniSubgraph } from '../kit/mini-subgraphs.js';

const MIB = 1024 * 1024;
const QUERY = '{ services { id } open { word } }';
const GOOD = '{"data":{"services":[{"id":"s1"}]}}';
/** A field whose value is taken over as it came. */
const MINI_INTEGRITY: MiniDefinition = { name: 'integrity', sdl: 'type Query { blob: JSON }', resolvers: { Query: { blob: () => 1 } } };
let graph: MiniGraph;
const policy = (): MiniSubgraph => graph.subgraphs['policy-governance'] as MiniSubgraph;

beforeAll(async () => {
  graph = await startMiniGraph([...MINI_GRAPH, MINI_INTEGRITY], { deadlineMs: 600 });
  await eventually(async () => (await graph.query(QUERY)).errors.length === 0);
});
afterAll(() => graph.stop());
afterEach(async () => {
  policy().sabotage = undefined;
  policy().hash = HASH;
  // An instance that never answered is left alone for half a second at most.
  await eventually(async () => (await graph.query(QUERY)).errors.length === 0, 2_000);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});

/** Answers every call with bytes, whatever they are. Returns the sockets they went out on. */
function bytes(head: string, ...parts: (string | Buffer)[]): Socket[] {
  const sockets: Socket[] = [];
  raw((socket) => {
    sockets.push(socket);
    socket.write(head);
    for (const part of parts) socket.write(part);
  });
  return sockets;
}

function raw(script: (socket: Socket, response: ServerResponse) => void): void {
  policy().sabotage = (response) => {
    const { socket } = response;
    if (socket === null) throw new Error('The response has no socket.');
    socket.on('error', () => undefined);
    script(socket, response);
    return true;
  };
}

/** Bytes written past the server's back leave it waiting for its own answer, so that the connection is of no use afterwards. */
function headOf(length: number | string, more = 'connection: close\r\n'): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-constitutional-hash: ${HASH}\r\ncontent-length: ${length}\r\n${more}\r\n`;
}

function text(body: string, status = 200, headers: Record<string, string> = {}): void {
  policy().sabotage = (response) => { response.writeHead(status, { 'content-type': 'application/json', 'x-constitutional-hash': HASH, ...headers }).end(body); return true; };
}

const codesOf = ({ errors }: GraphqlAnswer): unknown[] => errors.map(({ extensions }) => extensions['code']);

/** The rest of the answer came all the same: the field that failed is nullable in no place, so data is null; errors name one subgraph. */
async function expectFault(code: string): Promise<GraphqlAnswer> {
  const started = performance.now();
  const answer = await graph.query('{ outcome { __typename } open { word } }');
  expect(answer.data).toEqual({ outcome: null, open: { word: 'yes' } });
  expect(codesOf(answer)).toEqual([code]);
  expect(answer.errors[0]).toMatchObject({ path: ['outcome'], extensions: { service: 'policy-governance' } });
  expect(performance.now() - started).toBeLessThan(2_000);
  return answer;
}

/** The gateway let go of every connection the answers came on. */
async function expectClosed(sockets: readonly Socket[]): Promise<void> {
  expect(sockets.length).toBeGreaterThan(0);
  await eventually(() => sockets.every((socket) => socket.destroyed || socket.readableEnded));
}

describe('an answer without end', () => {
  test('of a gigabyte is cut at the limit, announced or not', async () => {
    const block = Buffer.alloc(MIB, 'x');
    for (const framing of ['chunked', 'close', 'announced'] as const) {
      let sent = 0;
      const sockets: Socket[] = [];
      raw((socket) => {
        sockets.push(socket);
        socket.write(framing === 'announced' ? headOf(1024 * MIB) : `HTTP/1.1 200 OK\r\nx-constitutional-hash: ${HASH}\r\n${framing === 'chunked' ? 'transfer-encoding: chunked' : 'connection: close'}\r\n\r\n`);
        const pour = (): void => {
          while (!socket.destroyed && sent < 1024 * MIB) {
            sent += block.length;
            const room = framing === 'chunked' ? socket.write(`100000\r\n`) && socket.write(block) && socket.write('\r\n') : socket.write(block);
            if (!room) { socket.once('drain', pour); return; }
          }
        };
        pour();
      });
      const before = process.memoryUsage().arrayBuffers;
      await expectFault('SUBGRAPH_BAD_RESPONSE');
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
      await expectClosed(sockets);
      expect(sent).toBeLessThan(64 * MIB);
    }
  });

  test('that drips is cut at the deadline', async () => {
    let drip: NodeJS.Timeout | undefined;
    const sockets: Socket[] = [];
    raw((socket) => {
      sockets.push(socket);
      socket.write(headOf(GOOD.length));
      let at = 0;
      drip = setInterval(() => { if (at < GOOD.length - 1) socket.write(GOOD[at++] ?? ''); }, 15);
    });
    try {
      await expectFault('SUBGRAPH_TIMEOUT');
      await expectClosed(sockets);
    } finally {
      clearInterval(drip);
    }
  });

  test('of informational answers is cut at the deadline', async () => {
    let flood: NodeJS.Timeout | undefined;
    const sockets: Socket[] = [];
    raw((socket) => {
      sockets.push(socket);
      flood = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), 5);
    });
    try {
      await expectFault('SUBGRAPH_TIMEOUT');
      await expectClosed(sockets);
    } finally {
      clearInterval(flood);
    }
  });

  test('of header lines is cut', async () => {
    const sockets = bytes(`HTTP/1.1 200 OK\r\n${`x-${'y'.repeat(100)}: ${'z'.repeat(900)}\r\n`.repeat(64)}\r\n${GOOD}`);
    await expectFault('SUBGRAPH_BAD_RESPONSE');
    await expectClosed(sockets);
  });
});

describe('a connection that', () => {
  test('is reset in the middle of the body is tried once more, and reported', async () => {
    const sockets: Socket[] = [];
    raw((socket) => { sockets.push(socket); socket.write(headOf(GOOD.length)); socket.write(GOOD.slice(0, 9), () => socket.resetAndDestroy()); });
    await expectFault('SUBGRAPH_UNAVAILABLE');
    expect(sockets).toHaveLength(2);
  });
  test.each([['before the head', ''], ['in the head', 'HTTP/1.1 200 OK\r\nx-cons'], ['in the body', `${headOf(GOOD.length)}${GOOD.slice(0, 20)}`], ['in a chunk', `HTTP/1.1 200 OK\r\nx-constitutional-hash: ${HASH}\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"data"`]])('is half closed %s is not waited for', async (_where, said) => {
    const sockets: Socket[] = [];
    raw((socket) => { sockets.push(socket); socket.end(said); });
    const started = performance.now();
    await expectFault('SUBGRAPH_UNAVAILABLE');
    expect(performance.now() - started).toBeLessThan(590);
    await expectClosed(sockets);
  });
  test('answers in another protocol', async () => {
    const sockets = bytes('SSH-2.0-OpenSSH_9.6\r\n');
    await expectFault('SUBGRAPH_BAD_RESPONSE');
    await expectClosed(sockets);
  });
  test('asks to go on with a body that was sent already', async () => {
    const sockets = bytes('HTTP/1.1 100 Continue\r\n\r\n', headOf(GOOD.length), GOOD);
    await expectFault('SUBGRAPH_UNAVAILABLE');
    await expectClosed(sockets);
  });
  test('wants to be another protocol', async () => {
    const sockets = bytes('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    await expectFault('SUBGRAPH_UNAVAILABLE');
    await expectClosed(sockets);
  });
  test('sends hints first is read', async () => {
    bytes('HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n', headOf(GOOD.length), GOOD);
    expect(await graph.query('{ services { id } }')).toMatchObject({ data: { services: [{ id: 's1' }] }, errors: [] });
  });
  test('sends the hash twice is not believed', async () => {
    bytes(headOf(GOOD.length, `x-constitutional-hash: ${HASH}\r\nconnection: close\r\n`), GOOD);
    const answer = await graph.query('{ services { id } }');
    expect(codesOf(answer)).toEqual(['CONSTITUTIONAL_VIOLATION']);
  });
});

describe('a length that lies', () => {
  test('too short: the rest is not taken for the next answer', async () => {
    const stolen = '{"data":{"services":[{"id":"stolen"}]}}';
    const sockets = bytes(headOf(10, ''), GOOD, headOf(stolen.length, ''), stolen);
    await expectFault('SUBGRAPH_BAD_RESPONSE');
    policy().sabotage = undefined;
    expect((await graph.query('{ services { id } }')).data).toEqual({ services: [{ id: 's1' }, { id: 's2' }] });
    await expectClosed(sockets);
  });
  test('too long: it is cut at the deadline', async () => {
    const sockets = bytes(headOf(GOOD.length + 100), GOOD);
    await expectFault('SUBGRAPH_TIMEOUT');
    await expectClosed(sockets);
  });
  test.each([['no number', headOf('x'), GOOD], ['negative', headOf('-1'), GOOD], ['beyond any number', headOf('99999999999999999999999'), GOOD], ['two numbers', headOf('1, 2'), GOOD], ['empty', headOf(''), GOOD],
    ['beside chunks', headOf(5, 'transfer-encoding: chunked\r\n'), `${GOOD.length.toString(16)}\r\n${GOOD}\r\n0\r\n\r\n`]])('%s: nobody knows where the answer ends', async (_name, head, body) => {
    const sockets = bytes(head, body);
    const answer = await graph.query('{ outcome { __typename } open { word } }');
    expect(answer.data).toEqual({ outcome: null, open: { word: 'yes' } });
    expect(['SUBGRAPH_BAD_RESPONSE', 'SUBGRAPH_UNAVAILABLE']).toContain(codesOf(answer)[0]);
    await expectClosed(sockets);
  });
});

describe('a body that', () => {
  test.each<[string, string | Buffer]>([
    ['is not UTF-8', Buffer.concat([Buffer.from('{"data":{"outcome":{"__typename":"Do'), Buffer.from([0xff, 0xfe]), Buffer.from('ne"}}}')])],
    ['is UTF-16', Buffer.from(GOOD, 'utf16le')],
    ['is compressed, which was not asked for', gzipSync('{"data":{"outcome":{"__typename":"Done"}}}')],
    ['is empty', ''], ['is cut', GOOD.slice(0, -1)], ['is followed by more', `${GOOD}${GOOD}`], ['is a list', '[{"data":{"outcome":null}}]'], ['is null', 'null'], ['is a number', '7'], ['is HTML', '<html>'],
    ['has data that is a list', '{"data":[]}'], ['has data that is a text', '{"data":"{}"}'], ['has errors that are no list', '{"data":{"outcome":null},"errors":{"message":"x"}}'], ['says nothing', '{"errors":[]}'],
    ['is a thousand lists deep and large', `{"data":{"outcome":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`],
    ['has a million empty objects', `{"data":{"outcome":[${'{},'.repeat(1_000_000)}1]}}`],
  ])('%s is a bad response', async (_name, body) => {
    bytes(headOf(Buffer.byteLength(body)), body);
    await expectFault('SUBGRAPH_BAD_RESPONSE');
  });

  test('is nested as deep as goes through does no harm where nobody asked for it', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    text(`{"data":{"services":[{"id":"s1"}]},"extensions":${deep}}`);
    expect(await graph.query('{ services { id } }')).toMatchObject({ data: { services: [{ id: 's1' }] }, errors: [] });
    text(`{"data":{"services":[{"id":"s1","deep":${deep}}]}}`);
    expect(await graph.query('{ services { id } }')).toMatchObject({ data: { services: [{ id: 's1' }] }, errors: [] });
    text(`{"data":{"services":[{"id":${deep}}]}}`);
    expect(codesOf(await graph.query('{ services { id } }'))).toEqual(['SUBGRAPH_BAD_RESPONSE']);
  });

  test('is nested as deep as goes through fails no more than the request where it is asked for whole', async () => {
    const integrity = graph.subgraphs['integrity'] as MiniSubgraph;
    integrity.sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end(`{"data":{"blob":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`); return true; };
    try {
      const [code] = codesOf(await graph.query('{ blob open { word } }'));
      expect(['SUBGRAPH_BAD_RESPONSE', 'INTERNAL']).toContain(code);
    } finally {
      integrity.sabotage = undefined;
    }
    expect((await graph.query('{ blob }')).data).toEqual({ blob: 1 });
  });

  test('names a key twice: the last one counts, everywhere', async () => {
    text('{"data":{"services":[{"id":"first","id":"second"}]},"data":{"services":[{"id":"third","id":"fourth"}]}}');
    expect((await graph.query('{ services { id } }')).data).toEqual({ services: [{ id: 'fourth' }] });
  });

  test('is not ASCII, or escaped, reaches the client unharmed', async () => {
    const name = 'ß → 漢字 🜁 \u2028 \u0007 " \\ </script>';
    for (const body of [JSON.stringify({ data: { services: [{ id: 's1', name }] } }), JSON.stringify({ data: { services: [{ id: 's1', name }] } }).replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)]) {
      text(body);
      expect((await graph.query('{ services { name } }')).data).toEqual({ services: [{ name }] });
    }
  });
});

describe('keys of prototypes', () => {
  test.each([
    '{"data":{"outcome":{"__typename":"Done","__proto__":{"polluted":1}}}}', '{"data":{"__proto__":{"polluted":1}}}', '{"__proto__":{"polluted":1},"data":{"outcome":null}}',
    '{"data":{"outcome":{"\\u005f\\u005fproto\\u005f\\u005f":{"polluted":1}}}}', '{"data":{"outcome":null},"errors":[{"message":"x","extensions":{"__proto__":{"polluted":1}}}]}', '{"data":{"outcome":null},"extensions":{"__proto__":{"polluted":1}}}',
  ])('in %s are refused', async (body) => {
    text(body);
    await expectFault('SUBGRAPH_BAD_RESPONSE');
  });

  test('of `constructor` and `prototype` change nothing, also where two subgraphs answer for one object', async () => {
    const evolution = graph.subgraphs['evolutionary-computation'] as MiniSubgraph;
    const poison = '"constructor":{"prototype":{"polluted":1}},"prototype":{"polluted":1},"toString":{"polluted":1},"hasOwnProperty":1';
    text(`{"data":{"services":[{"__typename":"Service","id":"s1",${poison}}],${poison}}}`);
    evolution.sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end(`{"data":{"_entities":[{"__typename":"Service",${poison},"replicas":3,"model":{"version":"v",${poison}}}],${poison}}}`); return true; };
    try {
      expect(await graph.query('{ services { id replicas model { version } } }')).toMatchObject({ data: { services: [{ id: 's1', replicas: 3, model: { version: 'v' } }] }, errors: [] });
      expect(Object.getOwnPropertyNames(Function.prototype)).not.toContain('polluted');
    } finally {
      evolution.sabotage = undefined;
    }
  });

  test('are plain names as aliases', async () => {
    const answer = await graph.query('{ constructor: services { prototype: id toString: name valueOf: replicas } hasOwnProperty: open { constructor: word } }');
    expect(answer).toMatchObject({ errors: [], data: { constructor: [{ prototype: 's1', toString: 'router', valueOf: 3 }, { prototype: 's2', toString: 'ledger', valueOf: 3 }], hasOwnProperty: { constructor: 'yes' } } });
  });
});

describe('errors', () => {
  test('without number become few, and a long text a short one', async () => {
    const errors = Array.from({ length: 10_000 }, (_, index) => ({ message: `${index} ${'x'.repeat(500)}`, path: ['outcome'], extensions: { code: 'BAD_USER_INPUT' } }));
    text(JSON.stringify({ data: { outcome: null }, errors }));
    const answer = await graph.query('{ outcome { __typename } }');
    expect(answer.errors.length).toBeGreaterThan(0);
    expect(answer.errors.length).toBeLessThanOrEqual(100);
    text(JSON.stringify({ data: { outcome: null }, errors: [{ message: 'y'.repeat(1_000_000), path: ['outcome'], extensions: { code: 'BAD_USER_INPUT', more: 'z'.repeat(1_000_000) } }] }));
    expect(JSON.stringify((await graph.query('{ outcome { __typename } }')).errors).length).toBeLessThan(10_000);
  });

  test.each([
    ['null', '[null]'], ['texts', '["boom"]'], ['lists', '[[]]'], ['empty', '[{}]'], ['without a text', '[{"message":{"a":1}}]'],
    ['with a path that is none', '[{"message":"m","path":"outcome"}]'], ['with a path of objects', '[{"message":"m","path":[{"a":1},null]}]'], ['with a path of fractions', '[{"message":"m","path":["outcome",1.5,-1]}]'], ['with a path to nowhere', '[{"message":"m","path":["nowhere",7,"x"]}]'],
    ['with extensions that are none', '[{"message":"m","extensions":[1]}]'], ['with a code that is none', '[{"message":"m","extensions":{"code":{"a":1}}}]'], ['with locations that are none', '[{"message":"m","locations":"here"}]'],
  ])('that are %s are still one error at the field', async (_name, errors) => {
    text(`{"data":{"outcome":null},"errors":${errors}}`);
    const answer = await graph.query('{ outcome { __typename } open { word } }');
    expect(answer.data).toEqual({ outcome: null, open: { word: 'yes' } });
    expect(codesOf(answer)).toEqual(['INTERNAL']);
    expect(answer.errors.every(({ message, path }) => typeof message === 'string' && (path ?? []).every((part) => ['string', 'number'].includes(typeof part)))).toBe(true);
  });

  test('under another status are read as what they are', async () => {
    text('{"data":{"outcome":{"__typename":"Done"}},"errors":[{"message":"half","path":["outcome"],"extensions":{"code":"BAD_USER_INPUT"}}]}', 500);
    expect(await graph.query('{ outcome { __typename } }')).toMatchObject({ data: { outcome: { __typename: 'Done' } }, errors: [{ message: 'half', path: ['outcome'], extensions: { code: 'BAD_USER_INPUT' } }] });
  });
});

describe('an answer that comes', () => {
  test('after the deadline is nobody\'s', async () => {
    const late: Promise<unknown>[] = [];
    policy().sabotage = (response) => {
      late.push(once(response, 'close'));
      response.on('close', () => response.end(GOOD));
      return true;
    };
    await expectFault('SUBGRAPH_TIMEOUT');
    await Promise.all(late);
    policy().sabotage = undefined;
    expect((await graph.query('{ services { id } }')).data).toEqual({ services: [{ id: 's1' }, { id: 's2' }] });
  });

  test('under another hash is not read at all', async () => {
    policy().sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': 'ffffffffffffffff' }).end('{"data":{"__proto__":{"polluted":1}}}'); return true; };
    expect(codesOf(await graph.query('{ outcome { __typename } }'))).toEqual(['CONSTITUTIONAL_VIOLATION']);
  });
});
