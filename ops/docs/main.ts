/** `npm run docs`: writes the pages of docs/ that are made from something else. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { projectPath } from '../runtime/package-root.js';
import { generatedPages } from './generated-pages.js';

for (const { path, text } of generatedPages()) {
  mkdirSync(dirname(projectPath(path)), { recursive: true });
  writeFileSync(projectPath(path), text);
  process.stdout.write(`Wrote ${path}\n`);
}
