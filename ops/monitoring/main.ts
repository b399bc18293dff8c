/** `npm run monitoring`: writes the rule files and dashboards; with `--check` it only says which are not up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { projectPath } from '../runtime/package-root.js';
import { monitoringHash } from './config.js';
import { writtenFiles } from './written-files.js';

const check = process.argv.includes('--check');
const changed = writtenFiles(monitoringHash()).filter(({ path, text }) => {
  const file = projectPath('ops', ...path.split('/'));
  let present: string | undefined;
  try {
    present = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (present === text) return false;
  if (!check) writeFileSync(file, text);
  return true;
});
for (const { path } of changed) process.stdout.write(`${check ? 'not up to date' : 'written'}: ops/${path}\n`);
if (check && changed.length > 0) {
  process.stderr.write('Run "npm run monitoring" and commit what it writes.\n');
  process.exitCode = 1;
}
