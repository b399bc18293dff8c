/** Settings of traces, the same for every process; the names that OpenTelemetry has for them are kept. */
import { z } from 'zod';
import { ConfigError, envType, readSettings, setting } from './config.js';

/** Where traces go, and how many. */
export interface TracingConfig {
  /** Base URL of an OTLP receiver over HTTP; `/v1/traces` is below it. */
  readonly endpoint: string;
  /** Share of the traces that are recorded, 0 to 1; what a trusted caller decided is kept. */
  readonly ratio: number;
  /** Whether a client of the gateway decides that its trace is recorded. */
  readonly trustClients: boolean;
  /** Longest time a finished span waits to be sent, milliseconds. */
  readonly delayMs: number;
}

const SETTINGS = {
  tracing: setting('ACGS_TRACING', z.enum(['on', 'off']).default('off'), 'on'),
  endpoint: setting('OTEL_EXPORTER_OTLP_ENDPOINT', envType.url('http:', 'https:').default('http://127.0.0.1:4318'), 'http://127.0.0.1:4318'),
  ratio: setting('OTEL_TRACES_SAMPLER_ARG', z.coerce.number().min(0).max(1).default(1), '0.01'),
  trustClients: setting('ACGS_TRACING_TRUST_CLIENTS', z.enum(['on', 'off']).default('off'), 'on'),
  delayMs: setting('OTEL_BSP_SCHEDULE_DELAY', envType.integer(10, 60_000).default(5_000), '5000'),
} as const;

/**
 * Reads the settings.
 * @returns undefined when traces are off, which is the default.
 * @throws ConfigError naming what is malformed, also while traces are off.
 */
export function readTracingConfig(environment: Readonly<Record<string, string | undefined>> = process.env): TracingConfig | undefined {
  const { tracing, endpoint, ratio, trustClients, delayMs } = readSettings(SETTINGS, environment);
  if (new URL(endpoint).username !== '' || new URL(endpoint).password !== '') throw new ConfigError(['OTEL_EXPORTER_OTLP_ENDPOINT: holds credentials, which would be logged; use OTEL_EXPORTER_OTLP_HEADERS (example: OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20...)']);
  return tracing === 'off' ? undefined : { endpoint: endpoint.replace(/\/+$/, ''), ratio, trustClients: trustClients === 'on', delayMs };
}
