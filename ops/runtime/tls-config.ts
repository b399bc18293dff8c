/** Settings of TLS, and what follows from them for a process. */
import { ConfigError, envType, setting } from './config.js';
import type { Logger } from './logger.js';
import type { Registry } from 'prom-client';
import { FollowedTls, type TlsFiles } from './tls-files.js';
import type { ServerTls } from './tls-server.js';

/** A server's certificate, and of whom it asks one. */
export interface ServerTlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of client certificates; without them no client needs one. */
  readonly clientCaFile: string | undefined;
  readonly clientNames: readonly string[];
}

/** Settings of every process that listens. */
export const SERVER_TLS_SETTINGS = {
  tlsCertFile: setting('ACGS_TLS_CERT_FILE', envType.text().optional(), '/run/tls/tls.crt'),
  tlsKeyFile: setting('ACGS_TLS_KEY_FILE', envType.text().optional(), '/run/tls/tls.key'),
  tlsClientCaFile: setting('ACGS_TLS_CLIENT_CA_FILE', envType.text().optional(), '/run/tls/ca.crt'),
  tlsClientNames: setting('ACGS_TLS_CLIENT_NAMES', envType.list(), 'gateway,prometheus'),
} as const;

/** Settings of a process that calls the others. */
export const UPSTREAM_TLS_SETTINGS = {
  upstreamCaFile: setting('ACGS_UPSTREAM_TLS_CA_FILE', envType.text().optional(), '/run/tls/ca.crt'),
  upstreamCertFile: setting('ACGS_UPSTREAM_TLS_CERT_FILE', envType.text().optional(), '/run/tls/tls.crt'),
  upstreamKeyFile: setting('ACGS_UPSTREAM_TLS_KEY_FILE', envType.text().optional(), '/run/tls/tls.key'),
} as const;

interface ServerValues { readonly tlsCertFile: string | undefined; readonly tlsKeyFile: string | undefined; readonly tlsClientCaFile: string | undefined; readonly tlsClientNames: readonly string[] }
interface UpstreamValues { readonly upstreamCaFile: string | undefined; readonly upstreamCertFile: string | undefined; readonly upstreamKeyFile: string | undefined }

/**
 * A server's TLS from its settings; undefined where there is none.
 * @throws ConfigError for a certificate without its key or the other way round, and for client authorities without either.
 */
export function serverTlsOf({ tlsCertFile, tlsKeyFile, tlsClientCaFile, tlsClientNames }: ServerValues): ServerTlsConfig | undefined {
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    if (tlsClientNames.length > 0 && tlsClientCaFile === undefined) throw new ConfigError(['ACGS_TLS_CLIENT_NAMES: names of clients are known by their certificates, so ACGS_TLS_CLIENT_CA_FILE is needed too (example: ACGS_TLS_CLIENT_CA_FILE=/run/tls/ca.crt)']);
    return { certFile: tlsCertFile, keyFile: tlsKeyFile, clientCaFile: tlsClientCaFile, clientNames: tlsClientNames };
  }
  if (tlsCertFile !== undefined) throw new ConfigError(['ACGS_TLS_KEY_FILE: the certificate of ACGS_TLS_CERT_FILE needs its key (example: ACGS_TLS_KEY_FILE=/run/tls/tls.key)']);
  if (tlsKeyFile !== undefined || tlsClientCaFile !== undefined || tlsClientNames.length > 0) throw new ConfigError(['ACGS_TLS_CERT_FILE: other TLS settings are there and the certificate is missing (example: ACGS_TLS_CERT_FILE=/run/tls/tls.crt)']);
  return undefined;
}

/**
 * Files for calling others over TLS; undefined where none is set, and then the system's authorities are trusted.
 * @throws ConfigError for a certificate without its key or the other way round, and for a URL without TLS beside them.
 */
export function upstreamTlsOf({ upstreamCaFile, upstreamCertFile, upstreamKeyFile }: UpstreamValues, urls: Readonly<Record<string, string>>): TlsFiles | undefined {
  if ((upstreamCertFile === undefined) !== (upstreamKeyFile === undefined)) throw new ConfigError(['ACGS_UPSTREAM_TLS_CERT_FILE, ACGS_UPSTREAM_TLS_KEY_FILE: certificate and key belong together; set both (example: ACGS_UPSTREAM_TLS_KEY_FILE=/run/tls/tls.key)']);
  if (upstreamCaFile === undefined && upstreamCertFile === undefined) return undefined;
  const plain = Object.entries(urls).filter(([, url]) => new URL(url).protocol !== 'https:').map(([name]) => name);
  if (plain.length > 0) throw new ConfigError([`ACGS_SUBGRAPH_URLS: ${plain.join(', ')} would be called without TLS although ACGS_UPSTREAM_TLS_* is set; give every subgraph an https:// URL (example: ACGS_SUBGRAPH_URLS=auth=https://auth:8000)`]);
  return { caFile: upstreamCaFile, certFile: upstreamCertFile, keyFile: upstreamKeyFile };
}

/**
 * Opens a server's TLS files.
 * @param intervalMs milliseconds between two looks at the files; default 5,000.
 * @throws TlsFileError when they are not usable.
 */
export function openServerTls({ certFile, keyFile, clientCaFile, clientNames }: ServerTlsConfig, logger: Logger, registry: Registry, intervalMs?: number): ServerTls & { stop(): Promise<void> } {
  const files = new FollowedTls({ certFile, keyFile, caFile: clientCaFile }, { logger, registry, use: 'server', ...(intervalMs === undefined ? {} : { intervalMs }) });
  return { files, clientNames, stop: () => files.stop() };
}
