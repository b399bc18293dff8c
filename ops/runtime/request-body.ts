/** Reads request bodies: by events, within a limit, and without waiting for a client that went away. */
import type { IncomingMessage } from 'node:http';
import { AcgsError } from './errors.js';

/** The client closed the connection before its request was complete; there is nobody to answer. */
export class RequestAborted extends Error {
  override readonly name = 'RequestAborted';
  constructor() {
    super('The client went away before its request was complete.');
  }
}

const EMPTY = Buffer.alloc(0);
/** What is read and thrown away above the limit so that the refusal can be delivered; then the connection is cut. */
const DISCARDED_BYTES = 4 * 1024 * 1024;

/**
 * Reads a whole body.
 * @param limit largest body in bytes; both the declared and the real length count.
 * @throws AcgsError PAYLOAD_TOO_LARGE, at once and before the body is complete; RequestAborted when the client went away.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    let size = 0;
    let refused = false;
    let ended = false;
    const refuse = (): void => {
      refused = true;
      first = undefined;
      chunks = undefined;
      reject(new AcgsError('PAYLOAD_TOO_LARGE', `The body is larger than ${limit} bytes.`, { limitBytes: limit }));
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (refused) {
        if (size > limit + DISCARDED_BYTES) request.destroy();
      } else if (size > limit) refuse();
      else if (first === undefined) first = chunk;
      else (chunks ??= [first]).push(chunk);
    });
    request.on('end', () => {
      ended = true;
      resolve(chunks === undefined ? first ?? EMPTY : Buffer.concat(chunks, size));
    });
    // Both also come for requests that are complete; an error is made only where it is needed, since its stack costs.
    const abort = (): void => { if (!ended && !refused) reject(new RequestAborted()); };
    request.on('error', abort);
    request.on('close', abort);
    if (Number(request.headers['content-length'] ?? 0) > limit) refuse();
  });
}
