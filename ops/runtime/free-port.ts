/** Finds a TCP port that another process can be told to listen on. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which Linux takes ports for outgoing connections: what is free now stays free until it is used. */
const LOWEST = 10_000;
const HIGHEST = 32_000;
const ATTEMPTS = 100;

/**
 * A port that nothing listens on.
 * @param host address it must be free on; default 127.0.0.1.
 * @throws Error when a hundred random ports were all taken.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port, host)) return port;
  }
  throw new Error(`No free port was found on ${host}.`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => { server.close(() => resolve(true)); });
  });
}
