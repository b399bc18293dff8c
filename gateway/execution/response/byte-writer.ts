/**
 * Generates the code that writes a response as bytes, when nothing is wrong with the data and every text in it is ASCII
 * and needs no escape. Texts that are put together piece by piece are trees of small objects first, which for an answer of
 * 88 KB are 130 KB more to allocate and to walk; here every value goes where it belongs at once.
 */
import { generate } from '../generated-code.js';
import type { DataObject } from '../plan/response-data.js';
import { AnswerBytes } from './answer-bytes.js';
import type { SelectionSite } from './response-shape.js';
import { customText, unlessGivenUp, writersOf, type Dialect, type WriterOptions } from './writer-code.js';

/** Writes the data of a response after what an answer begins with; undefined when something does not fit. */
export type WriteBytes = (data: DataObject, beginning: string) => AnswerBytes | undefined;

/** First guess at the size of a response, bytes; the last size of the same operation is a better one. */
const FIRST_SIZE = 16 * 1024;
/** Room for what follows the data, so that an answer seldom grows for its end, bytes. */
const END = 512;
/** Texts shorter than this are copied letter by letter, which is faster than a call. */
const SHORT_TEXT = 24;
/** Longest number, Boolean or null, bytes. */
const LONGEST_SCALAR = 26;

/** @param at bytes written so far. @returns the bytes written in all. */
type WriteObject = (object: unknown, sink: AnswerBytes, at: number) => number;

/** Makes the byte writer of an operation's data. */
export function compileByteWriter(root: SelectionSite, { ahead = false }: WriterOptions = {}): WriteBytes {
  const writerOf = writersOf(BYTES, root, ahead);
  let size = FIRST_SIZE;
  return (data, beginning) => {
    const sink = AnswerBytes.ofSize(size + END);
    let written = false;
    try {
      const length = unlessGivenUp(() => writerOf(data)(data, sink, sink.ascii(0, beginning)));
      if (length === undefined) return undefined;
      if (length > sink.buffer.length) throw new RangeError('An answer was written beyond the end of its memory.');
      sink.length = length;
      size = length;
      written = true;
      return sink;
    } finally {
      if (!written) sink.release();
    }
  };
}

/** `ROOM` is what the constant parts and the scalars of an object take at most; whatever takes more asks for it and leaves as much. */
const MAKE_ROOM = 'b = s.buffer; if (n + ROOM > b.length) b = s.grow(n, ROOM);';

const BYTES: Dialect<WriteObject> = {
  literal(text) {
    const bytes = Array.from({ length: text.length }, (_, index) => `b[n + ${index}] = ${text.charCodeAt(index)};`);
    return `${bytes.join(' ')} n += ${text.length};`;
  },
  leaf(scope, { leaf }, value) {
    switch (leaf) {
      case 'String':
      case 'enum':
        return quoted(value);
      case 'ID':
        return `if (typeof ${value} === 'string') { ${quoted(value)} } else { ${plain(`'"' + ${value} + '"'`)} }`;
      case 'Boolean':
        return `if (${value}) { ${BYTES.literal('true')} } else { ${BYTES.literal('false')} }`;
      case 'custom':
        return `if (typeof ${value} === 'string') { ${quoted(value)} } else { const j = ${scope.refer(customText)}(${value}); if (n + j.length + ROOM > b.length) b = s.grow(n, j.length + ROOM); n = s.ascii(n, j); }`;
      default:
        return plain(`'' + ${value}`);
    }
  },
  object: (writer, value) => `n = ${writer}(${value}, s, n); ${MAKE_ROOM}`,
  // A list of scalars or of nulls outgrows what one object takes; an object makes room for itself.
  afterElement: (type) => (type.kind !== 'object' || !type.nonNull ? MAKE_ROOM : ''),
  afterList: MAKE_ROOM,
  writer(shape, statements, references, constants) {
    const room = constants + (shape.fields.length + 1) * LONGEST_SCALAR;
    return generate('o, s, n', `let ${MAKE_ROOM} ${statements} return n;`, { ROOM: room, ...references }) as WriteObject;
  },
};

/** Statements that write a text in quotes. */
function quoted(text: string): string {
  return `const l = ${text}.length; if (n + l + ROOM > b.length) b = s.grow(n, l + ROOM); b[n] = 34; n += 1;
if (l < ${SHORT_TEXT}) { for (let c = 0; c < l; c += 1) b[n + c] = ${text}.charCodeAt(c); n += l; } else n = s.ascii(n, ${text});
b[n] = 34; n += 1;`;
}

/** Statements that write a short text, for which there is room. */
function plain(text: string): string {
  return `const d = ${text}; for (let c = 0; c < d.length; c += 1) b[n + c] = d.charCodeAt(c); n += d.length;`;
}
