// Writes the first migration of one subgraph from its Prisma file and its hand-written SQL: `node ops/build/author-subgraph.mjs auth`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { diffDatamodels } from './datamodel-diff.mjs';
import { packageRoot } from './files.mjs';

const SUBGRAPHS = ['auth', 'constitutional-ai', 'integrity', 'formal-verification', 'governance-synthesis', 'policy-governance', 'evolutionary-computation'];

const name = process.argv[2] ?? '';
const index = SUBGRAPHS.indexOf(name);
if (index < 0) {
  console.error(`usage: author-subgraph <${SUBGRAPHS.join('|')}>`);
  process.exit(2);
}
const schema = name.replaceAll('-', '_');
const prismaFile = path.join(packageRoot, 'prisma', 'schema', `${name}.prisma`);
const base = readFileSync(path.join(packageRoot, 'prisma', 'schema', 'base.prisma'), 'utf8');
const generated = await diffDatamodels(undefined, [
  { path: 'base.prisma', content: base },
  { path: `${name}.prisma`, content: readFileSync(prismaFile, 'utf8') },
]);
const handWritten = path.join(packageRoot, 'prisma', 'sql', `${schema}.sql`);
const tail = existsSync(handWritten) ? readFileSync(handWritten, 'utf8').trim() : '';
const folder = path.join(packageRoot, 'prisma', 'migrations', `${String(index + 2).padStart(4, '0')}_${schema}`);
mkdirSync(folder, { recursive: true });
writeFileSync(path.join(folder, 'migration.sql'), `${[generated, tail].filter((part) => part !== '').join('\n\n')}\n`);
console.log(`wrote ${path.relative(packageRoot, folder)}/migration.sql`);
