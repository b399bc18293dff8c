/** From a parsed line to the work it asks for: a stream, an act, or the verb's document. */
import type { Run } from './act.js';
import { ACTS } from './acts/table.js';
import { request } from './run-verb.js';
import { variablesOf } from './values.js';

/** Does what the line says. @returns the exit code. @throws CliError */
export async function runVerb(run: Run): Promise<number> {
  const { verb, values, options } = run;
  if (options.watch && verb.stream !== undefined) return (await import('./watch.js')).watch(run, verb.stream);
  if (verb.act !== undefined) return (await ACTS[verb.act]())(run);
  if (verb.request === undefined) throw new Error(`"acgs ${verb.words.join(' ')}" neither sends nor does anything.`);
  return request(run, verb.request, variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], values));
}
