/** Reads a V8 CPU profile and says which functions the time went to. */
import { partOf } from './profile-parts.js';

interface ProfileNode { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number } }
interface Profile { readonly nodes: readonly ProfileNode[]; readonly samples: readonly number[]; readonly timeDeltas: readonly number[]; readonly startTime: number; readonly endTime: number }

/**
 * Self times by part of the work, package, file and function, busiest first; idle time is left out of the shares.
 * @param text content of a `.cpuprofile` file.
 * @param lastSeconds how much of its end counts, so that the start of the process does not.
 * @param count functions to list; default 40.
 */
export function summariseProfile(text: string, lastSeconds: number, count = 40): string {
  const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(text) as Profile;
  const selfMicros = new Map<number, number>();
  let at = startTime;
  samples.forEach((id, index) => {
    const delta = timeDeltas[index] ?? 0;
    at += delta;
    if (at > endTime - lastSeconds * 1e6) selfMicros.set(id, (selfMicros.get(id) ?? 0) + delta);
  });
  const functions = new Map<string, number>();
  const packages = new Map<string, number>();
  const files = new Map<string, number>();
  const parts = new Map<string, number>();
  let total = 0;
  for (const { id, callFrame } of nodes) {
    const self = selfMicros.get(id) ?? 0;
    if (self === 0 || callFrame.functionName === '(idle)') continue;
    total += self;
    const place = placeOf(callFrame.url);
    add(functions, `${callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName}  ${place}${callFrame.lineNumber > 0 ? `:${callFrame.lineNumber + 1}` : ''}`, self);
    add(parts, partOf({ name: callFrame.functionName, place, line: callFrame.lineNumber }), self);
    if (isOurs(place)) add(files, place, self);
    add(packages, callFrame.functionName.startsWith('(') && callFrame.url === '' ? callFrame.functionName : packageOf(place), self);
  }
  const lines = (map: ReadonlyMap<string, number>, limit: number): string =>
    [...map].sort((left, right) => right[1] - left[1]).slice(0, limit).map(([name, self]) => `  ${((self / total) * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n');
  return `${(total / 1e6).toFixed(1)} s busy\n\nBy part:\n${lines(parts, 20)}\n\nBy package:\n${lines(packages, 20)}\n\nOur code by file:\n${lines(files, 25)}\n\nBy function, self time:\n${lines(functions, count)}\n`;
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

/** The part of a script's URL that says what it is. */
function placeOf(url: string): string {
  const module = url.lastIndexOf('/node_modules/');
  if (module >= 0) return url.slice(module + '/node_modules/'.length);
  const own = /\/dist\/(.*)$/.exec(url)?.[1];
  return own ?? (url === '' ? '(native)' : url);
}

function packageOf(place: string): string {
  if (isOurs(place)) return place.split('/').slice(0, 2).join('/');
  if (place.startsWith('node:')) return place.split('/')[0] ?? place;
  return place.startsWith('@') ? place.split('/').slice(0, 2).join('/') : (place.split('/')[0] ?? place);
}

function isOurs(place: string): boolean {
  return place.startsWith('gateway/') || place.startsWith('ops/');
}
