// Runs jest with one PostgreSQL for the whole run; extra arguments go to jest, e.g. `node ops/build/test.mjs test/unit/foo.test.ts`.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { tsImport } from 'tsx/esm/api';
import { generate, reportGeneration } from './generate.mjs';
import { packageRoot, withBuildLock } from './files.mjs';

const OPTIONAL_BINARIES = [
  { name: 'redis-server', found: () => onPath('redis-server') },
  { name: 'nginx', found: () => onPath('nginx') },
  { name: 'openssl', found: () => onPath('openssl') },
  { name: 'prometheus', found: () => onPath('prometheus') },
  { name: 'prometheus-alertmanager', found: () => onPath('prometheus-alertmanager') || onPath('alertmanager') },
  ...['shellcheck', 'zsh', 'fish'].map((name) => ({ name, found: () => onPath(name) })),
  { name: 'postgres (Debian server binaries: initdb, pg_basebackup, pg_rewind)', found: hasDebianPostgres },
];

/** Concurrent runs take one data directory each, so that a later run starts warm. */
const DATABASE_SLOTS = 16;

function onPath(binary) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => folder !== '' && existsSync(path.join(folder, binary)));
}

function hasDebianPostgres() {
  return onPath('pg_basebackup') && ['15', '16', '17', '18'].some((major) => existsSync(`/usr/lib/postgresql/${major}/bin/pg_rewind`));
}

/** Returns the server tests use and how to stop it; starts one when the environment names none. */
async function provideDatabase() {
  const configured = process.env.ACGS_TEST_DATABASE_URL || process.env.DATABASE_URL;
  if (configured) return { url: configured, stop: async () => {} };
  const { startEmbeddedPostgres } = await tsImport('../database/embedded-postgres.ts', import.meta.url);
  const quiet = { info() {}, debug() {}, warn: (details, message) => console.warn('test database:', message ?? details), error: (details, message) => console.error('test database:', message ?? details) };
  for (let slot = 0; ; slot += 1) {
    try {
      const server = await startEmbeddedPostgres({ directory: path.join(packageRoot, '.acgs', 'test-postgres', String(slot)), logger: quiet });
      return { url: server.connectionString, stop: () => server.stop() };
    } catch (error) {
      if (error?.code !== 'DATABASE_IN_USE' || slot + 1 >= DATABASE_SLOTS) throw error;
    }
  }
}

function runJest(args, resultFile, databaseUrl) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', path.join('node_modules', 'jest', 'bin', 'jest.js'), '--json', `--outputFile=${resultFile}`, ...args],
      // jest prints the JSON to stdout as well when --json is given; the report people read goes to stderr.
      { cwd: packageRoot, stdio: ['inherit', 'ignore', 'inherit'], env: { ...process.env, ACGS_TEST_DATABASE_URL: databaseUrl } },
    );
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(signal === null ? (code ?? 1) : 1);
    });
  });
}

/** Prints the counts; returns how many tests were skipped. */
function summarise(resultFile) {
  if (!existsSync(resultFile)) {
    console.log('0 passed, 0 failed (jest wrote no result)');
    return 0;
  }
  const result = JSON.parse(readFileSync(resultFile, 'utf8'));
  const skipped = result.numPendingTests + result.numTodoTests;
  // A suite that does not load has no failed test of its own and still is a failure.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  if (skipped > 0) {
    for (const { name, found } of OPTIONAL_BINARIES) {
      if (!found()) console.log(`SKIPPED BECAUSE MISSING: ${name} is not installed; the tests that need it did not run`);
    }
  }
  console.log(`${result.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return skipped;
}

async function main() {
  if (!reportGeneration(await withBuildLock(generate))) console.error('generate: continuing; the suites that need the broken contract will fail');
  const workspace = mkdtempSync(path.join(os.tmpdir(), 'acgs-test-'));
  const resultFile = path.join(workspace, 'result.json');
  const database = await provideDatabase();
  try {
    const code = await runJest(process.argv.slice(2), resultFile, database.url);
    const skipped = summarise(resultFile);
    if (skipped > 0 && process.env.ACGS_FORBID_SKIPS === '1') {
      console.error('ACGS_FORBID_SKIPS=1: skipped tests count as a failure');
      return 1;
    }
    return code;
  } finally {
    await database.stop();
    rmSync(workspace, { recursive: true, force: true });
  }
}

process.exitCode = await main();
