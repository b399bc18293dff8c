/** Brings in the tracer when traces are on, and nothing of it when they are off. */
import type { Logger } from './logger.js';
import type { Tracing } from './tracing.js';
import type { TracingConfig } from './tracing-config.js';

/**
 * Loads the tracer of a component; the packages behind it are loaded here and nowhere else.
 * @param config undefined keeps traces off.
 * @param component `service.name` is `acgs-` and this.
 * @param trustCallers whether a caller's sampled flag decides; otherwise its trace goes on and the ratio decides.
 */
export async function loadTracing(config: TracingConfig | undefined, component: string, logger: Logger, trustCallers: boolean): Promise<Tracing | undefined> {
  if (config === undefined) return undefined;
  const { createOtelTracing } = await import('./tracing-otel.js');
  return createOtelTracing(config, component, logger, trustCallers);
}
