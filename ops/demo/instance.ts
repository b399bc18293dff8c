/** A second instance of a subgraph, as a process of its own that can be killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../runtime/free-port.js';
import { projectPath } from '../runtime/package-root.js';
import { schemaOf, type SubgraphName } from '../runtime/subgraph-names.js';
import type { ControlPlane } from '../embedded/control-plane.js';

export interface Instance {
  readonly url: string;
  /** host:port. */
  readonly address: string;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
}

/** Starts it over the same database and data directory; resolves when it is ready. */
export async function startInstance(plane: ControlPlane, name: SubgraphName, dataDirectory: string, environment: Readonly<Record<string, string | undefined>>): Promise<Instance> {
  const port = await freePort();
  const child = spawn(process.execPath, [projectPath('dist', 'subgraphs', 'main.js'), name, '--port', String(port)], {
    env: { ...environment, ACGS_DATA_DIR: dataDirectory, DATABASE_URL: plane.installation.databaseUrls[schemaOf(name)], ACGS_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The second instance of ${name} ended at start with ${child.exitCode}.`);
    if (await fetch(`${url}/health/ready`).then((response) => response.ok, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url, address: `127.0.0.1:${port}`,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
