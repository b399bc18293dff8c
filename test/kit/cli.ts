/** Runs the built `acgs` as people and scripts do: as a process, through a pipe or at a pseudo-terminal. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { projectPath } from '../../ops/runtime/package-root.js';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** Resolves when the text has appeared on either stream; rejects when the process ended before. */
  seen(text: string | RegExp): Promise<string>;
  readonly ended: Promise<Ended>;
}

export class Cli {
  /** @param environment added to an environment that has nothing but PATH and HOME. */
  constructor(private readonly environment: Readonly<Record<string, string>>) {}

  with(environment: Readonly<Record<string, string>>): Cli {
    return new Cli({ ...this.environment, ...environment });
  }

  start(argv: readonly string[], input?: string): Started {
    return started(spawn(process.execPath, [projectPath('dist', 'ops', 'cli', 'main.js'), ...argv], { env: this.env(), stdio: ['pipe', 'pipe', 'pipe'] }), input ?? '');
  }

  run(argv: readonly string[], input?: string): Promise<Ended> {
    return this.start(argv, input).ended;
  }

  /** Runs it and takes its JSON. @throws Error when it does not end with 0. */
  async json<T>(argv: readonly string[], input?: string): Promise<T> {
    const { code, out, err } = await this.run([...argv, '-o', 'json'], input);
    if (code !== 0) throw new Error(`acgs ${argv.join(' ')} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }

  /** At a pseudo-terminal of 80x24 (`script` of util-linux); what is written to standard input is typed. */
  terminal(argv: readonly string[]): Started {
    const words = [process.execPath, projectPath('dist', 'ops', 'cli', 'main.js'), ...argv].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return started(spawn('script', ['--quiet', '--return', '--command', `stty cols 80 rows 24; exec ${words}`, '/dev/null'], { env: { ...this.env(), TERM: 'xterm', SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  private env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...this.environment };
  }
}

/** @param input all of standard input; left open without one. */
function started(child: ChildProcess, input?: string): Started {
  let out = '';
  let err = '';
  const looking = new Set<() => void>();
  child.stdout?.on('data', (chunk: Buffer) => { out += chunk.toString(); for (const look of looking) look(); });
  child.stderr?.on('data', (chunk: Buffer) => { err += chunk.toString(); for (const look of looking) look(); });
  // A process that ends without reading its input closes the pipe.
  child.stdin?.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error; });
  if (input !== undefined) child.stdin?.end(input);
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return {
    child, ended,
    seen: (text) => new Promise((resolve, reject) => {
      const look = (): void => {
        const all = out + err;
        if (typeof text === 'string' ? !all.includes(text) : !text.test(all)) return;
        looking.delete(look);
        resolve(all);
      };
      looking.add(look);
      look();
      ended.then(({ code }) => { if (looking.has(look)) reject(new Error(`It ended with ${code} before ${String(text)}: ${out}${err}`)); }, reject);
    }),
  };
}
