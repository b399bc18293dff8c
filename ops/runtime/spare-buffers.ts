/** Buffers that are used again: memory that was just used is in the processor's caches, and the collector hears nothing of it. */

/** Smallest buffer that is kept, bytes; below, allocating from Node's own slab is as fast. */
const SMALLEST = 16 * 1024;
/** Largest buffer that is kept, bytes. */
const LARGEST = 1024 * 1024;

/**
 * Keeps buffers that are no longer needed for whoever needs one next, the last one given back first. Sizes are powers of
 * two from 16 KiB to 1 MiB; what is larger is allocated and left to the collector.
 */
export class SpareBuffers {
  private readonly spare = new Map<number, Buffer[]>();
  private kept = 0;

  /** @param maxBytes most bytes kept for later; default 8 MiB. */
  constructor(private readonly maxBytes = 8 * 1024 * 1024) {}

  /** A buffer of at least that many bytes; what is in it is old. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const buffer = this.spare.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.kept -= size;
    return buffer;
  }

  /** Gives a buffer back, whole as it was taken. Nothing may read or write it afterwards. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (size < SMALLEST || size > LARGEST || sizeFor(size) !== size || this.kept + size > this.maxBytes) return;
    this.kept += size;
    const known = this.spare.get(size);
    if (known === undefined) this.spare.set(size, [buffer]);
    else known.push(buffer);
  }
}

function sizeFor(bytes: number): number {
  if (bytes > LARGEST) return bytes;
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  return size;
}
