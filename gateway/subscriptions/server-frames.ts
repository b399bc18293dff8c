/** WebSocket frames from server to client: unmasked, unfragmented text (RFC 6455, section 5.2), made once for shared text. */
import type { StreamAnswer } from './stream-answer.js';

const FINAL_TEXT = 0x81;
const SHORT = 125;
const MEDIUM = 0xffff;
/** Above this many bytes an answer is not copied into its readers' frames but written beside their heads. */
const COPY_LIMIT = 16 * 1024;
const CLOSING_BRACE = 1;

/** A frame in one piece or, for a large answer, in pieces that follow each other. */
export type Frame = readonly Buffer[];

/** A frame of any text. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headLength(length) + length);
  frame.write(text, writeHead(frame, length));
  return frame;
}

/**
 * The frame of a `next` message. Its bytes are shared by readers that use the same id, and the answer's by all, so a
 * frame must not be changed.
 * @param id the client's operation id.
 */
export function nextFrame(answer: StreamAnswer, id: string): Frame {
  if (answer.frame?.id === id) return [answer.frame.bytes];
  const { bytes } = answer;
  const opening = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  const openingLength = Buffer.byteLength(opening);
  const length = openingLength + bytes.length + CLOSING_BRACE;
  const copied = bytes.length <= COPY_LIMIT;
  const frame = Buffer.allocUnsafe(headLength(length) + openingLength + (copied ? bytes.length + CLOSING_BRACE : 0));
  let at = writeHead(frame, length);
  at += frame.write(opening, at);
  if (!copied) return [frame, bytes, BRACE];
  at += bytes.copy(frame, at);
  frame.write('}', at, 'latin1');
  answer.frame = { id, bytes: frame };
  return [frame];
}

const BRACE = Buffer.from('}');

function headLength(length: number): number {
  return length <= SHORT ? 2 : length <= MEDIUM ? 4 : 10;
}

/** Writes the frame's head; returns where the payload begins. */
function writeHead(frame: Buffer, length: number): number {
  frame[0] = FINAL_TEXT;
  if (length <= SHORT) {
    frame[1] = length;
    return 2;
  }
  if (length <= MEDIUM) {
    frame[1] = 126;
    return frame.writeUInt16BE(length, 2);
  }
  frame[1] = 127;
  return frame.writeBigUInt64BE(BigInt(length), 2);
}
