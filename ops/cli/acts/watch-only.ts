/** The verbs that are nothing but a stream. */
import type { Run } from '../act.js';
import { watch } from '../watch.js';

/** Follows the stream of the verb. */
export async function watchOnly(run: Run): Promise<number> {
  const { stream, words } = run.verb;
  if (stream === undefined) throw new Error(`"acgs ${words.join(' ')}" has no stream.`);
  return watch(run, stream);
}
