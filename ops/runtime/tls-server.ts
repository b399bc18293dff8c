/** The TLS side of a server: certificates that rotate, and which requests need a client certificate. */
import type { IncomingMessage, RequestListener, Server, ServerOptions } from 'node:http';
import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { MIN_TLS_VERSION, type FollowedTls } from './tls-files.js';

/** How a server speaks TLS. */
export interface ServerTls {
  /** Own certificate and key; with authorities, clients must present a certificate of theirs. */
  readonly files: FollowedTls;
  /** DNS names of which a client's certificate must carry one; empty accepts every client of the authorities. */
  readonly clientNames: readonly string[];
}

/** What answers without a client certificate: probes have none, and what they learn is a status. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/health/live', '/health/ready']);

/**
 * Makes an HTTPS server, TLS 1.2 or newer. A client without a valid certificate completes the handshake, so that probes
 * reach the health paths; `mayCall` decides about everything else.
 */
export function createTlsServer(options: ServerOptions, { files }: ServerTls, listener: RequestListener): Server {
  const context = () => ({ ...files.current(), minVersion: MIN_TLS_VERSION }) as const;
  const server = createServer({ ...options, ...context(), requestCert: files.current().ca !== undefined, rejectUnauthorized: false }, listener);
  files.onChange(() => server.setSecureContext(context()));
  return server;
}

/** Whether a request may be answered: it needs no client certificate, or came with a valid one under an accepted name. */
export function mayCall(tls: ServerTls | undefined, { socket }: Pick<IncomingMessage, 'socket'>, path: string): boolean {
  if (tls === undefined || tls.files.current().ca === undefined || OPEN_PATHS.has(path)) return true;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return false;
  return tls.clientNames.length === 0 || namesOf(socket).some((name) => tls.clientNames.includes(name));
}

const namesBySocket = new WeakMap<TLSSocket, readonly string[]>();

/** DNS names of the client's certificate (RFC 6125 leaves the common name behind). */
function namesOf(socket: TLSSocket): readonly string[] {
  let names = namesBySocket.get(socket);
  if (names === undefined) {
    const { subjectaltname = '' } = socket.getPeerCertificate();
    names = subjectaltname.split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4)] : []));
    namesBySocket.set(socket, names);
  }
  return names;
}
