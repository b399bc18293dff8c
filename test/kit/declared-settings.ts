/** The settings that the config.ts files declare, as their source says them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '../../ops/runtime/package-root.js';

export interface DeclaredSetting {
  readonly key: string;
  /** May be given as `<key>_FILE` too. */
  readonly secret: boolean;
  /** `1 to 9` of numbers, the words of a choice; undefined of what is free. */
  readonly allowed: string | undefined;
  /** As an environment variable would say it; undefined where the declaration has no literal one, or an empty one. */
  readonly fallback: string | undefined;
}

/** Every declaration; a key that several processes read comes several times. */
export function declaredSettings(): DeclaredSetting[] {
  return ['gateway', 'subgraphs', 'ops'].flatMap((part) => readdirSync(projectPath(part), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?:^|-)config\.ts$/.test(entry.name) && !entry.parentPath.includes('.fixture'))
    .flatMap((entry) => settingsOf(readFileSync(join(entry.parentPath, entry.name), 'utf8'))));
}

function settingsOf(source: string): DeclaredSetting[] {
  return [...source.matchAll(/\b(setting|secretSetting)(?:<[^()]+>)?\('(\w+)', /g)].map(({ 0: { length }, 1: kind, 2: key = '', index }) => {
    const type = argumentAt(source, index + length);
    const text = /^\w+$/.test(type) ? (new RegExp(`^const ${type} = ([\\s\\S]*?);$`, 'm').exec(source)?.[1] ?? type) : type;
    return { key, secret: kind === 'secretSetting', allowed: allowedBy(text), fallback: literal(/\.default\(((?:[^()]|\([^()]*\))*)\)/.exec(text)?.[1]) };
  });
}

/** One argument of a call: up to the comma or bracket that ends it. */
function argumentAt(source: string, from: number): string {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const character = source[at] ?? '';
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    if (depth < 0 || (depth === 0 && character === ',')) return source.slice(from, at);
  }
  throw new Error('A call in a config.ts file has no end.');
}

function allowedBy(type: string): string | undefined {
  const [, low, high] = /(?:envType\.integer\(([^,]+), ([^)]+)\))/.exec(type) ?? /\.min\(([\d.]+)\)\.max\(([\d.]+)\)/.exec(type) ?? [];
  if (low !== undefined && high !== undefined) return `${literal(low)} to ${literal(high)}`;
  if (type.startsWith('envType.boolean()')) return 'true, false';
  return /z\.enum\(\[([^\]]*)\]\)/.exec(type)?.[1]?.replaceAll("'", '');
}

/** A number, product, text or truth value as an environment variable says it. */
function literal(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  const quoted = /^'(.*)'$/.exec(code)?.[1];
  if (quoted !== undefined) return quoted === '' ? undefined : quoted;
  const factors = code.split('*').map((factor) => Number(factor.trim().replaceAll('_', '')));
  if (factors.every((factor) => !Number.isNaN(factor))) return String(factors.reduce((product, factor) => product * factor, 1));
  return code === 'true' || code === 'false' ? code : undefined;
}
