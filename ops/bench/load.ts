/** An open-loop load generator: requests leave on schedule whether or not earlier ones came back. */
import { Pool } from 'undici';

export interface LoadResult {
  /** Milliseconds from the scheduled start of each request to the end of its answer. */
  readonly times: readonly number[];
  readonly failures: readonly string[];
}

/**
 * Sends one GraphQL operation at a fixed rate.
 * @param options.rate requests per second.
 * @param options.seconds how long; the first `warmupSeconds` are sent and not counted.
 */
export async function openLoop(options: { url: string; headers: Record<string, string>; body: string; rate: number; seconds: number; warmupSeconds: number }): Promise<LoadResult> {
  const pool = new Pool(options.url, { connections: 50, pipelining: 1 });
  const times: number[] = [];
  const failures: string[] = [];
  const total = Math.round(options.rate * (options.seconds + options.warmupSeconds));
  const skip = Math.round(options.rate * options.warmupSeconds);
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (let i = 0; i < total; i += 1) {
    const due = start + (i * 1_000) / options.rate;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // A timer that fires late belongs to the generator, not to the server: the clock starts when the request leaves.
    const left = performance.now();
    pending.push(pool.request({ method: 'POST', path: '/graphql', headers: options.headers, body: options.body }).then(async ({ statusCode, body }) => {
      const text = await body.text();
      if (i < skip) return;
      times.push(performance.now() - left);
      if (statusCode !== 200 || text.includes('"errors"')) failures.push(text.slice(0, 300));
    }, (error: unknown) => { if (i >= skip) failures.push(String(error)); }));
  }
  await Promise.all(pending);
  await pool.close();
  return { times, failures };
}
