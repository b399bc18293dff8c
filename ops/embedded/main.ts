/** `npm start`: the whole control plane on one machine that has only Node. */
import { setFlagsFromString } from 'node:v8';
import { SECRET } from '../runtime/secret-files.js';
import { banner } from './banner.js';
import { readEmbeddedConfig } from './config.js';
import { startControlPlane } from './control-plane.js';

/**
 * How much the heap may grow between two full collections, percent. V8's own choice lets eight servers in one process
 * keep several hundred megabytes of garbage; at 150 the 99th percentile is the same and a third of the memory is free.
 */
const HEAP_GROWING_PERCENT = 150;

async function main(): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const started = performance.now();
  const config = readEmbeddedConfig();
  const plane = await startControlPlane(config);
  plane.lifecycle.stopOnSignals();
  process.stdout.write(banner({ plane, dataDirectory: config.dataDirectory, webhookTokenFile: SECRET.alertmanagerToken, seconds: (performance.now() - started) / 1_000 }));
}

main().catch((error: unknown) => {
  const hint = error instanceof Error && 'hint' in error ? `\n${String(error.hint)}` : '';
  process.stderr.write(`ACGS did not start: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
  process.exit(1);
});
