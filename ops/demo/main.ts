/** `npm run demo [-- STORY]`: starts a control plane of its own and tells a story, step by step, with ids. */
import { Lifecycle } from '../runtime/lifecycle.js';
import { createLogger } from '../runtime/logger.js';
import { Narrator } from './narrator.js';

/** The stories by name; the first is told when none is named. */
const STORIES = {
  incident: async () => (await import('./incident.js')).tellIncident,
  registry: async () => (await import('./registry.js')).tellRegistry,
} as const;

async function main(lifecycle: Lifecycle, name: string): Promise<void> {
  if (!Object.hasOwn(STORIES, name)) throw new Error(`There is no story "${name}"; there are ${Object.keys(STORIES).join(', ')}.`);
  const narrator = new Narrator(process.stdout);
  const tell = await STORIES[name as keyof typeof STORIES]();
  await tell(lifecycle, narrator);
  narrator.line('\nThe story is told; everything stops.');
}

const lifecycle = new Lifecycle(createLogger('demo', 'error'));
main(lifecycle, process.argv[2] ?? 'incident').then(
  async () => { await lifecycle.stop(); },
  async (error: unknown) => {
    process.stderr.write(`\nThe demonstration failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    await lifecycle.stop();
    process.exitCode = 1;
  },
);
