/** Connections of undici to servers over TLS, made with the files that are current at that moment. */
import { buildConnector } from 'undici';
import { MIN_TLS_VERSION, type TlsMaterial } from './tls-files.js';

export interface ConnectorOptions {
  /** Certificate, key and authorities; asked for at each new connection. Without it the system's authorities are trusted. */
  readonly tls?: (() => TlsMaterial) | undefined;
  /** Longest time to connect, milliseconds. */
  readonly timeoutMs: number;
  /** Told of every connection that failed; TLS says why here and nowhere else. */
  readonly onError?: ((origin: string, error: Error) => void) | undefined;
}

/** Makes a connector for a pool or an agent, which would otherwise keep the certificates they were made with. */
export function createConnector({ tls, timeoutMs, onError }: ConnectorOptions): buildConnector.connector {
  const fixed = { timeout: timeoutMs, minVersion: MIN_TLS_VERSION } as const;
  let material: TlsMaterial | undefined;
  let connect = buildConnector(fixed);
  return (options, callback) => {
    try {
      const current = tls?.();
      if (current !== material) {
        material = current;
        connect = buildConnector({ ...fixed, ...current });
      }
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), null);
      return;
    }
    connect(options, onError === undefined ? callback : (...outcome: Parameters<typeof callback>) => {
      if (outcome[0] !== null) onError(`${options.protocol}//${options.host ?? options.hostname}`, outcome[0]);
      callback(...outcome);
    });
  };
}
