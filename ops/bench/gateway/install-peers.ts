/** Installs the gateways we compare with, once, from their own lock file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { projectPath } from '../../runtime/package-root.js';

/**
 * Runs `npm ci` in the peers' folder unless exactly what its lock file names is installed.
 * Install scripts stay off: no peer needs one.
 * @throws Error with npm's output when it fails.
 */
export async function installPeers(say: (line: string) => void): Promise<void> {
  const folder = projectPath('ops', 'bench', 'gateway', 'peers');
  if (isInstalled(folder)) return;
  say('Installing the peers of the comparison (npm ci in ops/bench/gateway/peers) …');
  const npm = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const [code] = await once(npm, 'close') as [number | null];
  if (code !== 0) throw new Error(`The peers could not be installed; --only leaves them out.\n${output}`);
}

/** npm keeps what it installed in a hidden lock file; every package of ours that is not optional must be in it, in the same version. */
function isInstalled(folder: string): boolean {
  const read = (file: string): Record<string, { version?: string; optional?: boolean }> | undefined => {
    try {
      return (JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as { packages: Record<string, { version?: string; optional?: boolean }> }).packages;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const installed = read('node_modules/.package-lock.json');
  return installed !== undefined && Object.entries(read('package-lock.json') ?? {}).every(([path, { version, optional }]) => path === '' || optional === true || installed[path]?.version === version);
}
