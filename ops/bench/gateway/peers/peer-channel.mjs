/** What every peer shares: its argument, and saying to the runner that it listens. */
import { createServer } from 'node:http';

/** @type {{ plainSupergraph: string, subgraphs: Record<string, string> }} The argument the runner gives each contender. */
export const contender = JSON.parse(process.argv[2] ?? '{}');

/** Tells the runner where this gateway listens, and ends with it. @param {number} port */
export function listening(port) {
  process.on('disconnect', () => process.exit(0));
  process.once('SIGTERM', () => process.exit(0));
  process.send?.({ ready: { port } });
}

/** Serves a request handler of Node on a free port of loopback. @param {import('node:http').RequestListener} handler */
export function serve(handler) {
  const server = createServer({ keepAliveTimeout: 65_000 }, handler);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') listening(address.port);
  });
}
