/** The table of metrics in docs/observability.md, read from what processes export. */

export interface ExportedMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Without `service` of the process and `le`. */
  readonly labels: readonly string[];
}

/** Labels of metrics that have no series in a quiet run. */
const LABELS_OF_QUIET: Readonly<Record<string, readonly string[]>> = {
  acgs_change_lapses_total: ['event'], acgs_http_streams: ['transport'], acgs_incident_escalations_total: ['role'], acgs_subscription_resumes_total: ['cause', 'subgraph'],
};

/** Reads the control plane's own metrics of some scrapes in the text format; sorted by name, each once. */
export function readExposition(texts: readonly string[]): ExportedMetric[] {
  const found = new Map<string, { type: string; help: string; labels: Set<string> }>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (acgs_\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const metric = found.get(name) ?? { type: '', help: '', labels: new Set<string>() };
      found.set(name, metric);
      if (kind === 'HELP') metric.help = rest;
      else metric.type = rest;
      continue;
    }
    const [, sample = '', labels = ''] = /^(acgs_\w+)\{(.*)\} \S+$/.exec(line) ?? [];
    const owner = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ''));
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le' && label !== 'service') owner?.labels.add(label);
  }
  return [...found].map(([name, { type, help, labels }]) => ({ name, type, help, labels: labels.size > 0 ? [...labels].sort() : LABELS_OF_QUIET[name] ?? [] })).sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Unit by the suffix of the name. */
function unitOf(name: string): string {
  if (name.endsWith('_total')) return 'count';
  if (name.endsWith('_seconds')) return 'seconds';
  if (name.endsWith('_bytes')) return 'bytes';
  return /_(rate|score|completeness|accuracy|baseline)$/.test(name) ? '0 to 1' : 'count';
}

/** The rows as Markdown. */
export function metricTable(metrics: readonly ExportedMetric[]): string {
  const rows = metrics.map(({ name, type, help, labels }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${unitOf(name)} | ${help} |`);
  return ['| metric | type | labels | unit | meaning |', '|---|---|---|---|---|', ...rows].join('\n');
}

export const TABLE_BEGIN = '<!-- metrics: written by "npm run charts" -->';
export const TABLE_END = '<!-- end of metrics -->';

/** The page with its table exchanged. @throws Error when the page has no place for it. */
export function withTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(TABLE_BEGIN), page.indexOf(TABLE_END)];
  if (begin === -1 || end < begin) throw new Error('The page has no place for the table of metrics.');
  return `${page.slice(0, begin + TABLE_BEGIN.length)}\n${table}\n${page.slice(end)}`;
}
