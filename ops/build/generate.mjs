// Generates what TypeScript needs from the contracts: the Prisma client and the resolver types of each subgraph.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { contentFingerprint, listFiles, packageRoot, readIfPresent, withBuildLock, writeAtomically } from './files.mjs';
import { resolverTypesInputs, writeResolverTypes } from './resolver-types.mjs';

const PRISMA_OUTPUT = path.join(packageRoot, 'prisma', '__generated__');

function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: packageRoot, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`prisma generate failed (exit ${code}):\n${output.trim()}`));
    });
  });
}

/** Generates prisma/__generated__ unless it already matches its inputs. Returns whether anything was written. */
async function generatePrismaClient() {
  const schemaFiles = listFiles(['prisma/schema']).filter((file) => file.endsWith('.prisma'));
  if (schemaFiles.length === 0) return false;
  const inputs = contentFingerprint([...schemaFiles, 'node_modules/prisma/package.json', 'ops/build/generate.mjs']);
  const stamp = path.join(PRISMA_OUTPUT, '.inputs');
  if (readIfPresent(stamp)?.trim() === inputs) return false;

  // Generated beside the final place and moved in at the end: a running test never sees half a client.
  const workspace = path.join(packageRoot, 'prisma', `.generate-${process.pid}`);
  try {
    mkdirSync(path.join(workspace, 'schema'), { recursive: true });
    for (const file of schemaFiles) copyFileSync(path.join(packageRoot, file), path.join(workspace, 'schema', path.basename(file)));
    await run(process.execPath, ['node_modules/prisma/build/index.js', 'generate', '--schema', path.join(workspace, 'schema')], {
      // `generate` never runs the schema engine but insists on finding or downloading one: any existing file satisfies it.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    });
    const fresh = path.join(workspace, '__generated__');
    writeAtomically(path.join(fresh, '.inputs'), `${inputs}\n`);
    if (existsSync(PRISMA_OUTPUT)) renameSync(PRISMA_OUTPUT, path.join(workspace, 'previous'));
    renameSync(fresh, PRISMA_OUTPUT);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
  return true;
}

function removeLeftovers() {
  const folder = path.join(packageRoot, 'prisma');
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder)) {
    if (entry.startsWith('.generate-')) rmSync(path.join(folder, entry), { recursive: true, force: true });
  }
}

/**
 * Generates everything that is out of date. A broken contract does not stop the others from being generated.
 * The caller holds the build lock.
 * @returns {Promise<{ written: string[]; errors: string[] }>}
 */
export async function generate() {
  removeLeftovers();
  const written = [];
  const errors = [];
  const steps = [
    generatePrismaClient().then((changed) => changed && written.push('prisma/__generated__')),
    ...resolverTypesInputs().map((subgraph) =>
      writeResolverTypes(subgraph).then((changed) => changed && written.push(subgraph.output)),
    ),
  ];
  for (const result of await Promise.allSettled(steps)) {
    if (result.status === 'rejected') errors.push(result.reason instanceof Error ? result.reason.message : String(result.reason));
  }
  return { written, errors };
}

/** Prints the outcome of {@link generate}; returns false when something failed. */
export function reportGeneration({ written, errors }) {
  for (const file of written) console.log(`generated ${file}`);
  for (const error of errors) console.error(`generate: ${error}`);
  return errors.length === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (!reportGeneration(await withBuildLock(generate))) process.exitCode = 1;
}
