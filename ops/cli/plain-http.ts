/** Says so before a secret is sent where others on the way can read it. */
import type { Run } from './act.js';
import { printable } from './output/cells.js';

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** True when what is sent to a server is readable on the way: plain HTTP to another machine. @param server a URL. */
export function isReadableOnTheWay(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && !LOOPBACK.test(hostname);
}

/** Warns on standard error, also with --quiet, before it is asked for. @param what the secret, as in "Your password". */
export function warnOfPlainHttp({ terminal, graph: { server } }: { readonly terminal: Pick<Run['terminal'], 'err'>; readonly graph: Pick<Run['graph'], 'server'> }, what: string): void {
  if (isReadableOnTheWay(server)) terminal.err(`acgs: warning: ${what} goes to ${printable(server)} in plain HTTP: everyone on the way can read it. Use https://.\n`);
}
