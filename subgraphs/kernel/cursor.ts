/** Stream cursors: opaque, authenticated places in a stream, bound to field, filter, stream and epoch (design section 5). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { digestOf } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';

const VERSION = 1;
const HEADER_BYTES = 1 + 8 + 8 + 16;
const MAC_BYTES = 16;

export interface CursorBinding {
  /** Subscription field. */
  readonly field: string;
  readonly stream: string;
  /** Arguments of the field without `after`. */
  readonly filter: unknown;
}

export class Cursors {
  constructor(private readonly key: Uint8Array, private readonly epoch: number) {}

  /** @param seq last event the holder has seen or skipped; 0 for none. */
  encode(binding: CursorBinding, seq: number): string {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(VERSION, 0);
    header.writeBigUInt64BE(BigInt(this.epoch), 1);
    header.writeBigUInt64BE(BigInt(seq), 9);
    bindingDigest(binding).copy(header, 17);
    return Buffer.concat([header, this.mac(header)]).toString('base64url');
  }

  /**
   * @param head last number the stream holds now.
   * @returns the number after which events are due.
   * @throws AcgsError CURSOR_INVALID for a forged or foreign cursor, CURSOR_EXPIRED for one of another epoch or beyond the head.
   */
  decode(binding: CursorBinding, cursor: string, head: number): number {
    const bytes = Buffer.from(cursor, 'base64url');
    if (bytes.length !== HEADER_BYTES + MAC_BYTES || bytes.readUInt8(0) !== VERSION) throw new AcgsError('CURSOR_INVALID');
    const header = bytes.subarray(0, HEADER_BYTES);
    if (!timingSafeEqual(bytes.subarray(HEADER_BYTES), this.mac(header))) throw new AcgsError('CURSOR_INVALID');
    if (!header.subarray(17).equals(bindingDigest(binding))) throw new AcgsError('CURSOR_INVALID');
    const seq = Number(header.readBigUInt64BE(9));
    if (Number(header.readBigUInt64BE(1)) !== this.epoch || seq > head) throw new AcgsError('CURSOR_EXPIRED');
    return seq;
  }

  private mac(header: Uint8Array): Buffer {
    return createHmac('sha256', this.key).update(header).digest().subarray(0, MAC_BYTES);
  }
}

function bindingDigest({ field, stream, filter }: CursorBinding): Buffer {
  return digestOf({ field, stream, filter: filter ?? null }).subarray(0, 16);
}
