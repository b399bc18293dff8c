/** Approving exactly what was read. */
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { detail } from '../output/table.js';
import { confirmed, dryRun, keyed, send, show } from '../run-verb.js';
import type { GraphRequest } from '../verb.js';
import { variablesOf } from '../values.js';

const ANSWER: GraphRequest = {
  operation: 'approve-change', rows: 'approveChange.change', resource: 'change',
  columns: [{ head: 'ID', path: 'id' }, { head: 'STATUS', path: 'status' }, { head: 'VERSION', path: 'version' }, { head: 'TITLE', path: 'title' }],
};

/**
 * Approves a change. With a digest it sends that; without one it shows the change to the person who is to decide and asks.
 * @throws CliError USAGE where nobody can have read it: no digest and no terminal.
 */
export async function approve(run: Run): Promise<number> {
  const { values, options, terminal, verb } = run;
  const given = values['digest'];
  const id = String(values['id']);
  const variables = (digest: unknown): Record<string, unknown> => keyed(run, variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], { ...values, digest }));
  if (options.dryRun) {
    if (typeof given === 'string') return dryRun(run, [{ operation: 'approve-change', variables: variables(given) }], `Approve change ${id} with digest ${given}?`);
    return dryRun(run, [{ operation: 'show-change', variables: { id } }, { operation: 'approve-change', variables: variables('(digest of the change as it is read then)') }], `Approve change ${id} with the digest that is shown?`);
  }
  if (typeof given === 'string') {
    await confirmed(run, `Approve change ${id} with digest ${given}?`);
    return show(run, ANSWER, await send(run, 'approve-change', variables(given)));
  }
  if (!terminal.canAsk) throw new CliError('USAGE', 'An approval is for what somebody has read: give its --digest where there is no terminal.', `acgs changes show ${id}`);
  const { changeRequest } = await send<{ changeRequest: { digest: string } | null }>(run, 'show-change', { id });
  if (changeRequest === null) throw new CliError('NOTHING_FOUND', `There is no change ${id}, or you may not see it.`, 'acgs changes list');
  terminal.err(`${detail(changeRequest, { colour: false })}\n`);
  await confirmed({ ...run, options: { ...options, yes: false } }, `Approve change ${id} with digest ${changeRequest.digest}?`);
  return show(run, ANSWER, await send(run, 'approve-change', variables(changeRequest.digest)));
}
