/** Handing a question to the solver and waiting for its answer. */
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { isMap } from '../output/cells.js';
import { progress } from '../progress.js';
import { dryRun, keyed, send, show } from '../run-verb.js';
import type { GraphRequest } from '../verb.js';
import { variablesOf } from '../values.js';
import { awaitProof } from './wait.js';

const COLUMNS = [{ head: 'ID', path: 'id' }, { head: 'KIND', path: 'kind' }, { head: 'STATUS', path: 'status' }, { head: 'TITLE', path: 'title' }];
const SUBMITTED: GraphRequest = { operation: 'submit-proof', rows: 'submitProof.obligation', columns: COLUMNS, resource: 'proof' };
const DECIDED: GraphRequest = { operation: 'show-proof', rows: 'proofObligation', view: 'detail', columns: COLUMNS, resource: 'proof', verdict: { path: 'proofObligation.status', fine: ['PROVED'] } };
/** The solver's limit and as much again for the queue before it. */
const DEFAULT_WAIT_MS = 60_000;

/** @returns 0 when it is proved, or was handed in with --no-wait; else 6. */
export async function submitProof(run: Run): Promise<number> {
  const { values, options, verb } = run;
  const parameters = [...(verb.positionals ?? []), ...(verb.flags ?? [])];
  const { input } = variablesOf(parameters, values);
  if (!isMap(input)) throw new Error('The input of a proof is an object.');
  if ((values['rules'] === undefined) === (values['smt-lib'] === undefined)) throw new CliError('USAGE', 'Give either --rules or --smt-lib.', 'acgs help verify submit');
  const variables = keyed(run, { input: { ...input, kind: values['rules'] === undefined ? 'SMT_LIB' : 'RULE_SET', ...(values['solver-timeout'] === undefined ? {} : { timeoutMs: values['solver-timeout'] }) } });
  if (options.dryRun) return dryRun(run, [{ operation: 'submit-proof', variables }]);
  const data = await send<{ submitProof: { obligation: { id: string } } }>(run, 'submit-proof', variables);
  const { id } = data.submitProof.obligation;
  if (values['no-wait'] === true) return show(run, SUBMITTED, data);
  const bar = progress(run);
  bar.update(`proof ${id}: the solver works`);
  try {
    const decided = await awaitProof(run, id, options.timeoutMs ?? DEFAULT_WAIT_MS);
    bar.end();
    return await show(run, DECIDED, { proofObligation: decided });
  } catch (error) {
    if (error instanceof CliError && (error.code === 'WAIT_NOT_MET' || error.code === 'INTERRUPTED')) throw new CliError(error.code, `${error.message} The solver goes on without you.`, `acgs verify show ${id}`);
    throw error;
  } finally {
    bar.end();
  }
}
