/** Answers as bytes, in memory that is used again once they were sent. */
import { SpareBuffers } from '../../../ops/runtime/spare-buffers.js';

const SPARE = new SpareBuffers();

/** An answer that is being written; ASCII text and UTF-8 text alike. */
export class AnswerBytes {
  /** Bytes written. */
  length = 0;

  private constructor(private memory: Buffer) {}

  /** @param size first guess at the length, bytes. */
  static ofSize(size: number): AnswerBytes {
    return new AnswerBytes(SPARE.take(size));
  }

  /** Where the bytes are, from 0 to `length`; replaced by `grow`. */
  get buffer(): Buffer {
    return this.memory;
  }

  /**
   * Makes room.
   * @param at bytes that are kept.
   * @param more bytes that will follow them.
   * @returns the new buffer.
   * @throws RangeError when more was written than there was room for: what follows would be somebody else's bytes.
   */
  grow(at: number, more: number): Buffer {
    const { memory } = this;
    if (at > memory.length) throw new RangeError('An answer was written beyond the end of its memory.');
    this.memory = SPARE.take(Math.max(memory.length * 2, at + more));
    memory.copy(this.memory, 0, 0, at);
    SPARE.give(memory);
    return this.memory;
  }

  /**
   * Writes ASCII text for which there is room.
   * @param at bytes written so far.
   * @returns bytes written in all.
   */
  ascii(at: number, text: string): number {
    return at + this.memory.write(text, at, 'latin1');
  }

  /** Appends any text. @param ascii whether it is ASCII only. */
  append(text: string, ascii: boolean): void {
    const bytes = ascii ? text.length : Buffer.byteLength(text);
    if (this.length + bytes > this.memory.length) this.grow(this.length, bytes);
    this.length += this.memory.write(text, this.length, ascii ? 'latin1' : 'utf8');
  }

  /** What was written; it stays as it is until `release`. */
  view(): Buffer {
    return this.memory.subarray(0, this.length);
  }

  /** Gives the memory back. Nothing may use the answer afterwards. */
  release(): void {
    SPARE.give(this.memory);
    this.memory = RELEASED;
    this.length = 0;
  }
}

const RELEASED = Buffer.alloc(0);
