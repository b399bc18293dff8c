/** An authority of the suite's own and certificates of it, made by the script that deployments use. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { TlsFiles } from '../../ops/runtime/tls-files.js';

/** True when certificates can be made here. */
export const opensslAvailable = spawnSync('openssl', ['version']).status === 0;

/** Names a certificate of a server on this machine carries besides its own. */
export const HERE = 'IP:127.0.0.1,localhost';

export class TestAuthority {
  readonly directory = mkdtempSync(join(tmpdir(), 'acgs-tls-'));

  /** Makes certificates, or makes them anew. @param days how long they hold; negative for one that has ended. */
  issue(entries: readonly string[], days = 90): void {
    const { status, stderr } = spawnSync('sh', [projectPath('ops', 'tls', 'make-certificates.sh'), this.directory, ...entries], {
      encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', ACGS_CERTIFICATE_DAYS: String(days), ACGS_CERTIFICATE_RENEW_DAYS: '36500' },
    });
    if (status !== 0) throw new Error(`Certificates were not made: ${stderr}`);
  }

  /** Path of a file of a name. */
  file(name: string, file: 'tls.crt' | 'tls.key' | 'ca.crt'): string {
    return join(this.directory, name, file);
  }

  /** Files of a name; the authority is the one that issued them. */
  filesOf(name: string): Required<TlsFiles> {
    return { certFile: this.file(name, 'tls.crt'), keyFile: this.file(name, 'tls.key'), caFile: this.file(name, 'ca.crt') };
  }

  /** Puts one name's files in the place of another's. */
  replace(name: string, by: string): void {
    cpSync(join(this.directory, by), join(this.directory, name), { recursive: true });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
