/** Sorts the functions of a profile into the parts of a gateway's work; the first part that fits takes a function. */

/** Where a function is: its name, and the part of its script's URL that says what it is. */
export interface ProfiledFunction {
  readonly name: string;
  readonly place: string;
  /** Line of the script, from 0. */
  readonly line: number;
}

const NATIVE_CRYPTO = new Set(['Hmac', 'Hash', 'digest', 'update']);
const NATIVE_STREAMS = /^(writev|write(Buffer|Utf8String|Latin1String)|readStart|shutdown)$/;

const PARTS: readonly (readonly [part: string, fits: (profiled: ProfiledFunction) => boolean])[] = [
  ['garbage collection', ({ name }) => name === '(garbage collector)'],
  ['parsing subgraph answers', ({ place }) => place.startsWith('gateway/execution/upstream/json.')],
  ['metrics', ({ place }) => place.startsWith('prom-client/') || /^gateway\/.*metrics/.test(place)],
  ['hop tokens', ({ name, place }) => /hop-(token|headers)|internal\/crypto/.test(place) || (place === '(native)' && NATIVE_CRYPTO.has(name))],
  // Code made at run time has no URL, and unlike the platform's own it has lines.
  ['writing the answer', ({ place, line }) => place.startsWith('gateway/execution/response/') || (place === '(native)' && line > 0)],
  ['representations', ({ place }) => place.startsWith('gateway/execution/plan/representations')],
  ['following the plan', ({ place }) => /^gateway\/execution\/(plan\/|execute|compile-operation)/.test(place)],
  ['belief in answers', ({ place }) => /^gateway\/execution\/upstream\/(believe|answer-text|read-answer)/.test(place)],
  ['calls: routing, deadlines, retries', ({ place }) => place.startsWith('gateway/execution/upstream/')],
  ['edge: credentials, limits, gates', ({ place }) => place.startsWith('gateway/') || place.startsWith('lru-cache/')],
  ['HTTP client', ({ place }) => place.startsWith('undici/') || place.startsWith('wasm:')],
  ['sockets, streams and HTTP server', ({ name, place }) => place.startsWith('node:') || /^ops\/runtime\/(http-server|request-body)/.test(place) || NATIVE_STREAMS.test(name)],
];

/** The part a function belongs to; what fits none is V8 and the rest. */
export function partOf(profiled: ProfiledFunction): string {
  return PARTS.find(([, fits]) => fits(profiled))?.[0] ?? 'V8 and the rest';
}
