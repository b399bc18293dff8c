/** Writes metrics as OpenMetrics 1.0, the format that carries exemplars; prom-client's own way to it renames its counters for good. */
import { Registry } from 'prom-client';

/** Metrics as a scraper asked for them. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** A metric with its values as prom-client hands them over; its types leave out the exemplar, and name the kind as a number. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly values: readonly Sample[];
}

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
  readonly exemplar?: { readonly labelSet: Readonly<Record<string, string>>; readonly value: number; readonly timestamp: number } | null;
}

const ACCEPTS_OPEN_METRICS = /(?:^|,)\s*application\/openmetrics-text\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i;

/**
 * Writes a registry in the format of a scrape.
 * @param accept the `Accept` header: OpenMetrics where it is named there, as Prometheus does; the text format 0.0.4 otherwise.
 */
export async function expose(registry: Registry, accept: string | undefined): Promise<Exposition> {
  if (accept === undefined || !ACCEPTS_OPEN_METRICS.test(accept)) return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: await registry.metrics() };
  const families = await registry.getMetricsAsJSON() as unknown as readonly Family[];
  return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: `${families.map(familyText).join('')}# EOF\n` };
}

function familyText({ name, help, type, values }: Family): string {
  // The specification names a counter's family without the suffix that its samples carry.
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  const samples = values.map((sample) => sampleText(sample.metricName ?? (type === 'counter' ? `${family}_total` : name), sample));
  return `# HELP ${family} ${escaped(help)}\n# TYPE ${family} ${type}\n${samples.join('')}`;
}

function sampleText(name: string, { labels, value, exemplar }: Sample): string {
  const note = exemplar == null ? '' : ` # ${labelText(exemplar.labelSet)} ${numberText(exemplar.value)} ${exemplar.timestamp}`;
  const own = labelText(labels);
  return `${name}${own === '{}' ? '' : own} ${numberText(value)}${note}\n`;
}

function labelText(labels: Sample['labels']): string {
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`).join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
