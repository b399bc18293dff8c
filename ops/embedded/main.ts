/** `npm start`: the whole control plane on one machine that has only Node. */
import { SECRET } from '../runtime/secret-files.js';
import { banner } from './banner.js';
import { readEmbeddedConfig } from './config.js';
import { startControlPlane } from './control-plane.js';

async function main(): Promise<void> {
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
