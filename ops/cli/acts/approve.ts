/** Approving exactly what was read. */
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { detail } from '../output/table.js';
import { confirmed, dryRun, keyed, send, show } from '../run-verb.js';
import type { GraphRequest } from '../verb.js';
import { variablesOf } from '../values.js';

/** What is approved: how it is read, how it is approved, and what is asked. */
export interface Approvable {
  readonly show: {
    readonly operation: string;
    /** Field of the answer, and the member of it that the approval binds. */
    readonly field: string;
    readonly digest: string;
    /** Commands that show one and list them. */
    readonly command: string;
    readonly list: string;
    readonly noun: string;
  };
  readonly answer: GraphRequest;
  readonly question: (id: string, digest: string) => string;
}

const CHANGE: Approvable = {
  show: { operation: 'show-change', field: 'changeRequest', digest: 'digest', command: 'acgs changes show', list: 'acgs changes list', noun: 'change' },
  answer: {
    operation: 'approve-change', rows: 'approveChange.change', resource: 'change',
    columns: [{ head: 'ID', path: 'id' }, { head: 'STATUS', path: 'status' }, { head: 'VERSION', path: 'version' }, { head: 'TITLE', path: 'title' }],
  },
  question: (id, digest) => `Approve change ${id} with digest ${digest}?`,
};

/** Approves a change. @throws CliError USAGE where nobody can have read it: no digest and no terminal. */
export function approve(run: Run): Promise<number> {
  return approveWhatWasRead(run, CHANGE);
}

/** With a digest it sends that; without one it shows the thing to the person who is to decide and asks. @throws CliError USAGE */
export async function approveWhatWasRead(run: Run, { show: { operation, field, digest: digestAt, command, list, noun }, answer, question }: Approvable): Promise<number> {
  const { values, options, terminal, verb } = run;
  const given = values['digest'];
  const id = String(values['id']);
  const variables = (digest: unknown): Record<string, unknown> => keyed(run, variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], { ...values, digest }));
  if (options.dryRun) {
    if (typeof given === 'string') return dryRun(run, [{ operation: answer.operation, variables: variables(given) }], question(id, given));
    return dryRun(run, [{ operation, variables: { id } }, { operation: answer.operation, variables: variables(`(digest of the ${noun} as it is read then)`) }], question(id, 'that is shown'));
  }
  if (typeof given === 'string') {
    await confirmed(run, question(id, given));
    return show(run, answer, await send(run, answer.operation, variables(given)));
  }
  if (!terminal.canAsk) throw new CliError('USAGE', 'An approval is for what somebody has read: give its --digest where there is no terminal.', `${command} ${id}`);
  const read = (await send<Record<string, Readonly<Record<string, unknown>> | null>>(run, operation, { id }))[field];
  if (read === null || read === undefined) throw new CliError('NOTHING_FOUND', `There is no ${noun} ${id}, or you may not see it.`, list);
  const digest = String(read[digestAt]);
  terminal.err(`${detail(read, { colour: false })}\n`);
  await confirmed({ ...run, options: { ...options, yes: false } }, question(id, digest));
  return show(run, answer, await send(run, answer.operation, variables(digest)));
}
