/** From the bytes of an answer to its text: what the text is made of, and whether it is safe to parse. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { RawAnswer } from './upstream-http.js';

/** The text of an answer. */
export interface AnswerText {
  readonly text: string;
  /** True when every text in it is ASCII: every byte is, and no escape stands for another character. */
  readonly ascii: boolean;
  /** True when the text has no backslash. */
  readonly escapeFree: boolean;
}

/** An answer as text, not yet read. */
export interface DecodedAnswer extends Pick<RawAnswer, 'status' | 'headers'> {
  /** Undefined when it is not fit to be parsed; see `decodeAnswer`. */
  readonly text: AnswerText | undefined;
}

/** Takes an answer out of the memory it was received in. */
export function decoded({ status, headers, bytes }: RawAnswer): DecodedAnswer {
  return { status, headers, text: decodeAnswer(bytes) };
}

/** Answers up to this size are parsed without a look at their structure, bytes: it costs more there than it can save. */
const UNCHECKED_BYTES = 256 * 1024;
/** Values an answer may hold. Objects of three bytes each parse into twenty times their size and block the process for seconds. */
const MAX_VALUES = 1_000_000;
/** Nesting an answer may have. */
const MAX_DEPTH = 1_000;

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

/**
 * Decodes an answer.
 * @returns undefined when it is not UTF-8, which JSON between systems must be (RFC 8259, section 8.1), or not fit to be parsed.
 */
export function decodeAnswer(bytes: Buffer): AnswerText | undefined {
  if (bytes.length > UNCHECKED_BYTES && !isModest(bytes)) return undefined;
  if (isAscii(bytes)) {
    const text = bytes.toString('latin1');
    const escapeFree = !text.includes('\\');
    return { text, ascii: escapeFree || !text.includes('\\u'), escapeFree };
  }
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8', hasByteOrderMark(bytes) ? 3 : 0);
  return { text, ascii: false, escapeFree: !text.includes('\\') };
}

/** A receiver may ignore a byte order mark (RFC 8259, section 8.1). */
function hasByteOrderMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/**
 * Whether JSON text stays within the limits on values and nesting. Text that is not JSON may pass; the parser refuses it.
 * @param maxValues objects, lists and members of either that are taken.
 */
export function isModest(bytes: Uint8Array, maxValues = MAX_VALUES, maxDepth = MAX_DEPTH): boolean {
  let values = 0;
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        for (at += 1; at < bytes.length && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1;
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth += 1;
        values += 1;
        if (depth > maxDepth) return false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
      default:
    }
    if (values > maxValues) return false;
  }
  return true;
}
