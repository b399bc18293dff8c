/** A WebSocket client that costs next to nothing: enough of RFC 6455 for a benchmark's readers, over a bare socket. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

export interface LeanHandlers {
  open(): void;
  /** A text message; the bytes are valid during the call only. */
  message(bytes: Buffer): void;
  closed(): void;
}

export class LeanSocket {
  private readonly socket: Socket;
  private rest: Buffer | undefined;
  private upgraded = false;

  /** @param localAddress source address on the loopback network. */
  constructor(url: URL, localAddress: string, private readonly handlers: LeanHandlers) {
    this.socket = connect({ host: url.hostname, port: Number(url.port), localAddress, noDelay: true });
    this.socket.on('connect', () => {
      this.socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`);
    });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => handlers.closed());
  }

  send(text: string): void {
    this.frame(TEXT, Buffer.from(text));
  }

  /** Breaks off without a handshake. */
  terminate(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    let data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    if (!this.upgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end < 0) {
        this.rest = data;
        return;
      }
      if (!data.subarray(9, 12).equals(SWITCHING)) {
        this.socket.destroy();
        return;
      }
      this.upgraded = true;
      data = data.subarray(end + 4);
      this.handlers.open();
    }
    let at = 0;
    while (data.length - at >= 2) {
      const short = (data[at + 1] ?? 0) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (data.length - at < head) break;
      const length = short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
      if (data.length - at < head + length) break;
      this.take((data[at] ?? 0) & 0x0f, data.subarray(at + head, at + head + length));
      at += head + length;
    }
    if (at < data.length) this.rest = data.subarray(at);
  }

  private take(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.handlers.message(payload);
    else if (opcode === PING) this.frame(PONG, payload);
    else if (opcode === CLOSE) {
      this.frame(CLOSE, payload);
      this.socket.end();
    }
  }

  /** Frames of clients are masked; a mask of zeros leaves the payload as it is. */
  private frame(opcode: number, payload: Buffer): void {
    const { length } = payload;
    const head = length < 126 ? [0x80 | opcode, 0x80 | length] : [0x80 | opcode, 0x80 | 126, length >> 8, length & 0xff];
    this.socket.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]));
  }
}

const SWITCHING = Buffer.from('101');
