/** Runs the all-in-one control plane as a child, so that the load generator does not share its event loop. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '../runtime/package-root.js';

export interface PlaneProcess {
  readonly url: string;
  readonly webhookUrl: string;
  /** Base URL of each subgraph. */
  readonly subgraphUrls: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Time from spawning to the printed banner, seconds. */
  readonly startSeconds: number;
  readonly adminPassword: string;
  readonly webhookToken: string;
  /** Resident memory of the Node process, MiB. */
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts it on free ports over a data directory; resolves when it says that it runs. */
export async function startPlaneProcess(dataDirectory: string, environment: Readonly<Record<string, string | undefined>>): Promise<PlaneProcess> {
  const started = performance.now();
  const child = spawn(process.execPath, [projectPath('dist', 'ops', 'embedded', 'main.js')], {
    env: { ...environment, ACGS_DATA_DIR: dataDirectory, ACGS_FREE_PORTS: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = await banner(child);
  const urlOf = (label: RegExp): string => label.exec(printed)?.[1] ?? '';
  const secret = (name: string): string => readFileSync(join(dataDirectory, 'secrets', name), 'utf8').trim();
  return {
    url: urlOf(/GraphQL +(http:\S+)\/graphql/), webhookUrl: urlOf(/webhook +(http:\S+)/), pid: child.pid ?? 0,
    subgraphUrls: Object.fromEntries([...(/^ +Subgraphs +(.*)$/m.exec(printed)?.[1] ?? '').matchAll(/(\S+) :(\d+)/g)].map(([, name = '', port = '']) => [name, `http://127.0.0.1:${port}`])),
    startSeconds: (performance.now() - started) / 1_000,
    get adminPassword() { return secret('admin.password'); },
    get webhookToken() { return secret('alertmanager-webhook.token'); },
    residentMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** What the process prints once it runs. */
function banner(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('Stop it with Ctrl-C')) resolve(output);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => reject(new Error(`The control plane ended with ${code}:\n${output}`)));
  });
}
