/** Generates the code that writes a response as text, in one pass, when nothing is wrong with the data. */
import { generate } from '../generated-code.js';
import type { DataObject } from '../plan/response-data.js';
import type { SelectionSite } from './response-shape.js';
import { customText, unlessGivenUp, writersOf, type Dialect, type WriterOptions } from './writer-code.js';

/** Writes a text as a JSON string. */
export type Quote = (text: string) => string;

/** Writes the data of a response, in pieces to be joined; undefined when something does not fit. */
export type WriteData = (data: DataObject, quote: Quote) => readonly string[] | undefined;

/** Quotes any text. */
export const quoteAny: Quote = (text) => JSON.stringify(text);
/** Quotes texts parsed from JSON without a backslash: none of them can need an escape. */
export const quoteEscapeFree: Quote = (text) => `"${text}"`;

/**
 * Appends an object.
 * @param text what was written since the last full piece.
 * @param pieces full pieces; each is encoded while its parts are still in the processor's caches.
 * @returns `text` with what was appended since the last full piece.
 */
type WriteObject = (object: unknown, quote: Quote, text: string, pieces: string[]) => string;

/** Length from which a piece is full, characters. A longer text of many parts takes half as much again to put together. */
const FULL_PIECE = 8_192;
/** Length from which a text that needs no escape is a piece of its own, characters: it is encoded from where it is. */
const LONG_TEXT = 256;

/** Makes the writer of an operation's data. */
export function compileWriter(root: SelectionSite, { ahead = false }: WriterOptions = {}): WriteData {
  const writerOf = writersOf(TEXT, root, ahead);
  return (data, quote) => unlessGivenUp(() => {
    const pieces: string[] = [];
    pieces.push(writerOf(data)(data, quote, '', pieces));
    return pieces;
  });
}

const TEXT: Dialect<WriteObject> = {
  literal: (text) => `t += ${JSON.stringify(text)};`,
  leaf(scope, { leaf }, value) {
    switch (leaf) {
      case 'String':
        return `if (${value}.length > ${LONG_TEXT} && q === ${scope.refer(quoteEscapeFree)}) { p.push(t + '"', ${value}); t = '"'; } else t += q(${value});`;
      case 'ID':
        return `t += typeof ${value} === 'string' ? q(${value}) : '"' + ${value} + '"';`;
      case 'enum':
        return `t += '"' + ${value} + '"';`;
      case 'custom':
        return `t += typeof ${value} === 'string' ? q(${value}) : ${scope.refer(customText)}(${value});`;
      default:
        return `t += ${value};`;
    }
  },
  object: (writer, value) => `t = ${writer}(${value}, q, t, p);`,
  afterElement: () => `if (t.length > ${FULL_PIECE}) { p.push(t); t = ''; }`,
  afterList: '',
  writer: (_shape, statements, references) => generate('o, q, t, p', `${statements} return t;`, references) as WriteObject,
};
