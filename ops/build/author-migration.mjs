// Writes the SQL that takes the database from the last authored datamodel to prisma/schema, without a database or Prisma's engine binary.
//
//   node ops/build/author-migration.mjs <name>                  writes prisma/migrations/<NNNN>_<name>/
//   node ops/build/author-migration.mjs --replace <NNNN_name>   writes the newest authored migration again, while nobody has applied it
//   node ops/build/author-migration.mjs --baseline <NNNN_name>  declares that the migrations up to this one make what prisma/schema says
//   node ops/build/author-migration.mjs --check                 exits 1 when prisma/schema has changes without a migration
//
// Beside its migration.sql an authored migration keeps the datamodel it ends in (datamodel.prisma.snapshot). Hand-written
// SQL (triggers, acgs_govern calls, partial indexes) goes into a migration of its own after it, which has no snapshot,
// so that replacing an authored one never loses it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { diffDatamodels } from './datamodel-diff.mjs';
import { listFiles, packageRoot, writeAtomically } from './files.mjs';

const MIGRATIONS = path.join(packageRoot, 'prisma', 'migrations');
const SNAPSHOT = 'datamodel.prisma.snapshot';

/** The files of prisma/schema as one text, in a stable order. */
function currentDatamodel() {
  return listFiles(['prisma/schema'])
    .filter((file) => file.endsWith('.prisma'))
    .map((file) => `// ${path.basename(file)}\n${readFileSync(path.join(packageRoot, file), 'utf8').trim()}\n`)
    .join('\n');
}

function migrationNames() {
  if (!existsSync(MIGRATIONS)) return [];
  return readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
}

const isAuthored = (name) => existsSync(path.join(MIGRATIONS, name, SNAPSHOT));

const datamodelAfter = (name) => (name === undefined ? undefined : readFileSync(path.join(MIGRATIONS, name, SNAPSHOT), 'utf8'));

const asFiles = (content) => (content === undefined ? undefined : [{ path: 'schema.prisma', content }]);

const changesSince = (name, datamodel) => diffDatamodels(asFiles(datamodelAfter(name)), asFiles(datamodel));

function write(name, sql, datamodel) {
  const folder = path.join(MIGRATIONS, name);
  writeAtomically(path.join(folder, 'migration.sql'), `${sql}\n`);
  writeAtomically(path.join(folder, SNAPSHOT), datamodel);
  console.log(`wrote prisma/migrations/${name}`);
}

/** Applied migrations are history: only the newest authored one may be written again. */
async function replace(name, authored, datamodel) {
  if (!migrationNames().includes(name)) throw new Error(`there is no migration ${name}`);
  if (!isAuthored(name)) throw new Error(`${name} is hand-written (it has no ${SNAPSHOT}): edit it, or add a later one`);
  if (authored.at(-1) !== name) throw new Error(`${name} cannot be replaced: ${authored.at(-1)} was authored on top of it`);
  write(name, await changesSince(authored.at(-2), datamodel), datamodel);
}

async function author(label, authored, datamodel) {
  if (!/^[a-z][a-z0-9_]*$/.test(label)) throw new Error(`"${label}" is not a migration name: use a-z, 0-9 and _, for example add_alert_rules`);
  const sql = await changesSince(authored.at(-1), datamodel);
  if (sql === '') {
    console.log('prisma/schema has no changes without a migration');
    return;
  }
  const last = Number.parseInt(migrationNames().at(-1) ?? '0', 10);
  write(`${String(last + 1).padStart(4, '0')}_${label}`, sql, datamodel);
}

async function check(authored, datamodel) {
  const sql = await changesSince(authored.at(-1), datamodel);
  if (sql === '') {
    console.log('migrations match prisma/schema');
    return;
  }
  console.error(`prisma/schema has changes without a migration; run "node ops/build/author-migration.mjs <name>":\n${sql}`);
  process.exitCode = 1;
}

/** The first migrations are written per subgraph (author-subgraph.mjs) and keep no datamodel; the next ones start from here. */
function baseline(name, datamodel) {
  if (migrationNames().at(-1) !== name) throw new Error(`${name} is not the newest migration`);
  writeAtomically(path.join(MIGRATIONS, name, SNAPSHOT), datamodel);
  console.log(`wrote prisma/migrations/${name}/${SNAPSHOT}`);
}

async function main([first, second]) {
  const authored = migrationNames().filter(isAuthored);
  const datamodel = currentDatamodel();
  if (first === '--check') return check(authored, datamodel);
  if (first === '--baseline' && second !== undefined) return baseline(second, datamodel);
  if (first === '--replace' && second !== undefined) return replace(second, authored, datamodel);
  if (first !== undefined && !first.startsWith('-')) return author(first, authored, datamodel);
  throw new Error('usage: author-migration.mjs <name> | --replace <NNNN_name> | --baseline <NNNN_name> | --check');
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`author-migration: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
