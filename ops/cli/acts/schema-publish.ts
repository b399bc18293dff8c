/** Publishing the schemas that differ from those in force. */
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { printable } from '../output/cells.js';
import { confirmed, dryRun, keyed, send, show } from '../run-verb.js';
import { patiently } from '../schema/patience.js';
import { changedOf, readSources } from '../schema/sources.js';
import type { GraphRequest } from '../verb.js';
import { originOf, type ActiveSchema } from './schema-check.js';

const PUBLISHED: GraphRequest = {
  operation: 'publish-schema', rows: 'publishSchema.activation', resource: 'schema-activation', nameAt: 'number',
  columns: [{ head: 'NUMBER', path: 'number' }, { head: 'KIND', path: 'kind' }, { head: 'VERSION', path: 'version.number' }, { head: 'AT', path: 'activatedAt' }, { head: 'ID', path: 'version.id', wide: true }, { head: 'REASON', path: 'reason' }],
};

interface Published {
  readonly publishSchema: { readonly __typename: string; readonly code?: string; readonly message?: string; readonly check?: { readonly id: string; readonly proposedDigest: string; readonly findings: readonly { readonly code: string; readonly criticality: string; readonly coordinate: string | null; readonly message: string; readonly approved: boolean }[] } | null };
}

/** @throws CliError SCHEMA_APPROVAL_NEEDED (exit 5) and SCHEMA_INVALID (exit 6), each naming what stands in the way. */
export async function schemaPublish(run: Run): Promise<number> {
  const { values, options, terminal } = run;
  const sources = readSources(values);
  const variables = (subgraphs: readonly object[], baseId: string | null): Record<string, unknown> => keyed(run, { input: { subgraphs, message: values['message'], origin: originOf(values), baseId } });
  if (options.dryRun) return dryRun(run, [{ operation: 'active-schema', variables: {} }, { operation: 'publish-schema', variables: variables(sources.map(({ name }) => ({ name, sdl: `(${name}, if it differs)` })), '(version in force)') }], 'Publish the changed schemas to every gateway?');
  const { activeSchema } = await send<ActiveSchema & Record<string, unknown>>(run, 'active-schema', {});
  const subgraphs = changedOf(sources, activeSchema?.version.subgraphs ?? []);
  if (subgraphs.length === 0) {
    terminal.err('Nothing to publish: your files are what is in force.\n');
    return EXIT.OK.code;
  }
  await confirmed(run, `Publish ${subgraphs.map(({ name }) => name).join(', ')} to every gateway?`);
  const sent = variables(subgraphs, activeSchema?.version.id ?? null);
  const data = await patiently(run, 'publishing', () => send<Published & Record<string, unknown>>(run, 'publish-schema', sent, (root) => refused(root as Published['publishSchema'])));
  return show(run, PUBLISHED, data);
}

function refused({ __typename, code, message, check }: Published['publishSchema']): void {
  if (__typename !== 'SchemaNotPublishable' || check === null || check === undefined) return;
  const breaking = check.findings.filter(({ criticality, approved }) => criticality === 'BREAKING' && !approved).map((finding) => `\n  ${printable(`${finding.code} ${finding.coordinate ?? ''}: ${finding.message}`)}`).join('');
  const needsApproval = code === 'SCHEMA_APPROVAL_NEEDED';
  throw new CliError(code ?? 'FINDINGS', `${message ?? ''}${breaking}`, needsApproval ? `acgs schema approve ${check.id} --digest ${check.proposedDigest}` : `acgs schema show ${check.id}`, needsApproval ? 'APPROVAL' : 'FINDINGS');
}
