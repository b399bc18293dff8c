/** Health as the gateway tells everybody, and whether the constitution in force is the signed one. */
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { nearest } from '../nearest.js';
import { printable, printableMessage } from '../output/cells.js';
import { print } from '../output/print.js';
import { dryRun } from '../run-verb.js';

interface Validation {
  readonly constitutionalValidation: { readonly valid: boolean; readonly hash: string; readonly epoch: number };
}

/** @returns 0 when all that was asked about is ready and the constitution is valid, else 6. */
export async function health(run: Run): Promise<number> {
  const { graph, values, options, terminal } = run;
  if (options.dryRun) return dryRun(run, [{ operation: 'validate-constitution', variables: {} }]);
  const report = await graph.health();
  const wanted = values['service'] as string | undefined;
  const parts = [{ id: 'gateway', status: report.status, detail: report.supergraph?.slice(0, 12) ?? null }, ...Object.entries(report.subgraphs ?? {}).map(([id, { status }]) => ({ id, status, detail: null }))];
  const shown = wanted === undefined ? parts : parts.filter(({ id }) => id === wanted);
  if (shown.length === 0) {
    const guess = nearest(wanted ?? '', parts.map(({ id }) => id));
    throw new CliError('NOTHING_FOUND', `There is no service "${wanted ?? ''}".${guess === undefined ? '' : ` Did you mean ${guess}?`}`, 'acgs health');
  }
  const constitution = wanted === undefined ? await validation(run) : undefined;
  await print(run, {
    value: shown, resource: 'service', columns: [{ head: 'SERVICE', path: 'id' }, { head: 'STATUS', path: 'status' }],
    whole: { services: shown, constitutionalHash: report.constitutionalHash ?? null, ...(constitution === undefined ? {} : { constitutionValid: constitution.valid }) },
  });
  if (constitution !== undefined && (options.output === 'table' || options.output === 'wide')) terminal.out(`\nConstitution ${printable(constitution.hash)}, epoch ${constitution.epoch}: ${constitution.valid ? 'valid' : 'NOT VALID'}\n`);
  return shown.every(({ status }) => status === 'ready') && constitution?.valid !== false ? EXIT.OK.code : EXIT.FINDINGS.code;
}

/** Undefined valid counts as not valid: what cannot be checked is no pass. */
async function validation({ graph, terminal }: Run): Promise<{ valid: boolean; hash: string; epoch: number }> {
  try {
    return (await graph.ask<Validation & Record<string, unknown>>('validate-constitution', {}, { anonymous: true })).constitutionalValidation;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    terminal.err(`${printableMessage(`acgs: ${error.code}: the constitution could not be checked: ${error.message}`)}\n`);
    return { valid: false, hash: graph.constitutionalHash, epoch: 0 };
  }
}
