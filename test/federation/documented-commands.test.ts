/** Every command of the documentation that says it can be run, is: against one real control plane, page by page. */
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dropRoles } from '../../ops/database/provision.js';
import { documentedCommands, outputDifference } from '../../ops/docs/command-blocks.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { createEmptyDatabase } from '../kit/database.js';
import { runPage, type SessionPlace } from '../kit/documented-session.js';

const ADDRESS = 'http://127.0.0.1:4000';
const run = documentedCommands().filter(({ reason }) => reason === undefined);
const pages = [...new Set(run.map(({ page }) => page))];

let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let plane: ControlPlane;
let place: SessionPlace;
const rolePrefix = `acgs_d${Math.random().toString(36).slice(2, 8)}_`;

/** A checkout to run commands in: its own contracts, secrets and data; everything else is the real one. */
async function makeCheckout(directory: string): Promise<void> {
  const own = new Set(['.acgs', '.git', '.secrets', 'schema', 'ops']);
  await mkdir(join(directory, 'ops'), { recursive: true });
  for (const name of await readdir(projectPath())) if (!own.has(name)) await symlink(projectPath(name), join(directory, name));
  // The script in it writes beside itself.
  for (const name of await readdir(projectPath('ops'))) if (name !== 'compose') await symlink(projectPath('ops', name), join(directory, 'ops', name));
  for (const name of ['schema', 'ops/compose']) await cp(projectPath(name), join(directory, name), { recursive: true });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-documented-'));
  const checkout = join(folder, 'acgs');
  await makeCheckout(checkout);
  database = await createEmptyDatabase();
  plane = await startControlPlane(readEmbeddedConfig({
    DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: join(checkout, '.acgs'), ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error', ACGS_SCHEMA_USAGE_INTERVAL_MS: '100',
  }));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'acgs'), `#!/bin/sh\nexec "${process.execPath}" "${projectPath('dist', 'ops', 'cli', 'main.js')}" "$@"\n`);
  await chmod(join(bin, 'acgs'), 0o755);
  place = {
    directory: checkout,
    environment: { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, ACGS_SERVER: plane.gatewayUrl, DATABASE_URL: database.adminUrl, ACGS_DATABASE_ROLE_PREFIX: rolePrefix, LC_ALL: 'C.UTF-8' },
    adapt: (commands) => commands.replaceAll(ADDRESS, plane.gatewayUrl),
  };
}, 120_000);
afterAll(async () => {
  await plane?.stop();
  if (database !== undefined) await dropRoles({ connectionString: database.adminUrl, rolePrefix });
  await database?.drop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

describe('commands of the documentation', () => {
  test('are run for the pages that have some', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/cli.md', 'docs/deployment.md', 'docs/schema-registry.md']));
  });

  test.each(pages)('%s', async (page) => {
    const blocks = run.filter((block) => block.page === page);
    // Sessions of one page are not those of another.
    const faults = (await runPage(blocks, { ...place, environment: { ...place.environment, HOME: await mkdtemp(join(folder, 'home-')) } })).flatMap(({ block, exit, printed }) => {
      const where = `${block.page}:${block.line}`;
      if (exit === undefined) return [`${where} was not reached, or did not end in time:\n${printed}`];
      if (exit !== block.exit) return [`${where} ended with ${exit}, not ${block.exit}:\n${block.commands}\n${printed}`];
      const missing = block.output === undefined ? undefined : outputDifference(block.output, printed);
      return missing === undefined ? [] : [`${where} printed no line "${missing}":\n${printed}`];
    });
    expect(faults).toEqual([]);
  }, 90_000);
});
