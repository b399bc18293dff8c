/** Settings of deployments: where instances may run, where the installation's own run, and how often they are probed. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { envType, readSettings, setting } from '../../ops/runtime/config.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { defaultPortOf, isSubgraphName, SUBGRAPH_NAMES, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import { isRelease } from './domain.js';
import { UPSTREAM_TLS_SETTINGS, upstreamTlsOf } from '../../ops/runtime/tls-config.js';
import type { TlsFiles } from '../../ops/runtime/tls-files.js';

export interface EvolutionConfig {
  /** Hosts instances may be registered on; lower case, IPv6 without brackets. */
  readonly instanceHosts: readonly string[];
  /** Origins of the instances the installation was started with. */
  readonly baselineUrls: Readonly<Record<SubgraphName, string>>;
  /** Release of the installation. */
  readonly release: string;
  /** Time between two probes of the active instances, milliseconds. */
  readonly probeIntervalMs: number;
  /** Files for probing instances over TLS; undefined trusts the system's authorities. */
  readonly instanceTls: TlsFiles | undefined;
}

const hosts = z.string().default('127.0.0.1,localhost')
  .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
  .refine((list) => list.every((host) => /^[0-9a-z][0-9a-z.:_-]*$|^::1$/.test(host)), 'must be host names or addresses separated by commas, without ports');

const baselines = z.string().default('').transform((text, context) => {
  const urls = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, `http://127.0.0.1:${defaultPortOf(name)}`])) as Record<SubgraphName, string>;
  for (const entry of text.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
    const split = entry.indexOf('=');
    const name = entry.slice(0, Math.max(split, 0));
    const url = entry.slice(split + 1);
    if (!isSubgraphName(name) || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      context.addIssue({ code: 'custom', message: `${entry} is not <subgraph>=<http or https URL>` });
      return z.NEVER;
    }
    urls[name] = new URL(url).origin;
  }
  return urls;
});

/** @throws ConfigError naming a malformed setting. */
export function readEvolutionConfig(environment: Readonly<Record<string, string | undefined>>): EvolutionConfig {
  const settings = readSettings({
    instanceHosts: setting('ACGS_INSTANCE_HOSTS', hosts, '127.0.0.1,localhost'),
    baselineUrls: setting('ACGS_SUBGRAPH_URLS', baselines, 'auth=http://auth:8000,integrity=http://integrity:8002'),
    ...UPSTREAM_TLS_SETTINGS,
    probeIntervalMs: setting('ACGS_PROBE_INTERVAL_MS', envType.integer(20, 3_600_000).default(5_000), '5000'),
  }, environment);
  return { ...settings, release: releaseOfInstallation(), instanceTls: upstreamTlsOf(settings, settings.baselineUrls) };
}

function releaseOfInstallation(): string {
  const { version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version?: unknown };
  if (typeof version !== 'string' || !isRelease(version)) throw new Error('package.json has no semantic version.');
  return version;
}
