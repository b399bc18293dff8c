/** Command line: composes the contracts into schema/supergraph.graphql, or with --check compares them with it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readComposeConfig } from '../config.js';
import { CompositionError, composeSupergraph } from './compose.js';
import { readSubgraphSources } from './sources.js';
import { unifiedDiff } from './text-diff.js';

/**
 * Runs the command.
 * @param args `--check` compares and writes nothing.
 * @returns the exit code: 0 done or equal, 1 refused or different.
 */
export function composeCli(args: readonly string[], output: { write(text: string): unknown } = process.stdout): number {
  const { accepted, urls, supergraphFile } = readComposeConfig();
  let composed: string;
  try {
    const { supergraphSdl, hints } = composeSupergraph(readSubgraphSources(urls), accepted);
    composed = supergraphSdl;
    for (const hint of hints) output.write(`hint: ${hint}\n`);
  } catch (error) {
    if (!(error instanceof CompositionError)) throw error;
    output.write(`${error.message}\n`);
    return 1;
  }
  if (!args.includes('--check')) {
    writeFileSync(supergraphFile, composed);
    output.write(`Wrote ${supergraphFile}\n`);
    return 0;
  }
  const committed = existsSync(supergraphFile) ? readFileSync(supergraphFile, 'utf8') : '';
  if (committed === composed) {
    output.write('The committed supergraph is up to date.\n');
    return 0;
  }
  output.write(`The committed supergraph is out of date; run "npm run compose".\n${unifiedDiff(committed, composed, 'committed', 'composed')}`);
  return 1;
}

if (process.argv[1] !== undefined && /compose-cli\.[jt]s$/.test(process.argv[1])) process.exitCode = composeCli(process.argv.slice(2));
