/** Checking a change of schemas: by the registry, which knows who uses what, or here against a git revision. */
import type { SchemaCheckReport } from '../../runtime/schema-check.js';
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { dryRun, keyed, send } from '../run-verb.js';
import { patiently } from '../schema/patience.js';
import { reportOf, type CheckedSchema } from '../schema/remote-report.js';
import { showReport } from '../schema/report.js';
import { changedOf, readApprovals, readBaseDirectory, readRevision, readSources, shippedBeside, type SourceSchema, type SourceValues } from '../schema/sources.js';

export interface ActiveSchema {
  readonly activeSchema: { readonly number: number; readonly version: { readonly id: string; readonly number: number; readonly setDigest: string; readonly subgraphs: readonly { readonly name: string; readonly url: string; readonly digest: string }[] } } | null;
}

/** @returns 0 when the change may ship, 5 when it needs an approval, 6 when it cannot be served. */
export async function schemaCheck(run: Run): Promise<number> {
  const values = run.values as SourceValues & { readonly base?: string; readonly 'base-dir'?: string; readonly approvals?: string };
  const sources = readSources(values);
  const files = sources.map(({ file }) => file);
  if (values.base !== undefined && values['base-dir'] !== undefined) throw new CliError('USAGE', '--base and --base-dir both say what to compare with; give one.', 'acgs help schema check');
  const base = values.base === undefined ? values['base-dir'] : readRevision(values, values.base);
  if (base === undefined) {
    if (values.approvals !== undefined) throw new CliError('USAGE', '--approvals goes with --base or --base-dir; the registry keeps its own approvals.', 'acgs help schema check');
    return checkByRegistry(run, sources);
  }
  if (run.options.dryRun) {
    run.terminal.out('Would check here; nothing is sent.\n');
    return EXIT.OK.code;
  }
  const { checkSchema } = await import('../../../gateway/supergraph/checks/check-schema.js');
  const report = checkSchema({
    base: typeof base === 'string' ? readBaseDirectory(values, base) : base, proposed: sources, accepted: [run.graph.constitutionalHash], operations: shippedBeside(values), usage: null, approved: values.approvals === undefined ? [] : readApprovals(values.approvals), now: new Date().toISOString(),
  });
  return showReport(run, report, files);
}

async function checkByRegistry(run: Run, sources: readonly SourceSchema[]): Promise<number> {
  const { values, options } = run;
  const origin = originOf(values);
  if (options.dryRun) return dryRun(run, [{ operation: 'active-schema', variables: {} }, { operation: 'check-schema', variables: keyed(run, { input: { subgraphs: sources.map(({ name }) => ({ name, sdl: `(${name}, if it differs)` })), origin } }) }]);
  const { activeSchema } = await send<ActiveSchema & Record<string, unknown>>(run, 'active-schema', {});
  const subgraphs = changedOf(sources, activeSchema?.version.subgraphs ?? []);
  if (subgraphs.length === 0) return showReport(run, nothingChanged(activeSchema?.version.setDigest ?? ''), []);
  const variables = keyed(run, { input: { subgraphs, origin } });
  const { checkSchema: { check } } = await patiently(run, `checking ${subgraphs.map(({ name }) => name).join(', ')}`, () => send<CheckedSchema & Record<string, unknown>>(run, 'check-schema', variables));
  const footer = [`Kept as ${check.id}.`];
  if (check.findingCount > check.findings.length) footer.push(`${check.findingCount - check.findings.length} more findings are kept with it.`);
  if (check.approval === 'NEEDED') footer.push(`Somebody else approves it: acgs schema approve ${check.id} --digest ${check.proposedDigest}`);
  return showReport(run, reportOf(check), sources.map(({ file }) => file), footer);
}

/** Where a change comes from, as the options say; null when they do not. */
export function originOf(values: Readonly<Record<string, unknown>>): { revision: unknown; branch: unknown; url: unknown } | null {
  const { revision = null, branch = null, 'change-url': url = null } = values;
  return revision === null && branch === null && url === null ? null : { revision, branch, url };
}

/** What need not be sent at all: the files are what is in force. */
function nothingChanged(setDigest: string): SchemaCheckReport {
  return { verdict: 'SAFE', approval: 'NOT_NEEDED', baseDigest: setDigest, proposedDigest: setDigest, supergraphSdl: null, supergraphDigest: null, findings: [], changed: [], steps: [], usage: { state: 'ABSENT', from: null, to: null, operations: 0, requests: 0 } };
}
