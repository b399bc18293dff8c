/** How every story begins: a control plane of its own in a folder that goes away, and its administrator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEmbeddedConfig } from '../embedded/config.js';
import { startControlPlane, type ControlPlane } from '../embedded/control-plane.js';
import type { Lifecycle } from '../runtime/lifecycle.js';
import { secretFile } from '../runtime/secret-files.js';
import { login, type Person } from './cast.js';
import { demoEnvironment } from './config.js';
import type { Narrator } from './narrator.js';

export interface Opening {
  readonly plane: ControlPlane;
  readonly admin: Person;
  readonly folder: string;
  readonly dataDirectory: string;
  /** A secret that the installation made. @throws Error when it did not. */
  readonly secret: (name: string) => string;
}

/** Starts the plane. @param settings beside those of the demonstration's own environment. */
export async function open(lifecycle: Lifecycle, narrator: Narrator, settings: Readonly<Record<string, string>> = {}): Promise<Opening> {
  const folder = await mkdtemp(join(tmpdir(), 'acgs-demo-'));
  lifecycle.add('folder', { stop: () => rm(folder, { recursive: true, force: true }) });
  const dataDirectory = join(folder, 'data');
  const secret = (name: string): string => secretFile(dataDirectory, name, () => { throw new Error(`There is no secret ${name}.`); });
  narrator.step('The control plane starts: PostgreSQL, seven subgraphs, one gateway');
  const plane = lifecycle.add('control plane', await startControlPlane(readEmbeddedConfig({ ...demoEnvironment(), ...settings, ACGS_DATA_DIR: dataDirectory, ACGS_FREE_PORTS: 'true', ACGS_LOG_LEVEL: 'error' })));
  const { active, epoch, digest } = plane.installation.manifest;
  narrator.fact('graph', `${plane.gatewayUrl}/graphql`);
  narrator.fact('constitution', `hash ${active}, epoch ${epoch}, SHA-256 ${digest}`);
  return { plane, folder, dataDirectory, secret, admin: await login(plane.gatewayUrl, active, 'admin', secret('admin.password')) };
}
