/** The schemas a command is about: files of the working tree, a git revision, or a version of the registry. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { sha256Hex } from '../../runtime/canonical-json.js';
import type { SubgraphSchema } from '../../runtime/schema-check.js';
import { isSubgraphName, defaultPortOf } from '../../runtime/subgraph-names.js';
import { CliError } from '../exit-codes.js';
import type { SchemaFile } from '../schema-report/finding-places.js';

/** A subgraph's schema with the file it was read from. */
export interface SourceSchema extends SubgraphSchema {
  readonly file: SchemaFile;
  /** Whether an address was given; the one in force is kept otherwise. */
  readonly hasUrl: boolean;
}

/** What of the command line says where schemas are. */
export interface SourceValues {
  readonly dir?: string;
  readonly subgraph?: readonly { readonly name: string; readonly file: string }[];
  readonly url?: readonly { readonly name: string; readonly url: string }[];
}

const DEFAULT_DIRECTORY = 'schema/subgraphs';
/** Definitions that every subgraph has; they stand beside the folder of the contracts. */
const DEFINITIONS = ['constitutional.graphql', 'common.graphql'];

/** How a file is read: from the working tree, or from a git revision. */
interface Tree {
  list(directory: string): string[];
  read(path: string): string;
  exists(path: string): boolean;
}

const workingTree: Tree = {
  list: (directory) => readdirSync(directory),
  read: (path) => readFileSync(path, 'utf8'),
  exists: existsSync,
};

/** The schemas of the working tree that the options name, in order of name. @throws CliError USAGE for what cannot be read. */
export function readSources(values: SourceValues): SourceSchema[] {
  return readFrom(workingTree, values, values.dir ?? DEFAULT_DIRECTORY);
}

/** The same schemas as they are in another folder. @throws CliError USAGE */
export function readBaseDirectory(values: SourceValues, directory: string): SourceSchema[] {
  return readFrom(workingTree, { ...values, dir: directory }, directory);
}

/**
 * The same schemas as they were at a git revision. A file of the folder that is not there then is a new subgraph; one named
 * by `--subgraph` is new only when its `--url` says so, since a file that was renamed would be compared with nothing.
 * @throws CliError USAGE when git does not know the revision, or a named file is not there.
 */
export function readRevision(values: SourceValues, revision: string): SourceSchema[] {
  // A revision that looks like an option would be taken for one.
  if (revision.startsWith('-')) throw new CliError('USAGE', `"${revision}" is no git revision.`);
  const git = (...args: string[]): string => {
    try {
      return execFileSync('git', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (cause) {
      const told = (cause as { stderr?: string }).stderr?.trim();
      throw new CliError('USAGE', `git cannot show ${revision}: ${told === undefined || told === '' ? String(cause) : told}`, undefined, undefined, { cause });
    }
  };
  git('rev-parse', '--verify', '--quiet', `${revision}^{commit}`);
  // Relative to where we are: the root as git names it differs from ours where a link is on the way.
  const prefix = git('rev-parse', '--show-prefix').replace(/\n$/, '');
  const inTree = (path: string): string => join(prefix, relative('.', path)).replaceAll('\\', '/');
  const files = new Set(git('ls-tree', '-r', '-z', '--name-only', '--full-tree', revision).split('\0'));
  return readFrom({
    list: (directory) => [...files].filter((file) => dirname(file) === inTree(directory)).map((file) => basename(file)),
    read: (path) => git('show', `${revision}:${inTree(path)}`),
    exists: (path) => files.has(inTree(path)),
  }, values, values.dir ?? DEFAULT_DIRECTORY, revision);
}

/** Documents that ship beside the contracts, for the checks that nobody's registry makes. */
export function shippedBeside(values: SourceValues): { readonly name: string; readonly text: string; readonly client: string }[] {
  const folder = join(dirname(values.dir ?? DEFAULT_DIRECTORY), 'operations');
  if (values.subgraph !== undefined || !existsSync(folder)) return [];
  return readdirSync(folder).filter((file) => file.endsWith('.graphql')).sort().map((file) => ({ name: basename(file, '.graphql'), text: readFileSync(join(folder, file), 'utf8'), client: 'acgs' }));
}

/** Fingerprints of a file: one a line, then why; `#` begins a remark. @throws CliError USAGE for a line that has none. */
export function readApprovals(path: string): string[] {
  return readText(workingTree, path).split('\n').flatMap((line, index) => {
    const [fingerprint = ''] = line.trim().split(/\s+/, 1);
    if (fingerprint === '' || fingerprint.startsWith('#')) return [];
    if (!/^[0-9a-f]{64}$/.test(fingerprint)) throw new CliError('USAGE', `${path}, line ${index + 1}: "${fingerprint.slice(0, 80)}" is no fingerprint.`);
    return [fingerprint];
  });
}

/** The schemas that differ from those in force, as the registry takes them. */
export function changedOf(sources: readonly SourceSchema[], active: readonly { readonly name: string; readonly url: string; readonly digest: string }[]): { name: string; url: string | null; sdl: string }[] {
  const known = new Map(active.map((subgraph) => [subgraph.name, subgraph]));
  return sources
    .filter(({ name, url, hasUrl, sdl }) => known.get(name)?.digest !== sha256Hex(sdl) || (hasUrl && known.get(name)?.url !== url))
    .map(({ name, url, hasUrl, sdl }) => ({ name, url: hasUrl || !known.has(name) ? url : null, sdl }));
}

function readFrom(tree: Tree, { subgraph, url = [] }: SourceValues, directory: string, revision?: string): SourceSchema[] {
  const files = subgraph ?? inDirectory(tree, directory);
  const twice = files.find(({ name }, index) => files.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new CliError('USAGE', `The subgraph ${twice.name} is given twice.`);
  const present = revision === undefined ? files : files.filter(({ name, file }) => {
    if (tree.exists(file)) return true;
    if (url.some((given) => given.name === name)) return false;
    throw new CliError('USAGE', `${file} is not there at ${revision}. If it was renamed, compare with a revision that has it; if ${name} is new, say so with --url ${name}=URL.`, 'acgs help schema check');
  });
  return present.map(({ name, file }) => {
    const address = url.find((given) => given.name === name)?.url;
    const own = readText(tree, file);
    const definitions = DEFINITIONS.map((definition) => join(dirname(dirname(file)), definition)).filter((path) => tree.exists(path)).map((path) => readText(tree, path));
    return { name, url: address ?? defaultUrl(name), hasUrl: address !== undefined, sdl: [own, ...definitions].join('\n'), file: { subgraph: name, path: relative('.', file).replaceAll('\\', '/'), sdl: own } };
  }).sort((left, right) => (left.name < right.name ? -1 : 1));
}

function inDirectory(tree: Tree, directory: string): { name: string; file: string }[] {
  let names: string[];
  try {
    names = tree.list(directory);
  } catch (cause) {
    throw new CliError('USAGE', `There is no folder ${directory} with schemas; name it with --dir, or the files with --subgraph NAME=FILE.`, 'acgs help schema check', undefined, { cause });
  }
  const found = names.filter((file) => file.endsWith('.graphql')).map((file) => ({ name: basename(file, '.graphql'), file: join(directory, file) }));
  if (found.length === 0) throw new CliError('USAGE', `There is no NAME.graphql in ${directory}.`, 'acgs help schema check');
  return found;
}

function readText(tree: Tree, path: string): string {
  try {
    return tree.read(path);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('USAGE', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, undefined, { cause });
  }
}

/** Written into the supergraph; gateways route by their own table. */
function defaultUrl(name: string): string {
  return isSubgraphName(name) ? `http://127.0.0.1:${defaultPortOf(name)}` : `http://${name}`;
}
