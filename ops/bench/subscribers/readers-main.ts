/** Thousands of subscribers in one process: each keeps its cursor, reconnects with it, and counts what it misses or sees twice. */
import { randomUUID } from 'node:crypto';
import { answerParent } from '../gateway/parent-channel.js';
import { issuePrincipals } from '../gateway/principals.js';
import { summarise } from '../statistics.js';
import { LeanSocket } from './lean-socket.js';
import { HASH, SUBSCRIPTION, machineTime } from './stream-contract.js';

/** Connections that may be opening at the same time. */
const OPENING_AT_ONCE = 200;
/** Source addresses on the loopback network, so that ports do not run short. */
const SOURCES = 8;

const [count = '1'] = process.argv.slice(2);
const { jwks, tokens } = await issuePrincipals(Number(count), { roles: [], scopes: ['alert:read'], policies: [] });

const NEXT = Buffer.from('"type":"next"');
const ACK = Buffer.from('"connection_ack"');
const OPENED = Buffer.from('"kind":"OPENED"');
const CURSOR = Buffer.from('"cursor":"c:');
const SENT_AT = Buffer.from('"sentAt":');

let url = new URL('ws://localhost');
let opening = 0;
const waiting: Reader[] = [];
const counts = { live: 0, lost: 0, doubled: 0, disordered: 0, received: 0, reconnects: 0, errors: 0 };
/** Delivery times in milliseconds of the phase that is measured now. */
let times: number[] = [];

class Reader {
  /** Number of the last event; -1 before the first OPENED. */
  last = -1;
  private live = false;
  /** What it waits for. */
  stage: 'turn' | 'handshake' | 'acknowledgement' | 'OPENED' | 'events' | 'reconnect' = 'turn';
  private socket: LeanSocket | undefined;

  constructor(private readonly index: number) {}

  connect(): void {
    if (opening >= OPENING_AT_ONCE) {
      this.stage = 'turn';
      waiting.push(this);
      return;
    }
    opening += 1;
    this.stage = 'handshake';
    let settled = false;
    const settle = (): void => {
      if (settled) return;
      settled = true;
      opening -= 1;
      waiting.shift()?.connect();
    };
    this.socket = new LeanSocket(url, `127.0.0.${1 + (this.index % SOURCES)}`, {
      open: () => {
        this.stage = 'acknowledgement';
        this.socket?.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${tokens[this.index]}`, constitutionalHash: HASH } }));
      },
      message: (bytes) => {
        if (bytes.includes(NEXT)) {
          this.take(bytes);
          settle();
        } else if (bytes.includes(ACK)) {
          this.stage = 'OPENED';
          this.socket?.send(JSON.stringify({ id: randomUUID(), type: 'subscribe', payload: { query: SUBSCRIPTION, variables: { after: this.last === -1 ? null : `c:${this.last}` } } }));
        } else {
          counts.errors += 1;
          this.drop();
        }
      },
      closed: () => {
        settle();
        this.stage = 'reconnect';
        if (this.live) {
          this.live = false;
          counts.live -= 1;
        }
        counts.reconnects += 1;
        setTimeout(() => this.connect(), 100 + Math.random() * 900);
      },
    });
  }

  /** Breaks the connection off, as a failing network does. */
  drop(): void {
    this.socket?.terminate();
  }

  private take(bytes: Buffer): void {
    const place = numberAfter(bytes, CURSOR);
    if (bytes.includes(OPENED)) {
      if (this.last === -1) this.last = place;
      else if (place !== this.last) counts.disordered += 1;
      this.live = true;
      this.stage = 'events';
      counts.live += 1;
      return;
    }
    counts.received += 1;
    times.push(machineTime() - numberAfter(bytes, SENT_AT));
    if (place === this.last + 1) this.last = place;
    else if (place <= this.last) counts.doubled += 1;
    else {
      counts.lost += place - this.last - 1;
      this.last = place;
    }
  }
}

/** The decimal number behind a marker. */
function numberAfter(bytes: Buffer, marker: Buffer): number {
  const start = bytes.indexOf(marker) + marker.length;
  let end = start;
  while (isDecimal(bytes[end])) end += 1;
  return Number(bytes.toString('latin1', start, end));
}

function isDecimal(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === 0x2e);
}

/** How many wait for what. */
function stages(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { stage } of readers) found[stage] = (found[stage] ?? 0) + 1;
  return found;
}

const readers = Array.from({ length: Number(count) }, (_, index) => new Reader(index));

answerParent({
  jwks: () => jwks,
  connect: (given: string) => {
    url = new URL(given);
    for (const reader of readers) reader.connect();
  },
  /** Breaks the connections of some subscribers off. */
  drop: (some: number) => { for (const reader of readers.slice(0, some)) reader.drop(); },
  counts: () => ({ ...counts, stages: stages(), slowest: readers.reduce((least, { last }) => Math.min(least, last), Infinity) }),
  /** Sums up the delivery times of a phase and begins the next; null when nothing was delivered. */
  phase: () => {
    const taken = times;
    times = [];
    return taken.length === 0 ? null : summarise(taken);
  },
}, {});
