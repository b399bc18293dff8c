/** Certificates, keys and authorities from files, loaded again when the files change: they are rotated without a restart. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { Gauge, type Registry } from 'prom-client';
import type { Stoppable } from './lifecycle.js';
import type { Logger } from './logger.js';

/** Where one side of TLS has its files, PEM each. */
export interface TlsFiles {
  /** Own certificate with its chain; goes with `keyFile`. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Authorities whose certificates are accepted of the other side. */
  readonly caFile?: string | undefined;
}

/** What the files hold, in the form Node takes. */
export interface TlsMaterial {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** Oldest protocol that is spoken (RFC 9325, section 3.1.1). */
export const MIN_TLS_VERSION = 'TLSv1.2';

/** Files that make no usable TLS; the message names the file. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
}

export interface FollowTlsOptions {
  readonly logger: Logger;
  /** Milliseconds between two looks at the files; default 5,000. */
  readonly intervalMs?: number;
  /** Where `acgs_tls_certificate_not_after_seconds` is registered. */
  readonly registry?: Registry | undefined;
  /** What the certificate is for, as the label `use` of the metric: `server` or `client`. */
  readonly use: 'server' | 'client';
}

const INTERVAL_MS = 5_000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Files being followed. New material that does not hold is refused, logged, and looked at again; the old stays in use. */
export class FollowedTls implements Stoppable {
  private readonly listeners = new Set<() => void>();
  private readonly timer: NodeJS.Timeout;
  private readonly notAfter: Gauge | undefined;
  private material: TlsMaterial;
  private seen: string;
  private refused: string | undefined;

  /** @throws TlsFileError when the files make no usable TLS now. */
  constructor(private readonly files: TlsFiles, private readonly options: FollowTlsOptions) {
    const { registry, intervalMs = INTERVAL_MS } = options;
    this.material = readTlsFiles(files);
    this.seen = fingerprint(this.material);
    this.notAfter = registry === undefined ? undefined : gaugeOf(registry);
    this.tellExpiry();
    this.timer = setInterval(() => this.look(), intervalMs);
    this.timer.unref();
  }

  current(): TlsMaterial {
    return this.material;
  }

  /** Calls back after new material was taken. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Looks at the files now instead of at the next interval. @returns whether new material was taken. */
  look(): boolean {
    const { logger, use } = this.options;
    let material: TlsMaterial;
    try {
      material = readTlsFiles(this.files);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // Certificate and key are rarely replaced in one step, so a pair that does not match is met and soon over.
      if (problem !== this.refused) logger.warn({ err: error, use }, 'Changed TLS files are not usable; the old certificate stays in use');
      this.refused = problem;
      return false;
    }
    this.refused = undefined;
    const mark = fingerprint(material);
    if (mark === this.seen) return false;
    this.seen = mark;
    this.material = material;
    this.tellExpiry();
    for (const listener of this.listeners) listener();
    logger.info({ use }, 'New TLS files are in use');
    return true;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.listeners.clear();
  }

  private tellExpiry(): void {
    if (this.material.cert !== undefined) this.notAfter?.set({ use: this.options.use }, Date.parse(new X509Certificate(this.material.cert).validTo) / 1_000);
  }
}

/**
 * Reads and checks the files: the certificate is in force, the key is its own, authorities are certificates.
 * @param now default the present.
 * @throws TlsFileError naming the file and what is wrong with it.
 */
export function readTlsFiles({ certFile, keyFile, caFile }: TlsFiles, now: Date = new Date()): TlsMaterial {
  const cert = certFile === undefined ? undefined : readPem(certFile);
  const key = keyFile === undefined ? undefined : readPem(keyFile);
  const ca = caFile === undefined ? undefined : readPem(caFile);
  const material: TlsMaterial = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }), ...(ca === undefined ? {} : { ca }) };
  if (cert !== undefined) checkPeriod(certFile ?? '', cert, now);
  // Node takes a file without certificates for an empty list of authorities and then trusts nobody, silently.
  if (ca !== undefined) parsed(caFile ?? '', ca);
  try {
    createSecureContext({ ...material, minVersion: MIN_TLS_VERSION });
  } catch (cause) {
    throw new TlsFileError(`${[certFile, keyFile, caFile].filter((file) => file !== undefined).join(', ')}: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  }
  return material;
}

function checkPeriod(file: string, pem: string, now: Date): void {
  const [own] = parsed(file, pem);
  if (own === undefined) return;
  if (Date.parse(own.validTo) <= now.getTime()) throw new TlsFileError(`${file}: the certificate ended on ${own.validTo}.`);
  if (Date.parse(own.validFrom) > now.getTime()) throw new TlsFileError(`${file}: the certificate begins on ${own.validFrom} only.`);
}

function parsed(file: string, pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new TlsFileError(`${file}: there is no PEM certificate in it.`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new TlsFileError(`${file}: a certificate in it cannot be read.`, { cause });
    }
  });
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TlsFileError(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`, { cause });
  }
}

function fingerprint({ cert = '', key = '', ca = '' }: TlsMaterial): string {
  return JSON.stringify([cert, key, ca]);
}

function gaugeOf(registry: Registry): Gauge {
  const name = 'acgs_tls_certificate_not_after_seconds';
  const known = registry.getSingleMetric(name);
  return known instanceof Gauge ? known : new Gauge({ name, help: 'When the certificate in use ends, seconds since the epoch.', labelNames: ['use'], registers: [registry] });
}
