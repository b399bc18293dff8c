// Builds the package: generates from the contracts, then compiles to dist; `--if-stale` skips when nothing changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { generate, reportGeneration } from './generate.mjs';
import { listFiles, packageRoot, readIfPresent, statFingerprint, withBuildLock, writeAtomically } from './files.mjs';

const DIST = path.join(packageRoot, 'dist');
const STAMP = path.join(DIST, '.build-stamp');
const COMPILER = path.join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');
const INPUTS = ['gateway', 'subgraphs', 'ops', 'prisma', 'schema', 'test', 'tsconfig.json', 'package.json', 'package-lock.json', 'prisma.config.ts'];

const fingerprint = () => `${statFingerprint(listFiles(INPUTS))} node ${process.versions.modules}`;
const isFresh = () => readIfPresent(STAMP)?.trim() === fingerprint();

/** Deletes compiled files whose source is gone, so that nothing runs code that no longer exists. */
function pruneOutputs(folder = '') {
  for (const entry of readdirSync(path.join(DIST, folder), { withFileTypes: true })) {
    const relative = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      pruneOutputs(relative);
      if (readdirSync(path.join(DIST, relative)).length === 0) rmSync(path.join(DIST, relative), { recursive: true });
      continue;
    }
    const source = relative.replace(/\.js(\.map)?$/, '');
    if (source === relative || relative === '.build-stamp') continue;
    if (!['.ts', '.tsx'].some((extension) => existsSync(path.join(packageRoot, source + extension)))) rmSync(path.join(DIST, relative));
  }
}

async function build() {
  const started = performance.now();
  // Taken before reading: a file edited while the build runs makes the next build run again.
  const built = fingerprint();
  const generated = reportGeneration(await generate());
  const { status, error } = spawnSync(process.execPath, [COMPILER, '--project', 'tsconfig.json'], { cwd: packageRoot, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0 || !generated) {
    console.error('build failed');
    return false;
  }
  if (existsSync(DIST)) pruneOutputs();
  writeAtomically(STAMP, `${built}\n`);
  console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return true;
}

async function main() {
  const ifStale = process.argv.includes('--if-stale');
  if (!existsSync(COMPILER)) {
    // A production install (npm ci --omit=dev) runs the dist folder it was shipped with.
    if (existsSync(STAMP)) return true;
    throw new Error('dist is missing and so are the development dependencies that build it: run "npm ci" without --omit=dev');
  }
  if (ifStale && isFresh()) return true;
  return withBuildLock(async () => (ifStale && isFresh() ? true : build()));
}

if (!(await main())) process.exitCode = 1;
