/** The gateway's settings: read from the environment once, with defaults and limits in one place. */
import './telemetry-config.js';
import { z } from 'zod';
import { checkHostBinding, COMMON_SETTINGS, ConfigError, envType, readSettings, secretSetting, setting, type RunMode } from '../ops/runtime/config.js';
import { projectPath } from '../ops/runtime/package-root.js';
import { SERVER_TLS_SETTINGS, serverTlsOf, UPSTREAM_TLS_SETTINGS, upstreamTlsOf, type ServerTlsConfig } from '../ops/runtime/tls-config.js';
import type { TlsFiles } from '../ops/runtime/tls-files.js';
import { readTracingConfig, type TracingConfig } from '../ops/runtime/tracing-config.js';
import { isSubgraphName, SUBGRAPHS } from '../ops/runtime/subgraph-names.js';
import type { SafelistMode } from './enforcement/safelist.js';
import type { RateLimitConfig } from './enforcement/rates/rate-policy.js';
import type { EntityCacheConfig } from './execution/cache/entity-cache.js';

/** What one operation may ask for. */
export interface OperationLimits {
  /** Nesting of fields, fragments expanded; default 12. */
  readonly maxDepth: number;
  /** Aliases in the document; default 30. */
  readonly maxAliases: number;
  /** Lexical tokens; default 2,000. */
  readonly maxTokens: number;
  /** Estimated cost; default 5,000. See `enforcement/limits.ts` for how it is counted. */
  readonly maxCost: number;
}

/** How operations are planned. */
export interface PlanningConfig {
  /** Worker threads that plan; default 1. Each holds its own copy of the planner. */
  readonly threads: number;
  /** Longest time one operation may take to plan, milliseconds; default 5,000. */
  readonly timeLimitMs: number;
}

export interface GatewayConfig {
  readonly mode: RunMode;
  readonly logLevel: string;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly dataDirectory: string;
  readonly genesisLabel: string;
  /** Base URL of each subgraph; the target feed may move a subgraph elsewhere. */
  readonly subgraphUrls: Readonly<Record<string, string>>;
  readonly supergraphFile: string;
  /** Whether what the schema registry signs is served once it answers; false where a file was named, which is then followed. */
  readonly followRegistry: boolean;
  /** Time between two reports of what clients ask for, milliseconds; 0 for none. */
  readonly usageIntervalMs: number;
  readonly limits: OperationLimits;
  readonly planning: PlanningConfig;
  /** Largest request body in bytes. */
  readonly bodyLimit: number;
  /** Time a request may take, milliseconds. */
  readonly deadlineMs: number;
  /** Interval of the revocation and target feeds, milliseconds. */
  readonly feedIntervalMs: number;
  /** Oldest revocation feed under which CRITICAL fields are served, milliseconds. */
  readonly revocationMaxAgeMs: number;
  readonly introspection: boolean;
  readonly landingPage: boolean;
  /** Whether documents that do not ship with the graph run; default `off`, which lets them. */
  readonly safelist: SafelistMode;
  /** Folder of the shipped documents. */
  readonly operationsDirectory: string;
  /** Origins whose pages may read answers; default none. */
  readonly corsOrigins: readonly string[];
  /** How answers are kept; undefined to keep none, which is the default. */
  readonly entityCache?: EntityCacheConfig | undefined;
  /** Where traces go; undefined, the default, records none. */
  readonly tracing?: TracingConfig | undefined;
  /** Also export Node's process metrics; false where the gateway shares a process. */
  readonly processMetrics: boolean;
  /** TLS of the gateway's own edge; undefined serves plain HTTP, behind a proxy that ends TLS. */
  readonly tls?: ServerTlsConfig | undefined;
  /** `Strict-Transport-Security` under TLS, seconds; 0 leaves it out. */
  readonly hstsSeconds?: number;
  /** How rates are limited; undefined limits none. */
  readonly rateLimit?: RateLimitConfig | undefined;
  /** Files for calling subgraphs over TLS; undefined trusts the system's authorities and presents no certificate. */
  readonly upstreamTls?: TlsFiles | undefined;
}

const SETTINGS = {
  ...COMMON_SETTINGS,
  ...SERVER_TLS_SETTINGS,
  ...UPSTREAM_TLS_SETTINGS,
  hstsSeconds: setting('ACGS_HSTS_SECONDS', envType.integer(0, 63_072_000).default(31_536_000), '31536000'),
  port: setting('ACGS_GATEWAY_PORT', envType.port().default(4000), '4000'),
  subgraphUrls: setting('ACGS_SUBGRAPH_URLS', z.string().default('').transform((text, context) => {
    const urls = parseSubgraphUrls(text);
    if (typeof urls !== 'string') return urls;
    context.addIssue({ code: 'custom', message: urls });
    return z.NEVER;
  }), 'auth=http://auth:8000,integrity=http://integrity:8002'),
  supergraphFile: setting('ACGS_SUPERGRAPH_FILE', z.string().min(1).optional(), 'schema/supergraph.graphql'),
  usageIntervalMs: setting('ACGS_SCHEMA_USAGE_INTERVAL_MS', envType.integer(0, 3_600_000).default(10_000), '10000'),
  bodyLimit: setting('ACGS_MAX_BODY_BYTES', envType.integer(1_024, 16 * 1024 * 1024).default(256 * 1024), '262144'),
  maxDepth: setting('ACGS_MAX_DEPTH', envType.integer(1, 100).default(12), '12'),
  maxAliases: setting('ACGS_MAX_ALIASES', envType.integer(0, 10_000).default(30), '30'),
  maxTokens: setting('ACGS_MAX_TOKENS', envType.integer(10, 100_000).default(2_000), '2000'),
  maxCost: setting('ACGS_MAX_COST', envType.integer(1, 1_000_000).default(5_000), '5000'),
  planningThreads: setting('ACGS_PLANNING_THREADS', envType.integer(1, 16).default(1), '1'),
  planTimeLimitMs: setting('ACGS_PLAN_TIME_LIMIT_MS', envType.integer(100, 60_000).default(5_000), '5000'),
  deadlineMs: setting('ACGS_REQUEST_DEADLINE_MS', envType.integer(100, 120_000).default(10_000), '10000'),
  feedIntervalMs: setting('ACGS_FEED_INTERVAL_MS', envType.integer(10, 10_000).default(250), '250'),
  revocationMaxAgeMs: setting('ACGS_REVOCATION_MAX_AGE_MS', envType.integer(100, 60_000).default(1_000), '1000'),
  introspection: setting('ACGS_INTROSPECTION', envType.boolean().optional(), 'true'),
  safelist: setting<SafelistMode>('ACGS_SAFELIST', z.enum(['off', 'warn', 'enforce']).default('off'), 'enforce'),
  operationsDirectory: setting('ACGS_OPERATIONS_DIR', z.string().min(1).optional(), 'schema/operations'),
  corsOrigins: setting('ACGS_CORS_ORIGINS', z.string().default('').transform((text) => text.split(',').map((origin) => origin.trim()).filter((origin) => origin !== '')).refine((origins) => origins.every(isOrigin), { message: 'must be origins like https://host or https://host:port, separated by commas' }), 'https://console.example.com'),
  entityCache: setting('ACGS_ENTITY_CACHE', z.enum(['on', 'off']).default('off'), 'on'),
  entityCacheBytes: setting('ACGS_ENTITY_CACHE_BYTES', envType.integer(1024 * 1024, 16 * 1024 * 1024 * 1024).default(64 * 1024 * 1024), '67108864'),
  rateLimit: setting('ACGS_RATE_LIMIT', z.enum(['auto', 'redis', 'memory', 'off']).default('auto'), 'redis'),
  ratePerMinute: setting('ACGS_RATE_LIMIT_PER_MINUTE', envType.integer(1, 1_000_000_000).default(1_200_000), '1200000'),
  rateBurst: setting('ACGS_RATE_LIMIT_BURST', envType.integer(1, 1_000_000_000).default(600_000), '600000'),
  anonymousPerMinute: setting('ACGS_RATE_LIMIT_ANONYMOUS_PER_MINUTE', envType.integer(1, 1_000_000_000).default(120_000), '120000'),
  anonymousBurst: setting('ACGS_RATE_LIMIT_ANONYMOUS_BURST', envType.integer(1, 1_000_000_000).default(60_000), '60000'),
  reservePerMinute: setting('ACGS_RATE_LIMIT_RESERVE_PER_MINUTE', envType.integer(1, 1_000_000_000).default(6_000), '6000'),
  reserveBurst: setting('ACGS_RATE_LIMIT_RESERVE_BURST', envType.integer(1, 1_000_000_000).default(10_000), '10000'),
  trustedProxies: setting('ACGS_TRUSTED_PROXIES', envType.integer(0, 5).default(0), '1'),
  redisUrl: secretSetting('REDIS_URL', envType.url('redis:', 'rediss:').optional(), 'redis://127.0.0.1:6390'),
  redisPrefix: setting('ACGS_REDIS_PREFIX', envType.text().default('acgs:'), 'acgs-staging:'),
} as const;

/**
 * Reads the gateway's configuration.
 * @param env defaults to the process's environment.
 * @throws ConfigError naming every key that is missing, malformed or unsafe.
 */
export function readGatewayConfig(env: Readonly<Record<string, string | undefined>> = process.env): GatewayConfig {
  const values = readSettings(SETTINGS, env);
  checkHostBinding(values.host, values.mode, values.firewalled);
  const development = values.mode === 'development';
  return {
    mode: values.mode, logLevel: values.logLevel, host: values.host, port: values.port, dataDirectory: values.dataDirectory, genesisLabel: values.genesisLabel,
    subgraphUrls: values.subgraphUrls,
    supergraphFile: values.supergraphFile ?? projectPath('schema', 'supergraph.graphql'),
    followRegistry: values.supergraphFile === undefined,
    usageIntervalMs: values.usageIntervalMs,
    limits: { maxDepth: values.maxDepth, maxAliases: values.maxAliases, maxTokens: values.maxTokens, maxCost: values.maxCost },
    planning: { threads: values.planningThreads, timeLimitMs: values.planTimeLimitMs },
    bodyLimit: values.bodyLimit, deadlineMs: values.deadlineMs, feedIntervalMs: values.feedIntervalMs, revocationMaxAgeMs: values.revocationMaxAgeMs,
    introspection: values.introspection ?? development,
    landingPage: development,
    safelist: values.safelist,
    operationsDirectory: values.operationsDirectory ?? projectPath('schema', 'operations'),
    corsOrigins: values.corsOrigins,
    entityCache: values.entityCache === 'off' ? undefined : { maxBytes: values.entityCacheBytes, redisUrl: values.redisUrl, redisPrefix: values.redisPrefix },
    tracing: readTracingConfig(env),
    processMetrics: true,
    rateLimit: rateLimitOf(values),
    tls: serverTlsOf(values),
    hstsSeconds: values.hstsSeconds,
    upstreamTls: upstreamTlsOf(values, values.subgraphUrls),
  };
}

/**
 * Reads what composing needs; there may be no data directory yet, so the accepted label is the configured one.
 * @throws ConfigError naming every key that is malformed.
 */
export function readComposeConfig(env: Readonly<Record<string, string | undefined>> = process.env): { readonly accepted: readonly string[]; readonly urls: Readonly<Record<string, string>>; readonly supergraphFile: string } {
  const { genesisLabel, supergraphFile } = readSettings({ genesisLabel: SETTINGS.genesisLabel, supergraphFile: SETTINGS.supergraphFile }, env);
  return { accepted: [genesisLabel], urls: defaultSubgraphUrls(), supergraphFile: supergraphFile ?? projectPath('schema', 'supergraph.graphql') };
}

/** @throws ConfigError when an operation that is allowed could never be paid for, or Redis is asked for and missing. */
function rateLimitOf({ rateLimit, maxCost, redisUrl, redisPrefix, trustedProxies, ...rates }: ReturnType<typeof readSettings<typeof SETTINGS>>): RateLimitConfig | undefined {
  if (rateLimit === 'off' || (rateLimit === 'auto' && redisUrl === undefined)) return undefined;
  if (rateLimit === 'redis' && redisUrl === undefined) throw new ConfigError(['REDIS_URL: ACGS_RATE_LIMIT=redis counts in Redis and there is none (example: REDIS_URL=redis://127.0.0.1:6390)']);
  const policy = {
    principal: { perMinute: rates.ratePerMinute, burst: rates.rateBurst }, anonymous: { perMinute: rates.anonymousPerMinute, burst: rates.anonymousBurst }, reserve: { perMinute: rates.reservePerMinute, burst: rates.reserveBurst },
  };
  const keys = { ACGS_RATE_LIMIT_BURST: rates.rateBurst, ACGS_RATE_LIMIT_ANONYMOUS_BURST: rates.anonymousBurst, ACGS_RATE_LIMIT_RESERVE_BURST: rates.reserveBurst };
  const low = Object.entries(keys).filter(([, burst]) => burst < maxCost).map(([key]) => `${key}: an operation may cost ${maxCost} (ACGS_MAX_COST) and could never run with less at once (example: ${key}=${maxCost * 2})`);
  if (low.length > 0) throw new ConfigError(low);
  return { policy, redisUrl: rateLimit === 'memory' ? undefined : redisUrl, redisPrefix, trustedProxies };
}

/** URLs of the subgraphs when nothing is configured. */
export function defaultSubgraphUrls(): Record<string, string> {
  return Object.fromEntries(SUBGRAPHS.map(({ name, port }) => [name, `http://127.0.0.1:${port}`]));
}

/** True for an origin exactly as browsers send it. */
function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;
}

/** Reads `name=url,name=url` or a JSON object; subgraphs left out keep their default. Returns the mistake as text. */
function parseSubgraphUrls(text: string): Record<string, string> | string {
  const urls = defaultSubgraphUrls();
  let entries: [string, unknown][];
  if (text.trimStart().startsWith('{')) {
    try {
      entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    } catch (error) {
      return `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
    }
  } else {
    entries = text.split(',').filter((part) => part.trim() !== '').map((part) => {
      const equals = part.indexOf('=');
      return [part.slice(0, Math.max(equals, 0)).trim(), part.slice(equals + 1).trim()];
    });
  }
  for (const [name, url] of entries) {
    if (!isSubgraphName(name)) return `"${name}" is not a subgraph`;
    if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return `the URL of ${name} must start with http:// or https://`;
    urls[name] = url;
  }
  return urls;
}

export { ConfigError };
