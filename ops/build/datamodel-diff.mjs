// Compares two Prisma datamodels and writes the SQL between them, with Prisma's schema engine as a library and no database.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

async function loadEngine() {
  // The package's entry imports the .wasm file as a module, which Node 20 does not do.
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm');
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const module = await WebAssembly.compile(await readFile(path.join(path.dirname(entry), 'schema_engine_bg.wasm')));
  const instance = await WebAssembly.instantiate(module, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bindings.SchemaEngine;
}

/** Comparing datamodels asks nothing of a database but its version; the engine only wants to see an adapter. */
function offlineAdapter() {
  const errorRegistry = { consumeError: () => undefined };
  const refuse = async () => ({ ok: false, error: { kind: 'GenericJs', id: 0 } });
  // Column types by the driver adapter protocol: boolean, text, int32. The oldest server the project supports.
  const describeServer = async () => ({
    ok: true,
    value: { columnNames: ['exists', 'version', 'numeric_version'], columnTypes: [5, 7, 0], rows: [[true, 'PostgreSQL 15.0', 150000]] },
  });
  const connection = {
    provider: 'postgres',
    adapterName: 'offline',
    queryRaw: describeServer,
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: refuse,
    dispose: async () => ({ ok: true, value: undefined }),
    getConnectionInfo: () => ({ ok: true, value: { supportsRelationJoins: true } }),
    errorRegistry,
  };
  const connect = async () => ({ ok: true, value: connection });
  return { provider: 'postgres', adapterName: 'offline', connect, connectToShadowDb: connect, errorRegistry };
}

/**
 * The SQL that takes a database from one datamodel to another. Schemas are left out: the kernel's migration makes them.
 * @param {{ path: string; content: string }[] | undefined} from Prisma files; undefined means an empty database
 * @param {{ path: string; content: string }[]} to Prisma files
 * @returns {Promise<string>} '' when there is nothing to do
 * @throws {Error} with Prisma's message when a datamodel is not valid
 */
export async function diffDatamodels(from, to) {
  const SchemaEngine = await loadEngine();
  const engine = await SchemaEngine.new({ datamodels: to.map((file) => [file.path, file.content]) }, () => {}, offlineAdapter());
  try {
    const { stdout } = await engine.diff({
      from: from === undefined ? { tag: 'empty' } : { tag: 'schemaDatamodel', files: from },
      to: { tag: 'schemaDatamodel', files: to },
      script: true,
      shadowDatabaseUrl: null,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const sql = (stdout ?? '').replace(/-- CreateSchema\nCREATE SCHEMA IF NOT EXISTS "[a-z_]+";\n+/g, '').trim();
    return sql.split('\n').every((line) => line.trim() === '' || line.startsWith('--')) ? '' : sql;
  } finally {
    engine.free();
  }
}
