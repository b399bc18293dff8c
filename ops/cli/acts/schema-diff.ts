/** What changed between two versions of the registry, or between one of them and files. */
import type { SubgraphSchema } from '../../runtime/schema-check.js';
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { dryRun, send } from '../run-verb.js';
import { showReport } from '../schema/report.js';
import { readSources } from '../schema/sources.js';
import type { ActiveSchema } from './schema-check.js';

interface Version {
  readonly schemaVersion: { readonly subgraphs: readonly (SubgraphSchema & { readonly digest: string })[] } | null;
}

/** @returns 0, 5 or 6 as a check of the same change would, with no usage to weigh it by. */
export async function schemaDiff(run: Run): Promise<number> {
  const { values, options } = run;
  const { from, to } = values as { readonly from?: string; readonly to?: string };
  if (options.dryRun) return dryRun(run, [...(from === undefined ? [{ operation: 'active-schema', variables: {} }] : []), ...[from ?? '(version in force)', ...(to === undefined ? [] : [to])].map((id) => ({ operation: 'schema-version', variables: { id } }))]);
  const older = await subgraphsOf(run, from ?? await activeId(run));
  const sources = to === undefined ? readSources(values) : undefined;
  // A file says nothing of addresses, so those in force stay, and with them subgraphs that no file is about.
  const newer = sources === undefined ? await subgraphsOf(run, to ?? '') : [
    ...older.filter(({ name }) => !sources.some((source) => source.name === name)),
    ...sources.map((source) => ({ ...source, url: source.hasUrl ? source.url : (older.find(({ name }) => name === source.name)?.url ?? source.url) })),
  ];
  const { checkSchema } = await import('../../../gateway/supergraph/checks/check-schema.js');
  const report = checkSchema({ base: older, proposed: newer, accepted: [run.graph.constitutionalHash], operations: [], usage: null, approved: [], now: new Date().toISOString() });
  return showReport(run, report, sources?.map(({ file }) => file) ?? []);
}

async function activeId(run: Run): Promise<string> {
  const { activeSchema } = await send<ActiveSchema & Record<string, unknown>>(run, 'active-schema', {});
  if (activeSchema === null) throw new CliError('NOTHING_FOUND', 'No version is in force yet.', 'acgs schema publish');
  return activeSchema.version.id;
}

async function subgraphsOf(run: Run, id: string): Promise<SubgraphSchema[]> {
  const { schemaVersion } = await send<Version & Record<string, unknown>>(run, 'schema-version', { id });
  if (schemaVersion === null) throw new CliError('NOTHING_FOUND', `There is no version ${id}.`, 'acgs schema history -o wide');
  return schemaVersion.subgraphs.map(({ name, url, sdl }) => ({ name, url, sdl }));
}
