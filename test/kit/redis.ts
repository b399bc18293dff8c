/** A Redis server of the suite's own, when Debian's or any other redis-server is on the PATH. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { freePort } from '../../ops/runtime/free-port.js';
import { until } from './until.js';

/** True when redis-server can be started here. */
export const redisAvailable = spawnSync('redis-server', ['--version']).status === 0;

export interface TestRedis {
  readonly url: string;
  /** Ends the server at once, keeping nothing. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
}

/** Starts a server that keeps nothing on disk. */
export async function startRedis(): Promise<TestRedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const launch = async (): Promise<ReturnType<typeof spawn>> => {
    const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    const probe = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    probe.on('error', () => undefined);
    await until(async () => ((await probe.ping()) === 'PONG' ? true : undefined));
    probe.disconnect();
    return child;
  };
  let child = await launch();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  return { url, kill, restart: async () => { await kill(); child = await launch(); } };
}

/** Settings that put a process's events on the Redis server of REDIS_URL, under keys of its own; none without it. */
export function redisEnvironment(): { environment: Record<string, string>; cleanUp(): Promise<void> } {
  const url = process.env['REDIS_URL'];
  if (url === undefined || url === '') return { environment: {}, cleanUp: () => Promise.resolve() };
  const prefix = `acgs-test-${randomBytes(6).toString('hex')}:`;
  return {
    environment: { REDIS_URL: url, ACGS_REDIS_PREFIX: prefix },
    async cleanUp() {
      const redis = new Redis(url);
      const keys = await redis.keys(`${prefix}*`);
      if (keys.length > 0) await redis.unlink(...keys);
      redis.disconnect();
    },
  };
}
