/** Composing the supergraph from files. */
import { writeFileSync } from 'node:fs';
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { printableMessage } from '../output/cells.js';
import { readSources } from '../schema/sources.js';

/** @returns 0 when it composes, 6 when it does not. */
export async function schemaCompose(run: Run): Promise<number> {
  const { values, terminal, graph } = run;
  const sources = readSources(values);
  const [{ composeSupergraph }, { CompositionError }] = await Promise.all([import('../../../gateway/supergraph/compose.js'), import('../../../gateway/supergraph/composition-error.js')]);
  let composed: ReturnType<typeof composeSupergraph>;
  try {
    composed = composeSupergraph(sources, [graph.constitutionalHash]);
  } catch (error) {
    if (!(error instanceof CompositionError)) throw error;
    terminal.err(`${printableMessage(error.message)}\n`);
    return EXIT.FINDINGS.code;
  }
  if (!run.options.quiet) for (const hint of composed.hints) terminal.err(`${printableMessage(`hint: ${hint}`)}\n`);
  const out = values['out'] as string | undefined;
  if (out === undefined) {
    terminal.out(composed.supergraphSdl);
    return EXIT.OK.code;
  }
  if (run.options.dryRun) {
    terminal.err(`Would write ${out}\n`);
    return EXIT.OK.code;
  }
  try {
    writeFileSync(out, composed.supergraphSdl);
  } catch (cause) {
    throw new CliError('USAGE', `${out} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, undefined, { cause });
  }
  if (!run.options.quiet) terminal.err(`Wrote ${out}\n`);
  return EXIT.OK.code;
}
